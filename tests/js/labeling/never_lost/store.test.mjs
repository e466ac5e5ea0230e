import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser } from "../../browser.mjs";
import { Storage } from "../../dom.mjs";

const STORE = "labeling/never_lost/store.js";
const answer = (uuid, more = {}) => ({ uuid, url: `/assignments/${uuid}/judgment/`, fields: [["choice", "left"]], ...more });
const uuids = (entries) => entries.map((entry) => entry.uuid);

async function open(options) {
  const browser = openBrowser(options);
  return { ...browser, ...(await newPage()(STORE)) };
}

test("answers are kept in the order they were given, also for the page after a reload", async () => {
  const { pending, storage } = await open();
  pending.add(answer("a"));
  pending.add(answer("b"));
  assert.deepEqual(uuids(pending.all()), ["a", "b"]);
  const later = await open({ storage });
  assert.deepEqual(uuids(later.pending.all()), ["a", "b"]);
  assert.deepEqual(later.pending.get("a").fields, [["choice", "left"]]);
});

test("an assignment has one answer: the later one takes its place at the end", async () => {
  const { pending } = await open();
  for (const uuid of ["a", "b", "a"]) pending.add(answer(uuid, { fields: [["choice", uuid]] }));
  assert.deepEqual(uuids(pending.all()), ["b", "a"]);
});

test("a change leaves the order as it is, and makes nothing that is gone", async () => {
  const { pending } = await open();
  pending.add(answer("a"));
  pending.add(answer("b"));
  pending.change("a", { tried: true });
  pending.change("gone", { tried: true });
  assert.deepEqual(uuids(pending.all()), ["a", "b"]);
  assert.equal(pending.get("a").tried, true);
});

test("the last answer that goes leaves nothing in the browser", async () => {
  const { pending, storage } = await open();
  pending.add(answer("a"));
  pending.remove("a");
  assert.deepEqual(Object.keys(storage), []);
  assert.equal(pending.has("a"), false);
});

test("nobody else's answers are among one's own; whose they are and how many can be told", async () => {
  const storage = new Storage();
  const lena = await open({ storage });
  lena.pending.add(answer("a"));
  lena.pending.add(answer("b"));
  const otto = await open({ storage, labeler: "8", labelerName: "Otto" });
  assert.deepEqual(otto.pending.all(), []);
  assert.deepEqual(otto.keptOfOthers(), [{ name: "Lena", count: 2 }]);
  otto.pending.add(answer("c"));
  otto.pending.remove("c");
  const again = await open({ storage });
  assert.deepEqual(uuids(again.pending.all()), ["a", "b"]);
  assert.deepEqual(again.keptOfOthers(), []);
});

test("without storage answers last as long as the page, and leaving it would lose them", async () => {
  const { pending, drafts, keptOfOthers } = await open({ storage: refusing() });
  assert.equal(pending.isVolatile(), false);
  pending.add(answer("a"));
  assert.deepEqual(uuids(pending.all()), ["a"]);
  assert.equal(pending.isVolatile(), true);
  drafts.set("a", [{ name: "rationale", value: "Because" }]);
  assert.deepEqual(drafts.get("a"), [{ name: "rationale", value: "Because" }]);
  pending.remove("a");
  assert.equal(pending.isVolatile(), false);
  assert.deepEqual(keptOfOthers(), []);
});

test("what could be written again is in the browser again", async () => {
  const { pending, storage } = await open();
  const refuse = () => { throw new Error("full"); };
  Object.defineProperty(storage, "setItem", { value: refuse, configurable: true });
  pending.add(answer("a"));
  assert.equal(pending.isVolatile(), true);
  delete storage.setItem;
  pending.add(answer("b"));
  assert.equal(pending.isVolatile(), false);
  assert.deepEqual(uuids((await open({ storage })).pending.all()), ["a", "b"]);
});

test("what lies in the browser spoilt is no answer, and stops nobody", async () => {
  const { pending } = await open({ storage: new Storage({ "pending-answers:7": "{not JSON" }) });
  assert.deepEqual(pending.all(), []);
  pending.add(answer("a"));
  assert.deepEqual(uuids(pending.all()), ["a"]);
});

test("an answer set aside is out of the line and kept, until it is tried again behind the others", async () => {
  const { pending, aside } = await open();
  for (const uuid of ["a", "b"]) pending.add(answer(uuid));
  aside.put("a", 500, "The server failed on it.");
  assert.deepEqual(uuids(pending.all()), ["b"]);
  assert.deepEqual(aside.all()[0].aside, { status: 500, text: "The server failed on it." });
  aside.retry("a", { tries: 0 });
  assert.deepEqual(uuids(pending.all()), ["b", "a"]);
  assert.equal(aside.has("a"), false);
});

test("only what was set aside can be given up", async () => {
  const { pending, aside } = await open();
  pending.add(answer("a"));
  aside.discard("a");
  assert.equal(pending.has("a"), true);
  aside.put("a", 404, "No longer yours.");
  aside.discard("a");
  assert.deepEqual([pending.all(), aside.all()], [[], []]);
});

test("a taken-back answer that is still to be undone at the server is in line, and no answer", async () => {
  const { pending } = await open();
  pending.add(answer("a", { url: undefined, takeBack: "/undo/" }));
  assert.deepEqual(uuids(pending.all()), ["a"]);
  assert.deepEqual(pending.answers(), []);
});

test("of drafts the fifty newest are kept", async () => {
  const { drafts } = await open();
  const now = Date.now;
  let time = 0;
  Date.now = () => { time += 1; return time; };
  try {
    for (let number = 1; number <= 53; number += 1) drafts.set(`draft-${number}`, [{ name: "rationale", value: `${number}` }]);
  } finally {
    Date.now = now;
  }
  assert.deepEqual([drafts.get("draft-1"), drafts.get("draft-3")], [undefined, undefined]);
  assert.deepEqual(drafts.get("draft-4"), [{ name: "rationale", value: "4" }]);
  assert.deepEqual(drafts.get("draft-53"), [{ name: "rationale", value: "53" }]);
});

function refusing() {
  const refuse = () => { throw new Error("storage is switched off"); };
  return new Proxy({}, { get: () => refuse, ownKeys: refuse });
}
