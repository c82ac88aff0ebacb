// What the page says about itself: the state of the line (in words, only when it isn't normal), who is typing, the count in the tab's title.
import { el, icon } from "./dom.js";
import { words } from "./words.js";

const QUIET_MS = 1000; // a shorter break is not worth a word
const AGAIN_MS = 4000;
const TYPING_MS = 5000;

export class Notices {
  /** end: {text, href, label}, the sentence for a session that is over and where to go. */
  constructor({ line, typing, end }) {
    Object.assign(this, { line, typing, end });
    this.title = document.title;
    this.unread = 0;
    this.news = 0;
    this.wasLost = false;
    document.addEventListener("visibilitychange", () => document.hidden || this.count(-this.unread));
  }

  say(text, { good = false, link = null } = {}) {
    this.line.classList.toggle("good", good);
    this.line.replaceChildren(...(text ? [icon(good ? "confirmed" : "offline"), el("span", {}, text), ...(link ? [link] : [])] : []));
  }

  soon(delay, ...said) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.say(...said), delay);
  }

  /** As in transport.js. */
  state(state) {
    clearTimeout(this.timer);
    if (state === "connecting") this.soon(QUIET_MS, words("connecting"));
    else if (state === "waiting") {
      if (!this.wasLost) this.news = 0;
      this.wasLost = true;
      this.soon(QUIET_MS, words("no-connection"));
    } else if (state === "live") this.back();
    else {
      const { text, href, label } = this.end;
      this.say(text, { link: href && el("a", { href }, label) });
    }
  }

  back() {
    if (this.wasLost && this.line.textContent) {
      const news = this.news ? ` · ${words("new-messages", { n: this.news })}` : "";
      this.say(words("connected-again") + news, { good: true });
      this.soon(AGAIN_MS, "");
    } else this.say("");
    this.wasLost = false;
  }

  /** n messages from someone else came in. */
  count(n) {
    this.news += Math.max(0, n);
    this.unread = document.hidden ? this.unread + n : 0;
    document.title = this.unread ? `(${this.unread}) ${this.title}` : this.title;
  }

  type(name) {
    clearTimeout(this.typingTimer);
    this.typing.textContent = name ? words("typing", { name }) : "";
    if (name) this.typingTimer = setTimeout(() => this.type(""), TYPING_MS);
  }
}
