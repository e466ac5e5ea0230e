// Tells the server, three times per lease and only while the page is visible, that the labeler is
// still reading, so that the comparison is not handed to someone else meanwhile.

let timer = null;
let current = null;

async function beat() {
  if (!current || document.visibilityState !== "visible") return;
  const { url, warn } = current;
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? "";
  try {
    const response = await fetch(url, { method: "POST", headers: { "X-CSRFToken": token } });
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

document.addEventListener("visibilitychange", beat);
