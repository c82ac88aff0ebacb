// Everything, or what is about this order. What comes in out of sight is counted on the button that shows it.
import { words } from "./words.js";

/** box: the element; onChange(isOn). Answers tell(n): so many new messages are not shown now. */
export function offerFilter(box, onChange) {
  const [everything, thisOrder] = box.querySelectorAll("button");
  const label = everything.textContent;
  let isOn = false;
  const show = (isWanted) => {
    if (isWanted === isOn) return;
    isOn = isWanted;
    everything.ariaPressed = `${!isOn}`;
    thisOrder.ariaPressed = `${isOn}`;
    onChange(isOn);
  };
  everything.addEventListener("click", () => show(false));
  thisOrder.addEventListener("click", () => show(true));
  box.hidden = false;
  return (n) => {
    everything.classList.toggle("news", n);
    everything.textContent = n ? `${label} · ${words("new-messages", { n })}` : label;
  };
}
