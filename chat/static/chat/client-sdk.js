// The conversation through Vonage's Client SDK, beside our own connection (docs/chat-protocol.md, "Client SDK"). Our log stays the record:
// a line that goes out through Vonage is sent once our own stream brings it back, and a line that comes in through Vonage is shown ahead
// of our log until our log has it. Where Vonage can't be had, everything goes our own way, and the page says so.
import { address, request } from "./line.js";
import { SocketTransport } from "./transport.js";

const ANSWER_MS = 10000;
const RECORD_MS = 5000; // by then Vonage's webhook has brought our line, or we bring it ourselves
const REPEAT_MS = 60000;
const SOON_MS = 5000;
const AGAIN_MS = 60000;
const BEFORE_THE_END_MS = 300000;
const MOST_MISSES = 2; // lines in a row that Vonage did not take
const PASS_TRIES = 6;
const FROM_VONAGE = "vonage:";
// What may be otherwise in a minute, or with another line; everything else that Vonage says no with is a refusal.
const PASSING = /timeout|internal|too-many|max.open|disconnect|validation/i;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const within = (promise) => Promise.race([promise, pause(ANSWER_MS).then(() => { throw new Error("no answer"); })]);
/** Vonage takes them, but our log would not. */
const isWhole = (text) => !text.includes("\0") && (text.isWellFormed?.() ?? true);
const isFromVonage = ({ client_key }) => client_key?.startsWith(FROM_VONAGE);

/** The SDK's own file (UMD, 1.3 MB), held against its hash where one is set. */
function load({ script, integrity }) {
  const { vonageClientSDK } = globalThis;
  if (vonageClientSDK) return vonageClientSDK;
  return new Promise((resolve, reject) => {
    const node = document.createElement("script");
    const fail = () => {
      node.remove();
      reject({ reason: "script" });
    };
    const done = () => (globalThis.vonageClientSDK ? resolve(globalThis.vonageClientSDK) : fail());
    Object.assign(node, { src: script, onload: done, onerror: fail });
    if (integrity) Object.assign(node, { integrity, crossOrigin: "anonymous" });
    if (script) document.head.append(node);
    else fail();
  });
}

/** Why not through Vonage: "refused", "unconfigured", "unmirrored", "unreachable" or "script"; "" where our own connection says it all. */
function reasonOf({ reason, status, lost, code, type }) {
  if (reason) return reason;
  if (status === 503) return "unmirrored";
  if (status === 409) return code === "refused_by_vonage" ? "refused" : "unconfigured";
  if (status || lost) return "";
  return type && type !== "NETWORK_ERROR" && !PASSING.test(code) ? "refused" : "unreachable";
}

export class ClientSdkTransport extends SocketTransport {
  /**
   * parts: as SocketTransport's, and vonage, as in the page's data; events(), our log; members(); onAhead(lines, news): the lines that our
   * log doesn't have yet, and the new ones among them, to be drawn at once; onDetour(reason): why not through Vonage, "" once it works.
   */
  constructor(parts) {
    super({
      ...parts, onEvents: (events) => this.record(events),
      onState: (state) => {
        parts.onState(state);
        if (state === "ended") this.leave();
      },
    });
    Object.assign(this, { toPage: parts.onEvents, isOn: false, misses: 0, ahead: [], heard: new Set(), paired: new Set() });
  }

  start() {
    super.start();
    this.enter();
  }

  // The session

  async enter() {
    try {
      const { token, expires_at, conversation_id } = await this.pass();
      const { VonageClient } = await load(this.vonage);
      const { apiUrl, websocketUrl } = this.vonage;
      const client = new VonageClient({ apiUrl, websocketUrl, rtcStatsTelemetry: false });
      Object.assign(this, { client, room: conversation_id });
      client.on("conversationEvent", (event) => client === this.client && this.overhear(event));
      // It has tried to come back by itself by then.
      client.on("sessionError", () => client === this.client && this.leave(SOON_MS));
      await within(client.createSession(token));
      await within(client.getConversation(conversation_id));
      Object.assign(this, { isOn: true, misses: 0 });
      this.onDetour("");
      this.renewBefore(expires_at);
    } catch (error) {
      this.detour(error ?? {});
    }
  }

  /** A token from our own server, once the conversation is known at Vonage. */
  async pass(tries = 1) {
    try {
      return await request(address(this.api.urls.token, this.api.me.username));
    } catch (refusal) {
      if (refusal.status !== 503 || tries === PASS_TRIES) throw refusal;
      await pause(refusal.afterSeconds * 1000 || SOON_MS);
      return this.pass(tries + 1);
    }
  }

  renewBefore(expires_at) {
    const { client } = this;
    setTimeout(async () => {
      if (client !== this.client) return;
      try {
        const pass = await this.pass();
        await client.refreshSession(pass.token);
        this.renewBefore(pass.expires_at);
      } catch {
        // Vonage says so when the old one has expired.
      }
    }, Math.max(SOON_MS, Date.parse(expires_at) - Date.now() - BEFORE_THE_END_MS));
  }

  detour(error) {
    const reason = reasonOf(error);
    console.info("Vonage's Client SDK:", reason, error.type ?? error.status ?? "", error.code ?? "");
    this.leave(["refused", "unconfigured"].includes(reason) || (!reason && error.status < 500) ? 0 : AGAIN_MS);
    if (reason) this.onDetour(reason);
  }

  /** again: in so many ms, 0 for never. */
  leave(again = 0) {
    this.client?.deleteSession().catch(() => {});
    Object.assign(this, { client: null, isOn: false });
    if (again) setTimeout(() => this.enter(), again);
  }

  // What comes in

  /** What our own stream brings; a line that was shown ahead keeps its row. */
  record(events) {
    for (const event of events) {
      if (event.id <= this.last()) continue;
      const line = this.ahead.find((told) => this.isSame(event, told));
      if (!line) continue;
      event.row = line.id;
      this.paired.add(event.id);
      this.ahead = this.ahead.filter((told) => told !== line);
    }
    this.onAhead(this.ahead, []);
    this.toPage(events);
    this.look?.();
  }

  /** Exactly, where its webhook brought it here; by its words, where it came our own way and was copied there. */
  isSame(event, line) {
    if (event.type !== "message" || event.from !== line.from || this.paired.has(event.id)) return false;
    return isFromVonage(event) ? event.client_key === line.client_key : event.body.text === line.body.text;
  }

  /** message:delivered and the like are the SDK's talk with itself. */
  overhear({ kind, id, conversationId, from, timestamp, body }) {
    if (conversationId !== this.room || (kind !== "message:text" && kind !== "custom") || this.heard.has(id)) return;
    this.heard.add(id);
    // Whatever it is, our log has it now or in a moment.
    if (!this.line.isOpen) this.wake();
    const member = this.memberNamed(from?.user?.name ?? "");
    if (kind !== "message:text" || !member || member.id === this.api.me.member) return;
    const key = `${FROM_VONAGE}${id}`;
    const line = {
      id: key, client_key: key, type: "message", from: member.id, timestamp, body: { message_type: "text", text: body.text.trim() },
      _embedded: { from_user: member.user },
    };
    const event = this.events().findLast((event) => this.isSame(event, line));
    if (event) this.paired.add(event.id);
    else if (!this.wasJustSaid(line)) {
      this.ahead.push(line);
      this.onAhead(this.ahead, [line]);
    }
  }

  /** Vonage may have one line twice, as a browser repeats what got no answer: our log will say whether it was meant so. */
  wasJustSaid({ from, body, timestamp }) {
    const isAlike = (said) => said.type === "message" && said.from === from && said.body.text === body.text;
    const isNear = (said) => Math.abs(new Date(said.timestamp) - new Date(timestamp)) < REPEAT_MS;
    return [...this.ahead, ...this.events()].some((said) => isAlike(said) && isNear(said));
  }

  /** At Vonage a person's name ends with our id of them. Who joined a moment ago is in the log only. */
  memberNamed(name) {
    const joined = this.events().filter(({ type }) => type === "member:joined").map(({ from, body }) => ({ id: from, user: body.user }));
    return [...this.members(), ...joined].find(({ user }) => name.endsWith(user.id));
  }

  // What goes out

  /** The event that Vonage's webhook made of this item, as long as it has no key of ours. */
  back({ after, body }) {
    return this.events().find((event) => event.id > after && event.from === this.api.me.member && isFromVonage(event) && event.body.text === body.text);
  }

  /** The items that are not in our log yet, whichever way they went. */
  unsettled(items) {
    return items.filter((item) => !item.wasTried || !this.back(item));
  }

  async send(item) {
    const { isOpen } = this.line;
    if (this.isOn && isOpen && !item.isUnsure && !item.isAtVonage && isWhole(item.body.text)) {
      // Vonage takes no further keys in a message, so this goes ahead: what it is about, and that it comes once.
      this.line.write({ type: "about", order: item.body.about, client_key: item.client_key, text: item.body.text });
      item.isAtVonage = await this.tell(item.body.text);
      if (item.isAtVonage) await this.recorded(item);
    }
    const event = this.back(item);
    return event ? Object.assign(event, { client_key: item.client_key }) : this.bring(item);
  }

  /** True where Vonage has the line, or may have it. */
  async tell(text) {
    try {
      // true: raw. Without it the SDK refuses texts with quotes, slashes, &, < and >, which it takes for markup.
      await within(this.client.sendMessageTextEvent(this.room, text, true));
      this.misses = 0;
      return true;
    } catch (error) {
      const isRefused = reasonOf(error) === "refused";
      this.misses += 1;
      if (isRefused || this.misses >= MOST_MISSES) this.detour(error);
      return !isRefused;
    }
  }

  /** Waits until our own stream brings the line back, but not for ever. */
  recorded(item) {
    return new Promise((resolve) => {
      setTimeout(resolve, RECORD_MS);
      this.look = () => this.back(item) && resolve();
      this.look();
    });
  }

  /** Through our own door; what may be at Vonage already is stored once nevertheless. */
  async bring(item) {
    const event = await super.send(item.isUnsure || item.isAtVonage ? { ...item, vonage_after: item.after } : item);
    const known = this.events().find(({ id }) => id === event.id);
    return known ? Object.assign(known, { client_key: item.client_key }) : event;
  }
}
