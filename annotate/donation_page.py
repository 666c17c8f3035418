"""What a visitor is told before they give a clip, and what a lead sees of a gift that waits. Every text of others is escaped."""

from __future__ import annotations

from html import escape

from annotate.copies import CopyPlan
from annotate.donation import Gift

LISTED = 20  # gifts on the board at once

ABOUT = """<p>People who rate for this project listen to clips and judge how well the model explained them. You may give them this
clip. It is your choice, and the page works the same without.</p>
<ul>
<li><strong>What is kept:</strong> the recording, its words, what was measured in it, and the model's text; no name, no file
name.</li>
<li><strong>Who hears it:</strong> first the person who leads the project, who may refuse it (then it is deleted), then the raters.
Words, measurement and text become part of the project's exports, and the recording, too, if the lead adds the clips.</li>
<li><strong>How long:</strong> until you take it back. You get a code once, here; with it you can delete everything at any time,
with all ratings of it. Exports and backups made before that are out of reach.</li>
</ul>"""
TICK = "It is my own voice, or everybody heard in it agrees: keep this clip and its explanation for rating"


def about_html(plan: CopyPlan | None) -> str:
    """What a visitor is told before they give a clip. plan: of copies, if there is one."""
    if plan is None:
        return ABOUT
    copies = f"<li><strong>Copies:</strong> {escape(plan.sentence('with the recording'))}</li>"
    return ABOUT.replace("</ul>", f"{copies}</ul>")


def code_html(code: str) -> str:
    """The clip is kept. The code is shown this once."""
    return ('<div class="et-gift" role="status"><p>Kept. Your code, shown only now: '
            f'<strong><code>{escape(code)}</code></strong></p><p class="et-note">Write it down: it is the only way to take the '
            "clip back. Nobody rates the clip before the lead has accepted it.</p></div>")


def taken_back_html() -> str:
    """It is gone."""
    return ('<div class="et-gift" role="status"><p>Deleted: the recording, its words and measurement, the explanation, and every '
            "rating of it.</p></div>")


def gifts_html(gifts: list[Gift], clips: list[str], total: int) -> str:
    """The board's list. clips: the address of each gift's sound; total: of all that wait."""
    if not gifts:
        return ""
    rows = []
    for gift, clip in zip(gifts, clips, strict=True):
        item = gift.item
        rows.append(
            f'<li><audio controls preload="none" src="{escape(clip)}"></audio>'
            f'<p dir="auto">{escape(item.explanation)}</p><p class="et-note">'
            f'Answer: <bdi>{escape(item.answer or "–")}</bdi> · words: <bdi>{escape(item.transcript or "–")}</bdi> · '
            f'{escape(gift.given[:16].replace("T", " "))} UTC</p>'
            f'<p><button type="button" class="an-chip" data-gift="{gift.id}" data-take="1">Accept: raters get it</button> '
            f'<button type="button" class="an-chip" data-gift="{gift.id}" data-take="">Refuse: delete it</button></p></li>')
    more = f"<p class='et-note'>The first {len(gifts)} of {total}.</p>" if total > len(gifts) else ""
    what = "1 clip waits" if total == 1 else f"{total} clips wait"
    return (f'<section class="an-card an-wide an-gifts"><h3>Given by visitors: {what}</h3><p class="et-note">Listen before you '
            "accept: is it speech, fit for strangers to hear, and not somebody who could not agree?</p>"
            f'<ol>{"".join(rows)}</ol>{more}</section>')
