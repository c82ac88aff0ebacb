// Messages on their way: stored first, sent one after the other, removed when the conversation's log has them.
// A client key goes with each; however often it is sent, it is stored once.

function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // randomUUID needs https or localhost; getRandomValues does not.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

export class Outbox {
  /** send(item) as in transport.js; onStored(event); onRefused(item); onChange() whenever what there is to show has changed. */
  constructor({ store, send, onStored, onRefused, onChange }) {
    Object.assign(this, { store, send, onStored, onRefused, onChange });
    this.items = [];
    this.isLive = false;
    this.isBusy = false;
    this.pauseMs = 1000;
  }

  async load() {
    this.items = await this.store.unsent().catch(() => []);
    // A message that a closed tab was sending may have arrived.
    for (const item of this.items) Object.assign(item, { isUnsure: Boolean(item.wasTried), isKept: true });
    this.onChange();
  }

  /** body as in the event. Resolves when the message is safe on this machine. */
  async add(body) {
    const at = Math.max(Date.now(), (this.items.at(-1)?.at ?? 0) + 1);
    const item = { client_key: newKey(), at, body, state: "queued" };
    await this.keep(item);
    this.items.push(item);
    this.onChange();
    this.flush();
  }

  /** A full disk is no reason not to send; the message then only lives as long as the page. */
  async keep(item) {
    item.isKept = await this.store.put(item).then(() => true, () => false);
  }

  forget(key) {
    return this.store.remove(key).catch(() => {}); // comes back at the next load, and is then known by its key
  }

  async discard(key) {
    this.items = this.items.filter((item) => item.client_key !== key);
    this.onChange();
    await this.forget(key);
  }

  async retry(key) {
    const item = this.items.find((one) => one.client_key === key);
    if (!item) return;
    Object.assign(item, { state: "queued", reason: undefined });
    await this.keep(item);
    this.onChange();
    this.flush();
  }

  /** The log has these; what is among them is no longer ours to send. */
  settle(events) {
    const keys = new Set(events.map((event) => event.client_key));
    const settled = this.items.filter((item) => keys.has(item.client_key));
    if (!settled.length) return;
    this.items = this.items.filter((item) => !keys.has(item.client_key));
    for (const item of settled) this.forget(item.client_key);
  }

  live(isLive) {
    this.isLive = isLive;
    if (isLive) this.flush();
    else this.onChange();
  }

  next() {
    return this.items.find((item) => item.state === "queued");
  }

  /** One at a time: the order in which a person wrote is the order in which it is stored. */
  async flush() {
    if (this.isBusy || !this.isLive) return;
    this.isBusy = true;
    clearTimeout(this.timer);
    try {
      while (this.isLive && this.next()) if (!(await this.sendOne(this.next()))) break;
    } finally {
      this.isBusy = false;
      this.onChange();
    }
  }

  async sendOne(item) {
    // Another tab may have sent or discarded it meanwhile.
    if (item.isKept && !(await this.store.has(item.client_key).catch(() => true))) {
      this.items = this.items.filter((one) => one !== item);
      return true;
    }
    if (!item.wasTried) await this.keep(Object.assign(item, { wasTried: true }));
    item.isHeld = false;
    this.onChange();
    try {
      const event = await this.send(item);
      this.pauseMs = 1000;
      this.onStored(event);
      return true;
    } catch (refusal) {
      return this.refused(item, refusal);
    }
  }

  /** True where the messages behind this one may go on. */
  async refused(item, { lost, retry, detail, afterSeconds }) {
    if (!this.items.includes(item)) return true;
    if (lost || retry) {
      item.isUnsure = Boolean(lost);
      item.isHeld = !lost;
      this.pauseMs = Math.min(30000, this.pauseMs * 2);
      this.timer = setTimeout(() => this.flush(), Math.max(this.pauseMs, (afterSeconds ?? 0) * 1000));
      return false;
    }
    Object.assign(item, { state: "failed", reason: detail, wasTried: false, isUnsure: false });
    await this.keep(item);
    this.onRefused(item);
    return true;
  }
}
