// The card of a claim: the numbers behind its verdict, where the pointer or the focus is. `page.js` plays and lights what a claim is about.
(() => {
  "use strict";
  const GRACE_MS = 180; // to move the pointer from the claim to the card
  const MARGIN = 8; // between the card and the window, in px
  let owner = null; // the claim whose card is shown
  let focused = null; // where a claim with the focus stands in the text: text that streams replaces the claims
  let leaving = null;

  const claimOf = (event) => event.target.closest?.(".et-claim[data-card]") ?? null;

  function card() {
    let box = document.getElementById("et-card");
    if (!box) {
      box = document.createElement("div");
      box.id = "et-card";
      box.setAttribute("role", "tooltip");
      box.hidden = true;
      document.body.append(box);
    }
    return box;
  }

  function show(claim) {
    clearTimeout(leaving);
    const box = card();
    if (owner !== claim || box.hidden) {
      const [[verdict], ...lines] = JSON.parse(claim.dataset.card);
      const list = document.createElement("dl");
      for (const [heading, text] of lines) {
        const term = document.createElement("dt");
        const value = document.createElement("dd");
        term.textContent = heading;
        value.textContent = text; // never as HTML: it holds words of the model and of the clip
        value.dir = "auto";
        list.append(term, value);
      }
      const head = document.createElement("p");
      head.textContent = verdict;
      head.className = Array.from(claim.classList).find((name) => ["et-yes", "et-no", "et-open"].includes(name)) ?? "";
      box.replaceChildren(head, list);
      owner = claim;
    }
    box.hidden = false;
    place(claim, box);
  }

  // Under the line that the claim begins on, above it where there is no room, and inside the window in any case.
  function place(claim, box) {
    const line = claim.getClientRects()[0];
    if (!line) { hide(); return; }
    const left = Math.min(Math.max(line.left, MARGIN), document.documentElement.clientWidth - box.offsetWidth - MARGIN);
    const lines = claim.getClientRects();
    const under = lines[lines.length - 1].bottom + 6;
    const above = line.top - box.offsetHeight - 6;
    const top = under + box.offsetHeight > window.innerHeight && above > 0 ? above : under;
    box.dataset.above = top === above;
    box.style.left = `${Math.max(left, MARGIN) + window.scrollX}px`;
    box.style.top = `${top + window.scrollY}px`;
  }

  function hide() {
    clearTimeout(leaving);
    card().hidden = true;
    owner = null;
  }

  function leave() {
    clearTimeout(leaving);
    leaving = setTimeout(() => {
      const held = document.activeElement?.closest?.(".et-claim[data-card]");
      if (held) show(held);
      else hide();
    }, GRACE_MS);
  }

  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return; // a tap plays the claim and gives it the focus
    const claim = claimOf(event);
    if (claim) show(claim);
    else if (event.target.closest?.("#et-card")) clearTimeout(leaving);
    else if (owner) leave();
  });
  document.addEventListener("focusin", (event) => {
    const claim = claimOf(event);
    focused = claim?.dataset.at ?? null;
    if (claim) show(claim);
    else if (owner) hide();
  });
  document.addEventListener("focusout", (event) => {
    if (claimOf(event)?.isConnected && !document.hidden) leave();
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && owner) hide(); });
  // What a claim lights is in the figure above: a card that stands in between gives way when the claim is pressed.
  function pressed(event) {
    if (owner && claimOf(event) === owner && card().dataset.above === "true") hide();
  }
  document.addEventListener("click", pressed);
  document.addEventListener("keyup", (event) => { if (event.key === "Enter" || event.key === " ") pressed(event); });
  window.addEventListener("resize", () => { if (owner) hide(); });

  // Each piece of text that arrives replaces the claims: find the one that was shown, and give the focus back.
  new MutationObserver(() => {
    const now = document.activeElement;
    if (focused !== null && (now === null || now === document.body)) {
      document.querySelector(`#et-reasoning .et-claim[data-at="${focused}"]`)?.focus({ preventScroll: true });
    }
    if (!owner || owner.isConnected) return;
    const again = document.querySelector(`#et-reasoning .et-claim[data-at="${owner.dataset.at}"]`);
    if (again) show(again);
    else hide();
  }).observe(document.documentElement, { subtree: true, childList: true });
})();
