// The lead's board: decide, invite, let in and shut out, export. A button does nothing more until its answer is there: of two new
// links that a double click would make only the second opens anything, and the first may be the one that is shown.
(() => {
  "use strict";
  const find = (selector, place = document) => place.querySelector(selector);
  const all = (selector, place = document) => Array.from(place.querySelectorAll(selector));
  const api = window.annotate;

  function showLink(result) {
    const line = find(".an-link");
    if (result.error) { api.toast(result.error); return; }
    line.textContent = `Link of ${result.name}, shown only now: `;
    const box = document.createElement("input");
    box.readOnly = true;
    box.value = `${location.origin}${location.pathname}#invite=${result.token}`;
    box.size = 60;
    line.append(box);
    box.select();
    line.scrollIntoView({ block: "nearest" });
  }

  async function openItem(item) {
    await api.go("item", { item });
    const section = find(".an-decide");
    if (!section) return;
    const scores = JSON.parse(section.dataset.scores);
    for (const row of all(".an-row", section)) press(row, scores[row.dataset.row] ?? null);
    const result = await api.call("item_figure", { item, width: window.emotionthinker.width() });
    const place = find("#an-figure", section);
    if (place) place.innerHTML = result.figure ?? "";
  }

  function press(row, score) {
    for (const button of all("[role=radio]", row)) {
      button.tabIndex = 0;
      button.setAttribute("aria-checked", String(+button.dataset.value === score));
    }
    const meanings = JSON.parse(row.dataset.anchors);
    find(".an-anchor", row).textContent = score ? `${score}: ${meanings[score - 1]}` : "";
  }

  async function decide(section) {
    const scores = {};
    for (const row of all(".an-row", section)) {
      const chosen = find("[aria-checked=true]", row);
      if (!chosen) { find(".an-missing", section).textContent = "A decision needs all four scales."; return; }
      scores[row.dataset.row] = +chosen.dataset.value;
    }
    await api.go("adjudicate", { item: +section.dataset.item, scores, comment: find("textarea", section).value });
  }

  async function save(form) {
    api.toast("Writing the archive …");
    const result = await api.call("export", { format: form });
    if (result.error) { api.toast(result.error); return; }
    const link = find(".an-download");
    link.href = new URL(result.url, document.baseURI);
    link.download = result.name;
    link.hidden = false;
    link.textContent = `Download ${form}`;
    link.click();
    api.toast("Exported.");
  }

  document.addEventListener("click", async (event) => {
    const section = find(".an-board, .an-decide");
    const button = event.target.closest("#an-root button");
    if (!section || !button || !section.contains(button)) return;
    const data = button.dataset;
    if (button.matches(".an-decide .an-row [role=radio]")) { press(button.closest(".an-row"), +data.value); return; }
    if ("boardPlay" in data) { window.emotionthinker.toggle(); return; }
    if (data.busy) return;
    data.busy = "1"; // not `disabled`, which would take the focus away
    if ("item" in data) await openItem(+data.item);
    else if ("decide" in data) await decide(section);
    else if ("gift" in data) await api.go("gift", { gift: +data.gift, take: data.take === "1" });
    else if ("retire" in data) await api.go("retire", { item: +data.retire });
    else if ("invite" in data) {
      const name = find(".an-name", section).value;
      showLink(await api.call("invite", { name, lead: find(".an-lead", section).checked }, 0));
    } else if ("newLink" in data) showLink(await api.call("new_link", { rater: +data.newLink }, 0));
    else if ("active" in data) await api.go("active", { rater: +data.active, on: data.on === "1" });
    else if ("export" in data) await save(data.export);
    delete data.busy;
  });
})();
