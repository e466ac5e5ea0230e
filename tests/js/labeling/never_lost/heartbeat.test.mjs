import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser } from "../../browser.mjs";

const URL_OF_A = "/assignments/a/heartbeat/";
const fine = () => new Response(null, { status: 204 });
const tooLate = () => new Response("", { status: 410 });

async function open() {
  const browser = openBrowser();
  const heartbeat = await newPage()("labeling/never_lost/heartbeat.js");
  const warnings = [];
  const start = (url = URL_OF_A) => heartbeat.startHeartbeat(url, 200, (text) => warnings.push(text));
  const beats = () => browser.server.requests.map(({ url, fields }) => [url, ...fields.flat()]);
  return { ...browser, ...heartbeat, start, warnings, beats };
}

test("it beats at its pace, and names the comparison ahead", async () => {
  const { start, keepLeases, server, clock, beats } = await open();
  server.reply(fine(), fine(), fine());
  start();
  keepLeases(() => "b", () => ["a", "b"], "/let-go/");
  await clock.pass(3000);
  assert.deepEqual(beats(), [[URL_OF_A, "ahead", "b"]]);
  await clock.pass(400_000);
  assert.equal(beats().length, 3);
});

test("a page that nobody sees does not hold its comparison", async () => {
  const { start, page, clock, beats } = await open();
  start();
  page.visibilityState = "hidden";
  await clock.pass(400_000);
  assert.deepEqual(beats(), []);
});

test("who was away for too long is told once", async () => {
  const { start, server, clock, warnings, beats } = await open();
  server.reply(tooLate());
  start();
  await clock.pass(600_000);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0], /^You were away for long/);
  assert.equal(beats().length, 1);
});

test("a reply about an earlier comparison is not said of this one", async () => {
  const { start, server, clock, warnings } = await open();
  server.reply(() => { start("/assignments/b/heartbeat/"); return tooLate(); }, fine());
  start();
  await clock.pass(200_000);
  assert.deepEqual(warnings, []);
});

test("a beat without connection is followed by the next", async () => {
  const { start, clock, beats, warnings } = await open();
  start();
  await clock.pass(400_000);
  assert.deepEqual([beats().length, warnings], [2, []]);
});

test("a page that closes lets go of what it holds, and of nothing that is being saved", async () => {
  const { keepLeases, window } = await open();
  const sent = [];
  Object.defineProperty(globalThis, "navigator", {
    value: { sendBeacon: (url, body) => sent.push([url, ...body]) }, configurable: true,
  });
  const held = [null, "b"];
  keepLeases(() => null, () => held, "/let-go/");
  window.tell({ type: "pagehide" }, false);
  assert.deepEqual(sent, [["/let-go/", ["held", "b"], ["csrfmiddlewaretoken", "token-of-now"]]]);
  held[1] = null;
  window.tell({ type: "pagehide" }, false);
  assert.equal(sent.length, 1);
});

test("a page that the browser had kept is loaded anew: it may show what was answered since", async () => {
  const { keepLeases, window } = await open();
  let loads = 0;
  location.reload = () => { loads += 1; };
  keepLeases(() => null, () => [], "/let-go/");
  window.tell({ type: "pageshow", persisted: false }, false);
  assert.equal(loads, 0);
  window.tell({ type: "pageshow", persisted: true }, false);
  assert.equal(loads, 1);
});
