// Draws every <canvas data-chart> from the JSON in the <script type="application/json"> beside it:
// {type: "line"|"bar", labels: [], series: [{name, data, band?: [[low, high], …], dashed?, smooth?}],
//  x?: {log, linear, title, min, max}, y?: {min, max, unit}, links?: [url per label]}. With x.log or
// x.linear the labels are numbers on such an axis. A smooth series is a line without points and
// has no rows of its own in the table. Chart.js is loaded when the first one appears.
// A figure also gets a table of the same numbers behind a toggle.

const PALETTE = ["--accent", "--success", "--warning", "--danger", "--ink-muted"];
let library = null;

function loadLibrary() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.querySelector('meta[name="chart-library"]').content;
    script.onload = () => resolve(window.Chart);
    script.onerror = () => reject(new Error("Chart.js could not be loaded"));
    document.head.append(script);
  });
  return library;
}

// Custom properties hold light-dark(); only a used colour is resolved, so ask a probe element.
function colour(name, probe) {
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

function withAlpha(rgb, alpha) {
  return rgb.replace(/^rgb\(([^)]+)\)$/, `rgba($1, ${alpha})`);
}

function isNumeric(spec) {
  return Boolean(spec.x?.log || spec.x?.linear);
}

function datasetsOf(spec, probe) {
  return spec.series.flatMap((series, index) => {
    const line = colour(PALETTE[index % PALETTE.length], probe);
    const main = {
      label: series.name,
      data: series.data,
      borderColor: line,
      backgroundColor: spec.type === "bar" ? withAlpha(line, 0.75) : line,
      borderWidth: spec.type === "bar" ? 0 : series.dashed ? 1.5 : 2,
      borderDash: series.dashed ? [4, 4] : [],
      borderRadius: 3,
      maxBarThickness: 36,
      pointRadius: series.smooth || (series.data.length > 1 && !isNumeric(spec)) ? 0 : 3,
      pointHitRadius: 12,
      tension: 0,
      spanGaps: true,
    };
    if (!series.band) return [main];
    const edge = { borderWidth: 0, pointRadius: 0, isBand: true, backgroundColor: withAlpha(line, 0.15) };
    return [
      { ...edge, label: `${series.name}, low`, data: series.band.map((pair) => pair?.[0] ?? null), fill: false },
      { ...edge, label: `${series.name}, high`, data: series.band.map((pair) => pair?.[1] ?? null), fill: "-1" },
      main,
    ];
  });
}

// The series' name at the end of its line: no legend to look up.
const endLabels = {
  id: "endLabels",
  afterDatasetsDraw(chart) {
    if (chart.config.type !== "line") return;
    const named = chart.data.datasets.filter((dataset) => !dataset.isBand);
    if (named.length < 2) return;
    let taken = [];
    chart.data.datasets.forEach((dataset, index) => {
      if (dataset.isBand) return;
      const point = chart.getDatasetMeta(index).data.findLast((element) => !element.skip);
      if (!point) return;
      let y = point.y;
      while (taken.some((other) => Math.abs(other - y) < 13)) y += 13;
      taken.push(y);
      chart.ctx.save();
      chart.ctx.font = "12px system-ui, sans-serif";
      chart.ctx.fillStyle = dataset.borderColor;
      chart.ctx.textBaseline = "middle";
      chart.ctx.fillText(dataset.label, point.x + 6, y);
      chart.ctx.restore();
    });
  },
};

function labelRoom(spec) {
  if (spec.type !== "line" || spec.series.length < 2) return 8;
  return 12 + 6.5 * Math.max(...spec.series.map((series) => series.name.length));
}

function xScale(spec, text, grid) {
  const scale = {
    grid: { display: false },
    border: { color: grid },
    ticks: { color: text, maxRotation: 0, autoSkipPadding: 16 },
    title: { display: Boolean(spec.x?.title), text: spec.x?.title, color: text },
  };
  if (spec.x?.linear) return { ...scale, type: "linear", min: spec.x.min, max: spec.x.max };
  if (!spec.x?.log) return scale;
  return {
    ...scale,
    type: "logarithmic",
    ticks: { ...scale.ticks, callback: (value) => Number(value).toLocaleString("en") },
    // The few measured sizes themselves, not the powers of ten between them.
    afterBuildTicks: (axis) => { axis.ticks = spec.labels.map((value) => ({ value })); },
  };
}

function optionsOf(spec, probe) {
  const unit = spec.y?.unit ?? "";
  const text = colour("--ink-muted", probe);
  const grid = colour("--line", probe);
  const format = (value) => `${Number(value).toLocaleString("en", { maximumSignificantDigits: 4 })}${unit}`;
  return {
    animation: false,
    maintainAspectRatio: false,
    interaction: { mode: "index", intersect: false },
    layout: { padding: { right: labelRoom(spec), top: 8 } },
    onClick: (_event, elements) => {
      const link = elements.length && spec.links?.[elements[0].index];
      if (link) window.location.assign(link);
    },
    plugins: {
      legend: { display: spec.type === "bar" && spec.series.length > 1, labels: { color: text, boxWidth: 12 } },
      tooltip: {
        filter: (item) => !item.dataset.isBand,
        callbacks: { label: (item) => `${item.dataset.label}: ${format(item.parsed.y)}` },
      },
    },
    scales: {
      x: xScale(spec, text, grid),
      y: {
        min: spec.y?.min, max: spec.y?.max, beginAtZero: spec.type === "bar",
        grid: { color: grid }, border: { display: false },
        ticks: { color: text, maxTicksLimit: 6, callback: format },
      },
    },
  };
}

function addTable(figure, spec) {
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const name of ["", ...spec.series.map((series) => series.name)]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = name;
    head.append(cell);
  }
  const body = table.createTBody();
  spec.labels.forEach((label, index) => {
    if (spec.series.every((series) => series.smooth || series.data[index] == null)) return;
    const row = body.insertRow();
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = label;
    row.append(name);
    for (const series of spec.series) {
      const value = series.data[index];
      const band = series.band?.[index];
      row.insertCell().textContent = value == null ? "–" : band ? `${value} [${band[0]}, ${band[1]}]` : value;
    }
  });
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = "Numbers";
  details.append(summary, table);
  figure.append(details);
}

async function draw(canvas) {
  const source = canvas.parentElement.querySelector('script[type="application/json"]')
    ?? canvas.closest("figure")?.querySelector('script[type="application/json"]');
  if (!source) return;
  const spec = JSON.parse(source.textContent);
  const Chart = await loadLibrary();
  if (!canvas.isConnected) return;
  Chart.getChart(canvas)?.destroy();
  const probe = document.createElement("span");
  probe.hidden = true;
  canvas.parentElement.append(probe);
  new Chart(canvas, {
    type: spec.type,
    data: { labels: spec.labels, datasets: datasetsOf(spec, probe) },
    options: optionsOf(spec, probe),
    plugins: [endLabels],
  });
  probe.remove();
  const figure = canvas.closest("figure");
  if (figure && !figure.querySelector("details")) addTable(figure, spec);
}

function drawAll(root = document) {
  for (const canvas of root.querySelectorAll("canvas[data-chart]")) draw(canvas);
}

drawAll();
document.addEventListener("htmx:afterSettle", (event) => drawAll(event.detail.elt?.parentElement ?? document));
document.addEventListener("themechange", () => drawAll());
