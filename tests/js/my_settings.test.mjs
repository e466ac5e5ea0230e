import assert from "node:assert/strict";
import { test } from "node:test";
import { keyPress, newPage, openBrowser } from "./browser.mjs";

const ACTIONS = { s: "Skip", u: "Undo", 1: "First choice" };

async function open({ hasReset = true } = {}) {
  const browser = openBrowser();
  const { h, main } = browser;
  const fields = Object.fromEntries(Object.keys(ACTIONS).map((key) => [key, h("input", { "data-default": key, value: key })]));
  const rows = Object.entries(fields).map(([key, field]) => h("tr", {}, h("label", {}, ACTIONS[key]), field));
  const reset = h("button", { name: "reset" });
  const sample = h("div", { class: "labeling-sample" });
  const [size, density] = ["text_size", "density"].map((name) => h("select", { name }));
  const form = h("form", {}, size, density, sample, ...rows, ...(hasReset ? [reset] : []));
  main.append(form);
  await newPage()("my_settings.js");
  const press = (action, key, code = "", more = {}) => {
    const event = keyPress(key, code, more);
    fields[action].dispatchEvent(event);
    return event;
  };
  const isOwn = (key) => fields[key].closest("tr").classList.contains("is-own");
  return { ...browser, form, fields, reset, sample, size, density, press, isOwn };
}

test("a field takes the key that is pressed, and its row says that it is one's own", async () => {
  const { press, fields, isOwn } = await open();
  assert.equal(press("s", "ö", "Semicolon").defaultPrevented, true);
  assert.equal(fields.s.value, "ö");
  assert.deepEqual([isOwn("s"), isOwn("u")], [true, false]);
  assert.equal(fields.s.isSelected, true);
  press("s", "F2", "F2");
  assert.equal(fields.s.value, "F2");
});

test("a capital is the same key, and a place without a Latin letter is that place's", async () => {
  const { press, fields } = await open();
  press("s", "Q", "KeyQ", { shiftKey: true });
  assert.equal(fields.s.value, "q");
  press("s", "й", "KeyW");
  assert.equal(fields.s.value, "w");
});

test("Backspace brings the default back", async () => {
  const { press, fields, isOwn } = await open();
  press("s", "ö", "Semicolon");
  press("s", "Backspace", "Backspace");
  assert.deepEqual([fields.s.value, isOwn("s")], ["s", false]);
});

test("a key that is taken is said to be, on both, until one of them moves", async () => {
  const { press, fields } = await open();
  press("s", "u", "KeyU");
  assert.equal(fields.s.validationMessage, "This is the key for “Undo” already.");
  assert.equal(fields.u.validationMessage, "This is the key for “Skip” already.");
  press("u", "s", "KeyS"); // they have changed their places
  assert.deepEqual([fields.s.validationMessage, fields.u.validationMessage], ["", ""]);
});

test("keys that move, leave and confirm stay with the browser, as do its own", async () => {
  const { press, fields } = await open();
  for (const key of ["Tab", "Enter", "Escape", "Shift", "CapsLock"]) {
    assert.equal(press("s", key, key).defaultPrevented, false);
  }
  for (const modifier of ["ctrlKey", "metaKey", "altKey"]) press("s", "r", "KeyR", { [modifier]: true });
  assert.equal(fields.s.value, "s");
});

test("what is pressed elsewhere is no key of a field", async () => {
  const { size, page } = await open();
  const event = keyPress("x", "KeyX");
  size.dispatchEvent(event);
  page.dispatchEvent({ ...keyPress("x", "KeyX"), target: page }); // the document itself has no ancestors
  assert.equal(event.defaultPrevented, false);
});

test("a field that is entered is selected whole", async () => {
  const { fields, size } = await open();
  fields.u.focus();
  size.focus();
  assert.deepEqual([fields.u.isSelected, size.isSelected], [true, undefined]);
});

test("the sample follows size and density", async () => {
  const { size, density, sample, form } = await open();
  [size.value, density.value] = ["largest", "compact"];
  for (const field of [size, density]) field.dispatchEvent({ type: "change", bubbles: true });
  form.dispatchEvent({ type: "change", bubbles: true }); // any other field
  assert.deepEqual([sample.dataset.textSize, sample.dataset.density], ["largest", "compact"]);
});

test("the default keys come back whatever the fields hold", async () => {
  const { press, reset, form } = await open();
  press("s", "u", "KeyU");
  reset.click();
  assert.equal(form.noValidate, true);
  await open({ hasReset: false }); // who has none of their own has no such button
});
