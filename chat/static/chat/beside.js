// The orders beside the conversation: which one is shown, and whether the conversation shows only what is about that one.
import { foldOrder, isAbout } from "./stream.js";
import { words } from "./words.js";

const wide = matchMedia("(min-width: 60rem)");
const $ = (id) => document.getElementById(id);

export class Beside {
  /**
   * page: {orders, order_id, me}; named: {notices, field}, what else speaks of the order shown; canReload(): whether the server would answer;
   * onChange(isFiltering): other rows are to be drawn.
   */
  constructor({ page, named, canReload, onChange }) {
    Object.assign(this, { page, named, canReload, onChange, panel: $("order"), current: page.order_id, missed: 0 });
    this.orders = new Map(page.orders.map((order) => [order.id, order]));
  }

  /** The number of the order beside the conversation, where there is one. */
  get shown() {
    return this.orders.has(this.current) ? this.current : undefined;
  }

  /** The order that everything shown is about, where that is wanted. */
  get only() {
    return this.isFiltered ? this.shown : undefined;
  }

  listen() {
    document.addEventListener("click", (event) => this.open(event));
    addEventListener("popstate", () => this.show());
    wide.addEventListener("change", () => this.unfold());
    this.panel.open ||= wide.matches;
  }

  /** Where there is room for both, the order is open; on a phone it makes way. */
  unfold() {
    this.panel.open = wide.matches;
  }

  /** Takes in what new events say of orders. */
  fold(events) {
    const before = this.orders;
    this.orders = events.reduce(foldOrder, before);
    if (this.orders === before) return;
    this.draw();
    this.offerFilter();
  }

  /** Another order, without leaving the page; the link stays a link for a new tab. */
  open(event) {
    const link = event.target.closest("[data-order]");
    const number = Number(link?.dataset.order);
    if (!this.orders.has(number) || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState(null, "", link.href);
    // On a phone it is folded up, and whoever asks for it in the talk wants to see it.
    this.panel.open ||= !this.panel.contains(link);
    this.show();
  }

  /** The order that the address names. */
  show() {
    this.current = Number(location.pathname.split("/").at(-1));
    this.draw();
    this.onChange();
  }

  /** The server has drawn the orders; what draws them here is loaded when something about them changes. */
  async draw() {
    const panel = await import("./panel.js").catch(() => null);
    if (panel) panel.drawPanel(this.panel, this);
    else this.tellFailed();
  }

  /** What is shown of the order is no longer so. All that is typed and unsent outlives a reload, which is only safe with a connection. */
  tellFailed() {
    const [bar, body] = this.panel.children;
    if (body.querySelector(".orders-failed")) return;
    const card = $("orders-failed").content.firstElementChild.cloneNode(true);
    bar.replaceChildren(...card.firstElementChild.cloneNode(true).childNodes, bar.lastElementChild);
    card.querySelector("button").addEventListener("click", () => (this.canReload() ? location.reload() : this.draw()));
    for (const old of body.querySelectorAll(".order-card, .history .state")) old.remove();
    body.prepend(card);
  }

  /** Worth a place only where there are several orders. */
  async offerFilter() {
    if (this.tell || this.orders.size < 2 || !this.shown) return;
    this.tell = () => {};
    const { offerFilter } = await import("./filter.js");
    this.tell = offerFilter($("filter"), (isFiltered) => {
      this.isFiltered = isFiltered;
      this.onChange(true);
    });
  }

  /** Those that are shown. */
  pass(events) {
    return this.only ? events.filter((event) => isAbout(event, this.only)) : events;
  }

  /** Of the messages that the reader has not seen, those that are not shown are counted where they can be had. */
  count(unseen) {
    const n = unseen.length - this.pass(unseen).length;
    if (n === this.missed) return;
    this.missed = n;
    this.tell(n);
    if (n) $("told").textContent = words("new-messages", { n });
  }
}
