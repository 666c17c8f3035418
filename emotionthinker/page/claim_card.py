"""The numbers behind a verdict, as lines for people: what is said, what was measured, against what, and what counts as right.

`assets/claims.js` shows them where a claim is pointed at or has the focus. Plain text: `story` escapes it, at the last moment.
"""

from __future__ import annotations

from typing import Any

from emotionthinker.claim_parts import Statement
from emotionthinker.grounding import (
    BESIDE_S,
    CHANGE_DB,
    HEDGED_TOLERANCE,
    LONG_PAUSE_S,
    NOT_CHECKABLE,
    STEADY_DB,
    TOLERANCE,
    VERY_FROM_MIDDLE,
    VERY_LONG_PAUSE_S,
)
from emotionthinker.page.facts import Fact, facts_of
from emotionthinker.page.stretches import ROWS

NAMES = {"pitch_level": "pitch", "pitch_range": "pitch range", "intonation": "melody", "energy_level": "energy",
         "speed_level": "speed", "pauses": "pauses", "stress": "stress on", "gender": "speaker", "age_level": "age",
         "quote": "words"}
# What a note beside a fact says of it, where it is not what a level was held against.
NOTES = {"intonation": "how sure", "gender": "how sure", "pauses": "counted are"}
LEVELS = ("pitch_level", "pitch_range", "energy_level", "speed_level")
CHANGES = ("rising", "falling", "steady")
RULES = {
    "intonation": "the measured shape; a wide one may be called expressive too, a small one flat; “at the end”: its last movement",
    "pauses": (f"long from {LONG_PAUSE_S:g} s, very long from {VERY_LONG_PAUSE_S:g} s, several from two; beside a named word: "
               f"within {BESIDE_S:g} s of it"),
    "stress": "one of the named words is among the stressed ones",
    "gender": "the sex measured from the voice",
    "age_level": "the same age level",
    "quote": "every quoted word is in the transcript, in this order",
}
UNKNOWN_WORDS = "The words of this clip are not known."

Line = tuple[str, str]  # heading, text


def card_lines(claim: dict[str, Any], record: dict[str, Any] | None, statement: Statement | None = None) -> list[Line]:
    """The lines of a claim's card, most telling first. claim: as in `explain --json`; statement: the same as found in the text."""
    lines = [("says", f"{NAMES.get(claim['attribute'], claim['attribute'])} {_in_words(claim.get('stated'))}"),
             ("measured", str(claim.get("measured") or "nothing"))]
    if record is None:
        return lines
    attribute = claim["attribute"]
    changes = attribute in LEVELS and any(value in str(claim.get("stated")) for value in CHANGES)
    if claim["verdict"] == NOT_CHECKABLE:
        return [*lines, ("why open", _why_open(claim, record, statement, changes))]
    if changes:
        return [*lines, ("counts as right", f"a change of {CHANGE_DB:g} dB or more; steady is under {STEADY_DB:g} dB")]
    if attribute in LEVELS:
        return [*lines, *_level_lines(attribute, record, statement)]
    fact = _fact(attribute, record)
    note = [(NOTES[attribute], fact.held_against)] if fact and fact.held_against and attribute in NOTES else []
    return [*lines, *note, ("counts as right", RULES[attribute])]


def _in_words(stated: Any) -> str:
    text = str(stated or "–")
    return text.lower() if text.removeprefix("not ") in ("Male", "Female") else text


def _fact(attribute: str, record: dict[str, Any]) -> Fact | None:
    return next((fact for fact in facts_of(record) if fact.row == ROWS.get(attribute)), None)


def _level_lines(attribute: str, record: dict[str, Any], statement: Statement | None) -> list[Line]:
    level = (record.get("levels") or {}).get(ROWS[attribute]) or {}
    fact = _fact(attribute, record)
    against, cuts = fact.held_against if fact else "", level.get("cuts")
    if cuts:
        against += f"; the levels part at {cuts[0]:.4g} and {cuts[1]:.4g} {level.get('unit') or ''}".rstrip()
    if statement and statement.very:
        least = VERY_FROM_MIDDLE + (TOLERANCE if statement.negated else -TOLERANCE)
        right = f"“very”: percentile {50 + least:g} or more, or {50 - least:g} or less"
        return [("held against", against), ("counts as right", f"not {right}" if statement.negated else right)]
    hedged = bool(statement and statement.hedged)
    tolerance = f"{HEDGED_TOLERANCE:g} percentile points, as the text hedges" if hedged else f"{TOLERANCE:g} percentile points"
    return [("held against", against), ("counts as right", f"the measured level, and another within {tolerance}")]


def _why_open(claim: dict[str, Any], record: dict[str, Any], statement: Statement | None, changes: bool) -> str:
    attribute = claim["attribute"]
    if changes:
        if attribute == "energy_level" and claim.get("measured"):
            return f"The change is under {CHANGE_DB:g} dB, too little to tell."
        return "Changes within the clip are measured for energy only."
    if attribute in ("quote", "stress"):
        return UNKNOWN_WORDS
    if claim.get("measured") and statement and statement.very and not statement.where:
        return "How far a level goes is known only where it is held against many recordings."
    if claim.get("measured") and statement and statement.where:
        return "It is said of a part of the clip, and the measure is of the whole."
    fact = _fact(attribute, record)
    return f"Not measured: {fact.why}." if fact and fact.why else "Not measured in this clip."
