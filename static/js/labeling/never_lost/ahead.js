// The comparison after this one: handed out and made ready while this one is read, so that an
// answer has nothing to wait for.

import { parse, post } from "../requests.js";

let ready = null;
let isAsking = false;
const gone = new Set(); // answered on this page: must not come back as "next"

export const uuidOf = (root) => root?.dataset.assignment ?? null;
export const aheadUuid = () => uuidOf(ready);

export function take() {
  const root = ready;
  ready = null;
  return root;
}

// What comes on screen by another way, as in the reply to an answer, is no longer ahead.
export function isShown(uuid) {
  if (uuidOf(ready) === uuid) ready = null;
}

// What the server sent as next, or a comparison that has to step back behind another.
export function offer(root, onScreen, prepare) {
  const uuid = uuidOf(root);
  if (!uuid || uuid === onScreen || gone.has(uuid)) return;
  prepare(root);
  ready = root;
}

export const answered = (uuid) => gone.add(uuid);

// After an undo, what was handed out has gone back and what was answered may come again.
export function forget() {
  ready = null;
  gone.clear();
}

export const isGone = (uuid) => gone.has(uuid);
export const comesBack = (uuid) => gone.delete(uuid);

export async function ask(root, today, onScreen, prepare) {
  if (ready || isAsking || !root.dataset.ahead) return;
  isAsking = true;
  try {
    const response = await post(root.dataset.ahead, [["on_screen", uuidOf(root)], ["today", today]]);
    // An undo meanwhile has given it back.
    if (response.status === 200 && !ready && root.isConnected) {
      offer(parse(await response.text()), onScreen(), prepare);
    }
  } catch {
    // Without a connection there is none ready; the answer's own reply brings the next one.
  } finally {
    isAsking = false;
  }
}
