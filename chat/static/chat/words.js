// The page's language: translated texts by key (templates/chat/words.html), dates and money as people write them there.

const { lang, dataset } = document.documentElement;
const plural = new Intl.PluralRules(lang);
const texts = {};
for (const { dataset: { key }, textContent } of document.getElementById("words").content.children) texts[key] = textContent;

/** words("typing", {name: "Anna"}). With a number n, "<key>-one" or "<key>-other" is taken where it exists. */
export function words(key, values = {}) {
  const text = texts[`${key}-${plural.select(values.n ?? 0)}`] ?? texts[`${key}-other`] ?? texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** dates({dateStyle: "medium"}): what writes a moment that way, on the reader's clock. Django's formats write the same (ordersupport/formats/). */
export function dates(options, language = lang) {
  const format = new Intl.DateTimeFormat(language, { timeZone: dataset.timeZone, ...options });
  return (when) => format.format(new Date(when));
}

export const time = dates({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const shortDate = dates({ dateStyle: "medium" });
export const dateAndTime = dates({ dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
const longDate = dates({ dateStyle: "full" });
/** The calendar day in the reader's time zone, as "2026-11-22". */
export const day = dates({ year: "numeric", month: "2-digit", day: "2-digit" }, "en-CA");

export function dayName(when, now = Date.now()) {
  // Days of the calendar, which may have 23 or 25 hours.
  const ago = Date.parse(day(now)) - Date.parse(day(when));
  if (!ago) return words("today");
  return ago === 86400000 ? words("yesterday") : longDate(when);
}

/** "$9.98", "¥1,200": the currency decides the digits; one that the browser doesn't know is written plainly. */
export function money(amount, currency) {
  try {
    return new Intl.NumberFormat(lang, { style: "currency", currency }).format(amount);
  } catch {
    return `${amount} ${currency}`;
  }
}
