import assert from "node:assert/strict";
import { test } from "node:test";
import { keyPress, layOut, newPage, openBrowser } from "../browser.mjs";

// The bar of a comparison, and the person's own keys as the page brings them; `keys` null: none.
async function open(keys = {}) {
  const browser = openBrowser({ media: () => true });
  const { page, h, main } = browser;
  const button = (value, pressedBy, shown) => h("button", { name: "choice", value, "data-keys": pressedBy }, value, h("kbd", {}, shown));
  const left = button("left", "1 ArrowLeft", "1");
  const skip = button("skip", "s", "S");
  const flag = h("summary", { "data-keys": "f" }, h("kbd", {}, "F"));
  const note = h("textarea", { "data-first-field": "" });
  const pop = h("details", {}, flag, note);
  const sheet = h("div", { id: "keys-sheet" }, ...["←", "S", "Enter", "Backspace"].map((name) => h("kbd", {}, name)));
  const panes = ["A", "B"].map((letter) => layOut(h("article", { class: "response", id: `response-${letter}` }), { height: 100, content: 1000 }));
  for (const pane of panes) pane.scrollTop = 500;
  const place = layOut(h("div", { class: "panes" }, ...panes), { height: 100, content: 100 });
  const prompt = h("div", { class: "prompt" });
  const scrolled = [];
  prompt.scrollBy = ({ top }) => scrolled.push(top);
  prompt.clientHeight = 100;
  main.append(h("section", { id: "comparison" }, prompt, place), h("div", { class: "bar" }, left, skip, pop), sheet);
  if (keys) page.body.append(h("script", { id: "habits", type: "application/json" }, JSON.stringify({ instant: true, keys })));
  const script = await newPage()("labeling/keys.js");
  const state = { selected: null };
  script.listenToKeys(() => state.selected);
  const press = (key, code = "", more = {}, target = page.body) => {
    const event = keyPress(key, code, { isTrusted: true, ...more });
    target.dispatchEvent(event);
    return event;
  };
  // By how much each pane has moved.
  const moved = () => panes.map((pane) => {
    const by = Math.round(pane.scrollTop - 500);
    pane.scrollTop = 500;
    return by;
  });
  return { ...browser, ...script, left, skip, flag, pop, note, sheet, prompt, scrolled, state, press, moved };
}

test("each of a button's keys presses it, on any layout", async () => {
  const { press, left } = await open();
  press("1", "Digit1");
  press("ArrowLeft", "ArrowLeft");
  press("&", "Digit1"); // AZERTY
  assert.equal(left.clicks, 3);
});

test("a key held down answers once", async () => {
  const { press, left } = await open();
  press("1", "Digit1");
  assert.equal(press("1", "Digit1", { repeat: true }).defaultPrevented, true);
  assert.equal(left.clicks, 1);
});

test("nothing fires while somebody writes, with other keys held, or below a dialog", async () => {
  const { press, left, h, page, note } = await open();
  press("1", "Digit1", {}, note);
  for (const modifier of ["ctrlKey", "metaKey", "altKey"]) press("1", "Digit1", { [modifier]: true });
  page.body.append(h("dialog", { open: "" }));
  press("1", "Digit1");
  assert.equal(left.clicks, 0);
});

test("a letter with Shift is no answer, a digit with Shift is one where it lies there", async () => {
  const { press, left, skip } = await open();
  press("S", "KeyS", { shiftKey: true });
  press("1", "Digit1", { shiftKey: true });
  assert.deepEqual([skip.clicks, left.clicks], [0, 1]);
});

test("Enter confirms what is selected, and is left to a button that has the focus", async () => {
  const { press, state, left, skip } = await open();
  state.selected = left;
  press("Enter", "Enter");
  assert.equal(left.clicks, 1);
  press("Enter", "Enter", {}, skip);
  assert.deepEqual([left.clicks, skip.clicks], [1, 0]);
});

test("what a key opens has the focus at once", async () => {
  const { press, pop, note, page, flag } = await open();
  flag.addEventListener("click", () => { pop.open = true; });
  press("f", "KeyF");
  assert.equal(page.activeElement, note);
});

test("a person's own key does what it stands for, and the default stands for nothing", async () => {
  const { press, skip } = await open({ s: "ö" });
  press("ö", "Semicolon");
  assert.equal(skip.clicks, 1);
  assert.equal(press("s", "KeyS").defaultPrevented, true);
  assert.equal(skip.clicks, 1);
});

test("two keys can change their places", async () => {
  const { press, skip, pop, flag } = await open({ s: "f", f: "s" });
  flag.addEventListener("click", () => { pop.open = true; });
  press("f", "KeyF");
  assert.deepEqual([skip.clicks, flag.clicks], [1, 0]);
  press("s", "KeyS");
  assert.deepEqual([skip.clicks, flag.clicks], [1, 1]);
});

test("a page's own events and what is being written are not turned into other keys", async () => {
  const { press, skip, note } = await open({ s: "ö" });
  press("ö", "Semicolon", { isTrusted: false });
  press("ö", "Semicolon", {}, note);
  assert.equal(skip.clicks, 0);
});

test("buttons and the list of keys show a person's own", async () => {
  const { showKeys, page, skip, left, sheet } = await open({ s: "ö", 1: "a" });
  showKeys(page);
  assert.equal(skip.querySelector("kbd").textContent, "Ö");
  assert.equal(left.querySelector("kbd").textContent, "A");
  assert.equal(left.getAttribute("aria-keyshortcuts"), "A ArrowLeft");
  assert.deepEqual(sheet.children.map((one) => one.textContent), ["←", "Ö", "Enter", "Backspace"]);
});

test("a key without a character of its own is shown by its name", async () => {
  const { showKeys, page, skip, sheet } = await open({ s: " ", ArrowLeft: "F2" });
  showKeys(page);
  assert.equal(skip.querySelector("kbd").textContent, "Space");
  assert.deepEqual(sheet.children.map((one) => one.textContent), ["F2", "Space", "Enter", "Backspace"]);
});

test("who has no keys of their own sees the page's, also where it brings no habits at all", async () => {
  for (const keys of [{}, null]) {
    const { showKeys, page, skip, habits, left } = await open(keys);
    showKeys(page);
    assert.deepEqual([skip.querySelector("kbd").textContent, left.getAttribute("aria-keyshortcuts"), habits.instant], ["S", null, true]);
  }
});

test("letters, arrows and pages scroll both responses", async () => {
  const { press, moved } = await open();
  const wanted = { j: 30, k: -30, ArrowDown: 12, ArrowUp: -12, PageDown: 90, PageUp: -90 };
  for (const [key, by] of Object.entries(wanted)) {
    assert.equal(press(key, key.length === 1 ? `Key${key.toUpperCase()}` : key).defaultPrevented, true);
    assert.deepEqual(moved(), [by, by], key);
  }
});

test("brackets scroll one of them, and back with Shift, whatever Shift writes there", async () => {
  const { press, moved } = await open();
  const presses = [["[", {}], ["]", {}], ["{", { shiftKey: true }], ["}", { shiftKey: true }], ["Ü", { shiftKey: true }]];
  const by = presses.map(([key, more]) => {
    press(key, ["[", "{", "Ü"].includes(key) ? "BracketLeft" : "BracketRight", more);
    return moved();
  });
  assert.deepEqual(by, [[30, 0], [0, 30], [-30, 0], [0, -30], [-30, 0]]);
});

test("with Shift a letter or a named key scrolls nothing", async () => {
  const { press, moved } = await open();
  press("J", "KeyJ", { shiftKey: true });
  press("ArrowDown", "ArrowDown", { shiftKey: true });
  assert.deepEqual(moved(), [0, 0]);
});

test("arrows stay with what scrolls or chooses by itself: code, tables, an open menu, radio buttons", async () => {
  const { press, moved, h, main } = await open();
  const inside = [h("pre"), h("div", { class: "table-scroll" }), h("details", { class: "menu", open: "" }), h("input", { type: "radio" })];
  for (const element of inside) {
    main.append(element);
    assert.equal(press("ArrowDown", "ArrowDown", {}, element).defaultPrevented, false);
  }
  assert.deepEqual(moved(), [0, 0]);
  press("j", "KeyJ", {}, inside[0]);
  assert.deepEqual(moved(), [30, 30]);
});

test("a key of one's own scrolls where another stood, and is left alone with other keys", async () => {
  const { press, moved } = await open({ j: "n" });
  press("n", "KeyN");
  assert.deepEqual(moved(), [30, 30]);
  press("j", "KeyJ");
  press("n", "KeyN", { ctrlKey: true });
  assert.deepEqual(moved(), [0, 0]);
});

test("what another script has taken does nothing more, and other keys go their way", async () => {
  const { press, left, main } = await open();
  main.addEventListener("keydown", (event) => event.preventDefault());
  press("1", "Digit1", {}, main);
  assert.equal(left.clicks, 0);
  assert.equal(press("q", "KeyQ").defaultPrevented, false);
});

test("Enter with nothing selected is the page's, and held down it confirms once", async () => {
  const { press, state, left } = await open();
  assert.equal(press("Enter", "Enter").defaultPrevented, false);
  state.selected = left;
  assert.equal(press("Enter", "Enter", { repeat: true }).defaultPrevented, true);
  assert.equal(left.clicks, 0);
});

test("boxes and radio buttons are not written in, everything else is", async () => {
  const { isTyping, h, page } = await open();
  const typing = [h("input"), h("input", { type: "search" }), h("textarea"), h("select"), h("p", { contenteditable: "" }, h("b"))];
  const others = [h("input", { type: "checkbox" }), h("input", { type: "radio" }), h("button"), h("p")];
  assert.deepEqual(typing.map((one) => Boolean(isTyping(one))), [true, true, true, true, true]);
  assert.deepEqual([...others, page].map((one) => Boolean(isTyping(one))), [false, false, false, false, false]);
});

test("comma and full stop scroll the prompt", async () => {
  const { press, scrolled } = await open();
  press(".", "Period");
  press(",", "Comma");
  press("ю", "Period"); // Cyrillic
  assert.deepEqual(scrolled, [50, -50, 50]);
});
