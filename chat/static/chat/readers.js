// Which colleagues have a conversation before their eyes at this moment, as the inbox's socket tells it. Whoever is not told of again has gone.
import { words } from "./words.js";

const { lang } = document.documentElement;

export class Readers {
  /** onChange(): somebody came or went. */
  constructor(onChange) {
    Object.assign(this, { onChange, people: new Map() });
  }

  /** A frame of type "here". */
  hear({ conversation, user, name, seconds }) {
    const key = `${conversation} ${user}`;
    const before = this.people.get(key);
    clearTimeout(before?.timer);
    this.people.delete(key);
    if (seconds) this.people.set(key, { conversation, name, timer: setTimeout(() => this.hear({ conversation, user }), seconds * 1000) });
    if (before?.name !== (seconds ? name : undefined)) this.onChange();
  }

  /** "Ben is here too", "Ben and Robin are here too", with that key of words.html; "" where nobody is. */
  say(key, conversation) {
    const names = [...this.people.values()].filter((one) => one.conversation === conversation).map(({ name }) => name).sort();
    const name = Intl.ListFormat ? new Intl.ListFormat(lang).format(names) : names.join(", ");
    return names.length ? words(key, { n: names.length, name }) : "";
  }
}
