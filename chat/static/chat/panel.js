// The order beside the conversation; the same markup as templates/chat/order.html.
import { el, icon } from "./dom.js";
import { newestFirst } from "./fold.js";
import { state } from "./state.js";
import { money, shortDate, words } from "./words.js";

const line = (one, currency) => el("tr", {},
  el("th", { scope: "row", dir: "auto" }, one.name, el("small", {}, `${one.quantity} × ${money(one.unit_price, currency)}`)),
  el("td.money", {}, money(one.total, currency)));

function table(order) {
  return el("table.lines", {},
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, words("item")), el("th.money", { scope: "col" }, words("total")))),
    el("tbody", {}, ...(order.lines ?? []).map((one) => line(one, order.currency)),
      order.lines_left_out > 0 && el("tr", {}, el("th.muted", { scope: "row", colspan: 2 }, words("more-lines", { n: order.lines_left_out })))),
    el("tfoot", {}, el("tr", {}, el("th", { scope: "row" }, words("total")), el("td.money", {}, money(order.total, order.currency)))));
}

function facts(order) {
  return el("dl.facts", {},
    ...(order.placed_at ? [el("dt", {}, words("placed-at")), el("dd", {}, el("time", { datetime: order.placed_at }, shortDate(order.placed_at)))] : []),
    ...(order.ship_to ? [el("dt", {}, words("ship-to")), el("dd", { dir: "auto" }, order.ship_to)] : []));
}

function card(order) {
  return el("section.card.order-card", { "aria-label": words("current-order") },
    el("div.head", {}, el("h2", {}, words("order", { number: order.id })), " ", state(order.status)), table(order), facts(order));
}

function history(orders, current, title) {
  const link = (order) => el("a", { href: String(order.id), "data-order": order.id, "aria-current": order.id === current && "true" },
    el("span.number", {}, words("order", { number: order.id })), " ", el("span.money", {}, money(order.total, order.currency)), " ",
    el("time", { datetime: order.placed_at }, shortDate(order.placed_at)), " ", state(order.status));
  return el("section.card.history-card", { "aria-labelledby": "history-title" }, el("h2", { id: "history-title" }, title),
    orders.length ? el("ul.history", {}, ...orders.map((order) => el("li", {}, link(order)))) : el("p.muted", {}, words("no-orders")));
}

/** orders: Map of number -> order; current: the number of the one shown. */
export function drawPanel(panel, { orders, current, role }) {
  const order = orders.get(current);
  const focused = panel.contains(document.activeElement) && document.activeElement.dataset.order;
  const bar = order
    ? [el("span.number", {}, words("order", { number: order.id })), " ", state(order.status), " ", el("span.money", {}, money(order.total, order.currency))]
    : [el("span.number", {}, words("your-orders"))];
  const chevron = icon("down");
  chevron.classList.add("chevron");
  panel.querySelector(".order-bar").replaceChildren(...bar, chevron);
  const title = words(role === "agent" ? "all-orders" : "your-orders");
  panel.querySelector(".order-body").replaceChildren(...(order ? [card(order)] : []), history(newestFirst(orders), current, title));
  if (focused) panel.querySelector(`.history [data-order="${focused}"]`)?.focus();
}
