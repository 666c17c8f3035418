// Calibrate: asks for the tab's HTML when it comes into view, and again while figures are being worked out.
(() => {
  "use strict";
  const POLL_MS = 1500;
  const root = () => document.getElementById("ac-root");
  const width = () => Math.round(root().getBoundingClientRect().width) || 960;
  let version = null; // null: the newest
  let drawnAt = 0;
  let busy = false;

  async function ask(action, payload = {}) {
    busy = true;
    const result = await window.annotate.call(action, { width: width(), version, ...payload });
    busy = false;
    const place = root();
    if (!place) return result;
    if (result.html && result.screen === "calibration") {
      const open = Array.from(place.querySelectorAll("details"), (one) => one.open);
      place.innerHTML = result.html; // the server escaped every name in it
      if (open.length) place.querySelectorAll("details").forEach((one, i) => { one.open = open[i] ?? one.open; });
      drawnAt = width();
      place.dataset.running = result.running ? "1" : "";
      place.dataset.ready = "1";
    } else if (result.said) {
      const line = place.querySelector("[data-waiting]");
      if (line) line.textContent = result.said;
    } else if (result.error) complain(result.error);
    return result;
  }

  // A sentence of ours at the top; the rest stays as it is.
  function complain(text) {
    const card = root().querySelector(".ac-card");
    let line = card.querySelector(".an-problem");
    if (!line) {
      line = document.createElement("p");
      line.className = "an-problem";
      line.setAttribute("role", "alert");
      card.append(line);
    }
    line.textContent = text;
  }

  async function save(number) {
    const result = await window.annotate.call("calibration_file", { version: number });
    if (result.error) { complain(result.error); return; }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([result.text], { type: "application/json" }));
    link.download = result.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("#ac-root button");
    if (!button || button.disabled) return;
    if ("calibrate" in button.dataset) { button.disabled = true; version = null; ask("calibrate"); }
    else if ("save" in button.dataset) save(+button.dataset.save);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("#ac-root [data-version]")) { version = +event.target.value; ask("calibration"); }
  });

  let seen = false;
  async function look() {
    const visible = Boolean(root()?.offsetParent) && Boolean(window.annotate) && !root().dataset.idle;
    if (!visible) { seen = false; return; }
    if (busy) return;
    const first = !seen;
    seen = true;
    const resized = drawnAt && Math.abs(width() - drawnAt) > 60;
    if (first || resized) await ask("calibration");
    else if (root().dataset.running) await ask("calibration", { wait: true });
  }
  setInterval(look, POLL_MS);
  document.addEventListener("click", (event) => { if (event.target.closest("[role=tab]")) setTimeout(look, 60); });
})();
