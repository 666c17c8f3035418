// The layer over the figure: one playhead for all lanes, stretches that play, values under the pointer.
// No library, no request; it works on whatever figure stands in the page, so nothing has to be set up again when one is redrawn.
(() => {
  "use strict";
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  // Where a figure stands and what sounds to it: in Analyze, and in Annotate. The one that is seen is meant.
  const scenes = [["#et-figure", "#et-audio audio"], ["#an-figure", "#an-audio"]];
  const scene = () => scenes.find(([place]) => find(place)?.offsetParent) ?? scenes[0];
  const figure = () => find(scene()[0]) ?? document.createElement("div");
  const player = () => find(scene()[1]);
  const drawing = () => find(".et-drawing", figure());
  const layer = () => find(".et-layer", figure());
  // `python -m annotate serve` alone has no other language yet, and then English is filled in here.
  const english = (text, values = {}) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  const say = (text, values) => (window.emotionthinkerLanguage?.say ?? english)(text, values);
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  let parsedFrom = null;
  let parsed = null;
  // The numbers behind the figure, read once per drawing.
  function series() {
    const text = drawing()?.dataset.series;
    if (!text) return null;
    if (text !== parsedFrom) {
      parsedFrom = text;
      parsed = JSON.parse(text);
      position = 0;
      stopAt = null;
      chosen = [0, null];
    }
    return parsed;
  }

  let position = 0;
  let stopAt = null; // end of the stretch that is playing, in seconds
  let chosen = [0, null]; // the stretch that was chosen last: what "again" and repeating go back to
  let repeating = false;
  let frame = null;

  const at = (curve, seconds) => curve.y[Math.round(seconds / curve.hop)] ?? null;
  const minus = (text) => text.replace("-", "−");

  function reading(seconds) {
    const data = series();
    const parts = [`${seconds.toFixed(2)} s`];
    const hz = at(data.f0, seconds);
    if (hz !== null) {
      parts.push(`${hz.toFixed(0)} Hz`);
      if (data.median) {
        const semitones = 12 * Math.log2(hz / data.median);
        parts.push(minus(`${semitones >= 0 ? "+" : ""}${semitones.toFixed(1)} st`));
      }
    } else parts.push(say("no pitch"));
    const dbfs = at(data.energy, seconds);
    if (dbfs !== null) parts.push(minus(`${dbfs.toFixed(0)} dBFS`));
    const word = data.words.find(([, start, end]) => seconds >= start && seconds < end);
    if (word) parts.push(word[0]);
    return parts;
  }

  function show(seconds) {
    const data = series();
    const slider = layer();
    if (!data || !slider) return;
    position = clamp(seconds, 0, data.duration);
    find(".et-playhead", slider).style.left = `${(100 * position) / data.duration}%`;
    slider.setAttribute("aria-valuenow", position ? position.toFixed(2) : "0");
    slider.setAttribute("aria-valuetext", reading(position).join(", "));
    for (const button of all(".et-word", figure())) {
      button.classList.toggle("et-now", position > 0 && position >= +button.dataset.start && position < +button.dataset.end);
    }
  }

  function follow() {
    cancelAnimationFrame(frame);
    const sound = player();
    if (!sound || sound.paused) return;
    if (repeating && stopAt !== null && sound.currentTime >= stopAt) sound.currentTime = chosen[0];
    else if (stopAt !== null && sound.currentTime >= stopAt) {
      sound.pause();
      sound.currentTime = stopAt - 0.001; // still inside the stretch: what was pressed stays lit
      stopAt = null;
      return;
    }
    show(sound.currentTime);
    frame = requestAnimationFrame(follow);
  }

  function play(start, end = null, choose = true) {
    const sound = player();
    show(start);
    if (choose) chosen = [start, end];
    if (!sound) return;
    stopAt = end;
    sound.currentTime = start;
    const started = sound.play();
    if (started) started.catch(() => { stopAt = null; });
  }

  function toggle() {
    const sound = player();
    if (!sound) return;
    if (sound.paused) play(series() && position < series().duration - 0.02 ? position : 0, null, false);
    else sound.pause();
  }

  // Light what belongs together: a lane, a row of facts, words, claims, and the stretch itself.
  function light(source) {
    for (const lit of all(".et-lit")) lit.classList.remove("et-lit");
    const band = find(".et-selection", figure());
    if (band) band.hidden = true;
    if (!source) return;
    const { lane, row, words, start, end } = source.dataset;
    source.classList.add("et-lit");
    if (lane) all(`.et-lane[data-name="${lane}"]`, figure()).forEach((item) => item.classList.add("et-lit"));
    if (row) all(`.et-fact[data-row="${row}"], .et-claim[data-row="${row}"]`).forEach((item) => item.classList.add("et-lit"));
    if (words) {
      for (const index of words.split(",")) {
        all(`.et-word[data-word="${index}"]`, figure()).forEach((item) => item.classList.add("et-lit"));
        all(".et-claim[data-words]").filter((item) => item.dataset.words.split(",").includes(index)).forEach((item) => item.classList.add("et-lit"));
      }
    }
    select(+start, +end);
  }

  function select(start, end) {
    const band = find(".et-selection", figure());
    const data = series();
    if (!band || !data) return;
    band.hidden = false;
    band.style.left = `${(100 * start) / data.duration}%`;
    band.style.width = `${(100 * Math.max(end - start, 0)) / data.duration}%`;
  }

  function press(source) {
    light(source);
    play(+(source.dataset.from ?? source.dataset.start), +(source.dataset.to ?? source.dataset.end));
  }

  const secondsAt = (event) => {
    const box = layer().getBoundingClientRect();
    return clamp((event.clientX - box.left) / box.width, 0, 1) * series().duration;
  };

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) { document.getElementById(opener.dataset.dialog)?.showModal(); return; }
    if (event.target.closest("[data-theme-switch]")) {
      const dark = document.body.classList.toggle("dark");
      try { localStorage.setItem("emotionthinker-theme", dark ? "dark" : "light"); } catch { /* a private window */ }
      return;
    }
    const source = event.target.closest("[data-start]");
    if (source && !source.closest(".et-elsewhere") && drawing()) press(source);
  });

  document.addEventListener("keydown", (event) => {
    const claim = event.target.closest?.(".et-claim[data-start]");
    if (claim && !claim.closest(".et-elsewhere") && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); press(claim); return; }
    if (!event.target.closest?.(".et-layer") || !series()) return;
    const step = { ArrowLeft: -0.05, ArrowRight: 0.05, PageDown: -0.5, PageUp: 0.5 }[event.key];
    if (step) seek(position + step);
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(series().duration);
    else if (event.key === " " || event.key === "Enter") toggle();
    else return;
    event.preventDefault();
  });

  function seek(seconds) {
    show(seconds);
    const sound = player();
    stopAt = null;
    if (sound) sound.currentTime = position;
  }

  // Press a place to play from there, drag over a stretch to play just that.
  let dragFrom = null;
  document.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.target.closest?.(".et-layer") || !series()) return;
    dragFrom = secondsAt(event);
    light(null);
  });
  document.addEventListener("pointermove", (event) => {
    const tip = find(".et-tip", figure());
    if (!tip) return;
    const over = event.target.closest?.(".et-layer, .et-word");
    if ((!over && dragFrom === null) || !series()) { tip.hidden = true; return; }
    const seconds = secondsAt(event);
    if (dragFrom !== null) select(Math.min(dragFrom, seconds), Math.max(dragFrom, seconds));
    tip.hidden = false;
    tip.textContent = reading(seconds).join(" · ");
    const box = drawing().getBoundingClientRect();
    const room = box.width - tip.offsetWidth - 4;
    tip.style.left = `${clamp(event.clientX - box.left + 14, 0, Math.max(room, 0))}px`;
    tip.style.top = `${Math.max(event.clientY - box.top - 34, 0)}px`;
  });
  document.addEventListener("pointerup", (event) => {
    if (dragFrom === null) return;
    const from = dragFrom;
    dragFrom = null;
    if (!series() || !layer()) return;
    const to = secondsAt(event);
    if (Math.abs(to - from) > 0.04) play(Math.min(from, to), Math.max(from, to));
    else { light(null); play(to); }
  });
  document.addEventListener("pointercancel", () => { dragFrom = null; });

  // Media events do not bubble, but they can be caught on the way down.
  for (const name of ["play", "playing"]) document.addEventListener(name, follow, true);
  for (const name of ["seeked", "pause", "timeupdate"]) {
    document.addEventListener(name, (event) => { if (event.target === player()) show(event.target.currentTime); }, true);
  }
  document.addEventListener("pause", (event) => { if (event.target === player()) stopAt = null; }, true);
  document.addEventListener("ended", (event) => { if (repeating && event.target === player()) play(...chosen); }, true);

  // Text that streams is read out sentence by sentence, not letter by letter.
  let told = "";
  function tell() {
    const story = find("#et-reasoning .et-story");
    const live = document.getElementById("et-live");
    if (!story || !live) return;
    const state = story.dataset.state;
    const copy = story.cloneNode(true);
    for (const extra of all("sup, .et-sr, .et-caret", copy)) extra.remove();
    const text = copy.textContent.trim();
    if (state === "empty" || state === "waiting") { told = ""; live.textContent = ""; return; }
    const over = state !== "thinking";
    if (!text.startsWith(told)) told = "";
    const rest = text.slice(told.length);
    const ends = over ? rest.length : Math.max(rest.lastIndexOf(". "), rest.lastIndexOf("! "), rest.lastIndexOf("? ")) + 1;
    if (ends > 0) {
      live.textContent = rest.slice(0, ends).trim() + (over ? ` ${find("#et-answer .et-verdict")?.textContent ?? ""}` : "");
      told = text.slice(0, told.length + ends);
    }
  }

  // Gradio writes "queue: 2/3" among its timings; the page says it in words, and leaves the timings out.
  function queue() {
    for (const line of all("#et-status, #tl-status, #cp-status")) {
      const place = /queue: (\d+)/.exec(find("[data-testid=status-tracker]", line)?.textContent ?? "");
      const before = place ? +place[1] - 1 : -1;
      const text = before > 0 ? say("{n} before you", { n: before }) : before === 0 ? say("you are next") : "";
      if ((line.dataset.queue ?? "") !== text) line.dataset.queue = text;
    }
  }

  // Another width needs another drawing: text must stay readable.
  let redrawing = null;
  function fit() {
    const drawn = scene() === scenes[0] ? +(drawing()?.dataset.width ?? 0) : 0; // Annotate draws its own anew
    const wide = window.emotionthinker.width();
    if (!drawn || !wide || Math.abs(wide - drawn) / drawn < 0.12) return;
    clearTimeout(redrawing);
    redrawing = setTimeout(() => find("#et-redraw")?.click(), 250);
  }

  window.emotionthinker = {
    play,
    toggle,
    again: () => play(...chosen),
    repeat: (on) => { repeating = on; },
    width: () => Math.round(find(scene()[0])?.clientWidth || document.documentElement.clientWidth - 32),
    // The file is there: let the hidden link fetch it. Its address arrives in the page a moment after the event.
    save: () => setTimeout(() => {
      const save = find("#et-save");
      (save?.matches("a, button") ? save : find("a, button", save))?.click();
    }, 60),
  };

  function start() {
    let theme = null;
    try { theme = localStorage.getItem("emotionthinker-theme"); } catch { /* a private window */ }
    if (theme) document.body.classList.toggle("dark", theme === "dark");
    new ResizeObserver(fit).observe(document.body);
    let waiting = false;
    new MutationObserver(() => {
      if (waiting) return;
      waiting = true;
      setTimeout(() => { waiting = false; tell(); queue(); }, 200);
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
