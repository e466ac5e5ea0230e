import assert from "node:assert/strict";
import { test } from "node:test";
import { keyPress, newPage, openBrowser } from "./browser.mjs";
import { FakeEvent } from "./dom.mjs";

const WIDE = { media: () => true };

// The table as templates/curation/preferences has it, one row per id; `drawerId` is what is open.
function tableOf(h, ids, { filter = "", hasUndo = true } = {}) {
  const rows = ids.map((id) => h("tr", { "data-row": id }, h("td", {}, h("input", { type: "checkbox", name: "id", value: id })),
    h("th", {}, h("a", { class: "excerpt", href: `/preferences/${id}/` }, `Prompt ${id}`)), h("td", { class: "verdict" })));
  return h("section", { id: "preferences", "data-filter": filter },
    h("details", { class: "facet-box", open: "" }, h("summary")),
    ...(hasUndo ? [h("form", { id: "undo-form" })] : []),
    h("form", { id: "bulk" }, h("input", { type: "checkbox", id: "tick-all" }), ...rows),
    h("strong", { "data-ticked": "" }, "Ticked rows"), h("input", { type: "checkbox", name: "all" }),
    h("input", { id: "reason" }), h("button", { "data-untick": "" }), h("div", { id: "confirm" }));
}

function drawerOf(h, id) {
  if (!id) return h("aside", { id: "preference", hidden: "" });
  return h("aside", { id: "preference", "data-id": id }, h("a", { "data-close-drawer": "" }), h("p", { class: "text" }));
}

async function open({ ids = ["9", "8", "7"], drawerId = null, ...options } = {}) {
  const browser = openBrowser(options);
  const { h, main, page } = browser;
  location.href = "http://testserver/projects/p/preferences/?q=wool";
  const addresses = [];
  globalThis.history = { state: null, replaceState: (state, title, url) => addresses.push(url.search) };
  globalThis.getSelection = () => "";
  const search = h("input", { id: "search", type: "search", value: "wool" });
  const status = h("p", { id: "curation-status" });
  const place = h("div", { id: "curation" }, tableOf(h, ids), drawerOf(h, drawerId));
  main.append(search, place, status);
  await newPage()("curation.js");
  const get = (id) => page.getElementById(id);
  const row = (id) => page.querySelector(`tr[data-row="${id}"]`);
  const link = (id) => row(id).querySelector("a");
  const box = (id) => row(id).querySelector("input");
  const ticked = () => page.querySelectorAll("input[name=id]").filter((one) => one.checked).map((one) => one.value);
  const press = (key, { target = page.activeElement, code = "", ...more } = {}) => {
    const event = keyPress(key, code, more);
    target.dispatchEvent(event);
    return event;
  };
  const click = (target, more = {}) => {
    if (target.type === "checkbox") target.checked = !target.checked;
    const event = new FakeEvent("click", { bubbles: true, cancelable: true, ...more });
    target.dispatchEvent(event);
    return event;
  };
  const fire = (type, detail) => page.dispatchEvent({ type, detail });
  // What htmx does with a reply: `fresh` stands in the place of what has its id.
  const swap = (fresh) => {
    const target = get(fresh.id);
    fire("htmx:beforeSwap", { target });
    target.replaceWith(fresh);
    fire("htmx:afterSwap", { target });
    fire("htmx:afterSettle", { target, elt: fresh });
  };
  return { ...browser, addresses, search, status, get, row, link, box, ticked, press, click, fire, swap };
}

// Moving

test("arrows move from row to row and stop at the ends", async () => {
  const { press, page, link } = await open();
  const at = (key) => { press(key); return page.activeElement; };
  assert.deepEqual(["ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown"].map(at), ["9", "8", "7", "7"].map(link));
  assert.deepEqual(["ArrowUp", "ArrowUp", "ArrowUp"].map(at), ["8", "9", "9"].map(link));
});

test("from nowhere the arrow up begins at the last row, and with an open drawer at its row", async () => {
  const { press, page, link } = await open();
  press("ArrowUp");
  assert.equal(page.activeElement, link("7"));
  const selected = await open();
  selected.row("8").setAttribute("aria-selected", "true");
  selected.press("ArrowDown");
  assert.equal(selected.page.activeElement, selected.link("7"));
});

test("an empty table takes every key without a fault", async () => {
  const { press, page, get, status } = await open({ ids: [] });
  for (const key of ["ArrowDown", "ArrowUp", "x", "e", "Escape"]) press(key);
  press("ArrowDown", { target: get("search") });
  assert.equal(page.activeElement, page.body);
  assert.equal(status.textContent, "");
});

test("an open drawer follows the arrows once they rest", async () => {
  const { press, clock, link } = await open({ drawerId: "9" });
  press("ArrowDown");
  await clock.pass(100);
  press("ArrowDown");
  await clock.pass(119);
  assert.deepEqual([link("9").clicks, link("8").clicks], [0, 0]);
  await clock.pass(1);
  assert.deepEqual([link("9").clicks, link("8").clicks], [0, 1]);
});

test("a drawer that was closed meanwhile stays closed", async () => {
  const { press, clock, link } = await open({ drawerId: "9" });
  press("ArrowDown");
  press("Escape");
  await clock.pass(1000);
  assert.equal(link("9").clicks, 0);
});

test("a row that a swap has taken away is not opened: its link would leave the page", async () => {
  const { press, clock, link, swap, h } = await open({ drawerId: "9" });
  press("ArrowDown");
  const old = link("9");
  swap(tableOf(h, ["5"]));
  await clock.pass(1000);
  assert.equal(old.clicks, 0);
});

test("the search is one key away, and one from its results", async () => {
  const { press, page, search, link } = await open();
  assert.equal(press("/").defaultPrevented, true);
  assert.equal(page.activeElement, search);
  press("ArrowDown");
  assert.equal(page.activeElement, link("9"));
});

test("who writes writes", async () => {
  const { press, search, ticked, get } = await open();
  search.focus();
  for (const key of ["x", "e", "z", "/", "ArrowUp"]) assert.equal(press(key).defaultPrevented, false);
  get("reason").focus();
  assert.equal(press("ArrowDown").defaultPrevented, false);
  assert.deepEqual(ticked(), []);
});

test("arrows scroll the drawer while the focus is in it", async () => {
  const { press, page } = await open({ drawerId: "9" });
  const close = page.querySelector("[data-close-drawer]");
  close.focus();
  assert.equal(press("ArrowDown").defaultPrevented, false);
  assert.equal(page.activeElement, close);
});

test("keys with others, keys that are taken, and keys that stand for nothing are left alone", async () => {
  const { press, link, ticked } = await open();
  link("9").focus();
  for (const modifier of ["ctrlKey", "metaKey", "altKey"]) press("x", { [modifier]: true });
  assert.equal(press("q").defaultPrevented, false);
  link("9").addEventListener("keydown", (event) => event.preventDefault());
  press("x");
  assert.deepEqual(ticked(), []);
});

// Ticks

test("X ticks the row that has the focus, on any layout, and unticks it again", async () => {
  const { press, link, ticked, page } = await open();
  link("8").focus();
  press("x", { code: "KeyX" });
  assert.deepEqual([ticked(), page.querySelector("[data-ticked]").textContent], [["8"], "1 ticked"]);
  press("ч", { code: "KeyX" });
  assert.deepEqual(ticked(), []);
});

test("a key held down ticks once, undoes once and moves on", async () => {
  const { press, ticked, page, link, get } = await open();
  let undone = 0;
  get("undo-form").addEventListener("submit", () => { undone += 1; });
  link("9").focus();
  for (const repeat of [false, true, true]) {
    press("x", { repeat });
    press("z", { repeat });
  }
  assert.deepEqual([ticked(), undone], [["9"], 1]);
  for (const repeat of [false, true]) press("ArrowDown", { repeat });
  assert.equal(page.activeElement, link("7"));
});

test("there is nothing to undo where nothing was changed", async () => {
  const { press, get } = await open();
  get("undo-form").remove();
  assert.equal(press("z").defaultPrevented, true);
});

test("the box above ticks all, shows when only some are, and follows them", async () => {
  const { click, get, box, ticked } = await open();
  const all = get("tick-all");
  click(all);
  assert.deepEqual([ticked(), all.checked], [["9", "8", "7"], true]);
  click(box("8"));
  assert.deepEqual([all.checked, all.indeterminate], [false, true]);
  click(box("8"));
  assert.deepEqual([all.checked, all.indeterminate], [true, false]);
  click(all);
  assert.deepEqual(ticked(), []);
});

test("Shift ticks or unticks all from the last box to this one, in both directions", async () => {
  const { click, box, ticked } = await open({ ids: ["9", "8", "7", "6"] });
  click(box("6"));
  click(box("8"), { shiftKey: true });
  assert.deepEqual(ticked(), ["8", "7", "6"]);
  click(box("6"), { shiftKey: true });
  assert.deepEqual(ticked(), []);
});

test("a range does not begin at a box that is gone", async () => {
  const { click, box, ticked, swap, h } = await open();
  click(box("9"));
  swap(tableOf(h, ["9", "8", "7"]));
  click(box("7"), { shiftKey: true });
  assert.deepEqual(ticked(), ["7"]);
});

test("Untick takes the ticks and what was to be confirmed away", async () => {
  const { click, box, ticked, page, get, h } = await open();
  click(box("9"));
  page.querySelector("input[name=all]").checked = true;
  get("confirm").append(h("p", {}, "Exclude all 3?"));
  click(page.querySelector("[data-untick]"));
  assert.deepEqual([ticked(), page.querySelector("input[name=all]").checked, get("confirm").textContent], [[], false, ""]);
});

// Excluding

test("E asks for the reason, of what is ticked or else of the row with the focus", async () => {
  const { press, link, ticked, page, get } = await open();
  link("8").focus();
  press("e", { code: "KeyE" });
  assert.deepEqual([ticked(), page.activeElement], [["8"], get("reason")]);
  link("7").focus();
  press("e", { code: "KeyE" });
  assert.deepEqual(ticked(), ["8"]);
});

test("Escape goes back by one step: the question, the ticks, the drawer, the search", async () => {
  const { press, click, box, get, h, ticked, page, link, search } = await open({ drawerId: "9" });
  click(box("8"));
  get("confirm").replaceWith(h("form", { id: "confirm" }, h("button")));
  press("Escape");
  assert.deepEqual([get("confirm").localName, page.activeElement], ["div", get("reason")]);
  press("Escape");
  assert.deepEqual([ticked(), page.activeElement], [[], link("8")]);
  press("Escape");
  assert.deepEqual([get("preference").hidden, page.activeElement], [true, link("9")]);
  search.focus();
  press("Escape");
  assert.equal(page.activeElement, page.body);
});

test("Escape in the reason leaves it for the row it was about", async () => {
  const { press, link, page, get, ticked } = await open();
  link("7").focus();
  press("e");
  press("x", { target: link("7") }); // unticked again
  get("reason").focus();
  press("Escape");
  assert.deepEqual([ticked(), page.activeElement], [[], link("7")]);
});

test("an Escape that has closed a menu closes nothing else", async () => {
  const { press, get, main } = await open({ drawerId: "9" });
  main.addEventListener("keydown", (event) => event.preventDefault());
  press("Escape", { target: get("preference") });
  assert.equal(get("preference").hidden, false);
});

test("Cancel takes the question back", async () => {
  const { click, get, h } = await open();
  const cancel = h("a", { "data-cancel": "" });
  get("confirm").replaceWith(h("form", { id: "confirm" }, h("button"), cancel));
  assert.equal(click(cancel).defaultPrevented, true);
  assert.equal(get("confirm").localName, "div");
});

// The drawer

test("a click anywhere on a row opens it, except on what does something of its own", async () => {
  const { click, row, link, box } = await open();
  click(row("8").querySelector(".verdict"));
  assert.equal(link("8").clicks, 1);
  click(link("8"));
  click(box("8"));
  globalThis.getSelection = () => "some words";
  click(row("8").querySelector(".verdict"));
  assert.equal(link("8").clicks, 1);
});

test("an opened preference is marked in the table and stands in the address", async () => {
  const { swap, h, row, addresses, get } = await open();
  const drawer = drawerOf(h, "8");
  drawer.scrollTop = 300;
  swap(drawer);
  assert.equal(row("8").getAttribute("aria-selected"), "true");
  assert.deepEqual([addresses.at(-1), get("preference").scrollTop], ["?q=wool&open=8", 0]);
  swap(drawerOf(h, "7"));
  assert.deepEqual([row("8").getAttribute("aria-selected"), row("7").getAttribute("aria-selected")], [null, "true"]);
});

test("closed it leaves an empty place for the next one, and no trace in the address", async () => {
  const { click, page, get, addresses, link } = await open({ drawerId: "8" });
  assert.equal(click(page.querySelector("[data-close-drawer]")).defaultPrevented, true);
  const drawer = get("preference");
  assert.deepEqual([drawer.hidden, drawer.className, addresses.at(-1)], [true, "drawer", "?q=wool"]);
  const { name, value, type } = drawer.querySelector("input");
  assert.deepEqual([name, value, type], ["open", "", "hidden"]);
  assert.equal(page.activeElement, link("8"));
});

test("a preference that is on another page of the table is closed all the same", async () => {
  const { press, get, page } = await open({ drawerId: "1" });
  press("Escape");
  assert.deepEqual([get("preference").hidden, page.activeElement], [true, page.body]);
});

// After a swap

test("the focus stays at its place in the table, or at the last row if that is gone", async () => {
  const { swap, h, link, page } = await open();
  link("8").focus();
  swap(tableOf(h, ["6", "5", "4"]));
  assert.equal(page.activeElement, link("5"));
  link("4").focus();
  swap(tableOf(h, ["3"]));
  assert.equal(page.activeElement, link("3"));
  swap(tableOf(h, []));
  assert.equal(page.activeElement, page.body);
});

test("who ticked and asked for a change comes back to the first ticked row's place", async () => {
  const { swap, h, link, page, click, box, get } = await open();
  click(box("7"));
  get("reason").focus();
  swap(tableOf(h, ["9", "8", "6"]));
  assert.equal(page.activeElement, link("6"));
  assert.equal(page.querySelector("[data-ticked]").textContent, "0 ticked");
});

test("an open drawer stays marked in a new table", async () => {
  const { swap, h, row, addresses } = await open({ drawerId: "8" });
  swap(tableOf(h, ["8", "7"]));
  assert.equal(row("8").getAttribute("aria-selected"), "true");
  assert.equal(addresses.at(-1), "?q=wool&open=8");
});

test("the search shows what was searched for, unless somebody types in it", async () => {
  const { swap, h, search } = await open();
  swap(tableOf(h, ["9"], { filter: "q=silk+%26+wool&split=dev" }));
  assert.equal(search.value, "silk & wool");
  search.focus();
  search.value = "silk and";
  swap(tableOf(h, ["9"], { filter: "q=silk" }));
  assert.equal(search.value, "silk and");
  search.blur();
  swap(tableOf(h, ["9"]));
  assert.equal(search.value, "");
});

test("what was changed is read aloud, on one line", async () => {
  const { swap, h, status, clock } = await open();
  const table = tableOf(h, ["9"]);
  table.append(h("div", { "data-announce": "" }, " 2 preferences\n   excluded. "));
  swap(table);
  assert.equal(status.textContent, "");
  await clock.pass(16);
  assert.equal(status.textContent, "2 preferences excluded.");
});

test("a question has the focus as soon as it is there", async () => {
  const { get, h, page, swap } = await open();
  const confirm = h("form", { id: "confirm" }, h("input"), h("button"));
  swap(confirm);
  assert.equal(page.activeElement, get("confirm").querySelector("button"));
});

// Filters

test("filters are open where there is room for them", async () => {
  const narrow = await open();
  assert.equal(narrow.page.querySelector(".facet-box").open, false);
  narrow.media.change(() => true);
  assert.equal(narrow.page.querySelector(".facet-box").open, true);
  const wide = await open(WIDE);
  const facets = wide.page.querySelector(".facet-box");
  assert.deepEqual([facets.open, facets.dataset.ready], [true, ""]);
});

test("filters that somebody opened stay open when a preference is opened; new ones begin anew", async () => {
  const { page, swap, h } = await open();
  page.querySelector(".facet-box").open = true;
  swap(drawerOf(h, "9"));
  assert.equal(page.querySelector(".facet-box").open, true);
  swap(tableOf(h, ["9"]));
  assert.equal(page.querySelector(".facet-box").open, false);
});
