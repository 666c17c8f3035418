"""What a model gained over another on the same clips, with an interval that says whether the gain is more than luck.

Two evaluations of the same clips are paired: in each of the 2,000 draws the same speakers are drawn for both, so that what makes a
speaker hard falls out of the difference. Runs with several seeds are averaged within a draw; the interval is that of the speakers,
seeds are not resampled (three are too few for it). Percentile bootstrap, 95 %.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.grounding import ground, verify_claims
from emotionthinker.response import parse_response
from training.figures import BOOTSTRAPS, Statistic, accuracy_of, tally, uar_of
from training.rewards import RewardError


@dataclass(frozen=True)
class Counts:
    """What one evaluation counted on one set of clips, by speaker, in the order of the sorted speakers."""

    answers: np.ndarray  # (speakers, classes, classes + 1): true class and answer -> clips
    facts: np.ndarray  # (speakers, 2): claims that are right, claims that can be checked
    cues: np.ndarray  # (speakers, 2): salient cues that are named, salient cues


STATISTICS: dict[str, tuple[str, Statistic]] = {
    "accuracy": ("answers", accuracy_of),
    "uar": ("answers", uar_of),
    "precision": ("facts", lambda sums: sums[..., 0] / np.maximum(sums[..., 1], 1)),
    "coverage": ("cues", lambda sums: sums[..., 0] / np.maximum(sums[..., 1], 1)),
}


def counts_of(evaluation: Path, name: str, records: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> Counts:
    """The counts of an evaluation's folder on the set `name`, from its replies. records: the set's labelled clips, in its order.

    Raises RewardError where the replies are not there, or not those of the records.
    """
    try:
        lines = (evaluation / "replies.jsonl").read_text(encoding="utf-8").split("\n")
        rows = [row for row in map(json.loads, filter(None, lines)) if row["set"] == name]
        heard = [row["audio"] for row in rows]
    except (OSError, ValueError, TypeError, KeyError):
        rows, heard = [], []
    if heard != [Path(record["audio_path"]).name for record in records]:
        raise RewardError(f"The replies in {evaluation} are not about the clips of {name!r} as they are now; evaluate again, into "
                          "an empty folder.")  # fmt: skip
    speakers = [str(record["speaker"]) for record in records]
    names = sorted(set(speakers))
    facts, cues = np.zeros((len(names), 2)), np.zeros((len(names), 2))
    for row, record, speaker in zip(rows, records, speakers, strict=True):
        found = ground(verify_claims(parse_response(row["reply"], labels).reasoning, record), record)
        facts[names.index(speaker)] += found.supported, found.checkable
        cues[names.index(speaker)] += found.mentioned, found.salient
    return Counts(tally([row["emotion"] for row in rows], [row["answer"] for row in rows], speakers, labels), facts, cues)


def gains(before: Counts, after: Sequence[Counts], seed: int = 0) -> dict[str, dict[str, Any]]:
    """`accuracy, uar, precision, coverage`, each with `gain` (after − before) and its `interval`. after: one for each seed."""
    speakers = len(before.answers)
    draws = np.random.default_rng(seed).integers(speakers, size=(BOOTSTRAPS, speakers))
    out: dict[str, dict[str, Any]] = {}
    for key, (part, statistic) in STATISTICS.items():
        old, new = getattr(before, part), [getattr(counts, part) for counts in after]
        gain = np.mean([statistic(counts.sum(0)) for counts in new]) - statistic(old.sum(0))
        drawn = np.mean([statistic(counts[draws].sum(1)) for counts in new], axis=0) - statistic(old[draws].sum(1))
        ends = np.percentile(drawn, [2.5, 97.5])
        out[key] = {"gain": round(float(gain), 4), "interval": [round(float(end), 4) for end in ends]}
    return out
