// Annotate: which screen stands in the page, and the talk with the server. The form of an item is in annotate_form.js.
// Every call is one request that may be sent again: the server keeps no session, and a submission carries its own id.
(() => {
  "use strict";
  const find = (selector, place = document) => place.querySelector(selector);
  const root = () => document.getElementById("an-root");
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  const TIMEOUT_MS = 30_000;
  const SLOWEST_RETRY_MS = 8000;
  const AWAY = [502, 503, 504]; // what a proxy says while the server behind it starts again: no answer, and no refusal either

  // What the browser keeps; a private window may refuse, then it lasts as long as the page.
  const memory = {};
  const kept = {
    get: (name) => { try { return localStorage.getItem(name); } catch { return memory[name] ?? null; } },
    set: (name, value) => { memory[name] = value; try { localStorage.setItem(name, value); } catch { /* a private window */ } },
    drop: (name) => { delete memory[name]; try { localStorage.removeItem(name); } catch { /* a private window */ } },
  };
  const token = () => kept.get("annotate-token") ?? "";

  function say(text, state = "") {
    const line = find(".an-saved");
    if (!line) return;
    line.textContent = text;
    line.dataset.state = state;
  }

  let hideToast = null;
  function toast(text) {
    const box = document.getElementById("an-toast");
    if (!box) return;
    box.textContent = text;
    clearTimeout(hideToast);
    hideToast = setTimeout(() => { box.textContent = ""; }, 6000);
  }

  // One request. patience: how often it is sent again while there is no connection (Infinity: until there is one).
  async function call(action, payload = {}, patience = 2, secret = token()) {
    const address = new URL("gradio_api/run/annotate", document.baseURI);
    const body = JSON.stringify({ data: [action, secret, payload] });
    let broken = 0;
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body,
                                              signal: AbortSignal.timeout(TIMEOUT_MS) });
        if (!answer.ok) {
          if (!AWAY.includes(answer.status)) broken += 1;
          if (broken > 3) return { error: `The server answered with an error (${answer.status}); try again later.`, kind: "server" };
          throw new Error("not ok");
        }
        const { data } = await answer.json();
        document.body.classList.remove("an-offline");
        return data[0];
      } catch (error) {
        document.body.classList.add("an-offline");
        if (attempt >= patience) return { error: "No connection to the server; what you entered is kept in this browser.", kind: "offline" };
        say("No connection: kept in this browser, sent as soon as it is back", "offline");
        await sleep(Math.min(400 * 2 ** attempt, SLOWEST_RETRY_MS));
      }
    }
  }

  let shown = 0; // counts the screens, so that a slow answer does not replace a newer screen
  function show(result) {
    const place = root();
    if (!place || !result) return;
    shown += 1;
    if (result.error && !result.html) { // the screen that stands there goes on
      if (find(".an-task, .an-board, .an-decide", place) || place.dataset.state !== "start") { toast(result.error); say(result.error, "refused"); return; }
      problem(result.error);
      return;
    }
    window.annotateForm?.leave();
    place.innerHTML = result.html; // the server escaped every text of people and models in it
    place.dataset.state = result.screen;
    if (result.screen === "single" || result.screen === "pair") window.annotateForm.enter(find(".an-task", place));
    window.scrollTo({ top: Math.max(0, place.getBoundingClientRect().top + scrollY - 70) });
  }

  function problem(text) {
    const card = find("#an-root .an-card");
    let line = find(".an-problem", card);
    if (!line) {
      line = document.createElement("p");
      line.className = "an-problem";
      line.setAttribute("role", "alert");
      card?.insertBefore(line, card.children[1] ?? null);
    }
    line.textContent = text;
  }

  async function go(action, payload = {}, patience = 2) {
    const at = shown;
    const result = await call(action, payload, patience);
    if (at === shown) show(result);
    return result;
  }

  // A submission that was sent but not acknowledged when the page was closed: it goes first.
  async function finishPending() {
    const text = kept.get("annotate-pending");
    if (!text) return;
    const pending = JSON.parse(text);
    const result = await call("submit", pending.payload, Infinity, pending.token); // maybe of who used this browser before
    if (result.kind !== "offline" && result.kind !== "server") kept.drop("annotate-pending");
    toast(result.error ?? "The answer that was on its way is saved.");
  }

  // The secret of an invite stands after the # of a link: it is never sent as part of an address, and leaves the address bar at once.
  function takeInvite() {
    const found = /[#&]invite=([\w-]+)/.exec(location.hash);
    if (!found) return false;
    kept.set("annotate-token", found[1]);
    history.replaceState(null, "", location.pathname + location.search);
    return true;
  }

  function signOut() {
    kept.drop("annotate-token");
    kept.drop("annotate-draft");
    location.reload();
  }

  // The last step. Nothing of the person stays in this browser either.
  async function withdraw(button, fate) {
    button.disabled = true;
    const result = await go("leave", { fate, sure: true });
    button.disabled = false;
    if (result.screen === "left") for (const name of ["token", "draft", "pending"]) kept.drop(`annotate-${name}`);
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("#an-root button");
    if (!button || button.disabled) return;
    const data = button.dataset;
    if ("agree" in data) { button.disabled = true; await go("agree", { what: data.agree }); button.disabled = false; }
    else if ("open" in data) go("open", {});
    else if ("instructions" in data) go("instructions");
    else if ("history" in data) go("history");
    else if ("revise" in data) go("revise", { kind: data.revise, key: data.key });
    else if ("release" in data) go("release", { lease: find(".an-task").dataset.lease });
    else if ("signOut" in data) signOut();
    else if ("leaving" in data) go("leaving", data.leaving ? { fate: data.leaving } : {});
    else if ("leave" in data) withdraw(button, data.leave);
    else if ("playExample" in data) document.getElementById("an-example")?.play();
  });

  window.annotate = { call, show, go, say, toast, kept, token };

  let opened = false;
  async function start() {
    if (opened || !root()?.offsetParent || root().dataset.idle) return;
    opened = true;
    await finishPending();
    await go("open");
    root().dataset.ready = "1";
  }

  function arrive() {
    if (takeInvite()) { // in the large page the tab is one of several
      const seek = setInterval(() => { // until it is there: on a phone it moves into the menu of further tabs while the page is drawn
        if (root()?.offsetParent) { clearInterval(seek); return; }
        const tabs = Array.from(document.querySelectorAll("[role=tab], .overflow-dropdown button"));
        const name = window.emotionthinkerLanguage?.say("Annotate") ?? "Annotate";
        tabs.find((one) => one.textContent.trim() === name)?.click();
      }, 100);
    }
    setInterval(start, 150);
    window.addEventListener("hashchange", () => { if (takeInvite()) location.reload(); });
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", arrive);
  else arrive();
})();
