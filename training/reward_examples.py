"""The tuples of `reward_data` as examples for the reward model, and the same texts beside clips that they were not written for.

A reward model that scores texts by their look alone would do well on damaged texts. So a share of the examples pairs a text with
another clip of the same words: whatever is wrong with it then can only be heard. What it deserves there is counted, as for the
others, by holding its claims against what was measured of that clip.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.corpora import read_jsonl
from training.counted_scores import COMPLETENESS, FACTUAL, completeness_score, factual_score
from training.rewards import DIMENSIONS, RewardError

LEAST_FALL = 1  # points of factual score that another clip must cost for a pair to show that the clip is heard


@dataclass(frozen=True)
class Scored:
    """A text about a clip and what it deserves. content: the text before its sentences were damaged; kinds: how it was damaged;
    swapped: the clip is not the one it was written for."""

    text: str
    record: Mapping[str, Any]
    scores: Mapping[str, float]
    content: str
    kinds: tuple[str, ...] = ()
    swapped: bool = False


def read_examples(tuples: str | Path, records: str | Path) -> list[Scored]:
    """Examples of a tuples file, each with the label record of its clip (the file that the tuples were made from).

    Clips without speech are left out. Raises RewardError for a clip that the label file does not hold, or for bad scores.
    """
    by_path = {str(record["audio_path"]): record for record in read_jsonl(Path(records))}
    found = []
    for row in read_jsonl(Path(tuples)):
        record = by_path.get(str(row["audio_path"]))
        if record is None:
            raise RewardError(
                f"{tuples} holds {row['audio_path']}, but {records} does not; give the file that the tuples were made of."
            )
        scores = row.get("scores")
        if not isinstance(scores, dict) or set(scores) != set(DIMENSIONS):
            raise RewardError(
                f"The tuple {row.get('tuple_id')} of {tuples} lacks the four scores; make it with training.reward_data."
            )
        if record.get("segments"):
            kinds = tuple(str(damage["kind"]) for damage in row.get("damage") or ())
            text = str(row["reasoning"])
            found.append(Scored(text, record, scores, str(row.get("content") or text), kinds))
    if not found:
        raise RewardError(f"{tuples} holds no text about a clip with speech; make it with training.reward_data.")
    return found


def one_side_only(train: Iterable[Scored], dev: Iterable[Scored]) -> None:
    """Raises RewardError where a speaker is in both."""
    shared = {e.record["speaker"] for e in train} & {e.record["speaker"] for e in dev}
    if shared:
        raise RewardError(f"Speakers {', '.join(sorted(map(str, shared))[:5])} are in train and dev; keep each on one side.")


def with_other_clips(examples: Sequence[Scored], share: float, seed: int) -> list[Scored]:
    """As many as `share` of the examples once more, each beside another clip of the same words (of any speaker).

    Only what a clip changes is scored anew: facts and what is salient; how it argues and reads stays as it was.
    """
    by_words: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for record in {str(e.record["audio_path"]): e.record for e in examples}.values():
        by_words[_words(record)].append(record)
    rng = np.random.default_rng(seed)
    out = []
    for i in rng.permutation(len(examples))[: round(share * len(examples))]:
        example = examples[i]
        others = [r for r in by_words[_words(example.record)] if r["audio_path"] != example.record["audio_path"]]
        if others:
            record = others[int(rng.integers(len(others)))]
            content = example.content
            counted = {FACTUAL: factual_score(content, record), COMPLETENESS: completeness_score(content, record)}
            out.append(Scored(example.text, record, dict(example.scores) | counted, content, example.kinds, True))
    return out


def heard_pairs(examples: Sequence[Scored], seed: int) -> list[tuple[Scored, Scored]]:
    """Undamaged texts, each beside its own clip and beside another one of the same words that contradicts it."""
    own = {e.text: e for e in examples if not e.kinds}
    others = with_other_clips(list(own.values()), 1.0, seed)
    return [(own[o.text], o) for o in others if o.scores[FACTUAL] <= own[o.text].scores[FACTUAL] - LEAST_FALL]


def _words(record: Mapping[str, Any]) -> str:
    return " ".join(str(record.get("transcription") or "").lower().split())
