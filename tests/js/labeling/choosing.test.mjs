import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser } from "../browser.mjs";

async function open({ instant = false } = {}) {
  const browser = openBrowser();
  const { h, main, page } = browser;
  page.body.append(h("script", { id: "habits" }, JSON.stringify({ instant })));
  const button = (value, side, ...inner) => h("button", { name: "choice", value, "data-side": side }, ...inner);
  const left = button("left", "A", h("span", { class: "words" }, " A is better "), h("kbd", {}, "1"));
  const tie = button("tie", "", "About the same ");
  const [bad, rank] = [button("both_bad", "", "Both bad"), button("rank", "", "Save ranking")];
  const sides = ["A", "B"].map((letter) => h("article", { id: `response-${letter}` }));
  const root = h("section", { id: "comparison" }, ...sides, h("div", { class: "choices" }, left, tie), bad, rank);
  main.append(root);
  const script = await newPage()("labeling/choosing.js");
  const marked = (name) => root.querySelectorAll(`.${name}`).map((one) => one.value ?? one.id);
  const line = () => page.getElementById("save-state").textContent;
  return { ...browser, ...script, root, left, tie, bad, rank, marked, line };
}

test("a button is called by its words, without its key", async () => {
  const { wordsOf, left, tie } = await open();
  assert.deepEqual([wordsOf(left), wordsOf(tie)], ["A is better", "About the same"]);
});

test("with a chosen answer the responses are marked that it is about", async () => {
  for (const [name, marks] of [["left", ["response-A", "left"]], ["tie", ["response-A", "response-B", "tie"]], ["bad", ["response-A", "response-B", "both_bad"]], ["rank", ["rank"]]]) {
    const { markChosen, marked, [name]: button } = await open();
    markChosen(button);
    assert.deepEqual(marked("is-chosen"), marks);
  }
});

test("one answer is selected at a time, and Enter is told which", async () => {
  const { select, selectedButton, left, tie, marked, line, clock, page, needsConfirming } = await open();
  assert.deepEqual([needsConfirming(left), selectedButton()], [true, null]);
  select(left);
  await clock.pass(40);
  select(tie);
  assert.deepEqual([marked("is-selected"), selectedButton()], [["tie"], tie]);
  assert.deepEqual([left, tie].map((one) => one.getAttribute("aria-pressed")), [null, "true"]);
  await clock.pass(40);
  assert.deepEqual([line(), page.getElementById("announcement").textContent], ["Enter confirms", "About the same: selected. Enter confirms."]);
  assert.deepEqual([needsConfirming(left), needsConfirming(tie)], [true, false]);
});

test("a ranking, and whoever answers at once, confirms nothing", async () => {
  const { needsConfirming, rank } = await open();
  assert.equal(needsConfirming(rank), false);
  const atOnce = await open({ instant: true });
  assert.equal(atOnce.needsConfirming(atOnce.left), false);
});

test("what is taken back is marked as what was given, and nothing else is", async () => {
  const { markChosen, markGiven, select, selectedButton, root, left, tie, marked } = await open();
  tie.classList.add("was-given"); // by the server, of an earlier time
  select(left);
  markChosen(left);
  markGiven(root);
  assert.deepEqual([marked("was-given"), marked("is-chosen"), marked("is-selected"), selectedButton()], [["left"], [], [], null]);
});

test("what was given is selected again where Enter confirms, if it is one of the choices", async () => {
  const { selectGiven, selectedButton, root, left, bad } = await open();
  bad.classList.add("was-given");
  selectGiven(root);
  assert.equal(selectedButton(), null);
  left.classList.add("was-given");
  selectGiven(root);
  assert.equal(selectedButton(), left);
  const atOnce = await open({ instant: true });
  atOnce.left.classList.add("was-given");
  atOnce.selectGiven(atOnce.root);
  assert.equal(atOnce.selectedButton(), null);
});
