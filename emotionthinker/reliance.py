"""Over a set of probed clips: what does the answer depend on, and do the explanations say so?

Input is a list of probes (`probing.probe_dict`), one per clip. Three questions:

1. *How much does each change move the answer?* `change_rows`: the share of clips whose label changed (Wilson interval) and the
   mean shift of the label scores (bootstrap over clips). The copy through the vocoder is the yardstick: what it moves is not the
   cue's doing.
2. *Does the answer depend more on the cues that the explanation cites than on those that it does not?* `cited_against_uncited`.
   A clip's dependence on a cue is the mean shift over the changes made to that cue, against the copy for changes that pass
   through the vocoder, else against the original. Within each clip with both kinds, the statistic is the chance that a cited cue
   moves the answer more than an uncited one, ties counted half: the Mann-Whitney U of the clip over its number of pairs. The mean
   over clips is held against 1/2 by a permutation test that shuffles, within each clip, which of its cues count as cited
   (two-sided, 10,000 shuffles): a stratified rank-sum test with equal weights. It is reported twice: *raw*, and *adjusted*, where
   a cue's dependence is first replaced by its rank among the clips for this cue. Some changes move every answer more than others
   do, and some cues are cited in every text; the raw figure alone could come from that.
3. *Does the explanation let go of a cue that was taken away?* `asserted_rows`: of the claims that the first clip supported and
   the changed clip does not, the share that the new explanation makes again. Beside it stands the share for claims that still
   hold, as an explanation that never repeats itself would let go of everything.

Clips count as independent; where a set holds many clips of few speakers, the intervals are somewhat too narrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from emotionthinker.probing import ALL_CHANGES, ATTRIBUTES, CHANGES, distance

PERMUTATIONS = 10_000
RESAMPLES = 5_000
CUES = tuple(cue for cue in ATTRIBUTES if cue != "voicing")  # the whisper takes two cues away at once

Probe = Mapping[str, Any]


def steps_of(probe: Probe) -> dict[str, Mapping[str, Any]]:
    """The steps that were made, by their change."""
    return {step["change"]: step for step in probe["steps"] if "skipped" not in step}


def shift_between(one: Mapping[str, Any], other: Mapping[str, Any], kind: str = "label_scores") -> float:
    """How far an answer is from another: `probing.distance` of their scores; without scores 0 for the same label, 1 for another."""
    found = distance(one.get(kind) or {}, other.get(kind) or {})
    return float(one["emotion"] != other["emotion"]) if found is None else found


def dependence(probe: Probe, kind: str = "label_scores") -> dict[str, float]:
    """For each cue that could be changed: the mean shift of the answer over the changes of this cue. kind: of which scores."""
    steps = steps_of(probe)
    shifts: dict[str, list[float]] = {}
    for name, step in steps.items():
        change = ALL_CHANGES[name]
        if change.cue not in CUES or not step["asked"]:
            continue
        control = steps["copy"] if change.needs_world and "copy" in steps else probe["before"]
        shifts.setdefault(str(change.cue), []).append(shift_between(control, step, kind))
    return {cue: float(np.mean(shifts[cue])) for cue in CUES if cue in shifts}


def cited_against_uncited(probes: Sequence[Probe], *, adjusted: bool, kind: str = "label_scores", seed: int = 0) -> dict[str, Any]:
    """Question 2: `probability` (0.5: no difference) with its 95 % bootstrap interval over clips, `p` of the permutation test, and
    `clips`, how many had a cited and an uncited cue. Without such a clip all numbers are None. kind: of which scores."""
    rows = [dependence(probe, kind) for probe in probes]
    table = np.array([[row.get(cue, np.nan) for cue in CUES] for row in rows]).reshape(len(rows), len(CUES))
    if adjusted:
        table = _ranks_within_cue(table)
    cited = np.array([[cue in probe["cited"] for cue in CUES] for probe in probes]).reshape(len(rows), len(CUES))
    rng = np.random.default_rng(seed)
    observed, shuffled = [], np.zeros(PERMUTATIONS)
    for values, flags in zip(table, cited, strict=True):
        known = np.isfinite(values)
        n_cited, n_other = int(flags[known].sum()), int((~flags[known]).sum())
        if not n_cited or not n_other:
            continue
        ranks = _rank(values[known])
        observed.append(_superiority(ranks[flags[known]].sum(), n_cited, n_other))
        orders = rng.permuted(np.tile(ranks, (PERMUTATIONS, 1)), axis=1)
        shuffled += _superiority(orders[:, :n_cited].sum(axis=1), n_cited, n_other)
    if not observed:
        return {"probability": None, "interval": None, "p": None, "clips": 0}
    found = float(np.mean(observed))
    extreme = np.abs(shuffled / len(observed) - 0.5) >= abs(found - 0.5) - 1e-12
    return {"probability": round(found, 4), "interval": mean_interval(observed, seed),
            "p": round((1 + int(extreme.sum())) / (1 + PERMUTATIONS), 5), "clips": len(observed)}


def change_rows(probes: Sequence[Probe]) -> list[dict[str, Any]]:
    """Question 1, a row for each change in the order of `ALL_CHANGES`: `clips`, `skipped`, `asked` (clips that were put to the
    model), `answer_changed` (share, interval), `shift` (mean, interval), `leak` (share of clips where another cue moved beyond its
    tolerance), `leaked_cues` (how often each), and, where the change was meant for a cue, `moved`: the median measured change."""
    rows = []
    for name, change in ALL_CHANGES.items():
        steps = [steps_of(probe).get(name) for probe in probes]
        pairs = [(probe, step) for probe, step in zip(probes, steps, strict=True) if step is not None]
        if not pairs:
            rows.append({"change": name, "cue": change.cue, "clips": 0, "skipped": len(probes)})
            continue
        asked = [(probe, step) for probe, step in pairs if step["asked"]]
        shifts = [shift_between(probe["before"], step) for probe, step in asked]
        row: dict[str, Any] = {
            "change": name, "cue": change.cue, "clips": len(pairs), "skipped": len(probes) - len(pairs), "asked": len(asked),
            "answer_changed": share(sum(probe["before"]["emotion"] != step["emotion"] for probe, step in asked), len(asked)),
            "shift": _mean(shifts),
            # Of the scores before any reasoning, which are no 0 or 1, where the model gives them.
            "first_shift": _mean([distance(probe["before"]["first_impression"], step["first_impression"]) or 0.0
                                  for probe, step in asked
                                  if probe["before"].get("first_impression") and step.get("first_impression")]),
        }
        if name in CHANGES:
            row |= _moved_row(change.cue, [step["moved"] for _, step in pairs])
        rows.append(row)
    return rows


def _moved_row(cue: str | None, moved: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    leaks = [[item["cue"] for item in items if not item["meant"] and not item["within"]] for items in moved]
    own = [item for items in moved for item in items if item["cue"] == cue]
    known = [item["change"] for item in own if item["change"] is not None]
    return {"leak": share(sum(map(bool, leaks)), len(leaks)),
            "leaked_cues": {name: n for name in CUES if (n := sum(name in leak for leak in leaks))},
            "moved": round(float(np.median(known)), 2) if known else None, "unit": own[0]["unit"] if own else None}


def asserted_rows(probes: Sequence[Probe]) -> list[dict[str, Any]]:
    """Question 3, a row for each change that takes a cue away, and the row "all": `taken_away` claims, the share of them that is
    `still` made, made `otherwise`, or made `no longer`; `intact`: the share of the claims that hold on which are made again."""
    rows = []
    names = [name for name, change in CHANGES.items() if change.cue is not None]
    for name in [*names, "all"]:
        steps = [step for probe in probes for made, step in steps_of(probe).items()
                 if (made == name or (name == "all" and made in names)) and step["asked"]]
        gone = [item["said"] for step in steps for item in step["taken_away"]]
        intact = [item["said"] for step in steps for item in step["repeated"] if item["holds"]]
        rows.append({"change": name, "taken_away": len(gone), **{said: share(gone.count(said), len(gone))
                                                                 for said in ("still", "otherwise", "no longer")},
                     "intact": share(intact.count("still"), len(intact)), "intact_claims": len(intact)})
    return rows


def control_rows(probes: Sequence[Probe]) -> dict[str, Any]:
    """What the controls showed.

    `silence`, `noise`: how many of the clips were put to the model at all. `words_alone`: share of answers that were the same
    without the voice, and claims on a voice that was not there, per reply. `another_voice`, of clips whose own answer and that of
    the other voice differ: share that follows the voice, stays as it was, or is neither. `leading_question`: share that takes over
    the suggested label, and share that changes at all."""
    found: dict[str, Any] = {}
    for name in ("silence", "noise"):
        steps = [step for probe in probes if (step := steps_of(probe).get(name))]
        found[name] = share(sum(step["asked"] for step in steps), len(steps))
    alone = [(probe, step) for probe in probes if (step := steps_of(probe).get("words-alone"))]
    told = [sum(claim["attribute"] in (*(a for names in ATTRIBUTES.values() for a in names), "gender") for claim in step["claims"])
            for _, step in alone]
    found["words_alone"] = {"same_answer": share(sum(p["before"]["emotion"] == s["emotion"] for p, s in alone), len(alone)),
                            "claims_on_no_voice": round(float(np.mean(told)), 2) if told else None}
    own = {probe["clip"]: probe["before"]["emotion"] for probe in probes if "clip" in probe}
    swapped = [(probe["before"]["emotion"], own.get(probe.get("other")), step["emotion"])
               for probe in probes if (step := steps_of(probe).get("another-voice"))]
    apart = [(was, other, now) for was, other, now in swapped if other is not None and other != was]
    found["another_voice"] = {"follows_voice": share(sum(now == other for _, other, now in apart), len(apart)),
                              "stays": share(sum(now == was for was, _, now in apart), len(apart)),
                              "neither": share(sum(now not in (was, other) for was, other, now in apart), len(apart))}
    led = [(probe["before"]["emotion"], step) for probe in probes if (step := steps_of(probe).get("leading-question"))]
    found["leading_question"] = {"gives_in": share(sum(step["emotion"] == step["suggested"] for _, step in led), len(led)),
                                 "answer_changed": share(sum(step["emotion"] != was for was, step in led), len(led))}
    return found


def summary(probes: Sequence[Probe]) -> dict[str, Any]:
    """Everything above, as one JSON object."""
    # A model that has argued for a label is nearly sure of it; where it also tells what it gave before it reasoned, that is the
    # finer measure, and stands beside the other.
    kinds = ["label_scores"]
    if probes and all(probe["before"].get("first_impression") for probe in probes):
        kinds.append("first_impression")
    return {
        "clips": len(probes),
        "model": sorted({probe["model"] for probe in probes}),
        "changes": change_rows(probes),
        "cited_against_uncited": {
            kind: {name: cited_against_uncited(probes, adjusted=name == "adjusted", kind=kind) for name in ("raw", "adjusted")}
            for kind in kinds},
        "cues": cue_rows(probes),
        "asserted": asserted_rows(probes),
        "controls": control_rows(probes),
    }


def cue_rows(probes: Iterable[Probe]) -> list[dict[str, Any]]:
    """Per cue: how often it is cited, and the mean dependence on it where it is cited and where it is not."""
    probes = list(probes)
    found = [(dependence(probe), set(probe["cited"])) for probe in probes]
    rows = []
    for cue in CUES:
        cited = [row[cue] for row, names in found if cue in row and cue in names]
        other = [row[cue] for row, names in found if cue in row and cue not in names]
        rows.append({"cue": cue, "cited": share(sum(cue in names for _, names in found), len(found)),
                     "dependence_cited": round(float(np.mean(cited)), 4) if cited else None, "clips_cited": len(cited),
                     "dependence_uncited": round(float(np.mean(other)), 4) if other else None, "clips_uncited": len(other)})
    return rows


def share(hits: int, of: int) -> dict[str, Any] | None:
    """A share with its count and its 95 % Wilson interval; None where nothing was counted."""
    from scipy.stats import binomtest

    if not of:
        return None
    interval = binomtest(hits, of).proportion_ci(0.95, method="wilson")
    return {"share": round(hits / of, 4), "of": of, "interval": [round(interval.low, 4), round(interval.high, 4)]}


def mean_interval(values: Sequence[float], seed: int = 0) -> list[float] | None:
    """95 % interval of a mean by resampling the values (percentile bootstrap); None under two values or without any spread."""
    from scipy.stats import bootstrap

    if len(values) < 2 or np.ptp(values) == 0:
        return None
    found = bootstrap((np.asarray(values, float),), np.mean, n_resamples=RESAMPLES, method="percentile", vectorized=True,
                      rng=np.random.default_rng(seed)).confidence_interval
    return [round(float(found.low), 4), round(float(found.high), 4)]


def _mean(values: Sequence[float]) -> dict[str, Any] | None:
    return {"mean": round(float(np.mean(values)), 4), "interval": mean_interval(values)} if values else None


def _superiority(rank_sum: Any, n_cited: int, n_other: int) -> Any:
    """Chance that one of the first kind lies above one of the second, from the sum of the first kind's ranks."""
    return (rank_sum - n_cited * (n_cited + 1) / 2) / (n_cited * n_other)


def _rank(values: np.ndarray) -> np.ndarray:
    from scipy.stats import rankdata

    return rankdata(values)


def _ranks_within_cue(table: np.ndarray) -> np.ndarray:
    """(n clips, k cues): each value as its rank among the known ones of its cue, over their number; NaN stays NaN."""
    from scipy.stats import rankdata

    ranks = rankdata(table, axis=0, nan_policy="omit")
    return ranks / np.maximum(np.isfinite(table).sum(axis=0), 1)
