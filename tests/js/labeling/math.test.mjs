import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser, quiet } from "../browser.mjs";

// A comparison with these formulas; what KaTeX is told to draw is in `drawn`, with its options.
async function open(...sources) {
  const browser = openBrowser();
  const { h, main, page, window, clock } = browser;
  page.head.append(h("meta", { name: "math-library", content: "/static/katex.min.js" }));
  const root = h("section", { id: "comparison" }, h("div", { class: "prose" }, ...sources.map((source) => h("span", { class: "math" }, source))));
  main.append(root);
  const { renderMath } = await newPage()("labeling/math.js");
  const drawn = [];
  const katex = {
    render(source, element, options) {
      if (source.includes("odd")) throw new Error("no formula");
      drawn.push([source, options]);
      element.textContent = `drawn ${source}`;
    },
  };
  const script = () => page.head.querySelectorAll("script").at(-1);
  const arrive = async () => {
    window.katex = katex;
    script().onload();
    await clock.pass(0);
  };
  const formulas = () => root.querySelectorAll(".math");
  return { ...browser, root, renderMath, drawn, script, arrive, formulas, katex };
}

test("KaTeX is loaded with the first formula, and once", async () => {
  const { renderMath, root, arrive, page, drawn } = await open("$x$");
  renderMath(root);
  renderMath(root);
  assert.deepEqual(page.head.querySelectorAll("script").map(({ src }) => src), ["/static/katex.min.js"]);
  assert.equal(page.head.querySelector("link").href, "/static/katex.min.css");
  await arrive();
  assert.deepEqual(drawn.map(([source]) => source), ["x"]);
});

test("a comparison without formulas, or a page without the library, loads nothing", async () => {
  const { renderMath, root, script } = await open();
  await renderMath(root);
  assert.equal(script(), undefined);
  const without = await open("$x$");
  without.page.head.replaceChildren();
  await without.renderMath(without.root);
  assert.equal(without.formulas()[0].textContent, "$x$");
});

test("the signs around a formula are no part of it", async () => {
  const { renderMath, root, arrive, drawn } = await open("$a$", "$$b$$", "\\(c\\)", "\\[d\\]", "\\begin{align}e\\end{align}", "$");
  renderMath(root);
  await arrive();
  assert.deepEqual(drawn.map(([source]) => source), ["a", "b", "c", "d", "\\begin{align}e\\end{align}", ""]);
});

test("a formula of its own line is drawn as one, and none may load or link anything", async () => {
  const { renderMath, root, arrive, drawn, formulas } = await open("$a$", "$$b$$");
  formulas()[1].classList.add("display");
  renderMath(root);
  await arrive();
  assert.deepEqual(drawn.map(([, { displayMode }]) => displayMode), [false, true]);
  assert.deepEqual([drawn[0][1].trust, drawn[0][1].maxExpand > 0], [false, true]);
});

test("what KaTeX cannot read stays as it was written, and is not tried again", async () => {
  const { renderMath, root, arrive, formulas, drawn } = await open("$odd$", "$x$");
  renderMath(root);
  await arrive();
  assert.deepEqual(formulas().map(({ textContent, className }) => [textContent, className]), [
    ["$odd$", "math is-odd"], ["drawn x", "math is-drawn"],
  ]);
  await renderMath(root);
  assert.equal(drawn.length, 1);
});

test("a comparison that comes back while it is drawn is not drawn of what was drawn", async () => {
  const { renderMath, root, arrive, formulas, clock } = await open("$x$", "$y$");
  renderMath(root);
  renderMath(root);
  await arrive();
  await clock.pass(1000);
  assert.deepEqual(formulas().map(({ textContent }) => textContent), ["drawn x", "drawn y"]);
});

test("without the library the sources stay, and the next comparison asks for it again", async () => {
  const { renderMath, root, script, formulas, arrive, page } = await open("$x$");
  const waiting = renderMath(root);
  script().onerror();
  await waiting;
  assert.equal(formulas()[0].textContent, "$x$");
  renderMath(root);
  assert.equal(page.head.querySelectorAll("script").length, 2);
  await arrive();
  assert.equal(formulas()[0].textContent, "drawn x");
});

test("the first formulas of each text come first: these are in view", async () => {
  const { renderMath, root, arrive, drawn, h } = await open("$a1$", "$a2$");
  root.append(h("div", { class: "prose" }, h("span", { class: "math" }, "$b1$"), h("span", { class: "math" }, "$b2$")));
  renderMath(root);
  await arrive();
  assert.deepEqual(drawn.map(([source]) => source), ["a1", "b1", "a2", "b2"]);
});

test("after a tenth of a second of drawing the page has its turn", async () => {
  const { renderMath, root, arrive, drawn, katex, clock } = await open("$a$", "$b$", "$c$");
  clock.now = 1000;
  const render = katex.render;
  katex.render = (...given) => { clock.now += 60; render(...given); };
  renderMath(root);
  await arrive();
  await quiet();
  assert.equal(drawn.length, 2);
  await clock.pass(0);
  assert.equal(drawn.length, 3);
});

test("of very many formulas the first thousand are drawn", async () => {
  const { renderMath, root, arrive, drawn } = await open(...Array.from({ length: 1002 }, () => "$x$"));
  renderMath(root);
  await arrive();
  assert.equal(drawn.length, 1000);
});
