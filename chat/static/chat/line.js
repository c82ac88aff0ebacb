// A socket that comes back by itself, and polling where sockets are blocked. It knows nothing of what travels on it.
//   onState(state)   "connecting" | "live" | "waiting" | "ended"
// "live" is said only after poll() or onLive() resolved: the page then has everything.

const PING_MS = 25000; // below the usual 30 s and 60 s idle limits of proxies
const ANSWER_MS = 10000;
const WAKE_MS = 3000;
const BLOCKED_AFTER = 2; // sockets in a row that never went live
const POLL_MS = 1000;
const SLOW_POLL_MS = 5000;
const ENDED = [401, 403, 404];

/** 1, 2, 4 … 30 s, give or take a half, so that a restarted server isn't met by everyone at once. */
const backoff = (attempt) => Math.min(30000, 1000 * 2 ** attempt) * (0.5 + Math.random());

export class Line {
  /** url(): the socket's address; poll(): asks for all news over HTTP and resolves to true where there was some; onLost(): the socket is gone. */
  constructor({ url, poll, onFrame, onLive, onState, onLost = () => {} }) {
    Object.assign(this, { url, poll, onFrame, onLive, onState, onLost });
    this.socket = null;
    this.isOpen = false;
    this.isPolling = false;
    this.isStopped = false;
    this.attempt = 0;
    this.failures = 0;
    this.timers = {};
  }

  start() {
    this.tell("connecting");
    this.connect();
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
    if (this.isStopped) return;
    if (this.isPolling) this.pollSoon(0);
    if (this.isOpen) this.ping(WAKE_MS);
    else if (!this.socket) {
      this.attempt = 0;
      this.connect();
    }
  }

  write(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  /** Gives up a socket that doesn't answer; a dead one may take minutes to close by itself. */
  drop(socket = this.socket) {
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
    clearTimeout(this.timers.connect);
    let socket;
    try {
      socket = new WebSocket(this.url());
    } catch {
      this.lost(1006);
      return;
    }
    this.socket = socket;
    this.later("answer", ANSWER_MS, () => this.drop(socket));
    socket.onmessage = ({ data }) => socket === this.socket && this.hear(socket, JSON.parse(data));
    socket.onclose = ({ code }) => socket === this.socket && this.lost(code);
  }

  lost(code) {
    const wasOpen = this.isOpen;
    this.socket = null;
    this.isOpen = false;
    clearTimeout(this.timers.answer);
    clearTimeout(this.timers.ping);
    this.onLost();
    if (code === 4401 || code === 4403) {
      this.end();
      return;
    }
    this.failures = wasOpen ? 0 : this.failures + 1;
    if (code === 4429) this.attempt = Math.max(this.attempt, 3);
    if (this.failures >= BLOCKED_AFTER && !this.isPolling) {
      this.isPolling = true;
      this.pollSoon(0);
    }
    if (!this.isPolling) this.tell("waiting");
    // While polling works, the socket is only tried now and then.
    this.later("connect", backoff(this.state === "live" ? 5 : this.attempt), () => this.connect());
    this.attempt += 1;
  }

  async hear(socket, frame) {
    clearTimeout(this.timers.answer);
    this.later("ping", PING_MS, () => this.ping(ANSWER_MS));
    if (frame.type !== "live") {
      this.onFrame(frame);
      return;
    }
    try {
      await this.onLive(frame);
    } catch {
      this.drop(socket);
      return;
    }
    if (socket !== this.socket) return;
    this.isOpen = true;
    this.isPolling = false;
    clearTimeout(this.timers.poll);
    this.attempt = this.failures = 0;
    this.tell("live");
  }

  ping(patience) {
    const { socket } = this;
    this.write({ type: "ping" });
    this.later("answer", patience, () => this.drop(socket));
  }

  pollSoon(delay = POLL_MS) {
    this.pollMs = POLL_MS;
    this.later("poll", delay, () => this.pollOnce());
  }

  async pollOnce() {
    try {
      this.pollMs = (await this.poll()) ? POLL_MS : Math.min(SLOW_POLL_MS, this.pollMs * 1.3);
      if (this.isPolling) this.tell("live");
    } catch (refusal) {
      if (ENDED.includes(refusal.status)) {
        this.end();
        return;
      }
      this.pollMs = Math.max(SLOW_POLL_MS, (refusal.afterSeconds ?? 0) * 1000);
      if (this.isPolling) this.tell("waiting");
    }
    if (this.isPolling) this.later("poll", document.hidden ? SLOW_POLL_MS : this.pollMs, () => this.pollOnce());
  }
}
