import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser, quiet } from "../../browser.mjs";

const NEVER_LOST = "labeling/never_lost";
const HTML = { "Content-Type": "text/html; charset=utf-8" };
const PLAIN = { "Content-Type": "text/plain; charset=utf-8" };
const saved = () => new Response('<section id="comparison"></section>', { headers: HTML });
const refused = (status, text = "") => new Response(text, { status, headers: text ? PLAIN : HTML });
const answer = (uuid, choice = "left") => ({ uuid, url: `/assignments/${uuid}/judgment/`, fields: [["choice", choice]] });

// A comparison screen as labeling.js makes it of these scripts. `log` is what it was told.
async function openScreen(options = {}) {
  const browser = openBrowser(options);
  const script = newPage();
  const [saving, store] = [await script(`${NEVER_LOST}/saving.js`), await script(`${NEVER_LOST}/store.js`)];
  const log = [];
  saving.startSaving({
    onScreen: () => options.onScreen ?? null,
    saved: (entry) => log.push(`saved ${entry.uuid}`),
    waiting: () => log.push("waiting"),
    canComeBack: () => options.canComeBack ?? true,
    refused: (entry, text) => log.push(`refused ${entry.uuid}: ${text}`),
    setAside: async (entry, text) => log.push(`set aside ${entry.uuid}: ${text}`),
  });
  await quiet();
  const sent = () => browser.server.requests.map(({ url }) => url.split("/")[2]);
  const lines = () => browser.page.getElementById("save-state").textContent;
  return { ...browser, ...saving, ...store, log, sent, lines };
}

const uuids = (entries) => entries.map((entry) => entry.uuid);

test("an answer is written down before it is sent, and goes when it is saved", async () => {
  const { save, server, pending, log } = await openScreen();
  let atSending = null;
  server.reply(() => { atSending = uuids(pending.all()); return saved(); });
  save(answer("a"));
  await quiet();
  assert.deepEqual(atSending, ["a"]);
  assert.deepEqual(pending.all(), []);
  assert.deepEqual(log, ["saved a"]);
});

test("answers are sent one at a time, in the order they were given", async () => {
  const { save, server, sent, log } = await openScreen();
  let arrive;
  server.reply(() => new Promise((resolve) => { arrive = () => resolve(saved()); }), saved(), saved());
  for (const uuid of ["a", "b", "c"]) save(answer(uuid));
  await quiet();
  assert.deepEqual(sent(), ["a"]);
  arrive();
  await quiet();
  assert.deepEqual(sent(), ["a", "b", "c"]);
  assert.deepEqual(log, ["saved a", "saved b", "saved c"]);
});

test("without a connection nothing overtakes the first, which is sent again later and later", async () => {
  const { save, server, clock, sent, pending } = await openScreen();
  save(answer("a"));
  save(answer("b"));
  await quiet();
  assert.deepEqual(sent(), ["a"]);
  await clock.pass(1000);
  await clock.pass(1999);
  assert.deepEqual(sent(), ["a", "a"]);
  await clock.pass(1);
  assert.deepEqual(sent(), ["a", "a", "a"]);
  assert.deepEqual(uuids(pending.all()), ["a", "b"]);
  server.reply(saved(), saved());
  await clock.pass(4000);
  assert.deepEqual(sent().slice(3), ["a", "b"]);
  assert.deepEqual(pending.all(), []);
});

test("the connection's coming back is not waited for", async () => {
  const { save, server, window, sent, pending } = await openScreen();
  save(answer("a"));
  await quiet();
  server.reply(saved());
  window.tell({ type: "online" }, false);
  await quiet();
  assert.deepEqual(sent(), ["a", "a"]);
  assert.deepEqual(pending.all(), []);
});

test("what a page left behind is sent by the next one, first of all", async () => {
  const first = await openScreen();
  first.save(answer("a"));
  await quiet();
  const { server, save, sent, pending } = await openScreen({ storage: first.storage });
  assert.deepEqual(sent(), ["a"]); // no connection yet
  server.reply(saved(), saved());
  save(answer("b"));
  await quiet();
  assert.deepEqual(sent(), ["a", "a", "b"]);
  assert.deepEqual(pending.all(), []);
});

test("another account sends nothing of it, and the owner's next page does", async () => {
  const lena = await openScreen();
  lena.save(answer("a"));
  await quiet();
  const otto = await openScreen({ storage: lena.storage, labeler: "8", labelerName: "Otto" });
  otto.sendNow();
  await quiet();
  assert.deepEqual(otto.sent(), []);
  const again = await openScreen({ storage: lena.storage });
  assert.deepEqual(again.sent(), ["a"]);
  assert.equal(again.server.requests[0].headers["X-Labeler"], "7");
});

test("somebody else's session keeps the answer for its owner and says so once", async () => {
  const { save, server, clock, pending, toasts, lines } = await openScreen();
  const somebodyElse = () => new Response("", { status: 409, headers: { "X-Someone-Else": "1" } });
  server.reply(somebodyElse(), somebodyElse());
  save(answer("a"));
  await clock.pass(1000);
  assert.deepEqual(uuids(pending.all()), ["a"]);
  assert.deepEqual(toasts, ["This page belongs to Lena. 1 answer is kept on this computer until Lena signs in again."]);
  assert.match(lines(), /Signed in as someone else · 1 kept/);
});

for (const [status, what] of [[401, "Signed out"], [403, "Signed out"], [503, "The server has trouble"], [429, "The server has trouble"]]) {
  test(`status ${status} passes: the answer is kept and sent again`, async () => {
    const { save, server, clock, pending, lines, log } = await openScreen();
    server.reply(refused(status), saved());
    save(answer("a"));
    await quiet();
    assert.deepEqual(uuids(pending.all()), ["a"]);
    assert.match(lines(), new RegExp(`${what} · 1 kept`));
    await clock.pass(1000);
    assert.deepEqual(log.at(-1), "saved a");
  });
}

test("a page that is no comparison saves nothing, though it says 200", async () => {
  const { save, server, pending } = await openScreen();
  server.reply(new Response("<h1>Welcome to this café's network</h1>"));
  save(answer("a"));
  await quiet();
  assert.deepEqual(uuids(pending.all()), ["a"]);
});

test("a reply that breaks off counts as none", async () => {
  const { save, server, pending } = await openScreen();
  server.reply({ ok: true, status: 200, headers: new Headers(), text: () => Promise.reject(new TypeError("broke off")) });
  save(answer("a"));
  await quiet();
  assert.deepEqual(uuids(pending.all()), ["a"]);
});

test("what can be answered otherwise comes back on screen once, and is set aside when refused again", async () => {
  const { save, server, pending, aside, log } = await openScreen();
  server.reply(refused(400, "A reason is missing."), refused(400, "A reason is missing."));
  save(answer("a"));
  await quiet();
  assert.deepEqual(log, ["refused a: A reason is missing."]);
  assert.deepEqual([pending.all(), aside.all()], [[], []]);
  save(answer("a", "right"));
  await quiet();
  assert.deepEqual(log.at(-1), "set aside a: A reason is missing.");
  assert.deepEqual(aside.all()[0].fields, [["choice", "right"]]);
});

test("an answer that the server refuses for good is set aside, kept, and holds up nobody", async () => {
  const { save, server, aside, log } = await openScreen({ canComeBack: false });
  server.reply(refused(404), saved(), saved());
  save(answer("a"));
  save(answer("b"));
  await quiet();
  assert.deepEqual(log, ["set aside a: Not saved: this comparison is no longer yours.", "saved b"]);
  assert.deepEqual(uuids(aside.all()), ["a"]);
});

test("an answer on which the server fails three times is set aside, and the next one is sent", async () => {
  const { save, server, clock, aside, pending, log, sent } = await openScreen();
  server.reply(refused(500), refused(500), refused(500), saved(), refused(500), saved());
  save(answer("a"));
  save(answer("b"));
  await clock.pass(1000);
  assert.deepEqual(log, ["waiting", "waiting"]);
  await clock.pass(2000);
  assert.deepEqual(log.slice(2, 4), ["set aside a: The server failed on it (error 500).", "saved b"]);
  // With another's success it gets one more try, in vain, and is kept; with the next one none.
  assert.deepEqual([pending.all(), uuids(aside.all())], [[], ["a"]]);
  save(answer("c"));
  await clock.pass(60_000);
  assert.deepEqual(sent(), ["a", "a", "a", "b", "a", "c"]);
});

test("the next page tries once more what was set aside while the server had trouble", async () => {
  const first = await openScreen();
  first.server.reply(refused(500), refused(500), refused(500));
  first.save(answer("a"));
  await first.clock.pass(5000);
  assert.deepEqual(uuids(first.aside.all()), ["a"]);
  const later = openBrowser({ storage: first.storage });
  later.server.reply(saved());
  const script = newPage();
  const { startSaving } = await script(`${NEVER_LOST}/saving.js`);
  const log = [];
  startSaving({ onScreen: () => null, saved: (entry) => log.push(entry.uuid), waiting() {} });
  await quiet();
  assert.deepEqual(log, ["a"]);
  assert.deepEqual(Object.keys(first.storage), []);
});

test("an answer taken back before it was sent is never sent", async () => {
  const { save, takeBack, server, clock, sent, pending, isUnderway } = await openScreen();
  save(answer("a"));
  save(answer("b"));
  await quiet();
  assert.equal(isUnderway("a"), false); // its sending failed: it waits
  takeBack(pending.get("b"), "/undo/");
  server.reply(saved());
  await clock.pass(20_000);
  assert.deepEqual(sent(), ["a", "a"]);
  assert.deepEqual(pending.all(), []);
});

test("one that may have arrived is undone at the server first, before the new answer", async () => {
  const { save, takeBack, server, clock, pending } = await openScreen();
  save(answer("a"));
  await quiet();
  takeBack(pending.get("a"), "/undo/");
  server.reply(new Response(null, { status: 204 }), saved());
  save(answer("a", "right"));
  await clock.pass(20_000);
  const [, undo, again] = server.requests;
  assert.deepEqual([undo.url, undo.fields], ["/undo/", [["only", "a"]]]);
  assert.deepEqual([again.url, again.fields[0]], ["/assignments/a/judgment/", ["choice", "right"]]);
  assert.deepEqual(pending.all(), []);
});

test("an undo that is still to reach the server is done there, and its own words are said", async () => {
  const words = { text: "The comparison was settled meanwhile.", tone: "info" };
  const inWords = { "HX-Trigger": JSON.stringify({ toast: words }) };
  for (const [headers, toasts] of [[{}, []], [inWords, [words.text]]]) {
    const screen = await openScreen();
    screen.save(answer("a"));
    await quiet();
    screen.takeBack(screen.pending.get("a"), "/undo/");
    screen.server.reply(new Response(null, { status: 204, headers }));
    screen.sendNow();
    await quiet();
    assert.deepEqual([screen.pending.all(), screen.lines(), screen.toasts], [[], "Taken back", toasts]);
  }
});

test("who was signed out signs in before an undo reaches the server", async () => {
  const { save, takeBack, server, pending, sendNow, page } = await openScreen();
  save(answer("a"));
  await quiet();
  takeBack(pending.get("a"), "/undo/");
  server.reply(new Response(null, { status: 401 }));
  sendNow();
  await quiet();
  assert.equal(page.querySelector("#save-state a").href, "/sign-in/?next=%2Fprojects%2Fp%2Flabel%2F");
  assert.equal(pending.has("a"), true);
});

test("only what takes a moment is said to be on its way", async () => {
  const { save, server, clock, lines } = await openScreen();
  let arrive;
  server.reply(() => new Promise((resolve) => { arrive = () => resolve(saved()); }));
  save(answer("a"));
  await clock.pass(299);
  assert.equal(lines(), "");
  await clock.pass(1);
  assert.equal(lines(), "Saving…");
  arrive();
  await quiet();
  assert.equal(lines(), "Saved ✓");
});

test("a page that comes to the front again sends at once, one that leaves it does not", async () => {
  const { save, page, sent } = await openScreen();
  save(answer("a"));
  await quiet();
  for (const [visibility, count] of [["hidden", 1], ["visible", 2]]) {
    page.visibilityState = visibility;
    page.dispatchEvent({ type: "visibilitychange" });
    await quiet();
    assert.equal(sent().length, count);
  }
});

test("what another window has saved meanwhile is not called refused", async () => {
  const { save, server, storage, log } = await openScreen();
  server.reply(() => { storage.removeItem("pending-answers:7"); return refused(400, "Answered already."); });
  save(answer("a"));
  await quiet();
  assert.deepEqual(log, []);
});

test("the server hears what is on screen, and not the answered comparison itself", async () => {
  const next = await openScreen({ onScreen: "b" });
  next.server.reply(saved());
  next.save(answer("a"));
  await quiet();
  assert.deepEqual(next.server.requests[0].fields.at(-1), ["on_screen", "b"]);
  const same = await openScreen({ onScreen: "a" });
  same.server.reply(saved());
  same.save(answer("a"));
  await quiet();
  assert.deepEqual(same.server.requests[0].fields.at(-1), ["on_screen", ""]);
});

test("a saved answer needs its draft no more; a waiting one does", async () => {
  const { save, server, clock, drafts } = await openScreen();
  drafts.set("a", [{ name: "rationale", value: "Because" }]);
  save(answer("a"));
  await quiet();
  assert.notEqual(drafts.get("a"), undefined);
  server.reply(saved());
  await clock.pass(1000);
  assert.equal(drafts.get("a"), undefined);
});

test("leaving the page is asked about only where answers could not be written down", async () => {
  const leave = ({ window }) => {
    const event = { type: "beforeunload", isAsked: false, preventDefault() { this.isAsked = true; } };
    window.tell(event, false);
    return event.isAsked;
  };
  const screen = await openScreen();
  screen.save(answer("a"));
  assert.equal(leave(screen), false);
  const refuse = () => { throw new Error("full"); };
  Object.defineProperty(screen.storage, "setItem", { value: refuse, configurable: true });
  screen.save(answer("b"));
  assert.equal(leave(screen), true);
});
