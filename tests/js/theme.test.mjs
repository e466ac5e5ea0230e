import assert from "node:assert/strict";
import { test } from "node:test";
import { brokenStorage, newPage, openBrowser } from "./browser.mjs";
import { Storage } from "./dom.mjs";

async function open(options) {
  const browser = openBrowser(options);
  const { page, h, storage } = browser;
  const toggle = h("button", { "data-theme-toggle": "", hidden: "" }, h("svg"));
  page.body.append(toggle);
  const told = [];
  page.addEventListener("themechange", () => told.push(page.documentElement.dataset.theme));
  await newPage()("theme.js");
  const theme = () => page.documentElement.dataset.theme;
  const press = () => toggle.querySelector("svg").click();
  return { ...browser, toggle, told, theme, press, kept: () => storage.getItem("theme") };
}

test("a page follows the system until somebody chooses", async () => {
  const { theme, toggle } = await open();
  assert.equal(theme(), undefined);
  assert.deepEqual([toggle.hidden, toggle.title], [false, "Theme: system"]);
});

test("the button goes from light to dark and back to the system, and the browser keeps it", async () => {
  const { press, theme, kept, toggle, told } = await open();
  const seen = [1, 2, 3].map(() => { press(); return [theme(), kept()]; });
  assert.deepEqual(seen, [["light", "light"], ["dark", "dark"], [undefined, "system"]]);
  assert.equal(toggle.getAttribute("aria-label"), "Theme: system");
  assert.deepEqual(told.slice(-3), ["light", "dark", undefined]);
});

test("the theme that was kept is there before the first paint, and on buttons that come later", async () => {
  const { theme, page, h } = await open({ storage: new Storage({ theme: "dark" }) });
  assert.equal(theme(), "dark");
  const late = h("button", { "data-theme-toggle": "", hidden: "" });
  page.body.append(late);
  page.dispatchEvent({ type: "DOMContentLoaded" });
  assert.deepEqual([late.hidden, late.dataset.themeToggle], [false, "dark"]);
});

test("what nobody can have chosen counts as no choice, and the button still works", async () => {
  for (const junk of ["blue", "toString", ""]) {
    const { theme, press } = await open({ storage: new Storage({ theme: junk }) });
    assert.equal(theme(), undefined);
    press();
    assert.equal(theme(), "light");
  }
});

test("without storage every theme can be reached, and lasts as long as the page", async () => {
  const { press, theme, media } = await open({ storage: brokenStorage() });
  press();
  assert.equal(theme(), "light");
  media.change(() => true); // the system turns dark
  assert.equal(theme(), "light");
  press();
  assert.equal(theme(), "dark");
});

test("full storage does not take a choice back to what it was before", async () => {
  const storage = new Storage({ theme: "dark" });
  Object.defineProperty(storage, "setItem", { value() { throw new Error("full"); } });
  const { press, theme } = await open({ storage });
  press();
  press();
  assert.equal(theme(), "light");
});

test("charts and maps hear when the system changes its colours", async () => {
  const { media, told } = await open();
  const before = told.length;
  media.change(() => true);
  assert.equal(told.length, before + 1);
});

test("a click elsewhere changes nothing", async () => {
  const { main, theme } = await open();
  main.click();
  assert.equal(theme(), undefined);
});
