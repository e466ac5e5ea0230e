import assert from "node:assert/strict";
import { test } from "node:test";
import { brokenStorage, newPage, openBrowser } from "../browser.mjs";
import { Storage } from "../dom.mjs";

const open = async (storage) => {
  openBrowser({ storage });
  return newPage()("labeling/remembered.js");
};

test("a choice is there after a reload; what was never chosen is nothing", async () => {
  const storage = new Storage();
  (await open(storage)).remember("answer-bar", "folded");
  const { remembered } = await open(storage);
  assert.deepEqual([remembered("answer-bar"), remembered("raw-text")], ["folded", null]);
});

test("without storage a choice lasts as long as the page", async () => {
  const { remember, remembered } = await open(brokenStorage());
  assert.equal(remembered("raw-text"), null);
  remember("raw-text", "yes");
  assert.equal(remembered("raw-text"), "yes");
});

test("what could not be kept is newer than what was, until it can be", async () => {
  const storage = new Storage({ "raw-text": "no" });
  let isFull = true;
  const keep = storage.setItem;
  Object.defineProperty(storage, "setItem", { value(...entry) { if (isFull) throw new Error("full"); keep.apply(storage, entry); } });
  const { remember, remembered } = await open(storage);
  remember("raw-text", "yes");
  assert.equal(remembered("raw-text"), "yes");
  isFull = false;
  remember("raw-text", "yes");
  storage["raw-text"] = "no"; // another window
  assert.equal(remembered("raw-text"), "no");
});
