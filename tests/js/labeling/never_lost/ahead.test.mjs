import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser, quiet } from "../../browser.mjs";

// parse() of requests.js makes an element of the reply: here its text is the assignment.
async function open() {
  const browser = openBrowser();
  const { page, h, main } = browser;
  const comparison = (uuid) => h("section", { id: "comparison", "data-assignment": uuid, "data-ahead": "/projects/p/ahead/" });
  page.createElement = () => {
    const template = { set innerHTML(uuid) { template.content = { firstElementChild: comparison(uuid) }; } };
    return template;
  };
  const shown = comparison("shown");
  main.append(shown);
  const ahead = await newPage()("labeling/never_lost/ahead.js");
  const prepared = [];
  const ask = () => ahead.ask(shown, 3, () => "shown", (root) => prepared.push(ahead.uuidOf(root)));
  return { ...browser, ...ahead, comparison, shown, prepared, asks: ask };
}

test("the next comparison is asked for once, made ready and taken once", async () => {
  const { asks, server, prepared, take, uuidOf, aheadUuid } = await open();
  server.reply(new Response("b"));
  await Promise.all([asks(), asks()]);
  await asks();
  assert.deepEqual(server.requests.map(({ fields }) => fields), [[["on_screen", "shown"], ["today", "3"]]]);
  assert.deepEqual([prepared, aheadUuid()], [["b"], "b"]);
  assert.equal(uuidOf(take()), "b");
  assert.equal(take(), null);
});

test("what is on screen or answered already never comes next", async () => {
  const { offer, comparison, answered, aheadUuid } = await open();
  const prepare = () => assert.fail("nothing to make ready");
  answered("b");
  for (const uuid of ["shown", "b"]) offer(comparison(uuid), "shown", prepare);
  assert.equal(aheadUuid(), null);
});

test("what was answered may come again when it came back", async () => {
  const { offer, comparison, answered, comesBack, isGone, aheadUuid } = await open();
  answered("b");
  assert.equal(isGone("b"), true);
  comesBack("b");
  offer(comparison("b"), "shown", () => {});
  assert.equal(aheadUuid(), "b");
});

test("an undo forgets what was ahead and what was answered", async () => {
  const { offer, comparison, answered, forget, isGone, aheadUuid } = await open();
  answered("b");
  offer(comparison("c"), "shown", () => {});
  forget();
  assert.deepEqual([aheadUuid(), isGone("b")], [null, false]);
});

test("a reply that comes after its page has gone is nobody's next", async () => {
  const { asks, server, shown, aheadUuid } = await open();
  let arrive;
  server.reply(() => new Promise((resolve) => { arrive = () => resolve(new Response("b")); }));
  const asked = asks();
  await quiet();
  shown.remove();
  arrive();
  await asked;
  assert.equal(aheadUuid(), null);
});

test("without a connection there is none ahead, and it is asked again", async () => {
  const { asks, server, aheadUuid } = await open();
  await asks();
  assert.equal(aheadUuid(), null);
  server.reply(new Response(null, { status: 204 }), new Response("b"));
  await asks();
  assert.equal(aheadUuid(), null);
  await asks();
  assert.equal(aheadUuid(), "b");
});

test("what came on screen by another way is no longer ahead", async () => {
  const { offer, comparison, isShown, aheadUuid } = await open();
  offer(comparison("b"), "shown", () => {});
  isShown("c");
  assert.equal(aheadUuid(), "b");
  isShown("b");
  assert.equal(aheadUuid(), null);
});
