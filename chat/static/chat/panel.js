// The order beside the conversation; the same markup as templates/chat/order.html.
import { el, icon, state } from "./dom.js";
import { money, shortDate, words } from "./words.js";

let spokenOf;

const nameOf = ({ id }) => words("order", { number: id });
const sum = (amount, { currency }, tag = "td.money") => el(tag, {}, money(amount, currency));
const date = (when) => when && el("time", { datetime: when }, shortDate(when));
const th = (scope, ...children) => el("th", { scope }, ...children);

function table(order) {
  const { lines = [], lines_left_out, total } = order;
  return el("table.lines", {},
    el("thead", {}, el("tr", {}, th("col", words("item")), el("th.money", { scope: "col" }, words("total")))),
    el("tbody", {},
      ...lines.map((line) => el("tr", {},
        th("row", el("bdi", {}, line.name), el("small", {}, `${line.quantity} × ${money(line.unit_price, order.currency)}`)), sum(line.total, order))),
      lines_left_out > 0 && el("tr", {}, el("th.muted", { scope: "row", colspan: 2 }, words("more-lines", { n: lines_left_out })))),
    el("tfoot", {}, el("tr", {}, th("row", words("total")), sum(total, order))));
}

function card(order) {
  const facts = [["placed-at", date(order.placed_at)], [`state-${order.status}`, date(order.moved_at)], ["ship-to", order.ship_to && el("bdi", {}, order.ship_to)]].filter(([, value]) => value);
  return el("section.card.order-card", { "aria-label": words("current-order") },
    el("div.head", {}, el("h2", {}, nameOf(order)), " ", state(order.status)), table(order),
    el("dl.facts", {}, ...facts.flatMap(([key, value]) => [el("dt", {}, words(key)), el("dd", {}, value)])));
}

const titleOf = (role) => words(role === "agent" ? "all-orders" : "your-orders");

function history(orders, { current, role }) {
  const link = (order) => el("a", { href: order.id, "data-order": order.id, "aria-current": order.id === current || null },
    el("span.number", {}, nameOf(order)), " ", sum(order.total, order, "span.money"), " ", el("span.date", {}, date(order.placed_at)), " ", state(order.status));
  return el("section.card.history-card", { "aria-labelledby": "history-title" }, el("h2", { id: "history-title" }, titleOf(role)),
    orders.length ? el("ul.history", {}, ...orders.map((order) => el("li", {}, link(order))))
      : el("p.muted", {}, words(role === "agent" || !current ? "no-orders" : "order-to-come", { number: current })));
}

/** The rest of a customer's page speaks of the order beside it, too: the field, the title, the hint of an empty talk. Opened beside none, it names none. */
function speakOf(number, { page, named: { notices, field } }) {
  const renamed = (text) => text.replace(spokenOf ?? page.order_id, number);
  field.placeholder = renamed(field.placeholder);
  document.title = notices.title = renamed(notices.title);
  for (const place of [document, document.getElementById("empty").content]) {
    for (const hint of place.querySelectorAll(".empty p")) hint.textContent = renamed(hint.textContent);
  }
  spokenOf = number;
}

/** beside.orders: Map of number -> order; .current: the number of the one shown. */
export function drawPanel(panel, beside) {
  const { orders, current, page: { me: { role }, order_id: opened } } = beside;
  const order = orders.get(current);
  const focused = panel.contains(document.activeElement) && document.activeElement.dataset.order;
  const chevron = icon("down");
  chevron.classList.add("chevron");
  const bar = order ? [el("span.number", {}, nameOf(order)), " ", state(order.status), " ", sum(order.total, order, "span.money")] : [titleOf(role)];
  panel.querySelector(".order-bar").replaceChildren(...bar, chevron);
  const all = history([...orders.values()].sort((a, b) => b.id - a.id), { current, role });
  // Forms that the server drew stay as they are, with what was typed into them.
  const [call, ...last] = [".call", ".entry-card", ".reader"].map((part) => panel.querySelector(part));
  const held = [call, ...last].some((part) => part?.contains(document.activeElement)) ? document.activeElement : null;
  panel.querySelector(".order-body").replaceChildren(...[order && card(order), call, all, ...last].filter(Boolean));
  if (role !== "agent" && opened) speakOf(current, beside);
  // A form that leads back to the page leads back to this order.
  for (const next of document.getElementsByName("next")) next.value = location.pathname;
  held?.focus();
  if (focused) panel.querySelector(`.history [data-order="${focused}"]`)?.focus();
}
