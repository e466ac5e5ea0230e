// Reading two texts at once: panes that scroll together, raw text, word differences, a map of the
// position in long ones.

import { diffWords, wordsOf } from "./differences.js";
import { announce, toast } from "../status.js";
import { drawMaps, watchMaps } from "./minimap.js";
import { remember, remembered } from "./remembered.js";
import { makeRoom, startRoom } from "./room.js";

const comparison = () => document.getElementById("comparison");
const panesOf = (root) => [...(root?.querySelectorAll(".panes > .response") ?? [])];
const isWide = matchMedia("(min-width: 48rem)");

// Scrolling together: what the hand does to one pane, the others do too. A short text stays at
// its end while a long one goes on.
const placed = new WeakMap(); // pane -> where it is known to be

function put(pane, top) {
  pane.scrollTop = top;
  placed.set(pane, pane.scrollTop);
}

function follow(event) {
  const pane = event.target;
  if (!pane.matches?.(".response")) return;
  const moved = pane.scrollTop - (placed.get(pane) ?? 0);
  placed.set(pane, pane.scrollTop);
  if (!isWide.matches || Math.abs(moved) < 1) return;
  const others = panesOf(comparison()).filter((other) => other !== pane);
  // At the top of one, all begin together again.
  for (const other of others) put(other, pane.scrollTop === 0 ? 0 : other.scrollTop + moved);
}

export function scrollBoth(share) {
  const panes = panesOf(comparison());
  const all = panes[0]?.parentElement;
  // A ranking's responses share one place to scroll in.
  if (all && all.scrollHeight > all.clientHeight + 1) return all.scrollBy({ top: share * all.clientHeight });
  if (!isWide.matches) return scrollPane(paneInView(), share);
  const step = share * (panes[0]?.clientHeight ?? 0);
  for (const pane of panes) put(pane, pane.scrollTop + step);
}

export function scrollPane(index, share) {
  const pane = panesOf(comparison()).at(index);
  if (pane) put(pane, pane.scrollTop + share * pane.clientHeight);
}

export function scrollPrompt(share) {
  const prompt = comparison().querySelector(".prompt");
  prompt?.scrollBy({ top: share * prompt.clientHeight });
}

// On a phone, which pane is in view
function paneInView() {
  const panes = comparison().querySelector(".panes");
  return panes ? Math.round(Math.abs(panes.scrollLeft) / panes.clientWidth) : 0;
}

function watchSegments(root) {
  const panes = root.querySelector(".panes");
  panes?.addEventListener("scroll", () => {
    const current = paneInView();
    root.querySelectorAll(".segments a").forEach((link, index) => {
      if (index === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  }, { passive: true });
}

// Two switches, kept in this browser
const SWITCHES = { raw: ["raw-text", "show-raw"], differences: ["word-differences", "show-differences"] };

const isOn = (name) => remembered(SWITCHES[name][0]) === "yes";

function turn(name, on) {
  const [key, className] = SWITCHES[name];
  comparison().classList.toggle(className, on);
  document.querySelector(`[data-${name}]`)?.setAttribute("aria-pressed", on);
  remember(key, on ? "yes" : "no");
}

const TOO_LONG = 1_000_000; // characters of both together: comparing more holds up the page
const isTooLong = (texts) => texts.reduce((sum, text) => sum + (text?.textContent.length ?? 0), 0) > TOO_LONG;

// Marks lie over the text (CSS highlights): nothing of it changes, however long it is.
function markDifferences(say) {
  if (!window.CSS?.highlights) return;
  CSS.highlights.delete("differs");
  const panes = panesOf(comparison());
  if (!isOn("differences") || panes.length !== 2) return;
  const shown = panes.map((pane) => pane.querySelector(isOn("raw") ? ".raw" : ".cooked"));
  if (isTooLong(shown)) {
    if (say) announce("These are too long to be compared word by word.");
    if (say) toast("These are too long to be compared word by word.", "info");
    return;
  }
  const texts = shown.map(wordsOf);
  const runs = diffWords(texts[0].words, texts[1].words);
  const ranges = texts.flatMap((text, side) => runs[side].map(([from, to]) => text.range(from, to)));
  CSS.highlights.set("differs", new Highlight(...ranges));
  const counts = runs.map((side) => side.reduce((sum, [from, to]) => sum + to - from, 0));
  if (say) announce(ranges.length ? `Words that differ are underlined: ${counts[0]} on the left, ${counts[1]} on the right.` : "Both say the same, word for word.");
}

export function showReading(root) {
  if (!window.CSS?.highlights) root.querySelector("[data-differences]")?.remove();
  turn("raw", isOn("raw"));
  turn("differences", isOn("differences"));
  markDifferences(false);
  watchSegments(root);
  makeRoom(root);
  drawMaps(root);
}

export function startReading() {
  document.addEventListener("scroll", follow, { capture: true, passive: true });
  watchMaps(put);
  startRoom(() => drawMaps(comparison()));
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-raw]")) {
      turn("raw", !comparison().classList.contains("show-raw"));
      markDifferences(false);
      drawMaps(comparison());
    }
    if (event.target.closest("[data-differences]")) {
      turn("differences", !comparison().classList.contains("show-differences"));
      markDifferences(true);
      drawMaps(comparison());
    }
    const segment = event.target.closest(".segments a");
    if (segment) {
      event.preventDefault();
      document.querySelector(segment.hash).scrollIntoView({ inline: "start", block: "nearest" });
    }
  });
}
