import assert from "node:assert/strict";
import { test } from "node:test";
import { keyPress, newPage, openBrowser } from "../browser.mjs";
import { FakeEvent } from "../dom.mjs";

// A pair with one aspect and a required reason.
async function open() {
  const browser = openBrowser();
  const { page, h, main } = browser;
  const left = h("button", { name: "choice", value: "left" });
  const skip = h("button", { name: "choice", value: "skip" });
  skip.formNoValidate = true;
  const choices = h("div", { id: "choices" }, left, skip);
  const aspect = h("input", { type: "radio", name: "tone", value: "A" });
  const aspects = h("div", { id: "aspects", class: "aspects" }, h("button", { type: "button", "data-starts-aspects": "" }),
    h("fieldset", { class: "aspect" }, h("legend", {}, "Tone"), aspect));
  const reason = h("textarea", { name: "rationale" });
  const chips = ["too long", "wrong"].map((value) => h("input", { type: "checkbox", name: "reasons", value }));
  const row = h("div", { class: "reason-row", "data-required-reason": "" }, h("div", { class: "chips" }, ...chips), reason);
  const flag = h("details", { class: "pop flag" }, h("button", { type: "button", "data-pop-key": "2" }, "Nonsense"));
  const form = h("form", { id: "judgment" }, h("div", { class: "bar" }, choices, aspects, row, flag));
  const sent = [];
  const submit = (submitter) => {
    const event = new FakeEvent("submit", { bubbles: true, cancelable: true, submitter });
    form.dispatchEvent(event);
    if (!event.defaultPrevented) sent.push(submitter.value);
  };
  form.requestSubmit = submit;
  main.append(form);
  await newPage()("labeling/answer.js");
  const hint = () => page.querySelector(".bar-hint")?.textContent ?? "";
  const press = (key, code = "", target = page.activeElement) => {
    const event = keyPress(key, code);
    target.dispatchEvent(event);
    return event;
  };
  return { ...browser, left, skip, choices, aspect, reason, chips, flag, form, sent, submit, hint, press };
}

test("a choice waits for what is missing, one thing after the other, and is sent when all is there", async () => {
  const { submit, left, aspect, reason, press, page, hint, sent } = await open();
  submit(left);
  assert.deepEqual([hint(), page.activeElement], ["Still to choose: Tone", aspect]);
  press("1", "Digit1");
  assert.deepEqual([hint(), page.activeElement], ["Why? A few words, then Enter.", reason.form.querySelectorAll("[name=reasons]")[0]]);
  reason.value = "It is wrong.";
  reason.focus();
  press("Enter", "Enter");
  assert.deepEqual(sent, ["left"]);
  assert.equal(hint(), "");
});

test("a skip needs nothing", async () => {
  const { submit, skip, sent } = await open();
  submit(skip);
  assert.deepEqual(sent, ["skip"]);
});

test("white space is no reason, a ticked chip is one", async () => {
  const { submit, left, aspect, reason, chips, sent, press } = await open();
  aspect.checked = true;
  reason.value = "  \n";
  submit(left);
  assert.deepEqual(sent, []);
  press("2", "Digit2"); // the second chip: the focus is in the row
  assert.deepEqual(chips.map((chip) => chip.checked), [false, true]);
  press("Enter", "Enter");
  assert.deepEqual(sent, ["left"]);
});

test("the last choice is the one that waits", async () => {
  const { submit, left, skip, aspect, reason, press, sent } = await open();
  skip.formNoValidate = false;
  submit(left);
  submit(skip);
  aspect.checked = true;
  reason.value = "x";
  reason.focus();
  press("Enter", "Enter");
  assert.deepEqual(sent, ["skip"]);
});

test("Enter with Shift is a new line of the reason", async () => {
  const { reason, aspect, submit, left, sent } = await open();
  submit(left);
  aspect.checked = true;
  reason.value = "x";
  const event = keyPress("Enter", "Enter", { shiftKey: true });
  reason.dispatchEvent(event);
  assert.deepEqual([event.defaultPrevented, sent], [false, []]);
});

test("a digit presses what an open pop-up names by it, and Escape closes it", async () => {
  const { flag, press, page, choices } = await open();
  flag.setAttribute("open", "");
  let clicks = 0;
  flag.querySelector("button").addEventListener("click", () => { clicks += 1; });
  press("2", "Digit2");
  assert.equal(clicks, 1);
  press("Escape", "Escape");
  assert.equal(flag.open, false);
  assert.equal(page.activeElement, choices);
});

test("the browser's own bubble says nothing: what is missing is said in the bar", async () => {
  assert.equal((await open()).form.noValidate, true);
});
