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
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(source.value ?? source.textContent);
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  });
}
