import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser } from "./browser.mjs";

async function open() {
  const browser = openBrowser();
  const script = await newPage()("status.js");
  return { ...browser, ...script, place: browser.page.getElementById("save-state") };
}

test("the line says how it stands, with a way to go on", async () => {
  const { say, place } = await open();
  let runs = 0;
  say("Waiting", "warning", { text: "Try now", run: () => { runs += 1; } });
  assert.deepEqual([place.textContent, place.dataset.tone], ["Waiting Try now", "warning"]);
  place.querySelector("button").click();
  assert.equal(runs, 1);
  say("Signed out", "warning", { text: "Sign in", href: "/sign-in/" });
  assert.equal(place.querySelector("a").href, "/sign-in/");
  say("Saved ✓", "success");
  assert.deepEqual([place.textContent, place.children.length], ["Saved ✓", 0]);
});

test("said again it stays as it is: a link replaced between press and release is not followed", async () => {
  const { say, place } = await open();
  const run = () => {};
  say("Waiting", "warning", { text: "Try now", run });
  const button = place.querySelector("button");
  say("Waiting", "warning", { text: "Try now", run });
  assert.equal(place.querySelector("button"), button);
  say("Waiting", "warning", { text: "Try now", run: () => {} });
  assert.notEqual(place.querySelector("button"), button);
});

test("it outlasts a swap of the page's pieces", async () => {
  const { say, sayAgain, place, h } = await open();
  say("Saved ✓", "success");
  const fresh = h("p", { id: "save-state" });
  place.replaceWith(fresh);
  sayAgain();
  assert.equal(fresh.textContent, "Saved ✓");
});

test("a page without the line keeps the words until there is one", async () => {
  const { say, sayAgain, place, page, h } = await open();
  place.remove();
  say("Saved ✓", "success");
  const fresh = h("p", { id: "save-state" });
  page.body.append(fresh);
  sayAgain();
  assert.equal(fresh.textContent, "Saved ✓");
});

test("what is announced in one moment is read together, and the same words once", async () => {
  const { announce, page, clock } = await open();
  for (const text of ["The guidelines have changed.", "The guidelines have changed.", "Next comparison."]) announce(text);
  await clock.pass(40);
  assert.equal(page.getElementById("announcement").textContent, "The guidelines have changed. Next comparison.");
});

test("a toast is asked for by an event, a warning unless it says otherwise", async () => {
  const { toast, page } = await open();
  const heard = [];
  page.addEventListener("toast", ({ detail }) => heard.push(detail));
  toast("Late");
  toast("Undone", "info");
  assert.deepEqual(heard, [{ text: "Late", tone: "warning" }, { text: "Undone", tone: "info" }]);
});

test("the same words are read aloud twice: the region is empty in between", async () => {
  const { announce, page, clock } = await open();
  const region = page.getElementById("announcement");
  announce("Next comparison.");
  await clock.pass(40);
  assert.equal(region.textContent, "Next comparison.");
  announce("Next comparison.");
  assert.equal(region.textContent, "");
  await clock.pass(40);
  assert.equal(region.textContent, "Next comparison.");
});
