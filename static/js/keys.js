// Keys of the comparison screen. An element says which keys press it (data-keys="1 ArrowLeft");
// scrolling keys move the responses wherever the focus is. Nothing fires while someone types.

const SCROLL = {
  j: ["panes", 0.3], k: ["panes", -0.3],
  ArrowDown: ["panes", 0.12], ArrowUp: ["panes", -0.12],
  PageDown: ["panes", 0.9], PageUp: ["panes", -0.9],
  "]": ["prompt", 0.5], "[": ["prompt", -0.5],
};

function isTyping(target) {
  return target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
}

function scrollable(name) {
  const element = document.querySelector(`.${name}`);
  if (name === "prompt" || !element || element.scrollHeight > element.clientHeight + 1) return element;
  // On a phone each pane scrolls by itself: take the one in view.
  const panes = [...element.children];
  return panes[Math.round(Math.abs(element.scrollLeft) / element.clientWidth)];
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const arrows = key.startsWith("Arrow") || key.startsWith("Page");
  // Wide code and tables scroll by the arrow keys once they have the focus; so does a menu.
  if (arrows && event.target.closest("pre, .table-scroll, details.menu[open]")) return;
  if (SCROLL[key] && !event.shiftKey) {
    const [name, share] = SCROLL[key];
    const element = scrollable(name);
    if (!element) return;
    event.preventDefault();
    element.scrollBy({ top: share * element.clientHeight });
    return;
  }
  const button = document.querySelector(`[data-keys~="${CSS.escape(key)}"]`);
  if (!button || (event.shiftKey && key !== "?")) return;
  event.preventDefault();
  // A key held down answers once.
  if (!event.repeat) button.click();
}

export function listenToKeys() {
  document.addEventListener("keydown", onKey);
}
