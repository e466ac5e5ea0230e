// What the page says about itself: the state of saving in the bar, and words for screen readers.

let state = { text: "", tone: "", action: null };

function render() {
  const place = document.getElementById("save-state");
  if (!place) return;
  place.textContent = state.text;
  place.dataset.tone = state.tone;
  if (state.action) place.append(" ", control(state.action));
}

function control({ text, href, run }) {
  const element = document.createElement(href ? "a" : "button");
  element.textContent = text;
  if (href) element.href = href;
  else {
    element.type = "button";
    element.className = "quiet";
    element.addEventListener("click", run);
  }
  return element;
}

// The line in the bar; `action` is a link or a button after it. It outlasts a swap. Said again, it
// stays as it is: a link replaced between press and release would not be followed.
export function say(text, tone = "", action = null) {
  const isSame = (key) => (state.action?.[key] ?? "") === (action?.[key] ?? "");
  if (state.text === text && state.tone === tone && ["text", "href", "run"].every(isSame)) return;
  state = { text, tone, action };
  render();
}

export const sayAgain = render;

// What is announced in one moment is read together: the last of it alone would be heard.
let unsaid = [];

export function announce(text) {
  const region = document.getElementById("announcement");
  region.textContent = "";
  if (unsaid.includes(text)) return;
  unsaid.push(text);
  if (unsaid.length > 1) return; // the first one's timer says it too
  // The same words twice are read twice only if the region was empty in between.
  setTimeout(() => {
    region.textContent = unsaid.join(" ");
    unsaid = [];
  }, 40);
}

export function toast(text, tone = "warning") {
  document.dispatchEvent(new CustomEvent("toast", { detail: { text, tone } }));
}
