// The comparison screen: keys, the chosen side, and an answer that is never lost. The page works
// without this file; each choice is a submit button and each request can be repeated safely.

import { startHeartbeat } from "./heartbeat.js";
import { listenToKeys } from "./keys.js";

// A double click or a bouncing key must not answer the comparison that has just appeared.
const SETTLE_MS = 250;
const RETRY_SECONDS = [1, 2, 4, 8, 15];
const SAVING_AFTER_MS = 300;

let shownAt = performance.now();
let sending = null; // {button, attempt, timer, saved: false} from the press until the server has it

const comparison = () => document.getElementById("comparison");
const form = () => document.getElementById("judgment");

function say(text, tone = "") {
  const state = document.getElementById("save-state");
  if (!state) return;
  state.textContent = text;
  state.dataset.tone = tone;
}

function announce(text) {
  const region = document.getElementById("announcement");
  region.textContent = "";
  // The same words twice are read twice only if the region was empty in between.
  setTimeout(() => { region.textContent = text; }, 40);
}

function markChosen(button) {
  button.classList.add("is-chosen");
  const sides = button.dataset.side ? [button.dataset.side] : ["tie", "both_bad"].includes(button.value) ? ["A", "B"] : [];
  for (const side of sides) document.getElementById(`response-${side}`)?.classList.add("is-chosen");
}

function unmark() {
  for (const element of document.querySelectorAll(".is-chosen")) element.classList.remove("is-chosen");
}

// Before htmx sees the submit: one answer at a time, and none to what was not yet seen.
document.addEventListener("submit", (event) => {
  if (event.target.id !== "judgment") return;
  const button = event.submitter;
  const isRetry = sending && sending.button === button && sending.retrying;
  if (!button || (sending && !isRetry) || performance.now() - shownAt < SETTLE_MS) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  sending ??= { button, attempt: 0 };
  sending.retrying = false;
  event.target.elements.seconds.value ||= ((performance.now() - shownAt) / 1000).toFixed(1);
  markChosen(button);
  sending.slow = setTimeout(() => say("Saving…"), SAVING_AFTER_MS);
}, true);

// htmx sends the button that was clicked or focused last; what counts is the one that was chosen.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt.id === "judgment" && sending) event.detail.parameters.choice = sending.button.value;
});

function retryLater(why) {
  clearTimeout(sending.timer);
  const seconds = RETRY_SECONDS[Math.min(sending.attempt, RETRY_SECONDS.length - 1)];
  sending.attempt += 1;
  say(`Not saved: ${why}`, "warning");
  if (sending.attempt === 1) announce(`Not saved: ${why}. Your choice is kept and sent again.`);
  const now = document.createElement("button");
  now.type = "button";
  now.className = "quiet";
  now.textContent = "Try now";
  now.addEventListener("click", retry);
  document.getElementById("save-state").append(now);
  sending.timer = setTimeout(retry, seconds * 1000);
}

function retry() {
  if (!sending || !form()) return;
  clearTimeout(sending.timer);
  sending.retrying = true;
  form().requestSubmit(sending.button);
}

function refused(text) {
  sending = null;
  unmark();
  say(text, "warning");
  announce(text);
}

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt.id !== "judgment" || !sending) return;
  clearTimeout(sending.slow);
  const { xhr, successful } = event.detail;
  if (successful) {
    clearTimeout(sending.timer);
    sending = null;
    say("Saved ✓", "success");
  } else if (!xhr?.status) {
    retryLater("waiting for connection");
  } else if (xhr.status === 401) {
    retryLater("sign in again in another tab");
  } else if (xhr.status >= 500 || xhr.status === 409 || xhr.status === 429) {
    retryLater("the server has trouble");
  } else if (xhr.status === 404) {
    refused("This comparison is no longer yours. Reload the page for the next one.");
  } else {
    refused(xhr.getResponseHeader("Content-Type")?.startsWith("text/plain") ? xhr.responseText : `Not saved (error ${xhr.status}). Reload the page.`);
  }
});
addEventListener("online", retry);
addEventListener("beforeunload", (event) => {
  if (sending) event.preventDefault();
});

// A comparison has come on screen.
function arrive() {
  const root = comparison();
  shownAt = performance.now();
  document.getElementById("today").textContent = root.dataset.today;
  if (root.dataset.announce) announce(root.dataset.announce);
  showRaw(isRaw());
  startHeartbeat(root.dataset.heartbeat, Number(root.dataset.heartbeatSeconds), (text) => say(text, "warning"));
  watchPanes(root);
  document.getElementById("choices")?.focus({ preventScroll: true });
}

document.addEventListener("htmx:afterSwap", (event) => {
  // The new root has taken the old one's place: only the document knows it.
  if (event.detail.target.id !== "comparison") return;
  if (event.detail.requestConfig?.elt?.id === "undo") say("Taken back");
  arrive();
});

// Raw text, kept in this browser
const RAW = "raw-text";

function isRaw() {
  try {
    return localStorage.getItem(RAW) === "yes";
  } catch {
    return comparison().classList.contains("show-raw");
  }
}

function showRaw(raw) {
  comparison().classList.toggle("show-raw", raw);
  document.querySelector("[data-raw]")?.setAttribute("aria-pressed", raw);
  try {
    localStorage.setItem(RAW, raw ? "yes" : "no");
  } catch {
    // the choice then lasts as long as this comparison
  }
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-raw]")) showRaw(!comparison().classList.contains("show-raw"));
  const segment = event.target.closest(".segments a");
  if (segment) {
    event.preventDefault();
    document.querySelector(segment.hash).scrollIntoView({ inline: "start", block: "nearest" });
  }
});

// The reason: opening puts the cursor in it; Escape goes back to the choices
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.(".reason[open]")) document.getElementById("rationale").focus();
}, true);
document.addEventListener("input", (event) => {
  if (event.target.id === "rationale") event.target.closest(".reason").classList.toggle("is-filled", Boolean(event.target.value.trim()));
});
document.addEventListener("keydown", (event) => {
  const reason = document.querySelector(".reason[open]");
  if (event.key !== "Escape" || !reason) return;
  reason.open = false;
  document.getElementById("choices").focus({ preventScroll: true });
});

// On a phone, which pane is in view
function watchPanes(root) {
  const panes = root.querySelector(".panes");
  panes?.addEventListener("scroll", () => {
    const current = Math.round(Math.abs(panes.scrollLeft) / panes.clientWidth);
    root.querySelectorAll(".segments a").forEach((link, index) => {
      if (index === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  }, { passive: true });
}

document.documentElement.classList.add("has-script");
listenToKeys();
arrive();
