// The contact sheet by keyboard, and how many are chosen. Without it the page works by checkboxes alone.
"use strict";
(() => {
  const sheet = document.getElementById("sheet");
  if (!sheet) return;
  const boxes = [...sheet.querySelectorAll("input[name=pick]")];
  const count = document.getElementById("count");
  const tell = () => { count.textContent = `(${boxes.filter((box) => box.checked).length})`; };
  for (const id of ["all", "none"]) {
    const button = document.getElementById(id);
    button.hidden = false;
    button.addEventListener("click", () => { for (const box of boxes) box.checked = id === "all"; tell(); });
  }
  document.getElementById("keys").hidden = false;
  const across = () => {
    const top = boxes[0].closest("li").offsetTop;
    return Math.max(1, boxes.filter((box) => box.closest("li").offsetTop === top).length);
  };
  let last = null;
  sheet.addEventListener("click", (event) => {
    const at = boxes.indexOf(event.target);
    if (at < 0) return;
    if (event.shiftKey && last !== null) {
      const [from, to] = [Math.min(at, last), Math.max(at, last)];
      for (const box of boxes.slice(from, to + 1)) box.checked = event.target.checked;
    }
    last = at;
  });
  sheet.addEventListener("change", tell);
  sheet.addEventListener("keydown", (event) => {
    const at = boxes.indexOf(event.target);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across(), ArrowUp: -across() };
    if (event.key in steps) {
      event.preventDefault();
      const to = boxes[at + steps[event.key]];
      if (to) to.focus();
    } else if (event.key === "v" || event.key === "V") {
      event.target.closest("li").querySelector(".veil").click();
    }
  });
  tell();
})();
