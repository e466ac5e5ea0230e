// An answer on its way to the server. It is written down in this browser first, then sent; without
// a connection, at a server fault or signed out it stays written down and is sent again, in order,
// also after a reload. The page need not wait: if the next comparison is ready, it is shown.

import { post } from "./requests.js";
import { announce, say, toast } from "./status.js";
import { drafts, pending } from "./store.js";

const RETRY_SECONDS = [1, 2, 4, 8, 15];
const SAVING_AFTER_MS = 300;

let isSending = false;
let attempt = 0;
let timer = null;
let hooks = null; // {onScreen(), saved(entry, html), refused(entry, text, status)}

export const isWaiting = () => attempt > 0;
export const isIdle = () => pending.all().length === 0;

export function startSaving(given) {
  hooks = given;
  addEventListener("online", sendNow);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") sendNow();
  });
  // Only where nothing can be written down is leaving a loss.
  addEventListener("beforeunload", (event) => {
    if (pending.isVolatile()) event.preventDefault();
  });
  send();
}

export function save(entry) {
  pending.add(entry);
  send();
}

export function sendNow() {
  clearTimeout(timer);
  send();
}

async function send() {
  const [entry] = pending.all();
  if (!entry || isSending) return;
  isSending = true;
  const slow = setTimeout(() => { if (!isWaiting()) say("Saving…"); }, SAVING_AFTER_MS);
  let response;
  let text;
  try {
    const shown = hooks.onScreen();
    response = await post(entry.url, [...entry.fields, ["on_screen", shown === entry.uuid ? "" : shown ?? ""]]);
    text = await response.text();
  } catch {
    response = null; // no connection, or one that broke off
  }
  clearTimeout(slow);
  isSending = false;
  settle(entry, response, text);
}

function settle(entry, response, text) {
  const isPlain = response?.headers.get("Content-Type")?.startsWith("text/plain");
  if (response?.ok) return settled(entry, text);
  if (!response) return waitFor("Waiting for connection");
  // A refusal in words is ours; any other 403 is a token that signing in renews.
  if (response.status === 401 || (response.status === 403 && !isPlain)) return waitForSignIn();
  if (response.status >= 500 || [409, 429].includes(response.status)) return waitFor("The server has trouble");
  return refuse(entry, response.status, isPlain ? text : `Not saved (error ${response.status}).`);
}

function settled(entry, text) {
  attempt = 0;
  pending.remove(entry.uuid);
  drafts.remove(entry.uuid);
  const left = pending.all().length;
  if (left) say(`Saving… ${left} to go`);
  else say("Saved ✓", "success");
  hooks.saved(entry, text);
  send();
}

function refuse(entry, status, text) {
  attempt = 0;
  pending.remove(entry.uuid);
  const words = status === 404 ? "Not saved: this comparison is no longer yours." : text;
  say(words, "warning");
  announce(words);
  hooks.refused(entry, words, status);
  send();
}

// Few words in the bar, which must not grow; whole sentences for those who hear them.
function sayWaiting(what, action) {
  const count = pending.all().length;
  say(`${what} · ${count} kept`, "warning", action);
  if (attempt > 1) return;
  announce(`Not saved yet: ${what}. ${count === 1 ? "Your answer is kept and" : `Your ${count} answers are kept and`} will be sent.`);
}

function again() {
  clearTimeout(timer);
  const seconds = RETRY_SECONDS[Math.min(attempt, RETRY_SECONDS.length) - 1];
  timer = setTimeout(send, seconds * 1000);
}

function waitFor(what) {
  attempt += 1;
  sayWaiting(what, { text: "Try now", run: sendNow });
  again();
}

function waitForSignIn() {
  attempt += 1;
  const here = encodeURIComponent(location.pathname);
  sayWaiting("Signed out", { text: "Sign in", href: `${document.querySelector("main").dataset.signIn}?next=${here}` });
  again();
}

export function tell(note) {
  if (note) toast(note);
}
