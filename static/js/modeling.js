// Runs, models and people: a log that follows its end, and buttons that copy.

// The live part is replaced as a whole. A log that was scrolled up stays where it was.
const places = new Map();

function isAtEnd(log) {
  return log.scrollHeight - log.scrollTop - log.clientHeight < 24;
}

function follow() {
  for (const log of document.querySelectorAll("[data-follow]")) {
    const place = places.get(log.id);
    log.scrollTop = place === undefined ? log.scrollHeight : place;
  }
}

document.addEventListener("htmx:beforeSwap", () => {
  for (const log of document.querySelectorAll("[data-follow]")) {
    if (isAtEnd(log)) places.delete(log.id);
    else places.set(log.id, log.scrollTop);
  }
});
document.addEventListener("htmx:afterSwap", follow);
follow();

// Copying needs a secure page (or this machine); elsewhere the button stays hidden.
const SAID_MS = 1500;

async function copy(id) {
  const source = document.getElementById(id);
  try {
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    return "Copied";
  } catch {
    return "Not copied"; // the browser may refuse, as to a window that is not in front
  }
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const label = button.textContent;
  let timer;
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    button.textContent = await copy(button.dataset.copy);
    clearTimeout(timer);
    timer = setTimeout(() => { button.textContent = label; }, SAID_MS);
  });
}
