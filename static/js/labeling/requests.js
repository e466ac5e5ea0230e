// Requests of the comparison screen. The token is read anew each time: signing in changes it.

const TIMEOUT_MS = 20_000;
const KEEPALIVE_LIMIT = 60_000; // bytes; browsers refuse more in a request that outlives its page

const token = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1]
  ?? document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";

// Rejects without a connection; otherwise the Response, whatever its status.
export function post(url, fields = []) {
  const body = new URLSearchParams(fields.filter(([name]) => name !== "csrfmiddlewaretoken"));
  return fetch(url, {
    method: "POST",
    body,
    headers: { "X-CSRFToken": token(), "HX-Request": "true", "HX-Current-URL": location.href },
    keepalive: body.toString().length < KEEPALIVE_LIMIT,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
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
