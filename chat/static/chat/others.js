// What an agent has to know of the inbox without leaving: how many other customers wait there, and which colleagues are at this one too.
import { el } from "./dom.js";
import { address, Line, request } from "./line.js";
import { Readers } from "./readers.js";
import { words } from "./words.js";

const MOST = 200;
const HERE_MS = 20000; // chat/presence.py forgets whom it has not heard of for 45 s

/** The way back leads to the tab that one came from. */
function keepTab(link) {
  const from = new URL(document.referrer || location.href);
  if (from.origin === link.origin && from.pathname === link.pathname) link.search = from.search;
}

/** parts: badge, the element; urls: {conversations, inbox_socket}; username; id, this conversation's. Resolves to the line, for whoever wakes it. */
export function countOthers({ badge, urls, username, id }) {
  const others = new Set();
  const tell = () => {
    const n = others.size;
    const said = words("others-waiting", { n });
    badge.hidden = !n;
    badge.title = said;
    if (n) badge.replaceChildren(el("span", { "aria-hidden": "true" }, n < MOST - 1 ? n : `${MOST - 1}+`), el("span.visually-hidden", {}, said));
  };
  const take = (row) => others[row.waiting_since && row.id !== id ? "add" : "delete"](row.id);
  const load = async () => {
    const { results } = await request(address(urls.conversations, username, { waiting: 1, limit: MOST }));
    others.clear();
    results.forEach(take);
    tell();
  };
  const here = document.getElementById("here");
  const readers = new Readers(() => { here.textContent = readers.say("here", id); });
  const sayHere = () => line.write(document.hidden ? { type: "gone" } : { type: "here", conversation: id });
  const line = new Line({
    url: () => address(urls.inbox_socket, username), poll: load, onState: () => {},
    onLive: () => {
      sayHere();
      return load();
    },
    onFrame: (frame) => {
      if (frame.type === "here") readers.hear(frame);
      if (frame.type !== "conversation") return;
      take(frame.conversation);
      tell();
    },
  });
  line.start();
  setInterval(() => line.isOpen && !document.hidden && sayHere(), HERE_MS);
  document.addEventListener("visibilitychange", () => line.isOpen && sayHere());
  keepTab(badge.closest("a"));
  return line;
}
