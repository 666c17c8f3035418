// The Compare tab: a playhead for each side, and stretches that play on their own side. No library, no request.
(() => {
  "use strict";
  const sides = ["a", "b"];
  const player = (side) => document.querySelector(`#cp-audio-${side} audio`);
  const figure = (side) => document.querySelector(`#cp-figure-${side} .cp-figure`);
  const stopAt = { a: null, b: null }; // end of the stretch that is playing, in seconds

  function show(side, seconds) {
    const drawn = figure(side);
    if (!drawn) return;
    const share = Math.min(Math.max(seconds / +drawn.dataset.duration, 0), 1);
    const head = drawn.querySelector(".cp-playhead");
    head.style.left = `${100 * share}%`;
    head.style.opacity = share > 0 ? "1" : "0";
  }

  function play(side, start, end = null) {
    const sound = player(side);
    if (!sound) return;
    for (const other of sides) if (other !== side) player(other)?.pause();
    show(side, start);
    stopAt[side] = end;
    sound.currentTime = start;
    sound.play()?.catch(() => { stopAt[side] = null; });
  }

  const sideOf = (element) => sides.find((side) => element.closest(`#cp-figure-${side}, #cp-story-${side}`));

  function press(target) {
    const claim = target.closest?.(".et-elsewhere .et-claim[data-start]");
    if (claim) play(sideOf(claim), +claim.dataset.start, +claim.dataset.end);
    return Boolean(claim);
  }

  document.addEventListener("click", (event) => {
    if (press(event.target)) return;
    const layer = event.target.closest?.(".cp-layer");
    if (!layer) return;
    const side = sideOf(layer);
    const box = layer.getBoundingClientRect();
    play(side, ((event.clientX - box.left) / box.width) * +figure(side).dataset.duration);
  });
  document.addEventListener("keydown", (event) => {
    if ((event.key === "Enter" || event.key === " ") && press(event.target)) event.preventDefault();
  });

  // Media events do not bubble, but they can be caught on the way down.
  for (const name of ["timeupdate", "seeked", "pause"]) {
    document.addEventListener(name, (event) => {
      const side = sides.find((each) => event.target === player(each));
      if (!side) return;
      if (stopAt[side] !== null && event.target.currentTime >= stopAt[side] && !event.target.paused) { stopAt[side] = null; event.target.pause(); }
      show(side, event.target.currentTime);
    }, true);
  }

  window.emotionthinkerCompare = {
    width: () => Math.round(document.querySelector("#cp-figure-a")?.clientWidth || Math.min(document.documentElement.clientWidth - 32, 590)),
  };
})();
