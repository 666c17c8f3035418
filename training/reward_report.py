"""How well a reward model scores: on speakers, on kinds of damage and beside clips that it was not trained on.

    python -m training.reward_report --model runs/nano/reward/model --tuples DEV.tuples.jsonl [--unseen DEV.unseen.jsonl]
                                     --records DEV.cot.jsonl --output DIR [--calibration calibration.json] [--clips 300]

Per dimension: Spearman's rank correlation with the known score and the mean absolute error, beside the error of a model that gives
everyone the mean. `--unseen`: tuples of kinds of damage that were kept out of training. Reaction to the sound: the same good text
beside its own clip and beside one of the same words that contradicts it; a model that listens gives the second a lower factual
score (the gap, with an interval that resamples speakers, and the share of pairs that fall). Writes reward_report.json and .md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.errors import EmotionThinkerError
from training.counted_scores import FACTUAL
from training.resumable import write_whole
from training.reward_calibration import calibrated, read_calibration
from training.reward_examples import Scored, heard_pairs, read_examples
from training.rewards import DIMENSIONS, RewardError

RESAMPLES = 1000
Scores = dict[str, float]
Ask = Callable[[Sequence[Scored]], list[Scores | None]]


def figures(examples: Sequence[Scored], given: Sequence[Scores | None]) -> dict[str, Any]:
    """Per dimension: Spearman, mean absolute error, that of the mean score; and how many texts got no scores at all."""
    from scipy.stats import spearmanr

    kept = [(e.scores, g) for e, g in zip(examples, given, strict=True) if g is not None]
    out: dict[str, Any] = {"texts": len(examples), "without_scores": len(examples) - len(kept)}
    for dimension in DIMENSIONS:
        true = np.array([scores[dimension] for scores, _ in kept], float)
        said = np.array([g[dimension] for _, g in kept], float)
        varied = len(set(true)) > 1 and len(set(said)) > 1  # a rank correlation with a constant is not defined
        out[dimension] = {
            "spearman": round(float(spearmanr(true, said).statistic), 3) if varied else None,
            "mae": round(float(np.abs(true - said).mean()), 3) if len(kept) else None,
            "mae_of_the_mean": round(float(np.abs(true - true.mean()).mean()), 3) if len(kept) else None,
        }
    return out


def reaction(pairs: Sequence[tuple[Scored, Scored]], ask: Ask, seed: int = 0) -> dict[str, Any]:
    """The fall of the factual score from a text's own clip to another one that contradicts it."""
    own, other = ask([a for a, _ in pairs]), ask([b for _, b in pairs])
    falls = [(str(pair[0].record["speaker"]), a[FACTUAL] - b[FACTUAL])
             for pair, a, b in zip(pairs, own, other, strict=True) if a is not None and b is not None]  # fmt: skip
    if not falls:
        return {"pairs": 0}
    speakers = sorted({speaker for speaker, _ in falls})
    by_speaker = {s: [fall for speaker, fall in falls if speaker == s] for s in speakers}
    rng = np.random.default_rng(seed)
    means = [np.mean([f for s in rng.choice(speakers, len(speakers)) for f in by_speaker[s]]) for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    values = np.array([fall for _, fall in falls])
    deserved = np.mean([a.scores[FACTUAL] - b.scores[FACTUAL] for a, b in pairs])
    return {"pairs": len(falls), "gap": round(float(values.mean()), 3), "interval": [round(float(low), 3), round(float(high), 3)],
            "deserved_gap": round(float(deserved), 3), "falls": round(float((values > 0).mean()), 3)}  # fmt: skip


def markdown(report: dict[str, Any]) -> str:
    """The report as Markdown. report: what `make` found."""
    lines = [f"# Reward model {report['model']}", ""]
    for name in ("seen", "unseen"):
        if name not in report:
            continue
        part = report[name]
        what = "kinds of damage as in training" if name == "seen" else "kinds of damage that were not in training"
        lines += [f"Speakers not in training, {what}: {part['texts']} texts, {part['without_scores']} without scores.", "",
                  "| | Spearman | mean absolute error | of the mean score |", "|---|---|---|---|"]  # fmt: skip
        for d in DIMENSIONS:
            cells = part[d]
            lines.append(f"| {d.replace('_', ' ')} | {cells['spearman']} | {cells['mae']} | {cells['mae_of_the_mean']} |")
        lines.append("")
    heard = report["reaction"]
    if heard["pairs"]:
        low, high = heard["interval"]
        lines.append(
            f"The same text beside another clip of the same words that contradicts it ({heard['pairs']} pairs): the factual score "
            f"falls by {heard['gap']} [{low}, {high}] of {heard['deserved_gap']} deserved points; it falls in "
            f"{100 * heard['falls']:.0f} % of the pairs."
        )
    else:
        lines.append("No pair of clips of the same words contradicts a text, so the reaction to the sound is not known.")
    return "\n".join(lines) + "\n"


def make(args: argparse.Namespace) -> None:
    """Score the tuples of dev speakers, and write the report. Raises EmotionThinkerError."""
    from training.reward_thinker import RewardModel

    maps = read_calibration(args.calibration) if args.calibration else None
    model = RewardModel.from_folder(args.model)

    def ask(examples: Sequence[Scored]) -> list[Scores | None]:
        found = model.scores([e.text for e in examples], [e.record for e in examples])
        return [given if given is None or maps is None else calibrated(given, maps) for given in found]

    report: dict[str, Any] = {"model": Path(args.model).name, "calibrated": maps is not None}
    seen = read_examples(args.tuples, args.records)
    for name, examples in (("seen", seen), ("unseen", read_examples(args.unseen, args.records) if args.unseen else [])):
        if examples:
            chosen = some(examples, args.clips)
            report[name] = figures(chosen, ask(chosen))
    report["reaction"] = reaction(heard_pairs(some(seen, args.clips), seed=0), ask)
    folder = Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "reward_report.json", json.dumps(report, indent=1) + "\n")
    write_whole(folder / "reward_report.md", markdown(report))
    print(markdown(report), end="")


def some(examples: Sequence[Scored], clips: int | None) -> list[Scored]:
    """The examples of `clips` clips, evenly taken; of all for None."""
    paths = list(dict.fromkeys(str(e.record["audio_path"]) for e in examples))
    if clips is None or clips >= len(paths):
        return list(examples)
    kept = {paths[round(i * (len(paths) - 1) / max(clips - 1, 1))] for i in range(clips)}
    return [e for e in examples if str(e.record["audio_path"]) in kept]


def main(argv: list[str] | None = None) -> int:
    """Run the command; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.reward_report", description="How well a reward model scores.")
    parser.add_argument("--model", required=True, help="folder of the reward model")
    parser.add_argument("--tuples", required=True, help="JSONL of training.reward_data, of speakers that were not trained on")
    parser.add_argument("--unseen", help="the same, of kinds of damage that were not trained on")
    parser.add_argument("--records", required=True, help="the label file that the tuples were made from")
    parser.add_argument("--calibration", help="calibration.json of the annotation tool")
    parser.add_argument("--clips", type=int, help="only so many clips of each file, evenly taken")
    parser.add_argument("--output", required=True, help="folder for the report")
    args = parser.parse_args(argv)
    try:
        if args.clips is not None and args.clips < 1:
            raise RewardError(f"--clips is {args.clips}; give a whole number from 1.")
        make(args)
    except EmotionThinkerError as error:
        print(" ".join(error.whole.split()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
