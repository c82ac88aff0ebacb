// Draws the rows, keeps the reader's place, and makes the list usable by keyboard.
import { el, icon, linkified, reconcile, state } from "./dom.js";
import { dateAndTime, day, dayName, money, time, words } from "./words.js";

const ARTICLES_NAMED = 3;
const BOTTOM_PX = 128;
const TOP_PX = 100;
const ROW = ".message, .system";
const CONTROL = "a, button";
const STEPS = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity };

const clock = (when) => el("time", { datetime: when, title: dateAndTime(when) }, time(when));
const orderLink = (number) => el("a", { href: number, "data-order": number }, words("order", { number }));
const quiet = (timestamp, ...said) => el("li.system", {}, el("p", {}, ...said, " · ", clock(timestamp)));

function choices({ fate, item }) {
  if (fate === "failed") return ["retry", "edit", "discard"];
  // What may have arrived can't be taken back, only asked about.
  return ["waiting", "kept", "not-kept"].includes(fate) && !item.wasTried ? ["edit", "discard"] : [];
}

function fateLine({ fate, seenAt, item, event }, act) {
  const moment = seenAt && (day(seenAt) === day(event.timestamp) ? time : dateAndTime)(seenAt);
  const text = moment ? words("seen-at", { time: moment }) : words(fate, { reason: item?.reason });
  const buttons = choices({ fate, item }).map((name) => {
    const button = el("button.link", { type: "button" }, words(name));
    // Once: a second click does nothing.
    button.addEventListener("click", () => act(name, item), { once: true });
    return button;
  });
  return el("p.fate", {}, el("span.why", {}, item && icon(fate === "failed" ? "alert" : "clock"), text),
    buttons.length > 0 && el("span.choices", {}, ...buttons));
}

/** Which order a message is about, as it was when it was written, and as it is now where that is something else. */
function pinned({ about, then, now }) {
  const number = about;
  if (!now) return [words("order", { number }), ...(then ? [" · ", state(then.status)] : [])];
  const said = ({ status, total, currency }, isWhole) => isWhole ? words("state-and-total", { state: words(`state-${status}`), total: money(total, currency) }) : words(`state-${status}`);
  return [words("pin-changed", { number, then: said(then, true), now: said(now, now.total !== then.total) })];
}

/** What words.html calls the stage of a call: while it is under way, it depends on whose phone. */
const stage = ({ state, side }) => (["requested", "started", "ringing", "answered"].includes(state) ? `call-${state}-${side}` : `call-${state}`);
const length = (seconds) => seconds > 0 && words(seconds < 60 ? "call-seconds" : "call-length", { minutes: Math.floor(seconds / 60), seconds: seconds % 60 });

/** A told order in one sentence, in the reader's language; its own text where it names no articles. */
function purchase({ lines = [], lines_left_out = 0, text, total, currency }, name) {
  if (!lines.length) return text;
  const named = lines.slice(0, ARTICLES_NAMED).map((line) => `${line.quantity} × ${line.name}`).join(words("between"));
  const n = Math.max(lines.length - ARTICLES_NAMED, 0) + lines_left_out;
  const sentence = words("purchased", { name, articles: n ? words("more-articles", { named, n }) : named, total: money(total, currency) });
  // A number stays with what it counts.
  return sentence.replaceAll(" × ", "\u00a0×\u00a0");
}

const DRAW = {
  day: ({ at, key }) => el("li.day", {}, el("time", { datetime: key }, dayName(at))),
  fresh: () => el("li.fresh", {}, words("new")),
  joined: ({ event, mine, name }) => quiet(event.timestamp, words(mine ? "you-joined" : "joined", { name })),
  status: ({ event: { body, timestamp } }) => quiet(timestamp, orderLink(body.id), ` ${words("is-now")} `, state(body.status)),
  order: ({ event: { body, timestamp }, name }) => el("li.system", {}, el("article.event-card", {},
    el("div.head", {}, el("b", {}, orderLink(body.id)), " ", state(body.status)),
    el("p.text", { dir: "auto" }, purchase(body, name)),
    el("div.foot", {}, clock(timestamp), el("b.money", {}, money(body.total, body.currency))))),
  call: ({ event: { timestamp }, call, name: customer, agent = call.agent?.display_name }) => el("li.system", {}, el("article.event-card", {},
    el("div.head", {}, el("b", {}, icon("phone"), " ", words(agent ? "call-with" : "call", { name: agent, customer }))),
    el("p.text", {}, words(stage(call), { name: agent ?? words("call-agent"), customer })),
    el("div.foot", {}, clock(timestamp), length(call.seconds)))),
  solved: ({ event: { timestamp }, mine, name }) => el("li.system", {}, el("article.event-card.solved", {},
    el("div.head", {}, el("b", {}, icon("confirmed"), " ", words(mine ? "you-solved" : "solved", { name })), " ", clock(timestamp)),
    words("solved-next") && el("p.text", {}, words("solved-next")))),
  // My own words are not read back to me, nor is anything read out again: what was drawn before, or read out before our log had it.
  message: ({ event, mine, side, name, starts, pin, fate, ...row }, act, old) => el(
    `li.message.${side}${starts ? ".starts" : ""}.${fate ?? "stored"}`, { "aria-live": (mine || event.row || old) && "off" },
    el("p.byline", {}, el("b", {}, mine ? words("you") : el("bdi", {}, name)), " ", clock(event.timestamp)),
    pin && el("p.chip", {}, ...pinned(pin)),
    el("div.bubble", { dir: "auto" }, ...linkified(event.body.text)),
    fate && fateLine({ fate, event, ...row }, act)),
};

/** What is in a row is reached through the row: arrows go from row to row, Enter goes in, Escape back out. */
function asRow(node) {
  if (!node.matches(ROW)) return node;
  node.tabIndex = -1;
  return reach(node, -1);
}

function reach(row, tabIndex) {
  for (const control of row.querySelectorAll(CONTROL)) control.tabIndex = tabIndex;
  return row;
}

function listenToKeys(list) {
  const rowOf = ({ target }) => target.closest(ROW);
  list.addEventListener("keydown", (event) => {
    const row = rowOf(event);
    const { key, target } = event;
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    if (target !== row) {
      if (key === "Escape") row.focus();
    } else if (key === "Enter") {
      event.preventDefault();
      reach(row, 0).querySelector(CONTROL)?.focus();
    } else if (key in STEPS) {
      event.preventDefault();
      const rows = [...list.querySelectorAll(ROW)];
      rows[Math.min(rows.length - 1, Math.max(0, rows.indexOf(row) + STEPS[key]))].focus();
    }
  });
  // One tab stop: the row that has the focus, and the newest from outside.
  list.addEventListener("focusin", (event) => {
    const row = rowOf(event);
    for (const other of list.querySelectorAll(":scope > [tabindex='0']")) other.tabIndex = -1;
    if (row) row.tabIndex = 0;
  });
  list.addEventListener("focusout", (event) => {
    const row = rowOf(event);
    if (row && !row.contains(event.relatedTarget)) reach(row, -1);
  });
}

export class View {
  /** parts: log, list, newer, the elements; act(name, item): "retry", "edit" or "discard"; onOlder(): the top came near; onBottom(): the newest line is in sight. */
  constructor(parts) {
    Object.assign(this, parts, { nodes: new Map(), missed: 0, sticks: true });
    listenToKeys(this.list);
    this.log.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.newer.addEventListener("click", () => {
      const first = [...this.list.querySelectorAll(".message:not(.mine)")].at(-this.missed);
      this.toBottom();
      first.focus();
    });
    new ResizeObserver(() => this.sticks && this.toBottom()).observe(this.log);
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
    const { scrollHeight, clientHeight, scrollTop } = this.log;
    if (scrollHeight - clientHeight + scrollTop < TOP_PX) this.onOlder();
  }

  toBottom() {
    this.log.scrollTop = 0;
    this.scrolled();
  }

  /** Opens where one has scrolled to before the scripts came, or at the first unread message where it is out of sight, with the way down, else at the bottom. */
  toUnread() {
    const line = this.list.querySelector(".fresh");
    if (line && !this.log.scrollTop && this.topOf(line) < 0) line.scrollIntoView({ block: "start" });
    this.scrolled();
    if (line && !this.isAtBottom) this.tellMissed(this.list.querySelectorAll(".fresh ~ .message:not(.mine)").length);
  }

  topOf(node) {
    return node.getBoundingClientRect().top - this.log.getBoundingClientRect().top;
  }

  tellMissed(count) {
    this.missed = count;
    this.newer.hidden = !count;
    if (count) this.newer.replaceChildren(words("new-messages", { n: count }), icon("arrow"));
  }

  /** Whoever comes to the list by Tab comes to what is newest, such as a line that was not sent. */
  openAtEnd() {
    const { list } = this;
    if (list.contains(document.activeElement)) return;
    for (const row of list.querySelectorAll(":scope > [tabindex='0']")) row.tabIndex = -1;
    const newest = [...list.querySelectorAll(ROW)].at(-1);
    if (newest) newest.tabIndex = 0;
  }

  /** missed: how many of the new rows the reader has to find, where they come in out of sight. */
  draw(rows, missed = 0) {
    const { list, isAtBottom } = this;
    const end = list.lastElementChild;
    const anchor = !isAtBottom && [...list.querySelectorAll(ROW)].find((node) => this.topOf(node) + node.offsetHeight > 0);
    const top = anchor && this.topOf(anchor);
    reconcile(list, this.nodes, rows, (row, old) => asRow(DRAW[row.kind](row, this.act, old)));
    if (end !== list.lastElementChild && isAtBottom) this.toBottom();
    // The line under the eye stays where it is, whatever came above or below it.
    if (anchor?.isConnected) this.log.scrollTop += this.topOf(anchor) - top;
    if (missed && !isAtBottom) this.tellMissed(this.missed + missed);
    this.openAtEnd();
  }

  /** Puts the template of that name above ("older") or below the rows, or takes it away. */
  offer(name, isWanted, onClick) {
    const sheet = this.list.parentElement;
    const shown = sheet.querySelector(`.${name}`);
    if (!isWanted) {
      if (shown?.contains(document.activeElement)) this.list.querySelector("[tabindex]").focus();
      shown?.remove();
    } else if (!shown) {
      const node = document.getElementById(name).content.firstElementChild.cloneNode(true);
      node.addEventListener("click", onClick);
      if (name === "older") sheet.prepend(node);
      else sheet.append(node);
    }
  }
}
