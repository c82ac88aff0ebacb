// The agent's inbox: who waits, longest first, as it changes. Rows come over the socket, and by polling where sockets are blocked.
import { el, icon, reconcile, state } from "./dom.js";
import { address, Line, request } from "./line.js";
import { Notices } from "./notices.js";
import { dateAndTime, day, shortDate, time, words } from "./words.js";

const AMBER_MINUTES = 2;
const RED_MINUTES = 10;
const TICK_MS = 15000;
const PAGES = 10;
const $ = (id) => document.getElementById(id);
const title = document.title;
const page = JSON.parse($("page-data").textContent);

const minutesSince = (when) => Math.max(0, Math.floor((Date.now() - new Date(when)) / 60000));

function waits(minutes) {
  if (minutes < 1) return words("just-wrote");
  if (minutes < 60) return words("waits-minutes", { n: minutes });
  if (minutes < 1440) return words("waits-hours", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
  return words("waits-days", { n: Math.floor(minutes / 1440) });
}

function waitOf(row) {
  if (!row.waiting_since) {
    const today = day(row.last_event_at) === day(Date.now());
    return el("span.wait", {}, el("time", { datetime: row.last_event_at, title: dateAndTime(row.last_event_at) }, (today ? time : shortDate)(row.last_event_at)));
  }
  const minutes = minutesSince(row.waiting_since);
  return el("span.wait", {}, minutes >= RED_MINUTES && icon("alert"), waits(minutes));
}

function loudness({ waiting_since }) {
  const minutes = waiting_since ? minutesSince(waiting_since) : 0;
  return minutes >= RED_MINUTES ? " red" : minutes >= AMBER_MINUTES ? " amber" : "";
}

/** The row's element, made anew or changed in place: whoever is on its link, by keyboard or with the button held down, stays there. */
function item(row, node = el("li", {}, el("a"))) {
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
      row.unread > 0 && el("span.count", {}, row.unread, el("span.visually-hidden", {}, ` ${words("unread")}`))));
  return node;
}

/** Waiting longest first, then the newest. */
function byWaiting(a, b) {
  if (a.waiting_since && b.waiting_since) return a.waiting_since.localeCompare(b.waiting_since);
  if (a.waiting_since || b.waiting_since) return a.waiting_since ? -1 : 1;
  return b.last_event_at.localeCompare(a.last_event_at);
}

class Inbox {
  constructor() {
    this.rows = new Map();
    this.nodes = new Map();
    this.notices = new Notices({
      line: $("link-state"),
      end: { text: words("ended-agent"), label: words("log-in"), href: `/login/?next=${encodeURIComponent(location.pathname)}` },
    });
    this.line = new Line({
      url: () => this.url(), poll: () => this.load(), onLive: () => this.load(),
      onFrame: (frame) => frame.type === "conversation" && this.receive([frame.conversation]), onState: (state) => this.notices.state(state),
    });
  }

  start() {
    this.line.start();
    setInterval(() => this.draw(), TICK_MS);
    const wake = () => document.hidden || this.line.wake();
    for (const name of ["online", "focus", "pageshow"]) addEventListener(name, wake);
    document.addEventListener("visibilitychange", wake);
  }

  url() {
    const url = address(page.urls.socket, page.me.username);
    url.protocol = url.protocol.replace("http", "ws");
    return url;
  }

  /** The whole list; true where something in it was new. */
  async load() {
    const rows = [];
    for (let next = page.urls.conversations, pages = 0; next && pages < PAGES; pages += 1) {
      const answer = await request(address(next, page.me.username));
      rows.push(...answer.results);
      next = answer.next;
    }
    this.isLoaded = true;
    return this.receive(rows);
  }

  receive(rows) {
    // A row that was read before a newer one came over the socket must not undo it.
    const news = rows.filter((row) => row.sequence >= (this.rows.get(row.id)?.sequence ?? 0));
    const isNew = news.some((row) => row.sequence > (this.rows.get(row.id)?.sequence ?? 0));
    for (const row of news) this.rows.set(row.id, row);
    this.draw();
    return isNew;
  }

  draw() {
    // What comes over the socket before the list is there waits for it; until then the server's rows stand.
    if (!this.isLoaded) return;
    const rows = [...this.rows.values()].sort(byWaiting);
    if (!rows.length) return;
    reconcile($("waiters"), this.nodes, rows.map((row) => ({ key: row.id, look: JSON.stringify(row) + waitOf(row).textContent, row })), ({ row }, old) => item(row, old));
    $("nobody").hidden = true;
    const waiting = rows.filter((row) => row.waiting_since).length;
    const summary = waiting ? words("waiting", { n: waiting }) : words("nobody-waits");
    if ($("summary").textContent !== summary) $("summary").textContent = summary;
    document.title = waiting ? `(${waiting}) ${title}` : title;
  }
}

new Inbox().start();
