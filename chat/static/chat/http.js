// The HTTP API. Every failure is a Refusal that says whether trying again helps.

const PATIENCE_MS = 15000;

export class Refusal extends Error {
  /** retry: the same request may work later; lost: it is not known whether it arrived. */
  constructor({ code = "lost", detail = "", status = 0, retry = false, lost = false, afterSeconds = 0 }) {
    super(detail || code);
    Object.assign(this, { code, detail, status, retry, lost, afterSeconds });
  }
}

/** An address of the page data with parameters; who speaks is always named, a browser may hold two log-ins. */
export function address(path, username, parameters = {}) {
  const url = new URL(path, location.href);
  url.searchParams.set("as", username);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url;
}

async function refusalOf(response) {
  const problem = await response.json().catch(() => ({}));
  const first = problem.errors?.[0] ?? problem;
  const { status } = response;
  return new Refusal({
    status, code: first.code, detail: first.detail,
    retry: status === 429, lost: status >= 500,
    afterSeconds: Number(response.headers.get("Retry-After")) || 0,
  });
}

/** The answer's JSON, null where there is none. A body makes it a POST. */
export async function request(url, { body, csrf } = {}) {
  const options = { cache: "no-store", signal: AbortSignal.timeout?.(PATIENCE_MS), headers: { Accept: "application/json" } };
  if (body) {
    options.method = "POST";
    options.headers = { ...options.headers, "Content-Type": "application/json", "X-CSRFToken": csrf };
    options.body = JSON.stringify(body);
  }
  const lost = () => { throw new Refusal({ lost: true }); };
  const response = await fetch(url, options).catch(lost);
  if (!response.ok) throw await refusalOf(response);
  return response.status === 204 ? null : response.json().catch(lost);
}

export class ConversationApi {
  constructor({ urls, me, csrf }) {
    Object.assign(this, { urls, me, csrf });
  }

  request(path, { parameters, body }) {
    return request(address(path, this.me.username, parameters), { body, csrf: this.csrf });
  }

  after(sequence) {
    return this.request(this.urls.events, { parameters: { after: sequence, limit: 200 } });
  }

  before(sequence) {
    return this.request(this.urls.events, { parameters: { before: sequence, limit: 50 } });
  }

  /** item: {client_key, body}. The stored event, also when an earlier try had already stored it. */
  send({ client_key, body }) {
    return this.request(this.urls.events, { body: { type: "message", body, client_key } });
  }

  seen(sequence) {
    return this.request(this.urls.seen, { body: { sequence } });
  }
}
