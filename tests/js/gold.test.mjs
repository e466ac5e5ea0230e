import assert from "node:assert/strict";
import { test } from "node:test";
import { keyPress, newPage, openBrowser } from "./browser.mjs";

async function open({ hasList = false } = {}) {
  const browser = openBrowser();
  const { h, main, page } = browser;
  const [release, drop] = [["release", "r"], ["drop", "x"]].map(([value, key]) => h("button", { value, "data-key": key }));
  const boxes = ["1", "2"].map((value) => h("input", { type: "checkbox", name: "gold", value }));
  const all = h("input", { type: "checkbox", id: "tick-all" });
  const field = h("label", { id: "tick-all-field", hidden: "" }, all);
  const other = h("input", { type: "checkbox", name: "other" });
  main.append(h("form", {}, release, drop, ...(hasList ? [field, ...boxes, other] : [])));
  await newPage()("gold.js");
  const press = (key, code, more = {}, target = page.body) => {
    const event = keyPress(key, code, more);
    target.dispatchEvent(event);
    return event;
  };
  return { ...browser, release, drop, boxes, all, field, other, press };
}

test("a letter presses its button", async () => {
  const { press, release, drop } = await open();
  assert.equal(press("r", "KeyR").defaultPrevented, true);
  assert.deepEqual([release.clicks, drop.clicks], [1, 0]);
  assert.equal(press("q", "KeyQ").defaultPrevented, false);
});

test("where no Latin letters are printed the place counts", async () => {
  const { press, drop } = await open();
  press("ч", "KeyX"); // Cyrillic
  assert.equal(drop.clicks, 1);
});

test("another Latin letter in that place is another letter", async () => {
  const { press, release, drop } = await open();
  press("p", "KeyR"); // Dvorak has its R elsewhere
  press("q", "KeyX");
  assert.deepEqual([release.clicks, drop.clicks], [0, 0]);
  press("r", "KeyO");
  press("x", "KeyB");
  assert.deepEqual([release.clicks, drop.clicks], [1, 1]);
});

test("nothing is decided by a held key, with other keys, or while somebody writes", async () => {
  const { press, release, h, main } = await open();
  press("r", "KeyR", { repeat: true });
  for (const modifier of ["ctrlKey", "metaKey", "altKey"]) press("r", "KeyR", { [modifier]: true });
  const search = h("input", { type: "search" });
  main.append(search);
  press("r", "KeyR", {}, search);
  assert.equal(release.clicks, 0);
});

test("a key that another script has taken is left to it", async () => {
  const { press, release, main } = await open();
  main.addEventListener("keydown", (event) => event.preventDefault());
  press("r", "KeyR", {}, main);
  assert.equal(release.clicks, 0);
});

test("one box ticks and unticks all that are listed, and no other box", async () => {
  const { all, boxes, field, other } = await open({ hasList: true });
  assert.equal(field.hidden, false);
  all.click();
  assert.deepEqual([...boxes, other].map((box) => box.checked), [true, true, false]);
  all.click();
  assert.deepEqual(boxes.map((box) => box.checked), [false, false]);
});
