// The form of one item: answers by mouse or by keys, saved as they are given; what was heard; submission.
(() => {
  "use strict";
  const find = (selector, place = document) => place.querySelector(selector);
  const all = (selector, place = document) => Array.from(place.querySelectorAll(selector));
  const MARKS = ["supported", "wrong", "not checkable"];
  const MARK_KEYS = { v: "supported", w: "wrong", x: "not checkable" };
  const HEARD = 0.97; // of the clip must have sounded
  const IDLE_MS = 60_000; // after so long without a key or a mouse the clock stands
  const ELSEWHERE = "This item was changed on another machine; its state is shown here.";
  const api = window.annotate;

  let form = null; // the one item on the screen

  function enter(section) {
    const data = section.dataset;
    const given = JSON.parse(data.answers || "{}");
    form = {
      section, lease: data.lease, kind: data.kind, pair: data.screen === "pair", version: +data.version, seconds: +data.seconds,
      heard: data.heard === "1", hearing: null, reading: false, duration: +data.duration,
      rows: all(".an-row", section), row: 0, sentence: -1, undo: [], dirty: false, saving: null, submitting: false, sent: null,
      active: Date.now(), answers: normal(given, data.screen === "pair"),
    };
    // Entered here, and the connection was lost before it was saved. What the server holds must be what it was built upon, or what
    // was sent and not acknowledged; else another machine went on meanwhile, and an old state must not come over a newer one.
    const local = JSON.parse(api.kept.get("annotate-draft") || "null");
    const mine = local?.lease === form.lease;
    const newer = mine && local.version !== form.version && text(local.sent) !== text(form.answers);
    if (newer) api.kept.drop("annotate-draft");
    else if (mine && text(local.answers) !== text(form.answers)) {
      form.answers = normal(local.answers, form.pair);
      save();
    }
    render();
    move(Math.max(0, form.rows.findIndex((row) => value(row) === null)), false);
    draw();
    tick(form);
    if (newer) api.say(ELSEWHERE, "conflict");
    else if (form.version) api.say("Draft loaded", "saved");
  }

  const normal = (given, pair) => (pair
    ? { choices: given.choices ?? {}, comment: given.comment ?? "", flags: given.flags ?? [] }
    : { scores: given.scores ?? {}, heard_emotion: given.heard_emotion ?? null, answer_right: given.answer_right ?? null,
        comment: given.comment ?? "", flags: given.flags ?? [], marks: given.marks ?? [] });

  // The same answers give the same text, whatever order they came in.
  function text(given) {
    const answers = normal(given ?? {}, form.pair);
    const filled = (group) => Object.entries(group ?? {}).filter(([, chosen]) => chosen !== null).sort();
    return JSON.stringify([filled(answers.choices), filled(answers.scores), answers.heard_emotion, answers.answer_right, answers.comment,
                           [...answers.flags].sort(), (answers.marks ?? []).map(String).sort()]);
  }

  function keep() {
    api.kept.set("annotate-draft", JSON.stringify({ lease: form.lease, answers: form.answers, version: form.version, sent: form.sent }));
  }

  function leave() {
    form = null;
    window.emotionthinker?.repeat(false);
  }

  async function draw() {
    const mine = form;
    const result = await api.call("figure", { lease: mine.lease, width: window.emotionthinker.width() });
    const place = find("#an-figure");
    if (form !== mine || !place) return;
    if (result.figure) place.innerHTML = result.figure;
    else find("p", place).textContent = result.error;
  }

  // Answers in the page

  const group = () => (form.pair ? form.answers.choices : form.answers.scores);
  const inGroup = (name) => name !== "heard_emotion" && name !== "answer_right";
  function value(row) {
    const name = row.dataset.row;
    return (inGroup(name) ? group()[name] : form.answers[name]) ?? null;
  }

  function change(edit) {
    form.undo.push(JSON.stringify(form.answers));
    if (form.undo.length > 100) form.undo.shift();
    edit(form.answers);
    find(".an-missing", form.section).textContent = ""; // what it asked for may be there now
    render();
    save();
  }

  function choose(row, chosen) {
    const name = row.dataset.row;
    const number = row.classList.contains("an-scale") ? +chosen : chosen;
    if (value(row) === number) return;
    change((answers) => { if (inGroup(name)) group()[name] = number; else answers[name] = number; });
  }

  // whole: also the comment in which somebody is typing, since what is seen is what is sent.
  function render(whole = false) {
    for (const row of form.rows) {
      const chosen = value(row);
      for (const button of all("[role=radio]", row)) {
        button.setAttribute("aria-checked", String(button.dataset.value === String(chosen)));
        button.tabIndex = -1;
      }
      (find("[aria-checked=true]", row) ?? find("[role=radio]", row)).tabIndex = 0;
      anchor(row);
    }
    for (const button of all("[data-flag]", form.section)) {
      button.setAttribute("aria-pressed", String(form.answers.flags.includes(button.dataset.flag)));
    }
    for (const sentence of all(".an-sentence[data-from]", form.section)) {
      const mark = (form.answers.marks ?? []).find(([from]) => from === +sentence.dataset.from)?.[2] ?? "";
      sentence.dataset.mark = mark;
      sentence.setAttribute("aria-pressed", String(mark !== ""));
      sentence.title = mark || "press to mark";
    }
    const comment = find(".an-comment textarea", form.section);
    if (whole || document.activeElement !== comment) comment.value = form.answers.comment;
    const unread = gate() && !excused();
    find("[data-submit]", form.section).hidden = Boolean(unread);
    if (gate()) gate().dataset.ready = form.heard && !firstMissing() ? "1" : "";
    find(".an-foot", form.section).dataset.ready = unread || firstMissing() || !mayUnheard() ? "" : "1";
  }

  // The wording of the point under the focus, else of the chosen one, else of both ends.
  function anchor(row, point = null) {
    if (!row.dataset.anchors) return;
    const meanings = JSON.parse(row.dataset.anchors);
    const number = point ?? value(row);
    find(".an-anchor", row).textContent = number ? `${number}: ${meanings[number - 1]}` : `1: ${meanings[0]} … 5: ${meanings[4]}`;
  }

  const gate = () => find(".an-gate", form.section); // stands where the text will be, until it may be read
  const excused = () => form.answers.flags.some((flag) => flag === "bad_audio" || flag === "cannot_judge");
  const mayUnheard = () => form.heard || form.answers.flags.includes("bad_audio");
  const firstMissing = () => (excused() ? null : form.rows.find((row) => value(row) === null) ?? null);

  function move(index, focus = true) {
    if (!form.rows.length) return;
    form.row = Math.min(Math.max(index, 0), form.rows.length - 1);
    form.rows.forEach((row, i) => row.classList.toggle("an-current", i === form.row));
    if (!focus) return;
    const row = form.rows[form.row];
    (find("[aria-checked=true]", row) ?? find("[role=radio]", row)).focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  // Saving

  function save() {
    const mine = form;
    mine.dirty = true;
    keep();
    api.say("Saving …", "saving");
    mine.saving ??= saveLoop(mine).finally(() => { mine.saving = null; });
    return mine.saving;
  }

  async function saveLoop(mine) {
    while (mine.dirty && !mine.submitting) {
      mine.dirty = false;
      const sent = JSON.stringify(mine.answers);
      mine.sent = JSON.parse(sent);
      if (form === mine) keep();
      const result = await api.call("draft", { lease: mine.lease, answers: mine.answers, version: mine.version, seconds: mine.seconds },
                                    Infinity);
      if (result.error) {
        if (form === mine) api.say(result.error, "refused");
        return;
      }
      mine.version = result.version;
      if (result.conflict) {
        mine.answers = normal(result.conflict, mine.pair);
        mine.dirty = false;
        api.kept.drop("annotate-draft");
        if (form === mine) { render(true); api.say(ELSEWHERE, "conflict"); }
        return;
      }
      if (!mine.dirty && JSON.stringify(mine.answers) === sent) api.kept.drop("annotate-draft");
      if (form === mine && !mine.dirty) api.say(`Saved ${new Date().toTimeString().slice(0, 8)}`, "saved");
    }
  }

  // The text is not in the page before the clip was heard and the emotion said: the server gives it then.
  async function read() {
    const mine = form;
    if (mine.reading) return;
    const note = find(".an-missing", mine.section);
    if (!mine.heard) {
      note.textContent = "Please play the whole clip once before you read (Space), or flag bad audio if it does not play.";
      find("[data-play]", mine.section).focus();
      return;
    }
    if (firstMissing()) {
      note.textContent = `First answer: ${find("h3", firstMissing()).textContent}`;
      move(mine.rows.indexOf(firstMissing()));
      return;
    }
    note.textContent = "";
    mine.reading = true;
    await mine.hearing;
    const result = await api.call("read", { lease: mine.lease, emotion: mine.answers.heard_emotion ?? null }, Infinity);
    mine.reading = false;
    if (form !== mine) return;
    if (result.error) { note.textContent = result.error; api.say(result.error, "refused"); return; }
    gate().outerHTML = result.html; // the server escaped every text of people and models in it
    mine.rows = all(".an-row", mine.section);
    render();
    move(Math.max(0, mine.rows.findIndex((row) => value(row) === null)));
    find(".an-texts", mine.section).scrollIntoView({ block: "nearest" });
  }

  const pressId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  async function submit() {
    const mine = form;
    if (mine.submitting) return;
    if (gate() && !excused()) { read(); return; }
    const missing = firstMissing();
    const note = find(".an-missing", mine.section);
    if (missing) {
      note.textContent = `Still to answer: ${find("h3", missing).textContent}`;
      move(mine.rows.indexOf(missing));
      return;
    }
    if (!mayUnheard()) {
      note.textContent = "Please play the whole clip once before you submit (Space), or flag bad audio if it does not play.";
      find("[data-play]", mine.section).focus();
      return;
    }
    note.textContent = "";
    mine.submitting = true;
    find("[data-submit]", mine.section).disabled = true;
    mine.section.setAttribute("aria-busy", "true");
    await mine.saving;
    await mine.hearing;
    const payload = { lease: mine.lease, submission: pressId(), answers: mine.answers, seconds: mine.seconds };
    api.kept.set("annotate-pending", JSON.stringify({ token: api.token(), payload }));
    api.say("Submitting …", "saving");
    const result = await api.call("submit", payload, Infinity);
    api.kept.drop("annotate-pending");
    if (form !== mine) return;
    if (result.error) {
      again(mine, result.error);
      if (mine.dirty) save();
      return;
    }
    api.kept.drop("annotate-draft");
    api.toast(result.revision > 1 ? "Your answer was changed." : "Saved. Press U or “My answers” to change it.");
    const next = await api.go("open", {}, Infinity);
    if (next.error && form === mine) again(mine, next.error);
  }

  // The button may be pressed once more, which doubles nothing.
  function again(mine, why) {
    mine.submitting = false;
    find("[data-submit]", mine.section).disabled = false;
    mine.section.removeAttribute("aria-busy");
    find(".an-missing", mine.section).textContent = why;
    api.say(why, "refused");
  }

  // Listening: which parts of the clip really sounded

  // The browser itself keeps account of what it played, however late its events come.
  function listened(sound) {
    const length = Number.isFinite(sound.duration) && sound.duration > 0 ? sound.duration : form.duration;
    let played = 0;
    for (let i = 0; i < sound.played.length; i++) played += sound.played.end(i) - sound.played.start(i);
    const share = Math.min(played / length, 1);
    find(".an-meter i", form.section).style.width = `${Math.round(100 * (form.heard ? 1 : share))}%`;
    if (!form.heard && share >= HEARD) {
      form.heard = true;
      const mine = form;
      mine.hearing = api.call("heard", { lease: mine.lease, played }, Infinity).then((result) => {
        if (form !== mine) return;
        if (result.error) { mine.heard = false; api.say(result.error, "refused"); return; }
        find(".an-heard", mine.section).textContent = "Heard in full";
        find(".an-missing", mine.section).textContent = "";
        render();
      });
    }
  }

  for (const name of ["timeupdate", "playing", "pause", "ended", "error"]) {
    document.addEventListener(name, (event) => {
      if (!form || event.target.id !== "an-audio") return;
      const sound = event.target;
      if (name === "error") { find(".an-heard", form.section).textContent = "This clip does not play here: flag it as bad audio."; return; }
      listened(sound);
      find(".an-time", form.section).textContent = `${Math.floor(sound.currentTime / 60)}:${(sound.currentTime % 60).toFixed(1).padStart(4, "0")}`;
      find("[data-play]", form.section).textContent = sound.paused ? "▶" : "❚❚";
    }, true);
  }

  function speed(rate) {
    const sound = find("#an-audio");
    sound.playbackRate = rate;
    sound.preservesPitch = true; // slower, not lower: the pitch is what is rated
    all("[data-rate]", form.section).forEach((one) => one.setAttribute("aria-checked", String(+one.dataset.rate === rate)));
  }

  function repeat() {
    const button = find("[data-loop]", form.section);
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    window.emotionthinker.repeat(on);
    if (on && find("#an-audio").paused) window.emotionthinker.again();
  }

  function tick(mine) {
    if (form !== mine) return;
    if (!document.hidden && Date.now() - mine.active < IDLE_MS) mine.seconds += 1;
    const whole = Math.floor(mine.seconds);
    find(".an-clock", mine.section).textContent = `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
    setTimeout(() => tick(mine), 1000);
  }

  // Marks on sentences

  const sentences = () => all(".an-sentence[data-from]", form.section);
  function pick(index) {
    const list = sentences();
    if (!list.length) return;
    form.sentence = Math.min(Math.max(index, 0), list.length - 1);
    list[form.sentence].focus();
    list[form.sentence].scrollIntoView({ block: "nearest" });
  }
  function mark(sentence, wanted = null) {
    const at = [+sentence.dataset.from, +sentence.dataset.to];
    const old = sentence.dataset.mark;
    const next = wanted === null ? MARKS[MARKS.indexOf(old) + 1] ?? "" : wanted === old ? "" : wanted;
    change((answers) => {
      answers.marks = answers.marks.filter(([from]) => from !== at[0]);
      if (next) answers.marks.push([...at, next]);
    });
  }

  function undo() {
    if (form.undo.length) {
      form.answers = { ...JSON.parse(form.undo.pop()), comment: form.answers.comment }; // a text is undone where it is typed
      render();
      save();
    } else if (form.kind === "new") api.go("revise", { kind: "last" });
  }

  // Mouse and keys

  document.addEventListener("click", (event) => {
    if (!form || !form.section.contains(event.target)) return;
    const target = event.target.closest("button, .an-sentence[data-from]");
    if (!target || target.disabled) return;
    const row = target.closest(".an-row");
    if (row) { choose(row, target.dataset.value); move(form.rows.indexOf(row), false); }
    else if (target.matches(".an-sentence")) { form.sentence = sentences().indexOf(target); mark(target); }
    else if ("flag" in target.dataset) {
      const flag = target.dataset.flag;
      change((answers) => { answers.flags = answers.flags.includes(flag) ? answers.flags.filter((one) => one !== flag) : [...answers.flags, flag]; });
    } else if ("play" in target.dataset) window.emotionthinker.toggle();
    else if ("loop" in target.dataset) repeat();
    else if ("rate" in target.dataset) speed(+target.dataset.rate);
    else if ("submit" in target.dataset) submit();
    else if ("read" in target.dataset) read();
  });
  document.addEventListener("focusin", (event) => {
    const row = form && event.target.closest?.(".an-row");
    if (!row) return;
    move(form.rows.indexOf(row), false);
    anchor(row, +event.target.dataset.value || null);
  });
  document.addEventListener("focusout", (event) => { const row = form && event.target.closest?.(".an-scale"); if (row) anchor(row); });
  document.addEventListener("pointerover", (event) => {
    const button = form && event.target.closest?.(".an-scale [role=radio]");
    if (button) anchor(button.closest(".an-row"), +button.dataset.value);
  });
  document.addEventListener("pointerout", (event) => { const row = form && event.target.closest?.(".an-scale"); if (row) anchor(row); });
  document.addEventListener("input", (event) => {
    if (!form || !event.target.matches?.(".an-comment textarea")) return;
    form.answers.comment = event.target.value;
    keep();
    clearTimeout(form.typing);
    const mine = form;
    form.typing = setTimeout(() => { if (form === mine) save(); }, 500);
  });

  function key(event) {
    const pressed = event.key;
    const row = form.rows[form.row];
    if (!row && /^([1-9]|Arrow.*)$/.test(pressed)) return false; // a pair that may not be read yet asks nothing
    const options = row ? all("[role=radio]", row) : [];
    const chosen = options.findIndex((option) => option.getAttribute("aria-checked") === "true");
    if (/^[1-9]$/.test(pressed)) {
      const option = options[+pressed - 1];
      if (!option) return false;
      choose(row, option.dataset.value);
      move(form.row + 1 < form.rows.length ? form.row + 1 : form.row);
    } else if (pressed === "ArrowDown" || pressed === "ArrowUp") move(form.row + (pressed === "ArrowDown" ? 1 : -1));
    else if (pressed === "ArrowRight" || pressed === "ArrowLeft") {
      const step = pressed === "ArrowRight" ? 1 : -1;
      const next = chosen < 0 ? (step > 0 ? 0 : options.length - 1) : Math.min(Math.max(chosen + step, 0), options.length - 1);
      choose(row, options[next].dataset.value);
      options[next].focus({ preventScroll: true });
    } else if (pressed === " ") window.emotionthinker.toggle();
    else if (pressed === "Enter") submit();
    else if (pressed === "[" || pressed === "]") pick(form.sentence + (pressed === "]" ? 1 : -1));
    else if (pressed.toLowerCase() in MARK_KEYS && sentences()[form.sentence]) mark(sentences()[form.sentence], MARK_KEYS[pressed.toLowerCase()]);
    else if (pressed === "r" || pressed === "R") window.emotionthinker.again();
    else if (pressed === "l" || pressed === "L") repeat();
    else if (pressed === "s" || pressed === "S") {
      const rate = find("#an-audio").playbackRate;
      speed(rate > 0.9 ? 0.75 : rate > 0.6 ? 0.5 : 1);
    } else if (pressed === "u" || pressed === "U") undo();
    else if (pressed === "?") document.getElementById("an-help").showModal();
    else return false;
    return true;
  }

  const ownKeys = (target) => target.closest("textarea, input, select, summary, dialog, a, .et-layer, .et-word, .et-fact")
    || (target.closest("button") && !target.closest(".an-row") && !target.closest("[data-play]"));
  document.addEventListener("keydown", (event) => {
    if (!form || !form.section.offsetParent || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    form.active = Date.now();
    const target = event.target instanceof Element ? event.target : document.body;
    if (event.key === "Escape" && target.matches("textarea")) { target.blur(); move(form.row); return; }
    if (document.querySelector("dialog[open]")) return;
    const leaves = !["Enter", " "].includes(event.key) && !target.closest("textarea, input, select, .et-layer");
    if (ownKeys(target) && !leaves) return; // a button keeps Space and Enter, a text keeps everything
    if (event.repeat && ["Enter", " "].includes(event.key)) { event.preventDefault(); return; }
    if (key(event)) event.preventDefault();
  });
  document.addEventListener("keyup", (event) => {
    if (form && event.key === " " && event.target.closest?.(".an-row, [data-play]")) event.preventDefault(); // no click after Space
  });
  document.addEventListener("pointermove", () => { if (form) form.active = Date.now(); }, { passive: true });

  // Back in this window: another machine may have gone on with the item.
  document.addEventListener("visibilitychange", async () => {
    const mine = form;
    if (document.hidden || !mine || mine.kind !== "new" || mine.dirty || mine.saving || mine.submitting) return;
    const result = await api.call("open");
    if (form === mine && !mine.dirty && !mine.saving && !result.error && (result.lease !== mine.lease || result.version !== mine.version)) {
      api.show(result);
    }
  });

  // Another width needs another drawing.
  let redraw = null;
  new ResizeObserver(() => {
    const drawn = +(find("#an-figure .et-drawing")?.dataset.width ?? 0);
    const wide = form ? window.emotionthinker.width() : 0;
    if (!drawn || !wide || Math.abs(wide - drawn) / drawn < 0.12) return;
    clearTimeout(redraw);
    redraw = setTimeout(() => { if (form) draw(); }, 300);
  }).observe(document.documentElement);

  window.annotateForm = { enter, leave };
})();
