// What Chart.js is told about a figure: series, axes, what is drawn over them. Loaded by charts.js
// with the first one; `colour` says what a token of the theme looks like at the moment.

const PALETTE = ["--accent", "--success", "--warning", "--danger", "--ink-muted"];

export const configOf = (spec, colour) => ({
  type: spec.type,
  data: { labels: spec.labels, datasets: datasetsOf(spec, colour) },
  options: optionsOf(spec, colour),
  plugins: [whiskers, endLabels],
});

function withAlpha(rgb, alpha) {
  return rgb.replace(/^rgb\(([^)]+)\)$/, `rgba($1, ${alpha})`);
}

// Diagonal lines of the colour, on little of it.
function hatching(rgb) {
  const tile = document.createElement("canvas");
  const ratio = window.devicePixelRatio || 1;
  const size = 6 * ratio;
  tile.width = tile.height = size;
  const pen = tile.getContext("2d");
  pen.fillStyle = withAlpha(rgb, 0.2);
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = rgb;
  pen.lineWidth = 1.5 * ratio;
  for (const at of [-size / 2, size / 2, size * 1.5]) {
    pen.beginPath();
    pen.moveTo(at - size / 2, size);
    pen.lineTo(at + size / 2, 0);
    pen.stroke();
  }
  return pen.createPattern(tile, "repeat");
}

function isNumeric(spec) {
  return Boolean(spec.x?.log || spec.x?.linear);
}

function datasetsOf(spec, colour) {
  return spec.series.flatMap((series, index) => {
    const line = colour(series.tone ? `--${series.tone}` : PALETTE[index % PALETTE.length]);
    const fill = spec.type === "bar" ? withAlpha(line, 0.75) : line;
    const main = {
      label: series.name,
      data: series.data,
      borderColor: line,
      backgroundColor: series.hatched ? hatching(line) : fill,
      borderWidth: spec.type === "bar" ? (series.hatched ? 1 : 0) : series.dashed ? 1.5 : 2,
      borderDash: series.dashed ? [4, 4] : [],
      borderRadius: 3,
      maxBarThickness: 36,
      pointRadius: (context) => (hidesPoint(spec, series, context.dataIndex) ? 0 : 3),
      pointHitRadius: 12,
      tension: 0,
      spanGaps: true,
    };
    main.intervals = series.band;
    main.isLevel = Boolean(series.dashed || series.smooth) && series.data.filter((value) => value != null).length === 1;
    if (!series.band) return [main];
    const edge = { borderWidth: 0, pointRadius: 0, isBand: true, backgroundColor: withAlpha(line, 0.15) };
    return [
      { ...edge, label: `${series.name}, low`, data: series.band.map((pair) => pair?.[0] ?? null), fill: false },
      { ...edge, label: `${series.name}, high`, data: series.band.map((pair) => pair?.[1] ?? null), fill: "-1" },
      main,
    ];
  });
}

// A point that no line leads to or from.
function isAlone(data, at) {
  return data[at] != null && data[at - 1] == null && data[at + 1] == null;
}

function hidesPoint(spec, series, at) {
  if (series.smooth || series.dashed) return true;
  return !isNumeric(spec) && !isAlone(series.data, at);
}

// The interval of a point that stands alone: there is no area to fill between it and a next one.
const whiskers = {
  id: "whiskers",
  afterDatasetsDraw(chart) {
    if (chart.config.type !== "line") return;
    const pen = chart.ctx;
    chart.data.datasets.forEach((dataset, index) => {
      if (dataset.isBand) return;
      const points = chart.getDatasetMeta(index).data;
      pen.save();
      pen.strokeStyle = dataset.borderColor;
      pen.lineWidth = 1.5;
      pen.beginPath();
      dataset.data.forEach((value, at) => {
        const ends = dataset.intervals?.[at];
        if (ends?.[0] == null || ends[1] == null || !isAlone(dataset.data, at)) return;
        const { x } = points[at];
        const [low, high] = ends.map((end) => chart.scales.y.getPixelForValue(end));
        pen.moveTo(x, low);
        pen.lineTo(x, high);
        for (const y of [low, high]) {
          pen.moveTo(x - 5, y);
          pen.lineTo(x + 5, y);
        }
      });
      pen.stroke();
      const level = dataset.isLevel && points.find((point) => !point.skip);
      if (level) {
        const { y } = level;
        pen.setLineDash([4, 4]);
        pen.beginPath();
        pen.moveTo(chart.chartArea.left, y);
        pen.lineTo(chart.chartArea.right, y);
        pen.stroke();
      }
      pen.restore();
    });
  },
};

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
      const end = dataset.isLevel ? chart.chartArea.right : point.x;
      chart.ctx.fillText(dataset.label, end + 6, y);
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
    stacked: spec.stacked,
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

function optionsOf(spec, colour) {
  const unit = spec.y?.unit ?? "";
  const text = colour("--ink-muted");
  const grid = colour("--line");
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
        stacked: spec.stacked,
        min: spec.y?.min, max: spec.y?.max, beginAtZero: spec.type === "bar",
        grid: { color: grid }, border: { display: false },
        ticks: { color: text, maxTicksLimit: 6, callback: format },
      },
    },
  };
}
