import assert from "node:assert/strict";
import { test } from "node:test";
import { keyPress, newPage, openBrowser } from "../browser.mjs";

const LETTERS = ["A", "B", "C"];

// A ranking of three as templates/labeling/_ranking.html has it; `places` are those it came with.
async function open({ noTies = false, places = {} } = {}) {
  const browser = openBrowser();
  const { page, h, main } = browser;
  const input = (letter, place) => h("input", {
    type: "radio", name: `place-${letter}`, value: `${place}`, checked: places[letter] === place,
  });
  const responses = LETTERS.map((letter) => h("article", { id: `response-${letter}`, class: "response" },
    h("div", { class: "place" }, ...[1, 2, 3].map((place) => input(letter, place)))));
  const tokens = LETTERS.map((letter) => h("button", { type: "button", class: "token", "data-letter": letter }, letter));
  const slots = [1, 2, 3].map((place) => h("div", { class: "slot", "data-place": `${place}` }));
  const save = h("button", { class: "rank-save", name: "choice", value: "rank" });
  const ranking = h("div", { class: "ranking", "data-sortable": "/sortable.js", ...(noTies ? { "data-no-ties": "" } : {}) },
    h("div", { class: "slot", "data-place": "" }, ...tokens), h("div", { class: "tiers" }, ...slots), save);
  const form = h("form", { id: "judgment" }, ranking);
  main.append(...responses, form);
  const script = await newPage()("labeling/ranking.js");
  const said = [];
  script.watchRanking(form, (text) => said.push(text));
  const press = (key, target = page.body, more = {}) => {
    const event = keyPress(key, /^\d$/.test(key) ? `Digit${key}` : key, more);
    target.dispatchEvent(event);
    return event;
  };
  const placed = () => Object.fromEntries(LETTERS.map((letter) => [
    letter, page.querySelectorAll(`.place input[name="place-${letter}"]`).find((one) => one.checked)?.value ?? "",
  ]));
  const shown = () => page.querySelectorAll(".slot").map((slot) => slot.children.map((one) => one.textContent).join("")).join("|");
  return { ...browser, ...script, ranking, form, tokens, save, said, press, placed, shown };
}

test("digits place one response after the other, and then Enter saves", async () => {
  const { press, placed, shown, said, save, page, ranking } = await open();
  press("2");
  press("1");
  assert.equal(ranking.classList.contains("is-complete"), false);
  press("3");
  assert.deepEqual(placed(), { A: "2", B: "1", C: "3" });
  assert.equal(shown(), "|B|A|C");
  assert.equal(said.at(-1), "C: place 3. All placed, Enter saves.");
  assert.equal(page.activeElement, save);
  assert.equal(ranking.classList.contains("is-complete"), true);
  press("Enter");
  assert.equal(save.clicks, 1);
});

test("two responses may share a place", async () => {
  const { press, placed, shown } = await open();
  for (const key of ["1", "1", "2"]) press(key);
  assert.deepEqual(placed(), { A: "1", B: "1", C: "2" });
  assert.equal(shown(), "|AB|C|");
});

test("without ties the one that had the place takes this one's", async () => {
  const { press, placed, page } = await open({ noTies: true });
  for (const key of ["1", "2", "3"]) press(key);
  page.getElementById("response-C").querySelectorAll("input")[0].click();
  assert.deepEqual(placed(), { A: "3", B: "2", C: "1" });
});

test("Backspace takes back the last one placed, and again the one before", async () => {
  const { press, placed, said } = await open();
  press("2");
  press("1");
  press("Backspace");
  assert.deepEqual(placed(), { A: "2", B: "", C: "" });
  press("Backspace");
  press("Backspace");
  assert.deepEqual(placed(), { A: "", B: "", C: "" });
  assert.equal(said.at(-1), "A has no place now");
  press("3");
  assert.deepEqual(placed(), { A: "3", B: "", C: "" });
});

test("what is still to be placed is named, and whole when nothing is", async () => {
  const { press, missingPlace } = await open();
  press("1");
  assert.equal(missingPlace().text, "Response B has no place yet.");
  press("2");
  press("3");
  assert.equal(missingPlace(), null);
});

test("a ranking that came with places shows them", async () => {
  const { shown, missingPlace, tokens } = await open({ places: { A: 3, B: 1, C: 1 } });
  assert.equal(shown(), "|BC||A");
  assert.equal(missingPlace(), null);
  assert.equal(tokens[0].getAttribute("aria-label"), "A, place 3");
});

test("a digit beyond the places places nothing", async () => {
  const { press, placed } = await open();
  assert.equal(press("4").defaultPrevented, false);
  assert.deepEqual(placed(), { A: "", B: "", C: "" });
});

test("arrows go from response to response, round and round", async () => {
  const { press, placed } = await open();
  press("ArrowRight");
  press("1");
  press("ArrowLeft");
  press("ArrowLeft");
  press("2");
  assert.deepEqual(placed(), { A: "2", B: "1", C: "" });
});

test("on a letter the arrows move it, and no further than the ends", async () => {
  const { press, placed, tokens } = await open();
  press("ArrowRight", tokens[1]);
  assert.equal(placed().B, "1");
  press("ArrowRight", tokens[1]);
  press("ArrowRight", tokens[1]);
  press("ArrowRight", tokens[1]);
  assert.equal(placed().B, "3");
});

test("somebody who writes, or has something open, places nothing", async () => {
  const { press, placed, h, main, page } = await open();
  const reason = h("textarea");
  main.append(reason);
  press("1", reason);
  press("1", page.body, { ctrlKey: true });
  page.body.append(h("dialog", { open: "" }));
  press("1");
  assert.deepEqual(placed(), { A: "", B: "", C: "" });
});

test("a placement is told to whoever keeps drafts", async () => {
  const { press, page } = await open();
  const heard = [];
  page.addEventListener("input", (event) => heard.push(event.target.className));
  press("1");
  assert.deepEqual(heard, ["ranking"]);
});

test("a ranking that has left the page takes no keys", async () => {
  const { press, form, placed, missingPlace } = await open();
  form.remove();
  press("1");
  assert.deepEqual(placed(), { A: "", B: "", C: "" });
  assert.equal(missingPlace(), null);
});

test("the response that somebody touches, or whose letter or number they go to, is the one that a digit places", async () => {
  const { page, tokens, press, placed } = await open();
  const isCurrent = (letter) => page.getElementById(`response-${letter}`).classList.contains("is-current");
  assert.equal(isCurrent("A"), true);
  page.getElementById("response-C").dispatchEvent({ type: "pointerdown" });
  assert.deepEqual([isCurrent("A"), isCurrent("C"), tokens[2].classList.contains("is-current")], [false, true, true]);
  tokens[1].click();
  assert.equal(isCurrent("B"), true);
  page.getElementById("response-C").querySelector("input").focus();
  press("2");
  assert.deepEqual(placed(), { A: "", B: "", C: "2" });
});

test("arrows among the numbers of a response stay with them; a digit goes on to the next one's numbers", async () => {
  const { page, press } = await open();
  const [one] = page.getElementById("response-A").querySelectorAll("input");
  one.focus();
  const heard = [];
  page.addEventListener("keydown", (event) => heard.push(event.key));
  assert.equal(press("ArrowRight", one).defaultPrevented, false);
  assert.deepEqual(heard, []);
  press("1", one);
  assert.equal(page.activeElement, page.getElementById("response-B").querySelector("input"));
});

test("a letter keeps the focus when it moves to its place", async () => {
  const { tokens, press, page, shown } = await open();
  tokens[0].focus();
  press("ArrowRight", tokens[0]);
  assert.deepEqual([page.activeElement, shown()], [tokens[0], "BC|A||"]);
});

test("Enter on a button or a link is theirs, and other keys are nobody's", async () => {
  const { press, save, tokens } = await open();
  assert.equal(press("Enter", tokens[0]).defaultPrevented, false);
  assert.equal(press("q").defaultPrevented, false);
  assert.equal(save.clicks, 0);
});

test("a ranking that comes back is heard once, as it was left", async () => {
  const { watchRanking, form, press, said, placed, page, window } = await open();
  press("2");
  const heard = [];
  page.addEventListener("input", () => heard.push("input"));
  watchRanking(form, (text) => said.push(text));
  page.getElementById("response-B").querySelectorAll("input")[0].click();
  assert.deepEqual([placed(), heard], [{ A: "2", B: "1", C: "" }, ["input"]]);
  press("Backspace");
  press("Backspace");
  assert.deepEqual(placed(), { A: "", B: "", C: "" });
  const made = [];
  window.Sortable = { create: (element) => made.push(element) };
  page.head.querySelector("script").dispatchEvent({ type: "load" });
  assert.deepEqual([made.length, page.head.querySelectorAll("script").length], [4, 1]);
});

test("the library for dragging is asked for once, again if it could not be had, and not where it is", async () => {
  const { watchRanking, page, h, window } = await open();
  const scripts = () => page.head.querySelectorAll("script").length;
  const another = () => {
    const slot = h("div", { class: "slot", "data-place": "" }, h("button", { class: "token", "data-letter": "A" }));
    watchRanking(h("form", {}, h("div", { class: "ranking", "data-sortable": "/sortable.js" }, slot, h("button", { class: "rank-save" }))), () => {});
  };
  another();
  assert.equal(scripts(), 1);
  page.head.querySelector("script").dispatchEvent({ type: "error" });
  another();
  assert.equal(scripts(), 2);
  const made = [];
  window.Sortable = { create: (element) => made.push(element) };
  another();
  assert.deepEqual([scripts(), made.length], [2, 1]);
});

test("a comparison that is no ranking has none", async () => {
  const { watchRanking, missingPlace, h, press } = await open();
  watchRanking(h("form"), assert.fail);
  assert.equal(missingPlace(), null);
  assert.equal(press("1").defaultPrevented, false);
});

test("what is dragged goes the same way as what is typed", async () => {
  const made = [];
  const { tokens, ranking, placed, said, page } = await open();
  window.Sortable = { create: (element, options) => made.push([element, options]) };
  page.head.querySelector("script").dispatchEvent({ type: "load", bubbles: false });
  assert.equal(made.length, 4);
  const [[pool, { onEnd }]] = made;
  const second = ranking.querySelectorAll(".tiers .slot")[1];
  onEnd({ item: tokens[2], from: pool, to: second });
  assert.deepEqual([placed().C, tokens[2].parentElement], ["2", second]);
  onEnd({ item: tokens[2], from: second, to: pool });
  assert.deepEqual([placed().C, said.at(-1)], ["", "C has no place now"]);
});
