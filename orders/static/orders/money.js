// Exact sums of what is typed: amounts are BigInts of millionths, so that no cent is lost to floating point.
const DIGITS = 6;

/** "4.99" or "4,99" as millionths; null where it is no amount, or could be thousands ("1,500"): the server asks then, too. */
export function amount(text) {
  const parts = /^(\d*)(?:\.(\d*)|,(\d{1,2}|\d{4}))?$/.exec(text.trim());
  const after = parts?.[2] ?? parts?.[3] ?? "";
  if (!parts || !(parts[1] || after)) return null;
  return BigInt(parts[1] + after.padEnd(DIGITS, "0").slice(0, DIGITS));
}

/** Whether an amount fits a currency with so many digits after the point. */
export function fits(millionths, digits) {
  return millionths % 10n ** BigInt(DIGITS - digits) === 0n;
}

/** The amount as people of the page's language write it. */
export function worded(millionths, currency, digits) {
  const text = millionths.toString().padStart(DIGITS + 1, "0");
  const decimal = `${text.slice(0, -DIGITS)}.${text.slice(-DIGITS)}`;
  const options = { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(document.documentElement.lang, options).format(decimal);
}
