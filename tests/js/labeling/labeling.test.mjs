import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser, quiet } from "../browser.mjs";
import { Storage } from "../dom.mjs";

const PLAIN = { "Content-Type": "text/plain; charset=utf-8" };
const MADE = 250; // milliseconds until a comparison takes answers
const SEEN = 90; // and until a chosen side has been seen

// A comparison as templates/judging/_comparison.html has it; without `uuid` nothing is left to do.
function comparisonOf(h, { uuid, today = 0, announce = "Next comparison.", note, guidelines = "1", given } = {}) {
  const button = (value, more = {}, ...inner) => h("button", { name: "choice", value, class: given === value ? "was-given" : "", ...more }, ...inner);
  const choices = h("fieldset", { id: "choices" }, h("div", { class: "choices" },
    button("left", { "data-side": "A" }, h("span", { class: "words" }, "A is better")), button("right", { "data-side": "B" }, "B is better")));
  const form = h("form", { id: "judgment" }, h("input", { type: "hidden", name: "csrfmiddlewaretoken", value: "old" }),
    h("input", { name: "today" }), h("input", { name: "seconds" }), choices,
    button("both_bad", {}, "Both bad"), button("skip", {}, "Skip"), button("flag:offensive", {}, "Offensive"));
  form.action = `/assignments/${uuid}/judgment/`;
  const undo = h("form", { id: "undo" });
  undo.action = "/projects/p/undo/";
  return h("section", {
    id: "comparison", "data-today": today, "data-announce": announce, "data-guidelines": guidelines, ...(note ? { "data-note": note } : {}),
    ...(uuid ? { "data-assignment": uuid, "data-ahead": "/projects/p/ahead/", "data-heartbeat": `/assignments/${uuid}/heartbeat/`, "data-heartbeat-seconds": "200" } : {}),
  }, ...(uuid ? [h("div", { class: "prompt-inner" }, h("div", { class: "raw" }, `Prompt of ${uuid} `)),
    h("article", { id: "response-A" }), h("article", { id: "response-B" }), form] : [h("h2", { id: "choices" })]), undo);
}

// A reply with a comparison; parse() of requests.js makes an element of what is said in it.
const html = (spec, more = {}) => new Response(`id="comparison" ${JSON.stringify(spec)}`, more);
const junk = () => new Response("<title>Sign in to the network</title>");
const refusal = (status, text) => new Response(text, { status, headers: PLAIN });

// The comparison screen with "a". Replies wait by the last word of the address: ahead, judgment,
// undo, let-go, label; without one the connection is down.
async function open({ shown = { uuid: "a" }, ahead = [], instant = true, waits = MADE, ...options } = {}) {
  const browser = openBrowser(options);
  const { h, main, page, server, clock } = browser;
  main.setAttribute("data-let-go", "/assignments/let-go/");
  const replies = { ahead: ahead.map((spec) => html(spec)), judgment: [], undo: [], "let-go": [], label: [] };
  server.otherwise = ({ url }) => {
    const kind = url.split("/").filter(Boolean).at(-1);
    if (kind === "heartbeat") return new Response(null, { status: 204 });
    const reply = replies[kind].shift();
    if (!reply) throw new TypeError("no connection");
    return reply;
  };
  const create = page.createElement.bind(page);
  page.createElement = (tag) => (tag === "template" ? {
    set innerHTML(text) {
      const root = text.startsWith("id=") ? comparisonOf(h, JSON.parse(text.slice(text.indexOf("{")))) : h("title");
      this.content = { firstElementChild: root };
    },
  } : create(tag));
  globalThis.FormData = class {
    constructor(form, submitter) { this.fields = [...form.elements.filter((field) => field.localName === "input"), submitter]; }
    * [Symbol.iterator]() { for (const { name, value } of this.fields) yield [name, value]; }
  };
  const notice = h("p", { id: "guidelines-notice", "data-known": "1", hidden: "" }, h("button", {}, "Later"));
  const entry = h("li", {}, ...["said", "about", "when", "why"].map((name) => h("p", { "data-is": name })));
  main.append(notice, comparisonOf(h, shown));
  page.body.append(h("strong", { id: "today" }), h("button", { id: "aside-opener" }, h("strong")), h("dialog", { id: "aside-sheet" }, h("ol")),
    h("template", { id: "aside-entry" }, entry), h("script", { id: "habits" }, JSON.stringify({ instant, keys: {} })));
  const places = [];
  location.assign = (place) => places.push(place);
  const arrived = [];
  page.addEventListener("comparison:shown", ({ detail }) => arrived.push(detail.root.dataset.assignment));
  const script = newPage();
  await script("labeling/labeling.js");
  const store = await script("labeling/never_lost/store.js");
  const get = (id) => page.getElementById(id);
  const button = (value) => get("judgment").querySelectorAll("[name=choice]").find((one) => one.value === value);
  const choose = (value) => get("judgment").requestSubmit(button(value));
  const undo = () => get("undo").requestSubmit();
  const shows = () => get("comparison").dataset.assignment;
  const sent = (kind) => server.requests.filter(({ url }) => url.includes(`/${kind}/`));
  const said = () => page.getElementById("save-state").textContent;
  const heard = async () => { await clock.pass(40); return get("announcement").textContent; };
  // Answers and waits until what comes next is there.
  const answer = async (value) => { choose(value); await clock.pass(SEEN); await clock.pass(MADE + 1); };
  await clock.pass(waits);
  return { ...browser, ...store, replies, notice, get, button, choose, undo, shows, sent, said, heard, answer, places, arrived };
}

const fieldsOf = ({ fields }) => Object.fromEntries(fields);
const isMarked = (...elements) => elements.map((one) => one.classList.contains("is-chosen"));

// An answer

test("a page that has opened shows how many were answered today, has the focus and takes keys", async () => {
  const { page, get, arrived, button } = await open({ shown: { uuid: "a", today: 12 } });
  assert.equal(page.documentElement.classList.contains("has-script"), true);
  assert.deepEqual([get("today").textContent, page.activeElement, arrived], ["12", get("choices"), ["a"]]);
  assert.equal(button("left").classList.contains("was-given"), false);
});

test("the chosen side is seen for a moment, then the next comparison is there", async () => {
  const { choose, clock, get, button, shows, arrived } = await open({ ahead: [{ uuid: "b" }] });
  choose("left");
  assert.deepEqual(isMarked(button("left"), get("response-A"), get("response-B")), [true, true, false]);
  await clock.pass(SEEN - 1);
  assert.equal(shows(), "a");
  await clock.pass(1);
  assert.deepEqual([shows(), get("today").textContent, arrived], ["b", "1", ["a", "b"]]);
});

test("what is sent says how long it took, what came before it today, and what is on screen", async () => {
  const { choose, clock, sent } = await open({ shown: { uuid: "a", today: 3 }, ahead: [{ uuid: "b" }] });
  await clock.pass(1000);
  choose("right");
  await quiet();
  assert.deepEqual(fieldsOf(sent("judgment")[0]), { today: "3", seconds: "1.3", choice: "right", on_screen: "b" });
});

test("its reply brings the comparison after the next", async () => {
  const { answer, replies, shows, said } = await open({ ahead: [{ uuid: "b" }] });
  replies.judgment.push(html({ uuid: "c", today: 1 }), html({ uuid: "d", today: 2 }));
  await answer("left");
  assert.deepEqual([shows(), said()], ["b", "Saved ✓"]);
  await answer("left");
  assert.equal(shows(), "c");
});

test("without a next one the page waits for the reply, and takes no second answer meanwhile", async () => {
  const { choose, clock, replies, shows, sent, get, heard } = await open();
  let arrive;
  replies.judgment.push(new Promise((resolve) => { arrive = () => resolve(html({ uuid: "b", today: 7 })); }));
  choose("left");
  await clock.pass(5000);
  choose("right");
  assert.deepEqual([shows(), sent("judgment").length], ["a", 1]);
  arrive();
  await clock.pass(0);
  assert.deepEqual([shows(), get("today").textContent, await heard()], ["b", "7", "Next comparison."]);
});

test("a double click does not answer what has just appeared", async () => {
  const { choose, clock, shows, replies, sent } = await open({ ahead: [{ uuid: "b" }] });
  replies.judgment.push(html({ uuid: "c" }), html({ uuid: "d" }));
  choose("left");
  choose("left");
  await clock.pass(SEEN + MADE - 1);
  choose("left");
  await clock.pass(SEEN);
  assert.deepEqual([shows(), sent("judgment").length], ["b", 1]);
  choose("left");
  await clock.pass(SEEN);
  assert.deepEqual([shows(), sent("judgment").length], ["c", 2]);
});

test("neither another form, nor one that something else holds up, nor one without a button is an answer", async () => {
  const { h, main, get, button, pending } = await open();
  const search = h("form", { id: "search" });
  main.append(search);
  let isHeldUp = false;
  search.addEventListener("submit", (event) => { isHeldUp = event.defaultPrevented; });
  search.requestSubmit();
  get("judgment").requestSubmit();
  get("judgment").addEventListener("submit", (event) => event.preventDefault());
  get("judgment").requestSubmit(button("left"));
  assert.deepEqual([isHeldUp, pending.all()], [false, []]);
});

test("both are marked where both are bad; a skip and a flag are no work done", async () => {
  const { choose, get, clock } = await open({ ahead: [{ uuid: "b" }] });
  choose("both_bad");
  assert.deepEqual(isMarked(get("response-A"), get("response-B")), [true, true]);
  await clock.pass(SEEN);
  assert.equal(get("today").textContent, "1");
  for (const value of ["skip", "flag:offensive"]) {
    const other = await open({ ahead: [{ uuid: "b" }] });
    await other.answer(value);
    assert.deepEqual([other.shows(), other.get("today").textContent], ["b", "0"]);
  }
});

test("with instant submit off the first press selects and the second one answers", async () => {
  const { choose, shows, pending, button, said, answer } = await open({ instant: false, ahead: [{ uuid: "b" }] });
  choose("left");
  assert.deepEqual([said(), button("left").getAttribute("aria-pressed"), pending.all()], ["Enter confirms", "true", []]);
  await answer("left");
  assert.equal(shows(), "b");
});

test("nothing left is said as it is, and there is something to do again by a poll of the page", async () => {
  const { answer, replies, get, shows, heard, h, page } = await open();
  replies.judgment.push(html({ today: 1, announce: "Nothing more to compare." }));
  await answer("left");
  assert.deepEqual([shows(), await heard()], [undefined, "Nothing more to compare."]);
  const fresh = comparisonOf(h, { uuid: "b", today: 4 });
  get("comparison").replaceWith(fresh);
  page.dispatchEvent({ type: "htmx:afterSwap", detail: { target: get("today") } });
  assert.equal(get("today").textContent, "1");
  page.dispatchEvent({ type: "htmx:afterSwap", detail: { target: fresh } });
  assert.deepEqual([get("today").textContent, await heard()], ["4", "Next comparison."]);
});

test("a poll that gets a page of the network in place of a comparison leaves the page as it is", async () => {
  const { page, get } = await open({ shown: {} });
  const isSwapped = (target, serverResponse) => {
    const event = { type: "htmx:beforeSwap", detail: { target, serverResponse, shouldSwap: true } };
    page.dispatchEvent(event);
    return event.detail.shouldSwap;
  };
  assert.equal(isSwapped(get("comparison"), "<title>Sign in to the network</title>"), false);
  assert.equal(isSwapped(get("comparison"), '<section id="comparison">'), true);
  assert.equal(isSwapped(get("today"), "12"), true);
});

test("a last answer whose next is on screen already does not say that nothing is left", async () => {
  const { answer, replies, heard } = await open({ ahead: [{ uuid: "b" }] });
  replies.judgment.push(html({ today: 1, announce: "Nothing more to compare." }));
  await answer("left");
  assert.equal(await heard(), "Next comparison.");
});

test("without a connection work goes on, and a page that waited does as soon as there is something", async () => {
  const { answer, shows, replies, clock, pending, get } = await open({ ahead: [{ uuid: "b" }] });
  await answer("left");
  await answer("right"); // nothing is ready behind b
  assert.deepEqual([shows(), pending.all().length], ["b", 2]);
  replies.judgment.push(html({ uuid: "c", today: 1 }));
  await clock.pass(15_000);
  assert.deepEqual([shows(), get("today").textContent, pending.all().length], ["c", "2", 1]);
});

test("what is shown is made ready for htmx, which the page may do without", async () => {
  const { answer, replies, window } = await open({ ahead: [{ uuid: "b" }] });
  const processed = [];
  window.htmx = { process: (root) => processed.push(root.dataset.assignment) };
  replies.judgment.push(html({ uuid: "c", today: 1 }));
  await answer("left");
  assert.deepEqual(processed, ["b"]);
});

test("who was away for too long hears that others may answer too", async () => {
  const { clock, server, said } = await open();
  const { otherwise } = server;
  server.otherwise = (request) => (request.url.endsWith("/heartbeat/") ? new Response("", { status: 410 }) : otherwise(request));
  await clock.pass(200_000);
  assert.match(said(), /^You were away for long/);
});

test("new guidelines are pointed at once, until somebody has read them or will later", async () => {
  const { answer, replies, notice } = await open();
  replies.judgment.push(html({ uuid: "b", guidelines: "2" }), html({ uuid: "c", guidelines: "2" }));
  await answer("left");
  assert.equal(notice.hidden, false);
  notice.querySelector("button").click();
  assert.equal(notice.hidden, true);
  await answer("left");
  assert.equal(notice.hidden, true);
});

test("what the reply has to say of the answer is said", async () => {
  const { answer, replies, toasts } = await open();
  replies.judgment.push(html({ uuid: "b", note: "It came late, and counts all the same." }));
  await answer("left");
  assert.deepEqual(toasts, ["It came late, and counts all the same."]);
});

test("a page that closes lets go of what is not answered: what is on screen and what is ready", async () => {
  const { window, choose, clock } = await open({ ahead: [{ uuid: "b" }] });
  const sent = [];
  Object.defineProperty(globalThis, "navigator", { value: { sendBeacon: (url, body) => sent.push(body.getAll("held")) }, configurable: true });
  window.tell({ type: "pagehide" }, false);
  choose("left");
  window.tell({ type: "pagehide" }, false);
  await clock.pass(SEEN);
  window.tell({ type: "pagehide" }, false);
  assert.deepEqual(sent, [["a", "b"], ["b"]]);
});

// A refused answer

test("an answer that is refused after the next is on screen comes back, and the next one waits behind it", async () => {
  const { answer, replies, shows, said, button, get } = await open({ ahead: [{ uuid: "b" }] });
  replies.judgment.push(refusal(400, "A reason is needed."));
  await answer("left");
  assert.deepEqual([shows(), said()], ["a", "A reason is needed."]);
  assert.deepEqual(isMarked(button("left"), get("response-A")), [false, false]);
  replies.judgment.push(html({ uuid: "c", today: 1 }));
  await answer("left");
  assert.equal(shows(), "b");
});

test("one that is refused while the page waits for it can be answered again at once", async () => {
  const { answer, replies, shows, button, pending } = await open();
  replies.judgment.push(refusal(400, "A reason is needed."), html({ uuid: "b" }));
  await answer("left");
  assert.deepEqual([shows(), isMarked(button("left")), pending.all()], ["a", [false], []]);
  await answer("right");
  assert.equal(shows(), "b");
});

test("one that is refused for good is let go, and the page goes past it", async () => {
  const { answer, replies, shows, sent, heard, aside, get } = await open();
  replies.judgment.push(refusal(403, "You are paused."));
  replies["let-go"].push(new Response(null, { status: 204 }));
  replies.label.push(html({ uuid: "b" }));
  await answer("left");
  assert.deepEqual(sent("let-go").map(fieldsOf), [{ held: "a", now: "yes" }]);
  assert.deepEqual([shows(), get("aside-opener").hidden, aside.has("a")], ["b", false, true]);
  assert.equal(await heard(), "An answer is set aside, and kept. You are paused.");
});

test("what is nobody's any more needs no letting go; without a connection it stays, to be answered or skipped", async () => {
  const { answer, replies, shows, sent, button, toasts } = await open();
  replies.judgment.push(refusal(404, "Gone."));
  await answer("left");
  assert.deepEqual([sent("let-go").length, shows(), isMarked(button("left"))], [0, "a", [false]]);
  assert.deepEqual(toasts, ["An answer is set aside, and kept. Not saved: this comparison is no longer yours."]);
});

test("a page of the network in place of the next comparison is not shown", async () => {
  const { answer, replies, shows } = await open();
  replies.judgment.push(refusal(404, "Gone."));
  replies.label.push(junk());
  await answer("left");
  assert.equal(shows(), "a");
});

// Undo

test("undo brings the last comparison back from the server, with what was said of it", async () => {
  const { undo, replies, clock, shows, said, get, heard, sent } = await open({ shown: { uuid: "b", today: 1 }, instant: false });
  replies.undo.push(html({ uuid: "a", today: 0, announce: "Taken back.", given: "left" }));
  undo();
  await clock.pass(0);
  assert.deepEqual([shows(), get("today").textContent, sent("undo").length], ["a", "0", 1]);
  // With instant submit off it is selected: Enter gives it again.
  assert.deepEqual([said(), await heard()], ["Enter confirms", "Taken back. A is better: selected. Enter confirms."]);
});

test("a double click takes back one comparison", async () => {
  const { undo, replies, clock, shows, sent } = await open({ shown: { uuid: "c" } });
  replies.undo.push(html({ uuid: "b" }), html({ uuid: "a" }));
  undo();
  undo();
  await clock.pass(0);
  assert.deepEqual([shows(), sent("undo").length], ["b", 1]);
  undo();
  await clock.pass(0);
  assert.equal(shows(), "a");
});

test("an undo that did not work says why, and leaves everything as it was", async () => {
  const words = { text: "There is nothing to undo.", tone: "info" };
  const trigger = new Response(null, { status: 409, headers: { "HX-Trigger": JSON.stringify({ toast: words }) } });
  const cases = [
    [new Response(null, { status: 500 }), "Undo did not work (error 500)."],
    [new Response(null, { status: 409, headers: { "X-Someone-Else": "1" } }), "Signed in as someone else: nothing was undone."],
    [undefined, "Undo needs a connection to the server."],
    [junk(), "The server has trouble: nothing was undone."],
    [trigger, ""],
  ];
  for (const [reply, line] of cases) {
    const { undo, replies, clock, shows, said, toasts } = await open();
    if (reply) replies.undo.push(reply);
    undo();
    await clock.pass(0);
    assert.deepEqual([shows(), said(), toasts], ["a", line, reply === trigger ? [words.text] : []]);
  }
});

test("who was signed out signs in first, and comes back here", async () => {
  const { undo, replies, clock, places } = await open();
  replies.undo.push(new Response(null, { status: 401 }));
  undo();
  await clock.pass(0);
  assert.deepEqual(places, ["/sign-in/?next=%2Fprojects%2Fp%2Flabel%2F"]);
});

test("an answer that waits for the connection is taken back from here, and the current one waits behind", async () => {
  const { answer, undo, clock, shows, get, pending, heard, button, replies, sent } = await open({ ahead: [{ uuid: "b" }] });
  await answer("left");
  undo();
  await clock.pass(0);
  assert.deepEqual([shows(), get("today").textContent, pending.answers()], ["a", "0", []]);
  assert.equal(await heard(), "Taken back. Your last comparison is here again. You had said: A is better.");
  await clock.pass(MADE);
  assert.equal(button("left").classList.contains("was-given"), true);
  replies.undo.push(new Response(null, { status: 204 })); // the server may have had it
  await answer("right");
  assert.deepEqual([shows(), sent("undo").length > 0], ["b", true]);
});

test("one for which the page waits can be answered anew where it is", async () => {
  const { answer, undo, clock, shows, get, button, pending } = await open();
  await answer("left");
  undo();
  await clock.pass(0);
  assert.deepEqual([shows(), get("today").textContent, isMarked(button("left"))], ["a", "0", [false]]);
  await answer("right");
  assert.deepEqual(pending.answers().map(({ fields }) => Object.fromEntries(fields).choice), ["right"]);
});

test("while it is not known whether an answer was saved, undo waits for that", async () => {
  const { choose, undo, clock, replies, shows, sent } = await open({ ahead: [{ uuid: "b" }] });
  let arrive;
  replies.judgment.push(new Promise((resolve) => { arrive = () => resolve(html({ uuid: "c" })); }));
  replies.undo.push(html({ uuid: "a" }));
  choose("left");
  await clock.pass(SEEN);
  undo();
  await clock.pass(0);
  assert.deepEqual([shows(), sent("undo").length], ["b", 0]);
  arrive();
  await clock.pass(0);
  assert.deepEqual([shows(), sent("undo").length], ["a", 1]);
});

test("an undo right after the choice waits until that has been seen", async () => {
  const { choose, undo, clock, shows, pending, arrived } = await open({ ahead: [{ uuid: "b" }] });
  choose("left"); // the connection is down
  undo();
  assert.equal(pending.answers().length, 1);
  await clock.pass(SEEN);
  assert.deepEqual([shows(), pending.answers(), arrived], ["a", [], ["a", "b", "a"]]);
});

test("or until it is known that the connection is down", async () => {
  const { choose, undo, clock, replies, shows } = await open({ ahead: [{ uuid: "b" }] });
  let fail;
  replies.judgment.push(new Promise((_, reject) => { fail = () => reject(new TypeError("no connection")); }));
  choose("left");
  await clock.pass(SEEN);
  undo();
  await clock.pass(0);
  fail();
  await clock.pass(0);
  assert.equal(shows(), "a");
});

// What an earlier page has left

const kept = (more = {}) => ({ uuid: "a", url: "/assignments/a/judgment/", fields: [["choice", "left"]], said: "A is better", by: "Lena", ...more });
const storageWith = (entry, labeler = "7") => new Storage({ [`pending-answers:${labeler}`]: JSON.stringify([entry]) });

test("a comparison whose answer is on its way from before a reload takes no second one", async () => {
  const { answer, sent, replies, shows, clock } = await open({ storage: storageWith(kept()) });
  await answer("right");
  assert.deepEqual(sent("judgment").map((one) => fieldsOf(one).choice), ["left"]);
  replies.judgment.push(html({ uuid: "b" }));
  await clock.pass(15_000); // it is sent again
  assert.equal(shows(), "b");
});

test("an answer whose page has gone cannot come back: undo waits, and a refusal sets it aside", async () => {
  const storage = storageWith(kept({ uuid: "0", url: "/assignments/0/judgment/" }));
  const { undo, heard, shows, replies, clock, aside } = await open({ storage });
  undo();
  assert.deepEqual([await heard(), shows()], ["Undo has to wait until your answer is saved.", "a"]);
  replies.judgment.push(refusal(400, "A reason is needed."));
  await clock.pass(15_000);
  assert.deepEqual([aside.has("0"), shows()], [true, "a"]);
});

test("where only an undo is still on its way to the server there is nothing more to take back", async () => {
  const entry = { uuid: "0", takeBack: "/projects/p/undo/", fields: [], by: "Lena" };
  const { undo, clock, said } = await open({ storage: storageWith(entry) });
  undo();
  await clock.pass(0);
  assert.equal(said(), "Undo needs a connection to the server.");
});

test("a comparison whose answer is set aside says so when it is handed out again", async () => {
  const entry = kept({ aside: { status: 404, text: "Gone." } });
  const { heard, get } = await open({ storage: storageWith(entry), waits: 0 });
  assert.equal(await heard(), "Your answer to this one could not be saved. Answer again, or go on later.");
  assert.equal(get("aside-opener").hidden, false);
});

test("what others have left in this browser is said to be theirs", async () => {
  const { toasts } = await open({ storage: storageWith(kept({ by: "Max" }), "8") });
  assert.deepEqual(toasts, ["1 answer is kept on this computer until Max signs in again."]);
});
