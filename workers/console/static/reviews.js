// Reviews by keys: the next image is fetched while this one is looked at, and what is said is sent in the order said.
"use strict";
(() => {
  const AHEAD = 2;
  const AGAIN = 5000;
  const desk = document.getElementById("desk");
  const ahead = document.getElementById("ahead");
  const alarm = document.getElementById("alarm");
  const progress = document.getElementById("progress");
  const keys = document.getElementById("keys");
  const undoing = document.getElementById("undo");
  const sending = new Set(); // events of which something was said that has not arrived yet
  let sent = Promise.resolve();
  let fetching = null;
  let undone = 0; // an answer that was asked for before an undo may be the very image that it brought back

  const now = () => desk.querySelector(".review");
  const tell = (text) => { alarm.textContent = text; alarm.hidden = !text; };
  const made = (html) => { const box = document.createElement("template"); box.innerHTML = html; return box.content; };

  const part = async (address, form) => {
    const answer = await fetch(address, { headers: { "x-part": "1" }, ...(form ? { method: "POST", keepalive: true, body: new URLSearchParams(form) } : {}) });
    const text = await answer.text();
    if (!answer.ok) throw Object.assign(new Error(text.trim() || `the console answered ${answer.status}`), { lost: answer.status === 409 });
    return text;
  };

  const put = (image) => {
    desk.replaceChildren(image);
    if (!image.matches(".review")) return;
    mark();
    image.querySelector(".veil").focus({ preventScroll: true });
  };

  const mark = () => {
    const questions = [...desk.querySelectorAll(".question")];
    const open = questions.find((each) => !each.querySelector(":checked")) || null;
    questions.forEach((each) => each.classList.toggle("now", questions.length > 1 && each === open));
    return open;
  };

  // Images that wait in a hidden place have their veiled pictures loaded; a clear one is asked for by a person alone.
  const fetchAhead = () => {
    if (fetching) return fetching;
    fetching = (async () => {
      try {
        while (ahead.children.length < AHEAD) {
          const asked = undone;
          const here = [...document.querySelectorAll(".review")].map((each) => each.dataset.event);
          const besides = [...here, ...sending].map((each) => `&besides=${encodeURIComponent(each)}`).join("");
          const found = made(await part(`/reviews/next?${desk.dataset.query}${besides}`));
          if (asked !== undone) continue;
          const image = found.querySelector(".review");
          if (!image) {
            if (!now() && !ahead.children.length) put(found.firstElementChild);
            break;
          }
          image.querySelector("img").loading = "eager";
          ahead.append(image);
          if (!now()) step();
        }
      } catch (error) {
        tell(`The next image could not be had: ${error.message}`);
      } finally {
        fetching = null;
      }
    })();
    return fetching;
  };

  const step = () => {
    const next = ahead.firstElementChild;
    if (next) put(next);
    else {
      const waits = document.createElement("p");
      waits.className = "nothing";
      waits.textContent = "Looking for the next one…";
      desk.replaceChildren(waits);
    }
    fetchAhead();
  };

  const inTurn = (work) => { sent = sent.then(work, work); return sent; };

  const judge = (image, form) => {
    const event = image.dataset.event;
    tell("");
    sending.add(event);
    step();
    inTurn(async () => {
      try {
        progress.innerHTML = await part("/reviews/judge", form);
        sending.delete(event);
      } catch (error) {
        sending.delete(event);
        tell(`Not recorded: ${error.message}`);
        if (error.lost) return;
        if (now()) ahead.prepend(now());
        put(image);
      }
    });
  };

  const undo = () => inTurn(async () => {
    try {
      const image = made(await part("/reviews/undo", new FormData(undoing))).firstElementChild;
      undone += 1;
      tell("");
      document.querySelectorAll(".review").forEach((each) => { if (each.dataset.event === image.dataset.event) each.remove(); });
      if (now()) ahead.prepend(now());
      put(image);
    } catch (error) {
      tell(error.message);
    }
  });

  const looked = (image) => {
    const veil = image.querySelector(".veil");
    if (veil.getAttribute("aria-pressed") === "true") return true;
    tell("Show the picture first: press Space, or click on it.");
    return false;
  };

  const complete = (image) => { if (!mark()) judge(image, new FormData(image.querySelector("form"))); };

  const say = (label) => {
    const image = now();
    if (!image || (label !== "unsure" && !looked(image))) return;
    const question = mark();
    const answer = question && question.querySelector(`[data-label="${label}"]`);
    if (!answer) return;
    tell("");
    if (answer.type === "radio") { answer.checked = true; complete(image); }
    else judge(image, withButton(image, answer));
  };

  const withButton = (image, button) => {
    const form = new FormData(image.querySelector("form"));
    if (button && button.name) form.set(button.name, button.value);
    return form;
  };

  const rest = () => {
    const image = now();
    const button = image && image.querySelector("[data-rest]");
    if (!image) return;
    if (!button) say("no");
    else if (looked(image)) judge(image, withButton(image, button));
  };

  document.addEventListener("submit", (event) => {
    if (event.target === undoing) { event.preventDefault(); undo(); return; }
    const image = event.target.closest(".review");
    if (!image) return;
    event.preventDefault();
    const button = event.submitter;
    if ((button && button.value === "unsure") || looked(image)) judge(image, withButton(image, button));
  });
  document.addEventListener("change", (event) => {
    const image = event.target.closest(".review");
    if (image && event.target.type === "radio") { if (looked(image)) tell(""); mark(); }
  });

  const KEYS = { y: () => say("yes"), n: () => say("no"), u: () => say("unsure"), x: rest, z: undo };
  document.addEventListener("keydown", (event) => {
    if (!keys.checked || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("select, textarea, input:not([type=radio], [type=checkbox])")) return;
    const act = KEYS[event.key.toLowerCase()];
    if (act) { event.preventDefault(); act(); return; }
    if (event.key === " " && !event.target.matches("button, a, input, summary")) {
      const veil = now() && now().querySelector(".veil");
      if (veil) { event.preventDefault(); veil.click(); }
    }
  });

  // Who leaves gives back what they have not judged; a page that comes back out of the browser's memory has nothing.
  addEventListener("pagehide", () => {
    const events = [...document.querySelectorAll(".review")].map((each) => each.dataset.event).filter((each) => !sending.has(each));
    if (events.length) navigator.sendBeacon("/reviews/leave", new URLSearchParams({ events: events.join(" ") }));
  });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  keys.checked = localStorage.getItem("review-keys") !== "off";
  keys.addEventListener("change", () => localStorage.setItem("review-keys", keys.checked ? "on" : "off"));
  setInterval(() => { if (!now()) fetchAhead(); }, AGAIN);
  if (now()) put(now());
  fetchAhead();
})();
