// The network: requests that say why they failed, and a socket that comes back by itself, with polling where sockets are blocked.

const PATIENCE_MS = 10000;
const PING_MS = 25000; // below the usual idle limits of proxies, 30 and 60 s
const WAKE_MS = 3000;
const POLL_MS = 1000;
const SLOW_POLL_MS = 5000;
const SWALLOWED_MS = 2500; // a socket that isn't live by then may never be

export class Refusal extends Error {
  /** retry: the same may work later; lost: nobody knows whether it arrived. */
  constructor({ code, detail, status, retry = false, lost = false, afterSeconds = 0 }) {
    super(detail);
    Object.assign(this, { code, detail, status, retry, lost, afterSeconds });
  }
}

/** An address of the page data with parameters. Who speaks is always named: a browser may hold two log-ins. */
export function address(path, username, parameters = {}) {
  const url = new URL(path, location.href);
  for (const [name, value] of Object.entries({ as: username, ...parameters })) url.searchParams.set(name, value);
  return url;
}

/** The answer's JSON, null where there is none; or a Refusal. A body makes it a POST. */
export async function request(url, { body, csrf } = {}) {
  const lost = () => {
    throw new Refusal({ lost: true });
  };
  const response = await fetch(url, {
    cache: "no-store", signal: AbortSignal.timeout?.(PATIENCE_MS), ...(body && { method: "POST", body: JSON.stringify(body) }),
    headers: { "Accept-Language": document.documentElement.lang, ...(body && { "Content-Type": "application/json", "X-CSRFToken": csrf }) },
  }).catch(lost);
  const { ok, status } = response;
  if (ok) return status === 204 ? null : response.json().catch(lost);
  const problem = await response.json().catch(() => ({}));
  throw new Refusal({ ...problem, ...problem.errors?.[0], status, retry: status === 429, lost: status >= 500, afterSeconds: Number(response.headers.get("Retry-After")) || 0 });
}

/** 1, 2, 4 … 30 s, give or take a half: a restarted server isn't met by everyone at once. */
const backoff = (attempt) => Math.min(30000, 1000 * 2 ** attempt) * (0.5 + Math.random());

/**
 * parts: url(), the socket's address as of a page; poll(), asks for all news over HTTP and resolves to true where there was some; onLive(frame), resolves
 * when the page has everything; onFrame(frame); onLost(); onState("connecting" | "live" | "waiting" | "ended"). "live" is said after poll or onLive only,
 * and again where a socket that was doubted answers; "waiting" after a poll that failed, and while one doubts: without a socket all goes over HTTP.
 */
export class Line {
  constructor(parts) {
    Object.assign(this, parts, { socket: null, isOpen: false, attempt: 0, timers: {} });
  }

  start() {
    this.tell("connecting");
    this.connect();
    this.pollIn(SWALLOWED_MS);
  }

  stop() {
    this.isStopped = true;
    Object.values(this.timers).forEach(clearTimeout);
    const { socket } = this;
    this.socket = null;
    socket?.close();
  }

  /** The network or the reader is back: don't wait out the pause; doubt a socket that slept. */
  wake() {
    if (this.isStopped || !this.state) return;
    if (this.isOpen) this.ping(WAKE_MS);
    else {
      if (this.state !== "connecting") this.pollIn(0);
      this.attempt = 0;
      if (this.socket) this.isWoken = true;
      else this.connect();
    }
  }

  /** The browser says that the network is gone. It may be wrong, as of a server on this very machine; so whatever answers takes it back. */
  doubt() {
    if (this.isStopped || !this.state) return;
    this.tell("waiting");
    if (this.isOpen) this.ping(WAKE_MS);
    else this.pollIn(0);
  }

  write(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  /** Gives up a socket that doesn't answer; a dead one may take minutes to close by itself. */
  drop(socket) {
    if (!socket || socket !== this.socket) return;
    socket.close();
    this.lost(1006);
  }

  later(name, delay, act) {
    clearTimeout(this.timers[name]);
    if (!this.isStopped) this.timers[name] = setTimeout(act, delay);
  }

  tell(state) {
    if (this.isStopped || state === this.state) return;
    this.state = state;
    this.onState(state);
  }

  end() {
    this.tell("ended");
    this.stop();
  }

  connect() {
    // Whoever wakes us connects before the pause is over: its end must not put another socket in this one's place.
    clearTimeout(this.timers.connect);
    // Browsers of a few years ago take no http address here.
    const url = this.url();
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.socket = socket;
    this.expect(PATIENCE_MS);
    socket.onmessage = ({ data }) => socket === this.socket && this.hear(socket, JSON.parse(data));
    socket.onclose = ({ code }) => socket === this.socket && this.lost(code);
  }

  /** Something must be heard within that time. */
  expect(patience) {
    const { socket } = this;
    this.later("answer", patience, () => this.drop(socket));
  }

  ping(patience) {
    this.write({ type: "ping" });
    this.expect(patience);
  }

  lost(code) {
    const wasDoubted = this.isOpen && this.state === "waiting";
    if (this.isOpen && !wasDoubted) this.tell("connecting");
    Object.assign(this, { socket: null, isOpen: false });
    clearTimeout(this.timers.answer);
    clearTimeout(this.timers.ping);
    this.onLost?.();
    if (code === 4401 || code === 4403) {
      this.end();
      return;
    }
    // Not everybody at once, where it is the server that was restarted.
    if (wasDoubted || this.state === "connecting") this.pollIn(Math.random() * POLL_MS);
    // 4429: too fast. And while polling works, the socket is only tried now and then.
    if (code === 4429 || this.state === "live") this.attempt = Math.max(this.attempt, 4);
    // An attempt that began before the network was back says nothing about now.
    const { isWoken } = this;
    this.isWoken = false;
    if (isWoken && code !== 4429) {
      this.connect();
      return;
    }
    this.later("connect", backoff(this.attempt), () => this.connect());
    this.attempt += 1;
  }

  async hear(socket, frame) {
    clearTimeout(this.timers.answer);
    this.later("ping", PING_MS, () => this.ping(PATIENCE_MS));
    if (frame.type !== "live") {
      this.onFrame(frame);
      if (this.isOpen) this.tell("live");
      return;
    }
    try {
      await this.onLive(frame);
    } catch {
      this.drop(socket);
    }
    if (socket !== this.socket) return;
    Object.assign(this, { isOpen: true, isWoken: false, attempt: 0 });
    clearTimeout(this.timers.poll);
    this.tell("live");
  }

  pollIn(delay) {
    this.pollMs = POLL_MS;
    this.later("poll", delay, () => this.pollOnce());
  }

  async pollOnce() {
    let state = "live";
    try {
      this.pollMs = (await this.poll()) ? POLL_MS : Math.min(SLOW_POLL_MS, this.pollMs * 1.3);
    } catch ({ status, afterSeconds = 0 }) {
      state = [401, 403, 404].includes(status) ? "ended" : "waiting";
      this.pollMs = Math.max(SLOW_POLL_MS, afterSeconds * 1000);
    }
    if (state === "ended") this.end();
    else if (!this.isOpen) {
      this.tell(state);
      this.later("poll", document.hidden ? SLOW_POLL_MS : this.pollMs, () => this.pollOnce());
    }
  }
}
