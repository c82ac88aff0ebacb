// While somebody is being told, look again until they were; then be quiet.
const PAUSES = [1, 1, 2, 3, 5, 8, 13, 30];
let looks = 0;

function moving() {
  return [...document.querySelectorAll("[data-moving]")];
}

async function look() {
  const waiting = moving();
  if (!waiting.length) return;
  if (!document.hidden) await refresh(waiting);
  plan();
}

async function refresh(waiting) {
  const url = new URL(waiting[0].dataset.url, location.href);
  url.searchParams.set("as", waiting[0].dataset.as);
  for (const element of waiting) url.searchParams.append("number", element.dataset.live);
  try {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const found = await answer.json();
    for (const element of waiting) show(element, found[element.dataset.live]);
  } catch {
    // No connection: the next look may have one.
  }
}

/** The server's own escaped HTML replaces what it wrote before; the element itself stays, so that the change is read out. */
function show(element, html) {
  if (!html || element.contains(document.activeElement)) return;
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const fresh = holder.content.firstElementChild;
  if (fresh.textContent === element.textContent) return;
  element.className = fresh.className;
  element.toggleAttribute("data-moving", fresh.hasAttribute("data-moving"));
  element.replaceChildren(...fresh.childNodes);
}

function plan() {
  if (moving().length) setTimeout(look, 1000 * PAUSES[Math.min(looks++, PAUSES.length - 1)]);
}

plan();
