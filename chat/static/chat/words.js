// The page's language: translated texts by key (templates/chat/words.html), dates and money as people write them there.

const root = document.documentElement;
const texts = new Map();
for (const node of document.getElementById("words").content.children) texts.set(node.dataset.key, node.textContent);

const plural = new Intl.PluralRules(root.lang);

/** words("typing", {name: "Anna"}); with a number n, "<key>-one" or "<key>-other" is taken where it exists. */
export function words(key, values = {}) {
  const form = "n" in values ? texts.get(`${key}-${plural.select(values.n)}`) ?? texts.get(`${key}-other`) : null;
  const text = form ?? texts.get(key) ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

const timeZone = root.dataset.timeZone || undefined;
const dates = (options, lang = root.lang) => new Intl.DateTimeFormat(lang, { timeZone, ...options });
const clock = dates({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const medium = dates({ dateStyle: "medium" });
const longDate = dates({ dateStyle: "full" });
const whole = dates({ dateStyle: "full", timeStyle: "short" });
const key = dates({ year: "numeric", month: "2-digit", day: "2-digit" }, "en-CA");

export const time = (when) => clock.format(new Date(when));
export const shortDate = (when) => medium.format(new Date(when));
export const dateAndTime = (when) => whole.format(new Date(when));
/** The calendar day in the reader's time zone, as "2026-11-22". */
export const day = (when) => key.format(new Date(when));

/** "Today", "Yesterday" or the date in full. */
export function dayName(when, now = Date.now()) {
  if (day(when) === day(now)) return words("today");
  if (day(when) === day(now - 86400000)) return words("yesterday");
  return longDate.format(new Date(when));
}

/** "$9.98", "¥1,200": the currency decides the digits. A currency that the browser doesn't know is written plainly. */
export function money(amount, currency) {
  try {
    return new Intl.NumberFormat(root.lang, { style: "currency", currency }).format(amount);
  } catch {
    return `${amount} ${currency}`;
  }
}
