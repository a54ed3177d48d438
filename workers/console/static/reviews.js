// Reviews by keys: the next image is fetched while this one is looked at, and what is said is sent in the order said.
"use strict";
(() => {
  const AHEAD = 2;
  const AGAIN = 5000;
  const LATE = 2000; // milliseconds after which a person is told that what they said has not arrived
  const MOST = 10; // judgements that may be on their way; the server is told of no more images that it leaves out
  const desk = document.getElementById("desk");
  const ahead = document.getElementById("ahead");
  const alarm = document.getElementById("alarm");
  const progress = document.getElementById("progress");
  const keys = document.getElementById("keys");
  const undoing = document.getElementById("undo");
  const late = document.getElementById("late");
  const sending = new Map(); // by event what was said of it and has not arrived yet, in the order in which it was said
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
          const besides = [...here, ...sending.keys()].map((each) => `&besides=${encodeURIComponent(each)}`).join("");
          const found = made(await part(`/reviews/next?${desk.dataset.query}&page=${desk.dataset.page}${besides}`));
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

  const overdue = () => [...sending.values()].filter((each) => Date.now() - each.at > LATE).length;
  const tellLate = () => {
    const many = overdue() && sending.size;
    late.hidden = !many;
    if (many) late.textContent = `${many === 1 ? "1 judgement is" : `${many} judgements are`} not recorded yet; stay on this page until the console has written what you said.`;
  };

  const judge = (image, form) => {
    const event = image.dataset.event;
    if (sending.size >= MOST) { tell(`${MOST} judgements are on their way; go on when they are recorded.`); return; }
    const said = { form, at: Date.now(), begun: false };
    tell("");
    sending.set(event, said);
    setTimeout(tellLate, LATE + 100);
    step();
    inTurn(async () => {
      if (said.begun) return; // the page was left, and it was sent then
      said.begun = true;
      try {
        progress.innerHTML = await part("/reviews/judge", form);
        sending.delete(event);
      } catch (error) {
        sending.delete(event);
        tell(`Not recorded: ${error.message}`);
        if (error.lost) return;
        if (now()) ahead.prepend(now());
        put(image);
      } finally {
        tellLate();
      }
    });
  };

  const undo = () => inTurn(async () => {
    try {
      const found = made(await part("/reviews/undo", new FormData(undoing)));
      const image = found.querySelector(".review");
      undone += 1;
      tell("");
      document.querySelectorAll(".review").forEach((each) => { if (each.dataset.event === image.dataset.event) each.remove(); });
      if (now()) ahead.prepend(now());
      put(image);
      progress.replaceChildren(found);
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
    if (!question) { complete(image); return; } // all is said already, and was not recorded
    const answer = question.querySelector(`[data-label="${label}"]`);
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

  // Who leaves is warned of what has not arrived, sends what waits for its turn all the same, and gives back what they
  // have not judged; a page that comes back out of the browser's memory has nothing.
  addEventListener("beforeunload", (event) => { if (overdue()) event.preventDefault(); });
  addEventListener("pagehide", () => {
    const waits = [...sending.values()].filter((each) => !each.begun);
    waits.forEach((each) => { each.begun = true; part("/reviews/judge", each.form).catch(() => {}); });
    const events = [...document.querySelectorAll(".review")].map((each) => each.dataset.event).filter((each) => !sending.has(each));
    const left = { page: desk.dataset.page, events: events.join(" ") };
    if (events.length) navigator.sendBeacon("/reviews/leave", new URLSearchParams(left));
  });
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  keys.checked = localStorage.getItem("review-keys") !== "off";
  keys.addEventListener("change", () => localStorage.setItem("review-keys", keys.checked ? "on" : "off"));
  setInterval(() => { if (!now()) fetchAhead(); }, AGAIN);
  if (now()) put(now());
  fetchAhead();
})();
