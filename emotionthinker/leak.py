"""What a change to a clip really moved: every cue measured before and after, held against a tolerance.

A change is meant to move one cue. What it moves of the others beyond the tolerance is its leak, and is reported with it. The
tolerances are about what listeners begin to notice between two clips, and above what two measurements of one voice differ by
(the aligner alone moves the rate by up to 5.5 %).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

# cue -> unit of the difference, tolerance
CUES: dict[str, tuple[str, float]] = {
    "pitch": ("st", 0.5),  # of the median
    "range": ("st", 1.0),
    "energy": ("dB", 1.0),
    "speed": ("%", 6.0),  # of the articulation rate
    "pauses": ("pauses", 0.0),
    "stress": ("words", 0.0),  # that are stressed in one clip only
}
# What a change of a cue moves by its nature: a whisper has no pitch, a word without stress is shorter, softer and lower.
MOVED_ALONG: dict[str | None, tuple[str, ...]] = {"voicing": ("pitch", "range"), "stress": ("speed",)}


@dataclass(frozen=True)
class Moved:
    """One cue before and after. `change`: the difference in `unit`, None where one side was not measured; `meant`: the change was
    made for this cue, or moves it by its nature; `within`: inside the tolerance."""

    cue: str
    before: str
    after: str
    change: float | None
    unit: str
    meant: bool
    within: bool

    def to_dict(self) -> dict[str, Any]:
        """The fields by their names, as `probe --json` prints them."""
        return asdict(self)


def moved_cues(before: Mapping[str, Any], after: Mapping[str, Any], cue: str | None) -> list[Moved]:
    """All cues, in the order of `CUES`.

    before, after: prosody records (their `to_dict()`). cue: the cue that was to be changed, "voicing", or None for the control.
    """
    moved = []
    for name, (unit, tolerance) in CUES.items():
        change = _change(name, before, after)
        lost = change is None and _shown(name, before) != _shown(name, after)
        within = not lost if change is None else abs(change) <= tolerance
        meant = name == cue or name in MOVED_ALONG.get(cue, ())
        moved.append(Moved(name, _shown(name, before), _shown(name, after), None if change is None else round(change, 3), unit,
                           meant, within))
    return moved


def leaked(moved: list[Moved]) -> list[Moved]:
    """What moved although it should have stayed."""
    return [item for item in moved if not item.meant and not item.within]


def _change(cue: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> float | None:
    if cue == "pauses":
        return float(len(after["pauses"]) - len(before["pauses"]))
    if cue == "stress":
        if not before["words"] or not after["words"]:
            return None
        return float(len(set(_stressed(before)) ^ set(_stressed(after))))
    field = {"pitch": "f0_median_hz", "range": "f0_range_st", "energy": "energy_dbfs", "speed": "articulation_rate_pps"}[cue]
    a, b = before[field], after[field]
    if a is None or b is None or (cue == "speed" and before["rate_source"] != after["rate_source"]):
        return None
    if cue == "pitch":
        return 12 * math.log2(b / a)
    return 100 * (b / a - 1) if cue == "speed" else b - a


def _stressed(record: Mapping[str, Any]) -> list[int]:
    return [index for index, word in enumerate(record["words"]) if word["stressed"]]


def _shown(cue: str, record: Mapping[str, Any]) -> str:
    if cue == "pauses":
        return str(len(record["pauses"]))
    if cue == "stress":
        return ", ".join(record["stressed_words"]) if record["words"] else "not measured"
    field, form = {"pitch": ("f0_median_hz", "{:.0f} Hz"), "range": ("f0_range_st", "{:.1f} st"),
                   "energy": ("energy_dbfs", "{:.1f} dBFS"), "speed": ("articulation_rate_pps", "{:.1f} phones/s")}[cue]
    value = record[field]
    return "not measured" if value is None else form.format(value).replace("-", "−")
