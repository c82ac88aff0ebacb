// Messages on their way: kept in IndexedDB first (they survive a reload and a closed tab), sent one after the other by whichever tab
// comes first, forgotten when the log has them. A client key goes with each: however often it is sent, it is stored once.

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

/** Not randomUUID, which needs https or localhost. */
const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
const nothing = () => {};

/** Locks need https or localhost. Without them each tab takes its turn at once, which the client keys make harmless, and no tab is known to be gone. */
const locks = navigator.locks ?? { request: (name, options, work) => work() };

/** Resolves to whether this tab has that name; it then has it as long as it lives. */
const hold = (tab, options) => new Promise((resolve) => {
  locks.request(tab, options, (lock) => {
    resolve(lock);
    return lock && new Promise(nothing);
  });
});

/** Where the browser has no such store (some private modes) everything here rejects; the page works, it only can't be closed. */
export class Store {
  /** owner: one member of one conversation, so that two people at one browser don't mix. onChange: called where another tab put or removed an unsent message. */
  constructor(owner) {
    const others = new BroadcastChannel(owner);
    others.onmessage = () => this.onChange();
    Object.assign(this, { owner, others, database: opened() });
    this.own = this.claim();
  }

  async ask(table, question) {
    const database = await this.database;
    return asked(question(database.transaction(table, "readwrite").objectStore(table)));
  }

  async change(question) {
    await this.ask("unsent", question);
    this.others.postMessage(0);
  }

  unsent() {
    return this.ask("unsent", (table) => table.index("owner").getAll(this.owner));
  }

  put(item) {
    return this.change((table) => table.put({ ...item, owner: this.owner }));
  }

  remove(key) {
    return this.change((table) => table.delete(key));
  }

  /** {tab, text}: this tab's name and the draft under it, which the tab had before a reload, or else the last one of a tab that is gone. */
  async claim() {
    const { tab = newKey() } = sessionStorage;
    // Not there while the tab is here: a duplicate of the tab shall have another name.
    delete sessionStorage.tab;
    const drafts = await this.ask("drafts", (table) => table.getAll(IDBKeyRange.bound([this.owner], [this.owner, []])));
    let own = drafts.find((draft) => draft.tab === tab);
    for (const draft of drafts.sort((a, b) => b.at - a.at)) own ||= await hold(draft.tab, { ifAvailable: true }) && draft;
    own ||= { tab };
    hold(own.tab, {});
    addEventListener("pagehide", () => { sessionStorage.tab = own.tab; });
    return own;
  }

  async keepDraft(text) {
    const { tab } = await this.own;
    const key = [this.owner, tab];
    return this.ask("drafts", (table) => (text ? table.put({ tab, text, at: Date.now() }, key) : table.delete(key)));
  }
}

export class Outbox {
  /** parts: store; send(item) as in transport.js; last(), the log's last number; onStored(event); onRefused(item); onChange() when there is something else to show. */
  constructor(parts) {
    Object.assign(this, parts, { items: [], known: new Map(), isLive: false, isBusy: false, pauseMs: 1000 });
    this.store.onChange = () => this.load();
  }

  /** What is kept may have been added, tried, sent or discarded by another tab. */
  async load() {
    const kept = await this.store.unsent().catch(() => this.items);
    const keys = kept.map((item) => item.client_key);
    this.items = this.items.filter((item) => !item.isKept || keys.includes(item.client_key));
    for (const item of kept) {
      const mine = this.known.get(item.client_key);
      // What another tab was sending may have arrived.
      const isUnsure = item.wasTried;
      if (!mine) this.items.push(this.know(Object.assign(item, { isKept: true, isUnsure })));
      else if (isUnsure && !mine.wasTried) Object.assign(mine, item, { isUnsure });
    }
    this.items.sort((a, b) => a.at - b.at);
    this.changed();
  }

  /** body: as in the event; based_on: the last event that was in sight when it was written. Resolves when the message is safe. */
  async add(body, based_on) {
    const at = Math.max(Date.now(), (this.items.at(-1)?.at ?? 0) + 1);
    const item = { client_key: newKey(), at, body, based_on, state: "queued" };
    this.know(item);
    await this.keep(item);
    this.items.push(item);
    this.changed();
  }

  know(item) {
    this.known.set(item.client_key, item);
    return item;
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
    // What can't be removed now is known by its key at the next visit.
    for (const { client_key } of dropped) await this.store.remove(client_key).catch(nothing);
  }

  async discard(item) {
    await this.drop([item]);
    this.onChange();
  }

  /** Whoever presses it has all before their eyes that is there by now. */
  async retry(item) {
    await this.keep(Object.assign(item, { state: "queued", based_on: this.last() }));
    this.changed();
  }

  /** The log has these events: whatever is among them is no longer ours to send. */
  settle(events) {
    const keys = new Set(events.map((event) => event.client_key));
    this.drop(this.items.filter((item) => keys.has(item.client_key)));
  }

  live(isLive) {
    this.isLive = isLive;
    this.load();
  }

  /** One at a time, and one tab at a time: the order of writing is the order of storing. */
  async flush() {
    if (this.isBusy) return;
    this.isBusy = true;
    clearTimeout(this.timer);
    const next = () => this.isLive && this.items.find((item) => item.state === "queued");
    if (next()) await locks.request(this.store.owner, {}, async () => {
      await this.load();
      while (next() && await this.sendOne(next()));
    });
    this.isBusy = false;
    this.onChange();
  }

  /** True where the ones behind it may go. */
  async sendOne(item) {
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
