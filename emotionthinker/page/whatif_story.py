"""What came of a What if?, as HTML: the answer then and now, scores and claims side by side, and what else moved.

Every text of the model, of a person or of a file is escaped here, once, at the last moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from emotionthinker.leak import Moved
from emotionthinker.page.story import SIGNS, reasoning_html
from emotionthinker.probing import ALL_CHANGES, ATTRIBUTES, Step

CUE_NAMES = {"pitch": "Pitch", "range": "Range", "energy": "Energy", "speed": "Speed", "pauses": "Pauses", "stress": "Stress"}
SAID = {"still": "says it again", "otherwise": "says something else", "no longer": "does not say it"}
BEFORE = {"contradicted": "was not true before either", "not checkable": "cannot be checked"}
# What an answer that stays or moves tells, for the changes that are about no single cue of the voice.
MEANING = {
    "copy": "Nothing about the voice was changed, so the answer should stay. If it moves, the other changes tell less, too.",
    "silence": "Without a voice there is nothing to judge.",
    "noise": "The voice is gone. An answer that stays did not come from it.",
    "another-voice": "The words are the same, the voice is another. An answer that stays comes from the words.",
    "words-alone": "The model was given the words and heard nothing. An answer that stays comes from the words.",
    "leading-question": "The voice is the same. An answer that moves follows the question.",
}


def outcome_html(before: Mapping[str, Any], step: Step, figure: tuple[str, str] | None) -> str:
    """The whole outcome. before: the first explanation (its `to_dict()`); figure: SVG and alt text of both voices."""
    assert step.explanation is not None
    after = step.explanation.to_dict()
    parts = [f'<p class="et-whatif-verdict">{verdict(before, step)}</p>',
             f'<p class="et-meaning">{escape(meaning(before, step))}</p>',
             f'<p class="et-note">What was done: {escape(step.note)}.</p>']
    if figure is not None:
        svg, alt = figure
        parts.append(f'<figure class="et-pair"><div role="img" aria-label="{escape(alt)}">{svg}</div></figure>')
    moved = moved_html(step.moved, ALL_CHANGES[step.change].cue)
    scores = f'<div><h3>How likely the model finds each emotion</h3>{scores_html(before, after)}</div>' if after["raw"] else ""
    voice = f"<div><h3>What the change did to the voice</h3>{moved}</div>" if moved else ""
    parts.append(f'<div class="et-sides">{voice}{scores}</div>')
    if after["raw"]:
        parts.append(f'<h3>Does the explanation follow?</h3>{claims_html(before, after, step.comparison["repeated"])}')
        parts.append('<details class="et-both"><summary>Both explanations in full</summary><div class="et-sides">'
                     f'<div><h3>Of the voice as recorded</h3>{_told(before)}</div>'
                     f'<div><h3>Of the changed voice</h3>{_told(after)}</div></div></details>')
    return f'<div class="et-whatif-outcome">{"".join(parts)}</div>'


def verdict(before: Mapping[str, Any], step: Step) -> str:
    """One sentence: what the model says now, and whether that is another answer. HTML."""
    assert step.explanation is not None
    title = escape(ALL_CHANGES[step.change].title)
    was, now = (f"<strong><bdi>{escape(emotion)}</bdi></strong>" if emotion else ""
                for emotion in (before["emotion"], step.explanation.emotion))
    if not step.explanation.raw:
        return f"If {title}: no speech is found, so the model is not asked."
    if not was and not now:
        return f"If {title}, the model still names no emotion."
    if not was:
        return f"If {title}, it sounds {now}; before, the model named no emotion."
    if not now:
        return f"If {title}, the model names no emotion; before, it sounded {was}."
    if step.comparison["answer_changed"]:
        return f"If {title}, it sounds {now}, not {was}."
    return f"If {title}, it still sounds {now}."


def meaning(before: Mapping[str, Any], step: Step) -> str:
    """What an answer that stays, or one that moves, tells in this case: for who asks for the first time."""
    if step.change in MEANING:
        return MEANING[step.change]
    cue = ALL_CHANGES[step.change].cue or ""
    name = {"voicing": "pitch and melody", "range": "melody"}.get(cue, CUE_NAMES.get(cue, cue).lower())
    if any(claim["attribute"] in ATTRIBUTES[cue] for claim in before["claims"]):
        return f"The first explanation speaks of {name}. If the answer rests on that, it should move, or at least lean another way."
    return f"The first explanation does not speak of {name}. An answer that moves rests on something that it left out."


def scores_html(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Label scores then (thin) and now (full), highest first; those before the reasoning where the model gives both."""
    kind = "first_impression" if before.get("first_impression") and after.get("first_impression") else "label_scores"
    was, now = before[kind], after[kind]
    if not was or not now:
        return '<p class="et-note">This model gives no scores.</p>'
    rows = []
    for label in sorted(was, key=lambda name: -max(was[name], now.get(name, 0.0))):
        then_share, share = (min(max(float(scores.get(label, 0.0)), 0.0), 1.0) for scores in (was, now))
        bars = "".join(f'<i class="et-{when}" style="width:{100 * part:.1f}%"></i>'
                       for when, part in (("was", then_share), ("is", share)))
        rows.append(f'<li><span class="et-bar-name"><bdi>{escape(label)}</bdi></span>'
                    f'<span class="et-bar2" aria-hidden="true">{bars}</span>'
                    f'<span class="et-bar-value">{then_share:.2f} → {share:.2f}</span></li>')
    when = "before any reasoning" if kind == "first_impression" else "after the reasoning"
    return (f'<ul class="et-bars et-bars2" aria-label="Probability of each emotion, first and changed">{"".join(rows)}</ul>'
            f'<p class="et-note">Probability that the model gives each emotion, {when}: thin as recorded, full as changed.</p>')


def claims_html(before: Mapping[str, Any], after: Mapping[str, Any], repeated: Sequence[Mapping[str, Any]]) -> str:
    """Claims as a table: what was said first, whether that is true of the changed voice, and what the second explanation makes of
    it; then what only the second one says."""
    fate = {(item["attribute"], item["stated"]): item for item in repeated}
    rows, seen = [], set()
    for claim in before["claims"]:
        key = (claim["attribute"], claim["stated"])
        if key in seen:
            continue
        seen.add(key)
        item = fate.get(key)
        if item is None:
            again = any((c["attribute"], c["stated"]) == key for c in after["claims"])
            rows.append((_claim(claim), BEFORE.get(claim["verdict"], "–"), SAID["still" if again else "no longer"], ""))
            continue
        said = SAID[item["said"]]
        if item["holds"]:
            rows.append((_claim(claim), "still true", said, ""))
        else:
            held = item["said"] == "still"
            rows.append((_claim(claim), f"no longer true: {escape(item['now'] or 'not measured')}",
                         f"{said}, though it is no longer true" if held else said, "et-held" if held else ""))
    for claim in after["claims"]:
        key = (claim["attribute"], claim["stated"])
        if key not in seen:
            seen.add(key)
            rows.append(("", "", f"new: {_claim(claim)}", ""))
    if not rows:
        return '<p class="et-note">Neither explanation makes a claim that can be held against the measurement.</p>'
    body = "".join(f'<tr class="{css}"><td>{first}</td><td>{true}</td><td>{now}</td></tr>' for first, true, now, css in rows)
    head = ('<thead><tr><th scope="col">The first explanation says</th><th scope="col">Of the changed voice that is</th>'
            '<th scope="col">The second explanation</th></tr></thead>')
    return (f'<table class="et-claims2">{head}<tbody>{body}</tbody></table>'
            '<p class="et-note">✓ agrees with what was measured of its own voice, ✗ does not, ? cannot be checked.</p>')


def _claim(claim: Mapping[str, Any]) -> str:
    sign, css = SIGNS[claim["verdict"]]
    verdict = escape(claim["verdict"])
    return (f'<span class="et-said {css}" title="{verdict}">{escape(claim["text"])}<sup aria-hidden="true">{sign}</sup>'
            f'<span class="et-sr"> ({verdict})</span></span>')


def moved_html(moved: Sequence[Moved], cue: str | None) -> str:
    """Every cue before and after; one that moved beyond its tolerance and was not to is marked. "" for the controls.

    cue: what the change was meant for.
    """
    if not moved:
        return ""
    rows = []
    for item in moved:
        if item.cue == cue or (cue == "voicing" and item.meant):
            state, css = ("wanted, but hardly changed", "et-leak") if item.within else ("as wanted", "et-meant")
        elif item.within:
            state, css = "unchanged", ""
        else:
            state, css = ("comes with it", "et-meant") if item.meant else ("changed too, unwanted", "et-leak")
        rows.append(f'<tr class="{css}"><th scope="row">{CUE_NAMES[item.cue]}</th>'
                    f'<td><bdi>{escape(item.before or "none")}</bdi></td><td><bdi>{escape(item.after or "none")}</bdi></td>'
                    f'<td>{state}</td></tr>')
    head = '<thead><tr><td></td><th scope="col">as recorded</th><th scope="col">changed</th><td></td></tr></thead>'
    return f'<table class="et-moved">{head}<tbody>{"".join(rows)}</tbody></table>'


def _told(explanation: Mapping[str, Any]) -> str:
    return reasoning_html(explanation["reasoning"], explanation["claims"], None, "done")
