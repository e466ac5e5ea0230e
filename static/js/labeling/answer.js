// What the bar asks beside the choice: a choice made before everything is there waits for the
// rest; the pop-ups of flag, reason and rewrite open, close and take keys. All of it is plain form
// fields, so the page works without this file.

import { keyOf } from "../pressed.js";
import { missingAspect, watchAspects } from "./aspects.js";
import { missingPlace, watchRanking } from "./ranking.js";

const COMPLETE = "Complete. Press Enter or choose again to save.";

let waiting = null; // the choice that was made while something was missing

const form = () => document.getElementById("judgment");
const choices = () => document.getElementById("choices");

export function announce(text) {
  const region = document.getElementById("announcement");
  if (region) region.textContent = text;
}

function hint(text) {
  document.querySelector(".bar-hint")?.remove();
  if (!text) return;
  const note = document.createElement("p");
  note.className = "bar-hint";
  note.textContent = text;
  form()?.append(note);
  announce(text);
}

function missingReason() {
  const row = document.querySelector("[data-required-reason]");
  const field = row?.querySelector("textarea");
  if (!row || field.value.trim() || row.querySelector("input:checked")) return null;
  return { element: row.querySelector("input, textarea"), text: "Why? A few words, then Enter." };
}

function missing() {
  return missingPlace() ?? missingAspect() ?? missingReason();
}

function waitWith(button, lack) {
  waiting?.classList.remove("is-waiting");
  waiting = button;
  button.classList.add("is-waiting");
  hint(lack.text);
  lack.element.focus();
}

// Before anything else sees the submit.
addEventListener("submit", (event) => {
  if (event.target.id !== "judgment" || !event.submitter) return;
  const lack = event.submitter.formNoValidate ? null : missing();
  if (lack) {
    event.preventDefault();
    event.stopImmediatePropagation();
    waitWith(event.submitter, lack);
    return;
  }
  waiting?.classList.remove("is-waiting"); // it may come back, as after an undo
  waiting = null;
  hint("");
  for (const pop of document.querySelectorAll(".bar .pop[open]")) pop.open = false;
}, true);

// Something more was filled in: to the next gap, or back to the choice that waits.
export function goOn() {
  const lack = missing();
  if (waiting && lack) {
    waitWith(waiting, lack);
  } else if (waiting) {
    hint(COMPLETE);
    waiting.focus();
  } else {
    choices().focus({ preventScroll: true });
  }
}

// By mouse and touch nothing moves on by itself: the hint says what is left.
addEventListener("change", (event) => {
  if (waiting && event.target.closest("#judgment :is(.aspects, .reason-row)")) hint(missing()?.text ?? COMPLETE);
});

// Keys

function onDigit(event, digit) {
  const inPop = document.querySelector(".bar .pop.flag[open]");
  const button = inPop?.querySelector(`[data-pop-key="${digit}"]`);
  if (button) {
    button.click();
    return true;
  }
  const chip = event.target.closest?.(".chips")?.querySelectorAll("input")[digit - 1];
  chip?.click();
  chip?.focus();
  return Boolean(chip);
}

function onEnter(event) {
  if (event.target.matches("[data-required-reason] textarea") && !event.shiftKey) {
    if (waiting && !missing()) form().requestSubmit(waiting);
    else goOn();
    return true;
  }
  if (event.target.matches(".chips input")) {
    if (waiting && !missing()) form().requestSubmit(waiting);
    else goOn();
    return true;
  }
  return false;
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  const isText = event.target.matches?.("textarea, input:not([type=checkbox], [type=radio])");
  const key = keyOf(event);
  const isTaken =
    (event.key === "Enter" && onEnter(event)) ||
    (!isText && /^[1-9]$/.test(key) && onDigit(event, key)) ||
    (event.key === "Escape" && closePop());
  if (!isTaken) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);

// Pop-ups

function closePop() {
  const pop = document.querySelector(".bar .pop[open]");
  const isAside = document.activeElement.closest?.(".aspects, .reason-row");
  if (!pop && !isAside) return false;
  if (pop) pop.open = false;
  choices().focus({ preventScroll: true });
  return true;
}

document.addEventListener("toggle", (event) => {
  if (!event.target.matches?.(".bar .pop[open]")) return;
  // The event comes late: by then a key may have opened it and the person have moved on in it.
  if (event.target.querySelector(".pop-body")?.contains(document.activeElement)) return;
  (event.target.querySelector("[data-first-field]") ?? event.target.querySelector("button")).focus();
}, true);

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-starts-reason]")) {
    form().classList.add("is-unfolded"); // on a phone it is folded until it is needed
    document.querySelector("[data-required-reason]").querySelector("input, textarea").focus();
  }
  const copy = event.target.closest("[data-copies]");
  if (copy) copyResponse(copy.dataset.copies);
  const open = document.querySelector(".bar .pop[open]");
  if (open && !open.contains(event.target) && !event.target.closest(".bar button")) open.open = false;
});

// Pasted as if by hand, so that the browser's own undo takes it back. By hand a browser cuts what is
// longer than the field may be, without a word.
function copyResponse(letter) {
  const field = document.getElementById("rewrite");
  const text = document.querySelector(`#response-${letter} .raw`)?.textContent ?? "";
  if (text.length > field.maxLength) {
    hint(`Response ${letter} is longer than a rewrite may be: ${field.maxLength.toLocaleString("en")} characters.`);
    return;
  }
  field.focus();
  field.select();
  if (!document.execCommand("insertText", false, text)) {
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true })); // for whoever keeps drafts
  }
  field.setSelectionRange(0, 0);
  field.scrollTop = 0;
}

document.addEventListener("input", (event) => {
  const pop = event.target.closest?.(".bar .pop");
  if (!pop) return;
  const fields = [...pop.querySelectorAll("textarea, input")];
  const isFilled = fields.some((field) => (field.type === "checkbox" ? field.checked : field.value.trim()));
  pop.classList.toggle("is-filled", isFilled);
});

// A comparison has come on screen, in whatever way.
let known = null;

function look() {
  if (form() === known) return;
  known = form();
  waiting = null;
  if (!known) return;
  // What is missing is said here, not in the browser's bubble.
  known.noValidate = true;
  watchAspects(known, goOn);
  watchRanking(known, announce);
}

new MutationObserver(look).observe(document.getElementById("main"), { childList: true, subtree: true });
look();
