import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser } from "../browser.mjs";

async function open(...uuids) {
  const browser = openBrowser();
  const { h, page } = browser;
  const button = (does) => h("button", { "data-does": does }, does);
  const entry = h("li", { "data-uuid": "" }, ...["said", "about", "when", "why"].map((name) => h("p", { "data-is": name })),
    button("retry"), button("discard"));
  const opener = h("button", { id: "aside-opener" }, h("strong"));
  const sheet = h("dialog", { id: "aside-sheet" }, h("ol"));
  page.body.append(opener, sheet, h("template", { id: "aside-entry" }, entry));
  const script = newPage();
  const { listenToAside } = await script("labeling/aside.js");
  const { aside, pending } = await script("labeling/never_lost/store.js");
  const { startSaving } = await script("labeling/never_lost/saving.js");
  for (const uuid of uuids) {
    pending.add({ uuid, url: `/assignments/${uuid}/judgment/`, fields: [], said: `said of ${uuid}`, about: "What is …" });
    aside.put(uuid, 404, "No longer yours.");
  }
  const items = () => sheet.querySelectorAll("li");
  const press = (uuid, does) => items().find((item) => item.dataset.uuid === uuid).querySelector(`[data-does=${does}]`).click();
  listenToAside();
  startSaving({ onScreen: () => null, waiting() {} });
  return { ...browser, opener, sheet, items, press, aside, pending };
}

test("the button counts what is set aside, and is there only for that", async () => {
  const { opener, items } = await open("a", "b");
  assert.deepEqual([opener.hidden, opener.textContent], [false, "2"]);
  assert.deepEqual(items().map((item) => item.querySelector("[data-is=why]").textContent), ["No longer yours.", "No longer yours."]);
  assert.equal((await open()).opener.hidden, true);
});

test("an answer is given up only when that was said twice", async () => {
  const { press, aside, sheet, opener } = await open("a");
  sheet.open = true;
  press("a", "discard");
  assert.equal(aside.has("a"), true);
  press("a", "discard");
  assert.equal(aside.has("a"), false);
  assert.deepEqual([opener.hidden, sheet.open], [true, false]);
});

test("sent again it is in line again", async () => {
  const { press, aside, pending, opener } = await open("a", "b");
  press("a", "retry");
  assert.deepEqual([aside.has("a"), pending.has("a"), opener.textContent], [false, true, "1"]);
});

test("what another window of the same person changes shows here", async () => {
  const { aside, opener, window } = await open("a");
  aside.discard("a");
  window.tell({ type: "storage", key: "pending-answers:8" }, false);
  assert.equal(opener.hidden, false);
  window.tell({ type: "storage", key: "pending-answers:7" }, false);
  assert.equal(opener.hidden, true);
});
