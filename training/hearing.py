"""What the tower hears of each cue, and how clearly it must hear one before an explanation may state it.

An explanation is written from the measured record, but the model that learns it has only the tower's states. Told to
state what the states do not hold, it learns to guess. So a cue goes into a text only where the measurement and the
tower's own cue heads agree, and where the heads are far enough from the neighbouring level that they were right on
`GOAL` of such dev clips. What the model learns to say then depends on what it can hear; where it would have to guess
it learns to be silent (selective prediction; Geifman & El-Yaniv 2017).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emotionthinker.grounding import TOLERANCE, VERY_FROM_MIDDLE
from training.mel import MelCache, whisper_scale
from training.resumable import write_whole
from training.tower_training import CUE_SCALE, CUES, INTONATIONS, Heads, pad_states, tower_states

GOAL = 0.93  # share of heard statements that must be right on dev
SEX_GOAL = 0.98
FEWEST = 25  # dev clips to judge a margin by
CUTS = (100 / 3, 200 / 3)
OUTER_MARGINS = tuple(range(6, 33, 2))  # percentile points beyond a cut; 33.3 is the end of the scale
MIDDLE_MARGINS = tuple(range(4, 16, 2))  # percentile points inside both cuts; 16.7 is the middle
CERTAINTIES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
ALMOST_VERY = VERY_FROM_MIDDLE - 1  # percentile points from the middle
SUREST_CONTOUR = 0.6  # contour_confidence below which the melody is left out


@dataclass(frozen=True)
class Heard:
    """values: kind of cue -> value in its measure's unit; intonation: probabilities, as INTONATIONS; female: probability;
    emotion: which of the labels the head finds likeliest, by its index."""

    values: dict[str, float]
    intonation: dict[str, float]
    female: float
    emotion: int


@dataclass(frozen=True)
class Margins:
    """How clearly a cue must be heard to be stated; None: never.

    outer, middle: percentile points from the cuts, for the outer levels and the normal one. intonation, sex:
    probability of the stated value.
    """

    outer: dict[str, float | None]
    middle: dict[str, float | None]
    intonation: float | None
    sex: float | None

    @classmethod
    def from_file(cls, path: Path) -> Margins:
        """What `save` wrote. Raises OSError, ValueError."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def save(self, path: Path) -> None:
        """Write them as JSON, whole or not at all."""
        write_whole(path, json.dumps(asdict(self), indent=1) + "\n")


@torch.no_grad()
def hear_cues(heads: Heads, states: Sequence[torch.Tensor]) -> list[Heard]:
    """What the cue heads make of the states of each clip, (T_i, d_model)."""
    padded, mask = pad_states(states)
    answers = heads(padded.float(), mask)
    contours, female = answers["intonation"].softmax(-1).tolist(), answers["sex"].squeeze(-1).sigmoid().tolist()
    emotions = answers["emotion"].argmax(-1).tolist()
    heard = []
    for row, contour, sex, emotion in zip(answers["cues"].tolist(), contours, female, emotions, strict=True):
        values = {c: value * CUE_SCALE[c][1] + CUE_SCALE[c][0] for c, value in zip(CUES, row, strict=True)}
        values["pitch"] = 2.0 ** values["pitch"]  # the heads are taught log2 Hz
        heard.append(Heard(values, dict(zip(INTONATIONS, contour, strict=True)), sex, emotion))
    return heard


def audible(record: dict, heard: Heard, margins: Margins, reference: Any) -> dict:
    """The record with only those cues that were measured and are heard as clearly; the others count as not measured.

    A level far out is heard to be that far out by the same margin, else its percentile is brought in to where no text says "very".

    reference: `prosody.levels.Reference`, to read heard values as percentiles.
    """
    levels = {}
    for kind, entry in record["levels"].items():
        percentile = reference.level(kind, heard.values[kind], record.get("gender")).percentile
        margin = None if percentile is None or entry.get("percentile") is None else _margin(percentile)
        clear = False
        if margin is not None and _band(percentile) == _band(entry["percentile"]):
            least = margins.middle[kind] if _band(percentile) == 1 else margins.outer[kind]
            clear = least is not None and margin >= least
        if clear and abs(entry["percentile"] - 50) >= VERY_FROM_MIDDLE > abs(percentile - 50) - margins.outer[kind]:
            entry = entry | {"percentile": 50 + math.copysign(ALMOST_VERY, percentile - 50)}  # high, but nothing tells how high
        levels[kind] = entry if clear else entry | {"level": None}
    contour, sex = record.get("intonation"), record.get("gender")
    sure = (record.get("contour_confidence") or 0.0) >= SUREST_CONTOUR
    of_contour = heard.intonation.get(str(contour), 0.0)
    if not sure or margins.intonation is None or of_contour < margins.intonation:
        contour = None
    of_sex = {"Female": heard.female, "Male": 1 - heard.female}.get(str(sex), 0.0)
    return record | {
        "levels": levels,
        "intonation": contour,
        "gender": sex if margins.sex is not None and of_sex >= margins.sex else None,
    }


def choose_margins(
    tower: Any, heads: Heads, mels: MelCache, records: Sequence[dict], reference: Any, log: Callable[[dict], None]
) -> Margins:
    """The smallest margins at which what is heard was right on `GOAL` of the dev clips, by the claim checker's tolerance."""
    heard: list[Heard] = []
    tower.eval()
    with torch.no_grad():
        for begin in range(0, len(records), 64):
            part = range(begin, min(begin + 64, len(records)))
            heard += hear_cues(heads, tower_states(tower, [whisper_scale(mels[i]) for i in part]))
    outer: dict[str, float | None] = {}
    middle: dict[str, float | None] = {}
    for kind in CUES:
        pairs = []
        for clip, record in zip(heard, records, strict=True):
            measured = record["levels"][kind]
            said = reference.level(kind, clip.values[kind], record.get("gender")).percentile
            if said is not None and measured["level"] is not None and measured["percentile"] is not None:
                pairs.append((said, measured["percentile"]))
        outer[kind], right = _smallest(pairs, OUTER_MARGINS, bands=(0, 2))
        middle[kind], right_middle = _smallest(pairs, MIDDLE_MARGINS, bands=(1,))
        log({"stage": "margins", "cue": kind, "outer": outer[kind], **right, "middle": middle[kind], "in_middle": right_middle})
    contours = [
        (clip.intonation, r["intonation"])
        for clip, r in zip(heard, records, strict=True)
        if r.get("intonation") in INTONATIONS and (r.get("contour_confidence") or 0.0) >= SUREST_CONTOUR
    ]
    sexes = [
        ({"Female": clip.female, "Male": 1 - clip.female}, r["gender"])
        for clip, r in zip(heard, records, strict=True)
        if r.get("gender") in ("Female", "Male")
    ]
    contour, contour_right = _least_certainty(contours, GOAL)
    sex, sex_right = _least_certainty(sexes, SEX_GOAL)
    log({"stage": "margins", "intonation": contour, **contour_right, "sex": sex, "of_sex": sex_right})
    return Margins(outer, middle, contour, sex)


def _band(percentile: float) -> int:
    return int(percentile > CUTS[0]) + int(percentile > CUTS[1])


def _margin(percentile: float) -> float:
    """Points to the nearest cut."""
    return min(abs(percentile - cut) for cut in CUTS)


def _smallest(
    pairs: Sequence[tuple[float, float]], margins: Sequence[int], bands: tuple[int, ...]
) -> tuple[float | None, dict[str, float]]:
    """Smallest margin at which the heard band is right often enough; pairs: (heard, measured) percentiles."""
    for margin in margins:
        right = []
        for said, measured in pairs:
            band = _band(said)
            if band in bands and _margin(said) >= margin:
                low, high = (0.0, *CUTS, 100.0)[band : band + 2]
                right.append(low - TOLERANCE <= measured <= high + TOLERANCE)
        if len(right) < FEWEST:
            break
        if np.mean(right) >= GOAL:
            return float(margin), {"right": round(float(np.mean(right)), 3), "of": len(right), "all": len(pairs)}
    return None, {"all": len(pairs)}


def _least_certainty(
    pairs: Sequence[tuple[dict[str, float], str]], goal: float
) -> tuple[float | None, dict[str, float]]:
    """Smallest probability of the likeliest value at which it is right often enough; pairs: (probabilities, measured)."""
    for least in CERTAINTIES:
        right = [max(p, key=lambda v: p[v]) == measured for p, measured in pairs if max(p.values()) >= least]
        if len(right) < FEWEST:
            break
        if np.mean(right) >= goal:
            return least, {"right": round(float(np.mean(right)), 3), "of": len(right), "all": len(pairs)}
    return None, {"all": len(pairs)}
