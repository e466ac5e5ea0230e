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
  const starts = h("button", { type: "button", "data-starts-reason": "" });
  row.append(starts);
  const form = h("form", { id: "judgment" }, h("div", { class: "bar" }, choices, aspects, row, flag));
  const sent = [];
  const submit = (submitter) => {
    const event = new FakeEvent("submit", { bubbles: true, cancelable: true, submitter });
    form.dispatchEvent(event);
    if (!event.defaultPrevented) sent.push(submitter.value);
  };
  form.requestSubmit = submit;
  main.append(form);
  const { announce, goOn } = await newPage()("labeling/answer.js");
  const hint = () => page.querySelector(".bar-hint")?.textContent ?? "";
  const press = (key, code = "", target = page.activeElement) => {
    const event = keyPress(key, code);
    target.dispatchEvent(event);
    return event;
  };
  return { ...browser, announce, goOn, left, skip, choices, aspect, reason, chips, flag, starts, form, sent, submit, hint, press };
}

// A pop-up of the bar as a browser tells of it: by a click, or late and to those who catch it.
function popOf(h, kind, ...body) {
  return h("details", { class: `pop ${kind}` }, h("summary"), h("div", { class: "pop-body" }, ...body));
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

test("where an answer goes out, what was open closes and nothing waits any more", async () => {
  const { submit, left, aspect, reason, flag, press, sent } = await open();
  submit(left);
  assert.equal(left.classList.contains("is-waiting"), true);
  aspect.checked = true;
  reason.value = "x";
  flag.open = true;
  submit(left);
  assert.deepEqual([sent, flag.open], [["left"], false]);
  assert.equal(left.classList.contains("is-waiting"), false); // it may come back, as after an undo
  reason.focus();
  press("Enter", "Enter");
  assert.deepEqual(sent, ["left"]);
});

test("a form of another kind, or one sent by no button, is none of this", async () => {
  const { h, main, form, hint } = await open();
  const undo = h("form", { id: "undo" });
  main.append(undo);
  undo.requestSubmit();
  form.requestSubmit = Object.getPrototypeOf(form).requestSubmit;
  form.requestSubmit();
  assert.equal(hint(), "");
});

test("by mouse the hint says what is left, and when nothing is", async () => {
  const { submit, left, aspect, reason, hint, page, chips } = await open();
  aspect.click();
  assert.equal(hint(), ""); // no choice waits
  aspect.checked = false;
  submit(left);
  aspect.click();
  assert.equal(hint(), "Why? A few words, then Enter.");
  reason.value = "x";
  chips[0].click();
  assert.equal(hint(), "Complete. Press Enter or choose again to save.");
  assert.equal(page.querySelectorAll(".bar-hint").length, 1);
  assert.equal(page.getElementById("announcement").textContent, hint());
});

test("once all is there the focus is on the choice that waits, or else on the choices", async () => {
  const { submit, left, aspect, reason, goOn, page, hint, choices } = await open();
  goOn();
  assert.equal(page.activeElement, choices);
  submit(left);
  aspect.checked = true;
  reason.value = "x";
  goOn();
  assert.deepEqual([page.activeElement, hint()], [left, "Complete. Press Enter or choose again to save."]);
});

test("Enter in a reason without a choice goes to the choices, as it does on a ticked one", async () => {
  const { reason, aspect, chips, press, page, choices } = await open();
  aspect.checked = true;
  for (const field of [reason, chips[0]]) {
    reason.value = "x";
    field.focus();
    assert.equal(press("Enter", "Enter").defaultPrevented, true);
    assert.equal(page.activeElement, choices);
  }
});

test("the key of the reason begins where there is something to tick, and unfolds the bar", async () => {
  const { starts, form, page, chips, reason } = await open();
  starts.click();
  assert.deepEqual([form.classList.contains("is-unfolded"), page.activeElement], [true, chips[0]]);
  chips[0].closest(".chips").remove();
  starts.click();
  assert.equal(page.activeElement, reason);
});

test("Escape in an aspect or a reason goes back to the choices; elsewhere it is the page's", async () => {
  const { aspect, reason, press, page, choices } = await open();
  for (const field of [aspect, reason]) {
    field.focus();
    press("Escape", "Escape");
    assert.equal(page.activeElement, choices);
  }
  assert.equal(press("Escape", "Escape").defaultPrevented, false);
});

test("keys with others, below a dialog, or of no entry do nothing here", async () => {
  const { chips, press, page, h, flag } = await open();
  chips[0].focus();
  assert.equal(press("3", "Digit3").defaultPrevented, false); // there are two
  const event = keyPress("1", "Digit1", { ctrlKey: true });
  chips[0].dispatchEvent(event);
  page.body.append(h("dialog", { open: "" }));
  flag.open = true;
  press("1", "Digit1");
  press("Escape", "Escape");
  assert.deepEqual([event.defaultPrevented, chips[0].checked, flag.open], [false, false, true]);
});

test("digits that are written are written", async () => {
  const { reason, flag } = await open();
  flag.open = true;
  const event = keyPress("2", "Digit2");
  reason.dispatchEvent(event);
  assert.deepEqual([event.defaultPrevented, flag.querySelector("button").clicks], [false, 0]);
});

test("a pop-up that opens has the focus in its field or its first button, unless somebody is in it already", async () => {
  const { h, flag, form, page } = await open();
  const field = h("textarea", { "data-first-field": "" });
  const other = h("button");
  const rewrite = popOf(h, "rewrite", other, field);
  form.querySelector(".bar").append(rewrite);
  const tell = (pop) => pop.dispatchEvent({ type: "toggle" });
  tell(rewrite); // closed
  assert.equal(page.activeElement, page.body);
  rewrite.open = true;
  tell(rewrite);
  assert.equal(page.activeElement, field);
  other.focus();
  tell(rewrite);
  assert.equal(page.activeElement, other);
  flag.open = true;
  tell(flag);
  assert.equal(page.activeElement, flag.querySelector("button"));
});

test("a click outside closes a pop-up, one in it or on the bar's buttons does not", async () => {
  const { flag, main, left, reason } = await open();
  flag.open = true;
  for (const inside of [flag.querySelector("button"), left]) {
    inside.click();
    assert.equal(flag.open, true);
  }
  reason.click();
  assert.equal(flag.open, false);
  flag.open = true;
  main.click();
  assert.equal(flag.open, false);
});

test("a pop-up shows that something is written or ticked in it", async () => {
  const { h, form, reason } = await open();
  const [text, box] = [h("textarea"), h("input", { type: "checkbox" })];
  const pop = popOf(h, "reason", text, box);
  form.querySelector(".bar").append(pop);
  const isFilledBy = (change) => {
    change();
    text.dispatchEvent(new FakeEvent("input", { bubbles: true }));
    return pop.classList.contains("is-filled");
  };
  assert.equal(isFilledBy(() => { text.value = "  "; }), false);
  assert.equal(isFilledBy(() => { text.value = "x"; }), true);
  assert.equal(isFilledBy(() => { text.value = ""; box.checked = true; }), true);
  assert.equal(isFilledBy(() => { box.checked = false; }), false);
  reason.dispatchEvent(new FakeEvent("input", { bubbles: true })); // in no pop-up
});

// A rewrite that starts from a response; `text` null: the response has none.
async function openRewrite({ text = "Whole **text**", canInsert = true, maxLength = 100 } = {}) {
  const browser = await open();
  const { h, form, page, main } = browser;
  const field = Object.assign(h("textarea", { id: "rewrite" }), { maxLength, setSelectionRange: (...range) => { field.range = range; } });
  const copy = h("button", { type: "button", "data-copies": "B" });
  form.querySelector(".bar").append(popOf(h, "rewrite", copy, field));
  main.append(h("article", { id: "response-B" }, ...(text === null ? [] : [h("div", { class: "raw" }, text)])));
  const inserted = [];
  page.execCommand = (name, _, words) => {
    inserted.push([name, words]);
    return canInsert;
  };
  return { ...browser, field, copy, inserted };
}

test("a rewrite starts from a response as if it had been pasted, with the caret at its beginning", async () => {
  const { copy, field, inserted, page } = await openRewrite();
  copy.click();
  assert.deepEqual(inserted, [["insertText", "Whole **text**"]]);
  assert.deepEqual([page.activeElement, field.isSelected, field.range, field.scrollTop], [field, true, [0, 0], 0]);
});

test("where a browser does not paste, the field is filled, and whoever keeps drafts hears of it", async () => {
  const { copy, field, page } = await openRewrite({ canInsert: false });
  const heard = [];
  page.addEventListener("input", (event) => heard.push(event.target.value));
  copy.click();
  assert.deepEqual([field.value, heard], ["Whole **text**", ["Whole **text**"]]);
  const empty = await openRewrite({ text: null, canInsert: false });
  empty.field.value = "old";
  empty.copy.click();
  assert.equal(empty.field.value, "");
});

test("a response that is too long for a rewrite is not cut: it is said, and the field stays as it is", async () => {
  const { copy, field, inserted, hint } = await openRewrite({ text: "x".repeat(1001), maxLength: 1000 });
  field.value = "mine";
  copy.click();
  assert.deepEqual([inserted, field.value, hint()], [[], "mine", "Response B is longer than a rewrite may be: 1,000 characters."]);
});

test("the next comparison is watched when it comes, and what waited for the last one is forgotten", async () => {
  const { submit, left, form, h, changed, main, page, goOn } = await open();
  submit(left);
  const choices = h("div", { id: "choices" });
  const next = h("form", { id: "judgment" }, h("div", { class: "bar" }, choices));
  form.remove();
  changed(); // nothing to compare for a while
  main.append(next);
  changed();
  assert.equal(next.noValidate, true);
  goOn();
  assert.equal(page.activeElement, choices);
});

test("words are announced where there is a place for them", async () => {
  const { announce, page } = await open();
  announce("Placed");
  assert.equal(page.getElementById("announcement").textContent, "Placed");
  page.getElementById("announcement").remove();
  announce("Placed");
});
