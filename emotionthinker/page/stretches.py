"""Which stretch of the clip a fact or a claim is about, so that pointing at one plays the other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from emotionthinker.claim_parts import Statement
from emotionthinker.grounding import BESIDE_S

Stretch = tuple[float, float]

# attribute of a claim -> the row of facts and the lane of the figure that it belongs to
ROWS = {"pitch_level": "pitch", "pitch_range": "range", "intonation": "melody", "energy_level": "energy",
        "speed_level": "speed", "pauses": "pauses", "stress": "stress", "gender": "sex", "age_level": "age", "quote": "words"}
LANES = {"pitch": "pitch", "range": "pitch", "melody": "pitch", "energy": "energy", "speed": "words", "pauses": "wave",
         "stress": "words", "sex": "pitch", "age": "wave", "words": "words", "recording": "wave"}
PAUSE_CONTEXT_S = 0.4  # a pause is heard between sounds
PART = 1 / 3  # of the speech: its start or its end


@dataclass(frozen=True)
class Target:
    """What a claim points at: the stretch that belongs to it, the stretch to play (seconds), row of facts, words (indices)."""

    stretch: Stretch
    played: Stretch
    row: str
    words: range | None = None


def speech_span(record: dict[str, Any]) -> Stretch:
    """From the first to the last speech; the whole clip where there is none."""
    segments = record.get("segments") or []
    return (segments[0][0], segments[-1][1]) if segments else (0.0, record["duration_s"])


def row_stretch(row: str, record: dict[str, Any]) -> Stretch:
    """The stretch that shows a row of the facts best."""
    whole = speech_span(record)
    if row == "range":
        track = record["f0"]
        voiced = [(hz, index * track["hop_s"]) for index, hz in enumerate(track["hz"]) if hz]
        if voiced:
            first, last = sorted((min(voiced)[1], max(voiced)[1]))
            return max(0.0, first - 0.15), min(record["duration_s"], last + 0.15)
    if row == "pauses" and record.get("pauses"):
        start, end = max(record["pauses"], key=lambda pause: pause[1] - pause[0])
        return max(0.0, start - PAUSE_CONTEXT_S), min(record["duration_s"], end + PAUSE_CONTEXT_S)
    if row == "stress":
        stressed = [w for w in record.get("words") or [] if w.get("stressed")]
        if stressed:
            strongest = max(stressed, key=lambda w: w.get("prominence") or 0.0)
            return strongest["start"], strongest["end"]
    return whole


def find_words(text: str, words: list[dict[str, Any]]) -> range | None:
    """The first run of consecutive words that reads as `text`; None where it is not there.

    >>> find_words("Do that!", [{"word": "never"}, {"word": "do"}, {"word": "that"}])
    range(1, 3)
    """
    wanted = _letters(text)
    spoken = [" ".join(_letters(str(word["word"]))) for word in words]
    if not wanted:
        return None
    for start in range(len(spoken) - len(wanted) + 1):
        if spoken[start : start + len(wanted)] == wanted:
            return range(start, start + len(wanted))
    return None


def find_in_order(text: str, words: list[dict[str, Any]]) -> range | None:
    """From the first to the last of the words of `text`, if they stand there in this order, perhaps with others between."""
    spoken = [" ".join(_letters(str(word["word"]))) for word in words]
    found, at = [], 0
    for wanted in _letters(text):
        if wanted not in spoken[at:]:
            return None
        at = spoken.index(wanted, at) + 1
        found.append(at - 1)
    return range(found[0], found[-1] + 1) if found else None


def claim_target(claim: dict[str, Any], record: dict[str, Any], statement: Statement | None = None) -> Target:
    """What a claim (as in `explain --json`) points at; statement: the same as found in the text, which knows the place.

    Named words: themselves, of several that read alike the stressed one. A pause: itself. A claim about the start or the
    end: the first or last third of the speech. Anything else: what shows it best.
    """
    row = ROWS.get(claim["attribute"], "words")
    words = record.get("words") or []
    if row in ("stress", "words"):
        named = str(claim.get("stated") or claim.get("text") or "").removeprefix("not ")
        found = _find_stressed(named, words) if row == "stress" else None
        found = found or find_words(named, words) or find_in_order(named, words)
        if found is not None:
            spoken = words[found[0]]["start"], words[found[-1]]["end"]
            return Target(spoken, spoken, row, found)
    if row == "pauses" and claim.get("stated") != "none":
        pause = _pause_stretch(claim, record, statement)
        if pause is not None:
            played = max(0.0, pause[0] - PAUSE_CONTEXT_S), min(record["duration_s"], pause[1] + PAUSE_CONTEXT_S)
            return Target(pause, played, row)
    stretch = row_stretch(row, record) if row not in ("pauses", "stress") else speech_span(record)
    where = statement.where if statement else ""
    if where in ("start", "end"):
        start, end = speech_span(record)
        part_s = PART * (end - start)
        stretch = (start, start + part_s) if where == "start" else (end - part_s, end)
    return Target(stretch, stretch, row)


def _find_stressed(text: str, words: list[dict[str, Any]]) -> range | None:
    """The stressed one of the single words that read as `text`."""
    wanted = _letters(text)
    for index, word in enumerate(words):
        if word.get("stressed") and wanted == _letters(str(word["word"])):
            return range(index, index + 1)
    return None


def _pause_stretch(claim: dict[str, Any], record: dict[str, Any], statement: Statement | None) -> Stretch | None:
    """The pause beside the named word, all of several, or the longest."""
    pauses, words = record.get("pauses") or [], record.get("words") or []
    if statement and statement.beside:
        side, named = statement.beside
        found = find_words(named, words)
        if found is not None:
            edge = words[found[0]]["start"] if side == "before" else words[found[-1]]["end"]
            beside = [p for p in pauses if abs(p[1 if side == "before" else 0] - edge) <= BESIDE_S]
            return (beside[0][0], beside[0][1]) if beside else (words[found[0]]["start"], words[found[-1]]["end"])
    if not pauses:
        return None
    if "several" in str(claim.get("stated")):
        return pauses[0][0], pauses[-1][1]
    start, end = max(pauses, key=lambda pause: pause[1] - pause[0])
    return start, end


def _letters(text: str) -> list[str]:
    return [re.sub(r"[^\w]", "", part) for part in text.casefold().replace("’", "'").split() if re.sub(r"[^\w]", "", part)]
