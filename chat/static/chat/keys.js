// The conversation by keyboard: the list is one tab stop, arrows go from row to row, Enter goes into a row's links and buttons, Escape back out.

const ROW = ".message, .system";
const CONTROL = "a, button";
const STEPS = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity };

/** What is in a row is reached through the row. */
export function asRow(node) {
  if (!node.matches(ROW)) return node;
  node.tabIndex = -1;
  for (const control of node.querySelectorAll(CONTROL)) control.tabIndex = -1;
  return node;
}

/** Keeps exactly one row reachable by Tab: the one that was visited last, else the newest. */
export function keepStop(list) {
  if (list.querySelector(":scope > [tabindex='0']")) return;
  const last = [...list.querySelectorAll(ROW)].at(-1);
  if (last) last.tabIndex = 0;
}

export function listenToKeys(list) {
  list.addEventListener("keydown", (event) => {
    const row = event.target.closest(ROW);
    if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target !== row) {
      if (event.key === "Escape") row.focus();
    } else if (event.key === "Enter") enter(row, event);
    else if (event.key in STEPS) step(list, row, event);
  });
  list.addEventListener("focusin", ({ target }) => visit(list, target.closest(ROW)));
  list.addEventListener("focusout", ({ target, relatedTarget }) => {
    const row = target.closest(ROW);
    if (row && !row.contains(relatedTarget)) for (const control of row.querySelectorAll(CONTROL)) control.tabIndex = -1;
  });
}

function enter(row, event) {
  const controls = row.querySelectorAll(CONTROL);
  for (const control of controls) control.tabIndex = 0;
  controls[0]?.focus();
  event.preventDefault();
}

function step(list, row, event) {
  const rows = [...list.querySelectorAll(ROW)];
  const place = Math.min(rows.length - 1, Math.max(0, rows.indexOf(row) + STEPS[event.key]));
  rows[place].focus();
  event.preventDefault();
}

function visit(list, row) {
  if (!row) return;
  for (const other of list.querySelectorAll(":scope > [tabindex='0']")) other.tabIndex = -1;
  row.tabIndex = 0;
}
