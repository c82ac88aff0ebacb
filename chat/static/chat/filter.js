// Everything, or what is about this order. What comes in out of sight is counted on the button that shows it.
import { words } from "./words.js";

/** box: the element; onChange(isOn). Answers miss(n): so many new messages are not shown now. */
export function offerFilter(box, onChange) {
  const [everything, thisOrder] = box.querySelectorAll("button");
  const label = everything.textContent;
  let missed = 0;
  const show = (isOn) => {
    missed = 0;
    everything.textContent = label;
    everything.classList.remove("news");
    everything.ariaPressed = `${!isOn}`;
    thisOrder.ariaPressed = `${isOn}`;
    onChange(isOn);
  };
  everything.addEventListener("click", () => show(false));
  thisOrder.addEventListener("click", () => show(true));
  box.hidden = false;
  return (n) => {
    missed += n;
    everything.classList.add("news");
    everything.textContent = `${label} · ${words("new-messages", { n: missed })}`;
  };
}
