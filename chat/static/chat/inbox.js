// The agent's inbox: the list of conversations, and around it what is counted and said of it.
import { Notices } from "./notices.js";
import { since, Waiters } from "./waiters.js";
import { words } from "./words.js";

const $ = (id) => document.getElementById(id);
const title = document.title;
const page = JSON.parse($("page-data").textContent);
const { most, show, urls, words: sought } = page;

const notices = new Notices({
  line: $("link-state"),
  end: { text: words("ended-agent"), label: words("log-in"), href: `/login/?next=${encodeURIComponent(location.pathname + location.search)}` },
});

/** Only what changed, so that nobody is told the same again. */
function write(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

const counted = (n, hasMore) => (n > most || hasMore ? `(${most}+)` : `(${n})`);

function tell({ rows, hasMore, answeredAt }) {
  const waiting = rows.filter((row) => row.waiting_since).length;
  write("count-waiting", counted(waiting));
  write("count-all", counted(rows.length, hasMore));
  write("summary", waiting ? words("customers-waiting", { n: waiting }) : words("nobody-waits"));
  document.title = waiting ? `(${waiting}) ${title}` : title;
  if (show === "waiting") write("answered", answeredAt ? since("answered", answeredAt) : "");
  $("nobody").hidden = $("waiters").childElementCount > 0;
}

new Waiters({
  list: $("waiters"), home: document.querySelector(".tabs [aria-current]") ?? $("q"), urls, sought, most, username: page.me.username, answeredAt: page.answered_at,
  shows: (row) => show !== "waiting" || row.waiting_since, onState: (state) => notices.state(state), onDraw: tell,
}).start();
