// The table of preferences by keyboard: / searches, arrows move, Enter opens, X ticks, E excludes,
// Z undoes, Esc closes. Every action is a link or a form of the page; nothing here but moving focus.

import { keyOf } from "./pressed.js";

const table = () => document.getElementById("preferences");
const drawer = () => document.getElementById("preference");
const rows = () => [...table().querySelectorAll("tr[data-row]")];
const linkOf = (row) => row?.querySelector("a.excerpt");
let lastIndex = 0;

function currentRow() {
  return document.activeElement?.closest?.("tr[data-row]") ?? table().querySelector('tr[aria-selected="true"]');
}

function say(text) {
  const status = document.getElementById("curation-status");
  status.textContent = "";
  requestAnimationFrame(() => { status.textContent = text; });
}

// Ticks

const ticks = () => [...table().querySelectorAll('input[name="id"]')];

function showTicks() {
  const ticked = ticks().filter((box) => box.checked).length;
  const label = table().querySelector("[data-ticked]");
  if (label) label.textContent = `${ticked} ticked`;
  const all = document.getElementById("tick-all");
  if (all) {
    all.checked = ticked > 0 && ticked === ticks().length;
    all.indeterminate = ticked > 0 && !all.checked;
  }
}

function untick() {
  for (const box of ticks()) box.checked = false;
  const all = table().querySelector('input[name="all"]');
  if (all) all.checked = false;
  document.getElementById("confirm")?.replaceChildren();
  showTicks();
}

// Drawer

function markSelected(id) {
  for (const row of rows()) {
    if (row.dataset.row === id) row.setAttribute("aria-selected", "true");
    else row.removeAttribute("aria-selected");
  }
}

function addressWith(open) {
  const url = new URL(window.location);
  if (open) url.searchParams.set("open", open);
  else url.searchParams.delete("open");
  history.replaceState(history.state, "", url);
}

function closeDrawer() {
  const id = drawer().dataset.id;
  const empty = document.createElement("aside");
  empty.className = "drawer";
  empty.id = "preference";
  empty.hidden = true;
  const open = document.createElement("input");
  Object.assign(open, { type: "hidden", name: "open", value: "" });
  empty.append(open);
  drawer().replaceWith(empty);
  markSelected(null);
  addressWith(null);
  linkOf(table().querySelector(`tr[data-row="${id}"]`))?.focus();
}

// Keys

let opening;
function move(step) {
  const list = rows();
  if (!list.length) return;
  const at = list.indexOf(currentRow());
  const next = list[at < 0 ? (step > 0 ? 0 : list.length - 1) : Math.min(list.length - 1, Math.max(0, at + step))];
  const link = linkOf(next);
  link.focus();
  next.scrollIntoView({ block: "nearest" });
  if (drawer().hidden) return;
  // With the drawer open it follows, once the keys rest, unless it was closed or the table swapped.
  clearTimeout(opening);
  opening = setTimeout(() => { if (link.isConnected && !drawer().hidden) link.click(); }, 120);
}

function toggleTick(row) {
  const box = row?.querySelector('input[name="id"]');
  if (!box) return;
  box.checked = !box.checked;
  showTicks();
}

function askReason() {
  if (!ticks().some((box) => box.checked)) {
    const row = currentRow();
    if (!row) return;
    lastIndex = rows().indexOf(row);
    toggleTick(row);
  }
  document.getElementById("reason").focus();
}

function escape(event) {
  if (document.querySelector("form#confirm")) {
    cancelConfirm();
  } else if (event.target.id === "reason" || ticks().some((box) => box.checked)) {
    const row = table().querySelector("tr:has(input[name=id]:checked)") ?? rows()[lastIndex];
    untick();
    linkOf(row)?.focus();
  } else if (!drawer().hidden) {
    closeDrawer();
  } else if (event.target.id === "search") {
    event.target.blur();
  }
}

function cancelConfirm() {
  const empty = document.createElement("div");
  empty.id = "confirm";
  document.querySelector("form#confirm")?.replaceWith(empty);
  document.getElementById("reason")?.focus();
}

const actions = {
  "/": () => document.getElementById("search").focus(),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  x: () => toggleTick(currentRow()),
  e: askReason,
  z: () => document.getElementById("undo-form")?.requestSubmit(),
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    escape(event);
    return;
  }
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
  if (typing) {
    // From the search straight into its results.
    if (event.target.id === "search" && event.key === "ArrowDown") {
      event.preventDefault();
      linkOf(rows()[0])?.focus();
    }
    return;
  }
  // Arrows scroll the drawer while the focus is in it.
  if (event.key.startsWith("Arrow") && event.target.closest("#preference, .menu, details")) return;
  const action = actions[keyOf(event, (key) => key in actions)];
  if (!action) return;
  event.preventDefault();
  // A key held down moves on, and does everything else once.
  if (!event.repeat || event.key.startsWith("Arrow")) action();
});

// Mouse: the whole row opens; a box only ticks; shift ticks a range.

let lastBox;
document.getElementById("curation").addEventListener("click", (event) => {
  const box = event.target.closest('input[name="id"]');
  if (box) {
    const boxes = ticks();
    if (event.shiftKey && lastBox?.isConnected) {
      const [from, to] = [boxes.indexOf(lastBox), boxes.indexOf(box)].sort((a, b) => a - b);
      for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
    }
    lastBox = box;
    showTicks();
    return;
  }
  if (event.target.id === "tick-all") {
    for (const each of ticks()) each.checked = event.target.checked;
    showTicks();
    return;
  }
  if (event.target.closest("[data-untick]")) return untick();
  if (event.target.closest("[data-cancel]")) {
    event.preventDefault();
    return cancelConfirm();
  }
  if (event.target.closest("[data-close-drawer]")) {
    event.preventDefault();
    return closeDrawer();
  }
  const row = event.target.closest("tr[data-row]");
  if (row && !event.target.closest("a, button, input, label") && !String(getSelection())) linkOf(row).click();
});

// After a swap: focus and ticks are where a person left them.

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target?.id !== "preferences") return;
  const row = currentRow() ?? table().querySelector("tr:has(input[name=id]:checked)");
  if (row) lastIndex = Math.max(0, rows().indexOf(row));
});

document.addEventListener("htmx:afterSettle", (event) => {
  const target = event.detail.target;
  if (target?.id === "preference" || event.detail.elt?.id === "preference") {
    markSelected(drawer().dataset.id);
    addressWith(drawer().dataset.id);
    drawer().scrollTop = 0;
    return;
  }
  const announced = document.querySelector("[data-announce]");
  if (announced) say(announced.textContent.replace(/\s+/g, " ").trim());
  const confirm = document.querySelector("form#confirm");
  if (confirm) {
    confirm.querySelector("button, a").focus();
    return;
  }
  const search = document.getElementById("search");
  if (target?.id === "preferences" && document.activeElement !== search) {
    search.value = new URLSearchParams(table().dataset.filter).get("q") ?? "";
  }
  if (document.activeElement === document.body) {
    const list = rows();
    linkOf(list[Math.min(lastIndex, list.length - 1)])?.focus();
  }
  if (!drawer().hidden) {
    markSelected(drawer().dataset.id);
    addressWith(drawer().dataset.id);
  }
  showTicks();
});

// Beside the table there is room for the filters; on a small screen they open on demand.
const roomy = window.matchMedia("(min-width: 75.01rem)");
const openFacets = (selector) => {
  for (const box of document.querySelectorAll(selector)) {
    box.open = roomy.matches;
    box.dataset.ready = "";
  }
};
const openNewFacets = () => openFacets(".facet-box:not([data-ready])");
roomy.addEventListener("change", () => openFacets(".facet-box"));
document.addEventListener("htmx:afterSwap", openNewFacets);
openNewFacets();
showTicks();
