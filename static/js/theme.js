// Light or dark: by the system, or by choice, kept in this browser. Loaded before the first paint
// (no defer), so that a page never flashes in the wrong theme.

(() => {
  const KEY = "theme";
  const NEXT = { system: "light", light: "dark", dark: "system" };

  let unsaved = null; // what could not be kept: it lasts as long as this page

  function chosen() {
    if (unsaved) return unsaved;
    try {
      const theme = localStorage.getItem(KEY);
      return Object.hasOwn(NEXT, theme) ? theme : "system";
    } catch {
      return "system"; // storage is switched off: follow the system
    }
  }

  function apply(theme) {
    if (theme === "system") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.dataset.theme = theme;
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      button.hidden = false;
      button.dataset.themeToggle = theme;
      button.setAttribute("aria-label", `Theme: ${theme}`);
      button.title = `Theme: ${theme}`;
    }
    document.dispatchEvent(new CustomEvent("themechange"));
  }

  apply(chosen());
  document.addEventListener("DOMContentLoaded", () => apply(chosen()));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(chosen()));
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const theme = NEXT[chosen()];
    try {
      localStorage.setItem(KEY, theme);
      unsaved = null;
    } catch {
      unsaved = theme;
    }
    apply(theme);
  });
})();
