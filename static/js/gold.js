// Looking gold through: a letter presses the button that names it; one box ticks all that are listed.

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
  // By the place of the key too: on a layout without Latin letters `key` is another one.
  const names = [event.key.toLowerCase(), event.code.replace(/^Key/, "").toLowerCase()];
  const button = [...document.querySelectorAll("[data-key]")].find((one) => names.includes(one.dataset.key));
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
