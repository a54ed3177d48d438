// The page Live: figures and answers as the server tells them, and charts that are asked for every ten seconds.
"use strict";
(() => {
  const EVERY = 10000;
  const answers = document.getElementById("answers");
  const figures = document.getElementById("figures");
  const details = document.getElementById("details");
  const changed = document.getElementById("changes");
  const held = document.getElementById("held");
  const lost = document.getElementById("connection");

  // Somebody looks at an answer: none may move under the pointer or lose the focus, nor be veiled again.
  const looks = () => answers.matches(":hover") || answers.contains(document.activeElement)
    || answers.querySelector('[aria-pressed="true"]') !== null;

  const renewed = (html) => {
    const made = document.createElement("ol");
    made.innerHTML = html;
    return made;
  };

  const tell = (html) => {
    held.hidden = !looks();
    if (looks()) return;
    const made = renewed(html);
    // Those that are there already stay, so that no picture is fetched twice.
    made.querySelectorAll(".answer").forEach((each) => {
      const same = document.getElementById(each.id);
      if (same) each.replaceWith(same);
    });
    answers.replaceChildren(...made.childNodes);
  };

  // Tables that are scrolled or have the focus stay so while their figures change.
  const renew = (box, html) => {
    const focused = box.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    const scrolled = [...box.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
    box.innerHTML = html;
    box.querySelectorAll(".scroll").forEach((each, index) => {
      each.scrollLeft = scrolled[index] || 0;
      if (focused && each.getAttribute("aria-label") === focused) each.focus({ preventScroll: true });
    });
  };

  const listen = () => {
    const source = new EventSource(answers.dataset.stream);
    source.onopen = () => { lost.hidden = true; };
    source.onerror = () => {
      lost.hidden = false;
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
    };
    source.addEventListener("answers", (event) => tell(event.data));
    source.addEventListener("figures", (event) => renew(figures, event.data));
    source.addEventListener("changes", (event) => renew(changed, event.data));
    source.addEventListener("details", (event) => renew(details, event.data));
    addEventListener("pagehide", () => source.close());
  };

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const VERDICTS = { allow: "--allow", label: "--label", review: "--review", block: "--block", "dead letter": "--gone" };
  const HUES = [212, 28, 150, 340, 265, 55, 185, 0];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const colour = (name, index) => VERDICTS[name] ? style(VERDICTS[name])
    : `hsl(${HUES[index % HUES.length]} 60% ${dark.matches ? 68 : 40}%)`;

  const two = (number) => String(number).padStart(2, "0");
  const timed = (at) => { const time = new Date(at * 1000); return `${two(time.getUTCHours())}:${two(time.getUTCMinutes())}`; };

  const changesDrawn = (changes) => ({
    hooks: {
      draw: (plot) => {
        const { ctx, bbox } = plot;
        ctx.save();
        ctx.strokeStyle = ctx.fillStyle = style("--soft");
        ctx.font = `bold ${11 * devicePixelRatio}px system-ui`;
        ctx.setLineDash([4, 4]);
        let named = -Infinity;
        for (const each of changes) {
          const x = Math.round(plot.valToPos(each.at, "x", true)) + 0.5;
          if (x < bbox.left || x > bbox.left + bbox.width) continue;
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
          ctx.stroke();
          if (x - named < 14 * devicePixelRatio) continue;
          // The letter that it has in the list below; of those that came together, the first one's.
          named = x;
          ctx.fillText(each.kind[0].toUpperCase(), x + 3 * devicePixelRatio, bbox.top + 10 * devicePixelRatio);
        }
        ctx.restore();
      },
    },
  });

  const draw = (box, chart, told) => {
    const wanted = box.dataset.lines;
    const lines = chart.lines.filter((each) => !wanted || each.name.split(" ")[0] === wanted);
    box.replaceChildren();
    if (!lines.length || chart.at.length < 2) {
      const none = document.createElement("p");
      none.className = "none";
      none.textContent = "nothing to draw yet";
      box.append(none);
      return;
    }
    // From when there is something to see, five minutes at least: the first minutes would be a line at the edge.
    const since = Math.max(told.now - told.seconds, Math.min(chart.at[0], told.now - 300));
    const axis = { stroke: style("--soft"), grid: { stroke: style("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui" };
    new uPlot({
      width: box.clientWidth - 12,
      height: 170,
      plugins: [changesDrawn(told.changes)],
      scales: { x: { time: true, min: since, max: told.now }, y: { range: (_, low, high) => [0, Math.max(high, 1e-3) * 1.1] } },
      axes: [{ ...axis, values: (_, ticks) => ticks.map(timed) }, { ...axis, size: 46 }],
      cursor: { points: { show: false } },
      series: [
        { value: (_, at) => (at === null ? "" : timed(at)), label: "at" },
        ...lines.map((each, index) => ({
          label: wanted && wanted !== each.name ? each.name.slice(wanted.length + 1) : each.name,
          stroke: colour(each.name, index), width: 1.6, points: { show: false }, spanGaps: true,
          value: (_, value) => (value === null ? "–" : value.toPrecision(3)),
        })),
      ],
    }, [chart.at, ...lines.map((each) => each.values)], box);
  };

  const charts = document.getElementById("charts");
  let told = null;
  const drawn = () => {
    if (told) charts.querySelectorAll(".chart").forEach((box) => draw(box, told[box.dataset.chart], told));
  };
  const complain = (why) => {
    told = null;
    charts.querySelectorAll(".chart").forEach((box) => {
      const said = document.createElement("p");
      said.className = "none bad";
      said.textContent = why;
      box.replaceChildren(said);
    });
  };
  const ask = async () => {
    try {
      const answer = await fetch(charts.dataset.series);
      if (answer.ok) { told = await answer.json(); drawn(); } else complain(await answer.text());
    } catch (error) { /* the page says already that it has lost its connection */ }
    setTimeout(ask, EVERY);
  };
  listen();
  ask();
  dark.addEventListener("change", drawn);
  let resizing = 0;
  addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(drawn, 150); });
})();
