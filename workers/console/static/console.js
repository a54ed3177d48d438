// What every page does: pictures are shown when they are asked for, and veiled again when they are asked once more.
"use strict";
document.addEventListener("click", (event) => {
  const veil = event.target.closest(".veil");
  if (!veil) return;
  const image = veil.querySelector("img");
  const shown = veil.getAttribute("aria-pressed") === "true";
  if (!veil.dataset.veiled) veil.dataset.veiled = image.getAttribute("src");
  image.src = shown ? veil.dataset.veiled : veil.dataset.clear;
  veil.setAttribute("aria-pressed", String(!shown));
});
