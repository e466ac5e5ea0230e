// Tells the server, three times per lease and only while the page is visible, that the labeler is
// still reading, so that the comparison is not handed to someone else meanwhile; and that the page
// has closed, so that it soon is.

import { post, postAndForget } from "../requests.js";

let timer = null;
let current = null; // {url, warn}
let aheadUuid = () => null;

async function beat() {
  if (!current || document.visibilityState !== "visible") return;
  const { url, warn } = current;
  try {
    const response = await post(url, [["ahead", aheadUuid() ?? ""]]);
    if (current?.url !== url) return;
    if (response.status === 410) {
      warn("You were away for long: someone else may judge this too. Your answer is still kept.");
      current = null;
    }
  } catch {
    // No connection: the next beat tries again, and a late answer is kept anyway.
  }
}

export function startHeartbeat(url, seconds, warn) {
  clearInterval(timer);
  current = url ? { url, warn } : null;
  if (current) timer = setInterval(beat, seconds * 1000);
}

// A reload closes the page too: the first beat takes back what the old page has let go.
export function keepLeases(given, held, letGoUrl) {
  aheadUuid = given;
  setTimeout(beat, 3000);
  document.addEventListener("visibilitychange", beat);
  addEventListener("pagehide", () => {
    const uuids = held().filter(Boolean);
    if (uuids.length) postAndForget(letGoUrl, uuids.map((uuid) => ["held", uuid]));
  });
  // A page out of the browser's memory may show what was answered since.
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
}
