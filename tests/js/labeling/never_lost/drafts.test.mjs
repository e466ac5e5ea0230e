import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser } from "../../browser.mjs";
import { FakeEvent } from "../../dom.mjs";

// A form as templates/labeling/_comparison.html has it, of one comparison.
async function open({ storage, uuid = "a", reason = "", ticked = false } = {}) {
  const browser = openBrowser({ storage });
  const { h, main } = browser;
  const fields = {
    reason: h("textarea", { name: "rationale", value: reason }),
    chip: h("input", { name: "reasons", type: "checkbox", value: "too long", checked: ticked }),
    other: h("input", { name: "reasons", type: "checkbox", value: "wrong" }),
    seconds: h("input", { name: "seconds", type: "hidden", value: "3" }),
  };
  const form = h("form", { id: "judgment" }, ...Object.values(fields), h("button", { name: "choice", value: "left" }));
  main.append(h("section", { id: "comparison", "data-assignment": uuid }, form));
  const script = newPage();
  const { keepDrafts, restoreDraft } = await script("labeling/never_lost/drafts.js");
  const { drafts } = await script("labeling/never_lost/store.js");
  keepDrafts();
  const write = (field, values) => {
    Object.assign(field, values);
    field.dispatchEvent(new FakeEvent("input", { bubbles: true }));
  };
  return { ...browser, ...fields, form, write, drafts, restoreDraft };
}

test("what is being written is kept, and is there again after a reload", async () => {
  const { write, reason, chip, storage } = await open();
  write(reason, { value: "It is wr" });
  write(chip, { checked: true });
  const later = await open({ storage });
  later.restoreDraft();
  assert.equal(later.reason.value, "It is wr");
  assert.deepEqual([later.chip.checked, later.other.checked], [true, false]);
});

test("a draft belongs to its comparison alone", async () => {
  const { write, reason, storage } = await open();
  write(reason, { value: "It is wrong" });
  const other = await open({ storage, uuid: "b" });
  other.restoreDraft();
  assert.equal(other.reason.value, "");
});

test("what the page came with is no draft, and emptying what was taken back is one", async () => {
  const { write, reason, drafts } = await open({ reason: "As I said" });
  write(reason, { value: "As I said" });
  assert.equal(drafts.get("a"), undefined);
  write(reason, { value: "" });
  assert.equal(drafts.get("a").find(({ name }) => name === "rationale").value, "");
});

test("a tick that was taken away stays away", async () => {
  const { write, chip, storage } = await open({ ticked: true });
  write(chip, { checked: false });
  const later = await open({ storage, ticked: true });
  later.restoreDraft();
  assert.equal(later.chip.checked, false);
});

test("neither hidden fields nor buttons are kept: they are the page's", async () => {
  const { write, reason, drafts } = await open();
  write(reason, { value: "x" });
  assert.deepEqual(drafts.get("a").map(({ name }) => name), ["rationale", "reasons", "reasons"]);
});

test("whoever shows a field's value hears that it came back, and only if it changed", async () => {
  const { write, reason, storage } = await open();
  write(reason, { value: "x" });
  const later = await open({ storage });
  const heard = [];
  later.page.addEventListener("change", (event) => heard.push(event.target.name));
  later.restoreDraft();
  assert.deepEqual(heard, ["rationale"]);
});

test("fields of other forms are nobody's draft", async () => {
  const { h, main, storage, write } = await open();
  const search = h("input", { name: "q" });
  main.append(h("form", { id: "search" }, search));
  write(search, { value: "capital" });
  assert.deepEqual(Object.keys(storage), []);
});
