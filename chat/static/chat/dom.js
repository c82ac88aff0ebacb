// Making elements and lists of them. Whatever a person typed goes in as text, never as markup.
import { words } from "./words.js";

/** el("p.byline", {title: "…"}, "text", node): attributes and children that are null, undefined or false are left out. */
export function el(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) if (value ?? false) node.setAttribute(key, value);
  node.append(...children.filter((child) => child ?? false));
  return node;
}

/** One drawing of templates/chat/icons.svg; decoration only, the word stands beside it. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(svg.namespaceURI, "use"));
  svg.firstChild.setAttribute("href", `#i-${name}`);
  return svg;
}

/** An order's state as word and icon, never by colour alone; the markup of templates/chat/state.html. */
export const state = (status) => el(`span.state.state-${status}`, {}, icon(status), words(`state-${status}`));

// An address ends before white space, quotes, angle brackets and Chinese punctuation, and without the sentence's own full stop or bracket.
const ADDRESS = /https?:\/\/[^\s<>"'\x60\u3000-\u3003\u3008-\u3011\uff01-\uff0f\uff1a-\uff1f\u201c\u201d]+/gi;
const trimmed = (address) => address.replace(address.includes("(") ? /[.,;:!?*_~]+$/ : /[.,;:!?*_~)]+$/, "");

/** A user name in an address ("https://bank.example@evil.example") only serves to mislead. */
const isSafe = (address) => URL.canParse(address) && !/^https?:\/\/[^/?#]*@/i.test(address);

/** The text as nodes, with http(s) addresses as links. */
export function linkified(text) {
  const nodes = [];
  let done = 0;
  for (const { 0: match, index } of text.matchAll(ADDRESS)) {
    const href = trimmed(match);
    if (!isSafe(href)) continue;
    nodes.push(text.slice(done, index), el("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, href));
    done = index + href.length;
  }
  return [...nodes, text.slice(done)];
}

/**
 * Makes the list show the rows and changes as little as possible: an element stays while its row looks the same, and the one that has the
 * focus is not moved, so that focus, selection and what a screen reader is told stay right. rows: [{key, look, …}]; nodes: Map of
 * key -> element, kept by the caller; build(row, old): an element, which may be the old one, changed in place.
 */
export function reconcile(list, nodes, rows, build) {
  if (!nodes.size) adopt(list, nodes);
  const keys = new Set(rows.map((row) => row.key));
  for (const [key, node] of nodes) {
    if (keys.has(key)) continue;
    node.remove();
    nodes.delete(key);
  }
  let place = list.firstElementChild;
  for (const row of rows) {
    const old = nodes.get(row.key);
    const node = old?.look === row.look ? old : build(row, old);
    node.look = row.look;
    nodes.set(row.key, node);
    if (old && old !== node) {
      if (old === place) place = node;
      replace(old, node);
    }
    if (node.contains(document.activeElement)) place = pass(place, node);
    if (node === place) place = place.nextElementSibling;
    else list.insertBefore(node, place);
  }
}

/** The first time: the server's own rows give way to ours, but for those that say which row they are. */
function adopt(list, nodes) {
  for (const node of [...list.children]) {
    if (node.dataset.key) nodes.set(node.dataset.key, node);
    else node.remove();
  }
}

/** An element that is moved loses its focus; so what stands before it goes behind it instead. */
function pass(place, node) {
  const between = [];
  for (let other = place; other !== node; other = other.nextElementSibling) between.push(other);
  node.after(...between);
  return node;
}

function replace(old, node) {
  const hadFocus = old.contains(document.activeElement);
  if (old.hasAttribute("tabindex")) node.tabIndex = old.tabIndex;
  old.replaceWith(node);
  if (hadFocus) (node.hasAttribute("tabindex") ? node : node.querySelector("a"))?.focus({ preventScroll: true });
}
