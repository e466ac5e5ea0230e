import assert from "node:assert/strict";
import { test } from "node:test";
import { layOut, newPage, openBrowser } from "../browser.mjs";
import { Storage } from "../dom.mjs";

const NARROW = { media: () => false };
const WIDE = { media: () => true };

// A comparison with earlier messages, whose responses are as high as `panes`, in a window of 800.
// `prompt` is how high it is and how high what is in it; `turns: false` is a prompt without any.
async function open({ panes = 500, prompt = { height: 200, content: 200 }, turns = true, ...options } = {}) {
  const browser = openBrowser(options);
  const { h, main, page } = browser;
  const fold = h("button", { "data-fold": "" }, h("span", { class: "words" }, "Fold"));
  const pop = h("details", { class: "pop" }, h("summary"));
  const starts = h("button", { "data-starts-aspects": "" });
  const form = h("form", { id: "judgment", class: "bar" }, fold, pop, starts);
  const earlier = h("details", { class: "earlier" }, h("summary", {}, h("b", {}, "2 earlier messages")));
  const last = h("div", { class: "prose" });
  const place = layOut(h("section", { class: "prompt" }, h("div", { class: "prompt-inner" }, ...(turns ? [earlier] : []), last)), prompt);
  const responses = h("div", { class: "panes" });
  responses.box = { height: panes };
  const root = h("section", { id: "comparison" }, place, responses, form);
  main.append(root);
  const redraws = [];
  const script = await newPage()("labeling/room.js");
  script.startRoom(() => redraws.push(page.documentElement.dataset.bar));
  const bar = () => page.documentElement.dataset.bar;
  return { ...browser, ...script, root, fold, pop, starts, form, earlier, last, place, responses, redraws, bar };
}

// The bar

test("the bar is open where the responses have half of the window, else it is folded", async () => {
  const roomy = await open({ panes: 400 });
  roomy.makeRoom(roomy.root);
  assert.equal(roomy.bar(), "open");
  const tight = await open({ panes: 399 });
  tight.makeRoom(tight.root);
  assert.deepEqual([tight.bar(), tight.fold.getAttribute("aria-expanded"), tight.fold.textContent], ["folded", "false", "Unfold"]);
});

test("a person's own choice comes before that, and is kept", async () => {
  const { makeRoom, root, fold, bar, storage, redraws } = await open({ panes: 100 });
  makeRoom(root);
  fold.click();
  assert.deepEqual([bar(), storage["answer-bar"], fold.textContent], ["open", "open", "Fold"]);
  makeRoom(root);
  assert.equal(bar(), "open");
  fold.querySelector(".words").click();
  assert.deepEqual([bar(), redraws], ["folded", ["open", "folded"]]);
});

test("what is asked for in the bar unfolds it, for this comparison alone", async () => {
  const { makeRoom, root, pop, starts, form, bar, fold, storage } = await open({ panes: 100 });
  makeRoom(root);
  for (const opener of [pop.querySelector("summary"), starts]) {
    form.classList.remove("is-unfolded");
    opener.click();
    assert.deepEqual([form.classList.contains("is-unfolded"), fold.textContent], [true, "Fold"]);
  }
  assert.deepEqual([bar(), storage["answer-bar"]], ["folded", undefined]);
  fold.click(); // folds what was unfolded
  assert.deepEqual([form.classList.contains("is-unfolded"), fold.textContent], [false, "Unfold"]);
});

test("a choice that waits for more shows what it waits for", async () => {
  const { makeRoom, root, form, h, fold } = await open({ panes: 100 });
  form.append(h("button", { class: "is-waiting" }));
  makeRoom(root);
  assert.equal(fold.getAttribute("aria-expanded"), "true");
});

test("another size of the window folds or opens it, unless somebody is writing", async () => {
  const { makeRoom, root, responses, window, bar, h, form } = await open();
  makeRoom(root);
  responses.box.height = 100; // as when a keyboard comes up on the screen
  const field = h("textarea");
  form.append(field);
  field.focus();
  window.tell({ type: "resize" }, false);
  assert.equal(bar(), "open");
  field.blur();
  window.tell({ type: "resize" }, false);
  assert.equal(bar(), "folded");
});

test("a page without anything to compare has no bar, and no fault", async () => {
  const { makeRoom, form, responses, root, bar, fold } = await open({ turns: false });
  form.remove();
  responses.remove();
  makeRoom(root);
  assert.equal(bar(), "open");
  assert.equal(fold.textContent, "Fold");
});

// Earlier messages

const tall = { height: 200, content: 900 };

test("earlier messages are open where there is room, or where they take none away", async () => {
  for (const [options, isOpen] of [[{ ...WIDE, prompt: tall }, true], [{ ...NARROW, prompt: tall }, false], [NARROW, true]]) {
    const { makeRoom, root, earlier } = await open(options);
    makeRoom(root);
    assert.equal(earlier.open, isOpen, JSON.stringify(options));
  }
});

test("who folded or opened them finds them so, in this project", async () => {
  const { makeRoom, root, earlier, storage } = await open({ ...NARROW, prompt: tall });
  earlier.open = true;
  earlier.querySelector("b").click(); // a browser folds them after this
  assert.equal(storage["earlier-turns:/projects/p/label/"], "folded");
  earlier.open = false;
  earlier.querySelector("b").click();
  makeRoom(root);
  assert.equal(earlier.open, true);
  const elsewhere = await open({ ...WIDE, storage: new Storage({ "earlier-turns:/projects/q/label/": "folded" }) });
  elsewhere.makeRoom(elsewhere.root);
  assert.equal(elsewhere.earlier.open, true);
});

test("what is asked now is in view, at the bottom, and what came before is above it", async () => {
  const { makeRoom, root, last, place } = await open({ ...WIDE, prompt: tall });
  last.box = { top: 750, height: 60 };
  makeRoom(root);
  assert.equal(place.scrollTop, 750 - (200 - 60 - 16));
});

test("a question that is longer than its place is read from its beginning", async () => {
  const { makeRoom, root, last, place } = await open({ ...WIDE, prompt: tall });
  last.box = { top: 300, height: 600 };
  makeRoom(root);
  assert.equal(place.scrollTop, 300 - 8);
});

test("where it lies is looked at again once it is laid out", async () => {
  const { makeRoom, root, last, place, clock } = await open({ ...WIDE, prompt: tall });
  last.box = { top: 300, height: 100 };
  makeRoom(root);
  last.box = { top: 50, height: 100 }; // higher up than thought, and already scrolled to
  const before = place.scrollTop;
  await clock.pass(40);
  assert.equal(place.scrollTop, before + 50 - (200 - 100 - 16));
});

test("of the two forms of a text the one that is shown counts; folded messages are not scrolled past", async () => {
  const { makeRoom, root, last, place } = await open({ ...NARROW, prompt: tall });
  last.hidden = true;
  makeRoom(root);
  assert.equal(place.scrollTop, 0);
  const raw = await open({ ...WIDE, prompt: tall });
  raw.last.hidden = true;
  raw.last.box = { top: 500 };
  raw.makeRoom(raw.root);
  assert.equal(raw.place.scrollTop, 0);
});
