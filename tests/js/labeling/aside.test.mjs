import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser } from "../browser.mjs";

async function open(...uuids) {
  const browser = openBrowser();
  const { h, page } = browser;
  const button = (does) => h("button", { "data-does": does }, does);
  const entry = h("li", { "data-uuid": "" }, ...["said", "about", "when", "why"].map((name) => h("p", { "data-is": name })),
    button("retry"), button("download"), button("discard"));
  const opener = h("button", { id: "aside-opener" }, h("strong"));
  const sheet = h("dialog", { id: "aside-sheet" }, h("ol"));
  page.body.append(opener, sheet, h("template", { id: "aside-entry" }, entry));
  const script = newPage();
  const { listenToAside } = await script("labeling/aside.js");
  const { aside, pending } = await script("labeling/never_lost/store.js");
  const { startSaving } = await script("labeling/never_lost/saving.js");
  for (const uuid of uuids) {
    pending.add({ uuid, url: `/assignments/${uuid}/judgment/`, fields: [["choice", "left"]], said: `said of ${uuid}`, about: "What is …", at: "2026-11-30T23:30:00Z" });
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

test("an entry says what was answered, to what, when by this computer's clock, and why it was refused", async () => {
  const { items } = await open("a");
  const words = Object.fromEntries(items()[0].querySelectorAll("[data-is]").map((one) => [one.dataset.is, one.textContent]));
  const when = new Date("2026-11-30T23:30:00Z").toLocaleString();
  assert.deepEqual(words, { said: "said of a", about: "What is …", when, why: "No longer yours." });
});

test("an entry of an older page, which kept less, says what it can", async () => {
  const { pending, aside, window, items } = await open();
  pending.add({ uuid: "old", url: "/", fields: [] });
  aside.put("old", 404, undefined);
  window.tell({ type: "storage", key: "pending-answers:7" }, false);
  assert.deepEqual(items()[0].querySelectorAll("[data-is]").map((one) => one.textContent), ["", "", "", ""]);
});

test("an answer can be written to a file, stays where it is, and the file holds no token", async () => {
  const { press, page, aside, clock } = await open("0123456789ab", "b");
  const links = [];
  const create = page.createElement.bind(page);
  page.createElement = (tag) => { const link = create(tag); links.push(link); return link; };
  const blobs = [];
  const revoked = [];
  URL.createObjectURL = (blob) => { blobs.push(blob); return "blob:1"; };
  URL.revokeObjectURL = (address) => revoked.push(address);
  press("0123456789ab", "download");
  assert.deepEqual([links[0].download, links[0].href, links[0].clicks], ["answer-01234567.json", "blob:1", 1]);
  assert.deepEqual(JSON.parse(await blobs[0].text()), [{
    assignment: "0123456789ab", address: "/assignments/0123456789ab/judgment/", prompt: "What is …", answer: "said of 0123456789ab",
    fields: [["choice", "left"]], answered_at: "2026-11-30T23:30:00Z", refused: { status: 404, text: "No longer yours." },
  }]);
  assert.equal(aside.has("0123456789ab"), true);
  await clock.pass(10_000);
  assert.deepEqual(revoked, ["blob:1"]);
});

test("a click beside the buttons does nothing", async () => {
  const { sheet, aside } = await open("a");
  sheet.click();
  assert.equal(aside.has("a"), true);
});

test("what another window of the same person changes shows here", async () => {
  const { aside, opener, window } = await open("a");
  aside.discard("a");
  window.tell({ type: "storage", key: "pending-answers:8" }, false);
  assert.equal(opener.hidden, false);
  window.tell({ type: "storage", key: "pending-answers:7" }, false);
  assert.equal(opener.hidden, true);
});
