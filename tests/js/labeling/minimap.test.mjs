import assert from "node:assert/strict";
import { test } from "node:test";
import { layOut, newPage, newPen, openBrowser } from "../browser.mjs";

const WIDE = { media: () => true };

// One response of 100 pixels in a pane of `height`, with its map; `content` is how long it is.
async function open({ height = 100, content = 1000, blocks = [], ...options } = WIDE) {
  const browser = openBrowser({ ...WIDE, ...options });
  const { h, main, page } = browser;
  const blockOf = ([tag, box, attributes = {}]) => Object.assign(h(tag, attributes), { box });
  const text = h("div", { class: "prose" }, ...blocks.map(blockOf));
  const pane = layOut(h("article", { class: "response", id: "response-A" }, text), { height, content });
  const canvas = h("canvas");
  const pen = newPen();
  canvas.getContext = () => pen;
  const view = h("div", { class: "minimap-view" });
  const map = Object.assign(h("div", { class: "minimap", "data-for": "response-A", hidden: "" }, canvas, view), { clientWidth: 20, clientHeight: height });
  const captured = [];
  map.setPointerCapture = (id) => captured.push(id);
  map.hasPointerCapture = (id) => captured.includes(id);
  const root = h("section", { id: "comparison" }, h("div", { class: "panes" }, pane, map));
  main.append(root);
  const script = await newPage()("labeling/minimap.js");
  const jumps = [];
  script.watchMaps((place, top) => jumps.push([place.id, top]));
  // [colour, x, y, width, height] of each bar
  const bars = [];
  pen.fillRect = (...box) => bars.push([pen.fillStyle, ...box]);
  const pointer = (type, clientY, pointerId = 1) => {
    const event = { type, clientY, pointerId, bubbles: true, preventDefault() { this.defaultPrevented = true; } };
    map.dispatchEvent(event);
    return event;
  };
  const viewOf = () => [view.style.height, view.style.transform];
  return { ...browser, ...script, root, pane, map, canvas, pen, text, bars, jumps, pointer, viewOf };
}

test("only a response that is longer than its pane has a map, and only where there is room", async () => {
  for (const [options, isThere] of [[{ content: 130 }, true], [{ content: 129 }, false], [{ media: () => false }, false]]) {
    const { drawMaps, root, map, pane } = await open(options);
    drawMaps(root);
    assert.deepEqual([map.hidden, pane.classList.contains("has-map")], [!isThere, isThere]);
  }
});

test("a ranking's responses have no maps, and neither has a page without responses", async () => {
  const { drawMaps, root, map, h, pane } = await open();
  map.remove();
  drawMaps(root);
  drawMaps(h("section"));
  assert.equal(pane.classList.contains("has-map"), false);
});

test("the view is where the pane is, and follows it to its end", async () => {
  const { drawMaps, root, pane, viewOf } = await open({ height: 100, content: 500 });
  drawMaps(root);
  assert.deepEqual(viewOf(), ["20px", "translateY(0px)"]);
  pane.scrollTop = 200;
  pane.dispatchEvent({ type: "scroll", bubbles: true });
  assert.deepEqual(viewOf(), ["20px", "translateY(40px)"]);
  pane.scrollTop = 9999;
  pane.dispatchEvent({ type: "scroll", bubbles: true });
  assert.deepEqual(viewOf(), ["20px", "translateY(80px)"]);
});

test("of a very long text the view can still be seen and hit", async () => {
  const { drawMaps, root, viewOf } = await open({ content: 2_000_000 });
  drawMaps(root);
  assert.deepEqual(viewOf(), ["16px", "translateY(0px)"]);
});

test("what scrolls without a map, or with a hidden one, moves no view", async () => {
  const { pane, map, viewOf, page } = await open();
  pane.dispatchEvent({ type: "scroll", bubbles: true });
  map.remove();
  pane.dispatchEvent({ type: "scroll", bubbles: true });
  page.dispatchEvent({ type: "scroll", target: page });
  assert.deepEqual(viewOf(), [undefined, undefined]);
});

test("each block is a bar at its place, in the colour of its kind", async () => {
  const blocks = [["h3", { top: 0, height: 20 }], ["p", { top: 100, height: 50 }], ["pre", { top: 500, height: 300 }], ["li", { top: 900, height: 1 }]];
  const { drawMaps, root, bars } = await open({ blocks });
  drawMaps(root);
  assert.deepEqual(bars, [
    ["var(--ink-muted)", 2, 0, 16, 1], ["var(--line)", 4, 10, 12, 4],
    ["var(--line-strong)", 4, 50, 12, 29], ["var(--line)", 4, 90, 12, 1], // never thinner than a line
  ]);
});

test("where the pane has been scrolled the bars stay at their places", async () => {
  const { drawMaps, root, bars, pane } = await open({ blocks: [["p", { top: -300, height: 50 }]] });
  pane.scrollTop = 400; // the block is at 100 of the text
  drawMaps(root);
  assert.equal(bars[0][2], 10);
});

test("on a fine screen the map is drawn finely", async () => {
  const { drawMaps, root, canvas, pen } = await open();
  globalThis.devicePixelRatio = 2;
  drawMaps(root);
  assert.deepEqual([canvas.width, canvas.height, pen.strokes[0]], [40, 200, ["scale", 2, 2]]);
});

test("of a text in pieces the pieces are drawn, not what is in them; of very many a sample", async () => {
  const pieces = Array.from({ length: 1000 }, (_, index) => ["span", { top: index, height: 1 }, { class: "piece" }]);
  const { drawMaps, root, bars } = await open({ blocks: [...pieces, ["p", { top: 0, height: 1 }]] });
  drawMaps(root);
  assert.equal(bars.length, 334);
});

test("the form of the text that is not shown is not drawn; an empty one has no bars", async () => {
  const { drawMaps, root, bars, text } = await open({ blocks: [["p", { top: 0, height: 9 }]] });
  text.hidden = true;
  drawMaps(root);
  assert.deepEqual(bars, []);
});

test("what differs is marked in this pane, and a piece that holds marks once, by its box", async () => {
  const { drawMaps, root, bars, text, h, window } = await open();
  const piece = Object.assign(h("span", { class: "piece" }), { box: { top: 200, height: 50 } });
  const word = h("b");
  text.append(piece, word);
  const rangeIn = (parentElement, top) => ({ startContainer: { parentElement }, getBoundingClientRect: () => ({ top, height: 10 }) });
  const elsewhere = h("p");
  root.append(elsewhere);
  for (const [element, top] of [[piece, 210], [piece, 220], [word, 600], [elsewhere, 700]]) {
    (window.CSS ??= { highlights: new Map([["differs", []]]) }).highlights.get("differs").push(rangeIn(element, top));
  }
  // A text node is within what its parent is within.
  root.querySelector(".response").contains = (node) => text.contains(node.parentElement);
  drawMaps(root);
  const marks = bars.filter(([colour]) => colour === "var(--accent)");
  assert.deepEqual(marks.map(([, , top, , height]) => [top, height]), [[20, 4], [60, 1]]);
});

test("a press on the map brings that place to the middle, and drags from there", async () => {
  const { drawMaps, root, pointer, jumps } = await open();
  drawMaps(root);
  assert.equal(pointer("pointermove", 10).defaultPrevented, undefined); // nothing is pressed
  assert.equal(pointer("pointerdown", 50).defaultPrevented, true);
  pointer("pointermove", 60);
  pointer("pointermove", 70, 2); // another finger
  assert.deepEqual(jumps, [["response-A", 450], ["response-A", 550]]);
});

test("a press elsewhere is none of the map's", async () => {
  const { main, page, jumps } = await open();
  main.dispatchEvent({ type: "pointerdown", bubbles: true });
  page.dispatchEvent({ type: "pointerdown", target: page });
  assert.deepEqual(jumps, []);
});

test("another size of the window and other colours draw it anew", async () => {
  const { window, page, map, bars, text, h } = await open();
  text.append(Object.assign(h("p"), { box: { top: 0, height: 50 } }));
  window.tell({ type: "resize" }, false);
  assert.deepEqual([map.hidden, bars.length], [false, 1]);
  page.dispatchEvent({ type: "themechange" });
  assert.equal(bars.length, 2);
});
