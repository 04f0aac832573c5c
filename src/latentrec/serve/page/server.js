// server: asks the server, with the token where it wants one.

const KEPT = "latentrec-token";

/** An answer that was refused; `status` says how. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const keepToken = (token) => sessionStorage.setItem(KEPT, token);

async function fetched(path, options) {
  const token = sessionStorage.getItem(KEPT);
  const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
  const answer = await fetch(path, { ...options, headers }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The server does not answer.");
  });
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({ error: answer.statusText }));
  throw new Refused(answer.status, told.error);
}

/** The JSON answer to GET (no body) or POST. */
export async function ask(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  const options = body === undefined ? { signal } : { signal, method: "POST", headers, body: JSON.stringify(body) };
  return (await fetched(path, options)).json();
}

/** Save a file that needs the token under its own name. */
export async function save(path, name) {
  const url = URL.createObjectURL(await (await fetched(path, {})).blob());
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}

export const search = (query, limit, arm, signal) =>
  ask(`/items?${new URLSearchParams({ query, limit, arm })}`, undefined, signal);
