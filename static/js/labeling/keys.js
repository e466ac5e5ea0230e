// Keys of the comparison screen. An element says which keys press it (data-keys="1 ArrowLeft").
// These are the default keys; a person's own are turned into them before any other script sees
// them. Nothing fires while someone types.

import { keyOf } from "../pressed.js";
import { scrollBoth, scrollPane, scrollPrompt } from "./reading.js";

const SCROLL = {
  j: () => scrollBoth(0.3), k: () => scrollBoth(-0.3),
  ArrowDown: () => scrollBoth(0.12), ArrowUp: () => scrollBoth(-0.12),
  PageDown: () => scrollBoth(0.9), PageUp: () => scrollBoth(-0.9),
  "[": (back) => scrollPane(0, back ? -0.3 : 0.3),
  "]": (back) => scrollPane(-1, back ? -0.3 : 0.3),
  ".": () => scrollPrompt(0.5), ",": () => scrollPrompt(-0.5),
};
const NAMES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "Space" };
// A shifted bracket is another character, and another one on each keyboard.
const UNSHIFTED = { "{": "[", "}": "]" };

const element = document.getElementById("habits");
export const habits = { instant: true, keys: {}, ...(element ? JSON.parse(element.textContent) : {}) };
const meant = new Map(Object.entries(habits.keys).map(([key, own]) => [own, key]));

const own = (key) => habits.keys[key] ?? key;
const nameOf = (key) => NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);

const isBound = (key) => key in SCROLL || key in UNSHIFTED || Boolean(buttonFor(key));
const buttonFor = (key) => document.querySelector(`[data-keys~="${CSS.escape(key)}"]`);

export function isTyping(target) {
  return target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
}

function translate(event) {
  if (!event.isTrusted || event.ctrlKey || event.metaKey || event.altKey) return;
  const printed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const pressed = meant.has(printed) ? printed : keyOf(event, isBound);
  const key = meant.get(pressed);
  if ((!key && !(pressed in habits.keys)) || isTyping(event.target)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  // A key whose own action has moved away stands for nothing.
  if (!key) return;
  const { shiftKey, repeat } = event;
  event.target.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, repeat, bubbles: true, cancelable: true }));
}
addEventListener("keydown", translate, true);

// Buttons and the list of keys show the person's own.
export function showKeys(root) {
  if (!Object.keys(habits.keys).length) return;
  for (const button of root.querySelectorAll("[data-keys]")) {
    const keys = button.dataset.keys.split(" ").map(own);
    button.setAttribute("aria-keyshortcuts", keys.map((key) => key.length === 1 ? key.toUpperCase() : key).join(" "));
    const shown = button.querySelector("kbd");
    if (shown) shown.textContent = nameOf(keys[0]);
  }
  for (const shown of root.querySelectorAll("#keys-sheet kbd")) {
    const key = Object.keys(habits.keys).find((one) => nameOf(one) === shown.textContent);
    if (key) shown.textContent = nameOf(own(key));
  }
}

function confirm(event, selected) {
  if (event.key !== "Enter" || !selected || event.target.closest("button, a, summary")) return false;
  event.preventDefault();
  if (!event.repeat) selected.click();
  return true;
}

function onKey(event, selected) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  if (confirm(event, selected)) return;
  const unshifted = UNSHIFTED[event.key];
  const key = unshifted ?? keyOf(event, isBound);
  const arrows = key.startsWith("Arrow") || key.startsWith("Page");
  // Wide code and tables scroll by the arrow keys once they have the focus; so does a menu.
  if (arrows && event.target.closest("pre, .table-scroll, details.menu[open], [type=radio]")) return;
  // Some keyboards need Shift for signs and for digits; with letters it means something else.
  const isShifted = event.shiftKey && (/^[a-z]$/.test(key) || key.length > 1);
  if (SCROLL[key] && !isShifted) {
    event.preventDefault();
    SCROLL[key](Boolean(unshifted) || (event.shiftKey && event.key !== key));
    return;
  }
  const button = buttonFor(key);
  if (!button || isShifted) return;
  event.preventDefault();
  // A key held down answers once.
  if (!event.repeat) press(button);
}

// What a key opens has the focus at once: the next letters are meant for it.
function press(button) {
  button.click();
  const pop = button.matches("summary") ? button.parentElement : null;
  if (pop?.open) (pop.querySelector("[data-first-field]") ?? pop.querySelector("button"))?.focus();
}

export function listenToKeys(selected) {
  document.addEventListener("keydown", (event) => onKey(event, selected()));
}
