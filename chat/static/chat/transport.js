// How a conversation's events travel. An adapter has start(), send(item), typing(), seen(sequence), catchUp(), wake(), doubt() and stop(), and tells:
//   onEvents(events)    ascending; may repeat; may leave a gap, then the page asks catchUp()
//   onState(state)      as in line.js
//   onTyping({from, name})
//   onSeen([{from, sequence, at}])    whose mark went up, and when
//   onMembers(members)    the whole list as it is now
// This one is our own socket, or polling; the Vonage Client SDK's (client-sdk.js) keeps the same names.
import { address, Line, Refusal, request } from "./line.js";

const ANSWER_MS = 10000;

/** The conversation over HTTP. */
export class ConversationApi {
  constructor({ urls, me, csrf }) {
    Object.assign(this, { urls, me, csrf });
  }

  page(parameters) {
    return request(address(this.urls.events, this.me.username, parameters));
  }

  post(path, body) {
    return request(address(path, this.me.username), { body, csrf: this.csrf });
  }

  before(sequence) {
    return this.page({ before: sequence, limit: 50 });
  }

  /** item: {client_key, body, based_on}, and vonage_after where it may be at Vonage. The stored event, also where an earlier try had stored it. */
  send({ client_key, body, vonage_after, based_on }) {
    return this.post(this.urls.events, { type: "message", body, client_key, vonage_after, based_on });
  }
}

export class SocketTransport {
  /** parts: api; last(), the id of the newest event that the page holds; the five callbacks. */
  constructor(parts) {
    Object.assign(this, parts, { answers: new Map() });
    this.line = new Line({
      url: () => address(this.api.urls.socket, this.api.me.username, { after: this.last() }), poll: () => this.catchUp(), onState: parts.onState,
      onFrame: (frame) => this.hear(frame), onLive: (frame) => this.live(frame), onLost: () => this.lost(),
    });
  }

  start() {
    this.line.start();
  }

  wake() {
    this.line.wake();
  }

  doubt() {
    this.line.doubt();
  }

  stop() {
    this.line.stop();
  }

  hear(frame) {
    if (frame.type === "events") {
      this.onEvents(frame.events);
      // Who writes has seen what is above, or says how far.
      this.onSeen(frame.events.filter(({ type }) => type === "message").map(({ id, from, timestamp, body }) => ({ from, sequence: body.seen ?? id, at: timestamp })));
    }
    else if (frame.type === "typing") this.onTyping(frame);
    else if (frame.type === "seen") this.onSeen([frame]);
    else if (frame.type === "ack") this.answer(frame)?.resolve(frame.event);
    else if (frame.type === "error") this.answer(frame)?.reject(new Refusal(frame));
  }

  async live({ sequence, members }) {
    if (this.last() < sequence) await this.catchUp();
    this.onMembers(members);
  }

  /** Nobody knows whether these arrived; the outbox asks again with the same keys. */
  lost() {
    for (const client_key of [...this.answers.keys()]) this.answer({ client_key }).reject(new Refusal({ lost: true }));
  }

  answer({ client_key }) {
    const waiting = this.answers.get(client_key);
    this.answers.delete(client_key);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  /** Asks for everything after the last event, page by page; true where there was something. */
  async catchUp() {
    const before = this.last();
    for (let more = true; more;) {
      const { events, members, has_more } = await this.api.page({ after: this.last(), limit: 200 });
      this.onEvents(events);
      this.onMembers(members);
      more = has_more;
    }
    return this.last() > before;
  }

  /** Resolves to the stored event; rejects with a Refusal, `lost` where it may have arrived. */
  send(item) {
    const { isOpen, socket } = this.line;
    if (!isOpen) {
      this.line.pollMs = 1000; // an answer is likely soon
      return this.api.send(item);
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.line.drop(socket);
        this.answer(item)?.reject(new Refusal({ lost: true }));
      }, ANSWER_MS);
      const { client_key, body, vonage_after, based_on } = item;
      this.answers.set(client_key, { resolve, reject, timer });
      this.line.write({ type: "send", client_key, vonage_after, based_on, event: { type: "message", body } });
    });
  }

  typing() {
    if (this.line.isOpen) this.line.write({ type: "typing" });
  }

  seen(sequence) {
    if (this.line.isOpen) this.line.write({ type: "seen", sequence });
    else this.api.post(this.api.urls.seen, { sequence }).catch(() => {}); // the next one tells it again
  }
}
