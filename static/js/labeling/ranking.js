// Ranking: the numbers beside the responses are the truth (radio buttons of the form). The letters
// in the bar show them in order and can be dragged; digits place one response after the other.

import { keyOf } from "../pressed.js";

let root = null;
let current = ""; // the letter that a digit places
let placed = []; // letters in the order they were placed, for Backspace
let say = () => {};
let library = null; // the script that lets the letters be dragged
const watched = new WeakSet(); // a ranking that comes back, as after an undo, has its listeners already

const letters = () => [...root.querySelectorAll(".token")].map((token) => token.dataset.letter).sort();
const inputs = (letter) => [...document.querySelectorAll(`.place input[name="place-${letter}"]`)];
const placeOf = (letter) => inputs(letter).find((input) => input.checked)?.value ?? "";
const token = (letter) => root.querySelector(`.token[data-letter="${letter}"]`);
const slot = (place) => root.querySelector(`.slot[data-place="${place}"]`);

export function missingPlace() {
  if (!root?.isConnected) return null;
  const letter = letters().find((each) => !placeOf(each));
  if (!letter) return null;
  return { element: inputs(letter)[0], text: `Response ${letter} has no place yet.` };
}

export function watchRanking(form, announce) {
  root = form.querySelector(".ranking");
  if (!root) return;
  say = announce;
  placed = letters().filter(placeOf);
  if (!watched.has(root)) listen();
  watched.add(root);
  show();
  mark(letters()[0]);
}

function listen() {
  for (const letter of letters()) {
    for (const input of inputs(letter)) {
      input.addEventListener("change", () => place(letter, input.value));
      input.addEventListener("focus", () => mark(letter));
    }
    document.getElementById(`response-${letter}`).addEventListener("pointerdown", () => mark(letter));
    token(letter).addEventListener("click", () => {
      mark(letter);
      document.getElementById(`response-${letter}`).scrollIntoView({ block: "nearest" });
    });
  }
  letThemDrag(root);
}

function check(letter, number) {
  for (const input of inputs(letter)) input.checked = input.value === String(number);
}

// Where ties are not allowed, the response that had the place takes this one's.
function place(letter, number) {
  const before = token(letter).closest(".slot").dataset.place;
  if (number && "noTies" in root.dataset) {
    const other = letters().find((each) => each !== letter && placeOf(each) === String(number));
    if (other) check(other, before);
  }
  check(letter, number);
  placed = placed.filter((each) => each !== letter);
  if (number) placed.push(letter);
  show();
  root.dispatchEvent(new Event("input", { bubbles: true })); // for whoever keeps drafts
}

function show() {
  for (const letter of letters()) {
    const target = slot(placeOf(letter));
    const one = token(letter);
    if (one.parentElement !== target) {
      const hadFocus = document.activeElement === one;
      target.append(one);
      if (hadFocus) one.focus();
    }
    one.setAttribute("aria-label", placeOf(letter) ? `${letter}, place ${placeOf(letter)}` : `${letter}, not placed yet`);
  }
  root.classList.toggle("is-complete", letters().every(placeOf));
}

function mark(letter) {
  current = letter;
  for (const element of document.querySelectorAll(".response.is-current")) element.classList.remove("is-current");
  document.getElementById(`response-${letter}`)?.classList.add("is-current");
  for (const each of root.querySelectorAll(".token")) each.classList.toggle("is-current", each.dataset.letter === letter);
}

function goTo(letter) {
  mark(letter);
  document.getElementById(`response-${letter}`).scrollIntoView({ block: "nearest" });
  if (document.activeElement.closest?.(".place")) (inputs(letter).find((input) => input.checked) ?? inputs(letter)[0]).focus({ preventScroll: true });
}

function placeAndGoOn(number) {
  const letter = current;
  place(letter, number);
  const all = letters();
  const later = [...all.slice(all.indexOf(letter) + 1), ...all].find((each) => !placeOf(each));
  if (later) goTo(later);
  else root.querySelector(".rank-save").focus({ preventScroll: true });
  say(`${letter}: place ${number}. ${later ? `Next: ${later}.` : "All placed, Enter saves."}`);
}

function move(letter, step) {
  const all = [...root.querySelectorAll(".tiers .slot")].length;
  const from = Number(placeOf(letter)) || (step > 0 ? 0 : all + 1);
  const to = Math.min(Math.max(from + step, 1), all);
  place(letter, to);
  say(`${letter}: place ${to}`);
}

function takeBack() {
  const letter = placed.at(-1);
  if (!letter) return;
  place(letter, "");
  goTo(letter);
  say(`${letter} has no place now`);
}

function onKey(event) {
  const { target } = event;
  const key = keyOf(event);
  const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (/^[1-9]$/.test(key)) {
    if (!slot(key)) return false;
    placeAndGoOn(key);
  } else if (step && target.matches(".token")) {
    move(target.dataset.letter, step);
  } else if (step && !target.matches("input")) {
    const all = letters();
    goTo(all.at((all.indexOf(current) + step) % all.length));
  } else if (key.startsWith("Arrow") && target.matches(".place input")) {
    event.stopPropagation(); // they stay with the radio buttons
    return false;
  } else if (key === "Backspace") {
    takeBack();
  } else if (key === "Enter" && !target.closest("button, a, summary")) {
    root.querySelector(".rank-save").click();
  } else {
    return false;
  }
  return true;
}

addEventListener("keydown", (event) => {
  if (!root?.isConnected || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open], .bar .pop[open]")) return;
  if (event.target.closest?.("textarea, select, input:not([type=radio]), pre, .chips")) return;
  if (!onKey(event)) return;
  event.preventDefault();
  event.stopPropagation();
}, true);

// Dragging comes with a library, loaded when the first ranking is on screen.
function letThemDrag(ranking) {
  if (window.Sortable) {
    startDragging(ranking);
    return;
  }
  library ??= loadSortable(ranking.dataset.sortable);
  library.addEventListener("load", () => startDragging(ranking));
}

function loadSortable(address) {
  const script = document.createElement("script");
  script.src = address;
  // The numbers do without it; the next ranking asks again.
  script.addEventListener("error", () => { library = null; });
  document.head.append(script);
  return script;
}

function startDragging(ranking) {
  for (const element of ranking.querySelectorAll(".slot")) {
    window.Sortable.create(element, {
      group: "places",
      draggable: ".token",
      animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 120,
      forceFallback: true, // one behaviour for mouse and touch
      fallbackTolerance: 4,
      emptyInsertThreshold: 12,
      onEnd: ({ item, from, to }) => {
        const { letter } = item.dataset;
        const number = to.dataset.place;
        // Back to where it was, then by the one way all placements go.
        from.append(item);
        place(letter, number);
        mark(letter);
        say(number ? `${letter}: place ${number}` : `${letter} has no place now`);
      },
    });
  }
}
