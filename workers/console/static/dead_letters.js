// Dead letters: all that are shown are chosen at once.
"use strict";
(() => {
  const every = document.getElementById("every");
  if (!every) return;
  every.hidden = false;
  every.addEventListener("change", (event) => {
    document.querySelectorAll(".letter > input").forEach((each) => { each.checked = event.target.checked; });
  });
})();
