import assert from "node:assert/strict";
import { test } from "node:test";
import { keyPress, newPage, openBrowser } from "../browser.mjs";

// The bar of a comparison, and the person's own keys as the page brings them.
async function open(keys = {}) {
  const browser = openBrowser();
  const { page, h, main } = browser;
  const button = (value, pressedBy, shown) => h("button", { name: "choice", value, "data-keys": pressedBy }, value, h("kbd", {}, shown));
  const left = button("left", "1 ArrowLeft", "1");
  const skip = button("skip", "s", "S");
  const flag = h("summary", { "data-keys": "f" }, h("kbd", {}, "F"));
  const note = h("textarea", { "data-first-field": "" });
  const pop = h("details", {}, flag, note);
  const sheet = h("div", { id: "keys-sheet" }, h("kbd", {}, "←"), h("kbd", {}, "S"));
  const prompt = h("div", { class: "prompt" });
  const scrolled = [];
  prompt.scrollBy = ({ top }) => scrolled.push(top);
  prompt.clientHeight = 100;
  main.append(h("section", { id: "comparison" }, prompt), h("div", { class: "bar" }, left, skip, pop), sheet);
  page.body.append(h("script", { id: "habits", type: "application/json" }, JSON.stringify({ instant: true, keys })));
  const script = await newPage()("labeling/keys.js");
  const state = { selected: null };
  script.listenToKeys(() => state.selected);
  const press = (key, code = "", more = {}, target = page.body) => {
    const event = keyPress(key, code, { isTrusted: true, ...more });
    target.dispatchEvent(event);
    return event;
  };
  return { ...browser, ...script, left, skip, flag, pop, note, sheet, prompt, scrolled, state, press };
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
  assert.deepEqual(sheet.children.map((one) => one.textContent), ["←", "Ö"]);
});

test("comma and full stop scroll the prompt", async () => {
  const { press, scrolled } = await open();
  press(".", "Period");
  press(",", "Comma");
  press("ю", "Period"); // Cyrillic
  assert.deepEqual(scrolled, [50, -50, 50]);
});
