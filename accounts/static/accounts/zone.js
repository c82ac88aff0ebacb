// The reader's clock: the browser's where none is kept for them; where another one is kept, a button offers the browser's.

const { dataset, lang } = document.documentElement;
const button = document.querySelector("button[name=time_zone]");
const told = new Intl.DateTimeFormat().resolvedOptions().timeZone;
// A browser that hides where its owner is says UTC.
const here = told === "UTC" ? "" : told;
const HANDS = ["pointerdown", "keydown"];

/** A zone has several names (Asia/Kolkata, Asia/Calcutta); a browser always answers the same one. */
const known = (zone) => new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
const named = (zone) => new Intl.DateTimeFormat(lang, { timeZone: zone, timeZoneName: "shortGeneric" })
  .formatToParts().find(({ type }) => type === "timeZoneName").value;

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
  for (const name of HANDS) addEventListener(name, keep, { passive: true });
} else if (button && here && known(button.value) !== here) {
  button.value = here;
  button.textContent = button.dataset.words.replace("{zone}", named(here));
  button.form.hidden = false;
}
