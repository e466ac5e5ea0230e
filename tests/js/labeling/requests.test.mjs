import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser } from "../browser.mjs";

const open = async (options) => ({ ...openBrowser(options), ...(await newPage()("labeling/requests.js")) });

test("a request says whose page it is, and carries the token of this moment", async () => {
  const { post, page, server } = await open();
  server.reply(new Response(""), new Response(""));
  await post("/undo/", [["only", "a"]]);
  page.cookie = "theme=dark; csrftoken=renewed";
  await post("/undo/");
  const [first, second] = server.requests;
  assert.equal(first.headers["X-Labeler"], "7");
  assert.deepEqual([first.headers["X-CSRFToken"], second.headers["X-CSRFToken"]], ["token-of-now", "renewed"]);
  assert.deepEqual(first.fields, [["only", "a"]]);
});

test("without a cookie the token is that of the page", async () => {
  const { post, page, h, server } = await open();
  page.cookie = "";
  page.body.append(h("input", { type: "hidden", name: "csrfmiddlewaretoken", value: "of-the-page" }));
  server.reply(new Response(""));
  await post("/undo/");
  assert.equal(server.requests[0].headers["X-CSRFToken"], "of-the-page");
});

test("an old token that a kept answer holds is not sent again", async () => {
  const { post, server } = await open();
  server.reply(new Response(""));
  await post("/a/", [["csrfmiddlewaretoken", "old"], ["choice", "left"]]);
  assert.deepEqual(server.requests[0].fields, [["choice", "left"]]);
});

test("a request outlives its page unless it is too long for that", async () => {
  const { post, server } = await open();
  server.reply(new Response(""), new Response(""));
  await post("/a/", [["rewrite", "é".repeat(9000)]]);
  await post("/a/", [["rewrite", "é".repeat(11_000)]]); // six bytes each, as it is written
  assert.deepEqual(server.requests.map(({ keepalive }) => keepalive), [true, false]);
});

test("any status is an answer; only a broken connection throws", async () => {
  const { post, server, isOfSomeoneElse } = await open();
  server.reply(new Response("", { status: 500 }), new Response("", { status: 409, headers: { "X-Someone-Else": "1" } }));
  const failed = await post("/a/");
  assert.deepEqual([failed.status, isOfSomeoneElse(failed)], [500, false]);
  assert.equal(isOfSomeoneElse(await post("/a/")), true);
  await assert.rejects(post("/a/"));
});

test("a fragment that cannot be had throws with the status", async () => {
  const { fetchFragment, server } = await open();
  server.reply(new Response("<p>here</p>"), new Response("", { status: 404 }));
  assert.equal(await fetchFragment("/a/"), "<p>here</p>");
  await assert.rejects(fetchFragment("/a/"), /error 404/);
});

test("htmx's own requests say whose page it is too", async () => {
  const { page } = await open();
  const event = { type: "htmx:configRequest", detail: { headers: {} } };
  page.dispatchEvent(event);
  assert.deepEqual(event.detail.headers, { "X-Labeler": "7" });
});
