// A policy's page: numbers beside the lines, and thresholds that are dragged into the text.
"use strict";
const text = document.getElementById("text");
const lines = document.getElementById("lines");
const edit = document.getElementById("edit");

function number() {
  const wrong = new Set([...document.querySelectorAll("#checked [data-line]")].map((each) => each.dataset.line));
  const count = text.value.split("\n").length;
  lines.replaceChildren(
    ...Array.from({ length: count }, (_, at) => {
      const line = document.createElement("li");
      line.textContent = at + 1;
      line.classList.toggle("bad", wrong.has(String(at + 1)));
      return line;
    }),
  );
  lines.scrollTop = text.scrollTop;
}

// The text area decides how tall both are; without this the numbers would.
function fit() {
  lines.style.maxHeight = `${text.offsetHeight}px`;
}

text.addEventListener("input", number);
text.addEventListener("scroll", () => { lines.scrollTop = text.scrollTop; });
new ResizeObserver(fit).observe(text);
new MutationObserver(number).observe(document.getElementById("checked"), { childList: true });

document.addEventListener("input", (event) => {
  if (!event.target.matches(".threshold input")) return;
  const { action } = event.target.dataset;
  event.target.parentElement.querySelector("output").textContent = event.target.value;
  const line = document.querySelector(`.histogram .at[data-action="${action}"]`);
  line.setAttribute("x1", 500 * event.target.value);
  line.setAttribute("x2", 500 * event.target.value);
});

// What is dragged is not replaced under the hand, and an answer about an older text is none about this one.
let dragging = false;
document.addEventListener("pointerdown", (event) => { dragging = event.target.matches(".threshold input"); });
document.addEventListener("pointerup", () => { dragging = false; });
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.target.id !== "tried") return;
  const asked = event.detail.requestConfig.parameters.text.replaceAll("\r\n", "\n");
  if (dragging || writing || asked !== text.value) event.detail.shouldSwap = false;
});

// The page's own address is no use: that of an edit which was not saved is another.
const ask = (what, more) => {
  const body = new URLSearchParams({ text: text.value, ...more });
  return fetch(edit.action.replace(/save$/, what), { method: "POST", body });
};

// One after the other, so that each is written into the text that has those before it.
let writing = 0;
let written = Promise.resolve();
async function write(action, value) {
  const before = text.value;
  const answer = await ask("threshold", { action, value });
  const after = await answer.text();
  if (text.value !== before) await write(action, value); // into what was typed meanwhile
  else if (answer.ok) text.value = after;
}
document.addEventListener("change", (event) => {
  if (!event.target.matches(".threshold input")) return;
  const { dataset, value } = event.target;
  writing += 1;
  written = written.then(() => write(dataset.action, value)).catch(() => {}).then(() => {
    writing -= 1;
    if (!writing) text.dispatchEvent(new Event("input", { bubbles: true }));
  });
});

// Who goes elsewhere with a text that no file has yet is asked first; a form that is sent takes it along.
let sent = false;
edit.addEventListener("submit", async (event) => {
  if (sent) return;
  // Where no page of this text would come back, such as where one must sign in anew, the text stays here.
  event.preventDefault();
  const { submitter } = event;
  const answer = await ask("check", {}).catch(() => null);
  if (!answer?.ok) {
    unanswered(document.getElementById("checked"), answer?.status ?? 0, (await answer?.text()) ?? "");
    return;
  }
  if (sent) return;
  sent = true;
  setTimeout(() => { sent = false; }, 1000);
  edit.requestSubmit(submitter);
});
addEventListener("beforeunload", (event) => {
  if (!sent && ("unsaved" in edit.dataset || text.value !== text.defaultValue)) event.preventDefault();
});
number();
