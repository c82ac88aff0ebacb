// What a person typed, as nodes: text stays text, http(s) addresses become links. No markup is ever parsed.
import { el } from "./dom.js";

// An address ends before white space, quotes, angle brackets and Chinese punctuation.
const ADDRESS = /https?:\/\/[^\s<>"'`\u3000-\u3003\u3008-\u3011\uff01-\uff0f\uff1a-\uff1f\u201c\u201d]+/gi;
const TAIL = /[.,;:!?*_~]+$/;

/** "(see https://a.example/b_(c).)" keeps the address's own bracket and leaves the sentence's. */
function trimmed(address) {
  for (;;) {
    let shorter = address.replace(TAIL, "");
    if (shorter.endsWith(")") && shorter.split(")").length > shorter.split("(").length) shorter = shorter.slice(0, -1);
    if (shorter === address) return address;
    address = shorter;
  }
}

function isSafe(address) {
  try {
    const url = new URL(address);
    // A user name in an address ("https://bank.example@evil.example") only serves to mislead.
    return /^https?:$/.test(url.protocol) && !url.username && !url.password;
  } catch {
    return false;
  }
}

export function linkified(text) {
  const nodes = [];
  let done = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    if (!isSafe(address)) continue;
    nodes.push(text.slice(done, match.index), el("a", { href: address, target: "_blank", rel: "noopener noreferrer nofollow" }, address));
    done = match.index + address.length;
  }
  return [...nodes, text.slice(done)];
}
