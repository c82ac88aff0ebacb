// The page of a fresh link: one button that copies it, where the browser lets a page do so.
const field = document.getElementById("link");
const button = document.getElementById("copy");

field.addEventListener("focus", () => field.select());
if (navigator.clipboard) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(field.value);
    button.textContent = button.dataset.done;
  });
}
