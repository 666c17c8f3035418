"""How varied a set of explanations is: distinct-3, self-BLEU, and the share of texts per frame.

    python -m training.text_variety COT.jsonl
    python -m training.text_variety runs/nano/evaluation/replies.jsonl --set "CREMA-D dev speakers"     # what a model wrote

A *frame* here is a sentence with everything taken out that follows from the recording or the label: quoted words, levels
and degrees, the sex of the speaker, names of emotions. It is read from the texts alone, so it judges any writer. A writer
with few frames teaches a model forms; the aim is no frame in more than 5 % of the texts. Two faults of models are counted beside
it: a cue named twice in a sentence, and an emotion weighed against itself (`training/counted_scores.py`).
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emotionthinker.claim_speaker import SEX
from emotionthinker.claim_words import HEDGES, VALUES
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.response import parse_response
from training.corpora import read_jsonl
from training.counted_scores import repetition_score, weighs_itself
from training.rewards import HIGHEST
from training.template_phrases import NOUNS, SOUNDS

SELF_BLEU_TEXTS = 500  # each of them is compared with the others; more changes the mean little
BLEU_ORDER = 4
COMMONEST = 5

_WORD = re.compile(r"[\w'-]+|[.,;:!?]")
_QUOTE = re.compile(r'"[^"]*"')
_EMOTIONS = {*NOUNS, *NOUNS.values(), *(word for sounds in SOUNDS.values() for word in sounds.split())}
_DEGREES = HEDGES | {"very", "quite", "clearly", "markedly", "notably", "strikingly", "extremely"}
_MASKS = {
    **dict.fromkeys((word for label in _EMOTIONS for word in label.split() if word not in ("a", "or", "like", "mood")), "EMOTION"),
    **dict.fromkeys(VALUES, "LEVEL"),
    **dict.fromkeys((*SEX, "man's", "woman's"), "PERSON"),
    **dict.fromkeys(("he", "she", "his", "her", "him"), "PRONOUN"),
    **dict.fromkeys(_DEGREES, ""),
    "an": "a",
}


@dataclass(frozen=True)
class Variety:
    """texts, mean_words: how much was read. distinct_3: different word triples / all of them. self_bleu: mean BLEU-4 of
    a text against the others (0: nothing shared, 1: all the same). max_frame_share: texts that hold the commonest frame /
    all texts. over_5_percent: how many frames are in more than 5 % of the texts. commonest: these frames and shares.
    word_types: different words outside quotes. cue_twice: share of texts that name a cue of the voice twice in a sentence.
    weighs_itself: share of texts that weigh the emotion they conclude with as if it were another one."""

    texts: int
    mean_words: float
    distinct_3: float
    self_bleu: float
    max_frame_share: float
    over_5_percent: int
    commonest: list[tuple[str, float]]
    word_types: int
    cue_twice: float
    weighs_itself: float


def measure_variety(texts: Sequence[str], seed: int = 0) -> Variety:
    """All figures of a set of texts. Raises ValueError without a text."""
    if not texts:
        raise ValueError("There is no text to measure; give at least one.")
    words = [_WORD.findall(text.lower()) for text in texts]
    shares = frame_shares(texts)
    return Variety(
        texts=len(texts),
        mean_words=sum(len(text.split()) for text in texts) / len(texts),
        distinct_3=distinct_n(words, 3),
        self_bleu=self_bleu(random.Random(seed).sample(words, min(SELF_BLEU_TEXTS, len(words)))),
        max_frame_share=shares[0][1],
        over_5_percent=sum(share > 0.05 for _, share in shares),
        commonest=shares[:COMMONEST],
        word_types=len({word for text in texts for word in _WORD.findall(_QUOTE.sub(" ", text).lower())}),
        cue_twice=sum(repetition_score(text) < HIGHEST for text in texts) / len(texts),
        weighs_itself=sum(map(weighs_itself, texts)) / len(texts),
    )


def distinct_n(texts: Iterable[Sequence[str]], n: int) -> float:
    """Different n-grams over all n-grams of all texts (Li et al., 2016); 0 if no text is n words long."""
    grams = Counter(gram for words in texts for gram in _ngrams(words, n))
    return len(grams) / grams.total() if grams else 0.0


def self_bleu(texts: Sequence[Sequence[str]]) -> float:
    """Mean BLEU-4 of each text with all others as references (Zhu et al., 2018: Texygen); 0 for a single text.

    BLEU as in Papineni et al. (2002): clipped n-gram precision, geometric mean, brevity penalty to the nearest length.
    """
    if len(texts) < 2:
        return 0.0
    # Per n-gram the two largest counts and whose the largest is: the largest among the *others* of any text.
    largest: dict[tuple[str, ...], tuple[int, int, int]] = {}
    counts = [[Counter(_ngrams(words, n)) for n in range(1, BLEU_ORDER + 1)] for words in texts]
    for owner, per_order in enumerate(counts):
        for grams in per_order:
            for gram, count in grams.items():
                first, second, who = largest.get(gram, (0, 0, -1))
                if count > first:
                    largest[gram] = (count, first, owner)
                elif count > second:
                    largest[gram] = (first, count, who)
    lengths = Counter(len(words) for words in texts)
    total = 0.0
    for owner, per_order in enumerate(counts):
        log_precision = 0.0
        for grams in per_order:
            clipped = 0
            for gram, count in grams.items():
                first, second, who = largest[gram]
                clipped += min(count, second if who == owner else first)
            # A sentence without a shared n-gram counts as half of one, or the mean of logs would be minus infinity.
            log_precision += math.log(max(clipped, 0.5) / max(grams.total(), 1)) / BLEU_ORDER
        own = len(texts[owner])
        others = [length for length, number in lengths.items() if number - (length == own) > 0]
        nearest = min(others, key=lambda length: (abs(length - own), length))
        brevity = min(0.0, 1 - nearest / own) if own else 0.0
        total += math.exp(log_precision + brevity)
    return total / len(texts)


def frame_shares(texts: Sequence[str]) -> list[tuple[str, float]]:
    """Frames with the share of texts that hold them, commonest first."""
    counts = Counter(frame for text in texts for frame in set(frames_of(text)))
    return [(frame, count / len(texts)) for frame, count in counts.most_common()]


def frames_of(text: str) -> list[str]:
    """The frame of each sentence of a text."""
    masked = _QUOTE.sub("QUOTE", text)
    frames = []
    for sentence in re.split(r"(?<=[.!?])\s+", masked):
        words = [_MASKS.get(word.lower(), word.lower()) for word in _WORD.findall(sentence)]
        words = [word for word in words if word]
        if words:
            frames.append(" ".join(words))
    return frames


def _ngrams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def texts_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The explanations of records, or the reasoning of the replies of an evaluation; rows without any are left out."""
    texts = (row.get("explanation") or parse_response(str(row.get("reply") or ""), ()).reasoning for row in rows)
    return [text for text in texts if text.strip()]


def main(argv: list[str] | None = None) -> int:
    """Print how varied the texts of a file are; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.text_variety", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("path", help="JSONL whose records have an explanation, or the replies.jsonl of an evaluation")
    parser.add_argument("--set", metavar="NAME", help="of an evaluation on several sets, the replies about this one")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(argv)
    try:
        rows = read_jsonl(Path(args.path))
        sets = list(dict.fromkeys(str(row["set"]) for row in rows if "set" in row))
        if args.set not in sets and (args.set is not None or len(sets) > 1):
            known = ", ".join(map(repr, sets)) or "none: it is no evaluation's replies.jsonl"
            raise EmotionThinkerError(f"The sets in {args.path} are {known}; give one of them with --set.")
        texts = texts_of([row for row in rows if args.set is None or row.get("set") == args.set])
        if not texts:
            raise EmotionThinkerError(
                f"{args.path} holds no explanation; give a JSONL file made by `training.augment_cot`, or the replies.jsonl of "
                "`training.evaluate`."
            )
    except (EmotionThinkerError, OSError, ValueError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    variety = measure_variety(texts)
    if args.json:
        print(json.dumps(asdict(variety), ensure_ascii=False))
        return 0
    print(f"{variety.texts} texts of {variety.mean_words:.0f} words, {variety.word_types} word types outside quotes")
    print(f"distinct-3  {variety.distinct_3:.3f}    self-BLEU  {variety.self_bleu:.3f}")
    print(f"commonest frame in {variety.max_frame_share:.1%} of texts; {variety.over_5_percent} frames in more than 5 %")
    print(f"a cue named twice in a sentence in {variety.cue_twice:.1%} of texts")
    print(f"an emotion weighed against itself in {variety.weighs_itself:.1%} of texts")
    for frame, share in variety.commonest:
        print(f"  {share:6.1%}  {frame}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
