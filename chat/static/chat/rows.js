// The conversation as a list of rows to draw: a pure function of the log, the unsent messages and who has seen what.
// A row is {key, kind, …}; two rows that look the same have the same `look`.
import { ORDER, seenByOthers, stateAt, STATUS } from "./fold.js";
import { day } from "./words.js";

const GROUP_MS = 60000;
const KINDS = { message: "message", "member:joined": "joined", [ORDER]: "order", [STATUS]: "status" };

function nameOf(event) {
  const user = event._embedded?.from_user;
  return user?.display_name || user?.name || event.body.user?.display_name || event.body.user?.name || "";
}

/** An unsent message in the shape of an event, so that both are drawn alike. */
function asEvent(item, me) {
  return { id: Infinity, type: "message", from: me.member, timestamp: new Date(item.at).toISOString(), body: item.body, client_key: item.client_key, item };
}

function fateOf(item, { isCutOff }) {
  if (item.state === "failed") return "failed";
  if (item.isUnsure) return "checking";
  return isCutOff || item.isHeld ? "waiting" : "sending";
}

function startsGroup(event, before) {
  return before?.type !== "message" || before.from !== event.from || new Date(event.timestamp) - new Date(before.timestamp) >= GROUP_MS;
}

/** The word under my last stored message: sent, or seen by the other side. */
function receipt(events, { me, members, seenAt }) {
  const mine = events.findLast((event) => event.type === "message" && event.from === me.member);
  if (!mine) return {};
  const isSeen = seenByOthers(members, me.role) >= mine.id;
  return { id: mine.id, fate: isSeen ? "seen" : "sent", at: isSeen ? seenAt.get(mine.id) : null };
}

export function rowsOf(page) {
  const { events, unsent, me, orders, unreadFrom } = page;
  const end = receipt(events, page);
  const rows = [];
  let before = null;
  let today = null;
  let about = null;
  for (const event of [...events, ...unsent.map((item) => asEvent(item, me))]) {
    const kind = KINDS[event.type];
    if (!kind) continue;
    if (day(event.timestamp) !== today) {
      today = day(event.timestamp);
      rows.push({ key: `day-${today}`, kind: "day", look: today, at: event.timestamp });
      before = about = null;
    }
    if (event.id === unreadFrom) {
      rows.push({ key: "fresh", kind: "fresh", look: "" });
      before = null;
    }
    const mine = event.from !== null && event.from === me.member;
    const row = { key: mine && event.client_key ? `k-${event.client_key}` : `e-${event.id}`, kind, event, mine, name: nameOf(event) };
    if (kind === "message") {
      row.starts = startsGroup(event, before);
      row.chip = event.body.about && event.body.about !== about ? event.body.about : null;
      row.chipState = row.chip && stateAt(events, orders, row.chip, event.id);
      row.fate = event.item ? fateOf(event.item, page) : event.id === end.id ? end.fate : null;
      row.seenAt = event.id === end.id ? end.at : null;
      row.item = event.item;
      about = event.body.about;
    }
    row.look = [row.starts, row.chip, row.chipState, row.fate, row.seenAt, row.item?.reason, row.item?.wasTried, event.id].join();
    rows.push(row);
    before = event;
  }
  return rows;
}
