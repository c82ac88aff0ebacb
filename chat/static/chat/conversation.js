// The chat page: what comes in (log, unsent messages, who has seen what) is folded, what is to be seen is drawn from that.
import { Composer } from "./composer.js";
import { Notices } from "./notices.js";
import { Outbox, Store } from "./outbox.js";
import { awayLine, foldOrder, isAbout, isSolved, lastOf, rowsOf, Stream } from "./stream.js";
import { ConversationApi, SocketTransport } from "./transport.js";
import { View } from "./view.js";
import { words } from "./words.js";

const GAP_MS = 500;
const TYPING_EVERY_MS = 2000;
const QUIET_MS = 1000;
const ARRIVE_AGAIN_MS = 10000;
const AWAY_MS = 5000;
// Only a person's hand makes these trusted; a script, and whoever looks into mails before they are read, can't.
const HANDS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];
const wide = matchMedia("(min-width: 60rem)");
const $ = (id) => document.getElementById(id);

class Conversation {
  constructor(page, Transport) {
    const { me, members, events, conversation, vonage } = page;
    const store = new Store(`${conversation.id} ${me.member}`);
    Object.assign(this, { page, me, store, members, hasOlder: page.has_older, current: page.order_id, seenAt: new Map(), typedAt: 0, ahead: [], loadedAt: Date.now() });
    this.stream = new Stream(events, conversation.sequence);
    this.orders = new Map(page.orders.map((order) => [order.id, order]));
    this.told = this.ownSeen;
    this.unreadFrom = events.find((event) => event.id > this.told && this.isForMe(event))?.id;
    this.api = new ConversationApi(page);
    this.notices = new Notices({ line: $("link-state"), typing: $("typing"), end: this.end });
    this.view = new View({
      log: $("log"), list: $("rows"), newer: $("newer"),
      act: (name, item) => this[name](item), onOlder: () => this.loadOlder(), onBottom: () => this.tellSeen(),
    });
    this.outbox = new Outbox({
      store, last: () => this.stream.last, send: (item) => this.transport.send(item), onStored: (event) => this.stored(event), onChange: () => this.draw(),
      // The bubble tells the eye; this tells the ear, as one's own bubbles are not read out.
      onRefused: (item) => this.speak(words("failed", item)),
    });
    this.composer = new Composer({
      form: $("composer"), counter: $("counter"), alert: $("alert"), limit: page.limits.text,
      send: (text) => this.write(text), onInput: (text) => this.tellTyping(text), keep: (text) => store.keepDraft(text).catch(() => {}),
    });
    this.transport = new Transport({
      api: this.api, vonage, last: () => this.stream.last, events: () => this.stream.events, members: () => this.members,
      onAhead: (...lines) => this.receiveAhead(...lines), onDetour: (reason) => this.tellDetour(reason),
      onEvents: (events) => this.receive(events), onState: (state) => this.hearState(state),
      onTyping: ({ from, name }) => from !== me.member && this.notices.type(name), onSeen: (marks, all) => this.hearSeen(marks, all),
    });
  }

  async start() {
    this.draw();
    setInterval(() => this.tellAway(), AWAY_MS);
    this.view.toUnread();
    this.offerOlder();
    this.listen();
    await Promise.all([this.outbox.load(), this.restoreDraft()]);
    this.transport.start();
    if (this.page.urls.calls) this.offerCalls();
    if (this.page.urls.solve) this.offerSolving();
    this.offerFilter();
    // From here on, what is added is news, and read out.
    setTimeout(() => $("log").setAttribute("role", "log"), QUIET_MS);
  }

  listen() {
    const wake = () => {
      if (document.hidden) return;
      this.transport.wake();
      this.tellSeen();
    };
    for (const name of ["online", "focus", "pageshow"]) addEventListener(name, wake);
    document.addEventListener("visibilitychange", wake);
    document.addEventListener("click", (event) => this.openOrder(event));
    addEventListener("popstate", ({ state }) => this.showOrder(state ?? this.page.order_id));
    if (this.page.urls.present) for (const name of HANDS) addEventListener(name, (event) => this.arrive(event), { passive: true });
    const unfold = () => { $("order").open = wide.matches; };
    wide.addEventListener("change", unfold);
    unfold();
  }

  async restoreDraft() {
    const draft = await this.store.draft().catch(() => "");
    if (draft && !this.composer.text) this.composer.text = draft;
    this.focus();
  }

  /** With a keyboard at hand one wants to write; on a phone the screen would jump. */
  focus() {
    (wide.matches ? this.composer.field : $("title")).focus({ preventScroll: true });
  }

  draw(missed) {
    const { stream, outbox: { items }, state, transport } = this;
    const events = [...stream.events, ...this.ahead];
    const unsent = transport.unsettled?.(items) ?? items;
    const isCutOff = state === "waiting" || state === "ended";
    this.view.draw(rowsOf({ ...this, events, unsent, isCutOff, only: this.only }), missed);
    if (this.page.urls.solve) $("solve").hidden = isSolved(events);
    this.tellAway();
    const isEmpty = this.role !== "agent" && !this.hasOlder && !unsent.length && !events.some(({ type }) => type === "message");
    this.offer("empty", isEmpty, ({ target }) => {
      if (!target.matches(".suggestion")) return;
      this.composer.text = target.textContent;
      this.composer.field.focus();
    });
  }

  /** Only what changes is read out. */
  tellAway() {
    const { page: { away }, stream, ahead, me, loadedAt } = this;
    if (!away) return;
    const line = awayLine([...stream.events, ...ahead], away, me, away.now + Date.now() - loadedAt);
    if ($("away").textContent !== line) $("away").textContent = line;
  }

  /** Puts the template of that name above or below the rows, or takes it away. */
  offer(name, isWanted, onClick) {
    const sheet = $("rows").parentElement;
    const shown = sheet.querySelector(`.${name}`);
    if (!isWanted) shown?.remove();
    else if (!shown) {
      const node = $(name).content.firstElementChild.cloneNode(true);
      node.addEventListener("click", onClick);
      if (name === "older") sheet.prepend(node);
      else sheet.append(node);
    }
  }

  speak(sentence) {
    $("spoken").textContent = sentence;
  }

  /** A person is here, and the agents on duty may know. */
  arrive({ isTrusted }) {
    if (!isTrusted || this.hasArrived) return;
    this.hasArrived = true;
    this.api.post(this.page.urls.present, {}).catch(() => setTimeout(() => { this.hasArrived = false; }, ARRIVE_AGAIN_MS));
  }

  async offerCalls() {
    const { offerCalls } = await import("./call.js");
    offerCalls({
      box: $("call"), about: () => this.orderShown, ask: (wanted) => this.api.post(this.page.urls.calls, wanted),
      onAsked: (event) => {
        $("order").open = wide.matches;
        this.receive([event]);
        this.view.toBottom();
      },
    });
  }

  async offerSolving() {
    const { offerSolving } = await import("./solve.js");
    offerSolving({
      form: $("solve"), complain: (text) => { this.composer.alert.textContent = text; },
      // What I have not seen yet can't be solved by me.
      solve: () => this.api.post(this.page.urls.solve, { sequence: this.stream.last }),
      onSolved: (event) => {
        this.receive([event]);
        this.view.toBottom();
        this.focus();
      },
    });
  }

  /** Worth a place only where there are several orders. */
  async offerFilter() {
    if (this.missUnshown || this.orders.size < 2 || !this.orderShown) return;
    this.missUnshown = () => {};
    const { offerFilter } = await import("./filter.js");
    this.missUnshown = offerFilter($("filter"), (isFiltered) => {
      Object.assign(this, { isFiltered, hasUnshown: false });
      this.draw();
      this.view.toBottom();
    });
  }

  /** The order that everything shown is about, where that is wanted. */
  get only() {
    return this.isFiltered ? this.orderShown : undefined;
  }

  // What comes in

  isForMe({ type, from }) {
    return type === "message" && from !== this.me.member;
  }

  get role() {
    return this.me.role;
  }

  /** The number of the order beside the conversation, where there is one. */
  get orderShown() {
    return this.orders.has(this.current) ? this.current : undefined;
  }

  get ownSeen() {
    return this.members.find(({ id }) => id === this.me.member)?.seen ?? 0;
  }

  receive(events) {
    const added = this.stream.apply(events);
    if (this.stream.hasGap) this.closeGap();
    if (!added.length) return;
    this.outbox.settle(added.filter(({ from }) => from === this.me.member));
    const before = this.orders;
    this.orders = added.reduce(foldOrder, before);
    if (this.orders !== before) {
      this.drawOrders();
      this.offerFilter();
    }
    this.announce(added.filter((event) => this.isForMe(event) && !event.row));
  }

  /** Lines that came in before our log had them; in the log they keep their `row`. */
  receiveAhead(lines, news) {
    this.ahead = lines;
    if (news.length) this.announce(news);
  }

  announce(news) {
    const shown = this.only ? news.filter((event) => isAbout(event, this.only)) : news;
    if (shown.length < news.length) {
      this.hasUnshown = true;
      this.missUnshown(news.length - shown.length);
      this.speak(words("new-messages", { n: news.length - shown.length }));
    }
    if (news.length) {
      this.notices.type();
      this.notices.count(news.length);
      if (document.hidden || !this.view.isAtBottom) this.unreadFrom ??= news[0].id;
    }
    this.draw(shown.length);
    this.tellSeen();
  }

  /** A message of mine that is in the log by now, under whichever key. */
  stored(event) {
    this.receive([event]);
    if (event.id <= this.stream.last) this.outbox.settle([event]);
  }

  /** The missing event is mostly on its way already; if not, ask for it. */
  closeGap() {
    clearTimeout(this.gapTimer);
    this.gapTimer = setTimeout(() => this.stream.hasGap && this.transport.catchUp().catch(() => this.closeGap()), GAP_MS);
  }

  hearState(state) {
    this.state = state;
    this.notices.state(state);
    this.outbox.live(state === "live");
    this.tellSeen();
  }

  /** Why not through Vonage; "" once it works. */
  tellDetour(reason) {
    const detour = $("detour");
    detour.dataset.way = reason || "vonage";
    detour.textContent = reason && words(`detour-${reason}`);
  }

  hearSeen(marks, members = this.members) {
    const isNow = members === this.members;
    const known = new Map(marks.map(({ from, sequence }) => [from, sequence]));
    this.members = members.map((member) => ({ ...member, seen: Math.max(member.seen, known.get(member.id) ?? 0) }));
    if (!isNow) this.told = this.ownSeen;
    // The moment is known only where the mark came in while we looked.
    const mine = isNow && lastOf(this.stream.events, this.me.member);
    const isSeen = mine && marks.some(({ from, sequence }) => from !== this.me.member && sequence >= mine.id);
    if (isSeen && !this.seenAt.has(mine.id)) this.seenAt.set(mine.id, Date.now());
    this.draw();
  }

  get end() {
    const isAgent = this.role === "agent";
    return isAgent
      ? { text: words("ended-agent"), label: words("log-in"), href: `/login/?next=${encodeURIComponent(location.pathname)}` }
      : { text: words("ended-customer"), label: words("new-link"), href: this.page.urls.new_link };
  }

  // What goes out

  async write(text) {
    this.unreadFrom = undefined;
    this.typedAt = 0;
    this.speak("");
    this.composer.complain("");
    await this.outbox.add({ message_type: "text", text, about: this.orderShown });
    this.view.toBottom();
  }

  tellTyping(text) {
    if (!text.trim() || this.state !== "live" || Date.now() - this.typedAt < TYPING_EVERY_MS) return;
    this.typedAt = Date.now();
    this.transport.typing();
  }

  tellSeen() {
    if (this.state !== "live" || document.hidden || this.hasUnshown || !this.view.isAtBottom || this.stream.last <= this.told) return;
    this.told = this.stream.last;
    this.transport.seen(this.told);
  }

  // What can be done about a message that isn't sent

  retry(item) {
    return this.outbox.retry(item);
  }

  discard(item) {
    this.composer.field.focus();
    return this.outbox.discard(item);
  }

  edit(item) {
    this.composer.text = [item.body.text, this.composer.text].filter(Boolean).join("\n");
    return this.discard(item);
  }

  // Orders and older pages

  /** Another order beside the conversation, without leaving it; the link stays a link for a new tab. */
  openOrder(event) {
    const link = event.target.closest("[data-order]");
    const number = Number(link?.dataset.order);
    if (!this.orders.has(number) || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState(number, "", link.href);
    this.showOrder(number);
  }

  showOrder(number) {
    this.current = number;
    this.drawOrders();
    this.draw();
  }

  /** The server has drawn the orders; what draws them here is loaded when something about them changes. */
  async drawOrders() {
    const panel = await import("./panel.js").catch(() => null);
    if (panel) panel.drawPanel($("order"), this);
    else this.tellOrdersFailed();
  }

  /** What is shown of the order is no longer so. All that is typed and unsent outlives a reload, which is only safe with a connection. */
  tellOrdersFailed() {
    const [bar, body] = $("order").children;
    if (body.querySelector(".orders-failed")) return;
    const card = $("orders-failed").content.firstElementChild.cloneNode(true);
    bar.replaceChildren(...card.firstElementChild.cloneNode(true).childNodes, bar.lastElementChild);
    card.querySelector("button").addEventListener("click", () => (this.state === "waiting" ? this.drawOrders() : location.reload()));
    for (const old of body.querySelectorAll(".order-card, .history .state")) old.remove();
    body.prepend(card);
  }

  async loadOlder() {
    if (!this.hasOlder || this.isLoading) return;
    this.isLoading = true;
    // What comes in above is old; nobody wants it read out.
    $("log").ariaLive = "off";
    try {
      const { events, has_more } = await this.api.before(this.stream.first);
      this.stream.prepend(events);
      this.hasOlder = has_more;
      this.composer.complain("");
      this.draw();
    } catch {
      this.composer.alert.textContent = words("older-failed");
    }
    setTimeout(() => { $("log").ariaLive = null; }, QUIET_MS);
    this.isLoading = false;
    this.offerOlder();
  }

  offerOlder() {
    this.offer("older", this.hasOlder, () => this.loadOlder());
  }
}

const page = JSON.parse($("page-data").textContent);
const Transport = page.vonage ? await import("./client-sdk.js").then((module) => module.ClientSdkTransport, () => SocketTransport) : SocketTransport;
new Conversation(page, Transport).start();
