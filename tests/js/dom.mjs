// A small document for tests of the scripts: elements with attributes, classes, fields and events,
// as far as the scripts use them. It lays nothing out and parses no HTML; pages are built by `h`.

const camel = (name) => name.replace(/-([a-z])/g, (_, letter) => letter.toUpperCase());
const dashed = (name) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

// One part of a selector, without what is before it: [test of an element, …].
const PARTS = /\[([\w-]+)(?:([~^]?=)(?:"((?:[^"\\]|\\.)*)"|([\w-]*)))?\]|#([\w-]+)|\.([\w-]+)|:(is|not|has)\(((?:[^()]|\([^()]*\))*)\)|:(checked|hover|focus-within)|([a-z][\w-]*)|(\*)/g;

const STATES = {
  checked: (element) => element.checked,
  hover: (element) => Boolean(element.isHovered),
  "focus-within": (element) => element.contains(element.page.activeElement),
};

// What it does not know is no selector, rather than one that is true of everything.
function testsOf(simple) {
  const parts = [...simple.matchAll(PARTS)];
  if (parts.map(([part]) => part).join("") !== simple) throw new SyntaxError(`not known here: ${simple}`);
  return parts.map(([, name, how, quoted, bare, id, className, fn, inner, state, tag]) => (element) => {
    if (id) return element.id === id;
    if (className) return element.classList.contains(className);
    if (fn === "has") return element.querySelector(inner) !== null;
    if (fn) return element.matches(inner) === (fn === "is");
    if (state) return STATES[state](element);
    if (tag) return element.localName === tag;
    if (!name) return true;
    const held = element.getAttribute(name);
    if (held === null) return false;
    const value = quoted?.replace(/\\(.)/g, "$1") ?? bare;
    if (how === "~=") return held.split(/\s+/).includes(value);
    if (how === "^=") return held.startsWith(value);
    return how !== "=" || held === value;
  });
}

// At commas or spaces that are not within quotes or brackets of any kind.
function split(selector, isCut) {
  const parts = [""];
  let depth = 0;
  let isQuoted = false;
  for (const letter of selector) {
    if (letter === '"') isQuoted = !isQuoted;
    else if (!isQuoted && "([".includes(letter)) depth += 1;
    else if (!isQuoted && ")]".includes(letter)) depth -= 1;
    if (!depth && !isQuoted && isCut(letter)) parts.push("");
    else parts[parts.length - 1] += letter;
  }
  return parts.map((part) => part.trim()).filter(Boolean);
}

const known = new Map();

// [steps of a path, …], each path from its last step up: tests of an element, or ">".
function pathsOf(selector) {
  if (!known.has(selector)) {
    known.set(selector, split(selector, (letter) => letter === ",").map((path) => (
      split(path, (letter) => letter === " ").map((step) => (step === ">" ? step : testsOf(step))).reverse()
    )));
  }
  return known.get(selector);
}

function matchesPath(element, [last, ...above]) {
  if (!last.every((test) => test(element))) return false;
  if (!above.length) return true;
  const isChild = above[0] === ">";
  const rest = isChild ? above.slice(1) : above;
  for (let parent = element.parentElement; parent; parent = parent.parentElement) {
    if (matchesPath(parent, rest)) return true;
    if (isChild) return false;
  }
  return false;
}

export class Target {
  #listeners = [];

  addEventListener(type, run, options) {
    this.#listeners.push({ type, run, isCapture: options === true || options?.capture === true });
  }

  tell(event, isCapture) {
    for (const listener of [...this.#listeners]) {
      if (listener.type !== event.type || listener.isCapture !== isCapture) continue;
      listener.run.call(this, event);
      if (event.isStoppedAtOnce) return;
    }
  }
}

// As an event of the browser: down from the window, at the element, and up again if it bubbles.
export class FakeEvent {
  constructor(type, { bubbles = false, cancelable = false, ...fields } = {}) {
    Object.assign(this, { type, bubbles, cancelable, isTrusted: false, defaultPrevented: false }, fields);
  }

  preventDefault() { this.defaultPrevented = true; }
  stopPropagation() { this.isStopped = true; }
  stopImmediatePropagation() { this.isStopped = true; this.isStoppedAtOnce = true; }
  getModifierState(name) { return Boolean(this.modifiers?.includes(name)); }
}

const FIELDS = ["input", "textarea", "select", "button"];

class Element extends Target {
  constructor(page, tag, attributes, children) {
    super();
    Object.assign(this, { page, localName: tag, attributes: new Map(), children: [], parentElement: null, text: "" });
    Object.assign(this, { checked: false, style: {}, clicks: 0 });
    if (FIELDS.includes(tag)) this.value = "";
    for (const [name, value] of Object.entries(attributes)) this.setAttribute(name, value);
    for (const field of ["value", "checked"]) if (field in attributes) this[field] = attributes[field];
    [this.defaultValue, this.defaultChecked] = [this.value, this.checked];
    this.append(...children);
  }

  getAttribute(name) { return this.attributes.get(name) ?? null; }
  setAttribute(name, value) { this.attributes.set(name, String(value)); }
  removeAttribute(name) { this.attributes.delete(name); }
  get type() { return this.getAttribute("type") ?? (this.localName === "button" ? "submit" : "text"); }
  set type(value) { this.setAttribute("type", value); }
  get form() { return this.closest("form"); }
  get tagName() { return this.localName.toUpperCase(); }
  get isConnected() { return this === this.page.documentElement || Boolean(this.parentElement?.isConnected); }

  get dataset() {
    return new Proxy({}, {
      get: (_, name) => this.getAttribute(`data-${dashed(name)}`) ?? undefined,
      has: (_, name) => this.attributes.has(`data-${dashed(name)}`),
      set: (_, name, value) => { this.setAttribute(`data-${dashed(name)}`, value); return true; },
      ownKeys: () => [...this.attributes.keys()].filter((key) => key.startsWith("data-")).map((key) => camel(key.slice(5))),
      getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
    });
  }

  get classList() {
    const all = () => new Set(this.className.split(/\s+/).filter(Boolean));
    const change = (how) => (...names) => {
      const classes = all();
      for (const name of names) classes[how](name);
      this.className = [...classes].join(" ");
    };
    const [add, remove] = [change("add"), change("delete")];
    return { add, remove, contains: (name) => all().has(name), toggle: (name, isOn = !all().has(name)) => (isOn ? add : remove)(name) };
  }

  get firstChild() { return this.text ? { textContent: this.text } : this.children[0] ?? null; }
  get textContent() { return this.text + this.children.map((child) => child.textContent).join(""); }
  set textContent(text) { this.replaceChildren(String(text)); }

  append(...nodes) {
    for (const node of nodes) {
      if (typeof node === "string") { this.text += node; continue; }
      node.remove();
      node.parentElement = this;
      this.children.push(node);
    }
  }

  replaceChildren(...nodes) {
    for (const child of [...this.children]) child.remove();
    this.text = "";
    this.append(...nodes);
  }

  remove() {
    if (this.parentElement) this.parentElement.children = this.parentElement.children.filter((one) => one !== this);
    this.parentElement = null;
  }

  replaceWith(other) {
    const parent = this.parentElement;
    const at = parent.children.indexOf(this);
    other.remove();
    this.remove();
    parent.children.splice(at, 0, other);
    other.parentElement = parent;
  }

  cloneNode() {
    const children = this.children.map((child) => child.cloneNode());
    const copy = new Element(this.page, this.localName, Object.fromEntries(this.attributes), children);
    copy.text = this.text;
    return copy;
  }

  // A template holds its pieces beside the page.
  get content() { return this.localName === "meta" ? this.getAttribute("content") : { firstElementChild: this.children[0] }; }
  showModal() { this.open = true; }
  close() { this.open = false; }

  * everythingBelow() {
    for (const child of this.children) {
      yield child;
      yield* child.everythingBelow();
    }
  }

  get elements() {
    const isField = (one) => FIELDS.includes(one.localName);
    const fields = [...this.everythingBelow()].filter(isField);
    for (const field of fields) if (field.name && !(field.name in fields)) fields[field.name] = field;
    return fields;
  }

  matches(selector) {
    return pathsOf(selector).some((path) => matchesPath(this, path));
  }

  closest(selector) { return this.matches(selector) ? this : this.parentElement?.closest(selector) ?? null; }
  querySelectorAll(selector) { return [...this.everythingBelow()].filter((one) => one.matches(selector)); }
  querySelector(selector) { return this.querySelectorAll(selector)[0] ?? null; }
  contains(other) { return other === this || [...this.everythingBelow()].includes(other); }

  focus() {
    if (this.page.activeElement === this) return;
    this.page.focused = this;
    this.dispatchEvent(new FakeEvent("focus"));
    this.dispatchEvent(new FakeEvent("focusin", { bubbles: true }));
  }

  blur() { if (this.page.activeElement === this) this.page.focused = this.page.body; }
  select() { this.isSelected = true; }
  setCustomValidity(words) { this.validationMessage = words; }
  reportValidity() { return !this.validationMessage; }
  scrollIntoView() {}
  // A test says where something lies, by `box`, and what cannot be seen, by `hidden`.
  getBoundingClientRect() { return { top: 0, left: 0, width: 0, height: 0, ...this.box }; }
  get offsetParent() { return this.closest("[hidden]") ? null : this.parentElement; }

  requestSubmit(submitter = null) {
    this.dispatchEvent(new FakeEvent("submit", { bubbles: true, cancelable: true, submitter }));
  }

  // As a browser: a radio button or a box changes, and says so.
  click() {
    this.clicks += 1;
    if (["radio", "checkbox"].includes(this.type)) {
      const others = this.type === "radio" ? this.page.querySelectorAll(`[name="${this.name}"]`) : [];
      for (const other of others) other.checked = false;
      this.checked = this.type === "radio" || !this.checked;
    }
    this.dispatchEvent(new FakeEvent("click", { bubbles: true, cancelable: true }));
    if (["radio", "checkbox"].includes(this.type)) this.dispatchEvent(new FakeEvent("change", { bubbles: true }));
  }

  dispatchEvent(event) {
    event.target ??= this;
    const path = [];
    for (let one = this; one; one = one.parentElement) path.push(one);
    path.push(this.page, this.page.window);
    const steps = [...path].reverse().map((one) => [one, true]);
    const up = event.bubbles ? path : [this];
    for (const [one, isCapture] of [...steps, ...up.map((one) => [one, false])]) {
      if (event.isStopped) break;
      one.tell(event, isCapture);
    }
    return !event.defaultPrevented;
  }
}

// Properties that are attributes, and those without a value.
for (const [property, name] of [["id", "id"], ["name", "name"], ["className", "class"]]) {
  Object.defineProperty(Element.prototype, property, {
    get() { return this.getAttribute(name) ?? ""; },
    set(value) { this.setAttribute(name, value); },
  });
}
for (const name of ["open", "hidden"]) {
  Object.defineProperty(Element.prototype, name, {
    get() { return this.attributes.has(name); },
    set(isOn) { if (isOn) this.setAttribute(name, ""); else this.removeAttribute(name); },
  });
}

class Document extends Target {
  constructor(window) {
    super();
    Object.assign(this, { window, cookie: "", visibilityState: "visible" });
    this.documentElement = new Element(this, "html", {}, []);
    this.head = new Element(this, "head", {}, []);
    this.body = new Element(this, "body", {}, []);
    this.documentElement.append(this.head, this.body);
    this.focused = this.body;
  }

  // What has left the page has the focus no more.
  get activeElement() { return this.focused.isConnected ? this.focused : this.body; }

  createElement(tag) { return new Element(this, tag, {}, []); }

  // Over the pieces of text below an element; an element's own text comes before its children's.
  createTreeWalker(root) {
    const nodes = [root, ...root.everythingBelow()].filter(({ text }) => text).map((one) => ({ data: one.text, parentElement: one }));
    let at = -1;
    return { nextNode() { at += 1; return at < nodes.length; }, get currentNode() { return nodes[at]; } };
  }

  getElementById(id) { return this.querySelector(`#${id}`); }
  querySelector(selector) { return this.documentElement.querySelector(selector); }
  querySelectorAll(selector) { return this.documentElement.querySelectorAll(selector); }
  dispatchEvent(event) { for (const one of [this, this.window]) one.tell(event, false); }
}

// Keys can be listed as in a browser: Object.keys(localStorage).
export class Storage {
  constructor(entries = {}) { Object.assign(this, entries); }
}
Object.defineProperties(Storage.prototype, {
  getItem: { value(key) { return Object.hasOwn(this, key) ? this[key] : null; }, configurable: true },
  setItem: { value(key, text) { this[key] = String(text); }, configurable: true },
  removeItem: { value(key) { delete this[key]; }, configurable: true },
});

export function newDocument() {
  const page = new Document(new Target());
  // h("p", {class: "x"}, "text", h("b", {}))
  const h = (tag, attributes = {}, ...children) => new Element(page, tag, attributes, children);
  return { page, h };
}
