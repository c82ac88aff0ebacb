// The order's form: sums while the clerk types, and what saving will do to whom.
import { amount, fits, worded } from "./money.js";

const form = document.getElementById("order_form");
const currency = document.getElementById("id_currency");
const total = document.getElementById("order-total");
const customer = document.getElementById("id_customer");

function digits() {
  return Number(currency.selectedOptions[0]?.dataset.digits ?? 2);
}

function lines() {
  return [...form.querySelectorAll("#lines-group tr.form-row:not(.empty-form)")];
}

/** The line's sum in millionths; null while its price or quantity is missing or wrong. */
function sumOf(line) {
  const price = line.querySelector("[name$=-unit_price]");
  const quantity = line.querySelector("[name$=-quantity]");
  const each = amount(price.value);
  price.step = digits() ? (10 ** -digits()).toFixed(digits()) : "1";
  const isOdd = each !== null && !fits(each, digits());
  price.toggleAttribute("data-odd", isOdd);
  return each === null || isOdd || !/^\d+$/.test(quantity.value) ? null : each * BigInt(quantity.value);
}

function addUp() {
  let all = 0n;
  for (const line of lines()) {
    const sum = sumOf(line);
    const isLeftOut = sum === null || line.querySelector("[name$=-DELETE]")?.checked;
    line.querySelector(".line-sum").textContent = isLeftOut ? "" : worded(sum, currency.value, digits());
    if (!isLeftOut) all += sum;
  }
  total.textContent = worded(all, currency.value, digits());
}

/** Says before saving who will be told, or why nobody can be. */
async function meet() {
  const words = form.querySelector("input[name=status][value=placed]")?.parentElement.lastChild;
  if (!words || !customer.value) return;
  const asked = customer.value;
  const url = new URL(form.querySelector("[data-customer-url]").dataset.customerUrl, location.href);
  url.searchParams.set("customer", asked);
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (!answer.ok || customer.value !== asked) return;
  const told = await answer.json();
  words.textContent = ` ${told.placed}`;
  warn(told.warning);
}

function warn(text) {
  const row = form.querySelector(".form-row.field-customer");
  const line = row.querySelector(".customer-warning") ?? row.appendChild(document.createElement("p"));
  line.className = "customer-warning";
  line.setAttribute("role", "status");
  const isSaid = row.querySelector(".errorlist")?.textContent.trim() === text;
  line.textContent = isSaid ? "" : text;
}

if (form && currency && total) {
  form.addEventListener("input", addUp);
  form.addEventListener("change", addUp);
  document.addEventListener("formset:added", addUp);
  document.addEventListener("formset:removed", addUp);
  addUp();
}
// The admin's own scripts speak through jQuery's events, which listeners of the browser don't hear.
if (form && customer) window.django.jQuery(customer).on("change", meet);
