// The interface in another language, without a request and without losing what was typed: texts are exchanged where they stand.
// English is the source; the tables are in emotionthinker/page/strings. What a model, a person or a recording says stays as it is.
(() => {
  "use strict";
  const tables = window.emotionthinkerStrings ?? {};
  const KEY = "emotionthinker-language";
  // Gradio speaks the browser's language where it can. Here one table rules, so it is asked for English, which is then exchanged.
  const wished = navigator.languages ?? [navigator.language];
  for (const [name, value] of [["language", "en"], ["languages", ["en"]]]) {
    Object.defineProperty(navigator, name, { get: () => value, configurable: true });
  }
  const LEFT = ".et-story:not(.et-empty) p, bdi, code, textarea, script, style, .et-flow, .et-claim, .et-said, #et-card dd, " +
    "[data-language-switch], td.tl-said, .tl-quote, td[dir=auto], #an-root [dir=auto], #an-root q, [contenteditable]";
  const ATTRIBUTES = ["aria-label", "title", "placeholder"];
  const INLINE = new Set(["STRONG", "EM", "B", "I", "BDI", "CODE", "KBD"]);
  const NUMBER = /^[\d\s.,:;%±+−–·/()°"“”…✓✗?|●◐×⟲▶❚¾½↑↓←→[\]-]*((k?Hz|dBFS|dB|st|s|MB|KB|x)[\s.,]*)?$/;
  // Words that the style sheet writes.
  const STYLED = { "--et-say-off": "Microphone and upload are off until you have chosen above.", "--et-say-file": "File",
    "--et-say-microphone": "Microphone" };

  let language = "en";
  let exact = new Map();
  let patterns = [];
  const shown = new WeakMap(); // text node or element -> {source, text} as exchanged last
  const attributes = new WeakMap(); // element -> {attribute: {source, text}}

  function choose(code) {
    language = tables[code] ? code : "en";
    const table = tables[language]?.strings ?? {};
    exact = new Map(Object.entries(table));
    patterns = Object.keys(table).filter((key) => /\{\w+\}/.test(key)).map((key) => {
      const names = [];
      const body = key.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{(\w+)\}/g, (_, name) => { names.push(name); return "(.+?)"; });
      return { key, names, regex: new RegExp(`^${body}$`, "s") };
    }).sort((one, other) => other.key.length - one.key.length); // the closest fit first
  }

  // A sign stays left of its number, and a date in its order, in a text from right to left, too.
  function isolated(value) {
    return tables[language].direction === "rtl" && /^([−+]\d|\d{4}-\d\d)/.test(value) ? `\u2066${value}\u2069` : value;
  }

  // The translation of an English text, spaces around it kept; null where the table has none.
  function translated(source) {
    const [, before, text, after] = /^(\s*)(.*?)(\s*)$/s.exec(source);
    const plain = text.replace(/\s+/g, " ");
    let found = exact.get(plain);
    if (found === undefined) { // several sentences in one, each by itself: the last place of a fitting pattern would swallow the rest
      const sentences = plain.split(/(?<=[.!?…]) (?=\p{Lu})/u);
      const each = sentences.length > 1 ? sentences.map((part) => translated(part)) : [];
      if (each.length && each.every((part) => part !== null)) found = each.join(" ");
    }
    if (found === undefined) {
      for (const { key, names, regex } of patterns) {
        const match = regex.exec(plain);
        if (!match) continue;
        const values = Object.fromEntries(names.map((name, index) => [name, translated(match[index + 1]) ?? isolated(match[index + 1])]));
        found = exact.get(key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
        break;
      }
    }
    return found === undefined ? null : before + found + after;
  }

  // For scripts that write words themselves.
  function say(key, values = {}) {
    return (exact.get(key) ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  }

  // In a cell of facts a <bdi> holds what was measured, which has names; the stressed words are the speaker's own.
  function isLeft(element) {
    const left = element.closest(LEFT);
    if (!left) return false;
    const fact = left.matches(".et-val > bdi, .cp-facts td > bdi") ? left.closest("[data-row]") : null;
    if (!fact) return true;
    return fact.dataset.row === "stress" && !/^(no word stands out|not measured|listening for the words …)$/.test(source(left.firstChild));
  }

  const source = (node) => { const last = shown.get(node); return last && last.text === node?.data ? last.source : node?.data ?? ""; };

  // Words of the transcript are drawn in the figure, too.
  function isSpoken(element, text) {
    if (!element.closest("svg") || element.closest(".ac-panel")) return false; // Calibrate draws no words of people
    const drawing = element.closest("[data-series]");
    if (!drawing) return !/[,↗↘→]/.test(text); // the titles of a lane
    return JSON.parse(drawing.dataset.series).words.some(([word]) => text.replace(/\s*●/, "").startsWith(word));
  }

  function exchangeText(node) {
    const parent = node.parentElement;
    if (!parent || !node.data.trim() || isLeft(parent)) return;
    if (isSentence(parent)) { exchangeSentence(parent); return; }
    const block = INLINE.has(parent.tagName) && parent.parentElement;
    if (block && isSentence(block)) { exchangeSentence(block); return; }
    const from = source(node);
    if (isSpoken(parent, from)) return;
    let text = language === "en" ? from : translated(from) ?? from;
    // A figure runs from left to right, a sentence in it in its own direction.
    if (text !== from && parent.closest("svg") && tables[language].direction === "rtl") text = `\u2067${text}\u2069`;
    shown.set(node, { source: from, text });
    if (node.data !== text) node.data = text;
  }

  // A sentence with parts set apart is exchanged whole: "It describes <0>not</0> …"; a part that stays is "<0/>".
  function isSentence(element) {
    let texts = 0, parts = 0;
    for (const child of element.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) texts += /\p{L}/u.test(child.data) ? 1 : 0;
      else if (child.nodeType === Node.ELEMENT_NODE) { if (!INLINE.has(child.tagName)) return false; parts += 1; }
    }
    return texts > 0 && parts > 0;
  }
  const stays = (part) => ["BDI", "CODE"].includes(part.tagName) || part.children.length > 0;
  function marked(element) {
    let count = 0;
    return Array.from(element.childNodes, (child) => {
      if (child.nodeType !== Node.ELEMENT_NODE) return child.nodeType === Node.TEXT_NODE ? child.data : "";
      const mark = count++;
      return stays(child) ? `<${mark}/>` : `<${mark}>${child.textContent}</${mark}>`;
    }).join("").replace(/\s+/g, " ").trim();
  }
  function sentence(element) {
    const now = marked(element);
    const last = shown.get(element);
    return last && last.text === now ? last : { source: now, parts: Array.from(element.children) };
  }
  function exchangeSentence(element) {
    const state = sentence(element);
    const text = language === "en" ? state.source : translated(state.source) ?? state.source;
    if (text !== marked(element)) {
      element.replaceChildren(...text.split(/(<\d\/>|<\d>.*?<\/\d>)/).filter(Boolean).map((piece) => {
        const found = /^<(\d)(?:\/>|>(.*?)<\/\d>)$/.exec(piece);
        if (!found) return piece;
        const part = state.parts[+found[1]];
        if (found[2] !== undefined) part.textContent = found[2];
        return part;
      }));
    }
    shown.set(element, { source: state.source, text: marked(element), parts: state.parts });
  }

  function exchangeAttribute(element, name) {
    const now = element.getAttribute(name);
    if (!now || element.closest("[data-language-switch]") && name !== "aria-label") return;
    const kept = attributes.get(element) ?? {};
    const from = kept[name]?.text === now ? kept[name].source : now;
    const text = language === "en" ? from : translated(from) ?? from;
    kept[name] = { source: from, text };
    attributes.set(element, kept);
    if (now !== text) element.setAttribute(name, text);
  }

  function exchange(root) {
    if (root.nodeType === Node.TEXT_NODE) { exchangeText(root); return; }
    if (root.nodeType !== Node.ELEMENT_NODE) return;
    for (const element of [root, ...root.querySelectorAll(ATTRIBUTES.map((name) => `[${name}]`).join())]) {
      for (const name of ATTRIBUTES) if (element.hasAttribute(name)) exchangeAttribute(element, name);
    }
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) texts.push(walker.currentNode);
    for (const node of texts) if (node.isConnected) exchangeText(node);
  }

  function show(code) {
    choose(code);
    const root = document.documentElement;
    root.lang = language;
    root.dir = tables[language]?.direction ?? "ltr";
    for (const [name, text] of Object.entries(STYLED)) root.style.setProperty(name, JSON.stringify(say(text)));
    for (const control of document.querySelectorAll("[data-language-switch]")) control.value = language;
    document.body.dir = root.dir; // for the style sheet
    document.body.toggleAttribute("data-translated", language !== "en");
    exchange(document.body);
  }

  // Visible texts below an element that the table does not have, for whoever adds to it (and for the test).
  function missing(root = document.body) {
    const found = new Set();
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode, parent = node.parentElement;
      if (!node.data.trim() || isLeft(parent) || parent.closest("#et-live, figcaption.et-sr") || !parent.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
      const block = isSentence(parent) ? parent : INLINE.has(parent.tagName) && parent.parentElement && isSentence(parent.parentElement) ? parent.parentElement : null;
      const from = block ? sentence(block).source : source(node).trim();
      if (!NUMBER.test(from) && !isSpoken(parent, from) && translated(from) === null) found.add(from);
    }
    for (const element of root.querySelectorAll(ATTRIBUTES.map((name) => `[${name}]`).join())) {
      if (!element.checkVisibility() || element.closest(".et-story, [role=img]")) continue;
      for (const [name, { source: from }] of Object.entries(attributes.get(element) ?? {})) {
        if (element.hasAttribute(name) && !NUMBER.test(from) && translated(from) === null) found.add(from);
      }
    }
    return [...found];
  }

  function first() {
    let kept = null;
    try { kept = localStorage.getItem(KEY); } catch { /* a private window */ }
    if (kept) return kept;
    return wished.map((tag) => tag.toLowerCase().split("-")[0]).find((code) => code === "en" || tables[code]) ?? "en";
  }

  window.emotionthinkerLanguage = { say, show, missing, get code() { return language; } };

  function start() {
    document.addEventListener("change", (event) => {
      if (!event.target.matches?.("[data-language-switch]")) return;
      try { localStorage.setItem(KEY, event.target.value); } catch { /* a private window */ }
      show(event.target.value);
    });
    show(first());
    new MutationObserver((records) => {
      for (const record of records) {
        if (record.type === "attributes") { if (language !== "en") exchangeAttribute(record.target, record.attributeName); continue; }
        const nodes = record.type === "characterData" ? [record.target] : record.addedNodes;
        for (const node of nodes) {
          const control = node.nodeType === Node.ELEMENT_NODE && node.querySelector("[data-language-switch]");
          if (control) control.value = language;
          if (language !== "en" && node.isConnected) exchange(node);
        }
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES });
    // Gradio writes the browser's language there once it has started, whatever the page then speaks.
    new MutationObserver(() => { if (document.documentElement.lang !== language) document.documentElement.lang = language; })
      .observe(document.documentElement, { attributes: true, attributeFilter: ["lang"] });
  }
  choose(first());
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
