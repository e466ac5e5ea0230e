import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser } from "./browser.mjs";

const format = Intl.DateTimeFormat;

// Every cookie that the script has set in a browser of this zone.
async function setIn(timeZone, { cookie = "", protocol = "http:" } = {}) {
  const { page } = openBrowser();
  const cookies = [];
  Object.defineProperty(page, "cookie", { get: () => cookie, set: (text) => { cookies.push(text); } });
  location.protocol = protocol;
  Intl.DateTimeFormat = () => ({ resolvedOptions: () => ({ timeZone }) });
  try {
    await newPage()("timezone.js");
  } finally {
    Intl.DateTimeFormat = format;
  }
  return cookies;
}

test("the server is told the zone of this browser, for a year and for this site alone", async () => {
  assert.deepEqual(await setIn("America/Argentina/Ushuaia"), [
    "timezone=America/Argentina/Ushuaia; path=/; max-age=31536000; samesite=lax",
  ]);
});

test("what the server knows already is not told again", async () => {
  assert.deepEqual(await setIn("Asia/Kolkata", { cookie: "csrftoken=x; timezone=Asia/Kolkata" }), []);
});

test("who has travelled is in another zone, also where its name begins alike", async () => {
  const cookie = "timezone=America/Indiana/Knox";
  assert.match((await setIn("America/Indiana", { cookie }))[0], /^timezone=America\/Indiana;/);
});

test("over a secure connection the cookie goes over none that is not", async () => {
  assert.match((await setIn("UTC", { protocol: "https:" }))[0], /; secure$/);
});

test("a browser that does not say where it is sets nothing", async () => {
  assert.deepEqual(await setIn(undefined), []);
});
