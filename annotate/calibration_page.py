"""The tab Calibrate as HTML, from the plain JSON of a calibration. Every name that a person or a file gave is escaped here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from annotate import calibration_words as words
from annotate.agreement import NAMES
from annotate.calibration_plots import draw_calibration
from annotate.records import DIMENSIONS
from annotate.tables import OVERALL

GAP_PX, PADDING_PX = 14, 16
COLUMNS = ((1000, 3), (640, 2), (0, 1))  # from this width on, so many panels stand side by side
HOW_TO_READ = (
    "Across: the score given. Up: what people say, severity taken out. On the dotted line both are equal. Purple: the reward "
    "model, dashed as it comes, solid after correction (each explanation by a map that never saw its clip or speaker), with 95 % "
    "intervals. Green band: one person's score as given, against what the others say (95 %): the human ceiling. Below: how often "
    "each score is given.")
AGREEMENT_NOTE = (
    "1 is full agreement; kappa, alpha and ICC are 0 where people agree no more than chance would. Intervals: other clips, the "
    "same people.")
RATERS_NOTE = (
    "Positive: stricter than the mean of the raters. Spread 1: uses the scale as the average rater does; below 1 differences "
    "between explanations shrink. Attention: share of the scores that look like more than a key pressed at random, an estimate; "
    "with few ratings it stays near 97 %. Spread and attention are means over the dimensions.")
SYSTEMS_NOTE = (
    "Ratings and reward together (prediction-powered inference): as free of bias as the ratings, and more precise where the reward "
    "follows people. It supposes that what was rated is a random draw of what each model wrote.")


def visitor_html(problem: str = "") -> str:
    """For who is not signed in as a lead."""
    said = f'<p class="an-problem" role="alert">{escape(problem)}</p>' if problem else ""
    return f"""<section class="ac-card"><h2>Calibrate</h2>{said}
<p>Here the lead of a project sees how far people agree, how severe each rater is, and how the reward model's scores compare with
what people say; and gets the correction that training uses.</p> <p class="et-note">It opens with a lead's link (see Annotate).
<code>python -m annotate agreement</code> and <code>python -m annotate calibrate</code> say the same on the command line;
docs/calibration.md says what each figure means.</p>
</section>"""


def waiting_sentence(running_s: float) -> str:
    """What is said while figures are being worked out."""
    return f"The figures are being worked out ({running_s:.0f} s so far). You may leave this page; what comes out is kept."


def calibration_html(project: str, content: dict[str, Any] | None, versions: list[dict[str, Any]], names: Mapping[int, str], *,
                     running_s: float | None, problem: str, plots: str) -> str:
    """The whole tab for a lead.

    Args:
        project: its name.
        content: the calibration to show, or None where none was worked out yet.
        versions: all that are saved, oldest first: `version`, `created`.
        names: of the raters, by number.
        running_s: for how long one has been worked out just now; None: not.
        problem: why the last attempt failed; empty: it did not.
        plots: `plots_html` of the content; drawn apart, because drawing takes longest and a saved version never changes.
    """
    head = _head(project, content, versions, running_s, problem)
    if content is None:
        return f"{head}</section>"
    return f"""{head}</section>
{plots}
<section class="ac-card"><h3>How far people agree</h3>{_agreement(content["agreement"])}</section>
<section class="ac-card"><h3>How severe each rater is</h3>{_raters(content["agreement"], names)}</section>
<section class="ac-card"><h3>How good each model is</h3>{_systems(content["systems"])}</section>
<section class="ac-card"><h3>Length and position</h3>{_bias(content["bias"])}</section>"""


def _head(project: str, content: dict[str, Any] | None, versions: list[dict[str, Any]], running_s: float | None,
          problem: str) -> str:
    parts = [f'<section class="ac-card"><header class="ac-head"><h2>Calibrate: <bdi>{escape(project)}</bdi></h2>']
    if versions:
        shown = content["version"] if content else None
        options = "".join(
            f'<option value="{int(v["version"])}"{" selected" if v["version"] == shown else ""}>version {int(v["version"])}, '
            f'{escape(v["created"][:16].replace("T", " "))} UTC</option>' for v in reversed(versions))
        parts.append(f'<label class="et-note">Show <select data-version>{options}</select></label>')
    waiting = running_s is not None
    parts.append(f'<button type="button" class="an-chip" data-calibrate{" disabled" if waiting else ""}>'
                 f'{"Working it out …" if waiting else "Work it out anew" if content else "Work it out"}</button>')
    if content and content["version"] is not None:
        parts.append(f'<button type="button" class="an-chip" data-save="{int(content["version"])}">Save calibration.json</button>')
    parts.append("</header>")
    if waiting:
        parts.append(f'<p class="et-note" role="status" data-waiting>{escape(waiting_sentence(running_s or 0.0))}</p>')
    if problem:
        parts.append(f'<p class="an-problem" role="alert">{escape(problem)}</p>')
    if content is None:
        parts.append("<p>Nothing was worked out yet. It takes seconds for hundreds of ratings, minutes for many thousands.</p>")
        return "".join(parts)
    counts = content["counts"]
    whose = words.whose(counts)
    if whose:
        parts.append(f'<p class="an-simulated">{escape(whose)}</p>')
    parts.append(f"<p>{escape(words.counted(counts))}</p>")
    if content["version"] is None:
        parts.append("<p><strong>Not saved:</strong> no dimension has enough ratings for a correction yet.</p>")
    return "".join(parts)


def plots_html(content: dict[str, Any], width_px: int) -> str:
    """The small multiples, drawn for the width at hand, each with the sentence that says what it means."""
    columns = next(n for least, n in COLUMNS if width_px >= least)
    panel_px = (width_px - (columns - 1) * GAP_PX) // columns - 2 * PADDING_PX - 2
    panels = []
    for dimension, part in content["dimensions"].items():
        title = words.TITLES[dimension]
        if part["map"] is None:
            panels.append(f'<article class="ac-panel ac-empty"><h3>{escape(title)}</h3><p>{escape(part["reason"])}</p></article>')
            continue
        svg = draw_calibration(part, content["histogram_edges"], width_px=panel_px)
        alt = escape(words.alternative_text(title, part), quote=True)
        said = f'<p>{escape(words.meaning(part))}</p><p class="et-note">{escape(words.basis(part))}</p>'
        panels.append(f'<article class="ac-panel"><h3>{escape(title)}</h3><div role="img" aria-label="{alt}">{svg}</div>{said}'
                      f"{_figures(part)}</article>")
    if any(part["map"] for part in content["dimensions"].values()):
        how = f'<div class="ac-how"><h3>How to read the plots</h3><p>{HOW_TO_READ}</p></div>'
        panels.insert(len(panels) if columns == 3 else 0, how)  # five plots leave the sixth place free
    return ('<section aria-label="Reward model against people"><div class="ac-grid" '
            f'data-columns="{columns}">{"".join(panels)}</div>'
            "</section>")


def _figures(part: dict[str, Any]) -> str:
    why = words.shared_reason(found for row in words.ROWS for found in part["figures"][row].values())
    rows = [(name, [_cell(part["figures"][row].get(figure), why) for figure in words.FIGURES]) for row, name in words.ROWS.items()]
    note = (f"Errors in points; kappa on whole points. Were every corrected score right, chance alone would make the calibration "
            f"error {words.number(part['ece_by_chance'])}.")
    return (f"<details><summary>Figures with intervals</summary>{_table('', list(words.FIGURES.values()), rows, ours=True)}"
            f'{_no_intervals(why)}<p class="et-note">{note}</p></details>')


def _agreement(by_dimension: dict[str, Any]) -> str:
    why = words.shared_reason(found for d in DIMENSIONS for found in by_dimension[d]["figures"].values())
    rows = [(name, [_cell(by_dimension[d]["figures"][figure], why) for d in DIMENSIONS]) for figure, name in NAMES.items()]
    rows.append(("from", [f'<span class="ac-why">{escape(words.agreement_basis(by_dimension[d]))}</span>' for d in DIMENSIONS]))
    return (_table("", [words.TITLES[d] for d in DIMENSIONS], rows, ours=True)
            + f'{_no_intervals(why)}<p class="et-note">{AGREEMENT_NOTE}</p>')


def _raters(by_dimension: dict[str, Any], names: Mapping[int, str]) -> str:
    tables = {d: {r["rater_id"]: r for r in by_dimension[d]["raters"]} for d in DIMENSIONS}
    notes = "".join(f"<p>{escape(text)}</p>" for text in dict.fromkeys(words.raters_sentence(by_dimension[d]) for d in DIMENSIONS))
    rows = []
    for rater in sorted({rater for table in tables.values() for rater in table}):
        mine = [table[rater] for table in tables.values() if rater in table]
        spread = sum(r["spread"]["value"] for r in mine) / len(mine)
        attention = sum(r["attention"] for r in mine) / len(mine)
        rows.append((names.get(rater, str(rater)),
                     [str(max(r["n"] for r in mine)), *(_cell(tables[d][rater]["severity"] if rater in tables[d] else None)
                                                        for d in DIMENSIONS),
                      words.number(spread), f"{words.number(100 * attention, 0)} %"]))
    if not rows:
        return notes
    heads = ["ratings", *(words.TITLES[d] for d in DIMENSIONS), "spread", "attention"]
    return notes + _table("rater", heads, rows) + f'<p class="et-note">{RATERS_NOTE}</p>'


def _systems(systems: dict[str, Any]) -> str:
    parts = []
    for dimension in (OVERALL, *DIMENSIONS):
        why = words.shared_reason(mean[kind] for mean in systems[dimension].values() for kind in ("corrected", "rated"))
        rows = [(name, [_cell(mean["corrected"], why), _cell(mean["rated"], why),
                        "–" if mean["reward"] is None else words.number(mean["reward"]), str(mean["n_rated"]), str(mean["n_rest"])])
                for name, mean in systems[dimension].items()]
        heads = ["mean by ratings and reward", "by ratings alone", "reward as it comes", "rated", "not rated"]
        parts.append(f'<details{" open" if dimension == OVERALL else ""}><summary>{escape(words.TITLES[dimension])}</summary>'
                     f'{_table("model", heads, rows)}{_no_intervals(why)}</details>')
    return "".join(parts) + f'<p class="et-note">{SYSTEMS_NOTE}</p>'


def _bias(bias: dict[str, Any]) -> str:
    def listed(found: dict[str, Any], say: Callable[[dict[str, Any]], str]) -> str:
        said = {dimension: say(part) for dimension, part in found.items()}
        if len(set(said.values())) == 1:
            return f"<p>{escape(next(iter(said.values())))}</p>"
        return "<ul>" + "".join(f"<li><b>{escape(words.TITLES[d])}:</b> {escape(text)}</li>" for d, text in said.items()) + "</ul>"

    return ("<h4>Does length buy reward?</h4>" + listed(bias["length"], words.length_meaning)
            + "<h4>Does the first of two win?</h4>" + listed(bias["first_shown_preferred"], words.first_meaning)
            + "<h4>Do raters drift?</h4>" + listed(bias["drift_per_100_items"], words.drift_meaning))


def _table(corner: str, heads: list[str], rows: list[tuple[str, list[str]]], *, ours: bool = False) -> str:
    """A table that scrolls by itself. Heads and row names are text and escaped here; cells are HTML.

    ours: the rows have names of ours, which are translated; else those of people and models, which are not.
    """
    tag = "span" if ours else "bdi"
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in (corner, *heads))
    body = "".join(f'<tr><th scope="row"><{tag}>{escape(name)}</{tag}></th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
                   for name, cells in rows)
    return (f'<div class="an-scroll"><table class="ac-table"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>')


def _no_intervals(why: str) -> str:
    """The reason that all estimates of a table share, said once below it."""
    return f'<p class="et-note">No intervals: {escape(why)}</p>' if why else ""


def _cell(found: dict[str, Any] | None, said: str = "") -> str:
    """An estimate in a table: the figure, below it the interval, or the reason in small print where it is not `said` elsewhere."""
    if found is None:
        return "–"
    if found["value"] is None:
        return f'<span class="ac-why">{escape(found["reason"])}</span>'
    value = f"<b><bdi>{words.number(found['value'])}</bdi></b>"
    if found["low"] is None:
        return value if found["reason"] == said else f'{value}<br><span class="ac-why">{escape(found["reason"])}</span>'
    return f'{value}<br><bdi class="ac-span">{words.number(found["low"])} … {words.number(found["high"])}</bdi>'
