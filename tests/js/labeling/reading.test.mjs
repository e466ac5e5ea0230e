import assert from "node:assert/strict";
import { test } from "node:test";
import { brokenStorage, layOut, newPage, openBrowser } from "../browser.mjs";
import { Storage } from "../dom.mjs";

const WIDE = { media: () => true };

// Two responses of `contents` pixels in panes of 100, with what the texts say, raw and as shown.
async function open({ contents = [500, 500], texts = ["a cat sat", "a dog sat"], highlights = new Map(), ...options } = {}) {
  const browser = openBrowser({ ...WIDE, ...options });
  const { h, main, page, window } = browser;
  window.CSS = Object.assign(CSS, { highlights });
  globalThis.NodeFilter = { SHOW_TEXT: 4 };
  globalThis.Highlight = class { constructor(...ranges) { this.ranges = ranges; } };
  globalThis.Range = class {
    setStart({ data }, at) { Object.assign(this, { data, from: at }); }
    setEnd(_, at) { this.to = at; }
  };
  const panes = contents.map((content, index) => layOut(
    h("article", { class: "response", id: `response-${"ABC"[index]}` }, h("div", { class: "raw" }, `**${texts[index]}**`), h("div", { class: "cooked" }, texts[index])),
    { height: 100, content },
  ));
  const place = layOut(h("div", { class: "panes" }, ...panes), { height: 100, content: 100 });
  const links = panes.map(({ id }) => Object.assign(h("a", {}), { hash: `#${id}` }));
  const [raw, differences] = ["raw", "differences"].map((name) => h("button", { [`data-${name}`]: "" }));
  const prompt = layOut(h("section", { class: "prompt" }), { height: 100, content: 900 });
  const root = h("section", { id: "comparison" }, prompt, h("nav", { class: "segments" }, ...links), place, raw, differences);
  main.append(root);
  const script = await newPage()("labeling/reading.js");
  script.startReading();
  script.showReading(root);
  const tops = () => panes.map(({ scrollTop }) => scrollTop);
  const scroll = (index, top) => {
    panes[index].scrollTop = top;
    panes[index].dispatchEvent({ type: "scroll", bubbles: true });
  };
  const marked = () => highlights.get("differs")?.ranges.map(({ data, from, to }) => data.slice(from, to));
  const heard = async () => {
    await browser.clock.pass(50);
    return page.getElementById("announcement").textContent;
  };
  return { ...browser, ...script, root, panes, place, links, raw, differences, prompt, tops, scroll, marked, heard };
}

// Scrolling

test("what a hand does to one pane the other one does too", async () => {
  const { scroll, tops } = await open();
  scroll(0, 120);
  assert.deepEqual(tops(), [120, 120]);
  scroll(1, 100);
  assert.deepEqual(tops(), [100, 100]);
});

test("a short text stays at its end while the long one goes on, and at the top both begin again", async () => {
  const { scroll, tops } = await open({ contents: [1000, 200] });
  for (const [index, top] of [[0, 400], [0, 500]]) scroll(index, top);
  assert.deepEqual(tops(), [500, 100]);
  scroll(0, 450);
  assert.deepEqual(tops(), [450, 50]);
  scroll(1, 0);
  assert.deepEqual(tops(), [0, 0]);
});

test("a pane that was put somewhere by a key does not push the other one back", async () => {
  const { scrollPane, panes, tops } = await open();
  scrollPane(0, 0.3);
  panes[0].dispatchEvent({ type: "scroll", bubbles: true }); // as a browser says afterwards
  assert.deepEqual(tops(), [30, 0]);
});

test("on a phone each pane scrolls by itself, and keys scroll the one in view", async () => {
  for (const scrollLeft of [300, -300]) { // written from right to left the panes lie to the left
    const { scroll, tops, place, scrollBoth } = await open({ media: () => false });
    scroll(0, 50);
    assert.deepEqual(tops(), [50, 0]);
    Object.assign(place, { scrollLeft, clientWidth: 310 });
    scrollBoth(0.9);
    assert.deepEqual(tops(), [50, 90]);
  }
});

test("what is no response scrolls alone", async () => {
  const { prompt, tops, page } = await open();
  prompt.dispatchEvent({ type: "scroll", bubbles: true });
  page.dispatchEvent({ type: "scroll", target: page });
  assert.deepEqual(tops(), [0, 0]);
});

test("keys scroll both by a share of their height, or one, or the prompt", async () => {
  const { scrollBoth, scrollPane, scrollPrompt, tops, prompt } = await open();
  scrollBoth(0.9);
  scrollBoth(-0.3);
  scrollPane(-1, 0.3);
  assert.deepEqual(tops(), [60, 90]);
  scrollPrompt(0.5);
  assert.equal(prompt.scrollTop, 50);
});

test("a ranking's responses scroll in the place that they share", async () => {
  const { place, scrollBoth, tops } = await open({ contents: [100, 100, 100], texts: ["a", "b", "c"] });
  layOut(place, { height: 400, content: 900 });
  scrollBoth(0.5);
  assert.deepEqual([place.scrollTop, tops()], [200, [0, 0, 0]]);
});

test("where nothing is to be compared there is nothing to scroll", async () => {
  for (const media of [() => true, () => false]) {
    const { root, scrollBoth, scrollPane, scrollPrompt, showReading, tops } = await open({ media });
    root.replaceChildren();
    showReading(root);
    scrollBoth(1);
    scrollPane(0, 1);
    scrollPrompt(1);
    assert.deepEqual(tops(), [0, 0]);
  }
});

test("on a phone the link of the pane in view is marked, and a link brings its pane into view", async () => {
  const { place, links, panes } = await open({ media: () => false });
  links[0].setAttribute("aria-current", "true");
  Object.assign(place, { scrollLeft: 300, clientWidth: 310 });
  place.dispatchEvent({ type: "scroll" });
  assert.deepEqual(links.map((link) => link.getAttribute("aria-current")), [null, "true"]);
  let isInView = false;
  panes[0].scrollIntoView = () => { isInView = true; };
  links[0].click();
  assert.equal(isInView, true);
});

// Raw text and differences

test("raw text is shown by a button, again as text by the next press, and so on in the next comparison", async () => {
  const { raw, root, storage, showReading, h } = await open();
  raw.click();
  assert.deepEqual([root.classList.contains("show-raw"), raw.getAttribute("aria-pressed"), storage["raw-text"]], [true, "true", "yes"]);
  const next = h("section", { id: "comparison" });
  root.replaceWith(next);
  showReading(next);
  assert.equal(next.classList.contains("show-raw"), true);
  next.append(raw);
  raw.click();
  assert.deepEqual([next.classList.contains("show-raw"), storage["raw-text"]], [false, "no"]);
});

test("words that differ are marked, counted aloud, and no longer when that is switched off", async () => {
  const { differences, marked, heard } = await open();
  assert.equal(marked(), undefined);
  differences.click();
  assert.deepEqual(marked(), ["cat", "dog"]);
  assert.equal(await heard(), "Words that differ are underlined: 1 on the left, 1 on the right.");
  differences.click();
  assert.equal(marked(), undefined);
});

test("they are those of the form that is shown", async () => {
  const { differences, raw, marked } = await open({ texts: ["one", "two *"] });
  differences.click();
  assert.deepEqual(marked(), ["one", "two *"]);
  raw.click();
  assert.deepEqual(marked(), ["one", "two *"]);
});

test("two that say the same are said to, in any script", async () => {
  const { differences, heard, marked } = await open({ texts: ["שלום עולם", "שלום עולם"] });
  differences.click();
  assert.deepEqual([marked(), await heard()], [[], "Both say the same, word for word."]);
});

test("a response without any text differs in nothing of its own", async () => {
  const { differences, panes, marked } = await open();
  panes[1].replaceChildren();
  differences.click();
  assert.deepEqual(marked(), ["a cat sat"]);
});

test("a comparison that comes with marks says nothing; a ranking has none", async () => {
  const storage = new Storage({ "word-differences": "yes" });
  const { marked, heard } = await open({ storage });
  assert.deepEqual([marked(), await heard()], [["cat", "dog"], ""]);
  const ranking = await open({ storage, contents: [1, 1, 1], texts: ["a", "b", "c"] });
  assert.equal(ranking.marked(), undefined);
});

test("texts of more than a million characters are not compared, and that is said when it was asked for", async () => {
  const long = "word ".repeat(110_000);
  const { differences, marked, heard, toasts, showReading, root } = await open({ texts: [long, long] });
  differences.click();
  assert.deepEqual([marked(), toasts], [undefined, ["These are too long to be compared word by word."]]);
  assert.equal(await heard(), "These are too long to be compared word by word.");
  showReading(root);
  assert.equal(toasts.length, 1);
});

test("a browser that cannot mark has no button for it", async () => {
  const { root, raw } = await open({ highlights: null });
  assert.equal(root.querySelector("[data-differences]"), null);
  raw.click();
  assert.equal(root.classList.contains("show-raw"), true);
});

test("without storage both switches hold as long as the page", async () => {
  const { raw, differences, root, marked, showReading } = await open({ storage: brokenStorage(), texts: ["x", "y z"] });
  raw.click();
  differences.click();
  assert.equal(marked()[0], "x");
  root.className = ""; // as the next comparison comes
  showReading(root);
  assert.deepEqual(["show-raw", "show-differences"].map((name) => root.classList.contains(name)), [true, true]);
});

test("full storage does not keep the marks from being shown", async () => {
  const storage = new Storage({ "word-differences": "no" });
  Object.defineProperty(storage, "setItem", { value() { throw new Error("full"); } });
  const { differences, marked } = await open({ storage });
  differences.click();
  assert.deepEqual(marked(), ["cat", "dog"]);
});
