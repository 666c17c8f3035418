"""Tuples of known quality for the reward model: from each good explanation, variants that deserve other scores.

    python -m training.reward_data --input_path COT.jsonl --output_path TUPLES.jsonl [--per_text 5] [--seed 0]
                                   [--without kind,… | --only kind,…] [--recipe FILE]
    OPENAI_API_KEY=… python -m training.reward_data … --writer openai --base_url URL --model NAME --price_in USD --price_out USD
                                                      --max_spend USD

The input is what `training.augment_cot` writes; a text with a contradicted claim is left out and counted. Of each text come the
text itself and `--per_text` less one variants, singly damaged and together. A line holds `tuple_id`, `audio_path`, `speaker`,
`split`, `emotion`, `transcription`, `reasoning`, `scores` (the four, 1–5) and `damage` (kinds with their degrees); where sentences
were damaged, `content` is the text before that, on which facts and completeness are counted.

builder   `training.corruptions`: deterministic; the same input and seed give the same tuples. `--without` keeps kinds out of the
          training tuples, and `--only` makes the tuples of those kinds, to try the model on damage that it has not seen.
openai    a model at an endpoint rewrites the text down to the wanted scores. Facts and completeness are counted on what it wrote: a
          text that misses the wanted score by more than one is sent back, then given up.

Counts of kinds and of scores go to OUT.report.md.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.grounding import CONTRADICTED, verify_claims
from emotionthinker.prompt import user_text
from training.corpora import clip_seed, read_jsonl
from training.corruptions import DEGREES, KINDS, split_sentences
from training.cot_prompt import facts
from training.counted_scores import (
    COMPLETENESS,
    FACTUAL,
    FLUENCY,
    INTERPRETATIVE,
    VOICE,
    completeness_score,
    factual_score,
    repetition_score,
)
from training.endpoint_writer import Task, add_flags, run
from training.judge import ANCHORS
from training.recipe_flags import with_recipe
from training.resumable import read_rows, write_whole
from training.rewards import DIMENSIONS, HIGHEST, LOWEST

KEPT = ("audio_path", "dataset", "speaker", "sex", "split", "emotion", "transcription")
TRIES = 12  # draws of a combination until one can be applied to the text
HOW_MANY = (1, 1, 1, 2, 2, 3, 4)  # dimensions damaged at once: most singly
CUELESS = 1  # interpretative quality of a text that names no cue


def build(record: Mapping[str, Any], per_text: int, seed: int, kinds: Collection[str] = tuple(KINDS)) -> list[dict[str, Any]]:
    """The tuples of one record with its "explanation": the text as it is, then damaged variants, no two the same.

    kinds: those that may be used. Fewer than `per_text` come where a text is too short for so many.
    """
    text = " ".join(str(record["explanation"]).split())
    rng = random.Random(f"{seed}|{clip_seed(record)}")
    tuples = [_tuple(record, 0, text, text, scores_of(text, record, []), [])]
    seen = {text}
    for _ in range((per_text - 1) * TRIES):
        if len(tuples) == per_text:
            break
        made = damaged(text, record, rng, kinds)
        if made is None or made[0] in seen:
            continue
        seen.add(made[0])
        tuples.append(_tuple(record, len(tuples), *made))
    return tuples


def damaged(
    text: str, record: Mapping[str, Any], rng: random.Random, kinds: Collection[str]
) -> tuple[str, str, dict[str, int], list[dict[str, Any]]] | None:
    """(text, the same before its sentences were damaged, scores, damage) of one drawn combination, at most one kind a dimension;
    None if nothing of it could be applied."""
    by_dimension = {d: [name for name, kind in KINDS.items() if kind.dimension == d and name in kinds] for d in DIMENSIONS}
    open_ones = [d for d in DIMENSIONS if by_dimension[d]]
    if not open_ones:
        return None
    chosen = set(rng.sample(open_ones, min(rng.choice(HOW_MANY), len(open_ones))))
    sentences, damage, before_order = split_sentences(text), [], text
    for dimension in (FACTUAL, INTERPRETATIVE, COMPLETENESS, FLUENCY):
        if dimension == FLUENCY:
            before_order = " ".join(sentences)
        if dimension in chosen:
            name, degree = rng.choice(by_dimension[dimension]), rng.choice(DEGREES)
            changed = KINDS[name].damage(list(sentences), record, degree, rng)
            if changed is not None and changed != sentences:
                sentences = changed
                damage.append({"kind": name, "degree": degree})
    if not damage:
        return None
    out = " ".join(sentences)
    return out, before_order, scores_of(before_order, record, damage), damage


def scores_of(text: str, record: Mapping[str, Any], damage: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The four scores of a damaged text. text: as it was before its sentences were damaged, which its content is read from."""
    scores = {FACTUAL: factual_score(text, record), INTERPRETATIVE: 5, COMPLETENESS: completeness_score(text, record),
              FLUENCY: repetition_score(text)}  # fmt: skip
    for entry in damage:
        kind = KINDS[entry["kind"]]
        if kind.score:
            scores[kind.dimension] = min(scores[kind.dimension], kind.score[entry["degree"] - 1])
    if not any(claim.attribute in VOICE for claim in verify_claims(text, record)):
        scores[INTERPRETATIVE] = CUELESS  # "… or none given"
    return scores


def _tuple(
    record: Mapping[str, Any], i: int, text: str, content: str, scores: Mapping[str, int], damage: list[dict[str, Any]]
) -> dict[str, Any]:
    known = {name: record.get(name) for name in KEPT}
    before = {} if content == text else {"content": content}
    return {"tuple_id": f"{record['audio_path']}#{i}", **known, "reasoning": text, **before,
            "scores": dict(scores), "damage": damage}  # fmt: skip


def good_records(records: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Those whose explanation contradicts nothing. Raises EmotionThinkerError for a record without explanation or levels."""
    for record in records:
        if not isinstance(record.get("explanation"), str) or "levels" not in record:
            raise EmotionThinkerError(f"The record of {record['audio_path']} has no explanation or no levels; give what "
                                      "`python -m training.augment_cot` wrote.")  # fmt: skip
        if not any(c.verdict == CONTRADICTED for c in verify_claims(record["explanation"], record)):
            yield record


# ---- by an endpoint

SYSTEM = "You edit explanations of how a voice sounds, so that they have exactly the quality that is asked for, good or bad."
TASK = """The recording:
{facts}

A good explanation of it:
{text}

Rewrite it so that readers would give it these scores from 1 to 5:
{wanted}
Leave the other qualities as they are: {others}. Lower factual alignment by stating cues other than they were measured, or words
that were not said; interpretative quality by breaking what ties the cues to the emotion; completeness by leaving out speaker,
cues or words; fluency by disorder, repetition and broken sentences. Do not mention scores or editing. Return the text only."""
MOST_OFF = 1  # points that a counted score may miss the wanted one by


def wanted_scores(record: Mapping[str, Any], i: int, seed: int) -> dict[str, int]:
    """Which dimensions variant i is lowered in, and to what score; deterministic."""
    rng = random.Random(f"{seed}|{i}|{clip_seed(record)}")
    chosen = rng.sample(DIMENSIONS, rng.choice(HOW_MANY))
    return {d: rng.randint(int(LOWEST), int(HIGHEST) - 1) for d in DIMENSIONS if d in chosen}


def endpoint_tasks(records: Sequence[Mapping[str, Any]], per_text: int, seed: int) -> list[Task]:
    """One task for each variant of each record, from the first on."""
    return [_task(record, i, wanted_scores(record, i, seed)) for record in records for i in range(1, per_text)]


def _task(record: Mapping[str, Any], i: int, wanted: Mapping[str, int]) -> Task:
    said = user_text(str(record.get("transcription") or ""), "transcript")
    known = [*facts(record), f"words: {json.dumps(said, ensure_ascii=False) if said else 'not known'}"]
    scales = [f"- {d}: {score} (1: {ANCHORS[d][0]}; 3: {ANCHORS[d][1]}; 5: {ANCHORS[d][2]})" for d, score in wanted.items()]
    others = ", ".join(d.replace("_", " ") for d in DIMENSIONS if d not in wanted) or "there are none"
    asked = TASK.format(facts="\n".join(f"- {fact}" for fact in known), text=record["explanation"], wanted="\n".join(scales),
                        others=others)  # fmt: skip

    def faults(text: str) -> list[str]:
        if not text or "<" in text:
            return ["it is empty or holds tags"]
        counted = {FACTUAL: factual_score(text, record), COMPLETENESS: completeness_score(text, record)}
        aims = {d: wanted.get(d, 5) for d in counted}
        return [f"its {d.replace('_', ' ')} would be scored {score}, wanted is {aims[d]}" for d, score in counted.items()
                if abs(score - aims[d]) > MOST_OFF]  # fmt: skip

    def line(text: str) -> dict[str, Any]:
        scores = {d: wanted.get(d, 5) for d in DIMENSIONS}
        scores |= {FACTUAL: factual_score(text, record), COMPLETENESS: completeness_score(text, record)}
        return _tuple(record, i, text, text, scores, [{"kind": f"rewritten {d}", "degree": score} for d, score in wanted.items()])

    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": asked}]
    return Task(f"{record['audio_path']}#{i}", messages, faults, line)


# ---- the command


def report(tuples: Sequence[Mapping[str, Any]], left_out: int) -> str:
    """How many tuples there are, of which damage, and how the scores fall, as Markdown."""
    kinds = Counter((d["kind"], d["degree"]) for t in tuples for d in t["damage"])
    clips, speakers = len({t["audio_path"] for t in tuples}), len({t["speaker"] for t in tuples})
    lines = ["# Tuples for the reward model", "", f"{len(tuples)} tuples of {clips} clips, {speakers} speakers; {left_out} texts "
             "left out as a claim was contradicted.", "", "| damage | degree | tuples |", "|---|---|---|"]  # fmt: skip
    lines += [f"| {kind} | {degree} | {n} |" for (kind, degree), n in sorted(kinds.items())]
    together = Counter(len(t["damage"]) for t in tuples)
    lines += ["", "| kinds at once | tuples |", "|---|---|", *(f"| {k} | {n} |" for k, n in sorted(together.items())), "",
              "| score | " + " | ".join("12345") + " |", "|---|" + "---|" * 5]  # fmt: skip
    for dimension in DIMENSIONS:
        found = Counter(t["scores"][dimension] for t in tuples)
        lines.append(f"| {dimension} | " + " | ".join(str(found[s]) for s in range(1, 6)) + " |")
    return "\n".join(lines) + "\n"


def chosen_kinds(without: str | None, only: str | None) -> list[str]:
    """The kinds of the two flags. Raises EmotionThinkerError for both at once, and for a kind that there is not."""
    named = [name.strip() for name in (without or only or "").split(",") if name.strip()]
    unknown = [name for name in named if name not in KINDS]
    if unknown or (without and only):
        fault = f"The kind {unknown[0]!r} is not known" if unknown else "--without and --only were both given"
        raise EmotionThinkerError(f"{fault}; give one of the two flags, with some of {', '.join(KINDS)}.")
    return [name for name in KINDS if (name in named) == bool(only)] if named else list(KINDS)


def make(args: argparse.Namespace) -> None:
    """Write tuples as the arguments say. Raises EmotionThinkerError."""
    if not args.input_path or not args.output_path:
        raise EmotionThinkerError("Input and output are needed: give --input_path and --output_path, or a recipe that names them.")
    if args.per_text < 2:
        raise EmotionThinkerError(f"--per_text is {args.per_text}; give a whole number from 2, as the text itself is the first.")
    records, output = read_rows(Path(args.input_path)), Path(args.output_path)
    good = list(good_records(records))
    kinds = chosen_kinds(args.without, args.only)
    if args.writer == "openai":
        if args.without or args.only:
            raise EmotionThinkerError("--without and --only choose kinds of the builder; leave them out with an endpoint.")
        run(endpoint_tasks(good, args.per_text, args.seed), output, args, key_field="tuple_id")
        if args.dry_run is not None:
            return
        tuples = read_jsonl(output) if output.exists() else []
    else:
        tuples = [t for record in good for t in build(record, args.per_text, args.seed, kinds)]
        if args.dry_run is not None:
            for t in tuples[: args.dry_run]:
                print(f"{t['tuple_id']} {t['damage']} {t['scores']}\n{t['reasoning']}\n")
            return
        output.parent.mkdir(parents=True, exist_ok=True)
        write_whole(output, "".join(json.dumps(t, ensure_ascii=False) + "\n" for t in tuples))
    write_whole(output.with_suffix(".report.md"), report(tuples, len(records) - len(good)))
    print(f"{len(tuples)} tuples in {output}; report: {output.with_suffix('.report.md')}")


def main(argv: list[str] | None = None) -> int:
    """Run the command, with a recipe's values below the flags; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.reward_data",
                                     description="Tuples of known quality for the reward model.")  # fmt: skip
    parser.add_argument("--recipe", help="YAML file with any of the other flags; what is given on the command line counts")
    parser.add_argument("--input_path", help="JSONL made by training.augment_cot")
    parser.add_argument("--output_path", help="JSONL of tuples")
    parser.add_argument("--per_text", type=int, default=5, help="tuples of each text, itself included; the published number is 5")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--without", help="kinds of damage that are kept out, with commas")
    parser.add_argument("--only", help="kinds of damage that alone are used")
    parser.add_argument("--writer", choices=["builder", "openai"], default="builder")
    parser.add_argument("--dry-run", type=int, metavar="N", help="print the first N tuples, or requests, and write nothing")
    add_flags(parser)
    try:
        with_recipe(parser, argv)
        make(parser.parse_args(argv))
    except EmotionThinkerError as error:
        print(" ".join(error.whole.split()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
