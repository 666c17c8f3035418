// The server out of reach, and a microphone that is refused: said in the page's own words, where they are read, with the way out.
// Gradio loads the page anew when its server is back; what was typed is carried over, in this tab alone, and forgotten afterwards.
(() => {
  "use strict";
  const TYPED = "emotionthinker-typed";
  const AGAIN_MS = 1500; // between two looks whether the server is back
  const RESTORE_MS = 8000; // after the page was loaded anew
  const reach = window.fetch.bind(window);
  let lost = false;

  function line(state, text) {
    let box = document.getElementById("et-connection");
    if (!box) {
      box = document.createElement("div");
      box.id = "et-connection";
      box.setAttribute("role", "status");
      document.body.append(box);
    }
    box.dataset.state = state;
    box.textContent = text;
    box.hidden = !text;
    return box;
  }

  // What was under way has ended with the connection: no line may go on saying that something is being done.
  const BUSY = ":is([data-state=measuring], [data-state=waiting], [data-state=thinking])";
  function interrupt() {
    for (const status of document.querySelectorAll(`.et-status${BUSY}`)) {
      status.dataset.state = "refused";
      status.lastElementChild.textContent = "Interrupted: the connection to the server was lost.";
    }
    for (const story of document.querySelectorAll(`.et-story${BUSY}`)) {
      story.dataset.state = "stopped";
      story.querySelector(".et-caret")?.remove();
      if (story.classList.contains("et-empty")) story.firstElementChild.textContent = "No explanation.";
    }
  }

  function wait() {
    if (lost) return;
    lost = true;
    line("lost", "The page cannot reach its server. What you typed stays here; it goes on by itself when the connection is back.");
    const look = async () => {
      try {
        if (!(await reach("gradio_api/app_id", { cache: "no-store" })).ok) throw new Error();
      } catch { interrupt(); setTimeout(look, AGAIN_MS); return; }
      line("back", "The connection is back.");
      setTimeout(() => { lost = false; if (document.getElementById("et-connection")?.dataset.state === "back") line("", ""); }, 4000);
    };
    look(); // where only the network is gone and not the server, as on one machine, all goes on
  }

  // A request that a person or Gradio gave up is no lost server.
  window.fetch = async (...request) => {
    try { return await reach(...request); } catch (error) {
      const address = new URL(request[0]?.url ?? request[0], location.href);
      if (error.name === "TypeError" && address.origin === location.origin) wait();
      throw error;
    }
  };
  window.addEventListener("offline", wait);

  const fields = () => Array.from(document.querySelectorAll(".gradio-container :is(textarea, input:is([type=text], [type=number], :not([type])))"));
  // A field by the nearest name and its place there: the same page has the same fields.
  function nameOf(field) {
    const named = field.closest("[id^=et-], [id^=tl-], [id^=cp-], [id^=an-]");
    if (!named) return null;
    return `${named.id}/${Array.from(named.querySelectorAll("textarea, input")).indexOf(field)}`;
  }

  window.addEventListener("pagehide", () => {
    if (!lost) return;
    const typed = fields().map((field) => [nameOf(field), field.value]).filter(([name, value]) => name && value);
    try { sessionStorage.setItem(TYPED, JSON.stringify(typed)); } catch { /* a private window */ }
  });

  function restore() {
    let typed = null;
    try {
      typed = sessionStorage.getItem(TYPED);
      sessionStorage.removeItem(TYPED);
    } catch { /* a private window */ }
    if (typed === null) return;
    const wanted = new Map(JSON.parse(typed));
    // Fields are built bit by bit, and Gradio writes their first value once more: until a person types, or the time is over.
    const put = () => {
      for (const field of fields()) {
        const text = wanted.get(nameOf(field));
        if (text === undefined || field.value === text) continue;
        field.value = text;
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }
    };
    const again = setInterval(put, 300);
    const end = () => clearInterval(again);
    document.addEventListener("keydown", end, { once: true });
    setTimeout(end, RESTORE_MS);
    put();
    line("back", "The connection is back. What you had typed is here again; choose the recording once more.");
    setTimeout(() => line("", ""), 12000);
  }

  // The microphone: Gradio's own message is gone in seconds, and does not say what to do.
  const media = navigator.mediaDevices;
  let asked = null;
  document.addEventListener("click", (event) => { asked = event.target.closest?.("#et-audio, #cp-audio-a, #cp-audio-b") ?? asked; }, true);
  if (media) {
    const original = media.getUserMedia.bind(media);
    media.getUserMedia = async (...wanted) => {
      try {
        const given = await original(...wanted);
        note("");
        return given;
      } catch (error) {
        note(error.name === "NotFoundError" ? "none" : "refused");
        throw error;
      }
    };
  }
  function note(why) {
    document.querySelector(".et-microphone")?.remove();
    if (!why || !asked) return;
    const box = document.createElement("div");
    box.className = "et-microphone";
    box.setAttribute("role", "alert");
    const head = document.createElement("strong");
    const way = document.createElement("span");
    head.textContent = why === "none" ? "No microphone was found." : "The microphone was refused.";
    way.textContent = why === "none" ? "Connect one and press Record again, or bring a file or press an example instead."
      : "Allow it in the browser's address bar and press Record again, or bring a file or press an example instead.";
    box.append(head, way);
    asked.after(box);
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest?.(".et-chip, .source-selection button:first-of-type, .wrap[role=button]")) note("");
  });

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", restore);
  else restore();
})();
