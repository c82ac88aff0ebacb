// Draws the rows and keeps the reader's place. A row's element is kept as long as it looks the same.
import { el, icon } from "./dom.js";
import { asRow, keepStop, listenToKeys } from "./keys.js";
import { reconcile } from "./list.js";
import { state } from "./state.js";
import { linkified } from "./text.js";
import { dateAndTime, dayName, money, time, words } from "./words.js";

const BOTTOM_PX = 128;
const TOP_PX = 100;

const clock = (when) => el("time", { datetime: when, title: dateAndTime(when) }, time(when));
const orderLink = (number) => el("a", { href: String(number), "data-order": number }, words("order", { number }));

function fateLine(row, act) {
  if (!row.fate) return null;
  if (row.fate === "sent" || row.fate === "seen") {
    const text = row.seenAt ? words("seen-at", { time: time(row.seenAt) }) : words(row.fate);
    return el("p.fate", {}, el("span.why", {}, text));
  }
  const failed = row.fate === "failed";
  const text = failed ? words("not-sent", { reason: row.item.reason }) : words(row.fate);
  const line = el("p.fate", {}, el("span.why", {}, icon(failed ? "alert" : "clock"), text));
  // What may have arrived can't be taken back, only asked about.
  const choices = failed ? ["retry", "edit", "discard"] : row.fate === "waiting" && !row.item.wasTried ? ["edit", "discard"] : [];
  line.append(...choices.map((name) => el("button.link", { type: "button", click: (event) => act(event, name, row.item) }, words(name))));
  return line;
}

const DRAW = {
  day: (row) => el("li.day", {}, el("time", { datetime: row.look }, dayName(row.at))),
  fresh: () => el("li.fresh", {}, words("new")),
  joined: ({ event, mine, name }) => el("li.system", {}, el("p", {}, mine ? words("you-joined") : words("joined", { name }), " · ", clock(event.timestamp))),
  status: ({ event }) => el("li.system", {}, el("p", {}, orderLink(event.body.id), ` ${words("is-now")} `, state(event.body.status), " · ", clock(event.timestamp))),
  order: ({ event: { body, timestamp } }) => el("li.system", {}, el("article.event-card", {},
    el("div.head", {}, el("b", {}, orderLink(body.id)), " ", state(body.status)),
    el("p.text", { dir: "auto" }, body.text),
    el("div.foot", {}, clock(timestamp), el("b.money", {}, money(body.total, body.currency))))),
  message: (row, act) => {
    const { event } = row;
    return el(`li.message.${row.mine ? "mine" : "theirs"}${row.starts ? ".starts" : ""}.${row.fate ?? "stored"}`, {
      // My own words are not read back to me.
      "aria-live": row.mine && "off",
    },
    el("p.byline", {}, el("b", {}, row.mine ? words("you") : el("bdi", {}, row.name)), " ", clock(event.timestamp)),
    row.chip && el("p.chip", {}, words("order", { number: row.chip }), row.chipState && " · ", row.chipState && state(row.chipState)),
    el("div.bubble", { dir: "auto" }, ...linkified(event.body.text)),
    fateLine(row, act));
  },
};

export class View {
  /** act(name, item): "retry", "edit" or "discard" was pressed; onOlder(): the top came near; onBottom(): the newest line is in sight. */
  constructor({ log, list, newer, act, onOlder, onBottom }) {
    Object.assign(this, { log, list, newer, onOlder, onBottom });
    this.act = (event, name, item) => {
      event.currentTarget.disabled = true; // a second click does nothing
      act(name, item);
    };
    this.nodes = new Map();
    this.missed = 0;
    listenToKeys(list);
    log.addEventListener("scroll", () => this.scrolled(), { passive: true });
    newer.addEventListener("click", () => this.toBottom());
    new ResizeObserver(() => this.sticks && this.toBottom()).observe(log);
    this.sticks = true;
  }

  /** The log is a reversed column: 0 is the bottom, and going up is negative. */
  get isAtBottom() {
    return -this.log.scrollTop < BOTTOM_PX;
  }

  scrolled() {
    this.sticks = this.isAtBottom;
    if (this.sticks) {
      this.tellMissed(0);
      this.onBottom();
    }
    if (this.log.scrollHeight - this.log.clientHeight + this.log.scrollTop < TOP_PX) this.onOlder();
  }

  toBottom() {
    this.log.scrollTop = 0;
    this.scrolled();
  }

  /** Opens at the line before the first unread message, where there is one and it is not in sight anyway. */
  toUnread() {
    const line = this.list.querySelector(".fresh");
    this.toBottom();
    if (line && line.getBoundingClientRect().top < this.log.getBoundingClientRect().top) {
      line.scrollIntoView({ block: "start" });
      this.scrolled();
    }
  }

  tellMissed(count) {
    this.missed = count;
    this.newer.hidden = !count;
    if (count) this.newer.replaceChildren(words("new-messages", { n: count }), icon("arrow"));
  }

  /** missed: how many of the new rows the reader has to find when they come in below the window. */
  draw(rows, { missed = 0 } = {}) {
    const wasAtBottom = this.isAtBottom;
    const end = this.list.lastElementChild;
    const anchor = this.anchor();
    const top = anchor?.getBoundingClientRect().top;
    reconcile(this.list, this.nodes, rows, (row) => asRow(DRAW[row.kind](row, this.act)));
    keepStop(this.list);
    if (wasAtBottom && end !== this.list.lastElementChild) this.toBottom();
    // The line under the eye stays where it is, whatever came above or below it.
    else if (!wasAtBottom && anchor?.isConnected) this.log.scrollTop += anchor.getBoundingClientRect().top - top;
    if (missed && !wasAtBottom) this.tellMissed(this.missed + missed);
  }

  anchor() {
    const edge = this.log.getBoundingClientRect().top;
    return [...this.list.children].find((node) => node.getBoundingClientRect().bottom > edge && !node.matches(".day, .fresh")) ?? this.list.lastElementChild;
  }
}
