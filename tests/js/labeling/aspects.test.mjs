import assert from "node:assert/strict";
import { test } from "node:test";
import { keyPress, newPage, openBrowser } from "../browser.mjs";

async function open(given = {}) {
  const browser = openBrowser();
  const { page, h, main } = browser;
  const groups = ["Tone", "Truth"].map((name) => h("fieldset", { class: "aspect" }, h("legend", {}, name),
    ...["A", "same", "B"].map((value) => h("input", { type: "radio", name, value, checked: given[name] === value }))));
  const starts = h("button", { type: "button", "data-starts-aspects": "" });
  const form = h("form", { id: "judgment" }, h("div", { id: "aspects" }, starts, ...groups));
  main.append(form);
  const script = await newPage()("labeling/aspects.js");
  const state = { wentOn: 0 };
  script.watchAspects(form, () => { state.wentOn += 1; });
  const [tone, truth] = groups.map((group) => group.querySelectorAll("input"));
  const press = (key, code) => {
    const event = keyPress(key, code);
    page.activeElement.dispatchEvent(event);
    return event;
  };
  return { ...browser, ...script, form, starts, tone, truth, state, press };
}

test("1, 2, 3 choose and go on to the next aspect, and after the last one onwards", async () => {
  const { starts, tone, truth, state, press, page } = await open();
  starts.click();
  assert.equal(page.activeElement, tone[0]);
  press("3", "Digit3");
  assert.deepEqual([tone[2].checked, page.activeElement], [true, truth[0]]);
  assert.equal(state.wentOn, 0);
  press("é", "Digit2"); // AZERTY
  assert.deepEqual([truth[1].checked, state.wentOn], [true, 1]);
});

test("the key begins at the first aspect that is open", async () => {
  const { starts, truth, page, form } = await open({ Tone: "same" });
  starts.click();
  assert.equal(page.activeElement, truth[0]);
  assert.equal(form.classList.contains("is-unfolded"), true);
});

test("what is missing is named, until nothing is", async () => {
  const { missingAspect, tone, truth } = await open();
  assert.equal(missingAspect().text, "Still to choose: Tone");
  tone[0].click();
  assert.deepEqual([missingAspect().text, missingAspect().element], ["Still to choose: Truth", truth[0]]);
  truth[0].click();
  assert.equal(missingAspect(), null);
});

test("when all are chosen the key begins at the first one, at what was chosen", async () => {
  const { starts, tone, page } = await open({ Tone: "same", Truth: "B" });
  starts.click();
  assert.equal(page.activeElement, tone[1]);
});

test("an aspect that was chosen before is entered at its choice", async () => {
  const { tone, truth, press, page } = await open({ Truth: "B" });
  tone[0].focus();
  press("1", "Digit1");
  assert.equal(page.activeElement, truth[2]);
});

test("keys with others, and those of the button, choose nothing", async () => {
  const { tone, starts } = await open();
  for (const modifier of ["ctrlKey", "metaKey", "altKey"]) tone[0].dispatchEvent(keyPress("1", "Digit1", { [modifier]: true }));
  starts.dispatchEvent(keyPress("1", "Digit1"));
  assert.deepEqual(tone.map((input) => input.checked), [false, false, false]);
});

test("a comparison without aspects misses none", async () => {
  const { watchAspects, missingAspect, form } = await open();
  form.replaceChildren();
  watchAspects(form, assert.fail);
  assert.equal(missingAspect(), null);
});

test("a comparison that comes back takes each key once", async () => {
  const { watchAspects, form, truth, press, state } = await open({ Tone: "A" });
  watchAspects(form, () => assert.fail("it is watched already"));
  truth[0].focus();
  press("2", "Digit2");
  assert.deepEqual([truth[1].clicks, state.wentOn], [1, 1]);
});

test("arrows stay with the radio buttons, other keys go on to the page", async () => {
  const { starts, press, page } = await open();
  starts.click();
  const heard = [];
  page.addEventListener("keydown", (event) => heard.push(event.key));
  press("ArrowLeft", "ArrowLeft");
  press("4", "Digit4");
  assert.deepEqual(heard, ["4"]);
});
