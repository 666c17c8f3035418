"""Make the table of reference levels that a clip's pitch, energy, speed and range are held against.

Per measure: the two cut points between its three levels (tertiles), 101 quantiles, mean and standard deviation; pitch
per sex, the others over all speakers. Pitch is averaged in log2 Hz, where equal steps are equal intervals.

    python -m training.reference_levels --input_path crema-train.jsonl --name "CREMA-D train"

The input comes from `training.label_prosody`; clips that may not be trained on are refused.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.prosody.levels import DEFAULT_REFERENCE, MEASURES
from training.corpora import read_jsonl, require_trainable

N_QUANTILES = 101  # every percentile, ends included
FEWEST_CLIPS = 30  # fewer make tertiles that move with every clip
SEXES = {"male": "Male", "female": "Female"}  # as corpora write it -> as the prosody record does


class TooFewClips(EmotionThinkerError):
    """Too few measured clips for tertiles."""


def sex_of(record: Mapping[str, Any]) -> str | None:
    """Male, Female or None: what the corpus says, else what was heard."""
    return SEXES.get(str(record.get("sex")), record.get("gender"))


def build_table(records: Sequence[Mapping[str, Any]], name: str, command: str) -> dict[str, Any]:
    """The JSON table of `Reference` from labelled records.

    Values that were not measured, and pitch that is not reliable, are left out. Raises TooFewClips where no group of a
    measure has 30 values.
    """
    measures: dict[str, Any] = {}
    for kind, (field, unit, names) in MEASURES.items():
        values: dict[str, list[float]] = {}
        for record in records:
            group = sex_of(record) if kind == "pitch" else "all"
            doubtful = kind in ("pitch", "range") and not record.get("f0_reliable")
            if record.get(field) is not None and group is not None and not doubtful:
                values.setdefault(group, []).append(record[field])
        scale = "log2" if kind == "pitch" else "linear"
        groups = {group: _group(found, scale) for group, found in sorted(values.items()) if len(found) >= FEWEST_CLIPS}
        if not groups:
            n = max(map(len, values.values()), default=0)
            raise TooFewClips(f"Only {n} clips have a {field}; levels of {kind} need {FEWEST_CLIPS}: give more clips.")
        measures[kind] = {"field": field, "unit": unit, "levels": list(names), "scale": scale, "groups": groups}
    return {
        "name": name,
        "n_clips": len(records),
        "n_speakers": len({r.get("speaker") for r in records} - {None}),
        "date": datetime.date.today().isoformat(),
        "command": command,
        "measures": measures,
    }


def _group(values: list[float], scale: str) -> dict[str, Any]:
    x = np.asarray(values, float)
    on_scale = np.log2(x) if scale == "log2" else x
    quantiles = np.quantile(x, np.linspace(0, 1, N_QUANTILES))
    return {
        "n": len(values),
        "cuts": [round(float(c), 4) for c in np.quantile(x, (1 / 3, 2 / 3))],
        "mean": round(float(on_scale.mean()), 5),
        "std": round(max(float(on_scale.std()), 1e-5), 5),
        "quantiles": [round(float(q), 3) for q in quantiles],
    }


def main(argv: list[str] | None = None) -> int:
    """Write a table of reference levels from labelled clips; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.reference_levels",
                                     description="Make a table of reference levels from labelled clips.")
    parser.add_argument("--input_path", required=True, help="JSONL written by training.label_prosody")
    parser.add_argument("--name", required=True, help="what people read as the reference, such as 'CREMA-D train'")
    parser.add_argument("--output_path", default=str(DEFAULT_REFERENCE))
    args = parser.parse_args(argv)
    try:
        records = read_jsonl(args.input_path)
        require_trainable(records)
        command = f"python -m training.reference_levels --input_path {Path(args.input_path).name} --name '{args.name}'"
        table = build_table(records, args.name, command)
    except EmotionThinkerError as error:
        print(error, file=sys.stderr)
        return 2
    Path(args.output_path).parent.mkdir(parents=True, exist_ok=True)
    Path(args.output_path).write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    for kind, measure in table["measures"].items():
        for group, found in measure["groups"].items():
            low, high = found["cuts"]
            print(f"{kind:7}{group:7} n={found['n']:5d}  cuts {low:.2f}, {high:.2f} {measure['unit']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
