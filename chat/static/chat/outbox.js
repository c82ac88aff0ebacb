// Messages on their way: kept in IndexedDB first (they survive a reload and a closed tab), sent one after the other, forgotten when
// the log has them. A client key goes with each: however often it is sent, it is stored once.

const asked = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = request.onblocked = () => reject(request.error);
});

async function opened() {
  const request = indexedDB.open("order-support", 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("unsent", { keyPath: "client_key" }).createIndex("owner", "owner");
    request.result.createObjectStore("drafts");
  };
  return asked(request);
}

/** Where the browser has no such store (some private modes) everything here rejects; the page works, it only can't be closed. */
export class Store {
  /** owner: one member of one conversation, so that two people at one browser don't mix. */
  constructor(owner) {
    Object.assign(this, { owner, database: opened() });
  }

  async ask(table, mode, question) {
    const database = await this.database;
    return asked(question(database.transaction(table, mode).objectStore(table)));
  }

  unsent() {
    return this.ask("unsent", "readonly", (table) => table.index("owner").getAll(this.owner));
  }

  has(key) {
    return this.ask("unsent", "readonly", (table) => table.count(key));
  }

  put(item) {
    return this.ask("unsent", "readwrite", (table) => table.put({ ...item, owner: this.owner }));
  }

  remove(key) {
    return this.ask("unsent", "readwrite", (table) => table.delete(key));
  }

  draft() {
    return this.ask("drafts", "readonly", (table) => table.get(this.owner));
  }

  keepDraft(text) {
    return this.ask("drafts", "readwrite", (table) => (text ? table.put(text, this.owner) : table.delete(this.owner)));
  }
}

function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // randomUUID needs https or localhost; getRandomValues does not.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const nothing = () => {};

export class Outbox {
  /** parts: store; send(item) as in transport.js; last(), the log's last number; onStored(event); onRefused(item); onChange() when there is something else to show. */
  constructor(parts) {
    Object.assign(this, parts, { items: [], isLive: false, isBusy: false, pauseMs: 1000 });
  }

  async load() {
    const items = await this.store.unsent().catch(() => []);
    this.items = items.sort((a, b) => a.at - b.at);
    // What a closed tab was sending may have arrived.
    for (const item of items) Object.assign(item, { isKept: true, isUnsure: item.wasTried });
    this.onChange();
  }

  /** body: as in the event. Resolves when the message is safe. */
  async add(body) {
    const at = Math.max(Date.now(), (this.items.at(-1)?.at ?? 0) + 1);
    const item = { client_key: newKey(), at, body, state: "queued" };
    await this.keep(item);
    this.items.push(item);
    this.changed();
  }

  changed() {
    this.onChange();
    this.flush();
  }

  /** A full disk is no reason not to send; the message then lives as long as the page. */
  async keep(item) {
    item.isKept = await this.store.put(item).then(() => true, () => false);
  }

  async drop(dropped) {
    this.items = this.items.filter((item) => !dropped.includes(item));
    // What can't be removed now is known by its key at the next load.
    for (const { client_key } of dropped) await this.store.remove(client_key).catch(nothing);
  }

  async discard(item) {
    await this.drop([item]);
    this.onChange();
  }

  async retry(item) {
    await this.keep(Object.assign(item, { state: "queued" }));
    this.changed();
  }

  /** The log has these events: whatever is among them is no longer ours to send. */
  settle(events) {
    const keys = new Set(events.map((event) => event.client_key));
    this.drop(this.items.filter((item) => keys.has(item.client_key)));
  }

  live(isLive) {
    this.isLive = isLive;
    this.flush();
  }

  /** One at a time: the order of writing is the order of storing. */
  async flush() {
    if (this.isBusy) return;
    this.isBusy = true;
    clearTimeout(this.timer);
    const next = () => this.isLive && this.items.find((item) => item.state === "queued");
    while (next() && await this.sendOne(next()));
    this.isBusy = false;
    this.onChange();
  }

  /** True where the ones behind it may go. */
  async sendOne(item) {
    if (item.isKept && !(await this.store.has(item.client_key).catch(() => true))) {
      // Another tab has sent or discarded it.
      await this.drop([item]);
      return true;
    }
    item.isHeld = false;
    if (!item.wasTried) await this.keep(Object.assign(item, { wasTried: true, after: this.last() }));
    this.onChange();
    try {
      this.onStored(await this.send(item));
      this.pauseMs = 1000;
      return true;
    } catch (refusal) {
      return this.refused(item, refusal);
    }
  }

  async refused(item, { lost, retry, detail, afterSeconds }) {
    if (!this.items.includes(item)) return true;
    Object.assign(item, { isUnsure: lost, isHeld: retry });
    if (lost || retry) {
      this.pauseMs = Math.min(30000, this.pauseMs * 2);
      this.timer = setTimeout(() => this.flush(), Math.max(this.pauseMs, afterSeconds * 1000));
      return false;
    }
    await this.keep(Object.assign(item, { state: "failed", reason: detail, wasTried: false }));
    this.onRefused(item);
    return true;
  }
}
