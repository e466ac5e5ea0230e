// An answer on its way to the server. It is written down in this browser first, then sent; without
// a connection, at a server fault or signed out it stays written down and is sent again, in order,
// also after a reload. The page need not wait: if the next comparison is ready, it is shown.
// One that the server refuses again and again is set aside: kept, but in nobody's way (aside.js).

import { isOfSomeoneElse, post } from "../requests.js";
import { announce, say, toast } from "../../status.js";
import { aside, drafts, owner, pending } from "./store.js";

const RETRY_SECONDS = [1, 2, 4, 8, 15];
const SAVING_AFTER_MS = 300;
// The server or what stands before it is away, or busy with somebody else: that passes.
const PASSING = [408, 409, 425, 429, 502, 503, 504];
const TRIES = 3; // of an answer on which the server fails

let isSending = false;
let underway = null; // the assignment whose answer is being sent
let attempt = 0;
let timer = null;
let isOfAnother = false; // the session; said once
// {onScreen(), saved(entry, html), waiting(), canComeBack(entry), refused(entry, text), setAside(entry, text, status)}
let hooks = null;
const refusedOnce = new Set(); // came back on screen to be answered otherwise

export const isUnderway = (uuid) => underway === uuid;
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
  retryAll();
}

export function save(entry) {
  // What was taken back before is still to be taken back at the server.
  const { takeBack } = pending.get(entry.uuid) ?? {};
  pending.add({ ...entry, takeBack });
  send();
}

// An answer that waits is no answer any more. The server may have it all the same, if only its
// reply was lost: then it is undone there first of all.
export function takeBack(entry, url) {
  if (entry.tried) pending.change(entry.uuid, { takeBack: url, url: undefined, fields: [] });
  else pending.remove(entry.uuid);
  if (!isIdle()) return;
  clearTimeout(timer);
  attempt = 0;
}

// What was set aside while the server had trouble, or while one was no member, gets one more try,
// without a word if in vain: with each page, and when another answer is saved.
function retryAll(isWanted = () => true) {
  for (const entry of aside.all()) {
    if (mayPass(entry.aside.status) && isWanted(entry)) aside.retry(entry.uuid, { tries: TRIES - 1, again: true });
  }
  send();
}

const mayPass = (status) => status >= 500 || status === 403;

export function retry(uuid) {
  aside.retry(uuid, { tries: 0, again: false });
  refusedOnce.add(uuid); // its page has gone: refused again, it is set aside again
  sendNow();
}

export function sendNow() {
  clearTimeout(timer);
  send();
}

async function send() {
  const [entry] = pending.all();
  if (!entry || isSending) return;
  isSending = true;
  underway = entry.uuid;
  const slow = setTimeout(() => { if (!attempt && !entry.again) say("Saving…"); }, SAVING_AFTER_MS);
  let response;
  let text;
  try {
    const shown = hooks.onScreen();
    if (!entry.takeBack) pending.change(entry.uuid, { tried: true });
    const request = entry.takeBack
      ? [entry.takeBack, [["only", entry.uuid]]]
      : [entry.url, [...entry.fields, ["on_screen", shown === entry.uuid ? "" : shown ?? ""]]];
    response = await post(...request);
    text = await response.text();
  } catch {
    response = null; // no connection, or one that broke off
  }
  clearTimeout(slow);
  isSending = false;
  underway = null;
  settle(entry, response, text);
}

function settle(entry, response, text) {
  const isPlain = response?.headers.get("Content-Type")?.startsWith("text/plain");
  // Another window may have settled it meanwhile.
  if (!response?.ok && !pending.has(entry.uuid)) return send();
  if (!response) return waitFor("Waiting for connection");
  if (isOfSomeoneElse(response)) return waitForOwner();
  if (entry.takeBack && !PASSING.includes(response.status)) return takenBack(entry, response);
  // A sign-in page of the network says 200 too; an answer that is saved brings a comparison.
  if (response.ok) return text.includes('id="comparison"') ? settled(entry, text) : waitFor("The server has trouble");
  // A refusal in words is ours; any other 403 is a token that signing in renews.
  if (response.status === 401 || (response.status === 403 && !isPlain)) return waitForSignIn();
  if (PASSING.includes(response.status)) return waitFor("The server has trouble");
  if (response.status >= 500) return failed(entry, response.status);
  return refuse(entry, response.status, isPlain ? text : `Not saved (error ${response.status}).`);
}

// The server has undone it, had nothing to undo, or refuses to: then its first answer stands, and
// says so when the new one comes.
function takenBack(entry, response) {
  if (response.status === 401) return waitForSignIn();
  attempt = 0;
  const { toast: words } = JSON.parse(response.headers.get("HX-Trigger") ?? "{}");
  if (words) toast(words.text, words.tone);
  if (entry.url) pending.change(entry.uuid, { takeBack: undefined });
  else pending.remove(entry.uuid);
  if (isIdle()) say("Taken back");
  send();
}

function failed(entry, status) {
  const tries = (entry.tries ?? 0) + 1;
  pending.change(entry.uuid, { tries });
  if (tries < TRIES) return waitFor("The server has trouble");
  setAside(entry, status, `The server failed on it (error ${status}).`);
}

// The next answer waits until the comparison is let go: else its reply would bring this one again.
async function setAside(entry, status, text) {
  attempt = 0;
  aside.put(entry.uuid, status, text);
  isSending = true;
  try {
    await hooks.setAside(entry, text, status);
  } finally {
    isSending = false;
  }
  send();
}

function settled(entry, text) {
  attempt = 0;
  isOfAnother = false;
  refusedOnce.delete(entry.uuid);
  pending.remove(entry.uuid);
  drafts.remove(entry.uuid);
  const left = pending.all().length;
  if (left) say(`Saving… ${left} to go`);
  else say("Saved ✓", "success");
  hooks.saved(entry, text);
  retryAll(({ again }) => !again);
}

// What can be answered otherwise comes back on screen once; everything else is set aside.
function refuse(entry, status, text) {
  const words = status === 404 ? "Not saved: this comparison is no longer yours." : text;
  if ([403, 404].includes(status) || refusedOnce.has(entry.uuid) || !hooks.canComeBack(entry)) {
    return setAside(entry, status, words);
  }
  attempt = 0;
  refusedOnce.add(entry.uuid);
  pending.remove(entry.uuid);
  say(words, "warning");
  announce(words);
  hooks.refused(entry, words);
  send();
}

// Few words in the bar, which must not grow; whole sentences for those who hear them.
function sayWaiting(what, action) {
  const count = pending.answers().length;
  say(count ? `${what} · ${count} kept` : what, "warning", action);
  hooks.waiting();
  if (attempt > 1 || !count) return;
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

// Whoever is signed in now saves nothing of this page's labeler, and loses nothing of it either.
function waitForOwner() {
  attempt += 1;
  if (!isOfAnother) toast(`This page belongs to ${owner.name}. ${keptUntilBack(pending.answers().length, owner.name)}`);
  isOfAnother = true;
  sayWaiting("Signed in as someone else", { text: "Try now", run: sendNow });
  again();
}

export const keptUntilBack = (count, name) => (
  `${count} answer${count === 1 ? " is" : "s are"} kept on this computer until ${name} signs in again.`
);

export function tell(note) {
  if (note) toast(note);
}
