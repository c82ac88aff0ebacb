// The field at the foot: what Enter means, how it grows, when it counts. It is emptied only once the outbox has the text.
import { words } from "./words.js";

const isTouch = matchMedia("(pointer: coarse)");

export class Composer {
  /** parts: form, counter, alert, the elements; limit; send(text), resolves when the text is safe; onInput(text); keep(text), stores the draft. */
  constructor(parts) {
    // leaving: in the field still, and on its way to the outbox
    Object.assign(this, parts, { field: parts.form.elements.text, leaving: "", sent: Promise.resolve() });
    this.form.noValidate = true;
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.field.addEventListener("keydown", (event) => this.press(event));
    this.field.addEventListener("input", () => {
      this.changed();
      this.onInput(this.text);
    });
  }

  get text() {
    return this.field.value;
  }

  set text(text) {
    this.field.value = text;
    this.changed();
  }

  press(event) {
    // While a Chinese or Japanese word is being composed, Enter chooses it (229: Safari tells it only so).
    if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
    if (event.shiftKey || event.altKey || (isTouch.matches && !event.ctrlKey && !event.metaKey)) return;
    event.preventDefault();
    this.form.requestSubmit();
  }

  changed() {
    this.grow();
    this.count();
    // At once: what is begun when a page goes away may never be finished.
    this.keep(this.text);
  }

  /** For browsers without `field-sizing`. */
  grow() {
    if (CSS.supports("field-sizing", "content")) return;
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
  }

  /** As the server counts: an emoji is one character, not two. */
  count() {
    const { text, limit, counter } = this;
    const length = text.length < limit * 0.8 ? 0 : [...text.trim()].length;
    this.isTooLong = length > limit;
    counter.hidden = length < limit * 0.8;
    counter.textContent = `${length} / ${limit}`;
    counter.classList.toggle("over", this.isTooLong);
    if (!this.isTooLong && this.field.ariaInvalid) this.complain("");
  }

  complain(sentence) {
    this.alert.textContent = sentence;
    this.field.ariaInvalid = sentence ? "true" : null;
  }

  submit(event) {
    // Where the page could not begin, what is written goes as without scripts.
    if (this.isOff) return;
    event.preventDefault();
    this.field.focus();
    if (this.isOver) return;
    // Pressed again while a message is being stored: only what was written since then goes after it.
    const written = this.text.startsWith(this.leaving) ? this.text.slice(this.leaving.length) : this.text;
    if (this.isTooLong) this.complain(words("too-long", { n: this.limit }));
    // As the server decides it: what only takes space, or draws nothing, is no message.
    else if (/[^\p{Z}\p{Cc}\p{Cf}]/u.test(written)) {
      this.leaving += written;
      this.sent = this.sent.then(() => this.send(written.trim())).finally(() => this.left(written));
    }
  }

  /** Nothing can be sent from here any more; what is in the field stays, and is kept as a draft. */
  end() {
    this.isOver = this.form.querySelector(".send").disabled = true;
  }

  left(written) {
    this.leaving = this.leaving.slice(written.length);
    if (this.text.startsWith(written)) this.text = this.text.slice(written.length);
    this.keep(this.text);
  }
}
