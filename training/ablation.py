"""What each part of GRPO-PTR is worth: one run for each thing left out, evaluated alike, in one table, as the paper has it.

    python -m training.ablation --recipe training/recipes/nano-grpo.yaml --output runs/nano/ablation \
        --set "CREMA-D dev speakers=runs/nano/dev.jsonl" [--set …] [--seeds 3] [--rows sft,rules:1,full] [--key value …]

Rows: sft (the model that GRPO starts from), rules (format and outcome alone), untrained (a reward model that was not trained),
judged (as published: all four scores by the reward model, none counted on the measurements), no-trust (τ = 1), no-schedule (the
reasoning reward counts from the start), full. Any key of the recipe can be given, for all rows.
A row that has its evaluation is not run again; one that was stopped goes on. `row:N` gives a row N seeds instead of --seeds.
Several seeds give mean and range; one seed gives the interval over speakers. What each row gained over SFT stands in a table of its
own, paired on the same clips (`training/gains.py`). Writes ablation.json and ablation.md.

The trained reward model scores the replies of all rows. What was trained to please it is judged by it as well, so read that column
beside precision and coverage, which no row was trained on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.loading import locate, read_style
from emotionthinker.processor import load_processor
from training import evaluate, grpo_ptr
from training.gains import TITLES, counts_of, gains, gains_table, sets_of
from training.resumable import write_whole
from training.reward_thinker import REWARD_FILE, RewardModel, load_for_scores
from training.rewards import RewardError
from training.sft import read_recipe

ROWS = ("sft", "rules", "untrained", "judged", "no-trust", "no-schedule", "full")
NAMES = {
    "sft": "SFT",
    "rules": "GRPO, rule rewards only",
    "untrained": "GRPO-PTR, reward model not trained",
    "judged": "GRPO-PTR, nothing counted",
    "no-trust": "GRPO-PTR without τ",
    "no-schedule": "GRPO-PTR without progressive schedule",
    "full": "GRPO-PTR",
}
FIGURES = {**TITLES, "well_formed": "well-formed replies", "reward": "reward model, 1–5"}


def variant(row: str, recipe: Mapping[str, Any], untrained: str) -> dict[str, Any]:
    """The recipe of a row. untrained: folder of the reward model that was not trained."""
    reasoning = recipe["reasoning"] or {}
    changes: dict[str, dict[str, Any]] = {
        "rules": {"reasoning": None}, "untrained": {"reasoning": {**reasoning, "model": untrained}},
        "judged": {"reasoning": {**reasoning, "counted": False}}, "no-trust": {"trust": False},
        "no-schedule": {"schedule": None}, "full": {},
    }  # fmt: skip
    return {**recipe, **changes[row]}


def untrained_model(base: str, trained: str, folder: Path) -> str:
    """A reward model of the same kind as the trained one, as it was before training; its folder.

    Before training a head gives everything the same score, which would be no reward model at all, so its last weights are drawn.
    """
    if not (folder / REWARD_FILE).is_file():
        place, _ = locate(base)
        kind = RewardModel.from_folder(trained).kind
        thinker = load_for_scores(place, kind)
        if kind == "head":
            torch.nn.init.normal_(thinker.reward_head.answer, generator=torch.Generator().manual_seed(0))
        RewardModel(thinker, load_processor(place), read_style(place)[0], kind).save(folder)
    return str(folder)


def run(recipe: Mapping[str, Any], rows: Mapping[str, int], sets: Mapping[str, str], output: Path) -> dict[str, Any]:
    """Train and evaluate every row and seed that is not done yet; all figures by row, seed and set. rows: row -> seeds."""
    reasoning = recipe["reasoning"] or {}
    if not reasoning.get("model"):
        raise RewardError("The recipe names no reward model's folder under `reasoning`; an ablation needs one.")
    untrained = untrained_model(recipe["model"], reasoning["model"], output / "untrained-reward")
    found: dict[str, Any] = {}
    for row, seeds in rows.items():
        for seed in range(seeds):
            place = output / row / f"seed-{seed}"
            report = place / "evaluation" / "evaluation.json"
            settings = recipe if row == "sft" else variant(row, recipe, untrained)
            same_settings(place / "settings.json", settings)
            if report.is_file():
                same_sets(report, sets)
            else:
                print(f"{NAMES[row]}, seed {seed}", file=sys.stderr)
                model: str | Path = recipe["model"]
                if row != "sft":
                    model = grpo_ptr.train({**settings, "seed": seed, "output": str(place)})
                evaluate.evaluate(model, sets, report.parent, reward_model=reasoning["model"])
            corpora = json.loads(report.read_text(encoding="utf-8"))["corpora"]
            found.setdefault(row, {})[str(seed)] = {corpus["name"]: figures(corpus) for corpus in corpora}
    return found


def same_settings(file: Path, recipe: Mapping[str, Any]) -> None:
    """Keep the settings of a row beside it. Raises RewardError where it was begun with others: its table would mix two recipes."""
    text = json.dumps({key: value for key, value in recipe.items() if key not in ("seed", "output", "threads")}, indent=1) + "\n"
    if file.is_file() and file.read_text(encoding="utf-8") != text:
        raise RewardError(f"{file.parent} was begun with other settings (its settings.json); give another --output, or delete it.")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, text)


def same_sets(report: Path, sets: Mapping[str, str]) -> None:
    """Raises RewardError where a row that is done was evaluated on other sets than are asked for now."""
    known = [corpus["name"] for corpus in json.loads(report.read_text(encoding="utf-8"))["corpora"]]
    if set(sets) - set(known):
        raise RewardError(
            f"{report.parent} is an evaluation on {', '.join(map(repr, known))}, not on {', '.join(map(repr, sets))}; delete that "
            "folder to have the row's model evaluated again, or give the same sets."
        )


def figures(corpus: Mapping[str, Any]) -> dict[str, Any]:
    """What of an evaluation stands in the table, with the interval over speakers where there is one."""
    reasoning = corpus["reasoning"]
    return {
        "accuracy": corpus["accuracy"], "uar": corpus["uar"],
        "precision": reasoning["precision"], "coverage": reasoning["coverage"],
        "well_formed": corpus["well_formed"], "reward": corpus.get("reward", {}).get("mean"),
        "intervals": {"accuracy": corpus.get("accuracy_interval"), "uar": corpus.get("uar_interval"),
                      "precision": reasoning["precision_interval"], "coverage": reasoning["coverage_interval"]},
    }  # fmt: skip


def gained(found: Mapping[str, Any], labels: Sequence[str], sets: Mapping[str, str], output: Path) -> dict[str, Any]:
    """set -> row -> what the row gained over SFT, its seeds averaged; without the row `sft` nothing."""
    out: dict[str, Any] = {}
    for name, file in sets.items() if "sft" in found else ():
        records = evaluate.labelled(file, labels)
        counts = {row: [counts_of(output / row / f"seed-{seed}" / "evaluation", name, records, labels) for seed in by_seed]
                  for row, by_seed in found.items()}  # fmt: skip
        out[name] = {row: gains(counts["sft"][0], runs) for row, runs in counts.items() if row != "sft"}
    return out


def markdown(found: Mapping[str, Any], gain: Mapping[str, Any], sets: Sequence[str]) -> str:
    """The tables of each set, as Markdown. found: row -> seed -> set -> figures of one run; gain: set -> row -> gains over SFT."""
    lines = ["# What each part is worth", ""]
    for name in sets:
        lines += [f"## {name}", "", "| | " + " | ".join(FIGURES.values()) + " | seeds |", "|---|" + "---|" * (len(FIGURES) + 1)]
        for row, by_seed in found.items():
            runs = [by_set[name] for by_set in by_seed.values()]
            lines.append(f"| {NAMES[row]} | " + " | ".join(cell(runs, key) for key in FIGURES) + f" | {len(runs)} |")
        lines += ["", "Several seeds: mean (lowest–highest). One seed: the value [95 % interval over speakers].", ""]
        if gain.get(name):
            lines += gains_table({NAMES[row]: found for row, found in gain[name].items()}, NAMES["sft"])
    return "\n".join(lines)


def seeds_of(text: str, usual: int) -> dict[str, int]:
    """Row -> seeds, from `--rows`. SFT is one model: it has one. Raises RewardError.

    >>> seeds_of("sft,rules:1,full", 3)
    {'sft': 1, 'rules': 1, 'full': 3}
    """
    rows: dict[str, int] = {}
    for part in text.split(","):
        row, colon, given = part.strip().partition(":")
        seeds = usual
        if colon:
            seeds = int(given) if given.isdecimal() else 0
        elif row == "sft":
            seeds = 1
        if row not in ROWS or row in rows or seeds < 1 or (row == "sft" and seeds > 1):
            raise RewardError(
                f"--rows takes some of {', '.join(ROWS)}, each once, with commas, each but sft with its seeds if wanted (full:3), "
                f"and --seeds a number from 1; given were {text!r} and {usual}."
            )
        rows[row] = seeds
    return rows


def cell(runs: Sequence[Mapping[str, Any]], key: str) -> str:
    """One figure of a row.

    >>> cell([{"uar": 0.7, "intervals": {"uar": [0.66, 0.74]}}], "uar")
    '0.700 [0.660, 0.740]'
    >>> cell([{"uar": 0.7, "intervals": {}}, {"uar": 0.8, "intervals": {}}], "uar")
    '0.750 (0.700–0.800)'
    """
    values = [run[key] for run in runs if run[key] is not None]
    if not values:
        return "–"
    if len(values) > 1:
        return f"{sum(values) / len(values):.3f} ({min(values):.3f}–{max(values):.3f})"
    between = runs[0]["intervals"].get(key)
    return f"{values[0]:.3f}" + (f" [{between[0]:.3f}, {between[1]:.3f}]" if between else "")


def main(argv: list[str] | None = None) -> int:
    """Run or read the rows, and write the tables; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--recipe", required=True, help="recipe of training.grpo_ptr")
    parser.add_argument("--output", required=True, help="folder for the runs and the table")
    parser.add_argument("--set", action="append", required=True, metavar="NAME=LABELS.jsonl", help="clips; may be repeated")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows", default=",".join(ROWS), help="some of the rows, with commas; row:N gives one N seeds")
    args, overrides = parser.parse_known_args(argv)
    try:
        rows = seeds_of(args.rows, args.seeds)
        if any(flag.partition("=")[0] == "--seed" for flag in overrides):
            raise RewardError("--seed is not a key here, each run has its own; say with --seeds how many.")
        sets, recipe, output = sets_of(args.set), read_recipe(args.recipe, overrides), Path(args.output)
        found = run(recipe, rows, sets, output)
        gain = gained(found, read_style(locate(recipe["model"])[0])[0].labels, sets, output)
        table = markdown(found, gain, list(sets))
        write_whole(output / "ablation.json", json.dumps({"rows": found, "gains": gain}, indent=1, ensure_ascii=False) + "\n")
        write_whole(output / "ablation.md", table)
        print(table)
    except EmotionThinkerError as error:
        print(" ".join(error.whole.split()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
