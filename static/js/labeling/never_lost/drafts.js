// Reasons, rewrites and other fields of the answer are kept while they are being written, by
// assignment, until the answer is saved.

import { drafts } from "./store.js";

const form = () => document.getElementById("judgment");
const uuidOf = (form) => form.closest("#comparison")?.dataset.assignment;
const isKept = (field) => field.name && !["hidden", "submit", "button"].includes(field.type);

function collect(form) {
  return [...form.elements].filter(isKept).map((field) => {
    const isTick = ["checkbox", "radio"].includes(field.type);
    return { name: field.name, value: field.value, ticked: isTick ? field.checked : null };
  });
}

function keep(event) {
  const owner = event.target.form ?? event.target.closest?.("form");
  if (owner?.id !== "judgment") return;
  const fields = collect(owner);
  // As the page came: empty, or with what was taken back, which the server knows.
  const isAsGiven = [...owner.elements].filter(isKept).every((field) => (
    field.value === (field.defaultValue ?? field.value) && field.checked === field.defaultChecked
  ));
  if (isAsGiven) drafts.remove(uuidOf(owner));
  else drafts.set(uuidOf(owner), fields);
}

function put(field, { value, ticked }) {
  if (ticked === null) {
    if (field.value === value) return;
    field.value = value;
  } else {
    if (field.checked === ticked) return;
    field.checked = ticked;
  }
  // Whoever shows what a field holds hears of it as if the person had done it.
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

export function restoreDraft() {
  const saved = form() && drafts.get(uuidOf(form()));
  for (const entry of saved ?? []) {
    const isSame = (field) => field.name === entry.name
      && (entry.ticked === null || field.value === entry.value);
    const field = [...form().elements].find(isSame);
    if (field) put(field, entry);
  }
}

export function keepDrafts() {
  document.addEventListener("input", keep);
  document.addEventListener("change", keep);
}
