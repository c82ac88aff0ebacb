// Shows what is new on the demo's phones, every second, and leaves the focus where it is.

const EVERY_MS = 1000;
const shown = () => document.getElementById("phones");

const keyOf = (button) => `${button.formAction} ${button.value}`;

async function look() {
  const answer = await fetch(location.href, { cache: "no-store" }).catch(() => null);
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("phones");
  if (!fresh || fresh.outerHTML === shown().outerHTML) return;
  const focused = shown().contains(document.activeElement) && document.activeElement.value ? keyOf(document.activeElement) : "";
  shown().replaceWith(document.adoptNode(fresh));
  [...shown().querySelectorAll("button")].find((button) => keyOf(button) === focused)?.focus();
}

async function keepLooking() {
  if (!document.hidden) await look();
  setTimeout(keepLooking, EVERY_MS);
}

keepLooking();
