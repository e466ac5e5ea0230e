import assert from "node:assert/strict";
import { test } from "node:test";
import { newPage, openBrowser } from "../browser.mjs";

openBrowser();
globalThis.NodeFilter = { SHOW_TEXT: 4 };
const { diffWords, wordsOf } = await newPage()("labeling/differences.js");
const words = (text) => text.split(" ").filter(Boolean);
const marked = (list, runs) => runs.map(([from, to]) => list.slice(from, to).join(" "));
const differences = (left, right) => {
  const [ours, theirs] = [words(left), words(right)];
  const [runsLeft, runsRight] = diffWords(ours, theirs);
  return [marked(ours, runsLeft), marked(theirs, runsRight)];
};
const without = (list, runs) => list.filter((_, index) => !runs.some(([from, to]) => index >= from && index < to));

test("the same text differs nowhere, an empty one everywhere", () => {
  assert.deepEqual(differences("the capital is Paris", "the capital is Paris"), [[], []]);
  assert.deepEqual(differences("", "the capital"), [[], ["the capital"]]);
  assert.deepEqual(differences("", ""), [[], []]);
});

test("one word that was exchanged is marked on both sides", () => {
  assert.deepEqual(differences("the capital is Lyon .", "the capital is Paris ."), [["Lyon"], ["Paris"]]);
});

test("what one side has more is marked there alone", () => {
  assert.deepEqual(differences("boil the egg", "first boil the egg for ten minutes"), [[], ["first", "for ten minutes"]]);
});

test("a sentence that moved is marked once on each side, in one piece", () => {
  const [left, right] = differences("x y z a b c d", "a b c d x y z");
  assert.deepEqual([left, right], [["x y z"], ["x y z"]]);
});

test("of words that repeat as few as can be are marked", () => {
  assert.deepEqual(differences("a a b a a", "a a a a"), [["b"], []]);
});

test("a text of few words, each many times, is marked where one is missing and nowhere else", () => {
  const left = Array.from({ length: 200 }, (_, index) => (index % 3 ? "a" : "b"));
  const right = left.filter((_, index) => index % 20 !== 7);
  const [runsLeft, runsRight] = diffWords(left, right);
  const count = (runs) => runs.reduce((sum, [from, to]) => sum + to - from, 0);
  assert.deepEqual([count(runsLeft), count(runsRight)], [10, 0]);
});

// A generator with a seed: a failure can be repeated.
function* randomNumbers(seed) {
  let state = seed;
  for (;;) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    yield state / 2_147_483_648;
  }
}

test("what is not marked is the same on both sides, whatever the texts are", () => {
  const random = randomNumbers(7);
  const next = (below) => Math.floor(random.next().value * below);
  for (let turn = 0; turn < 300; turn += 1) {
    const alphabet = 2 + next(12);
    const text = () => Array.from({ length: next(30) }, () => `w${next(alphabet)}`);
    const [left, right] = [text(), text()];
    const [runsLeft, runsRight] = diffWords(left, right);
    assert.deepEqual(without(left, runsLeft), without(right, runsRight), `${left} / ${right}`);
    for (const [runs, list] of [[runsLeft, left], [runsRight, right]]) {
      let last = -1;
      for (const [from, to] of runs) {
        assert.ok(last < from && from < to && to <= list.length, `${runs}`);
        last = to;
      }
    }
  }
});

test("long texts without anything in common end, and are marked whole", () => {
  const left = Array.from({ length: 20_000 }, (_, index) => `l${index % 7}`);
  const right = Array.from({ length: 20_000 }, (_, index) => `r${index % 7}`);
  assert.deepEqual(diffWords(left, right), [[[0, 20_000]], [[0, 20_000]]]);
});

test("a long text with a change here and there is marked there alone", () => {
  const left = Array.from({ length: 30_000 }, (_, index) => `w${index % 90}`);
  const right = [...left];
  for (const at of [10, 15_000, 29_000]) right[at] = "changed";
  const [runsLeft, runsRight] = diffWords(left, right);
  assert.deepEqual(runsLeft, [[10, 11], [15_000, 15_001], [29_000, 29_001]]);
  assert.deepEqual(runsRight, runsLeft);
});

// Texts of an element, one node after the other.
function elementOf(...texts) {
  const nodes = texts.map((data) => ({ data }));
  document.createTreeWalker = () => {
    let at = -1;
    return { nextNode() { at += 1; return at < nodes.length; }, get currentNode() { return nodes[at]; } };
  };
  globalThis.Range = class {
    setStart(...place) { this.start = place; }
    setEnd(...place) { this.end = place; }
  };
  return nodes;
}

test("words are letters and digits of any script; each other sign is one of its own", () => {
  elementOf("x² = «Größe», 日本 don't\n");
  assert.deepEqual(wordsOf({}).words, ["x²", "=", "«", "Größe", "»", ",", "日本", "don", "'", "t"]);
});

test("a word that goes through several nodes is one, and its range begins and ends in the right ones", () => {
  const nodes = elementOf("a bo", "ld", " word");
  const { words: found, range } = wordsOf({});
  assert.deepEqual(found, ["a", "bold", "word"]);
  const bold = range(1, 2);
  assert.deepEqual([bold.start, bold.end], [[nodes[0], 2], [nodes[1], 2]]);
  const both = range(1, 3);
  assert.deepEqual([both.start, both.end], [[nodes[0], 2], [nodes[2], 5]]);
});
