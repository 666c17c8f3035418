"""The report beside a labelled corpus: cut points, how the labels fall, F0 per sex, and how often labels are right.

F0 per sex stands there because pitch levels are set within each sex: where the sexes are mistaken for each other, their
medians move together and the levels are quietly wrong. The spread of F0 ranges stands there because "flat" and "expressive"
are cut at fixed semitones (3 and 9), which the corpus must bear out.

How often labels are right is known where a person said what is true: the corpus gives the speaker's sex, and a row may carry
`"human": {"pitch_level": "high", "intonation": "rising", "stressed_words": ["never"], …}`. Figures are per emotion and per sex.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from emotionthinker.prosody.levels import MEASURES
from training.reference_levels import SEXES, sex_of

Row = Mapping[str, Any]
HUMAN_LABELS = ("pitch_level", "energy_level", "speed_level", "intonation", "gender", "age_level")


def report(records: Sequence[Row], tables: Mapping[str, Mapping[str, Any]]) -> str:
    """What was measured on how many clips, and how the labels fall, as Markdown. tables: corpus -> reference table."""
    lines = ["# Prosody labels", ""]
    for corpus, table in tables.items():
        rows = [r for r in records if (r.get("dataset") or "all") == corpus]
        lines += [f"## {corpus}: {len(rows)} clips, held against {table['name']} ({table['n_clips']} clips)", ""]
        lines += [*_cuts(table), "", *_shares(rows), "", *_f0_per_sex(rows), ""]
        found = accuracy(rows)
        if found:
            lines += ["| label, against what a person said | group | clips | labelled | right of these |", "|---|---|---|---|---|"]
            lines += [f"| {name} | {group} | {n} | {labelled} | {_share(right, labelled)} |"
                      for (name, group), (n, labelled, right) in found.items()]  # fmt: skip
            lines.append("")
        lines += [f"Warnings on {sum(bool(r['warnings']) for r in rows)} clips; no reliable pitch on "
                  f"{sum(not r['f0_reliable'] for r in rows)}.", ""]  # fmt: skip
    return "\n".join(lines)


def accuracy(rows: Sequence[Row]) -> dict[tuple[str, str], tuple[int, int, int]]:
    """(label, group) -> clips for which a person said what is true, of these labelled, of these right.

    Groups: all, each emotion, each sex. `stressed_words` counts words: those that a person or the label calls stressed, and
    of these those that both do.
    """
    counts: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        for name, n, labelled, right in _judged(row):
            groups = ["all", f"emotion {row.get('emotion')}", f"sex {sex_of(row) or 'not known'}"]
            for group in groups:
                found = counts.setdefault((name, group), [0, 0, 0])
                for i, value in enumerate((n, labelled, right)):
                    found[i] += value
    order = sorted(counts, key=lambda key: (key[0], key[1] != "all", key[1]))
    return {key: (counts[key][0], counts[key][1], counts[key][2]) for key in order}


def _judged(row: Row) -> Iterator[tuple[str, int, int, int]]:
    """(label, clips, labelled, right) of one row, for every label that a person gave."""
    human = dict(row.get("human") or {})
    if "gender" not in human and row.get("sex") in SEXES:
        human["gender"] = SEXES[str(row["sex"])]
    for name in HUMAN_LABELS:
        if human.get(name) is not None:
            found = row.get(name)
            yield name, 1, int(found is not None), int(found == human[name])
    if human.get("stressed_words") is not None and row.get("stressed_words") is not None:
        true: Counter[str] = Counter(_folded(human["stressed_words"]))
        said: Counter[str] = Counter(_folded(row["stressed_words"]))
        either = (true | said).total()
        yield "stressed_words", either, either, (true & said).total()


def _folded(words: Iterable[str]) -> list[str]:
    return [word.casefold().strip(".,;:!?\"'") for word in words]


def _cuts(table: Mapping[str, Any]) -> list[str]:
    lines = ["| measure | group | low cut | high cut | unit |", "|---|---|---|---|---|"]
    for kind, measure in table["measures"].items():
        lines += [f"| {kind} | {group} | {found['cuts'][0]:.2f} | {found['cuts'][1]:.2f} | {measure['unit']} |"
                  for group, found in measure["groups"].items()]  # fmt: skip
    return lines


def _shares(rows: Sequence[Row]) -> list[str]:
    lines = ["| label | values |", "|---|---|"]
    lines += [f"| {kind} | {_counted(r['levels'][kind]['level'] for r in rows)} |" for kind in MEASURES]
    names = ("intonation", "gender", "age_level", "rate_source", "emotion", "split")
    return lines + [f"| {name} | {_counted(r.get(name) for r in rows)} |" for name in names]


def _counted(values: Iterable[str | None]) -> str:
    counts = Counter("none" if v is None else str(v) for v in values)
    return ", ".join(f"{name} {n} ({n / counts.total():.0%})" for name, n in counts.most_common())


def _f0_per_sex(rows: Sequence[Row]) -> list[str]:
    """Tables of F0 per sex, as the corpus says and as it was heard, and of F0 ranges."""
    lines = ["| F0 median of | clips | reliable | p10 | median | p90, Hz |", "|---|---|---|---|---|---|"]
    for said, key in (("corpus", lambda r: SEXES.get(str(r.get("sex")))), ("voice", lambda r: r.get("gender"))):
        for sex in ("Female", "Male", None):
            group = [r for r in rows if key(r) == sex]
            hz = [r["f0_median_hz"] for r in group if r.get("f0_reliable") and r.get("f0_median_hz") is not None]
            if group and not (sex is None and said == "corpus" and len(group) == len(rows)):
                values = " | ".join(f"{v:.0f}" for v in np.percentile(hz, (10, 50, 90))) if hz else "– | – | –"
                lines.append(f"| {sex or 'not known'} by the {said} | {len(group)} | {len(hz)} | {values} |")
    ranges = [r["f0_range_st"] for r in rows if r.get("f0_reliable") and r.get("f0_range_st") is not None]
    if ranges:
        points = (5, 25, 50, 75, 95)
        values = " · ".join(f"p{q} {v:.1f}" for q, v in zip(points, np.percentile(ranges, points), strict=True))
        lines += ["", f"F0 range in semitones: {values} ({len(ranges)} clips)."]
    return lines


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "–"
