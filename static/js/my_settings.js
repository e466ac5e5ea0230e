// The settings page: a key field takes the key that is pressed; the sample follows the choices.

import { keyOf } from "./pressed.js";

const PASS = new Set(["Tab", "Enter", "Escape", "Shift", "Control", "Alt", "Meta", "AltGraph", "CapsLock"]);

const fields = () => [...document.querySelectorAll("[data-default]")];

const isDefault = (key) => fields().some((field) => field.dataset.default === key);

function mark(field) {
  field.closest("tr").classList.toggle("is-own", field.value !== field.dataset.default);
  const others = fields().filter((other) => other !== field && other.value === field.value);
  const row = others[0]?.closest("tr").querySelector("label").textContent;
  // The server refuses it in the same words; here it is said while it can be seen coming.
  field.setCustomValidity(row ? `This is the key for “${row}” already.` : "");
}

document.addEventListener("keydown", (event) => {
  const field = event.target.closest?.("[data-default]");
  if (!field || PASS.has(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  field.value = event.key === "Backspace" ? field.dataset.default : keyOf(event, isDefault);
  for (const each of fields()) mark(each);
  field.select();
  field.reportValidity();
});
document.addEventListener("focusin", (event) => {
  if (event.target.matches?.("[data-default]")) event.target.select();
});
document.addEventListener("change", (event) => {
  const sample = document.querySelector(".labeling-sample");
  if (event.target.name === "text_size") sample.dataset.textSize = event.target.value;
  if (event.target.name === "density") sample.dataset.density = event.target.value;
});
// Going back to the default keys must not fail for a key that is about to vanish.
document.querySelector("[name=reset]")?.addEventListener("click", (event) => {
  event.target.form.noValidate = true;
});
