// What every page does: pictures are shown when they are asked for, and veiled again when they are asked once more.
// Where there is none, a sign in its place says in a word why, and more of it when pointed at; what may be there later
// can be asked for again.
"use strict";
const told = (veil, sign) => {
  const label = veil.getAttribute("aria-label");
  veil.setAttribute("aria-label", label.replace(/^[^:]*?:? the/, sign ? `${sign}: the` : "Show the"));
  veil.querySelector(".cue").textContent = sign || "show";
};
const missing = async (veil) => {
  if (veil.dataset.missing) return;
  veil.dataset.missing = "asked";
  veil.dataset.veiled ||= veil.querySelector("img").getAttribute("src");
  veil.setAttribute("aria-pressed", "false");
  const answer = await fetch(veil.dataset.veiled).catch(() => null);
  const sign = answer?.headers.get("sluice-sign") || "not now";
  veil.dataset.missing = sign;
  veil.disabled = sign !== "not now";
  veil.title = answer && !answer.ok ? await answer.text() : "ask again";
  told(veil, sign);
};
const asking = (veil) => {
  if (!veil.dataset.missing) return;
  delete veil.dataset.missing;
  veil.removeAttribute("title");
  told(veil, "");
};
// Errors of pictures do not bubble; those from before this script ran are found by their size.
document.addEventListener("error", ({ target }) => { if (target.matches?.(".veil img")) missing(target.closest(".veil")); }, true);
document.querySelectorAll(".veil img").forEach((each) => { if (each.complete && !each.naturalWidth) missing(each.closest(".veil")); });
document.addEventListener("click", (event) => {
  const veil = event.target.closest(".veil");
  if (!veil || veil.disabled) return;
  asking(veil);
  const image = veil.querySelector("img");
  const shown = veil.getAttribute("aria-pressed") === "true";
  if (!veil.dataset.veiled) veil.dataset.veiled = image.getAttribute("src");
  image.src = shown ? veil.dataset.veiled : veil.dataset.clear;
  veil.setAttribute("aria-pressed", String(!shown));
});
// A part of the page that gets no answer says so: what it said before was of something else.
const unanswered = (part, status, why) => {
  if (!part.dataset.failed) return;
  const line = document.createElement(part.matches("p") ? "span" : "p");
  // A proxy that finds no console answers with a page of its own.
  const told = status >= 400 && !why.startsWith("<") && why.trim();
  line.className = "bad";
  line.textContent = `${part.dataset.failed}: ${told || "the console does not answer"}`;
  part.replaceChildren(...part.querySelectorAll(":scope > h2"), line);
};
for (const name of ["htmx:responseError", "htmx:sendError"]) {
  document.addEventListener(name, ({ detail: { target, xhr } }) => unanswered(target, xhr.status, xhr.responseText));
}
