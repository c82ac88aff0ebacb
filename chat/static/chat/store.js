// What must survive a reload and a closed tab: unsent messages and the draft, in IndexedDB.
// Where the browser refuses that (some private modes), memory stands in: the page then still works, it only can't be closed.

const NAME = "order-support";

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("unsent", { keyPath: "client_key" }).createIndex("owner", "owner");
      request.result.createObjectStore("drafts");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = request.onblocked = () => reject(request.error);
  });
}

const asked = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

class Kept {
  constructor(database, owner) {
    Object.assign(this, { database, owner });
  }

  table(name, mode) {
    return this.database.transaction(name, mode).objectStore(name);
  }

  /** In the order in which they were written. */
  async unsent() {
    const items = await asked(this.table("unsent", "readonly").index("owner").getAll(this.owner));
    return items.sort((a, b) => a.at - b.at);
  }

  async has(key) {
    return asked(this.table("unsent", "readonly").count(key)).then(Boolean);
  }

  /** Resolves when the browser has it. */
  async put(item) {
    return asked(this.table("unsent", "readwrite").put({ ...item, owner: this.owner }));
  }

  async remove(key) {
    return asked(this.table("unsent", "readwrite").delete(key));
  }

  async draft() {
    return asked(this.table("drafts", "readonly").get(this.owner)).then((text) => text ?? "");
  }

  async keepDraft(text) {
    const drafts = this.table("drafts", "readwrite");
    return asked(text ? drafts.put(text, this.owner) : drafts.delete(this.owner));
  }
}

class Forgetful {
  constructor() {
    this.items = new Map();
  }

  async unsent() {
    return [...this.items.values()];
  }

  async has(key) {
    return this.items.has(key);
  }

  async put(item) {
    this.items.set(item.client_key, item);
  }

  async remove(key) {
    this.items.delete(key);
  }

  async draft() {
    return "";
  }

  async keepDraft() {}
}

/** owner: whose box it is; one member of one conversation, so that two people at one browser don't mix. */
export async function openStore(owner) {
  try {
    return new Kept(await opened(), owner);
  } catch {
    return new Forgetful();
  }
}
