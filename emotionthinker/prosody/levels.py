"""From a measured value to a level: low, normal or high, held against a reference that is always named.

A level is a tertile of the reference, per sex for pitch, as in the published labels. Two references exist: a table made
from a corpus (`Reference`, assets/reference/), and one neutral clip of the same speaker (`SpeakerReference`). Where the
measurement does not support a level, the level is None.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.errors import EmotionThinkerError

DEFAULT_REFERENCE = Path(__file__).resolve().parents[2] / "assets" / "reference" / "crema-d-train.json"

# kind -> (field of the prosody record, unit, names of the three levels from low to high)
MEASURES: dict[str, tuple[str, str, tuple[str, str, str]]] = {
    "pitch": ("f0_median_hz", "Hz", ("low", "normal", "high")),
    "energy": ("energy_dbfs", "dBFS", ("low", "normal", "high")),
    "speed": ("articulation_rate_pps", "phones/s", ("slow", "normal", "fast")),
    "range": ("f0_range_st", "st", ("narrow", "normal", "wide")),
}
LOWEST_SNR_DB = 3.0  # below it the level of the "speech" frames is mostly that of the noise
SHORTEST_SPEECH_S = 0.3  # about one stressed syllable; less shows no manner of speaking


@dataclass(frozen=True)
class Level:
    """Where a value lies in a reference.

    level: one of the three names, or None. percentile: 0 to 100 within the reference. z: standard deviations from its
    mean (pitch: of log F0). cuts: the two values between the levels, in the measure's unit. reference: what the value
    was held against, for people.
    """

    level: str | None
    percentile: float | None
    z: float | None
    cuts: tuple[float, float] | None
    reference: str


class Reference:
    """Level tables of a corpus, made by `python -m training.reference_levels`."""

    def __init__(self, table: Mapping[str, Any]):
        self.table = table
        self.name: str = table["name"]

    @classmethod
    def from_file(cls, path: str | Path | None = None) -> Reference:
        """Read a table (default: the one of CREMA-D train). Raises EmotionThinkerError if it is not one."""
        file = Path(path) if path is not None else DEFAULT_REFERENCE
        try:
            table = json.loads(file.read_text(encoding="utf-8"))
            if set(table["measures"]) != set(MEASURES):
                raise KeyError("measures")
            return cls(table)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EmotionThinkerError(
                f"{file.name} is not a readable table of reference levels; make one with "
                "`python -m training.reference_levels`.") from error

    def level(self, kind: str, value: float | None, gender: str | None = None) -> Level:
        """Level of one value; kind is a key of MEASURES, gender "Male", "Female" or None.

        Pitch without a known gender has a level only where it is the same for men and women: 100 Hz is low and 300 Hz
        is high for both, 160 Hz is high for one and low for the other.
        """
        groups = self.table["measures"][kind]["groups"]
        group_name = "all" if "all" in groups else gender or ""
        group = groups.get(group_name)
        if group is None:
            names = {self.level(kind, value, each).level for each in groups}
            if len(names) == 1 and None not in names:
                return Level(names.pop(), None, None, None, f"{self.name}, men and women alike")
            return Level(None, None, None, None, f"{self.name}: none, as the speaker's sex is not known")
        name = self.name if group_name == "all" else f"{self.name}, {group_name.lower()} speakers"
        cuts = (float(group["cuts"][0]), float(group["cuts"][1]))
        if value is None or not math.isfinite(value):
            return Level(None, None, None, cuts, name)
        percentile = float(np.interp(value, group["quantiles"], np.linspace(0, 100, len(group["quantiles"]))))
        x = math.log2(value) if self.table["measures"][kind]["scale"] == "log2" else value
        z = (x - group["mean"]) / group["std"]
        return Level(_name(kind, value, cuts), round(percentile, 1), round(z, 2), cuts, name)


class SpeakerReference:
    """One neutral clip of the same speaker as the reference: levels say how this clip differs from it.

    The distances are above what differs between two neutral clips of one speaker and below what listeners notice as a
    raised or lowered voice; they are a choice, not a fit.
    """

    PITCH_ST = 1.5
    ENERGY_DB = 3.0
    SPEED_SHARE = 0.10
    RANGE_ST = 2.0

    def __init__(self, neutral: Mapping[str, Any]):
        """neutral: the prosody record (as a dict) of the neutral clip."""
        self.neutral = neutral
        self.name = "a neutral clip of the same speaker"

    def level(self, kind: str, value: float | None, gender: str | None = None) -> Level:
        """As in `Reference`; one clip has no distribution, so percentile and z are None."""
        field, unit, _ = MEASURES[kind]
        base = self.neutral.get(field)
        if base is None or (kind in ("pitch", "range") and not self.neutral.get("f0_reliable")):
            return Level(None, None, None, None, f"{self.name}: none, as it could not be measured there")
        low, high = {
            "pitch": (base * 2 ** (-self.PITCH_ST / 12), base * 2 ** (self.PITCH_ST / 12)),
            "energy": (base - self.ENERGY_DB, base + self.ENERGY_DB),
            "speed": (base * (1 - self.SPEED_SHARE), base * (1 + self.SPEED_SHARE)),
            "range": (base - self.RANGE_ST, base + self.RANGE_ST),
        }[kind]
        cuts = (round(low, 4), round(high, 4))
        level = None if value is None or not math.isfinite(value) else _name(kind, value, cuts)
        return Level(level, None, None, cuts, f"{self.name} ({base:.4g} {unit})")


def judge(facts: Mapping[str, Any], reference: Reference | SpeakerReference, gender: str | None) -> dict[str, Any]:
    """The level fields of a prosody record: `levels`, `pitch_level`, `energy_level`, `speed_level`.

    facts: the measured fields. A value stays in `levels` where it was measured but does not support a level.
    """
    snr_db = facts.get("est_snr_db")
    enough = facts["speech_s"] >= SHORTEST_SPEECH_S
    pitched = enough and bool(facts.get("f0_reliable"))
    supported = {
        "pitch": pitched,
        "energy": enough and (snr_db is None or snr_db >= LOWEST_SNR_DB),
        "speed": enough,
        "range": pitched,
    }
    levels: dict[str, dict[str, Any]] = {}
    for kind, (field, unit, _) in MEASURES.items():
        value = facts.get(field)
        found = reference.level(kind, value if supported[kind] else None, gender)
        levels[kind] = {"value": value, "unit": unit, "level": found.level, "percentile": found.percentile,
                        "z": found.z, "cuts": list(found.cuts) if found.cuts else None, "reference": found.reference}
    return {"levels": levels, **{f"{kind}_level": levels[kind]["level"] for kind in ("pitch", "energy", "speed")}}


def _name(kind: str, value: float, cuts: tuple[float, float]) -> str:
    """The lower level below the first cut, the upper above the second; a value on a cut is normal."""
    low, normal, high = MEASURES[kind][2]
    return low if value < cuts[0] else high if value > cuts[1] else normal
