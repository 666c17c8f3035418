// The Timeline tab: a playhead over all lanes, stretches that play, values under the pointer. No library, no request.
(() => {
  "use strict";
  const find = (selector, root = document) => root.querySelector(selector);
  const player = () => find("#et-long audio");
  const figure = () => find("#tl-figure .tl-figure");
  const layer = () => find("#tl-figure .tl-layer");
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const two = (n) => String(n).padStart(2, "0");
  const clock = (s) => (s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}` : `${Math.floor(s / 60)}`) + `:${two(Math.floor(s) % 60)}`;

  let parsedFrom = null;
  let parsed = null;
  // The numbers behind the figure, read once for each drawing.
  function series() {
    const text = figure()?.dataset.series;
    if (!text) return null;
    if (text !== parsedFrom) { parsedFrom = text; parsed = JSON.parse(text); }
    return parsed;
  }

  let position = 0;
  let stopAt = null; // end of the stretch that is playing, in seconds

  const signed = (value, digits, unit) => `${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(digits)} ${unit}`;
  function reading(seconds) {
    const parts = [clock(seconds)];
    const lines = Object.entries(series().lines);
    for (const [line, segments] of lines) {
      const spoken = segments.find(([start, end]) => seconds >= start && seconds < end);
      if (!spoken) continue;
      const [, , label, probability, pitch, energy, speed] = spoken;
      if (lines.length > 1) parts.push(line);
      if (label) parts.push(`sounds ${label}${probability === null ? "" : ` ${probability.toFixed(2)}`}`);
      if (pitch !== null) parts.push(signed(pitch, 1, "st"));
      if (energy !== null) parts.push(signed(energy, 0, "dB"));
      if (speed !== null) parts.push(signed(speed, 0, "% speed"));
    }
    return parts;
  }

  function show(seconds) {
    const slider = layer();
    if (!slider || !series()) return;
    position = clamp(seconds, 0, series().duration);
    find(".tl-playhead", slider).style.left = `${(100 * position) / series().duration}%`;
    slider.setAttribute("aria-valuenow", position.toFixed(1));
    slider.setAttribute("aria-valuetext", reading(position).join(", "));
  }

  function play(start, end = null) {
    const sound = player();
    show(start);
    if (!sound) return;
    stopAt = end;
    sound.currentTime = start;
    sound.play()?.catch(() => { stopAt = null; });
  }

  const secondsAt = (event) => {
    const box = layer().getBoundingClientRect();
    return clamp((event.clientX - box.left) / box.width, 0, 1) * series().duration;
  };

  document.addEventListener("click", (event) => {
    const source = event.target.closest?.("[data-tl-start]");
    if (source) {
      if (source.dataset.tlCard) find(`.tl-card[data-tl-number="${source.dataset.tlCard}"]`)?.scrollIntoView({ block: "nearest", behavior: "smooth" });
      play(+source.dataset.tlStart, +source.dataset.tlEnd);
      return;
    }
    // A claim of an explanation plays the utterance that it is about.
    const quote = event.target.closest?.(".tl-card .et-claim") && find(".tl-quote", event.target.closest(".tl-card"));
    if (quote) { play(+quote.dataset.tlStart, +quote.dataset.tlEnd); return; }
    if (event.target.closest?.(".tl-layer") && series()) play(secondsAt(event));
  });

  document.addEventListener("keydown", (event) => {
    if (event.target.matches?.(".tl-card .et-claim") && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      event.target.click();
      return;
    }
    if (!event.target.matches?.(".tl-layer") || !series()) return;
    const step = { ArrowLeft: -5, ArrowRight: 5, PageDown: -60, PageUp: 60 }[event.key];
    const sound = player();
    if (step) { show(position + step); stopAt = null; if (sound) sound.currentTime = position; }
    else if (event.key === "Home") { show(0); if (sound) sound.currentTime = 0; }
    else if (event.key === " " || event.key === "Enter") { if (sound && !sound.paused) sound.pause(); else play(position); }
    else return;
    event.preventDefault();
  });

  document.addEventListener("pointermove", (event) => {
    const tip = find("#tl-figure .tl-tip");
    if (!tip) return;
    if (!event.target.closest?.(".tl-layer") || !series()) { tip.hidden = true; return; }
    tip.hidden = false;
    tip.textContent = reading(secondsAt(event)).join(" · ");
    const box = figure().getBoundingClientRect();
    tip.style.left = `${clamp(event.clientX - box.left + 14, 0, Math.max(box.width - tip.offsetWidth - 4, 0))}px`;
    tip.style.top = `${Math.max(event.clientY - box.top - 34, 0)}px`;
  });

  // Media events do not bubble, but they can be caught on the way down.
  for (const name of ["timeupdate", "seeked", "pause"]) {
    document.addEventListener(name, (event) => {
      if (event.target !== player()) return;
      if (stopAt !== null && event.target.currentTime >= stopAt && !event.target.paused) { stopAt = null; event.target.pause(); }
      show(event.target.currentTime);
    }, true);
  }

  document.addEventListener("loadedmetadata", (event) => { if (event.target === player()) { position = 0; stopAt = null; } }, true);

  // Numbers of turns that would touch stand one above the other; how near they are depends on the width at hand.
  const NUMBER_PX = 22;
  const MOST_ROWS = 4;
  function arrange() {
    const drawn = figure();
    const wide = layer()?.clientWidth ?? 0; // 0 while the tab is not seen
    if (!wide || drawn.dataset.arranged === String(wide)) return;
    drawn.dataset.arranged = wide;
    const ends = [];
    for (const turn of drawn.querySelectorAll(".tl-turn")) {
      const at = (parseFloat(turn.style.left) / 100) * wide;
      let row = ends.findIndex((end) => at - end >= NUMBER_PX);
      if (row < 0) row = ends.length < MOST_ROWS ? ends.length : ends.indexOf(Math.min(...ends));
      ends[row] = at;
      turn.style.setProperty("--tl-row", row);
    }
    drawn.style.setProperty("--tl-rows", Math.max(ends.length - 1, 0));
  }
  const resized = new ResizeObserver(() => requestAnimationFrame(arrange)); // not at once: it changes the height of what is observed

  // A figure that is drawn anew begins with its playhead at the start.
  new MutationObserver(() => {
    if (!figure()) return;
    resized.observe(find("#tl-figure"));
    if (position && figure().dataset.series !== parsedFrom) show(position);
    arrange();
  }).observe(document.documentElement, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-series"] });

  window.emotionthinkerTimeline = {
    save: () => setTimeout(() => { const save = find("#tl-save"); (save?.matches("a, button") ? save : find("a, button", save))?.click(); }, 60),
  };
})();
