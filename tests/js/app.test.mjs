import assert from "node:assert/strict";
import { test } from "node:test";
import { keyPress, newPage, openBrowser } from "./browser.mjs";
import { FakeEvent } from "./dom.mjs";

// A page with a menu, a dialog that a link opens, and a form; `messages` are Django's own.
async function open({ messages = [] } = {}) {
  const browser = openBrowser();
  const { page, h, main } = browser;
  const toastOf = (text, tone) => h("div", { class: "toast", ...(tone ? { "data-tone": tone } : {}) }, h("p", {}, text), h("button", { "data-dismiss": "" }));
  const toasts = h("div", { id: "toasts" }, ...messages.map(([text, tone]) => toastOf(text, tone)));
  const summary = h("summary");
  const menu = h("details", { class: "menu" }, summary, h("a", { href: "/projects/" }));
  const close = h("button", { "data-closes": "" });
  const dialog = h("dialog", { id: "sheet" }, close);
  dialog.getBoundingClientRect = () => ({ left: 100, right: 300, top: 100, bottom: 200 });
  const opener = h("a", { href: "/keys/", "data-opens": "sheet" }, h("b", {}, "Keys"));
  const token = h("input", { type: "hidden", name: "csrfmiddlewaretoken", value: "of-the-page" });
  const form = h("form", {}, token);
  main.append(menu, opener, form, dialog);
  page.body.append(toasts, h("template", { id: "toast-template" }, toastOf("", "")));
  const { showToast } = await newPage()("app.js");
  const shown = () => toasts.children.map((toast) => [toast.querySelector("p").textContent, toast.dataset.tone]);
  const fire = (type, detail, target = main) => {
    const event = new FakeEvent(type, { bubbles: true, cancelable: true, detail });
    target.dispatchEvent(event);
    return event;
  };
  const pointer = (type, target, clientX, clientY) => target.dispatchEvent(new FakeEvent(type, { bubbles: true, cancelable: true, clientX, clientY }));
  return { ...browser, menu, summary, dialog, close, opener, form, token, toasts, showToast, shown, fire, pointer };
}

// Menus

test("a menu closes on a click elsewhere, and not on one in it", async () => {
  const { menu, main } = await open();
  menu.open = true;
  menu.querySelector("a").click();
  assert.equal(menu.open, true);
  main.click();
  assert.equal(menu.open, false);
});

test("Escape closes a menu, gives the focus back to what opened it, and is used up by that", async () => {
  const { menu, summary, page } = await open();
  const press = (key) => {
    const event = keyPress(key);
    page.body.dispatchEvent(event);
    return event;
  };
  assert.equal(press("Escape").defaultPrevented, false); // no menu was open
  menu.open = true;
  press("x");
  assert.equal(menu.open, true);
  assert.equal(press("Escape").defaultPrevented, true);
  assert.deepEqual([menu.open, page.activeElement], [false, summary]);
});

test("keys of a composition reach no other script", async () => {
  const { page, main } = await open();
  const heard = [];
  page.addEventListener("keydown", (event) => heard.push(event.key));
  main.dispatchEvent(keyPress("Enter", "Enter", { isComposing: true }));
  main.dispatchEvent(keyPress("a", "KeyA"));
  assert.deepEqual(heard, ["a"]);
});

// Dialogs

test("a link opens its dialog instead of its page, also the second time", async () => {
  const { opener, dialog, fire } = await open();
  assert.equal(fire("click", {}, opener.querySelector("b")).defaultPrevented, true);
  assert.equal(dialog.open, true);
  dialog.showModal = () => assert.fail("a browser throws where a dialog is open already");
  fire("click", {}, opener);
});

test("a link whose dialog is not on the page stays a link", async () => {
  const { opener, dialog, fire } = await open();
  dialog.remove();
  assert.equal(fire("click", {}, opener).defaultPrevented, false);
});

test("a button in a dialog closes it; outside of one it does nothing", async () => {
  const { close, dialog, main } = await open();
  dialog.showModal();
  close.click();
  assert.equal(dialog.open, false);
  main.append(close);
  close.click();
});

test("a click on the backdrop closes the dialog, one within its box does not", async () => {
  const { dialog, pointer } = await open();
  dialog.showModal();
  for (const type of ["pointerdown", "click"]) pointer(type, dialog, 150, 150);
  assert.equal(dialog.open, true);
  for (const [x, y] of [[99, 150], [301, 150], [150, 99], [150, 201]]) {
    dialog.showModal();
    for (const type of ["pointerdown", "click"]) pointer(type, dialog, x, y);
    assert.equal(dialog.open, false, `${x}, ${y}`);
  }
});

test("text that is selected out of a dialog does not close it", async () => {
  const { dialog, close, pointer } = await open();
  dialog.showModal();
  pointer("pointerdown", close, 150, 150);
  pointer("click", dialog, 50, 150); // where it was let go; the dialog holds both places
  assert.equal(dialog.open, true);
});

// The token against forged requests

test("each request of htmx carries the token of this moment, and the page's old one no more", async () => {
  const { page, fire } = await open();
  const parameters = new FormData();
  parameters.set("csrfmiddlewaretoken", "of-the-page");
  const detail = { headers: { "X-CSRFToken": "of-the-page" }, parameters };
  page.cookie = "theme=dark; csrftoken=renewed; timezone=UTC";
  fire("htmx:configRequest", detail);
  assert.equal(detail.headers["X-CSRFToken"], "renewed");
  assert.equal(parameters.has("csrfmiddlewaretoken"), false);
});

test("without a cookie a request keeps the page's token", async () => {
  const { page, fire } = await open();
  page.cookie = "notcsrftoken=other";
  const detail = { headers: { "X-CSRFToken": "of-the-page" }, parameters: {} };
  fire("htmx:configRequest", detail);
  assert.equal(detail.headers["X-CSRFToken"], "of-the-page");
});

test("a plain form is sent with the token of this moment", async () => {
  const { page, form, token, h, main } = await open();
  page.cookie = "";
  form.requestSubmit();
  assert.equal(token.value, "of-the-page");
  page.cookie = "csrftoken=renewed";
  form.requestSubmit();
  assert.equal(token.value, "renewed");
  const search = h("form"); // has none, and needs none
  main.append(search);
  search.requestSubmit();
});

// Toasts

test("a toast says its words for six seconds", async () => {
  const { showToast, shown, clock } = await open();
  showToast("Saved");
  assert.deepEqual(shown(), [["Saved", "success"]]);
  await clock.pass(5999);
  assert.equal(shown().length, 1);
  await clock.pass(1);
  assert.equal(shown().length, 0);
});

test("what went wrong stays until it is dismissed", async () => {
  const { showToast, toasts, shown, clock } = await open();
  for (const tone of ["error", "danger", "warning"]) showToast(tone, tone);
  await clock.pass(60_000);
  assert.equal(shown().length, 3);
  toasts.children[1].querySelector("button").click();
  assert.deepEqual(shown().map(([text]) => text), ["error", "warning"]);
});

test("who points at a toast or has the focus in it reads on", async () => {
  const { showToast, toasts, shown, clock } = await open();
  showToast("Join link: …");
  const [toast] = toasts.children;
  toast.isHovered = true;
  await clock.pass(6000);
  toast.isHovered = false;
  toast.querySelector("button").focus();
  await clock.pass(6000);
  assert.equal(shown().length, 1);
  toast.querySelector("button").blur();
  await clock.pass(6000);
  assert.equal(shown().length, 0);
});

test("a toast that was dismissed does not come back when its time is over", async () => {
  const { showToast, toasts, clock, shown } = await open();
  showToast("Saved");
  toasts.children[0].querySelector("button").click();
  showToast("Saved again");
  await clock.pass(5999);
  assert.deepEqual(shown(), [["Saved again", "success"]]);
});

test("the messages that came with the page fade too, except what went wrong", async () => {
  const { shown, clock } = await open({ messages: [["Deleted", "success"], ["Not allowed", "error"]] });
  await clock.pass(6000);
  assert.deepEqual(shown(), [["Not allowed", "error"]]);
});

test("the words of a toast are words, whatever they look like", async () => {
  const { showToast, toasts } = await open();
  showToast("<img src=x onerror=alert(1)>", "info");
  assert.equal(toasts.children[0].querySelector("p").children.length, 0);
  assert.equal(toasts.textContent, "<img src=x onerror=alert(1)>");
});

test("a reply or another script can ask for a toast", async () => {
  const { fire, shown } = await open();
  fire("toast", { text: "Undone", tone: "info" });
  fire("toast", { text: "Undone" });
  assert.deepEqual(shown(), [["Undone", "info"], ["Undone", "success"]]);
});

// Requests that fail

const xhr = (status, responseText = "", headers = {}) => ({ status, responseText, getResponseHeader: (name) => headers[name] ?? null });
const posted = (request) => ({ xhr: request, requestConfig: { verb: "post" } });
const PLAIN = { "Content-Type": "text/plain; charset=utf-8" };

test("a failed request is said in the server's plain words, or by its number", async () => {
  const { fire, shown } = await open();
  fire("htmx:responseError", posted(xhr(409, "Somebody else was faster.", PLAIN)));
  fire("htmx:responseError", posted(xhr(500, "<h1>Server Error</h1>", { "Content-Type": "text/html" })));
  fire("htmx:responseError", posted(xhr(502, "", PLAIN)));
  fire("htmx:responseError", posted(xhr(503, "of nobody knows what kind")));
  assert.deepEqual(shown(), [
    ["Somebody else was faster.", "error"], ["That did not work (error 500).", "error"],
    ["That did not work (error 502).", "error"], ["That did not work (error 503).", "error"],
  ]);
});

test("no answer at all is said to be none", async () => {
  const { fire, shown } = await open();
  fire("htmx:sendError", posted(xhr(0)));
  fire("htmx:timeout", posted(undefined));
  assert.deepEqual(shown().map(([text]) => text), ["No connection to the server.", "No connection to the server."]);
});

test("a reply that says it itself, and a page that does, are not repeated", async () => {
  const { fire, shown, main, h } = await open();
  fire("htmx:responseError", posted(xhr(403, "", { "HX-Trigger": '{"toast": {"text": "No"}}' })));
  main.addEventListener("htmx:sendError", (event) => event.preventDefault());
  fire("htmx:sendError", posted(xhr(0)));
  const live = h("div", { "data-quiet-errors": "" });
  main.append(live);
  fire("htmx:responseError", posted(xhr(500)), live);
  assert.deepEqual(shown(), []);
});

test("what a page asks for by itself fails quietly, what somebody clicked does not", async () => {
  const { fire, shown, page } = await open();
  const asked = (type) => ({ xhr: xhr(500), requestConfig: { verb: "get", triggeringEvent: type && { type } } });
  fire("htmx:responseError", asked(undefined)); // as every ten seconds
  fire("htmx:responseError", asked("load"));
  assert.deepEqual(shown(), []);
  fire("htmx:responseError", asked("click"));
  page.dispatchEvent({ type: "htmx:sendError", detail: posted(xhr(0)), target: page }); // of an element that has left
  assert.equal(shown().length, 2);
});
