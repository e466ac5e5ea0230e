// Aspects beside the overall choice: in one of them 1, 2, 3 choose A, the same, B and go on.

import { keyOf } from "../pressed.js";

const groups = () => [...document.querySelectorAll("#aspects .aspect")];
const watched = new WeakSet(); // a comparison that comes back, as after an undo, has its listeners already
const isOpen = (group) => !group.querySelector("input:checked");
// Where one enters it, as by the Tab key.
const entryOf = (group) => group.querySelector("input:checked") ?? group.querySelector("input");

export function missingAspect() {
  const group = groups().find(isOpen);
  if (!group) return null;
  return { element: group.querySelector("input"), text: `Still to choose: ${group.querySelector("legend").textContent}` };
}

export function watchAspects(form, goOn) {
  const aspects = form.querySelector("#aspects");
  if (!aspects || watched.has(aspects)) return;
  watched.add(aspects);
  aspects.querySelector("[data-starts-aspects]").addEventListener("click", () => {
    form.classList.add("is-unfolded");
    entryOf(groups().find(isOpen) ?? groups()[0]).focus();
  });
  aspects.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.type !== "radio") return;
    const group = event.target.closest(".aspect");
    // The arrows stay with the radio buttons.
    if (event.key.startsWith("Arrow")) event.stopPropagation();
    const key = keyOf(event);
    const input = /^[1-3]$/.test(key) && group.querySelectorAll("input")[key - 1];
    if (!input) return;
    event.preventDefault();
    event.stopPropagation();
    input.click();
    const all = groups();
    const next = all.slice(all.indexOf(group) + 1)[0];
    if (next) entryOf(next).focus();
    else goOn();
  });
}
