// What this browser keeps for a labeler: answers not yet saved, those set aside, and drafts. By labeler, so that
// nobody's answer is sent in another's name on a shared machine.

const { labeler = "", labelerName = "its owner" } = document.querySelector("main")?.dataset ?? {};
export const owner = { key: labeler, name: labelerName };
const ANSWERS = "pending-answers:";
const PENDING = ANSWERS + owner.key;
const DRAFT = `draft:${owner.key}:`;
const DRAFTS_KEPT = 50;
const memory = new Map(); // where storage is switched off or full: lasts as long as the page

// What could not be written is newer than what lies there from before.
function read(key) {
  if (memory.has(key)) return memory.get(key);
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null") ?? undefined;
  } catch {
    return undefined;
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
const kept = () => read(PENDING) ?? [];
const keep = (entries) => write(PENDING, entries.length ? entries : undefined);
const others = (uuid) => kept().filter((entry) => entry.uuid !== uuid);

// What other accounts have left in this browser: whose, and how many. Nobody else sends them.
export function keptOfOthers() {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(ANSWERS) && key !== PENDING);
    return keys.map((key) => read(key) ?? []).filter((entries) => entries.length).map((entries) => (
      { name: entries[0].by ?? "another account", count: entries.length }
    ));
  } catch {
    return []; // storage is switched off
  }
}

export const pending = {
  all: () => kept().filter((entry) => !entry.aside),
  get: (uuid) => pending.all().find((entry) => entry.uuid === uuid),
  has: (uuid) => pending.get(uuid) !== undefined,
  // Without those that were taken back and are to be undone at the server.
  answers: () => pending.all().filter((entry) => entry.url),
  add: (entry) => keep([...others(entry.uuid), { ...entry, by: owner.name }]),
  remove: (uuid) => keep(others(uuid)),
  // In its place in the order; nothing happens if it has gone meanwhile, as in another window.
  change(uuid, values) {
    keep(kept().map((entry) => (entry.uuid === uuid ? { ...entry, ...values } : entry)));
  },
  // True if closing the page would lose something.
  isVolatile: () => memory.has(PENDING) && kept().length > 0,
};

// Answers that the server refuses again and again: out of the others' way, and kept in the same
// place, so that moving one is a single write. `aside` says {status, text}.
export const aside = {
  all: () => kept().filter((entry) => entry.aside),
  has: (uuid) => aside.all().some((entry) => entry.uuid === uuid),
  put: (uuid, status, text) => pending.change(uuid, { aside: { status, text } }),
  // Back in line, behind the others.
  retry(uuid, values) {
    const entry = aside.all().find((one) => one.uuid === uuid);
    if (entry) pending.add({ ...entry, ...values, aside: undefined });
  },
  discard: (uuid) => { if (aside.has(uuid)) pending.remove(uuid); },
  isOurs: (key) => key === PENDING,
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
