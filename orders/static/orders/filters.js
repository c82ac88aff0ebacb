// The filters of a list: beside it where there is room, folded above it on a phone.
const filters = document.getElementById("filters");
const phone = matchMedia("(max-width: 767px)");

function fit() {
  filters.open = !phone.matches;
}

fit();
phone.addEventListener("change", fit);
