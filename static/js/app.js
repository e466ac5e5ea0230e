// What every page shares: menus that close, dialogs opened by data attributes, toasts, the CSRF
// token of this moment on every htmx request, and keys that belong to a composition.

import { isComposing } from "./pressed.js";

// Before any other script: what somebody types with an input method is no key of ours, and the
// Enter that ends a word sends nothing.
addEventListener("keydown", (event) => {
  if (isComposing(event)) event.stopImmediatePropagation();
}, true);

// Menus close on a click elsewhere and on Escape, as people expect of menus.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
    event.preventDefault(); // it closes nothing else of the page
  }
});

// Who selects text in a dialog and lets go outside of it does not click outside of it.
let pressedOn = null;
document.addEventListener("pointerdown", (event) => { pressedOn = event.target; }, true);

// <a href="/page/" data-opens="id"> opens <dialog id="id">; without JavaScript it is a link.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  const dialog = opener && document.getElementById(opener.dataset.opens);
  if (dialog) {
    event.preventDefault();
    if (!dialog.open) dialog.showModal();
    return;
  }
  const closer = event.target.closest("[data-closes]");
  if (closer) closer.closest("dialog")?.close();
  // A click on the backdrop is a click on the dialog itself, outside its box.
  if (event.target.matches("dialog[open]") && pressedOn === event.target) {
    const box = event.target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right
      && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) event.target.close();
  }
});

// Signing in elsewhere changes the token: an open page reads the cookie anew for each request.
document.addEventListener("htmx:configRequest", (event) => {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  if (!token) return;
  event.detail.headers["X-CSRFToken"] = token;
  event.detail.parameters.delete?.("csrfmiddlewaretoken");
});

document.addEventListener("submit", (event) => {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  const field = event.target.querySelector?.("input[name=csrfmiddlewaretoken]");
  if (token && field) field.value = token;
}, true);

// Toasts: Django's messages are there on load; a response may add one with the header
// HX-Trigger: {"toast": {"text": "…", "tone": "success"}}.
const toasts = document.getElementById("toasts");
const SECONDS = 6;

function fade(toast) {
  // What went wrong stays until it is dismissed.
  if (["error", "danger", "warning"].includes(toast.dataset.tone)) return;
  setTimeout(() => toast.matches(":hover, :focus-within") ? fade(toast) : toast.remove(), SECONDS * 1000);
}

export function showToast(text, tone = "success") {
  const template = document.getElementById("toast-template");
  const toast = template.content.firstElementChild.cloneNode(true);
  toast.dataset.tone = tone;
  toast.querySelector("p").textContent = text;
  toasts.append(toast);
  fade(toast);
}

for (const toast of toasts?.children ?? []) fade(toast);
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-dismiss]")) event.target.closest(".toast")?.remove();
});
document.addEventListener("toast", (event) => showToast(event.detail.text, event.detail.tone));
// A page whose requests fail must say so; a page that handles it itself calls preventDefault.
for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => {
    if (event.defaultPrevented || event.target.closest?.("[data-quiet-errors]")) return;
    if (event.detail.requestConfig?.verb === "get" && event.detail.requestConfig.triggeringEvent?.type !== "click") return;
    const { status, responseText } = event.detail.xhr ?? {};
    if (status && event.detail.xhr.getResponseHeader("HX-Trigger")?.includes('"toast"')) return; // it has said so itself
    const isPlain = status && event.detail.xhr.getResponseHeader("Content-Type")?.startsWith("text/plain");
    const words = isPlain && responseText ? responseText : `That did not work (error ${status}).`;
    showToast(status ? words : "No connection to the server.", "error");
  });
}
