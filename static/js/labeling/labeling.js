// The comparison screen: takes the answer, shows the next comparison, keeps the focus. The page
// works without this file; each choice is a submit button and each request can be repeated safely.
// Others are told with the event "comparison:shown" when a comparison has come on screen.

import * as ahead from "./never_lost/ahead.js";
import { listenToAside, showAside } from "./aside.js";
import { markChosen, markGiven, needsConfirming, select, selectedButton, selectGiven, unmark, wordsOf } from "./choosing.js";
import { keepDrafts, restoreDraft } from "./never_lost/drafts.js";
import { keepLeases, startHeartbeat } from "./never_lost/heartbeat.js";
import { listenToKeys, showKeys } from "./keys.js";
import { renderMath } from "./math.js";
import { startReading, showReading } from "./reading.js";
import { fetchFragment, isOfSomeoneElse, parse, post } from "./requests.js";
import { isIdle, isUnderway, keptUntilBack, save, startSaving, takeBack, tell } from "./never_lost/saving.js";
import { announce, say, sayAgain, toast } from "../status.js";
import { aside, keptOfOthers, pending } from "./never_lost/store.js";

// A double click or a bouncing key must not answer the comparison that has just appeared.
const SETTLE_MS = 250;
const CHOSEN_MS = 90;
const KEPT = 2; // comparisons that can come back if the server refuses their answer

let shownAt = performance.now();
let today = 0;
let locked = null; // the assignment whose answer's reply the page waits for
let wantsUndo = false;
let isUndoing = false;
let leaving = null; // resolves when the chosen side has been seen
const previous = new Map();

const comparison = () => document.getElementById("comparison");
const shownUuid = () => ahead.uuidOf(comparison());
const main = document.querySelector("main");

document.addEventListener("submit", (event) => {
  if (event.target.id === "undo") return undo(event);
  if (event.target.id !== "judgment" || event.defaultPrevented) return;
  event.preventDefault();
  const button = event.submitter;
  if (!button || locked || leaving || performance.now() - shownAt < SETTLE_MS) return;
  if (needsConfirming(button)) select(button);
  else answer(event.target, button);
});

function answer(form, button) {
  const uuid = shownUuid();
  form.elements.seconds.value = ((performance.now() - shownAt) / 1000).toFixed(1);
  form.elements.today.value = today;
  const counts = button.value !== "skip" && !button.value.startsWith("flag");
  markChosen(button);
  const next = ahead.take();
  locked = next ? null : uuid;
  ahead.answered(uuid);
  leaving = new Promise((resolve) => setTimeout(resolve, CHOSEN_MS));
  if (next) leaving.then(() => { today += counts; show(next); });
  else leaving.then(() => { leaving = null; });
  nextUuid = ahead.uuidOf(next);
  const fields = [...new FormData(form, button)].filter(([name]) => name !== "csrfmiddlewaretoken");
  save({ uuid, url: form.action, fields, said: wordsOf(button), about: beginning(), counts: Number(counts), at: new Date().toISOString() });
}

// By what a person knows it again.
const ABOUT_LENGTH = 120;
const beginning = () => comparison().querySelector(".prompt-inner > .raw")?.textContent.trim().slice(0, ABOUT_LENGTH) ?? "";

// What is on screen, or will be in a moment: the server hands out the one after it.
let nextUuid = null;
const onScreen = () => nextUuid ?? shownUuid();

function prepare(root) {
  showKeys(root);
  renderMath(root);
}

function show(root) {
  const old = comparison();
  const uuid = ahead.uuidOf(old);
  if (uuid) previous.set(uuid, old);
  for (const [first] of previous) if (previous.size > KEPT) previous.delete(first);
  ahead.isShown(ahead.uuidOf(root));
  old.replaceWith(root);
  window.htmx?.process(root);
  arrive();
}

async function saved(entry, html) {
  const root = parse(html);
  await leaving;
  showAside();
  tell(root.dataset.note);
  noticeGuidelines(root);
  const isLast = isIdle();
  if (locked === entry.uuid) {
    locked = null;
    today = Number(root.dataset.today);
    prepare(root);
    show(root);
    return announce(root.dataset.announce);
  }
  ahead.offer(root, onScreen(), prepare);
  announce(root.dataset.announce.replace("Nothing more to compare.", "Next comparison."));
  goOn();
  if (isLast && wantsUndo) comparison().querySelector("#undo")?.requestSubmit();
}

// The page waited with an answer that still waits itself, and now there is something to show.
function goOn() {
  if (!locked || !ahead.aheadUuid()) return;
  locked = null;
  today += 1;
  show(ahead.take());
}

const canComeBack = (entry) => shownUuid() === entry.uuid || previous.has(entry.uuid);

async function refused(entry, text) {
  await leaving;
  ahead.comesBack(entry.uuid);
  const old = previous.get(entry.uuid);
  previous.delete(entry.uuid);
  if (locked === entry.uuid || shownUuid() === entry.uuid) {
    locked = null;
    unmark(comparison());
    return;
  }
  tell(text);
  // The one on screen waits behind it.
  if (!old) return;
  const current = comparison();
  unmark(old);
  show(old);
  ahead.offer(current, onScreen(), prepare);
  say(text, "warning");
}

// The answer is kept, out of the way; what is on screen goes on.
async function setAside(entry, text, status) {
  await leaving;
  previous.delete(entry.uuid);
  const words = `An answer is set aside, and kept. ${text}`;
  showAside();
  if (!entry.again) {
    say("Set aside", "warning");
    announce(words);
    tell(words);
  }
  // Or the server hands out the same one again.
  if (status !== 404) await post(main.dataset.letGo, [["held", entry.uuid], ["now", "yes"]]).catch(() => null);
  if (shownUuid() === entry.uuid) goPast(entry.uuid);
}

async function goPast(uuid) {
  let next = ahead.take();
  try {
    next ??= parse(await fetchFragment(location.href));
    if (next) prepare(next);
  } catch {
    next = null; // no connection: it can be answered again, or skipped
  }
  if (shownUuid() !== uuid) return;
  locked = null;
  if (next?.id === "comparison") show(next);
  else unmark(comparison());
}

// A double click takes back one comparison, not two.
async function undo(event) {
  event.preventDefault();
  wantsUndo = false;
  if (isUndoing) return;
  isUndoing = true;
  if (leaving) await leaving;
  try {
    if (isIdle()) await undoSaved(event.target.action);
    else undoQueued(event.target.action);
  } finally {
    isUndoing = false;
  }
}

async function undoSaved(address) {
  try {
    const response = await post(address);
    if (isOfSomeoneElse(response)) return say("Signed in as someone else: nothing was undone.", "warning");
    if (response.status === 401) return location.assign(`${main.dataset.signIn}?next=${encodeURIComponent(location.pathname)}`);
    const words = JSON.parse(response.headers.get("HX-Trigger") ?? "{}").toast;
    if (words) return document.dispatchEvent(new CustomEvent("toast", { detail: words }));
    if (!response.ok) return say(`Undo did not work (error ${response.status}).`, "warning");
    const root = parse(await response.text());
    // A sign-in page of the network says 200 too.
    if (root?.id !== "comparison") return say("The server has trouble: nothing was undone.", "warning");
    ahead.forget();
    previous.clear();
    locked = null;
    today = Number(root.dataset.today);
    prepare(root);
    show(root);
    say("Taken back");
    announce(root.dataset.announce);
    selectGiven(comparison());
  } catch {
    say("Undo needs a connection to the server.", "warning");
  }
}

// The last answer still waits: it comes back from here, as it was given.
function undoQueued(address) {
  const entry = pending.answers().at(-1);
  if (!entry) return say("Undo needs a connection to the server.", "warning");
  if (isUnderway(entry.uuid)) {
    wantsUndo = true; // as soon as it is known whether that was saved
    return;
  }
  const old = previous.get(entry.uuid);
  const current = comparison();
  const isHere = shownUuid() === entry.uuid;
  if (!isHere && !old) return announce("Undo has to wait until your answer is saved.");
  takeBack(entry, address);
  ahead.comesBack(entry.uuid);
  markGiven(isHere ? current : old);
  if (isHere) {
    locked = null;
  } else {
    previous.delete(entry.uuid);
    locked = null;
    today -= entry.counts;
    show(old);
    ahead.offer(current, onScreen(), prepare);
  }
  say("Taken back");
  announce(`Taken back. Your last comparison is here again. You had said: ${entry.said}.`);
  selectGiven(comparison());
}

function waiting() {
  if (wantsUndo) comparison().querySelector("#undo")?.requestSubmit();
}

// The guidelines are those of the page's first moment until the person has opened the new ones.
function noticeGuidelines(root) {
  const notice = document.getElementById("guidelines-notice");
  if (!root.dataset.guidelines || root.dataset.guidelines === notice.dataset.known) return;
  notice.dataset.known = root.dataset.guidelines;
  notice.hidden = false;
  announce("The guidelines have changed.");
}
document.addEventListener("click", (event) => {
  if (event.target.closest("#guidelines-notice :is(a, button)")) document.getElementById("guidelines-notice").hidden = true;
});

// A comparison has come on screen.
function arrive() {
  const root = comparison();
  leaving = null;
  nextUuid = null;
  unmark(root);
  shownAt = performance.now();
  document.getElementById("today").textContent = today;
  sayAgain();
  showReading(root);
  restoreDraft();
  startHeartbeat(root.dataset.heartbeat, Number(root.dataset.heartbeatSeconds), (text) => say(text, "warning"));
  document.getElementById("choices")?.focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("comparison:shown", { detail: { root } }));
  // The eye comes first: what is next is asked for when this one has been painted.
  setTimeout(() => {
    if (root.isConnected && isIdle()) ahead.ask(root, today, onScreen, prepare);
  }, SETTLE_MS);
}

// The page that waits for comparisons polls by htmx, and what it gets is the next one. A sign-in
// page of the network says 200 too: it is not shown in the comparison's place, and the page asks on.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, serverResponse } = event.detail;
  if (target.id === "comparison" && !serverResponse.includes('id="comparison"')) event.detail.shouldSwap = false;
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "comparison") return;
  const root = comparison();
  today = Number(root.dataset.today);
  prepare(root);
  arrive();
  if (root.dataset.announce) announce(root.dataset.announce);
});

// An answer from before a reload is on its way: its comparison takes no second one.
function start() {
  const uuid = shownUuid();
  today = Number(comparison().dataset.today);
  if (pending.get(uuid)?.url) locked = uuid;
  if (aside.has(uuid)) announce("Your answer to this one could not be saved. Answer again, or go on later.");
  for (const { name, count } of keptOfOthers()) toast(keptUntilBack(count, name), "info");
  for (const entry of pending.answers()) ahead.answered(entry.uuid);
  document.documentElement.classList.add("has-script");
  listenToKeys(selectedButton);
  keepDrafts();
  startReading();
  showKeys(document);
  renderMath(comparison());
  arrive();
  keepLeases(ahead.aheadUuid, () => [pending.get(shownUuid())?.url ? null : shownUuid(), ahead.aheadUuid()], main.dataset.letGo);
  listenToAside();
  startSaving({ onScreen, saved, waiting, canComeBack, refused, setAside });
}

start();
