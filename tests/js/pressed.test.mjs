import assert from "node:assert/strict";
import { test } from "node:test";
import { keyPress, newPage, openBrowser } from "./browser.mjs";

openBrowser();
const { isComposing, keyOf } = await newPage()("pressed.js");
const LETTERS = new Set(["a", "h", "z"]);
const isBound = (key) => LETTERS.has(key) || ["[", "]", ".", ",", "?"].includes(key);
const meant = (...press) => keyOf(keyPress(...press), isBound);

// [layout, printed, place, meant]
const PRESSES = [
  ["QWERTY", "1", "Digit1", "1"],
  ["QWERTY", "a", "KeyA", "a"],
  ["QWERTY with Caps Lock", "A", "KeyA", "a"],
  ["AZERTY: the row of digits has none", "&", "Digit1", "1"],
  ["AZERTY: A is where QWERTY has Q", "a", "KeyQ", "a"],
  ["QWERTZ: Z is where QWERTY has Y", "z", "KeyY", "z"],
  ["Dvorak: what is printed counts", "h", "KeyJ", "h"],
  ["Cyrillic: the place counts", "ф", "KeyA", "a"],
  ["Greek: the place counts", "α", "KeyA", "a"],
  ["Cyrillic: ю is where the full stop is", "ю", "Period", "."],
  ["Cyrillic: brackets are letters", "х", "BracketLeft", "["],
  ["QWERTZ: ü is where the bracket is", "ü", "BracketLeft", "["],
  ["the number pad", "3", "Numpad3", "3"],
  ["a named key", "ArrowLeft", "ArrowLeft", "ArrowLeft"],
  ["a named key of the number pad", "Enter", "NumpadEnter", "Enter"],
  ["a dead key in the row of digits", "Dead", "Digit6", "6"],
  ["a Latin letter with an accent is no other letter", "é", "KeyE", "é"],
];
for (const [layout, key, code, wanted] of PRESSES) {
  test(`${layout}: ${key} at ${code} means ${wanted}`, () => assert.equal(meant(key, code), wanted));
}

test("a sign that does something here is taken as it is printed, wherever it lies", () => {
  assert.equal(meant("?", "Minus", { shiftKey: true }), "?");
  assert.equal(meant("[", "Digit5", { modifiers: ["AltGraph"] }), "[");
});

test("with Shift a place in the row of digits is the sign that is printed", () => {
  assert.equal(meant("!", "Digit1", { shiftKey: true }), "!");
  assert.equal(meant("1", "Digit1", { shiftKey: true }), "1"); // AZERTY has its digits there
});

test("what AltGr writes is no digit", () => {
  assert.equal(meant("²", "Digit2", { modifiers: ["AltGraph"] }), "²");
});

test("a bracket's place scrolls back with Shift", () => {
  assert.equal(meant("Ü", "BracketLeft", { shiftKey: true }), "[");
});

test("keys of a composition belong to it, also in Safari, whose composition has ended by then", () => {
  assert.equal(isComposing(keyPress("Enter", "Enter", { isComposing: true })), true);
  assert.equal(isComposing(keyPress("Enter", "Enter", { keyCode: 229 })), true);
  assert.equal(isComposing(keyPress("Enter", "Enter", { keyCode: 13 })), false);
});
