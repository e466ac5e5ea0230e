import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser, quiet } from "./browser.mjs";

const SPEC = { type: "line", labels: ["v1", "v2"], series: [{ name: "accuracy", data: [60, 70] }] };

// Chart.js, as far as the script knows it.
function newLibrary() {
  const all = new Map();
  return class Chart {
    static get instances() { return Object.fromEntries([...all.values()].map((chart, index) => [index, chart])); }
    static getChart(canvas) { return all.get(canvas); }
    constructor(canvas, config) {
      Object.assign(this, { canvas, config });
      all.set(canvas, this);
    }

    destroy() { all.delete(this.canvas); }
  };
}

// A page whose figures have these specs; `spec` null: a figure without any.
async function open(...specs) {
  const browser = openBrowser();
  const { page, h, main, window } = browser;
  page.head.append(h("meta", { name: "chart-library", content: "/chart.js" }));
  const figureOf = (spec) => h("figure", {}, h("div", {}, h("canvas", { "data-chart": "" })),
    ...(spec ? [h("script", { type: "application/json" }, JSON.stringify(spec))] : []));
  const place = h("section", {}, ...specs.map(figureOf));
  main.append(place);
  const errors = [];
  console.error = (error) => errors.push(error.message);
  const script = newPage();
  const { rowsOf } = await script("charts.js");
  // What the script imports takes a moment of real time.
  const settled = async () => {
    await script("chart_config.js");
    await quiet();
  };
  const scripts = () => page.head.querySelectorAll("script");
  const Chart = newLibrary();
  const arrive = async () => {
    window.Chart = Chart;
    for (const one of scripts()) one.onload();
    await settled();
  };
  const fail = async () => {
    scripts().at(-1).onerror();
    await settled();
  };
  const drawn = () => page.querySelectorAll("canvas").map((canvas) => Chart.getChart(canvas));
  const settle = (elt) => page.dispatchEvent({ type: "htmx:afterSettle", detail: { elt } });
  return { ...browser, rowsOf, settled, place, figureOf, errors, scripts, Chart, arrive, fail, drawn, settle };
}

const texts = (row) => row.children.map((cell) => cell.textContent);

test("the library is loaded once, with the first figure", async () => {
  const { scripts, arrive, drawn } = await open(SPEC, SPEC);
  assert.deepEqual(scripts().map((one) => one.src), ["/chart.js"]);
  await arrive();
  assert.deepEqual(drawn().map((chart) => chart.config.data.labels), [["v1", "v2"], ["v1", "v2"]]);
  assert.equal((await open()).scripts().length, 0);
});

test("a figure's numbers are in a table, once, whatever becomes of the drawing", async () => {
  const { place, fail, errors, page } = await open(SPEC);
  await fail();
  assert.deepEqual(errors, ["Chart.js could not be loaded"]);
  page.dispatchEvent({ type: "themechange" });
  await quiet();
  assert.equal(place.querySelectorAll("details").length, 1);
  assert.deepEqual(place.querySelectorAll("tr").map(texts), [["", "accuracy"], ["v1", "60"], ["v2", "70"]]);
  assert.deepEqual(place.querySelectorAll("th").map(({ scope }) => scope), ["col", "row", "row"]);
});

test("a library that could not be had is asked for again with the next figure", async () => {
  const { fail, page, scripts, arrive, drawn } = await open(SPEC);
  await fail();
  page.dispatchEvent({ type: "themechange" });
  await quiet();
  assert.equal(scripts().length, 2);
  await arrive();
  assert.ok(drawn()[0]);
});

test("a figure that brings a table of its own gets no second one", async () => {
  const { h, place, figureOf, settle } = await open();
  const figure = figureOf(SPEC);
  figure.append(h("details"));
  place.append(figure);
  settle(figure);
  await quiet();
  assert.equal(place.querySelectorAll("table").length, 0);
});

test("a figure without numbers is left alone, and one that makes no sense takes no other with it", async () => {
  const { h, place, figureOf, settle, errors, arrive, drawn } = await open(null);
  const odd = figureOf(null);
  odd.append(h("script", { type: "application/json" }, '{"labels": [NaN]}'));
  place.append(odd, figureOf(SPEC));
  settle(odd);
  await quiet();
  assert.match(errors[0], /JSON/);
  await arrive();
  assert.deepEqual(drawn().map(Boolean), [false, false, true]);
});

test("what has left the page while the library was on its way is not drawn", async () => {
  const { place, arrive, Chart } = await open(SPEC);
  place.querySelector("figure").remove();
  await arrive();
  assert.deepEqual(Object.keys(Chart.instances), []);
});

test("a swap brings its figures, and what it took away is not kept in memory", async () => {
  const { place, figureOf, arrive, settle, settled, Chart, drawn } = await open(SPEC);
  await arrive();
  for (let swap = 0; swap < 3; swap += 1) {
    const fresh = figureOf(SPEC);
    place.querySelector("figure").replaceWith(fresh);
    settle(fresh);
    await settled();
  }
  assert.equal(Object.keys(Chart.instances).length, 1);
  assert.ok(drawn()[0]);
});

test("a swap of nothing in particular looks at the whole page", async () => {
  const { place, figureOf, arrive, settle, drawn } = await open();
  place.append(figureOf(SPEC));
  settle(undefined);
  await quiet();
  await arrive();
  assert.ok(drawn()[0]);
});

test("another theme draws each figure anew, in its colours", async () => {
  const { page, arrive, settled, drawn } = await open(SPEC);
  await arrive();
  const [before] = drawn();
  page.dispatchEvent({ type: "themechange" });
  await settled();
  const [after] = drawn();
  assert.notEqual(after, before);
  assert.equal(after.config.data.datasets[0].borderColor, "var(--accent)");
  assert.equal(page.querySelectorAll("span").length, 0); // what was asked for the colours
});

// The table

test("rows without any value are left out, and an unknown one is a dash", async () => {
  const { rowsOf } = await open();
  const series = [{ name: "a", data: [0, null, null] }, { name: "b", data: [-1.5, null, 2] }];
  assert.deepEqual(rowsOf({ labels: [1, 2, 3], series }), [["", "a", "b"], [1, "0", "-1.5"], [3, "–", "2"]]);
});

test("an interval stands behind its value where both of its ends are known", async () => {
  const { rowsOf } = await open();
  const series = [{ name: "a", data: [5, 5, 5, null], band: [[4, 6], [0, null], null, [1, 2]] }];
  const rows = rowsOf({ labels: ["w", "x", "y", "z"], series });
  assert.deepEqual(rows.slice(1), [["w", "5 [4, 6]"], ["x", "5"], ["y", "5"]]);
});

test("a curve that was drawn, not measured, has no rows of its own", async () => {
  const { rowsOf } = await open();
  const series = [{ name: "measured", data: [null, 2] }, { name: "curve", data: [1, 2], smooth: true }];
  assert.deepEqual(rowsOf({ labels: [0, 1], series }), [["", "measured", "curve"], [1, "2", "2"]]);
  assert.deepEqual(rowsOf({ labels: [], series: [] }), [[""]]);
});
