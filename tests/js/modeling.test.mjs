import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser, quiet } from "./browser.mjs";

// A run's page with the end of its log, and a command to copy.
async function open({ clipboard } = {}) {
  const browser = openBrowser();
  const { page, h, main } = browser;
  Object.defineProperty(globalThis, "navigator", { value: { clipboard }, configurable: true });
  const newLog = (scrollHeight) => Object.assign(h("pre", { id: "run-log", "data-follow": "" }), { scrollHeight, clientHeight: 100, scrollTop: 0 });
  const log = newLog(500);
  const copy = h("button", { "data-copy": "command", hidden: "" }, "Copy");
  main.append(log, copy, h("code", { id: "command" }, "curl …"));
  await newPage()("modeling.js");
  const swap = (scrollHeight) => {
    page.dispatchEvent({ type: "htmx:beforeSwap" });
    const fresh = newLog(scrollHeight);
    main.querySelector("#run-log").replaceWith(fresh);
    page.dispatchEvent({ type: "htmx:afterSwap" });
    return fresh;
  };
  return { ...browser, log, copy, swap };
}

test("a log shows its end, also when it has grown", async () => {
  const { log, swap } = await open();
  assert.equal(log.scrollTop, 500);
  log.scrollTop = 400; // a browser goes no further than this
  assert.equal(swap(700).scrollTop, 700);
});

test("a log that was scrolled up stays where it was, until somebody goes back to its end", async () => {
  const { log, swap } = await open();
  log.scrollTop = 40;
  const second = swap(700);
  assert.equal(second.scrollTop, 40);
  second.scrollTop = 590; // ten pixels above its end
  assert.equal(swap(900).scrollTop, 900);
});

test("a button copies a text or a field, says so, and says its own words again", async () => {
  const texts = [];
  const { copy, clock, h, main } = await open({ clipboard: { writeText: async (text) => { texts.push(text); } } });
  assert.equal(copy.hidden, false);
  copy.click();
  await quiet();
  assert.deepEqual([texts, copy.textContent], [["curl …"], "Copied"]);
  await clock.pass(1500);
  assert.equal(copy.textContent, "Copy");
  main.querySelector("#command").replaceWith(h("input", { id: "command", value: "of a field" }));
  copy.click();
  await quiet();
  assert.equal(texts.at(-1), "of a field");
});

test("a second click while it says so does not leave it saying so", async () => {
  const { copy, clock } = await open({ clipboard: { writeText: async () => {} } });
  copy.click();
  await clock.pass(1000);
  copy.click();
  await clock.pass(1000);
  assert.equal(copy.textContent, "Copied");
  await clock.pass(5000);
  assert.equal(copy.textContent, "Copy");
});

test("what the browser refused to copy is not said to be copied", async () => {
  const { copy, clock } = await open({ clipboard: { writeText: () => Promise.reject(new Error("not allowed")) } });
  copy.click();
  await quiet();
  assert.equal(copy.textContent, "Not copied");
  await clock.pass(1500);
  assert.equal(copy.textContent, "Copy");
});

test("where a page may not copy there is no button for it", async () => {
  assert.equal((await open()).copy.hidden, true);
});
