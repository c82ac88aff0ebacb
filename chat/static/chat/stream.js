// The conversation's log, and what follows from it: orders, and the rows to draw. Pure functions of events; no page, no network.
import { dates, day, dayName, time } from "./words.js";

const GROUP_MS = 60000;
const AWHILE_MS = 300000;
const DAY_MS = 86400000;
const ORDER = "custom:order-confirm-event";
const STATUS = "custom:order-status-event";
const CALL = "custom:call-event";
const SOLVED = "custom:conversation-solved-event";
const KINDS = { message: "message", "member:joined": "joined", [ORDER]: "order", [STATUS]: "status", [CALL]: "call", [SOLVED]: "solved" };

/** Gap-free and ascending, each event once, however often and in whatever order it arrives. */
export class Stream {
  /** events: the newest page, ascending; sequence: the id that the page reaches up to. */
  constructor(events, sequence) {
    Object.assign(this, { events, last: sequence, held: new Map() });
  }

  get first() {
    return this.events[0]?.id ?? this.last + 1;
  }

  /** Something arrived whose predecessor did not; the page then asks for what came after `last`. */
  get hasGap() {
    return this.held.size > 0;
  }

  /** Takes what is new, in order, and gives it back. */
  apply(events) {
    for (const event of events) if (event.id > this.last) this.held.set(event.id, event);
    const added = [];
    while (this.held.has(this.last + 1)) {
      this.last += 1;
      added.push(this.held.get(this.last));
      this.held.delete(this.last);
    }
    this.events.push(...added);
    return added;
  }

  /** Puts an older page in front. */
  prepend(events) {
    this.events.unshift(...events.filter((event) => event.id < this.first));
  }
}

/** Map of number -> order, after one more event. */
export function foldOrder(orders, { type, body }) {
  if (type !== ORDER && !(type === STATUS && orders.has(body.id))) return orders;
  const { total, currency, ...moves } = body;
  // A sum comes with the lines that make it up or not at all, so that they never disagree.
  return new Map(orders).set(body.id, { ...orders.get(body.id), ...(type === ORDER || body.lines ? body : moves) });
}

/** The order that a message is about: as it was when that was written, and `now` where it is something else today. */
function pinOf({ orders }, { about, about_order }, isUnsent) {
  const order = orders.get(about);
  const then = isUnsent ? order : about_order;
  return { about, then, now: then && order && (then.status !== order.status || then.total !== order.total) && order };
}

/** Whether it is a message to that member: to the customer from everybody else, to an agent from the customer. */
function isTo(member, members, { type, from }) {
  const isCustomers = from === members.find(({ role }) => role === "customer")?.id;
  return type === "message" && isCustomers === (member.role === "agent");
}

/** The members, and among them whoever has joined since. */
export function withJoined(members, events) {
  const joined = events.filter(({ type, from }) => type === "member:joined" && !members.some(({ id }) => id === from));
  return [...members, ...joined.map(({ from, body: { user, role } }) => ({ id: from, user, role, seen: 0 }))];
}

/** The members once their marks have gone up; marks: [{from, sequence, at}]. As on the server, `seen_at` is when one passed a message to them. */
export function withMarks(members, marks, events) {
  return members.map((member) => {
    const { sequence, at } = marks.findLast(({ from }) => from === member.id) ?? {};
    if (!(sequence > member.seen)) return member;
    const isPassing = events.some((event) => event.id > member.seen && event.id <= sequence && isTo(member, members, event));
    return { ...member, seen: sequence, seen_at: isPassing ? at : member.seen_at };
  });
}

/** When the first of those who have seen my last message did so; undefined where another of our side has passed since, as the moment is of that. */
function seenAtOf(last, readers, { members, events }) {
  const isLastPassed = (reader) => events.findLast((event) => event.id <= reader.seen && isTo(reader, members, event)) === last;
  return readers.filter((reader) => reader.seen_at && isLastPassed(reader)).map((reader) => reader.seen_at).sort()[0];
}

/** My last stored message. */
const lastOf = (events, member) => events.findLast((event) => event.type === "message" && event.from === member);

/** Whether an agent has said so since the last message. */
export const isSolved = (events) => events.findLast(({ type }) => type === "message" || type === SOLVED)?.type === SOLVED;

const weekday = dates({ weekday: "long" });

/** What my page says where nobody is there, or nobody has answered for long; `away` is as chat/away.py makes it, `now` on the server's clock. */
export function awayLine(events, { closed, shut, waiting }, me, now) {
  const isMine = ({ from }) => from === me.member;
  const isPast = (event) => event && now - new Date(event.timestamp) >= AWHILE_MS;
  const answer = events.findLast((event) => event.type === "message" && !isMine(event));
  if (answer && !isPast(answer)) return "";
  const ended = events.findLast((event) => event === answer || event.type === SOLVED)?.id ?? 0;
  const asked = events.find((event) => event.type === "message" && event.id > ended);
  const period = closed.find(([from, until]) => from <= now && now < until);
  if (!period) return isPast(asked) ? waiting : "";
  const [from, until] = period;
  const opens = time(until).replace(/^0/, "");
  // Within a day the time alone is plain.
  return shut.replace("{time}", until - from < DAY_MS ? opens : `${weekday(until)} ${opens}`);
}

export function nameOf({ _embedded, body }) {
  const user = _embedded?.from_user ?? body.user;
  return user?.display_name || user?.name || "";
}

/** An unsent message in the shape of an event, so that both are drawn alike. */
const asEvent = (item, me) => ({ ...item, id: Infinity, type: "message", from: me.member, timestamp: new Date(item.at).toISOString(), item });

/** Each call as it is now: Map of its id -> the body of its last event. */
const callsIn = (events) => new Map(events.filter(({ type }) => type === CALL).map(({ body }) => [body.id, body]));

function fateOf({ id, item }, { last, isSeen, state }) {
  if (!item) return id === last?.id ? (isSeen ? "seen" : "sent") : null;
  if (item.state === "failed") return "failed";
  // Whoever comes back to the talk in this browser sends what it has kept; this page sends nothing any more.
  if (state === "ended") return item.isKept ? "kept" : "not-kept";
  if (state === "waiting" || item.isHeld) return "waiting";
  // Whether it arrived can only be asked over a connection.
  return item.isUnsure && state === "live" ? "checking" : "sending";
}

/** Whether it has to do with that order. */
export const isAbout = ({ type, body }, number) => (type === ORDER || type === STATUS ? body.id : body.about) === number;

const startsGroup = (event, before) => before?.type !== "message" || before.from !== event.from || new Date(event.timestamp) - new Date(before.timestamp) >= GROUP_MS;

/**
 * Rows are {key, kind, look, …}; two that look the same have the same `look`. page: {events, unsent, me, members, orders, unreadFrom: the id above which the line goes, only: the order that all rows shall be about, if any, state: as in line.js}.
 */
export function rowsOf(page) {
  const { events, unsent, me, members, unreadFrom, only } = page;
  const last = unsent.length ? null : lastOf(events, me.member);
  const readers = members.filter(({ role, seen }) => role !== me.role && seen >= last?.id);
  const rows = [];
  const calls = callsIn(events);
  const customer = members.find(({ role }) => role === "customer");
  let before, about, today = "";
  for (const event of [...events, ...unsent.map((item) => asEvent(item, me))]) {
    const { id, body, from, client_key, item, timestamp } = event;
    const kind = KINDS[event.type];
    const call = kind === "call" && calls.get(body.id);
    // A call is one card, where it began. The customer's order made them a member, which says nothing of whether they are here.
    if (!kind || (kind === "call" && !call) || (kind === "joined" && from === customer?.id) || (only && !isAbout(event, only))) continue;
    calls.delete(call?.id);
    // What was written on an earlier day and is not sent yet comes last all the same.
    if (day(timestamp) > today) {
      today = day(timestamp);
      rows.push({ key: today, kind: "day", look: dayName(timestamp), at: timestamp });
      before = null;
    }
    if ((event.row ?? id) === unreadFrom) {
      rows.push({ key: "fresh", kind: "fresh", look: "" });
      before = null;
    }
    const mine = from === me.member;
    // To an agent, what a colleague says is ours.
    const side = mine ? "mine" : me.role === "agent" && from !== customer?.id ? "ours" : "theirs";
    const row = { key: call?.id ?? event.row ?? (mine && client_key || id), kind, event, item, mine, side, call, name: nameOf(event) || customer?.user.display_name };
    if (kind === "message") {
      row.starts = startsGroup(event, before);
      const pin = pinOf(page, body, item);
      const { then, now } = pin;
      const look = [body.about, then?.status, then?.total, now?.status, now?.total].join();
      row.pin = body.about && look !== about && pin;
      row.fate = fateOf(event, { ...page, last, isSeen: readers.length });
      row.seenAt = row.fate === "seen" && seenAtOf(last, readers, page);
      row.pinLook = row.pin && look;
      about = look;
    }
    row.look = [!item, row.starts, row.pinLook, row.fate, row.seenAt, item?.reason, item?.wasTried, call?.state, call?.side].join();
    rows.push(row);
    before = event;
  }
  return rows;
}
