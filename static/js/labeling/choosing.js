// What shows that an answer was chosen, is selected, or had been given before it was taken back.

import { habits } from "./keys.js";
import { announce, say } from "../status.js";

let selected = null; // with instant submit off: what Enter confirms

export const selectedButton = () => selected;
export const wordsOf = (button) => (button.querySelector(".words") ?? button.firstChild).textContent.trim();
export const needsConfirming = (button) => !habits.instant && button !== selected && button.value !== "rank";

export function markChosen(button) {
  button.classList.add("is-chosen");
  const sides = button.dataset.side ? [button.dataset.side] : ["tie", "both_bad"].includes(button.value) ? ["A", "B"] : [];
  for (const side of sides) document.getElementById(`response-${side}`)?.classList.add("is-chosen");
}

export function unmark(root) {
  for (const element of root.querySelectorAll(".is-chosen, .is-selected")) element.classList.remove("is-chosen", "is-selected");
  for (const element of root.querySelectorAll("[name=choice][aria-pressed]")) element.removeAttribute("aria-pressed");
  selected = null;
}

// Instant submit off: the first press selects, the second one or Enter confirms.
export function select(button) {
  unmark(document.getElementById("comparison"));
  selected = button;
  button.classList.add("is-selected");
  button.setAttribute("aria-pressed", "true");
  say("Enter confirms");
  announce(`${wordsOf(button)}: selected. Enter confirms.`);
}

// What was answered and comes back unanswered.
export function markGiven(root) {
  for (const button of root.querySelectorAll(".was-given")) button.classList.remove("was-given");
  root.querySelector("[name=choice].is-chosen")?.classList.add("was-given");
  unmark(root);
}

// Instant submit off: what was chosen is chosen again, and Enter confirms it.
export function selectGiven(root) {
  const button = root.querySelector(".choices .was-given");
  if (button && !habits.instant) select(button);
}
