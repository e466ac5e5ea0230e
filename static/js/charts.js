// Draws every <canvas data-chart> from the JSON in the <script type="application/json"> beside it:
// {type: "line"|"bar", labels: [], series: [{name, data, band?: [[low, high], …], dashed?, smooth?,
//  tone?, hatched?}], stacked?, x?: {log, linear, title, min, max}, y?: {min, max, unit},
//  links?: [url per label]}. `tone` names a colour that means something ("danger"), and what is
// hatched is told apart without colours. A band of one point alone is drawn as its whiskers, a
// dashed or smooth series of one point as a line across. With x.log or x.linear the labels are
// numbers on such an axis. A smooth series is a line without points and has no rows of its own in
// the table. Chart.js is loaded when the first one appears.
// A figure also gets a table of the same numbers behind a toggle, which needs no Chart.js.

let library = null;

// [Chart.js, configOf]; asked for once, and again only if it could not be had.
function loadLibrary() {
  library ??= Promise.all([loadChart(), import("./chart_config.js")]).catch((error) => {
    library = null;
    throw error;
  });
  return library;
}

function loadChart() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.querySelector('meta[name="chart-library"]').content;
    script.onload = () => resolve(window.Chart);
    script.onerror = () => reject(new Error("Chart.js could not be loaded"));
    document.head.append(script);
  });
}

// Custom properties hold light-dark(); only a used colour is resolved, so ask a probe element.
function colour(name, probe) {
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

// The rows of a figure's table: its headings, then [label, text per series] where any has a value.
export function rowsOf(spec) {
  const rows = spec.labels.map((label, index) => [label, ...spec.series.map((series) => cellOf(series, index))]);
  const isShown = (_, index) => spec.series.some((series) => !series.smooth && series.data[index] != null);
  return [["", ...spec.series.map((series) => series.name)], ...rows.filter(isShown)];
}

function cellOf({ data, band }, index) {
  const [low, high] = band?.[index] ?? [];
  if (data[index] == null) return "–";
  return low == null || high == null ? `${data[index]}` : `${data[index]} [${low}, ${high}]`;
}

function newElement(tag, fields, ...children) {
  const element = Object.assign(document.createElement(tag), fields);
  element.append(...children);
  return element;
}

function addTable(figure, spec) {
  const heading = (text, scope) => newElement("th", { scope }, String(text));
  const [names, ...rows] = rowsOf(spec);
  // The corner heads nothing: an empty heading would be read out as one.
  const head = newElement("tr", {}, newElement("td"), ...names.slice(1).map((name) => heading(name, "col")));
  const body = rows.map(([label, ...cells]) => (
    newElement("tr", {}, heading(label, "row"), ...cells.map((text) => newElement("td", {}, text)))
  ));
  const table = newElement("table", {}, newElement("thead", {}, head), newElement("tbody", {}, ...body));
  figure.append(newElement("details", {}, newElement("summary", {}, "Numbers"), table));
}

// What a swap has taken away would be kept in memory for as long as the page is open.
function forgetGone(Chart) {
  for (const chart of Object.values(Chart.instances)) if (!chart.canvas?.isConnected) chart.destroy();
}

async function draw(canvas) {
  const source = canvas.parentElement.querySelector('script[type="application/json"]')
    ?? canvas.closest("figure")?.querySelector('script[type="application/json"]');
  if (!source) return;
  const spec = JSON.parse(source.textContent);
  const figure = canvas.closest("figure");
  if (figure && !figure.querySelector("details")) addTable(figure, spec);
  const [Chart, { configOf }] = await loadLibrary();
  forgetGone(Chart);
  if (!canvas.isConnected) return;
  Chart.getChart(canvas)?.destroy();
  const probe = document.createElement("span");
  probe.hidden = true;
  canvas.parentElement.append(probe);
  new Chart(canvas, configOf(spec, (name) => colour(name, probe)));
  probe.remove();
}

function drawAll(root = document) {
  // One that cannot be drawn leaves its table and the other figures as they are.
  for (const canvas of root.querySelectorAll("canvas[data-chart]")) draw(canvas).catch(console.error);
}

drawAll();
document.addEventListener("htmx:afterSettle", (event) => drawAll(event.detail.elt?.parentElement ?? document));
document.addEventListener("themechange", () => drawAll());
