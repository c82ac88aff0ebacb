// The chat page: what comes in (log, unsent messages, who has seen what) is folded, what is to be seen is drawn from that.
import { Beside } from "./beside.js";
import { Composer } from "./composer.js";
import { Notices } from "./notices.js";
import { Outbox, Store } from "./outbox.js";
import { awayLine, isSolved, nameOf, rowsOf, Stream, withJoined, withMarks } from "./stream.js";
import { ConversationApi, SocketTransport } from "./transport.js";
import { View } from "./view.js";
import { words } from "./words.js";

const GAP_MS = 500;
const TYPING_EVERY_MS = 2000;
const QUIET_MS = 1000;
const ARRIVE_AGAIN_MS = 10000;
const AWAY_MS = 5000;
const DRAW_MS = 60000;
// Only a person's hand makes these trusted; a script, and whoever looks into mails before they are read, can't.
const HANDS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];
const wide = matchMedia("(min-width: 60rem)");
const $ = (id) => document.getElementById(id);

class Conversation {
  constructor(page, Transport) {
    const { me, members, events, conversation, vonage } = page;
    const store = new Store(`${conversation.id} ${me.member}`);
    Object.assign(this, { page, me, store, members, hasOlder: page.has_older, typedAt: 0, ahead: [], loadedAt: Date.now() });
    this.stream = new Stream(events, conversation.sequence);
    this.told = this.read = this.ownSeen;
    this.unreadFrom = this.firstUnread(events);
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
    this.beside = new Beside({
      page, named: { notices: this.notices, field: this.composer.field }, canReload: () => this.state !== "waiting",
      onChange: (isFiltering) => {
        this.draw();
        if (isFiltering) this.view.toBottom();
      },
    });
    this.transport = new Transport({
      api: this.api, vonage, last: () => this.stream.last, events: () => this.stream.events, members: () => this.members,
      onAhead: (...lines) => this.receiveAhead(...lines), onDetour: (reason) => this.tellDetour(reason),
      onEvents: (events) => this.receive(events), onState: (state) => this.hearState(state),
      onTyping: ({ from, name }) => from !== me.member && this.notices.type(name), onSeen: (marks) => this.hearSeen(marks), onMembers: (members) => this.hearMembers(members),
    });
  }

  async start() {
    this.draw();
    setInterval(() => this.tellAway(), AWAY_MS);
    // Past midnight, today is yesterday.
    setInterval(() => this.draw(), DRAW_MS);
    this.view.toUnread();
    this.offerOlder();
    this.listen();
    await Promise.all([this.outbox.load(), this.restoreDraft()]);
    this.transport.start();
    if (this.page.urls.calls) this.offerCalls();
    if (this.page.urls.solve) this.offerSolving();
    if (this.role === "agent") this.countOthers();
    this.beside.offerFilter();
    // From here on, what is added is news, and read out.
    setTimeout(() => $("log").setAttribute("role", "log"), QUIET_MS);
  }

  listen() {
    const wake = () => {
      if (document.hidden) return;
      this.transport.wake();
      this.others?.wake();
      this.outbox.load();
      this.tellSeen();
    };
    for (const name of ["online", "focus", "pageshow"]) addEventListener(name, wake);
    document.addEventListener("visibilitychange", wake);
    addEventListener("offline", () => this.transport.doubt());
    this.beside.listen();
    if (this.page.urls.present) for (const name of HANDS) addEventListener(name, (event) => this.arrive(event), { passive: true });
    this.composer.field.addEventListener("focus", () => this.beside.unfold());
  }

  async restoreDraft() {
    const { text } = await this.store.own.catch(() => ({}));
    // Whoever began before the scripts came goes on where they are.
    this.composer.text = this.composer.text || text || "";
    if (document.activeElement === document.body) this.focus();
  }

  /** With a keyboard at hand one wants to write; on a phone the screen would jump. */
  focus() {
    (wide.matches ? this.composer.field : $("title")).focus({ preventScroll: true });
  }

  draw(missed) {
    const { stream, outbox: { items }, transport, beside: { orders, only } } = this;
    const events = [...stream.events, ...this.ahead];
    const unsent = transport.unsettled?.(items) ?? items;
    this.beside.count(events.filter((event) => event.id > this.told && this.isForMe(event)));
    this.view.draw(rowsOf({ ...this, events, unsent, orders, only }), missed);
    if (this.page.urls.solve) $("solve").hidden = isSolved(events);
    this.tellAway();
    const isEmpty = this.role !== "agent" && !this.hasOlder && !unsent.length && !events.some(({ type }) => type === "message");
    this.view.offer("empty", isEmpty, ({ target }) => {
      if (!target.matches(".suggestion")) return;
      const { text } = this.composer;
      if (!text.includes(target.textContent)) this.fill(text, target.textContent);
      this.composer.field.focus();
    });
    // An order that isn't told yet is being placed.
    const { status = "placed" } = orders.get(this.beside.current) ?? {};
    for (const item of document.querySelectorAll(".empty li")) item.hidden = !item.dataset.when.includes(status);
  }

  /** Only what changes is read out. */
  tellAway() {
    const { page: { away }, stream, ahead, me, loadedAt } = this;
    if (!away) return;
    const line = this.state === "ended" ? "" : awayLine([...stream.events, ...ahead], away, me, away.now + Date.now() - loadedAt);
    if ($("away").textContent !== line) $("away").textContent = line;
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
      box: $("call"), about: () => this.beside.shown, ask: (wanted) => this.api.post(this.page.urls.calls, wanted),
      onAsked: (event) => {
        this.beside.unfold();
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

  async countOthers() {
    const { page: { urls, conversation: { id } }, me: { username } } = this;
    const { countOthers } = await import("./others.js");
    this.others = countOthers({ badge: $("others"), urls, username, id });
  }

  // What comes in

  isForMe({ type, from }) {
    return type === "message" && from !== this.me.member;
  }

  /** Above it goes the line. */
  firstUnread(events) {
    return events.find((event) => event.id > this.read && this.isForMe(event))?.id;
  }

  get role() {
    return this.me.role;
  }

  get ownSeen() {
    return this.members.find(({ id }) => id === this.me.member)?.seen ?? 0;
  }

  receive(events) {
    const added = this.stream.apply(events);
    if (this.stream.hasGap) this.closeGap();
    if (!added.length) return;
    this.members = withJoined(this.members, added);
    this.outbox.settle(added.filter(({ from }) => from === this.me.member));
    this.beside.fold(added);
    this.announce(added.filter((event) => this.isForMe(event) && !event.row));
  }

  /** Lines that came in before our log had them; in the log they keep their `row`. */
  receiveAhead(lines, news) {
    this.ahead = lines;
    if (news.length) this.announce(news);
  }

  announce(news) {
    const shown = this.beside.pass(news);
    if (news.length) {
      this.notices.type();
      this.notices.count(news.length);
      if (this.role === "customer") $("answering").textContent = words("answers-you", { name: nameOf(news.at(-1)) });
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
    if (state === "ended") this.composer.end();
    this.tellSeen();
  }

  /** Why not through Vonage; "" once it works. */
  tellDetour(reason) {
    const detour = $("detour");
    detour.dataset.way = reason || "vonage";
    detour.textContent = reason && words(`detour-${reason}`);
  }

  hearSeen(marks) {
    this.members = withMarks(this.members, marks, this.stream.events);
    if (this.members.some(({ role, seen }) => role === "customer" && seen)) $("unopened")?.remove();
    this.draw();
  }

  hearMembers(members) {
    this.members = members;
    this.told = this.ownSeen;
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
    await this.outbox.add({ message_type: "text", text, about: this.beside.shown }, this.inSight);
    this.view.toBottom();
  }

  tellTyping(text) {
    if (!text.trim() || this.state !== "live" || Date.now() - this.typedAt < TYPING_EVERY_MS) return;
    this.typedAt = Date.now();
    this.transport.typing();
  }

  /** The last event that I have had before my eyes. */
  get inSight() {
    return document.hidden || this.beside.missed || !this.view.isAtBottom ? this.told : this.stream.last;
  }

  tellSeen() {
    const { inSight } = this;
    if (this.state !== "live" || inSight <= this.told) return;
    this.told = inSight;
    this.transport.seen(inSight);
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
    this.fill(item.body.text, this.composer.text);
    return this.discard(item);
  }

  fill(...texts) {
    this.composer.text = texts.filter(Boolean).join("\n");
  }

  // Older pages

  async loadOlder() {
    if (!this.hasOlder || this.isLoading) return;
    this.isLoading = true;
    // What comes in above is old; nobody wants it read out.
    $("log").ariaLive = "off";
    try {
      const { events, has_more } = await this.api.before(this.stream.first);
      this.stream.prepend(events);
      if (this.unreadFrom) this.unreadFrom = this.firstUnread(events) ?? this.unreadFrom;
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
    this.view.offer("older", this.hasOlder, () => this.loadOlder());
  }
}

const page = JSON.parse($("page-data").textContent);
const Transport = page.vonage ? await import("./client-sdk.js").then((module) => module.ClientSdkTransport, () => SocketTransport) : SocketTransport;
const talk = new Conversation(page, Transport);
talk.start().catch((error) => {
  talk.composer.isOff = true;
  throw error;
});
