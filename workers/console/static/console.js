// What every page does: pictures are shown when they are asked for, and veiled again when they are asked once more.
"use strict";
const gone = (image) => {
  const veil = image.closest(".veil");
  if (!veil || veil.disabled) return;
  veil.disabled = true;
  veil.setAttribute("aria-label", veil.getAttribute("aria-label").replace("Show the", "Gone: the"));
  veil.querySelector(".cue").textContent = "gone";
};
// Errors of pictures do not bubble; those from before this script ran are found by their size.
document.addEventListener("error", (event) => { if (event.target.matches?.(".veil img")) gone(event.target); }, true);
document.querySelectorAll(".veil img").forEach((each) => { if (each.complete && !each.naturalWidth) gone(each); });
document.addEventListener("click", (event) => {
  const veil = event.target.closest(".veil");
  if (!veil || veil.disabled) return;
  const image = veil.querySelector("img");
  const shown = veil.getAttribute("aria-pressed") === "true";
  if (!veil.dataset.veiled) veil.dataset.veiled = image.getAttribute("src");
  image.src = shown ? veil.dataset.veiled : veil.dataset.clear;
  veil.setAttribute("aria-pressed", String(!shown));
});
