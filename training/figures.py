"""Figures of an evaluation, as pure functions: macro-F1, intervals over speakers, groups, calibration, averages over corpora.

Intervals resample speakers (2,000 times, 2.5 to 97.5 %), since clips of one speaker are not independent. What a function counts
with is a *tally*: for each speaker, true class and answer the number of clips, with one more answer for "none of the labels".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

BOOTSTRAPS = 2000
AGE_BANDS = (("under 30", 0, 30), ("30 to 44", 30, 45), ("45 and over", 45, 200))  # thirds of CREMA-D's speakers, about
CALIBRATION_BINS = 10

Statistic = Callable[[np.ndarray], np.ndarray]  # (…, classes, classes + 1) counts -> (…,)


def tally(truth: Sequence[str], guess: Sequence[str | None], speakers: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """(speakers, classes, classes + 1) counts, in the order of the sorted speakers and of `labels`; truth must be of these."""
    names, place = sorted(set(speakers)), {label: i for i, label in enumerate(labels)}
    counts = np.zeros((len(names), len(labels), len(labels) + 1))
    row = {name: i for i, name in enumerate(names)}
    for t, g, s in zip(truth, guess, speakers, strict=True):
        counts[row[s], place[t], place.get(str(g), len(labels))] += 1
    return counts


def accuracy_of(counts: np.ndarray) -> np.ndarray:
    """Share of right answers. counts: (…, classes, classes + 1)."""
    right = np.trace(counts[..., :-1], axis1=-2, axis2=-1)
    return right / np.maximum(counts.sum((-2, -1)), 1)


def recalls_of(counts: np.ndarray) -> np.ndarray:
    """(…, classes) recall of each class; NaN for one that does not occur."""
    n = counts.sum(-1)
    return np.divide(np.diagonal(counts[..., :-1], axis1=-2, axis2=-1), n, out=np.full(n.shape, np.nan), where=n > 0)


def uar_of(counts: np.ndarray) -> np.ndarray:
    """Mean of the recalls of the classes that occur."""
    return np.nanmean(recalls_of(counts), axis=-1)


def macro_f1_of(counts: np.ndarray) -> np.ndarray:
    """Mean F1 of the classes that occur; a class that occurs and is never answered has F1 0."""
    right = np.diagonal(counts[..., :-1], axis1=-2, axis2=-1)
    n, answered = counts.sum(-1), counts[..., :-1].sum(-2)
    f1 = 2 * right / np.maximum(n + answered, 1)
    return np.nanmean(np.where(n > 0, f1, np.nan), axis=-1)


def interval(counts: np.ndarray, statistic: Statistic, seed: int = 0) -> list[float]:
    """[low, high] of a statistic over resampled speakers. counts: (speakers, classes, classes + 1)."""
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(counts), size=(BOOTSTRAPS, len(counts)))
    return _ends(statistic(counts[draws].sum(1)))


def share_interval(part: Sequence[float], whole: Sequence[float], speakers: Sequence[str], seed: int = 0) -> list[float] | None:
    """[low, high] of sum(part) / sum(whole) over resampled speakers; None where there is nothing to share."""
    if not sum(whole):
        return None
    names = sorted(set(speakers))
    sums = np.zeros((len(names), 2))
    for p, w, s in zip(part, whole, speakers, strict=True):
        sums[names.index(s)] += (p, w)
    draws = np.random.default_rng(seed).integers(len(names), size=(BOOTSTRAPS, len(names)))
    total = sums[draws].sum(1)
    return _ends(np.divide(total[:, 0], total[:, 1], out=np.full(BOOTSTRAPS, np.nan), where=total[:, 1] > 0))


def _ends(values: np.ndarray) -> list[float]:
    return [round(float(q), 3) for q in np.nanpercentile(values, [2.5, 97.5])]


def recognition_figures(
    truth: Sequence[str], guess: Sequence[str | None], speakers: Sequence[str], labels: Sequence[str]
) -> dict[str, Any]:
    """`accuracy, uar, macro_f1`, each with its interval, and `clips, speakers`."""
    counts = tally(truth, guess, speakers, labels)
    out: dict[str, Any] = {"clips": len(truth), "speakers": len(counts)}
    for name, statistic in (("accuracy", accuracy_of), ("uar", uar_of), ("macro_f1", macro_f1_of)):
        out[name] = round(float(statistic(counts.sum(0))), 4)
        out[f"{name}_interval"] = interval(counts, statistic)
    return out


def groups_of(record: Mapping[str, Any]) -> dict[str, str]:
    """The speaker groups of a record, as far as the corpus says: sex, age, and both together."""
    groups = {}
    if record.get("sex"):
        groups["sex"] = str(record["sex"])
    age = record.get("age")
    if isinstance(age, int | float):
        groups["age"] = next(name for name, low, high in AGE_BANDS if low <= age < high)
    if len(groups) == 2:
        groups["sex and age"] = f"{groups['sex']}, {groups['age']}"
    return groups


def group_figures(
    records: Sequence[Mapping[str, Any]], truth: Sequence[str], guess: Sequence[str | None], labels: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """kind of group -> group -> its figures and its recall per emotion. A group of one speaker has no interval worth the name."""
    members: dict[tuple[str, str], list[int]] = {}
    for i, record in enumerate(records):
        for kind, name in groups_of(record).items():
            members.setdefault((kind, name), []).append(i)
    out: dict[str, dict[str, Any]] = {}
    for (kind, name), rows in sorted(members.items()):
        t, g, s = [truth[i] for i in rows], [guess[i] for i in rows], [str(records[i]["speaker"]) for i in rows]
        recalls = recalls_of(tally(t, g, s, labels).sum(0))
        recall = {label: round(float(r), 3) for label, r in zip(labels, recalls, strict=True) if np.isfinite(r)}
        out.setdefault(kind, {})[name] = recognition_figures(t, g, s, labels) | {"recall": recall}
    return out


def calibration(scores: Sequence[Mapping[str, float]], truth: Sequence[str], bins: int = CALIBRATION_BINS) -> dict[str, Any] | None:
    """How far the label scores can be believed: of the answers given with confidence p, is a share p right?

    scores: label -> probability for each clip; those without are left out. Returns `clips`, `ece` (expected calibration error, bins
    of equal width; Guo et al. 2017), `brier` (over all labels), `mean_confidence`, `accuracy` of the likeliest label, and `bins`:
    [mean confidence, share right, clips] of those that hold any. None without scores.
    """
    known = [(s, t) for s, t in zip(scores, truth, strict=True) if s]
    if not known:
        return None
    confidence = np.array([max(s.values()) for s, _ in known])
    right = np.array([max(s, key=lambda label: s[label]) == t for s, t in known], float)
    brier = np.mean([sum((p - (label == t)) ** 2 for label, p in s.items()) + (t not in s) for s, t in known])
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    filled = [place == b for b in range(bins) if (place == b).any()]
    rows = [(confidence[here].mean(), right[here].mean(), int(here.sum())) for here in filled]
    ece = sum(n * abs(share - mean) for mean, share, n in rows) / len(known)
    return {"clips": len(known), "ece": round(float(ece), 4), "brier": round(float(brier), 4),
            "mean_confidence": round(float(confidence.mean()), 4), "accuracy": round(float(right.mean()), 4),
            "bins": [[round(float(mean), 4), round(float(share), 4), n] for mean, share, n in rows]}  # fmt: skip


def averages(reports: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Accuracy, UAR and macro-F1 over all sets: `plain`, the mean of the sets' figures, and `pooled`, the figure of all their clips
    together. They differ where sets differ in size or classes, and published averages do not always say which they are.

    reports: set -> report with these figures and "confusion" (true label -> answer -> clips).
    """
    labels = sorted({label for report in reports.values() for label in report["confusion"]})
    counts = np.zeros((len(labels), len(labels) + 1))
    for report in reports.values():
        for true, answers in report["confusion"].items():
            for answer, n in answers.items():
                counts[labels.index(true), labels.index(answer) if answer in labels else -1] += n
    out: dict[str, dict[str, float]] = {}
    for name, statistic in (("accuracy", accuracy_of), ("uar", uar_of), ("macro_f1", macro_f1_of)):
        plain = float(np.mean([report[name] for report in reports.values()]))
        out[name] = {"plain": round(plain, 4), "pooled": round(float(statistic(counts)), 4)}
    return out
