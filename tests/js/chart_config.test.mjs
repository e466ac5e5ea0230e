import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, newPen, openBrowser } from "./browser.mjs";

const { window, page } = openBrowser();
const { configOf } = await newPage()("chart_config.js");
const COLOURS = { "--accent": "rgb(1, 1, 1)", "--success": "rgb(2, 2, 2)", "--danger": "rgb(4, 4, 4)" };
const colour = (name) => COLOURS[name] ?? name;
const config = (spec) => configOf({ type: "line", labels: ["v1", "v2", "v3"], ...spec }, colour);
const datasets = (spec) => config(spec).data.datasets;
const radius = (dataset, dataIndex) => dataset.pointRadius({ dataIndex });

// Series

test("each series has a colour of its own, and after the last one they begin again", () => {
  const series = Array.from({ length: 6 }, (_, index) => ({ name: `${index}`, data: [1] }));
  const colours = datasets({ series }).map((one) => one.borderColor);
  assert.equal(new Set(colours.slice(0, 5)).size, 5);
  assert.equal(colours[5], colours[0]);
  assert.equal(datasets({ series: [{ name: "wrong", data: [1], tone: "danger" }] })[0].borderColor, "rgb(4, 4, 4)");
});

test("bars let the lines of the page through, lines do not", () => {
  const series = [{ name: "a", data: [1] }];
  assert.equal(datasets({ type: "bar", series })[0].backgroundColor, "rgba(1, 1, 1, 0.75)");
  assert.equal(datasets({ series })[0].backgroundColor, "rgb(1, 1, 1)");
  assert.equal(datasets({ series: [{ ...series[0], tone: "of-no-rgb" }], type: "bar" })[0].backgroundColor, "--of-no-rgb");
});

test("an interval is an area between two lines without points, below its series", () => {
  const [low, high, main] = datasets({ series: [{ name: "a", data: [2, 3, 4], band: [[1, 3], null, [3, null]] }] });
  assert.deepEqual([low.data, high.data, main.data], [[1, null, 3], [3, null, null], [2, 3, 4]]);
  assert.deepEqual([low.fill, high.fill, low.isBand, main.isBand], [false, "-1", true, undefined]);
});

test("points are shown where no line leads to them, or where the place on the axis is a number", () => {
  const [line] = datasets({ series: [{ name: "a", data: [1, 2, null, 4, null] }] });
  assert.deepEqual([0, 1, 2, 3].map((at) => radius(line, at)), [0, 0, 0, 3]);
  const [measured] = datasets({ x: { log: true }, labels: [10, 100], series: [{ name: "a", data: [1, 2] }] });
  assert.equal(radius(measured, 0), 3);
  const [single] = datasets({ labels: ["v1"], series: [{ name: "a", data: [1] }] });
  assert.equal(radius(single, 0), 3);
});

test("what is held against is dashed, thin and without points", () => {
  const [dashed, smooth] = datasets({ series: [{ name: "chance", data: [50], dashed: true }, { name: "curve", data: [1, 2], smooth: true }] });
  assert.deepEqual([dashed.borderDash, dashed.borderWidth, radius(dashed, 0)], [[4, 4], 1.5, 0]);
  assert.deepEqual([smooth.borderDash, radius(smooth, 0)], [[], 0]);
  assert.deepEqual([dashed.isLevel, smooth.isLevel], [true, false]); // one point alone is a level
});

test("what is hatched is a tile of diagonal lines, as fine as the screen", () => {
  const pen = newPen();
  page.createElement = () => ({ getContext: () => pen });
  window.devicePixelRatio = 2;
  const [bar] = datasets({ type: "bar", series: [{ name: "wrong", data: [1], hatched: true }] });
  const [name, tile, repeat] = bar.backgroundColor;
  assert.deepEqual([name, repeat, tile.width, tile.height], ["createPattern", "repeat", 12, 12]);
  assert.deepEqual([pen.strokeStyle, pen.fillStyle, pen.lineWidth], ["rgb(1, 1, 1)", "rgba(1, 1, 1, 0.2)", 3]);
  assert.equal(pen.strokes.filter(([stroke]) => stroke === "stroke").length, 3);
  assert.equal(bar.borderWidth, 1);
});

// Axes, words, links

test("numbers are written with their unit, and never with more than four digits that count", () => {
  const { scales, plugins } = config({ series: [], y: { unit: " %", min: 0, max: 100 } }).options;
  assert.deepEqual([scales.y.ticks.callback(66.66666), scales.y.ticks.callback(-0.5)], ["66.67 %", "-0.5 %"]);
  assert.deepEqual([scales.y.min, scales.y.max], [0, 100]);
  const item = { dataset: { label: "accuracy" }, parsed: { y: 1234.4 } };
  assert.equal(plugins.tooltip.callbacks.label(item), "accuracy: 1,234 %");
});

test("a tip says nothing of the edges of an interval", () => {
  const { filter } = config({ series: [] }).options.plugins.tooltip;
  assert.deepEqual([filter({ dataset: { isBand: true } }), filter({ dataset: {} })], [false, true]);
});

test("a logarithmic axis shows the measured sizes themselves", () => {
  const { x } = config({ labels: [100, 2500], series: [], x: { log: true, title: "comparisons" } }).options.scales;
  const axis = { ticks: [] };
  x.afterBuildTicks(axis);
  assert.deepEqual([x.type, axis.ticks, x.title.text], ["logarithmic", [{ value: 100 }, { value: 2500 }], "comparisons"]);
  assert.equal(x.ticks.callback("2500"), "2,500");
});

test("an axis of numbers goes from where to where it is told; other labels have none", () => {
  const { x } = config({ series: [], x: { linear: true, min: 0, max: 8 } }).options.scales;
  assert.deepEqual([x.type, x.min, x.max, x.title.display], ["linear", 0, 8, false]);
  assert.equal(config({ series: [] }).options.scales.x.type, undefined);
});

test("bars begin at nothing and name their series in a legend, lines name theirs at the end", () => {
  const two = [{ name: "a", data: [-1] }, { name: "longer", data: [1] }];
  const bars = config({ type: "bar", series: two, stacked: true }).options;
  assert.deepEqual([bars.scales.y.beginAtZero, bars.scales.x.stacked, bars.plugins.legend.display], [true, true, true]);
  assert.equal(bars.layout.padding.right, 8);
  const lines = config({ series: two }).options;
  assert.deepEqual([lines.scales.y.beginAtZero, lines.plugins.legend.display], [false, false]);
  assert.equal(lines.layout.padding.right, 12 + 6.5 * "longer".length);
  assert.equal(config({ series: [two[0]] }).options.layout.padding.right, 8);
});

test("a point with a link leads to its page, any other click nowhere", () => {
  const pages = [];
  window.location.assign = (page) => pages.push(page);
  const { onClick } = config({ series: [], links: ["/models/1/", null] }).options;
  onClick({}, [{ index: 0 }]);
  onClick({}, [{ index: 1 }]);
  onClick({}, []);
  config({ series: [] }).options.onClick({}, [{ index: 0 }]);
  assert.deepEqual(pages, ["/models/1/"]);
});

// What is drawn over the lines

// A chart of a hundred pixels as Chart.js hands it to its plugins; `points` per dataset.
function drawnBy(id, spec, points) {
  const { data, plugins, type } = config(spec);
  const pen = newPen();
  plugins.find((plugin) => plugin.id === id).afterDatasetsDraw({
    config: { type }, ctx: pen, data,
    chartArea: { left: 0, right: 200 },
    scales: { y: { getPixelForValue: (value) => 100 - value } },
    getDatasetMeta: (index) => ({ data: points[index] ?? [] }),
  });
  return pen.strokes;
}
const moves = (strokes) => strokes.filter(([name]) => ["moveTo", "lineTo"].includes(name)).map(([, x, y]) => [x, y]);

test("the interval of a point alone is drawn as its whiskers", () => {
  const series = [{ name: "a", data: [50], band: [[40, 60]] }];
  const strokes = drawnBy("whiskers", { labels: ["v1"], series }, [[], [], [{ x: 10, y: 50 }]]);
  assert.deepEqual(moves(strokes), [[10, 60], [10, 40], [5, 60], [15, 60], [5, 40], [15, 40]]);
});

test("no whiskers where a line goes on, nor where an end is not known", () => {
  const points = [[], [], [{ x: 1, y: 1 }, { x: 2, y: 1 }]];
  const band = [[1, 2], [1, 2]];
  assert.deepEqual(moves(drawnBy("whiskers", { series: [{ name: "a", data: [1, 2], band }] }, points)), []);
  assert.deepEqual(moves(drawnBy("whiskers", { series: [{ name: "a", data: [1, null], band: [[1, null], null] }] }, points)), []);
});

test("a level of one point goes across, and one that lies nowhere does not end the drawing", () => {
  const series = [{ name: "chance", data: [null, 50], dashed: true }];
  const across = drawnBy("whiskers", { series }, [[{ skip: true }, { x: 20, y: 50 }]]);
  assert.deepEqual(moves(across), [[0, 50], [200, 50]]);
  assert.deepEqual(moves(drawnBy("whiskers", { series }, [[{ skip: true }, { skip: true }]])), []);
});

test("each line has its name at its end, one below the other where they would meet", () => {
  const series = [{ name: "a", data: [1, 2], band: [[0, 1], [0, 1]] }, { name: "b", data: [1, null] }, { name: "c", data: [2], dashed: true }];
  const ends = [[], [], [{ x: 10, y: 40 }, { x: 90, y: 40 }], [{ x: 10, y: 45 }, { skip: true }], [{ x: 10, y: 40 }]];
  const names = drawnBy("endLabels", { series }, ends).filter(([name]) => name === "fillText");
  assert.deepEqual(names.map(([, ...text]) => text), [["a", 96, 40], ["b", 16, 58], ["c", 206, 79]]);
});

test("a line that has no point is not named, nor is one alone, nor are bars", () => {
  const two = [{ name: "a", data: [null] }, { name: "b", data: [1] }];
  const points = [[{ skip: true }], [{ x: 10, y: 5 }]];
  const names = (spec) => drawnBy("endLabels", spec, points).filter(([name]) => name === "fillText").map(([, text]) => text);
  assert.deepEqual(names({ series: two }), ["b"]);
  assert.deepEqual(names({ series: [two[1]] }), []);
  assert.deepEqual(names({ type: "bar", series: two }), []);
  assert.deepEqual(drawnBy("whiskers", { type: "bar", series: two }, points), []);
});
