// Which words of two texts differ. Words that occur once in both are anchors (as in patience
// diff); between them Myers' algorithm finds the shortest edit. Where that would cost too much, it
// goes on from as far as it has come: not the shortest any more, but time grows little faster than
// the text.

const WORD = /[\p{L}\p{N}\p{M}_]+|[^\p{L}\p{N}\p{M}_\s]/gu;
const MAX_EDITS = 400; // before a stretch is cut in two

// The words below an element, and the Range of a run of them.
export function wordsOf(element) {
  const nodes = [];
  const starts = [];
  let text = "";
  const walker = document.createTreeWalker(element ?? document.createElement("p"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    nodes.push(walker.currentNode);
    starts.push(text.length);
    text += walker.currentNode.data;
  }
  const found = [...text.matchAll(WORD)];
  const place = (offset, isEnd) => {
    let low = 0;
    let high = nodes.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (isEnd ? starts[middle] < offset : starts[middle] <= offset) low = middle;
      else high = middle - 1;
    }
    return [nodes[low], offset - starts[low]];
  };
  return {
    words: found.map(([word]) => word),
    range(from, to) {
      const range = new Range();
      range.setStart(...place(found[from].index, false));
      range.setEnd(...place(found[to - 1].index + found[to - 1][0].length, true));
      return range;
    },
  };
}

// [runs on the left, runs on the right]: each run is [from, to) of words that the other side does
// not have in this order.
export function diffWords(left, right) {
  const sameLeft = new Uint8Array(left.length);
  const sameRight = new Uint8Array(right.length);
  const stretches = [[0, left.length, 0, right.length]];
  while (stretches.length) {
    let [a, aEnd, b, bEnd, isRest] = stretches.pop();
    while (a < aEnd && b < bEnd && left[a] === right[b]) sameLeft[a++] = sameRight[b++] = 1;
    while (a < aEnd && b < bEnd && left[aEnd - 1] === right[bEnd - 1]) sameLeft[--aEnd] = sameRight[--bEnd] = 1;
    if (a === aEnd || b === bEnd) continue;
    // What is left of a stretch without anchors is not searched for them again.
    const anchors = isRest ? [] : anchorsIn(left, right, a, aEnd, b, bEnd);
    if (!anchors.length) {
      const [x, y] = shortestEdit(left, right, a, aEnd, b, bEnd, sameLeft, sameRight);
      stretches.push([x, aEnd, y, bEnd, true]);
      continue;
    }
    for (const [x, y] of [...anchors, [aEnd, bEnd]]) {
      if (a < x && b < y) stretches.push([a, x, b, y]);
      if (x < aEnd) sameLeft[x] = sameRight[y] = 1;
      [a, b] = [x + 1, y + 1];
    }
  }
  return [runsOf(sameLeft), runsOf(sameRight)];
}

function runsOf(same) {
  const runs = [];
  for (let index = 0; index < same.length; index += 1) {
    if (same[index]) continue;
    const from = index;
    while (index < same.length && !same[index]) index += 1;
    runs.push([from, index]);
  }
  return runs;
}

// Words that occur once on each side, as the longest series that keeps its order on both.
function anchorsIn(left, right, a, aEnd, b, bEnd) {
  const seen = new Map(); // word -> [times left, place left, times right, place right]
  for (let i = a; i < aEnd; i += 1) {
    const entry = seen.get(left[i]);
    if (entry) entry[0] += 1;
    else seen.set(left[i], [1, i, 0, 0]);
  }
  for (let j = b; j < bEnd; j += 1) {
    const entry = seen.get(right[j]);
    if (!entry) continue;
    entry[2] += 1;
    entry[3] = j;
  }
  const pairs = [...seen.values()].filter(([l, , r]) => l === 1 && r === 1).map(([, i, , j]) => [i, j]);
  return increasing(pairs);
}

// Longest increasing subsequence by the second member; the pairs come ordered by the first.
function increasing(pairs) {
  const tails = [];
  const before = new Int32Array(pairs.length);
  pairs.forEach(([, y], index) => {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (pairs[tails[middle]][1] < y) low = middle + 1;
      else high = middle;
    }
    before[index] = low ? tails[low - 1] : -1;
    tails[low] = index;
  });
  const result = [];
  for (let index = tails.at(-1) ?? -1; index >= 0; index = before[index]) result.push(pairs[index]);
  return result.reverse();
}

// Marks what is the same as far as it comes, and says how far that is.
function shortestEdit(left, right, a, aEnd, b, bEnd, sameLeft, sameRight) {
  const n = aEnd - a;
  const m = bEnd - b;
  const limit = Math.min(n + m, MAX_EDITS);
  const offset = limit + 1;
  const furthest = new Int32Array(2 * limit + 3);
  const trace = [];
  for (let edits = 0; edits <= limit; edits += 1) {
    trace.push(furthest.slice(offset - edits - 1, offset + edits + 2));
    for (let k = -edits; k <= edits; k += 2) {
      const down = k === -edits || (k !== edits && furthest[offset + k - 1] < furthest[offset + k + 1]);
      let x = down ? furthest[offset + k + 1] : furthest[offset + k - 1] + 1;
      while (x < n && x - k < m && left[a + x] === right[b + x - k]) x += 1;
      furthest[offset + k] = x;
      if (x >= n && x - k >= m) return walkBack(trace, edits, k, x);
    }
  }
  const reached = (k) => 2 * furthest[offset + k] - k;
  let best = limit;
  for (let k = -limit; k <= limit; k += 2) {
    const isInside = furthest[offset + k] <= n && furthest[offset + k] - k <= m;
    if (isInside && (reached(k) > reached(best) || furthest[offset + best] > n)) best = k;
  }
  return walkBack(trace, limit, best, furthest[offset + best]);

  function walkBack(steps, last, diagonal, end) {
    let k = diagonal;
    let x = end;
    for (let edits = last; edits >= 0; edits -= 1) {
      const at = (key) => steps[edits][key + edits + 1];
      const down = k === -edits || (k !== edits && at(k - 1) < at(k + 1));
      const from = edits === 0 ? 0 : down ? at(k + 1) : at(k - 1) + 1;
      while (x > from) {
        x -= 1;
        sameLeft[a + x] = sameRight[b + x - k] = 1;
      }
      k += down ? 1 : -1;
      x = edits === 0 ? 0 : at(k);
    }
    return [a + end, b + end - diagonal];
  }
}
