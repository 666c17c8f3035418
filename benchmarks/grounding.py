"""How well claims are found, typed and judged, on texts that people wrote by hand.

    python -m benchmarks.grounding                 # both parts, and the time
    python -m benchmarks.grounding --errors        # also what went wrong on the develop part, one line each

A claim is found if a labelled claim of the same attribute shares a character with it; each labelled claim counts once.
Precision, recall and F1 are over claims. *Verdicts* and *stated* are shares of the found claims whose verdict, or stated
value, is the labelled one; the labels name a level without its degree, so "very high" is held against "high".
`tests/claims/README.md` says how the texts were labelled. Nothing is printed of the frozen part but figures: nobody should
tune on it. Times are CPU time of one thread.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from emotionthinker.grounding import Claim, verify_claims
from emotionthinker.pipeline import SENTENCE_END

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "claims"
PARTS = ("develop", "frozen")
N_WORDS, REPEATS = 200, 5

Row = dict[str, Any]  # one text: id, record, style, text, claims


@dataclass
class Score:
    """Counts over claims, and what went wrong in words."""

    labelled: int = 0
    stated: int = 0  # by the text, as the code reads it
    found: int = 0
    right_verdict: int = 0
    right_value: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Share of the claims stated that are labelled; NaN without any."""
        return self.found / self.stated if self.stated else float("nan")

    @property
    def recall(self) -> float:
        """Share of the labelled claims that were found; NaN without any."""
        return self.found / self.labelled if self.labelled else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of both; NaN without any."""
        return 2 * self.found / (self.labelled + self.stated) if self.labelled + self.stated else float("nan")

    @property
    def verdicts(self) -> float:
        """Share of the found claims with the labelled verdict; NaN without any."""
        return self.right_verdict / self.found if self.found else float("nan")

    @property
    def values(self) -> float:
        """Share of the found claims with the labelled value; NaN without any."""
        return self.right_value / self.found if self.found else float("nan")


def read_part(part: str) -> list[Row]:
    """The texts of "develop" or "frozen", with their labelled claims."""
    with (FOLDER / f"{part}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_records() -> dict[str, dict[str, Any]]:
    """The measured records that the texts are about, by name."""
    return json.loads((FOLDER / "records.json").read_text(encoding="utf-8"))


def match(labelled: Sequence[Mapping[str, Any]], claims: Sequence[Claim]) -> list[tuple[int, int]]:
    """Pairs (labelled claim, found claim) of one text: same attribute, most shared characters first, each in one pair."""
    shared = []
    for i, label in enumerate(labelled):
        start, end = label["start_char"], label["start_char"] + len(label["text"])
        for j, claim in enumerate(claims):
            overlap = min(end, claim.end_char) - max(start, claim.start_char)
            if overlap > 0 and claim.attribute == label["attribute"]:
                shared.append((-overlap, i, j))
    pairs: list[tuple[int, int]] = []
    for _, i, j in sorted(shared):
        if all(i != a and j != b for a, b in pairs):
            pairs.append((i, j))
    return pairs


def score(texts: Iterable[Row], records: Mapping[str, Mapping[str, Any]]) -> dict[str, Score]:
    """Scores of each attribute, and of "all"."""
    scores: dict[str, Score] = {"all": Score()}
    for row in texts:
        labelled, claims = row["claims"], verify_claims(row["text"], records[row["record"]])
        pairs = match(labelled, claims)

        def count(attribute: str, **counts: int) -> None:
            for name in (attribute, "all"):
                one = scores.setdefault(name, Score())
                for key, n in counts.items():
                    setattr(one, key, getattr(one, key) + n)

        def note(text: str, row: Row = row) -> None:
            scores["all"].errors.append(f"{row['id']}: {text}\n      {row['text']!r}")

        for i, label in enumerate(labelled):
            count(label["attribute"], labelled=1)
            if i not in {a for a, _ in pairs}:
                note(f"missed {label['attribute']} {label['stated']!r} in {label['text']!r}")
        for j, claim in enumerate(claims):
            count(claim.attribute, stated=1)
            if j not in {b for _, b in pairs}:
                note(f"invented {claim.attribute} {claim.stated!r} in {claim.text!r}")
        for i, j in pairs:
            label, claim = labelled[i], claims[j]
            same_value, same_verdict = same(label["stated"], without_degree(claim.stated)), label["verdict"] == claim.verdict
            count(claim.attribute, found=1, right_verdict=same_verdict, right_value=same_value)
            if not (same_value and same_verdict):
                note(
                    f"{claim.attribute} {claim.text!r}: {claim.stated!r}, {claim.verdict}; "
                    f"should be {label['stated']!r}, {label['verdict']}"
                )
    return scores


def without_degree(stated: str) -> str:
    """A stated value as the labels name it.

    >>> without_degree("not very high")
    'not high'
    """
    return re.sub(r"^(not )?very ", r"\1", stated)


def same(one: str, other: str) -> bool:
    """Whether two stated values are the same, whatever their case and punctuation."""

    def letters(text: str) -> str:
        return "".join(c for c in text.casefold() if c.isalnum() or c == " ").strip()

    return letters(one) == letters(other)


def long_texts(rows: Sequence[Row]) -> list[str]:
    """Texts of 200 words or a few more, made of whole labelled texts one after another."""
    texts, words = [], []
    for row in rows:
        words += row["text"].split(" ")
        if len(words) >= N_WORDS:
            texts.append(" ".join(words))
            words = []
    return texts


def time_whole(texts: Sequence[str], record: Mapping[str, Any]) -> list[float]:
    """CPU milliseconds (one thread) to verify each text, the median of some runs."""
    spent = []
    for text in texts:
        runs = []
        for _ in range(REPEATS):
            started = time.thread_time()
            verify_claims(text, record)
            runs.append(1000 * (time.thread_time() - started))
        spent.append(median(runs))
    return spent


def time_sentences(texts: Sequence[str], record: Mapping[str, Any]) -> list[float]:
    """CPU milliseconds at each end of a sentence, when the text so far is verified again, as `pipeline.ClaimChecker` does."""
    spent = []
    for text in texts:
        for end in [m.end() for m in SENTENCE_END.finditer(text)]:
            started = time.thread_time()
            verify_claims(text[:end], record)
            spent.append(1000 * (time.thread_time() - started))
    return spent


def main() -> None:
    """Print the figures of both parts and the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--errors", action="store_true", help="list what went wrong on the develop part")
    args = parser.parse_args()
    records = read_records()
    for part in PARTS:
        rows = read_part(part)
        scores = score(rows, records)
        print(f"{part}: {len(rows)} texts, {scores['all'].labelled} claims")
        print(f"{'':14}{'claims':>7}{'precision':>11}{'recall':>8}{'F1':>7}{'verdicts':>10}{'stated':>8}")
        for name in sorted(scores, key=lambda n: (n == "all", n)):
            s = scores[name]
            print(f"{name:14}{s.labelled:7}{s.precision:11.3f}{s.recall:8.3f}{s.f1:7.3f}{s.verdicts:10.3f}{s.values:8.3f}")
        if args.errors and part == "develop":
            print("\n".join(scores["all"].errors))
    texts = long_texts(read_part("develop"))
    record = next(iter(records.values()))
    whole, sentences = time_whole(texts, record), time_sentences(texts, record)
    print(f"{len(texts)} texts of {N_WORDS} words: {median(whole):.1f} ms each (median; slowest {max(whole):.1f})")
    print(
        f"at the end of each of their {len(sentences)} sentences, the text so far: {median(sentences):.1f} ms (median; slowest "
        f"{max(sentences):.1f})"
    )


if __name__ == "__main__":
    main()
