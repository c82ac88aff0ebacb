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

// An address ends before what separates words or draws nothing, quotes, brackets, and Chinese, Japanese or Korean text, has round brackets in
// pairs only, and no punctuation at its end. chat/addresses.py finds the same ones.
const NEVER = String.raw`\x00-\x20\x7f-\xa0\u061c\u1680\u2000-\u200f\u2018-\u206f\u2e80-\u9fff\uac00-\ud7af\uf900-\uffef<>"'\x60()\[\]`;
const ADDRESS = new RegExp(`https?://(?:[^${NEVER}]|\\([^${NEVER}]*\\))*(?:[^${NEVER}.,;:!?*_~]|\\([^${NEVER}]*\\))`, "gi");

/** A user name in an address ("https://bank.example@evil.example") only serves to mislead; so do other letters in a host, unless it is shown. */
function linkTo(href) {
  if (/^https?:\/\/[^/?#]*@/i.test(href)) return false;
  try {
    const { host } = new URL(href);
    const title = host.includes("xn--") && host;
    return el("a", { href, title, target: "_blank", rel: "noopener noreferrer nofollow" }, href);
  } catch {
    return false;
  }
}

/** The text as nodes, with http(s) addresses as links. */
export function linkified(text) {
  const nodes = [];
  let done = 0;
  for (const { 0: href, index } of text.matchAll(ADDRESS)) {
    const link = linkTo(href);
    if (!link) continue;
    nodes.push(text.slice(done, index), link);
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
  // The first time the server's own rows stand there; some say which row they are, the others are none of these.
  if (!nodes.size) for (const node of list.children) nodes.set(node.dataset.key ?? node, node);
  // All are built before one gives way: where one can't be, what stands there stays readable.
  const built = rows.map((row) => {
    const old = nodes.get(row.key);
    return old?.look === row.look ? old : build(row, old);
  });
  const keys = new Set(rows.map((row) => row.key));
  for (const [key, node] of nodes) {
    if (keys.has(key)) continue;
    node.remove();
    nodes.delete(key);
  }
  let place = list.firstElementChild;
  for (const [index, row] of rows.entries()) {
    const old = nodes.get(row.key);
    const node = built[index];
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
