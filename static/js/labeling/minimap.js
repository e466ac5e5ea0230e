// A narrow map beside a long response: where its blocks are, what is in view, what differs. It is
// the pane's scroll bar for the mouse; for others the pane scrolls by keys and touch.

const LONG = 1.3; // heights of the pane
const MAX_BLOCKS = 400; // drawn; of more, a sample
const isWide = matchMedia("(min-width: 48rem)");

// A token as a colour that a canvas understands: tokens hold both themes.
function colour(map, token) {
  map.style.color = `var(${token})`;
  return getComputedStyle(map).color;
}

function mapOf(pane) {
  return pane.parentElement.querySelector(`.minimap[data-for="${pane.id}"]`);
}

function viewOf(pane, map) {
  const scale = map.clientHeight / pane.scrollHeight;
  const height = Math.max(pane.clientHeight * scale, 16);
  const top = (pane.scrollTop / (pane.scrollHeight - pane.clientHeight || 1)) * (map.clientHeight - height);
  return { top, height };
}

function placeView(pane) {
  const map = mapOf(pane);
  if (!map || map.hidden) return;
  const { top, height } = viewOf(pane, map);
  const view = map.querySelector(".minimap-view");
  view.style.height = `${height}px`;
  view.style.transform = `translateY(${top}px)`;
}

function drawBlocks(pane, map) {
  const canvas = map.querySelector("canvas");
  const density = devicePixelRatio || 1;
  canvas.width = map.clientWidth * density;
  canvas.height = map.clientHeight * density;
  const pen = canvas.getContext("2d");
  pen.scale(density, density);
  const scale = map.clientHeight / pane.scrollHeight;
  const origin = pane.getBoundingClientRect().top - pane.scrollTop;
  const bar = (box, style, inset) => {
    pen.fillStyle = style;
    pen.fillRect(inset, (box.top - origin) * scale, map.clientWidth - 2 * inset, Math.max(box.height * scale - 1, 1));
  };
  const shown = [...pane.querySelectorAll(".prose")].find((element) => element.offsetParent);
  const styles = { text: colour(map, "--line"), block: colour(map, "--line-strong"), heading: colour(map, "--ink-muted"), mark: colour(map, "--accent") };
  const kinds = { P: "text", LI: "text", SPAN: "text", PRE: "block", TABLE: "block" };
  for (const block of sample(blocksOf(shown))) {
    const kind = kinds[block.tagName] ?? "heading";
    bar(block.getBoundingClientRect(), styles[kind], kind === "heading" ? 2 : 4);
  }
  const marks = [...(window.CSS?.highlights?.get("differs") ?? [])].filter((range) => pane.contains(range.startContainer));
  // To measure a mark inside a piece that is out of view would lay that piece out: its box will do.
  const marked = new Set(marks.map((range) => range.startContainer.parentElement.closest(".piece") ?? range));
  for (const each of sample([...marked])) bar(each.getBoundingClientRect(), styles.mark, 2);
}

// A long text's pieces are blocks whose inside need not be laid out.
function blocksOf(text) {
  const pieces = text?.querySelectorAll(".piece") ?? [];
  return [...(pieces.length ? pieces : text?.querySelectorAll("p, li, pre, table, h3, h4, h5, h6") ?? [])];
}

function sample(all) {
  const step = Math.ceil(all.length / MAX_BLOCKS) || 1;
  return all.filter((_, index) => index % step === 0);
}

export function drawMaps(root) {
  for (const pane of root.querySelectorAll(".panes > .response")) {
    const map = mapOf(pane);
    if (!map) continue;
    map.hidden = pane.scrollHeight < LONG * pane.clientHeight || !isWide.matches;
    pane.classList.toggle("has-map", !map.hidden);
    if (map.hidden) continue;
    drawBlocks(pane, map);
    placeView(pane);
  }
}

function jump(event, put) {
  const map = event.target.closest?.(".minimap");
  if (!map || (event.type === "pointermove" && !map.hasPointerCapture(event.pointerId))) return;
  const pane = document.getElementById(map.dataset.for);
  if (event.type === "pointerdown") map.setPointerCapture(event.pointerId);
  event.preventDefault();
  const share = (event.clientY - map.getBoundingClientRect().top) / map.clientHeight;
  put(pane, share * pane.scrollHeight - pane.clientHeight / 2);
}

export function watchMaps(put) {
  document.addEventListener("scroll", (event) => {
    if (event.target.matches?.(".response")) placeView(event.target);
  }, { capture: true, passive: true });
  document.addEventListener("pointerdown", (event) => jump(event, put));
  document.addEventListener("pointermove", (event) => jump(event, put));
  const redraw = () => drawMaps(document.getElementById("comparison"));
  addEventListener("resize", redraw);
  document.addEventListener("themechange", redraw);
}
