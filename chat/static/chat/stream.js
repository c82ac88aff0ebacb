// The conversation's log as this page knows it: gap-free, ascending, each event once, however often and in whatever order it arrives.

export class Stream {
  /** events: the newest page, ascending; sequence: the id of the last event that they reach up to. */
  constructor(events, sequence) {
    this.events = [...events];
    this.last = events.at(-1)?.id ?? sequence;
    this.held = new Map();
  }

  get first() {
    return this.events[0]?.id ?? this.last + 1;
  }

  /** True while something arrived whose predecessor did not; then the page asks for what came after `last`. */
  get hasGap() {
    return this.held.size > 0;
  }

  /** Takes what is new, in order, and gives it back. */
  apply(events) {
    for (const event of events) if (event.id > this.last) this.held.set(event.id, event);
    const added = [];
    while (this.held.has(this.last + 1)) {
      this.last += 1;
      added.push(this.held.get(this.last));
      this.held.delete(this.last);
    }
    this.events.push(...added);
    return added;
  }

  /** Puts an older page in front. */
  prepend(events) {
    this.events.unshift(...events.filter((event) => event.id < this.first));
  }
}
