// A list of rows that changes as little as possible: an element is kept as long as its row looks the same, so that focus,
// selection and what a screen reader is told stay right.

/** rows: [{key, look, …}]; nodes: Map of key -> element, kept by the caller; build(row): a new element. */
export function reconcile(list, nodes, rows, build) {
  // The first time, the server's own rows give way to ours.
  if (!nodes.size) list.replaceChildren();
  const keys = new Set(rows.map((row) => row.key));
  for (const [key, node] of nodes) {
    if (keys.has(key)) continue;
    node.remove();
    nodes.delete(key);
  }
  let place = list.firstChild;
  for (const row of rows) {
    const old = nodes.get(row.key);
    const node = old?.look === row.look ? old : build(row);
    node.look = row.look;
    nodes.set(row.key, node);
    if (old && old !== node) {
      if (old === place) place = node;
      replace(old, node);
    }
    if (node === place) place = place.nextSibling;
    else list.insertBefore(node, place);
  }
}

function replace(old, node) {
  const hadFocus = old.contains(document.activeElement);
  if (old.hasAttribute("tabindex")) node.tabIndex = old.tabIndex;
  old.replaceWith(node);
  if (hadFocus) (node.tabIndex < 0 && node.querySelector("a, button") || node).focus({ preventScroll: true });
}
