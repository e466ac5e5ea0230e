// Looking gold through: a letter presses the button that names it; one box ticks all that are listed.

import { keyOf } from "./pressed.js";

const buttonFor = (key) => [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
  const button = buttonFor(keyOf(event, (key) => Boolean(buttonFor(key))));
  if (!button) return;
  event.preventDefault();
  button.click();
});

const all = document.getElementById("tick-all");
if (all) {
  document.getElementById("tick-all-field").hidden = false;
  all.addEventListener("change", () => {
    for (const box of all.form.querySelectorAll('input[name="gold"]')) box.checked = all.checked;
  });
}
