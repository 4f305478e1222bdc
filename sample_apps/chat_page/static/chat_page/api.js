// The two sides this page talks to: the site (who am I) and the gateway (/v1/…), with the session's own cookie.
import { events } from "./sse.js";

/** An answer that is an error, or did not come whole. `facts` are the gateway's headers, as far as they came. */
export class Refusal extends Error {
  constructor(message, { status = null, code = null, facts = {}, broken = false } = {}) {
    super(message);
    Object.assign(this, { status, code, facts, broken });
  }
}

/** Who is logged in, and what this site offers. Raises Refusal with status 401 when nobody is. */
export async function whoAmI() {
  return get("/me");
}

/** The names of the models that this user may ask for. */
export async function models() {
  const listing = await get("/v1/models");
  return listing.data.map((model) => model.id);
}

/** Headers that an unsafe request of this page needs: the CSRF token, where the site has one. */
export function proof(csrf) {
  if (!csrf) return {};
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(`${csrf.cookie}=`));
  return found ? { [csrf.header]: decodeURIComponent(found.slice(csrf.cookie.length + 1)) } : {};
}

/** Return the JSON at a url. */
export async function get(url) {
  return json(await reach(url));
}

/** Send JSON, return JSON. */
export async function post(url, body, csrf) {
  const headers = { "content-type": "application/json", ...proof(csrf) };
  return json(await reach(url, { method: "POST", headers, body: JSON.stringify(body) }));
}

/**
 * Ask a question and report the answer while it arrives: `on.head(facts)` once, `on.text(piece)` for each piece,
 * `on.usage(usage)` if it is told. Returns when the answer is complete; anything less raises Refusal.
 */
export async function ask({ model, messages, csrf, signal, on }) {
  const body = { model, messages, stream: true, stream_options: { include_usage: true } };
  const headers = { "content-type": "application/json", accept: "text/event-stream", ...proof(csrf) };
  const response = await reach("/v1/chat/completions", { method: "POST", headers, body: JSON.stringify(body), signal });
  const facts = factsOf(response);
  if (!response.ok) throw await refusalOf(response, facts);
  on.head(facts);

  let finished = false;
  for await (const data of whole(events(response.body), facts)) {
    if (data === "[DONE]") return;
    const event = JSON.parse(data);
    if (event.error) throw new Refusal(event.error.message, { code: event.error.code, facts, broken: true });
    const choice = event.choices?.[0];
    if (choice?.delta?.content) on.text(choice.delta.content);
    if (choice?.finish_reason) finished = true;
    if (event.usage) on.usage(event.usage);
  }
  if (!finished) throw new Refusal("The connection closed before the answer was complete.", { facts, broken: true });
}

// A body that is cut off raises TypeError, or whatever the browser calls a network error.
async function* whole(incoming, facts) {
  try {
    yield* incoming;
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Refusal("The connection was lost before the answer was complete.", { facts, broken: true });
  }
}

// fetch raises TypeError when no answer came at all; an AbortError stays what it is.
async function reach(url, options) {
  try {
    return await fetch(url, options);
  } catch (problem) {
    if (problem instanceof TypeError) throw new Refusal("The server cannot be reached. Is it still running?");
    throw problem;
  }
}

/** What the gateway says of an answer in its headers. */
function factsOf(response) {
  const facts = {};
  for (const [name, value] of response.headers) {
    if (name.startsWith("x-llmgw-")) facts[name.slice("x-llmgw-".length)] = value;
  }
  const requestId = response.headers.get("x-request-id");
  if (requestId) facts["request-id"] = requestId;
  return facts;
}

async function json(response) {
  if (!response.ok) throw await refusalOf(response, factsOf(response));
  return response.json();
}

async function refusalOf(response, facts) {
  const told = await response.json().catch(() => null);
  const message = told?.error?.message ?? `The server answered ${response.status} ${response.statusText}`.trim();
  return new Refusal(message, { status: response.status, code: told?.error?.code ?? null, facts });
}
