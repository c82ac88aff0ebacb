// The reader's clock: the browser's where none is kept for them; where one is kept that shows another time now, a button offers the browser's.

const { dataset } = document.documentElement;
const button = document.querySelector("button[name=time_zone]");
const told = new Intl.DateTimeFormat().resolvedOptions().timeZone;
// A browser that hides where its owner is says UTC.
const here = told === "UTC" ? "" : told;
const HANDS = ["pointerdown", "keydown"];

const now = Date.now();
const clock = (zone) => new Intl.DateTimeFormat("en", { timeZone: zone, dateStyle: "short", timeStyle: "short" }).format(now);
/** A zone is named for a city in it: "America/Argentina/Buenos_Aires". */
const city = (zone) => zone.split("/").at(-1).replaceAll("_", " ");

/** Kept once a person is at the page: a mail scanner's browser has a clock too. */
function keep({ isTrusted }) {
  if (!isTrusted) return;
  for (const name of HANDS) removeEventListener(name, keep);
  const body = new FormData(button.form);
  body.set("time_zone", here);
  fetch(button.form.action, { method: "POST", body, redirect: "manual" }).catch(() => {});
}

if (button && here && !button.value) {
  dataset.timeZone = here;
  for (const name of document.querySelectorAll(".zone-name")) name.textContent = here;
  for (const name of HANDS) addEventListener(name, keep, { passive: true });
} else if (button && here && clock(button.value) !== clock(here)) {
  button.value = here;
  button.textContent = button.dataset.words.replace("{city}", city(here));
  button.form.hidden = false;
}
