"""Holds what an explanation states against what was measured.

    for claim in verify_claims(text, record):
        print(claim.text, claim.verdict, claim.measured)

A claim is *supported* or *contradicted* by the record, or *not checkable* where the record has no value (or an
uncertain one). Tolerances: a level is supported if it is the measured one, or if the clip's percentile lies within 5
points of the stated band (15 points if the text hedges: "slightly high"), because no listener hears where a cut point
lies. A denied level ("not high") is contradicted only where the level is clearly the denied one, by the same
tolerance. "Very high", "remarkably slow" and the like state the outer part of a level, from percentile 88 or to 12: the band
where our own template writer says "very", with the same 5 points; a level that is there but not so far out contradicts them,
and `measured` says so ("high, but not very high: percentile 71"). Where a record has levels but no percentiles they are not
checkable. A very long pause lasts 1 s (long: 0.5 s). Of contours and changes within the clip no degree is measured, and none
is judged. A level of a part of the clip ("loud at the end") is not checkable, for levels are of the whole. A change of
energy is the last third of the speech against the first: 2 dB in the stated direction support it, none or the other
direction contradict it. A contour at the start or end is judged by its first or last movement. A pause beside a named word
is one within 0.15 s of it. Quoted words must be words of the transcript, in its order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emotionthinker.claim_parts import Statement
from emotionthinker.claims import find_statements

if TYPE_CHECKING:
    from emotionthinker.prosody.record import Prosody

TOLERANCE = 5.0  # percentile points
HEDGED_TOLERANCE = 15.0
VERY_FROM_MIDDLE = 38.0  # percentile points from 50; `training.template_phrases` words its degrees by the same number
LONG_PAUSE_S = 0.5
VERY_LONG_PAUSE_S = 1.0  # the longest that speakers commonly let pass (Jefferson 1989, "standard maximum" silence)
BESIDE_S = 0.15  # between a pause and the word that it is said to stand beside
CHANGE_DB = 2.0  # between the first and the last third of the speech: a change; less is too little to tell
STEADY_DB = 8.0  # commonly a sentence falls by some 5 dB towards its end (median of 80 CREMA-D clips), a quarter of them by 8
SALIENT_MARGIN = 5.0  # a level is salient if it is this far inside an outer tertile

SUPPORTED, CONTRADICTED, NOT_CHECKABLE = "supported", "contradicted", "not checkable"

_KINDS = {"pitch_level": "pitch", "pitch_range": "range", "energy_level": "energy", "speed_level": "speed"}
# level -> its band of percentiles; levels are tertiles of the reference
_LOW, _NORMAL, _HIGH = (0.0, 100 / 3), (100 / 3, 200 / 3), (200 / 3, 100.0)
_BANDS = {"low": _LOW, "slow": _LOW, "narrow": _LOW, "normal": _NORMAL, "high": _HIGH, "fast": _HIGH, "wide": _HIGH}
_CONTOURS = {"rising", "falling", "rising-falling", "falling-rising", "flat", "expressive"}
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


@dataclass(frozen=True)
class Claim:
    """One checked statement: `text` is characters start_char to end_char of the explanation.

    attribute: pitch_level, pitch_range, intonation, energy_level, speed_level, pauses, stress, gender, age_level or
    quote. stated, measured: for people. verdict: supported, contradicted or not checkable.
    """

    text: str
    start_char: int
    end_char: int
    attribute: str
    stated: str
    measured: str | None
    verdict: str


def verify_claims(text: str, record: Prosody | Mapping[str, Any]) -> list[Claim]:
    """The claims of an explanation, in its order, each held against the record (`Prosody` or its dict)."""
    facts: Mapping[str, Any] = record if isinstance(record, Mapping) else record.to_dict()
    claims = []
    for statement in find_statements(text):
        verdict, measured = _judge(statement, facts)
        stated = ("very " if statement.very else "") + " or ".join(statement.values)
        claims.append(
            Claim(
                text=text[statement.start : statement.end],
                start_char=statement.start,
                end_char=statement.end,
                attribute=statement.attribute,
                stated=f"not {stated}" if statement.negated else stated,
                measured=measured,
                verdict=verdict,
            )
        )
    return claims


@dataclass(frozen=True)
class Grounding:
    """How far an explanation rests on the measurement, in counts: claims, and salient cues.

    A claim that is made again counts once; `repeats` is how many checkable ones were left out for that.
    """

    supported: int
    checkable: int
    mentioned: int
    salient: int
    repeats: int = 0

    @property
    def precision(self) -> float | None:
        """Share of the checkable claims that are supported; None without a checkable claim."""
        return self.supported / self.checkable if self.checkable else None

    @property
    def coverage(self) -> float | None:
        """Share of the salient cues that are mentioned; None if no cue is salient."""
        return self.mentioned / self.salient if self.salient else None

    def to_dict(self) -> dict[str, float | None]:
        """As `explain --json` prints it."""
        return {"precision": self.precision, "coverage": self.coverage}

    def __str__(self) -> str:
        claims = f"{self.supported} of {self.checkable} checkable claims supported" if self.checkable else "no checkable claim"
        if self.repeats:
            claims += f" ({self.repeats} more only say{'s' * (self.repeats == 1)} the same again)"
        return claims + (f" · mentions {self.mentioned} of {self.salient} salient cues" if self.salient else "")


def repeats(claims: Sequence[Claim]) -> list[bool]:
    """Of each claim of a text, whether an earlier one says the same: attribute, stated value, what was measured and verdict.

    Claims that contradict each other are different ones. What cannot be checked counts nowhere, and is no repeat.
    """
    seen: set[tuple[str, str, str | None, str]] = set()
    again = []
    for claim in claims:
        key = (claim.attribute, " ".join(_words(claim.stated or "")), claim.measured, claim.verdict)
        again.append(key in seen and claim.verdict != NOT_CHECKABLE)
        seen.add(key)
    return again


def distinct_claims(claims: Sequence[Claim]) -> list[Claim]:
    """The claims of one text without those that an earlier one made; all counts of claims are counts of these."""
    return [claim for claim, again in zip(claims, repeats(claims), strict=True) if not again]


def ground(claims: Sequence[Claim], record: Prosody | Mapping[str, Any]) -> Grounding:
    """Count the supported claims of an explanation, and the salient cues of the record that it mentions."""
    made = [claim for claim in claims if claim.verdict != NOT_CHECKABLE]
    checkable = distinct_claims(made)
    salient, mentioned = salient_attributes(record), {claim.attribute for claim in claims}
    return Grounding(
        supported=sum(claim.verdict == SUPPORTED for claim in checkable),
        checkable=len(checkable),
        mentioned=sum(attribute in mentioned for attribute in salient),
        salient=len(salient),
        repeats=len(made) - len(checkable),
    )


def precision(claims: Sequence[Claim]) -> float | None:
    """Share of the checkable claims that are supported, each counted once; None without a checkable claim."""
    return ground(claims, {}).precision


def coverage(claims: Sequence[Claim], record: Prosody | Mapping[str, Any]) -> float | None:
    """Share of the measured salient cues that the claims mention; None if no cue is salient."""
    return ground(claims, record).coverage


def salient_attributes(record: Prosody | Mapping[str, Any]) -> list[str]:
    """The attributes that an explanation should mention: levels clearly in an outer tertile, a sure contour, stress."""
    facts: Mapping[str, Any] = record if isinstance(record, Mapping) else record.to_dict()
    salient = []
    for attribute in _KINDS:
        level, percentile, _ = _level(facts, attribute)
        if level in (None, "normal"):
            continue
        if percentile is None or min(abs(percentile - cut) for cut in (100 / 3, 200 / 3)) >= SALIENT_MARGIN:
            salient.append(attribute)
    if facts.get("intonation") in _CONTOURS:
        salient.append("intonation")
    if facts.get("stressed_words"):
        salient.append("stress")
    return salient


def _judge(statement: Statement, facts: Mapping[str, Any]) -> tuple[str, str | None]:
    """Verdict, and what was measured in words."""
    attribute = statement.attribute
    if attribute in _KINDS:
        return _judge_level(statement, facts)
    if attribute == "intonation":
        return _judge_intonation(statement, facts)
    if attribute == "pauses":
        return _judge_pauses(statement, facts)
    if attribute == "stress":
        return _judge_stress(statement, facts)
    if attribute == "quote":
        return _judge_quote(statement, facts)
    value = facts.get(attribute)  # gender, age_level
    if value is None or (attribute == "gender" and value not in ("Male", "Female")):
        return NOT_CHECKABLE, None
    return _verdict((value in statement.values) != statement.negated), str(value)


def _verdict(supported: bool) -> str:
    return SUPPORTED if supported else CONTRADICTED


def _level(facts: Mapping[str, Any], attribute: str) -> tuple[str | None, float | None, str | None]:
    """(level, percentile, both and the value in words) of a level attribute."""
    entry = (facts.get("levels") or {}).get(_KINDS[attribute]) or {}
    level = entry.get("level") if entry else facts.get(attribute)
    if level is None:
        return None, None, None
    percentile, value = entry.get("percentile"), entry.get("value")
    words = str(level)
    if value is not None:
        words += f", {value:.4g} {entry.get('unit') or ''}".rstrip()
    if percentile is not None:
        words += f" (percentile {percentile:.0f})"
    return level, percentile, words


def _judge_level(statement: Statement, facts: Mapping[str, Any]) -> tuple[str, str | None]:
    if not all(value in _BANDS for value in statement.values):
        return _judge_change(statement, facts)
    level, percentile, measured = _level(facts, statement.attribute)
    if level is None:
        return NOT_CHECKABLE, None
    if statement.where:
        return NOT_CHECKABLE, measured
    inside = level in statement.values
    if statement.very:
        return _judge_very(statement, level, percentile, str(measured))
    if statement.negated:
        # Denied and measured, but so near to another band that the denial may be heard as true.
        near_edge = percentile is not None and any(abs(percentile - edge) <= TOLERANCE for edge in _BANDS[level] if 0 < edge < 100)
        return _verdict(not inside or near_edge), measured
    tolerance = HEDGED_TOLERANCE if statement.hedged else TOLERANCE
    near = percentile is not None and any(
        _BANDS[value][0] - tolerance <= percentile <= _BANDS[value][1] + tolerance for value in statement.values
    )
    return _verdict(inside or near), measured


def _judge_very(statement: Statement, level: str, percentile: float | None, measured: str) -> tuple[str, str]:
    """A level that is said to be very high, low, …; measured: the level in words."""
    if level not in statement.values:
        return _verdict(statement.negated), measured
    if percentile is None:
        return NOT_CHECKABLE, f"{measured}; how far is not known"
    # A denial is contradicted only where it is clearly wrong.
    least = VERY_FROM_MIDDLE + (TOLERANCE if statement.negated else -TOLERANCE)
    very = abs(percentile - 50) >= least
    if not very:
        value = measured.removeprefix(level).removesuffix(f" (percentile {percentile:.0f})")
        measured = f"{level}, but not very {level}: percentile {percentile:.0f}{value}"
    return _verdict(very != statement.negated), measured


def _judge_change(statement: Statement, facts: Mapping[str, Any]) -> tuple[str, str | None]:
    """A level that is said to rise, fall or stay within the clip. Only that of energy is measured."""
    change_db = energy_change_db(facts) if statement.attribute == "energy_level" else None
    if change_db is None:
        return NOT_CHECKABLE, None
    measured = f"{change_db:+.1f} dB from the first to the last third of the speech"
    stated = statement.values[0]
    if stated == "steady":
        return _verdict((abs(change_db) < STEADY_DB) != statement.negated), measured
    along_db = change_db if stated == "rising" else -change_db
    if 0 < along_db < CHANGE_DB:
        return NOT_CHECKABLE, measured
    return _verdict((along_db > 0) != statement.negated), measured


def energy_change_db(facts: Mapping[str, Any]) -> float | None:
    """Mean power of the last third of the speech over that of the first, in dB; None without an energy track or speech."""
    track, segments = facts.get("energy") or {}, facts.get("segments") or []
    hop_s, dbfs = track.get("hop_s"), track.get("dbfs") or []
    # frame i is centred on (i + 0.5) · hop_s
    spans = [(math.ceil(a / hop_s - 0.5), math.ceil(b / hop_s - 0.5)) for a, b in segments] if hop_s else []
    speech = [level for first, end in spans for level in dbfs[max(first, 0) : max(end, 0)]]
    third = len(speech) // 3
    if third == 0:
        return None
    start, end = (sum(10 ** (level / 10) for level in part) for part in (speech[:third], speech[-third:]))
    return 10 * math.log10(end / start)


def _judge_intonation(statement: Statement, facts: Mapping[str, Any]) -> tuple[str, str | None]:
    measured = facts.get("intonation")
    if measured not in _CONTOURS:
        return NOT_CHECKABLE, None
    if statement.where == "part":  # on one word
        return NOT_CHECKABLE, str(measured)
    true_of = {measured}
    # A wide, lively contour has a shape too, and a small one may be called flat whatever its shape.
    if measured == "expressive" and facts.get("contour_shape"):
        true_of.add(facts["contour_shape"])
    if facts.get("contour_dynamics") in ("flat", "expressive"):
        true_of.add(facts["contour_dynamics"])
    told = str(measured)
    if statement.where:
        movements = {value.split("-")[-1 if statement.where == "end" else 0] for value in true_of}
        true_of |= movements
        told += f" ({' or '.join(sorted(movements))} at its {statement.where})"
    return _verdict(bool(true_of & set(statement.values)) != statement.negated), told


def _judge_pauses(statement: Statement, facts: Mapping[str, Any]) -> tuple[str, str | None]:
    pauses = facts.get("pauses")
    if pauses is None:
        return NOT_CHECKABLE, None
    beside = _pauses_beside(statement.beside, pauses, facts)
    pauses, measured = beside or (pauses, "")
    longest_s = max((end - start for start, end in pauses), default=0.0)
    measured = measured or (f"{len(pauses)}, the longest {longest_s:.2f} s" if pauses else "no pause")
    n = len(pauses)
    least_s = VERY_LONG_PAUSE_S if statement.very else LONG_PAUSE_S
    true_of = {"none": n == 0, "some": n >= 1, "several": n >= 2, "few": n <= 1, "long": longest_s >= least_s}
    if statement.very and LONG_PAUSE_S <= longest_s < least_s:
        measured += ": long, but not very long"
    return _verdict(true_of[statement.values[0]] != statement.negated), measured


def _pauses_beside(
    beside: tuple[str, str] | None, pauses: Sequence[Sequence[float]], facts: Mapping[str, Any]
) -> tuple[list[Sequence[float]], str] | None:
    """The pauses before or after the named words, and that in words; None where no words are named, or not with their times."""
    words = facts.get("words") or []
    spoken, named = [" ".join(_words(str(w["word"]))) for w in words], _words(beside[1]) if beside else []
    places = [i for i in range(len(spoken) - len(named) + 1) if named and spoken[i : i + len(named)] == named]
    if beside is None or not places:
        return None
    side = beside[0]
    edges = [words[i]["start"] if side == "before" else words[i + len(named) - 1]["end"] for i in places]
    near = [p for p in pauses if any(abs(p[1 if side == "before" else 0] - edge) <= BESIDE_S for edge in edges)]
    if not near:
        return near, f'no pause {side} "{beside[1]}"'
    return near, f'{max(end - start for start, end in near):.2f} s {side} "{beside[1]}"'


def _judge_stress(statement: Statement, facts: Mapping[str, Any]) -> tuple[str, str | None]:
    stressed, spoken = facts.get("stressed_words"), _words(facts.get("transcription") or "")
    if stressed is None or not spoken:
        return NOT_CHECKABLE, None
    known = {word for text in stressed for word in _words(text)}
    named = _words(statement.values[0])
    measured = ", ".join(stressed) or "no stressed word"
    # Of a phrase that is called stressed one word must be: stress falls on a word of it.
    return _verdict(any(word in known for word in named) != statement.negated), measured


def _judge_quote(statement: Statement, facts: Mapping[str, Any]) -> tuple[str, str | None]:
    transcript = facts.get("transcription")
    spoken = _words(transcript or "")
    if not spoken:
        return NOT_CHECKABLE, None
    rest = iter(spoken)
    in_order = all(word in rest for word in _words(statement.values[0]))  # `in` consumes: each word after the one before
    return _verdict(in_order != statement.negated), str(transcript)


def _words(text: str) -> list[str]:
    return [word.casefold().replace("’", "'") for word in _WORD.findall(text)]
