// "Call me": a number, a sentence that says what is done with it, and a button. How the call goes is told in the conversation.
import { words } from "./words.js";

/** parts: box, the element; ask({phone, about}), resolves to the event that tells of the request; about(), the order's number; onAsked(event). */
export function offerCalls({ box, ask, about, onAsked }) {
  const form = box.querySelector("form");
  const { phone, call: button } = form.elements;
  const alert = form.querySelector("[role=alert]");
  form.addEventListener("submit", async (submit) => {
    submit.preventDefault();
    button.disabled = true;
    alert.textContent = "";
    try {
      const event = await ask({ phone: phone.value, about: about() });
      box.querySelector("details").open = false;
      onAsked(event);
      // On a small screen the order, with this in it, is folded up by now.
      (box.closest("details:not([open])") ?? box).querySelector("summary").focus();
    } catch ({ detail }) {
      // Asking again is safe: the same number is called once.
      alert.textContent = detail ?? words("call-not-asked");
      phone.focus();
    }
    button.disabled = false;
  });
  box.hidden = false;
}
