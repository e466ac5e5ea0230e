// Requests of the comparison screen. The token is read anew each time: signing in changes it.

const TIMEOUT_MS = 20_000;
const KEEPALIVE_LIMIT = 60_000; // bytes; browsers refuse more in a request that outlives its page

const token = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1]
  ?? document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";

// Whose page this is: the server refuses it once somebody else is signed in in this browser.
const pageOf = { "X-Labeler": document.querySelector("main")?.dataset.labeler ?? "" };
document.addEventListener("htmx:configRequest", (event) => Object.assign(event.detail.headers, pageOf));
export const isOfSomeoneElse = (response) => response.headers.has("X-Someone-Else");

// Rejects without a connection; otherwise the Response, whatever its status.
export function post(url, fields = []) {
  const body = new URLSearchParams(fields.filter(([name]) => name !== "csrfmiddlewaretoken"));
  return fetch(url, {
    method: "POST",
    body,
    headers: { ...pageOf, "X-CSRFToken": token(), "HX-Request": "true", "HX-Current-URL": location.href },
    keepalive: body.toString().length < KEEPALIVE_LIMIT,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
}

// A piece of a page, as htmx would ask for it.
export async function fetchFragment(url) {
  const headers = { ...pageOf, "HX-Request": "true", "HX-Current-URL": location.href };
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Error(`error ${response.status}`);
  return response.text();
}

// For a page that is closing: nobody waits for the answer.
export function postAndForget(url, fields) {
  const body = new URLSearchParams([...fields, ["csrfmiddlewaretoken", token()]]);
  navigator.sendBeacon(url, body);
}

export function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}
