// What the page says about itself: the state of the line (only when it isn't normal), who is typing, the count in the tab's title.
import { el, icon } from "./dom.js";
import { words } from "./words.js";

const QUIET_MS = 1000; // a shorter break is not worth a word
const AT_ONCE_MS = 200; // the browser knows; only what answers all the same may be faster
const AGAIN_MS = 4000;
const TYPING_MS = 5000;

export class Notices {
  /** parts: line, typing, the elements; end: {text, href, label}, what to say and where to go when the session is over. */
  constructor(parts) {
    Object.assign(this, parts, { title: document.title, unread: 0, news: 0 });
    document.addEventListener("visibilitychange", () => document.hidden || this.count(0));
  }

  say(text, image, link) {
    this.line.classList.toggle("good", image === "confirmed");
    this.line.replaceChildren(...(text ? [icon(image), el("span", {}, text)] : []), ...(link ? [link] : []));
  }

  soon(delay, ...said) {
    this.timer = setTimeout(() => this.say(...said), delay);
  }

  /** As in line.js. */
  state(state) {
    clearTimeout(this.timer);
    const { text, href, label } = this.end;
    if (state === "connecting") this.soon(QUIET_MS, words("connecting"), "clock");
    else if (state === "live") this.back();
    else if (state === "ended") this.say(text, "offline", href && el("a.button", { href }, label));
    else {
      if (!this.wasLost) this.news = 0;
      this.wasLost = this.wasLive;
      this.soon(navigator.onLine ? QUIET_MS : AT_ONCE_MS, words("no-connection"), "offline");
    }
  }

  back() {
    if (this.wasLost && this.line.textContent) {
      this.say([words("connected-again"), this.news && words("new-messages", { n: this.news })].filter(Boolean).join(" · "), "confirmed");
      this.soon(AGAIN_MS);
    } else this.say();
    this.wasLive = true;
    this.wasLost = false;
  }

  /** n messages from someone else came in. */
  count(n) {
    this.news += n;
    this.unread = document.hidden ? this.unread + n : 0;
    document.title = this.unread ? `(${this.unread}) ${this.title}` : this.title;
  }

  type(name) {
    clearTimeout(this.typingTimer);
    this.typing.textContent = name ? words("typing", { name }) : "";
    if (name) this.typingTimer = setTimeout(() => this.type(), TYPING_MS);
  }
}
