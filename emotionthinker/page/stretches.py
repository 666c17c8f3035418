"""Which stretch of the clip a fact or a claim is about, so that pointing at one plays the other."""

from __future__ import annotations

import re
from typing import Any

Stretch = tuple[float, float]

# attribute of a claim -> the row of facts and the lane of the figure that it belongs to
ROWS = {"pitch_level": "pitch", "pitch_range": "range", "intonation": "melody", "energy_level": "energy",
        "speed_level": "speed", "pauses": "pauses", "stress": "stress", "gender": "sex", "age_level": "age", "quote": "words"}
LANES = {"pitch": "pitch", "range": "pitch", "melody": "pitch", "energy": "energy", "speed": "words", "pauses": "wave",
         "stress": "words", "sex": "pitch", "age": "wave", "words": "words", "recording": "wave"}
QUOTED = re.compile(r"[\"“”„«»]([^\"“”„«»]+)[\"“”„«»]|(?<!\w)['‘]([^'‘’]+(?:['’]\w[^'‘’]*)*)['’](?!\w)")


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
        return max(0.0, start - 0.4), min(record["duration_s"], end + 0.4)
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


def claim_target(text: str, attribute: str, record: dict[str, Any]) -> tuple[Stretch, str, range | None]:
    """What a claim points at: the stretch to play, the row of facts to light, and the words it names (indices)."""
    row = ROWS.get(attribute, "words")
    words = record.get("words") or []
    found = None
    for quoted in QUOTED.finditer(text):
        found = found or find_words(quoted[1] or quoted[2] or "", words)
    if found is None and row in ("stress", "words"):
        found = find_words(text, words)
    if found is not None:
        return (words[found[0]]["start"], words[found[-1]]["end"]), row, found
    return row_stretch(row, record), row, None


def _letters(text: str) -> list[str]:
    return [re.sub(r"[^\w]", "", part) for part in text.casefold().replace("’", "'").split() if re.sub(r"[^\w]", "", part)]
