// What this browser keeps for a labeler: answers not yet saved, and drafts. By labeler, so that
// nobody's answer is sent in another's name on a shared machine.

const owner = document.querySelector("main")?.dataset.labeler ?? "";
const PENDING = `pending-answers:${owner}`;
const DRAFT = `draft:${owner}:`;
const DRAFTS_KEPT = 50;
const memory = new Map(); // where storage is switched off or full: lasts as long as the page

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null") ?? memory.get(key);
  } catch {
    return memory.get(key);
  }
}

function write(key, value) {
  try {
    if (value === undefined) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
    memory.delete(key);
  } catch {
    memory.set(key, value);
  }
}

// Answers in the order they were given; at most one per assignment, which is what makes sending
// them again safe: the server counts one judgment per assignment.
export const pending = {
  all: () => read(PENDING) ?? [],
  has: (uuid) => pending.all().some((entry) => entry.uuid === uuid),
  add(entry) {
    write(PENDING, [...pending.all().filter(({ uuid }) => uuid !== entry.uuid), entry]);
  },
  remove(uuid) {
    const left = pending.all().filter((entry) => entry.uuid !== uuid);
    write(PENDING, left.length ? left : undefined);
  },
  // True if closing the page would lose something.
  isVolatile: () => memory.has(PENDING) && pending.all().length > 0,
};

export const drafts = {
  get: (uuid) => read(DRAFT + uuid)?.fields,
  set(uuid, fields) {
    write(DRAFT + uuid, { at: Date.now(), fields });
    prune();
  },
  remove: (uuid) => write(DRAFT + uuid),
};

function prune() {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(DRAFT));
    if (keys.length <= DRAFTS_KEPT) return;
    keys.sort((a, b) => (read(a)?.at ?? 0) - (read(b)?.at ?? 0));
    for (const key of keys.slice(0, keys.length - DRAFTS_KEPT)) localStorage.removeItem(key);
  } catch {
    // storage is switched off: nothing to prune
  }
}
