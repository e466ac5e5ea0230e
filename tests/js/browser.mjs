// What the scripts of static/js find in a browser, for tests under node: a document, storage, a
// clock that the test turns, and a server whose replies the test gives.

import { copyFileSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { FakeEvent, newDocument, Storage, Target } from "./dom.mjs";

const SCRIPTS = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "static", "js");
const place = mkdtempSync(join(tmpdir(), "scripts-"));
process.on("exit", () => rmSync(place, { recursive: true, force: true }));

const filesBelow = (folder, path = "") => readdirSync(join(folder, path), { withFileTypes: true }).flatMap((entry) => {
  const name = join(path, entry.name);
  return entry.isDirectory() ? filesBelow(folder, name) : [name];
});

function putInto(folder, source, names, put) {
  for (const subfolder of new Set(names.map(dirname))) mkdirSync(join(folder, subfolder), { recursive: true });
  for (const name of names) put(join(source, name), join(folder, name));
  return folder;
}

const names = filesBelow(SCRIPTS);
const copy = putInto(join(place, "copy"), SCRIPTS, names, copyFileSync);
writeFileSync(join(place, "package.json"), '{"type": "module"}');
let pages = 0;

// A page as it is after a reload: its scripts know nothing of the last one. They are imported from
// a folder of their own, since node imports each address once, and takes them for modules where it
// says so. Links to one copy are made in a fraction of the time that copies take.
export function newPage() {
  pages += 1;
  const folder = putInto(join(place, `page-${pages}`), copy, names, linkSync);
  return (name) => import(pathToFileURL(join(folder, name)));
}

// Replies come in the order they were given; without any, the connection is down, unless a test
// says `otherwise`.
class Server {
  requests = [];
  otherwise = () => { throw new TypeError("no connection"); };
  #replies = [];

  // `reply`: a Response, or a function of the request that gives one or throws.
  reply(...replies) { this.#replies.push(...replies); }

  async fetch(url, options = {}) {
    this.requests.push({ url, headers: options.headers, fields: [...(options.body ?? [])], keepalive: options.keepalive });
    const reply = this.#replies.shift() ?? this.otherwise;
    return typeof reply === "function" ? reply(this.requests.at(-1)) : reply;
  }
}

// Timers run when the test says that their time has come.
class Clock {
  now = 0;
  #timers = new Map();
  #last = 0;

  set(run, milliseconds = 0, every = null) {
    this.#last += 1;
    this.#timers.set(this.#last, { run, at: this.now + milliseconds, every });
    return this.#last;
  }

  clear(key) { this.#timers.delete(key); }

  async pass(milliseconds) {
    const until = this.now + milliseconds;
    for (;;) {
      await quiet();
      const [first] = [...this.#timers].sort((a, b) => a[1].at - b[1].at);
      if (!first || first[1].at > until) break;
      const [key, timer] = first;
      this.now = timer.at;
      if (timer.every) timer.at += timer.every;
      else this.#timers.delete(key);
      timer.run();
    }
    this.now = Math.max(this.now, until); // what ran may have taken its time
    await quiet();
  }
}

const realImmediate = setImmediate;
// Until everything that waits for nothing but promises is done.
export async function quiet() {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => { realImmediate(resolve); });
}

// What a window's size and a person's choices are: each query of them is asked for by its words.
class Media {
  #queries = new Map();

  constructor(matches) { this.matches = matches; }

  query(words) {
    if (!this.#queries.has(words)) this.#queries.set(words, Object.assign(new Target(), { matches: this.matches(words) }));
    return this.#queries.get(words);
  }

  // As when the window gets another size.
  change(matches) {
    for (const [words, query] of this.#queries) {
      query.matches = matches(words);
      query.tell({ type: "change" }, false);
    }
  }
}

// Storage that is switched off.
export function brokenStorage() {
  const refuse = () => { throw new Error("storage is switched off"); };
  return { getItem: refuse, setItem: refuse, removeItem: refuse };
}

// Puts a fresh browser in the place of globals. `storage` is what an earlier page has left there,
// `media` says of a media query whether it is so.
export function openBrowser({ storage = new Storage(), labeler = "7", labelerName = "Lena", media = () => false } = {}) {
  const { page, h } = newDocument();
  const server = new Server();
  const clock = new Clock();
  const queries = new Media(media);
  const observers = [];
  const main = h("main", { id: "main", "data-labeler": labeler, "data-labeler-name": labelerName, "data-sign-in": "/sign-in/" });
  page.body.append(main, h("p", { id: "announcement" }), h("p", { id: "save-state" }));
  page.cookie = "csrftoken=token-of-now";
  const said = [];
  page.addEventListener("toast", (event) => said.push(event.detail.text));
  const { window } = page;
  const globals = {
    document: page,
    window,
    localStorage: storage,
    location: { href: "http://testserver/projects/p/label/", pathname: "/projects/p/label/", toString() { return this.href; } },
    addEventListener: (...listener) => window.addEventListener(...listener),
    fetch: (...request) => server.fetch(...request),
    setTimeout: (...timer) => clock.set(...timer),
    clearTimeout: (key) => clock.clear(key),
    setInterval: (run, milliseconds) => clock.set(run, milliseconds, milliseconds),
    clearInterval: (key) => clock.clear(key),
    Event: FakeEvent,
    CustomEvent: FakeEvent,
    KeyboardEvent: FakeEvent,
    CSS: { escape: (text) => text.replace(/[^\w-]/g, (sign) => `\\${sign}`) },
    performance: { now: () => clock.now },
    requestAnimationFrame: (run) => clock.set(run, 16),
    matchMedia: (words) => queries.query(words),
    MutationObserver: class {
      constructor(run) { this.run = run; }
      observe() { observers.push(this.run); }
    },
    getComputedStyle: ({ style }) => ({ color: style.color }),
    devicePixelRatio: 1,
    innerHeight: 800,
  };
  Object.assign(window, { document: page, matchMedia: globals.matchMedia, location: globals.location });
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  // Whoever watches the page hears at once that something of it was exchanged.
  const changed = () => { for (const run of observers) run(); };
  return { page, h, main, server, clock, window, storage, media: queries, changed, toasts: said };
}

// An element that scrolls: it is as high as `height`, and what is in it as `content`.
export function layOut(element, { height, content }) {
  let top = 0;
  Object.defineProperty(element, "scrollTop", {
    configurable: true,
    get: () => top,
    set: (wanted) => { top = Math.min(Math.max(wanted, 0), Math.max(content - height, 0)); },
  });
  return Object.assign(element, {
    clientHeight: height, scrollHeight: content, scrollBy: (by) => { element.scrollTop += by.top; },
  });
}

// A pen of a canvas that writes down what it was told to draw.
export function newPen() {
  const strokes = [];
  return new Proxy({ strokes }, {
    get: (pen, name) => pen[name] ?? ((...given) => { strokes.push([name, ...given]); return strokes.at(-1); }),
  });
}

// A key of a keyboard, with what is printed on it and its place.
export const keyPress = (key, code = "", more = {}) => new FakeEvent("keydown", {
  key, code, shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, repeat: false,
  isComposing: false, bubbles: true, cancelable: true, ...more,
});
