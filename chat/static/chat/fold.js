// Orders and who has seen what, as folds over the event stream. Nothing here knows of pages or sockets.

export const ORDER = "custom:order-confirm-event";
export const STATUS = "custom:order-status-event";

/** Map of order number -> order after one more event. */
export function foldOrder(orders, event) {
  if (event.type !== ORDER && event.type !== STATUS) return orders;
  const known = orders.get(event.body.id);
  if (event.type === STATUS && !known) return orders;
  return new Map(orders).set(event.body.id, { ...known, ...event.body, ...(event.type === STATUS && { previous: undefined }) });
}

/** Newest first, as the page's own data has them. */
export function newestFirst(orders) {
  return [...orders.values()].sort((a, b) => b.placed_at.localeCompare(a.placed_at) || b.id - a.id);
}

/**
 * The state that order `number` had when event `id` was written. Only part of the log may be here: what came just after tells what was before,
 * and where no change came after, it is as it is now.
 */
export function stateAt(events, orders, number, id) {
  const changes = events.filter((event) => (event.type === ORDER || event.type === STATUS) && event.body.id === number);
  const before = changes.findLast((event) => event.id < id);
  if (before) return before.body.status;
  const after = changes.find((event) => event.id > id && event.type === STATUS);
  return after ? after.body.previous : orders.get(number)?.status;
}

/** The furthest that anyone on the other side of the counter has read. */
export function seenByOthers(members, role) {
  return Math.max(0, ...members.filter((member) => member.role !== role).map((member) => member.seen));
}
