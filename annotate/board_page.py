"""The screens of a lead as HTML: the board, and one item with what its raters said. Every text of others is escaped here."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from annotate.answers import NAMES
from annotate.board import SPREAD, Board
from annotate.exporting import FORMATS
from annotate.guide import SCALES
from annotate.pages import banner
from annotate.records import DIMENSIONS, Item, Project
from annotate.settings import ProjectSettings
from annotate.task_page import scale_row
from emotionthinker.page.facts import facts_html

WORTH_A_LOOK = 0.7  # an attention score below this is marked


def board_html(project: Project, found: Board, storage: str, lasts: bool, given: str = "") -> str:
    """The whole board. given: the clips of visitors that wait, as HTML."""
    settings = ProjectSettings.of(project)
    warning = "" if lasts else ' class="an-problem"'
    return f"""{banner(project)}<section class="an-board" data-screen="board">
<header class="an-bar"><h2>Board: <bdi>{escape(project.name)}</bdi></h2>
<nav><button type="button" class="an-chip" data-open>Refresh</button>
<button type="button" class="an-chip" data-sign-out>Sign out</button></nav></header>
<p{warning}>{escape(storage)}</p>
{given}
{_progress(found, settings)}
{_raters(found)}
{_disagreements(found, settings)}
{_flagged(found)}
{_people()}
{_exports()}
</section>"""


def adjudicate_html(project: Project, item: Item, ratings: list[dict[str, Any]], compared: list[dict[str, Any]],
                    decision: dict[str, Any] | None, clip: str) -> str:
    """One item for the lead: sound, figure, explanation, each rater's scores and comment, and the four scales to decide.

    compared: how it came out in pairs (`board.comparisons`). Who wrote the explanation is not told here either: a decision should
    be as blind as a rating.
    """
    heads = "".join(f"<th>{escape(scale.title)}</th>" for scale in SCALES)
    rows = "".join(
        f"<tr><th scope='row'><bdi>{escape(row['name'])}</bdi></th>"
        + "".join(f"<td>{'–' if row[name] is None else int(row[name])}</td>" for name in DIMENSIONS)
        + f"<td>{escape(row['heard_emotion'] or '–')}</td><td dir='auto'>{escape(row['comment'])} "
        + f"{_flag_text(row['flags'])}</td></tr>" for row in ratings)
    rows += "".join(
        f"<tr><th scope='row'><bdi>{escape(row['name'])}</bdi> <span class='et-note'>in a pair</span></th>"
        + "".join(f"<td>{escape(row[name] or '–')}</td>" for name in DIMENSIONS)
        + f"<td>–</td><td dir='auto'>{escape(row['comment'])} {_flag_text(row['flags'])}</td></tr>" for row in compared)
    given = {name: decision[name] for name in DIMENSIONS} if decision else {}
    return f"""{banner(project)}<section class="an-decide" data-screen="adjudicate" data-item="{item.id}"
data-duration="{float(item.prosody['duration_s']):.3f}" data-scores="{escape(json.dumps(given))}">
<header class="an-bar"><h2>Item {item.id}</h2>
<nav><button type="button" class="an-chip" data-open>Back to the board</button></nav></header>
<div class="an-stage"><div id="an-figure"><div class="et-figure et-empty"><p>Drawing …</p></div></div>
<div class="an-player"><audio id="an-audio" src="{escape(clip)}" preload="auto"></audio>
<button type="button" class="an-play" data-board-play aria-label="Play or pause">▶</button></div></div>
<details class="an-facts"><summary>What was measured</summary>{facts_html(item.prosody)}</details>
<article class="an-text"><p class="an-story" dir="auto">{escape(item.explanation)}</p>
<p class="an-answer">Answer: <bdi>{escape(item.answer or '–')}</bdi></p></article>
<div class="an-card an-wide an-scroll"><table class="an-table">
<thead><tr><th>rater</th>{heads}<th>hears</th><th>comment, flags</th></tr></thead><tbody>{rows}</tbody></table></div>
<h3>Your decision</h3>
{''.join(scale_row(scale) for scale in SCALES)}
<label class="an-comment">Why
<textarea maxlength="2000" rows="2" dir="auto">{escape(decision['comment'] if decision else '')}</textarea></label>
<p class="an-missing" role="status"></p>
<p><button type="button" class="an-primary" data-decide>Decide</button>
<button type="button" class="an-chip" data-retire="{item.id}">Take it out of the work</button></p></section>"""


def _flag_text(flags: str) -> str:
    """Flags of several JSON lists that SQLite put together with commas (`_flag_words`), as HTML."""
    return _words(sorted(_flag_words(flags)))


def _progress(found: Board, settings: ProjectSettings) -> str:
    total = sum(found.items)
    bars = []
    for n, items in enumerate(found.items):
        share = 100 * items / total if total else 0
        what = f"{'pair' if settings.mode == 'pair' else 'item'}{'' if items == 1 else 's'}"
        bars.append(f'<li><span>{n} of {settings.ratings_per_item} ratings</span><span class="et-bar" aria-hidden="true">'
                    f'<i style="width:{share:.1f}%"></i></span><span>{items} {what}</span></li>')
    return (f'<section class="an-card an-wide"><h3>Progress</h3><p><strong>{found.answers}</strong> answers, '
            f'<strong>{found.needed}</strong> still needed, {found.lent} in hand just now.</p>'
            f'<ul class="an-bars">{"".join(bars)}</ul></section>')


def _raters(found: Board) -> str:
    rows = []
    for line in found.raters:
        passed, seen = line.attention
        score = "–" if not seen else f"{passed}/{seen}"
        low = ' class="an-low"' if seen and passed / seen < WORTH_A_LOOK else ""
        gone = line.rater.withdrawn is not None
        state = [word for word, true in (
            (line.rater.role, line.rater.role == "lead"), ("simulated", line.rater.simulated), ("withdrew", gone),
            ("shut out", not line.rater.active and not gone), ("not qualified", line.rater.qualified is False),
            ("no consent yet", line.rater.consented is None and line.rater.role == "rater" and not gone)) if true]
        button = "" if line.rater.simulated or gone else (
            f'<button type="button" class="an-chip" data-new-link="{line.rater.id}">New link</button> '
            f'<button type="button" class="an-chip" data-active="{line.rater.id}" data-on="{int(not line.rater.active)}">'
            f'{"Shut out" if line.rater.active else "Let in"}</button>')
        time = "–" if line.seconds is None else f"<bdi>{line.seconds:.0f} s</bdi>"
        last = (line.last or "–")[:16].replace("T", " ")
        rows.append(f"<tr><th scope='row'><bdi>{escape(line.rater.name)}</bdi> "
                    f"<span class='et-note'>{_words(state)}</span></th>"
                    f"<td>{line.answers}</td><td>{time}</td><td>{line.too_fast}</td><td{low}>{score}</td>"
                    f"<td>{line.flagged}</td><td><bdi>{escape(last)}</bdi></td><td>{button}</td></tr>")
    heads = "".join(f"<th>{head}</th>" for head in ("name", "answers", "median time", "faster than the clip", "attention passed",
                                                    "flagged", "last (UTC)", ""))
    return (f'<section class="an-card an-wide an-scroll"><h3>People</h3><table class="an-table"><thead><tr>{heads}</tr></thead>'
            f'<tbody>{"".join(rows)}</tbody></table></section>')


def _disagreements(found: Board, settings: ProjectSettings) -> str:
    if settings.mode == "pair" and not found.disagreements:
        return ""  # pairs have no scores to lie apart
    rows = "".join(
        f'<li><button type="button" class="an-chip" data-item="{one.item_id}">{"Look again" if one.decided else "Decide"}</button> '
        f'<strong>{one.spread} points</strong> apart on {escape(NAMES[one.dimension])}, {one.n} ratings · '
        f'<span dir="auto">{escape(one.begin)}…</span></li>' for one in found.disagreements)
    more = f" The {len(found.disagreements)} widest are listed." if found.n_disagreements > len(found.disagreements) else ""
    items = "1 item" if found.n_disagreements == 1 else f"{found.n_disagreements} items"
    return (f'<section class="an-card an-wide"><h3>Disagreements</h3><p>{items} on which raters lie {SPREAD} '
            f'points or more apart.{more}</p><ul class="an-history">{rows}</ul></section>')


def _flagged(found: Board) -> str:
    if not found.flagged:
        return ""
    rows = "".join(
        f'<li><button type="button" class="an-chip" data-item="{row["item_id"]}">Look</button> flagged by {row["n"]} '
        f'({_flag_text(row["flags"])}) · <span dir="auto">{escape(row["begin"])}…</span></li>'
        for row in found.flagged)
    return f'<section class="an-card an-wide"><h3>Flagged</h3><ul class="an-history">{rows}</ul></section>'


def _words(words: list[str]) -> str:
    """Words of ours, each by itself, so that each is translated by itself."""
    return ", ".join(f"<span>{escape(word)}</span>" for word in words)


def _flag_words(joined: str) -> set[str]:
    """Distinct flags of several JSON lists that SQLite put together with commas."""
    return {flag.replace("_", " ") for flags in json.loads(f"[{joined}]") for flag in flags}


def _people() -> str:
    return """<section class="an-card an-wide"><h3>Invite</h3>
<p><label>Name <input type="text" maxlength="80" class="an-name"></label>
<label><input type="checkbox" class="an-lead"> as a lead, who sees this board and does not rate</label>
<button type="button" class="an-chip" data-invite>Make a link</button></p><p class="an-link" role="status"></p></section>"""


def _exports() -> str:
    buttons = " ".join(f'<button type="button" class="an-chip" data-export="{form}">{form}</button>' for form in FORMATS)
    return (f'<section class="an-card an-wide"><h3>Export</h3><p>{buttons} <a class="an-download" hidden>Download</a></p>'
            '<p class="et-note">One archive with ratings, preferences and items. Raters are numbers in it; comments are their own '
            "words.</p></section>")
