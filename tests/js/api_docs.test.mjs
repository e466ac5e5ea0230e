import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser } from "./browser.mjs";

// The page of the API; gives what Swagger UI was started with.
async function open() {
  const browser = openBrowser();
  const { h, main, window } = browser;
  const place = h("div", { id: "swagger-ui", "data-schema": "/api/schema/" });
  main.append(place);
  location.origin = "http://testserver";
  let given = null;
  window.SwaggerUIBundle = (options) => { given = options; };
  await newPage()("api_docs.js");
  const send = (url) => given.requestInterceptor({ url, headers: {} }).headers;
  return { ...browser, place, given, send };
}

test("the list of endpoints is drawn in its place, from this server's schema", async () => {
  const { given, place } = await open();
  assert.deepEqual([given.domNode, given.url], [place, "/api/schema/"]);
});

test("what is tried out carries the token of this moment", async () => {
  const { send, page } = await open();
  assert.deepEqual(send("/api/v1/projects/"), { "X-CSRFToken": "token-of-now" });
  page.cookie = "theme=dark; csrftoken=renewed";
  assert.deepEqual(send("http://testserver/api/v1/projects/"), { "X-CSRFToken": "renewed" });
});

test("the token goes to no other server, and is left out where there is none", async () => {
  const { send, page } = await open();
  assert.deepEqual(send("http://elsewhere/api/v1/projects/"), {});
  page.cookie = "";
  assert.deepEqual(send("/api/v1/projects/"), {});
});
