// The list of conversations: who waits, longest first, as it changes. Rows come over a socket, and by polling where sockets are blocked.
import { el, icon, reconcile, state } from "./dom.js";
import { address, Line, request } from "./line.js";
import { Readers } from "./readers.js";
import { dateAndTime, dates, day, shortDate, time, words } from "./words.js";

const AMBER_MINUTES = 2;
const RED_MINUTES = 10;
const TICK_MS = 15000;

const monthAndDay = dates({ month: "short", day: "numeric" });

/** "14:03" today, "Nov 22" this year, "Nov 22, 2025" before that. */
function dayOrTime(when) {
  const [then, now] = [day(when), day(Date.now())];
  if (then === now) return time(when);
  return (then.slice(0, 4) === now.slice(0, 4) ? monthAndDay : shortDate)(when);
}

const minutesSince = (when) => Math.max(0, Math.floor((Date.now() - new Date(when)) / 60000));

/** since("waits", when): "waits 4 min". */
export function since(key, when) {
  const minutes = minutesSince(when);
  if (minutes < 1) return words(`${key}-now`);
  if (minutes < 60) return words(`${key}-minutes`, { n: minutes });
  if (minutes < 1440) return words(`${key}-hours`, { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
  return words(`${key}-days`, { n: Math.floor(minutes / 1440) });
}

function waitOf(row) {
  const { last_event_at: last } = row;
  if (!row.waiting_since) return el("span.wait", {}, row.solved && el("span.solved", {}, icon("confirmed"), words("is-solved")), el("time", { datetime: last, title: dateAndTime(last) }, dayOrTime(last)));
  return el("span.wait", {}, minutesSince(row.waiting_since) >= RED_MINUTES && icon("alert"), since("waits", row.waiting_since));
}

function loudness({ waiting_since }) {
  const minutes = waiting_since ? minutesSince(waiting_since) : 0;
  return minutes >= RED_MINUTES ? " red" : minutes >= AMBER_MINUTES ? " amber" : "";
}

/** The row's element, made anew or changed in place: whoever is on its link, by keyboard or with the button held down, stays there. */
function item(row, reading, node = el("li", {}, el("a"))) {
  const { customer, order, new_device: isNewDevice } = row;
  const link = node.firstElementChild;
  node.className = `waiter${row.unread ? " unread" : ""}${loudness(row)}`;
  link.href = row.url;
  link.replaceChildren(
    el("span.line", {}, el("bdi.name", {}, customer.display_name || customer.name), " ",
      order && el("span.about", {}, words("about", { number: order.id }), " ", state(order.status)), " ",
      isNewDevice && el("span.new-device", {}, icon("alert"), ` ${words("new-device")}`)),
    " ", waitOf(row), " ",
    el("span.said", {}, el("bdi.last", {}, row.last_text), " ",
      reading && el("span.reading", { title: reading }, icon("eye"), el("span.visually-hidden", {}, reading)), " ",
      row.unread > 0 && el("span.count", {}, row.unread, el("span.visually-hidden", {}, ` ${words("unread")}`))));
  return node;
}

/** Waiting longest first, then the newest. */
function byWaiting(a, b) {
  if (a.waiting_since && b.waiting_since) return a.waiting_since.localeCompare(b.waiting_since);
  if (a.waiting_since || b.waiting_since) return a.waiting_since ? -1 : 1;
  return b.last_event_at.localeCompare(a.last_event_at);
}

export class Waiters {
  /**
   * parts: list, the element; urls: {conversations, socket}; username; sought: words that all rows shown are found by, or ""; most: after so many of the newest conversations no more are asked for;
   * shows(row): whether it is in this list; home, what has the focus where nothing is left of it; answeredAt, when somebody answered last; onState(state), as in line.js; onDraw({rows, hasMore, answeredAt}), all rows that are known.
   */
  constructor(parts) {
    Object.assign(this, parts, { rows: new Map(), nodes: new Map(), heard: new Set(), readers: new Readers(() => this.draw()) });
    this.line = new Line({
      url: () => address(this.urls.socket, this.username), poll: () => this.load(), onLive: (frame) => this.open(frame),
      onState: (state) => this.onState(state),
      onFrame: (frame) => {
        if (frame.type === "conversation") this.hear(frame.conversation);
        if (frame.type === "here") this.readers.hear(frame);
      },
    });
  }

  start() {
    this.line.start();
    setInterval(() => this.draw(), TICK_MS);
    const wake = () => document.hidden || this.line.wake();
    for (const name of ["online", "focus", "pageshow"]) addEventListener(name, wake);
    document.addEventListener("visibilitychange", wake);
    addEventListener("offline", () => this.line.doubt());
  }

  async open({ answered_at: answeredAt }) {
    await this.load();
    // Of what happened while we were away, only the server knows which was an answer.
    this.answeredAt = answeredAt;
    this.draw();
  }

  hear(row) {
    this.heard.add(row.id);
    this.receive([row]);
  }

  /** The whole list; true where something in it was new. Whoever waits comes first, however long ago they wrote. */
  async load() {
    this.heard.clear();
    const waiting = await this.pages({ waiting: 1 });
    const newest = await this.pages({});
    const sought = this.sought ? await this.pages({ q: this.sought }) : null;
    const rows = [...waiting.rows, ...newest.rows, ...(sought?.rows ?? [])];
    // Which rows are meant, the server knows; what comes over the socket later changes them.
    this.meant = sought && new Set(sought.rows.map(({ id }) => id));
    const found = new Set(rows.map(({ id }) => id));
    for (const [id, row] of this.rows) if (row.waiting_since && !found.has(id) && !this.heard.has(id)) this.rows.delete(id);
    this.hasMore = newest.hasMore;
    this.isLoaded = true;
    return this.receive(rows);
  }

  async pages(wanted) {
    const rows = [];
    let next = address(this.urls.conversations, this.username, wanted);
    while (next && rows.length < this.most) {
      const answer = await request(address(next, this.username));
      rows.push(...answer.results);
      next = answer.next;
    }
    return { rows, hasMore: Boolean(next) };
  }

  receive(rows) {
    // A row that was read before a newer one came over the socket must not undo it.
    const news = rows.filter((row) => row.sequence >= (this.rows.get(row.id)?.sequence ?? 0));
    const isNew = news.some((row) => row.sequence > (this.rows.get(row.id)?.sequence ?? 0));
    for (const row of news) this.take(row);
    this.draw();
    return isNew;
  }

  take(row) {
    const old = this.rows.get(row.id);
    // Only the customer's words begin a wait, so what is said without one, or ends it, is our answer.
    const isAnswer = old && !row.waiting_since && (old.waiting_since || row.last_text !== old.last_text);
    if (isAnswer && row.last_event_at > (this.answeredAt ?? "")) this.answeredAt = row.last_event_at;
    this.rows.set(row.id, row);
  }

  draw() {
    // What comes over the socket before the list is there waits for it; until then the server's rows stand.
    if (!this.isLoaded) return;
    const { list, nodes, answeredAt } = this;
    const known = [...this.rows.values()].sort(byWaiting);
    // The tab may stay open for weeks, in which all customers come by once.
    for (const { id, waiting_since } of known.slice(this.most)) if (!waiting_since && !this.meant?.has(id)) this.hasMore = this.rows.delete(id);
    const { hasMore } = this;
    const rows = known.filter(({ id }) => this.rows.has(id));
    const place = [...list.children].findIndex((node) => node.contains(document.activeElement));
    const shown = rows.filter((row) => this.shows(row) && (this.meant?.has(row.id) ?? true)).map((row) => {
      const reading = this.readers.say("reading", row.id);
      return { key: row.id, look: JSON.stringify(row) + waitOf(row).textContent + reading, row, reading };
    });
    reconcile(list, nodes, shown, ({ row, reading }, old) => item(row, reading, old));
    this.onDraw({ rows, hasMore, answeredAt });
    // Whoever was on a row that left the list is on the one that took its place.
    if (place >= 0 && !list.contains(document.activeElement)) (list.children[Math.min(place, list.children.length - 1)]?.firstElementChild ?? this.home)?.focus();
  }
}
