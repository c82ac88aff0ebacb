// The chat page: what comes in (log, unsent messages, who has seen what) is folded, what is to be seen is drawn from that.
import { Composer } from "./composer.js";
import { foldOrder } from "./fold.js";
import { ConversationApi } from "./http.js";
import { Notices } from "./notices.js";
import { Outbox } from "./outbox.js";
import { drawPanel } from "./panel.js";
import { rowsOf } from "./rows.js";
import { openStore } from "./store.js";
import { Stream } from "./stream.js";
import { SocketTransport } from "./transport.js";
import { View } from "./view.js";
import { words } from "./words.js";

const TRANSPORTS = { socket: SocketTransport };
const GAP_MS = 500;
const TYPING_EVERY_MS = 2000;
const QUIET_MS = 1000;
const wide = matchMedia("(min-width: 60rem)");
const $ = (id) => document.getElementById(id);

class Conversation {
  constructor(page, store) {
    const { me } = page;
    Object.assign(this, { page, me, store, members: page.members, hasOlder: page.has_older, current: page.order_id });
    this.stream = new Stream(page.events, page.conversation.sequence);
    this.orders = new Map(page.orders.map((order) => [order.id, order]));
    this.seenAt = new Map();
    this.state = "connecting";
    this.told = this.ownSeen;
    this.unreadFrom = this.stream.events.find((event) => event.id > this.told && this.isForMe(event))?.id ?? null;
    this.typedAt = 0;
    this.api = new ConversationApi({ urls: page.urls, me, csrf: page.csrf });
    this.notices = new Notices({ line: $("link-state"), typing: $("typing"), end: this.end });
    this.view = new View({
      log: $("log"), list: $("rows"), newer: $("newer"),
      act: (name, item) => this[name](item), onOlder: () => this.loadOlder(), onBottom: () => this.tellSeen(),
    });
    this.outbox = new Outbox({
      store, send: (item) => this.transport.send(item), onStored: (event) => this.receive([event]), onChange: () => this.draw(),
      // In the bubble for the eye; for the ear here, as one's own bubbles are not read out.
      onRefused: ({ reason }) => { $("spoken").textContent = words("not-sent", { reason }); },
    });
    this.composer = new Composer({
      form: $("composer"), counter: $("counter"), alert: $("alert"), limit: page.limits.text,
      send: (text) => this.write(text), onInput: (text) => this.tellTyping(text), keep: (text) => store.keepDraft(text).catch(() => {}),
    });
    this.transport = new (TRANSPORTS[page.transport] ?? SocketTransport)({
      api: this.api, last: () => this.stream.last,
      onEvents: (events) => this.receive(events), onState: (state) => this.hearState(state),
      onTyping: ({ from, name }) => from !== me.member && this.notices.type(name), onSeen: (marks, members) => this.hearSeen(marks, members),
    });
  }

  async start() {
    this.draw();
    this.drawPanel();
    this.view.toUnread();
    this.offerOlder();
    this.listen();
    await Promise.all([this.outbox.load(), this.restoreDraft()]);
    this.transport.start();
    // From here on, what is added is news, and read out.
    setTimeout(() => $("log").setAttribute("role", "log"), QUIET_MS);
  }

  listen() {
    const wake = () => document.hidden || this.transport.wake();
    addEventListener("online", wake);
    addEventListener("focus", wake);
    addEventListener("pageshow", ({ persisted }) => persisted && wake());
    document.addEventListener("visibilitychange", () => {
      wake();
      this.tellSeen();
    });
    document.addEventListener("click", (event) => this.openOrder(event));
    addEventListener("popstate", ({ state }) => this.showOrder(state?.order ?? this.page.order_id));
    const unfold = () => { $("order").open = wide.matches; };
    wide.addEventListener("change", unfold);
    unfold();
  }

  async restoreDraft() {
    const draft = await this.store.draft().catch(() => "");
    if (draft && !this.composer.text) this.composer.text = draft;
    // With a keyboard at hand one wants to write; on a phone the screen would jump.
    if (wide.matches) this.composer.field.focus({ preventScroll: true });
    else $("title").focus({ preventScroll: true });
  }

  // Drawing

  draw(options) {
    const { stream, outbox, me, members, seenAt, orders, unreadFrom } = this;
    const isCutOff = this.state === "waiting" || this.state === "ended";
    this.view.draw(rowsOf({ events: stream.events, unsent: outbox.items, me, members, seenAt, orders, unreadFrom, isCutOff }), options);
    this.offerSuggestions();
  }

  drawPanel() {
    drawPanel($("order"), { orders: this.orders, current: this.current, role: this.me.role });
  }

  /** While nobody has written, the page says what one could ask. */
  offerSuggestions() {
    const isEmpty = this.me.role !== "agent" && !this.hasOlder && !this.outbox.items.length && !this.stream.events.some((event) => event.type === "message");
    const sheet = $("rows").parentElement;
    if (!isEmpty) sheet.querySelector(".empty")?.remove();
    else if (!sheet.querySelector(".empty")) {
      sheet.append($("empty").content.cloneNode(true));
      for (const button of sheet.querySelectorAll(".suggestion")) {
        button.addEventListener("click", () => {
          this.composer.text = button.textContent;
          this.composer.field.focus();
        });
      }
    }
  }

  // What arrives

  isForMe(event) {
    return event.type === "message" && event.from !== this.me.member;
  }

  get ownSeen() {
    return this.members.find((member) => member.id === this.me.member)?.seen ?? 0;
  }

  receive(events) {
    const added = this.stream.apply(events);
    if (this.stream.hasGap) this.closeGap();
    if (!added.length) return;
    this.outbox.settle(added.filter((event) => event.from === this.me.member));
    const before = this.orders;
    this.orders = added.reduce(foldOrder, before);
    if (this.orders !== before) this.drawPanel();
    const forMe = added.filter((event) => this.isForMe(event));
    if (forMe.length) {
      this.notices.type("");
      this.notices.count(forMe.length);
      if (document.hidden || !this.view.isAtBottom) this.unreadFrom ??= forMe[0].id;
    }
    this.draw({ missed: forMe.length });
    this.tellSeen();
  }

  /** The missing one is mostly on its way already; if not, ask for it. */
  closeGap() {
    this.gapTimer ??= setTimeout(() => {
      this.gapTimer = null;
      if (this.stream.hasGap) this.transport.catchUp().catch(() => this.closeGap());
    }, GAP_MS);
  }

  hearState(state) {
    this.state = state;
    this.notices.state(state);
    this.outbox.live(state === "live");
    this.draw();
    this.tellSeen();
  }

  hearSeen(marks, members) {
    if (members) this.members = members;
    const known = new Map(marks.map(({ from, sequence }) => [from, sequence]));
    this.members = this.members.map((member) => ({ ...member, seen: Math.max(member.seen, known.get(member.id) ?? 0) }));
    if (members) this.told = this.ownSeen;
    else this.noteTime(marks);
    this.draw();
  }

  /** The moment is known only where the mark came in while we looked. */
  noteTime(marks) {
    const mine = this.stream.events.findLast((event) => event.type === "message" && event.from === this.me.member);
    const isSeen = mine && marks.some(({ from, sequence }) => from !== this.me.member && sequence >= mine.id);
    if (isSeen && !this.seenAt.has(mine.id)) this.seenAt.set(mine.id, new Date().toISOString());
  }

  get end() {
    if (this.me.role === "agent") return { text: words("ended-agent"), label: words("log-in"), href: `/login/?next=${encodeURIComponent(location.pathname)}` };
    return { text: words("ended-customer"), label: words("new-link"), href: this.page.urls.new_link };
  }

  // What goes out

  async write(text) {
    this.unreadFrom = null;
    this.typedAt = 0;
    $("spoken").textContent = "";
    await this.outbox.add({ message_type: "text", text, about: this.orders.has(this.current) ? this.current : undefined });
    this.view.toBottom();
  }

  tellTyping(text) {
    if (!text.trim() || this.state !== "live" || Date.now() - this.typedAt < TYPING_EVERY_MS) return;
    this.typedAt = Date.now();
    this.transport.typing();
  }

  tellSeen() {
    if (this.state !== "live" || document.hidden || !this.view.isAtBottom || this.stream.last <= this.told) return;
    this.told = this.stream.last;
    this.transport.seen(this.told);
  }

  // What can be done about a message that was refused

  retry(item) {
    return this.outbox.retry(item.client_key);
  }

  async discard(item) {
    this.composer.field.focus();
    await this.outbox.discard(item.client_key);
  }

  async edit(item) {
    this.composer.text = [item.body.text, this.composer.text].filter(Boolean).join("\n");
    await this.discard(item);
  }

  // Orders and older pages

  /** Another order beside the conversation, without leaving it; the link stays a link for a new tab. */
  openOrder(event) {
    const link = event.target.closest("a[data-order]");
    const number = Number(link?.dataset.order);
    if (!this.orders.has(number) || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState({ order: number }, "", link.href);
    this.showOrder(number);
  }

  showOrder(number) {
    this.current = number;
    this.drawPanel();
  }

  async loadOlder() {
    if (!this.hasOlder || this.isLoading) return;
    this.isLoading = true;
    // What comes in above is old; nobody wants it read out.
    $("log").setAttribute("aria-live", "off");
    try {
      const { events, has_more } = await this.api.before(this.stream.first);
      this.stream.prepend(events);
      this.hasOlder = has_more;
      $("alert").textContent = "";
      this.draw();
    } catch {
      $("alert").textContent = words("older-failed");
    } finally {
      setTimeout(() => $("log").removeAttribute("aria-live"), QUIET_MS);
      this.isLoading = false;
      this.offerOlder();
    }
  }

  offerOlder() {
    const sheet = $("rows").parentElement;
    const button = sheet.querySelector(".older");
    if (!this.hasOlder) button?.remove();
    else if (!button) {
      sheet.prepend($("older").content.cloneNode(true));
      sheet.querySelector(".older").addEventListener("click", () => this.loadOlder());
    }
  }
}

const page = JSON.parse($("page-data").textContent);
await new Conversation(page, await openStore(`${page.conversation.id} ${page.me.member}`)).start();
