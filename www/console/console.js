// The console's own script: draws the chart from the figures in the page, again whenever they change.
// Everything else is htmx fetching fragments; all figures are also in the page as a table.
"use strict";
(() => {
  const place = document.getElementById("chart");
  const overview = document.getElementById("overview");
  if (!place || !overview) return;

  const NAMES = [["Declined", "--declined"], ["Step-up", "--step-up"], ["Silent", "--silent"]];
  let plot = null;
  let drawn = "";

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const figures = () => document.getElementById("figures")?.dataset.series ?? "";

  const clock = (t) => new Date(t * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

  // Stacked: each bar is drawn to the sum of its own count and those below it, the tallest first.
  function stacked([hours, silent, stepUp, declined]) {
    const two = silent.map((n, i) => n + stepUp[i]);
    return [hours, two.map((n, i) => n + declined[i]), two, silent];
  }

  function draw(text) {
    const counts = JSON.parse(text);
    const raw = [null, counts[3], counts[2], counts[1]];
    const data = stacked(counts);
    const most = Math.max(4, ...data[1]);
    const bars = uPlot.paths.bars({ size: [0.7, 40], align: 1 });
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    plot?.destroy();
    plot = new uPlot({
      width: place.clientWidth,
      height: 240,
      cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
      legend: { live: true },
      scales: { y: { range: [0, most * 1.1] }, x: { range: (_, low, high) => [low - 600, high + 4200] } },
      axes: [{ ...axis, size: 32, values: (_, times) => times.map(clock) }, { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1e5] }],
      series: [
        { label: "Hour from", value: (_, t) => (t == null ? "–" : clock(t)) },
        ...NAMES.map(([label, variable]) => ({
          label, fill: colour(variable), stroke: colour(variable), width: 0, paths: bars, points: { show: false },
          value: (_, total, series, at) => (at == null ? "–" : raw[series][at]),
        })),
      ],
    }, data, place);
  }

  function redraw(force) {
    const text = figures();
    if (!text || (!force && text === drawn)) return;
    drawn = text;
    draw(text);
  }

  new MutationObserver(() => redraw(false)).observe(overview, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-series"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw(true));
  new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height: 240 })).observe(place);

  // A page that no longer updates says so instead of showing old figures as new ones.
  const stale = document.getElementById("stale");
  for (const name of ["htmx:error", "htmx:response:error"]) document.body.addEventListener(name, () => { stale.hidden = false; });
  document.body.addEventListener("htmx:after:swap", () => { stale.hidden = true; });

  redraw(true);
})();
