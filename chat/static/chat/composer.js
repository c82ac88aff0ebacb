// The field at the foot: what Enter means, how it grows, when it counts. It never loses a text: it is emptied only once the outbox has it.
import { words } from "./words.js";

const DRAFT_MS = 250;
const ROWS = 8;
const isTouch = matchMedia("(pointer: coarse)");

export class Composer {
  /** send(text) resolves when the text is safe; onInput(text) at each change; keep(text) stores the draft. */
  constructor({ form, counter, alert, limit, send, onInput, keep }) {
    Object.assign(this, { form, counter, alert, limit, send, onInput, keep });
    this.field = form.elements.text;
    this.leaving = ""; // in the field still, and on its way to the outbox
    this.stored = Promise.resolve();
    // The server answers an empty message; here it is simply not sent.
    form.noValidate = true;
    form.addEventListener("submit", (event) => this.submit(event));
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("input", () => this.changed());
    addEventListener("pagehide", () => this.keepNow());
    document.addEventListener("visibilitychange", () => document.hidden && this.keepNow());
  }

  get text() {
    return this.field.value;
  }

  set text(text) {
    this.field.value = text;
    this.changed({ typed: false });
  }

  key(event) {
    // While a Chinese or Japanese word is being composed, Enter chooses it (229: Safari tells it only so).
    if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
    const breaks = event.shiftKey || event.altKey || (isTouch.matches && !event.ctrlKey && !event.metaKey);
    if (breaks) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  changed({ typed = true } = {}) {
    this.grow();
    this.count();
    if (typed) this.onInput(this.text);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.keepNow(), DRAFT_MS);
  }

  keepNow() {
    clearTimeout(this.timer);
    this.keep(this.text);
  }

  grow() {
    if (CSS.supports("field-sizing", "content")) return;
    const { style } = this.field;
    style.height = "auto";
    style.height = `${Math.min(this.field.scrollHeight, ROWS * 24 + 18)}px`;
  }

  /** Characters as the server counts them: an emoji is one, not two. */
  get length() {
    return this.text.length > this.limit * 0.75 ? [...this.text.trim()].length : this.text.length;
  }

  count() {
    const { length } = this;
    this.counter.hidden = length < this.limit * 0.8;
    this.counter.textContent = `${length} / ${this.limit}`;
    this.counter.classList.toggle("over", length > this.limit);
    if (length <= this.limit && this.isTooLong) this.complain(false);
  }

  complain(isTooLong) {
    this.isTooLong = isTooLong;
    this.alert.textContent = isTooLong ? words("too-long", { n: this.limit }) : "";
    this.field.toggleAttribute("aria-invalid", isTooLong);
  }

  submit(event) {
    event.preventDefault();
    this.field.focus();
    // Pressed again while a message is being stored: only what was written since then goes after it.
    const written = this.text.startsWith(this.leaving) ? this.text.slice(this.leaving.length) : this.text;
    if (!written.trim()) return;
    if (this.length > this.limit) {
      this.complain(true);
      return;
    }
    this.leaving += written;
    this.stored = this.stored.then(() => this.send(written.trim())).finally(() => this.left(written));
  }

  left(written) {
    this.leaving = this.leaving.slice(written.length);
    if (this.text.startsWith(written)) this.text = this.text.slice(written.length);
    this.keepNow();
  }
}
