// Room for the texts: the answer bar folds to a line, and the earlier messages of a conversation are
// open where there is room. Both as the person last had it, kept in this browser.

import { remember, remembered } from "./remembered.js";

const BAR = "answer-bar";
const TURNS = `earlier-turns:${location.pathname}`; // of this project
const ROOMY = matchMedia("(min-width: 48rem) and (min-height: 40rem)");

const form = () => document.getElementById("judgment");

// The bar. Without a choice of the person's it is folded only where the responses would have less
// than half of the window.

const isFolded = () => document.documentElement.dataset.bar === "folded" && !form()?.matches(".is-unfolded, :has(.is-waiting)");

function setBar(state) {
  document.documentElement.dataset.bar = state;
  const button = form()?.querySelector("[data-fold]");
  if (!button) return;
  button.setAttribute("aria-expanded", !isFolded());
  button.querySelector(".words").textContent = isFolded() ? "Unfold" : "Fold";
}

function fitBar() {
  setBar(remembered(BAR) ?? "open");
  const panes = document.querySelector("#comparison > .panes");
  const isTight = panes && form() && 2 * panes.getBoundingClientRect().height < innerHeight;
  if (!remembered(BAR) && isTight) setBar("folded");
}

function toggleBar() {
  const next = isFolded() ? "open" : "folded";
  form().classList.remove("is-unfolded");
  remember(BAR, next);
  setBar(next);
}

// Earlier messages

function fitTurns(root) {
  const turns = root.querySelector("details.earlier");
  const prompt = root.querySelector(".prompt");
  if (!turns) return;
  const choice = remembered(TURNS);
  turns.open = choice !== "folded";
  const fits = prompt.scrollHeight <= prompt.clientHeight + 1;
  if (!choice && !fits && !ROOMY.matches) turns.open = false;
  showLast(prompt);
  // What is above may turn out higher or lower once it is laid out.
  requestAnimationFrame(() => requestAnimationFrame(() => showLast(prompt)));
}

// What is asked now is in view; what came before is above it.
function showLast(prompt) {
  if (!prompt.querySelector("details.earlier[open]")) return;
  const last = [...prompt.querySelectorAll(".prompt-inner > .prose")].find((element) => element.offsetParent);
  if (!last) return;
  const { top, height } = last.getBoundingClientRect();
  const above = Math.max(prompt.clientHeight - height - 16, 8);
  prompt.scrollTop += top - prompt.getBoundingClientRect().top - above;
}

export function makeRoom(root) {
  fitBar();
  fitTurns(root);
}

export function startRoom(redraw) {
  document.addEventListener("click", (event) => {
    const { target } = event;
    // What a key opens is in the folded part: for this comparison it is unfolded.
    if (target.closest(".bar .pop > summary, [data-starts-aspects], [data-starts-reason]")) {
      form().classList.add("is-unfolded");
      setBar(document.documentElement.dataset.bar);
    }
    const turns = target.closest("details.earlier > summary")?.parentElement;
    if (turns) remember(TURNS, turns.open ? "folded" : "open"); // as it will be in a moment
    if (!target.closest("[data-fold]")) return;
    toggleBar();
    redraw();
  }, true);
  addEventListener("resize", () => {
    // A keyboard on the screen is no reason to take away what is being filled in.
    if (!document.activeElement.matches("textarea, input")) fitBar();
  });
}
