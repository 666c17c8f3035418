"""What the model says, as HTML: the reasoning with a verdict on each claim that could be held against the measurement.

Verdicts are told apart by sign and line as well as by colour. Every text of the model is escaped here, once, at the last moment.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any, Literal

from emotionthinker.claim_parts import Statement
from emotionthinker.claims import find_statements
from emotionthinker.grounding import Claim, ground, repeats
from emotionthinker.page.claim_card import card_lines
from emotionthinker.page.stretches import LANES, claim_target

State = Literal["empty", "waiting", "thinking", "stopped", "done", "silent", "failed"]
SIGNS = {"supported": ("✓", "et-yes"), "contradicted": ("✗", "et-no"), "not checkable": ("?", "et-open")}
WAITING = {
    "empty": "The model's reasoning will appear here, word by word, and each claim in it is held against the measurement.",
    "waiting": "Listening …",
    "thinking": "Listening …",
    "stopped": "Stopped before the first word.",
    "done": "The model gave no reasoning.",
    "silent": "There is nothing to explain: no speech was found in this clip, so the model was not asked. Speak closer to the "
              "microphone, or choose another clip.",
    "failed": "No explanation.",
}


def reasoning_html(reasoning: str, claims: Sequence[dict[str, Any]], record: dict[str, Any] | None, state: State) -> str:
    """The reasoning so far, claims marked and clickable.

    claims: dictionaries as in `explain --json`; `start_char` and `end_char` count in `reasoning`. Of overlapping claims the
    first is marked. A claim that was made before says so. record: the prosody record, to find the stretch a claim is about.
    """
    if not reasoning:
        return f'<div class="et-story et-empty" data-state="{state}"><p>{escape(WAITING[state])}</p></div>'
    found = {(s.start, s.end): s for s in find_statements(reasoning)} if claims else {}
    parts, at = [], 0
    ordered = sorted(claims, key=lambda c: (c["start_char"], -c["end_char"]))
    for claim, again in zip(ordered, repeats([Claim(**claim) for claim in ordered]), strict=True):
        start, end = claim["start_char"], claim["end_char"]
        if start < at or end > len(reasoning) or end <= start or claim["verdict"] not in SIGNS:
            continue
        parts += [escape(reasoning[at:start]), _mark(reasoning[start:end], claim, record, found.get((start, end)), again)]
        at = end
    parts.append(escape(reasoning[at:]))
    caret = '<span class="et-caret" aria-hidden="true"></span>' if state == "thinking" else ""
    stopped = '<span class="et-note">stopped here</span>' if state == "stopped" else ""
    return f'<div class="et-story" data-state="{state}"><p dir="auto">{"".join(parts)}{caret} {stopped}</p></div>'


def _mark(text: str, claim: dict[str, Any], record: dict[str, Any] | None, statement: Statement | None, again: bool) -> str:
    sign, css = SIGNS[claim["verdict"]]
    spoken = f"{claim['verdict']}: says {claim.get('stated') or '–'}, measured {claim.get('measured') or '–'}"
    said_before = [("said before", "the same claim as one above; it counts once")] if again else []
    card = json.dumps([(f"{sign} {claim['verdict']}", ""), *card_lines(claim, record, statement), *said_before], ensure_ascii=False)
    if again:
        css, spoken = f"{css} et-again", f"{spoken}, said before"
    target = ""
    if record is not None:
        aim = claim_target(claim, record, statement)
        lit = "" if aim.words is None else f' data-words="{",".join(map(str, aim.words))}"'
        target = (f' data-start="{aim.stretch[0]:.3f}" data-end="{aim.stretch[1]:.3f}" data-from="{aim.played[0]:.3f}" '
                  f'data-to="{aim.played[1]:.3f}" data-row="{aim.row}" data-lane="{LANES[aim.row]}"{lit}')
    before, space, last = text.rpartition(" ")  # the sign stays on the line of the last word
    return (f'<span class="et-claim {css}" role="button" tabindex="0" data-at="{claim["start_char"]}" '
            f'data-card="{escape(card)}"{target}>{escape(before + space)}'
            f'<span class="et-last">{escape(last)}<sup aria-hidden="true">{sign}{" again" if again else ""}</sup></span>'
            f'<span class="et-sr"> ({escape(spoken)})</span></span>')


def answer_html(state: State, *, emotion: str | None = None, answer: str = "", scores: dict[str, float] | None = None,
                first: dict[str, float] | None = None, claims: Sequence[dict[str, Any]] = (),
                record: dict[str, Any] | None = None, describe: bool = False, notes: Sequence[str] = (),
                remark: str = "", remark_why: str = "") -> str:
    """The answer apart from the reasoning: "sounds angry" with the model's own probabilities. A caption has no answer.

    scores: after the reasoning; first: before it, where the model can tell. After its reasoning a model is nearly sure of
    whatever it has argued for, so the bars show the first where there is one. record: what the claims were held against, to
    say how many of its salient cues they mention. remark: one sentence right below the answer; remark_why: what it rests on,
    shown when it is pointed at.
    """
    if state in ("empty", "waiting", "thinking", "silent") and (describe or not (answer or emotion)):
        return '<div class="et-answer et-empty" aria-hidden="true"></div>'
    body = []
    if describe:
        body.append('<p class="et-verdict">described, not judged</p>' if state == "done" else "")
    elif emotion:
        body.append(f'<p class="et-verdict">sounds <strong><bdi>{escape(emotion)}</bdi></strong></p>')
    elif answer and state == "done":
        body.append('<p class="et-verdict">no single emotion named</p>'
                    f'<p class="et-note" dir="auto">The model answered: “{escape(answer)}”.</p>')
    elif answer:
        body.append(f'<p class="et-note" dir="auto">{escape(answer)}</p>')
    elif state == "done":
        body.append('<p class="et-verdict">no emotion named</p>')
    if remark:
        body.append(f'<p class="et-note et-remark" title="{escape(remark_why)}">{escape(remark)}</p>')
    if first and not describe:
        body.append(_bars(first, "Probability of each emotion before the model reasons"))
        sure = (scores or {}).get(emotion or "")
        after = "" if sure is None else f"; after its reasoning it gives {escape(str(emotion))} {sure:.2f}"
        body.append(f'<p class="et-note">The bars are its first impression, before it reasons{after}.</p>')
    elif scores and not describe:
        body.append(_bars(scores, "Probability of each emotion after the model's reasoning"))
        body.append('<p class="et-note">The bars are taken after its reasoning, which is what it has argued for.</p>')
    if state == "done":
        grounding = ground([Claim(**claim) for claim in claims], record or {})
        if grounding.checkable:
            body.append(f'<p class="et-note et-grounding">{escape(str(grounding))}</p>')
        elif not describe:
            body.append('<p class="et-note et-grounding">The reasoning makes no claim that the measurement can check.</p>')
    body += [f'<p class="et-note">{escape(note)}</p>' for note in notes]
    return f'<div class="et-answer" data-state="{state}">{"".join(body)}</div>'


def _bars(scores: dict[str, float], title: str) -> str:
    rows = []
    for label, score in sorted(scores.items(), key=lambda item: -item[1]):
        share = min(max(float(score), 0.0), 1.0)
        rows.append(f'<li><span class="et-bar-name"><bdi>{escape(label)}</bdi></span>'
                    f'<span class="et-bar" aria-hidden="true"><i style="width:{100 * share:.1f}%"></i></span>'
                    f'<span class="et-bar-value">{share:.2f}</span></li>')
    return f'<ul class="et-bars" aria-label="{title}">{"".join(rows)}</ul>'
