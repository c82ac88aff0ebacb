// The order's form: sums while the clerk types, and what saving will do to whom.
import { amount, fits, worded } from "./money.js";

// As orders/forms.py has it.
const MOST_PIECES = 1_000_000;
// Longer than the server lets anybody wait for the database.
const SAVING_MILLISECONDS = 30_000;

const form = document.getElementById("order_form");
const currency = document.getElementById("id_currency");
const total = document.getElementById("order-total");
const totalLine = document.getElementById("order-total-line");
const customer = document.getElementById("id_customer");

function digits() {
  return Number(currency.selectedOptions[0]?.dataset.digits ?? 2);
}

function lines() {
  return [...form.querySelectorAll("#lines-group tr.form-row:not(.empty-form)")];
}

/** What is wrong with a price as it is typed: the name of the words for it, or "" where nothing is. */
function priceFault(text) {
  const each = amount(text);
  if (each === null) return !text.trim() ? "" : text.trim().startsWith("-") ? "below" : "separators";
  // 1.500 euros: could be thousands.
  if (fits(each, digits())) return digits() < 3 && /\.\d{3}$/.test(text.trim()) ? "separators" : "";
  return digits() ? "digits" : "whole";
}

/** The same for a quantity. */
function quantityFault(text) {
  return !text.trim() || (/^\d{1,7}$/.test(text.trim()) && +text >= 1 && +text <= MOST_PIECES) ? "" : "quantity";
}

function faultOf(field) {
  // Of what isn't a number at all, a number's field gives no text.
  return field.name.endsWith("-quantity") ? quantityFault(field.validity.badInput ? "?" : field.value) : priceFault(field.value);
}

/** The line's sum in millionths; null while its price or quantity is missing or wrong. */
function sumOf(line) {
  const [quantity, price] = numbersOf(line);
  for (const field of [quantity, price]) mark(field);
  if (line.querySelector("[data-odd]") || !quantity.value || !price.value.trim()) return null;
  return amount(price.value) * BigInt(quantity.value);
}

function numbersOf(line) {
  return ["quantity", "unit_price"].map((name) => line.querySelector(`[name$=-${name}]`));
}

/** Marks a field that can't be read; the words for it wait until it is left, and go as soon as it is right. */
function mark(field) {
  const isOdd = faultOf(field) !== "";
  field.toggleAttribute("data-odd", isOdd);
  if (!isOdd) unsay(field);
}

function say(field) {
  const fault = faultOf(field);
  const wasSaid = field.value === field.defaultValue && field.parentElement.querySelector(".errorlist");
  if (!fault || wasSaid) return;
  const words = field.parentElement.querySelector(".line-fault") ?? field.parentElement.appendChild(document.createElement("p"));
  words.className = "line-fault";
  words.id = `${field.id}-fault`;
  words.textContent = totalLine.dataset[fault].replace("{currency}", currency.value).replace("{digits}", digits());
  field.setAttribute("aria-describedby", words.id);
  field.setAttribute("aria-invalid", "true");
}

function unsay(field) {
  const words = field.parentElement.querySelector(".line-fault");
  if (!words) return;
  words.remove();
  field.removeAttribute("aria-describedby");
  field.removeAttribute("aria-invalid");
}

function addUp() {
  let all = 0n;
  let faulty = 0;
  for (const line of lines()) {
    const sum = sumOf(line);
    const isGoing = line.querySelector("[name$=-DELETE]")?.checked;
    line.querySelector(".line-sum").textContent = sum === null || isGoing ? "" : worded(sum, currency.value, digits());
    if (sum !== null && !isGoing) all += sum;
    if (!isGoing && line.querySelector("[data-odd]")) faulty += 1;
  }
  showTotal(worded(all, currency.value, digits()), faulty);
}

/** A sum without some of its lines looks and reads like one. */
function showTotal(words, faulty) {
  const { withoutOne, withoutMany } = totalLine.dataset;
  const without = faulty === 1 ? withoutOne : withoutMany.replace("{count}", faulty);
  total.textContent = faulty ? `${words} ${without}` : words;
  totalLine.toggleAttribute("data-odd", faulty > 0);
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
  form.addEventListener("focusout", (event) => {
    if (event.target.matches("#lines-group tr.form-row [data-odd]")) say(event.target);
  });
  addUp();
}

/** Where a clerk goes on: at the first thing that was refused; on a new order at the customer, whom she asks for first. */
function goOn() {
  const refused = form.querySelector("[aria-invalid=true]");
  const target = refused ?? (form.querySelector("[data-is-new]") && customer);
  if (!target) return;
  // The customer's own field is hidden behind the one that is typed in.
  (target.parentElement.querySelector(".select2-selection") ?? target).focus();
}

/** On a phone the table has no head, so each field carries its name; screen readers have it from the field. */
function nameFields() {
  for (const field of form.querySelectorAll("#lines-group tr.form-row td input[aria-label]:not([type=checkbox])")) {
    const name = document.createElement("span");
    name.className = "line-label";
    name.setAttribute("aria-hidden", "true");
    name.textContent = field.getAttribute("aria-label");
    field.parentElement.prepend(name);
  }
}

function toNewLine(event) {
  if (event.detail?.formsetName === "lines") event.target.querySelector("[name$=-name]").focus();
}

/** Takes the first click of a double one alone: the second would be another order, and another mail. */
function saveOnce() {
  let begunAt = -Infinity;
  form.addEventListener("submit", (event) => {
    if (event.timeStamp - begunAt < SAVING_MILLISECONDS) event.preventDefault();
    else begunAt = event.timeStamp;
  });
  // Whoever comes back to the page may save it again.
  window.addEventListener("pageshow", () => (begunAt = -Infinity));
}

if (form) saveOnce();
if (form && totalLine) {
  // After the admin's own scripts, which add the link and give the focus to the form's first field.
  window.django.jQuery(() => {
    const link = form.querySelector("#lines-group .add-row a");
    if (link) link.textContent = totalLine.dataset.addLine;
  });
  nameFields();
  // The field that is typed in comes with jQuery's own time, which may be later than the load.
  window.addEventListener("load", () => window.django.jQuery(goOn));
  document.addEventListener("formset:added", toNewLine);
}
// The admin's own scripts speak through jQuery's events, which listeners of the browser don't hear.
if (form && customer) window.django.jQuery(customer).on("change", meet);
