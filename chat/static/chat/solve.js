// "Solved": the agent says that nothing is left to do. Until this is loaded, the form does the same and comes back with a new page.
import { words } from "./words.js";

/** parts: form, the element; solve(), resolves to the event that tells so; onSolved(event); complain(text), "" takes it away. */
export function offerSolving({ form, solve, onSolved, complain }) {
  const button = form.querySelector("button");
  form.addEventListener("submit", async (submit) => {
    submit.preventDefault();
    button.disabled = true;
    complain("");
    let event;
    try {
      event = await solve();
    } catch ({ detail }) {
      // Asking again is safe: it is told once.
      complain(detail ?? words("not-solved"));
    }
    button.disabled = false;
    if (event) onSolved(event);
    else button.focus();
  });
}
