"""What a model gained over another on the same clips, with an interval over speakers.

    python -m training.gains --before runs/sft/evaluation --after runs/grpo/evaluation [--after …] --model runs/sft/model \
        --set "CREMA-D dev speakers=runs/nano/dev.jsonl" [--set …]

Reads folders that `training.evaluate` wrote, and prints a table. `--model`: one of the models, for its labels.
Two evaluations of the same clips are paired: in each of the 2,000 draws the same speakers are drawn for both, so that what makes a
speaker hard falls out of the difference. Runs with several seeds are averaged within a draw. Percentile bootstrap, 95 %. The luck
of the seed, and of choosing on the same clips, is not in the interval: three seeds are too few to be resampled.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.grounding import ground, verify_claims
from emotionthinker.loading import locate, read_style
from emotionthinker.response import parse_response
from training.evaluate import labelled
from training.figures import BOOTSTRAPS, Statistic, accuracy_of, tally, uar_of
from training.rewards import RewardError


@dataclass(frozen=True)
class Counts:
    """What one evaluation counted on one set of clips, by speaker, in the order of the sorted speakers."""

    answers: np.ndarray  # (speakers, classes, classes + 1): true class and answer -> clips
    facts: np.ndarray  # (speakers, 2): claims that are right, claims that can be checked
    cues: np.ndarray  # (speakers, 2): salient cues that are named, salient cues


def share_of(sums: np.ndarray) -> np.ndarray:
    """First over second of the last axis; NaN where there is nothing to share."""
    return np.divide(sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=sums[..., 1] > 0)


STATISTICS: dict[str, tuple[str, Statistic]] = {
    "accuracy": ("answers", accuracy_of), "uar": ("answers", uar_of),
    "precision": ("facts", share_of), "coverage": ("cues", share_of),
}  # fmt: skip


TITLES = {"accuracy": "accuracy", "uar": "UAR", "precision": "stated facts right", "coverage": "salient cues named"}


def counts_of(evaluation: Path, name: str, records: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> Counts:
    """The counts of an evaluation's folder on the set `name`, from its replies. records: the set's labelled clips, in its order.

    Raises RewardError where the replies are not there, or not those of the records.
    """
    file = evaluation / "replies.jsonl"
    try:
        read = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]
        rows = [{key: row[key] for key in ("audio", "emotion", "answer", "reply")} for row in read if row["set"] == name]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RewardError(f"{file} cannot be read; give a folder that training.evaluate wrote.") from error
    if not rows:
        known = ", ".join(repr(found) for found in dict.fromkeys(row["set"] for row in read))
        raise RewardError(f"{evaluation} is an evaluation on {known or 'nothing'}, not on {name!r}; give a set by the name that it "
                          "has there, or evaluate again.")  # fmt: skip
    if [(row["audio"], row["emotion"]) for row in rows] != [(Path(r["audio_path"]).name, r["emotion"]) for r in records]:
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
    """`accuracy, uar, precision, coverage`, each with `gain` (after − before) and its `interval`. after: one for each seed.

    Without anything to share (no claim that can be checked) the gain is None; of one speaker there is no interval.
    """
    speakers = len(before.answers)
    draws = np.random.default_rng(seed).integers(speakers, size=(BOOTSTRAPS, speakers))
    out: dict[str, dict[str, Any]] = {}
    for key, (part, statistic) in STATISTICS.items():
        old, new = getattr(before, part), [getattr(counts, part) for counts in after]
        gain = np.mean([statistic(counts.sum(0)) for counts in new]) - statistic(old.sum(0))
        drawn = np.mean([statistic(counts[draws].sum(1)) for counts in new], axis=0) - statistic(old[draws].sum(1))
        known = bool(np.isfinite(gain))
        out[key] = {"gain": round(float(gain), 6) if known else None, "interval": None}
        if known and speakers > 1:
            out[key]["interval"] = [round(float(end), 6) for end in np.nanpercentile(drawn, [2.5, 97.5])]
    return out


def gain_cell(found: Mapping[str, Any]) -> str:
    """One gain.

    >>> gain_cell({"gain": -0.004, "interval": [-0.0102, 0.0021]})
    '−0.004 [−0.010, +0.002]'
    >>> gain_cell({"gain": 0.0115176, "interval": None}), gain_cell({"gain": None, "interval": None})
    ('+0.012', '–')
    """
    if found["gain"] is None:
        return "–"
    gain, *ends = (f"{value:+.3f}".replace("-", "−") for value in (found["gain"], *(found["interval"] or ())))
    return f"{gain} [{ends[0]}, {ends[1]}]" if ends else gain


def gains_table(rows: Mapping[str, Mapping[str, Any]], over: str) -> list[str]:
    """Lines of a Markdown table. rows: name -> what `gains` gave; over: the name of what they were gained over."""
    lines = [f"| gained over {over} | " + " | ".join(TITLES.values()) + " |", "|---|" + "---|" * len(TITLES)]
    lines += [f"| {name} | " + " | ".join(gain_cell(row[key]) for key in TITLES) + " |" for name, row in rows.items()]
    return [*lines, "", "On the same clips, seeds averaged, [95 % interval over speakers, the same ones drawn for both].", ""]


def main(argv: list[str] | None = None) -> int:
    """Print what the later evaluations gained over the earlier; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, type=Path, help="folder of an evaluation")
    parser.add_argument("--after", required=True, type=Path, action="append", help="folder of an evaluation; several are averaged")
    parser.add_argument("--model", required=True, help="model folder or hub id, for its labels")
    parser.add_argument("--set", action="append", required=True, metavar="NAME=LABELS.jsonl", help="clips; may be repeated")
    args = parser.parse_args(argv)
    try:
        rows = {}
        labels = read_style(locate(args.model)[0])[0].labels
        for name, file in sets_of(args.set).items():
            records = labelled(file, labels)
            before, *after = (counts_of(folder, name, records, labels) for folder in (args.before, *args.after))
            rows[name] = gains(before, after)
        print("\n".join(gains_table(rows, str(args.before))))
    except EmotionThinkerError as error:
        print(" ".join(error.whole.split()), file=sys.stderr)
        return 2
    return 0


def sets_of(given: Sequence[str]) -> dict[str, str]:
    """Name -> file, from `--set NAME=LABELS.jsonl`. Raises RewardError."""
    pairs = [item.partition("=")[::2] for item in given]
    names = [name for name, _ in pairs]
    if not all(name and file for name, file in pairs) or len(set(names)) < len(names):
        raise RewardError(f"--set takes NAME=LABELS.jsonl, each name once; given was {', '.join(given)}.")
    return dict(pairs)


if __name__ == "__main__":
    sys.exit(main())
