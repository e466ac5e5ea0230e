// The answers that the server refused again and again: a button that counts them, and a list in
// which each can be sent again, written to a file, or given up.

import { retry } from "./never_lost/saving.js";
import { aside } from "./never_lost/store.js";

const opener = () => document.getElementById("aside-opener");
const sheet = () => document.getElementById("aside-sheet");

// Said again when another window of this browser changes them.
export function showAside() {
  const entries = aside.all();
  opener().hidden = entries.length === 0;
  opener().querySelector("strong").textContent = entries.length;
  const template = document.getElementById("aside-entry");
  const list = sheet().querySelector("ol");
  list.replaceChildren(...entries.map((entry) => {
    const item = template.content.firstElementChild.cloneNode(true);
    item.dataset.uuid = entry.uuid;
    const put = (name, text) => { item.querySelector(`[data-is=${name}]`).textContent = text ?? ""; };
    put("said", entry.said);
    put("about", entry.about);
    put("when", entry.at ? new Date(entry.at).toLocaleString() : "");
    put("why", entry.aside.text);
    return item;
  }));
  if (!entries.length && sheet().open) sheet().close();
}

// What was answered, for a person or a curator to read; no token is in it.
function download(uuid) {
  const entries = aside.all().filter((entry) => entry.uuid === uuid);
  const answers = entries.map(({ uuid: assignment, url, fields, said, about, at, aside: why }) => (
    { assignment, address: url, prompt: about, answer: said, fields, answered_at: at, refused: why }
  ));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(answers, null, 2)], { type: "application/json" }));
  link.download = `answer-${uuid.slice(0, 8)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const ACTIONS = { retry, download, discard: aside.discard };

// Giving an answer up cannot be undone: the button asks once more.
function act(button) {
  const { does } = button.dataset;
  if (does === "discard" && !button.dataset.sure) {
    button.dataset.sure = "yes";
    button.textContent = "Really discard it";
    return;
  }
  ACTIONS[does](button.closest("[data-uuid]").dataset.uuid);
  if (does !== "download") showAside();
}

export function listenToAside() {
  sheet().addEventListener("click", (event) => {
    const button = event.target.closest("[data-does]");
    if (button) act(button);
  });
  addEventListener("storage", (event) => { if (aside.isOurs(event.key)) showAside(); });
  showAside();
}
