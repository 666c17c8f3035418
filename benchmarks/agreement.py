"""Does the severity model find what simulated raters were given, better than a plain mean does? And do the intervals hold?

    python -m benchmarks.agreement                  # 30 studies for each row
    python -m benchmarks.agreement --seeds 5        # a quick look

Consensus: root mean squared error against the true score of the items, in points of the scale 1–5, and Spearman's correlation with
it. Severity: root mean squared error in points. Each is a mean over studies [95 % t interval over seeds], and the last column is
the paired difference to the plain mean. Intervals: how often a 95 % interval holds the true value.

The simulated raters follow the model's own idea of a rater, except where a row says "careless" (they press any key). Real people
may not.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
from scipy.stats import spearmanr

from annotate import severity
from annotate.agreement import NAMES, agreement
from annotate.estimates import Estimate, mean_and_interval
from annotate.severity import fit_severity
from annotate.simulate import Simulation, simulate
from annotate.tables import Scores

HARDER: dict[str, Any] = {"assignment": "severe raters get harder items"}
SCENARIOS: dict[str, dict[str, Any]] = {
    "random raters": {},
    "severe raters get harder items": HARDER,
    "… and differ much (SD 1.2)": HARDER | {"severity_sd": 1.2},
    "3 of 12 raters careless": {"careless": 3},
    "raters do not differ": {"severity_sd": 0.0, "spread_sd": 0.0},
    "24 items, 2 ratings each": {"n_speakers": 8, "clips_per_speaker": 1, "n_raters": 6, "ratings_per_item": 2},
    "60 raters of 6 items each": {"n_raters": 60},
    "60 raters of 6 items each, severe ones harder items": HARDER | {"n_raters": 60},
}
N_CLIPS = 60  # of a study whose agreement intervals are tried


def plain_mean(scores: Scores) -> np.ndarray:
    """(n_items,) mean of the scores."""
    return scores.mean()


def shrunken_mean(scores: Scores) -> np.ndarray:
    """(n_items,) the plain mean drawn to the grand mean by its reliability (one-way random effects), which knows no raters."""
    n, mean, grand = scores.per_item, scores.mean(), scores.score.mean()
    m, n_items = n.sum(), (n > 0).sum()
    within = (np.bincount(scores.item, scores.score**2, minlength=scores.n_items) - n * mean**2).sum() / (m - n_items)
    between = max(((n * (mean - grand) ** 2).sum() / (n_items - 1) - within) / (m / n_items), 1e-6)
    return grand + (mean - grand) * between / (between + within / n)


def centred_mean(scores: Scores) -> np.ndarray:
    """(n_items,) mean of the scores after each rater's own mean is taken out: what is often done by hand."""
    centred = scores.score + _gap_to_all(scores)[scores.rater]
    return np.bincount(scores.item, centred, minlength=scores.n_items) / scores.per_item


def _gap_to_all(scores: Scores) -> np.ndarray:
    """(n_raters,) how far each rater's mean lies below the mean of all ratings."""
    n = np.maximum(np.bincount(scores.rater, minlength=scores.n_raters), 1)
    return scores.score.mean() - np.bincount(scores.rater, scores.score, minlength=scores.n_raters) / n


def _gap_to_others(scores: Scores) -> np.ndarray:
    """(n_raters,) how far each rater lies below the others who rated the same items, on average."""
    n = scores.per_item[scores.item]
    others = (scores.mean()[scores.item] * n - scores.score) / np.maximum(n - 1, 1)
    gap = np.bincount(scores.rater, others - scores.score, minlength=scores.n_raters)
    return gap / np.maximum(np.bincount(scores.rater, minlength=scores.n_raters), 1)


def recover(simulation: Simulation) -> tuple[dict[str, tuple[float, float]], dict[str, float], float]:
    """What each method makes of one study.

    Returns:
        consensus: method -> (root mean squared error in points, Spearman); severity: method -> root mean squared error in points;
        and the share of raters whose interval of the model holds their true severity.
    """
    scores, truth = simulation.scores(), simulation.true_score()
    fit = fit_severity(scores)
    with mock.patch.object(severity, "IMBALANCE_PRIOR_SD", 1e-3):
        textbook = fit_severity(scores)
    found = {"plain mean": plain_mean(scores), "mean drawn to the grand mean": shrunken_mean(scores),
             "mean after centring raters": centred_mean(scores), "model without g": textbook.consensus, "model": fit.consensus,
             "model, not drawn in": fit.adjusted}
    true_severity = simulation.true_severity()
    severities = {"gap to all ratings": _gap_to_all(scores), "gap to others, same items": _gap_to_others(scores),
                  "model without g": textbook.severity, "model": fit.severity}
    inside = np.abs(fit.severity - true_severity) <= 1.96 * fit.severity_se
    return ({name: (_rmse(values, truth), float(spearmanr(values, truth)[0])) for name, values in found.items()},
            {name: _rmse(values - values.mean(), true_severity) for name, values in severities.items()}, float(inside.mean()))


def _rmse(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean((found - truth) ** 2)))


def coverage(n_studies: int) -> dict[str, float]:
    """Share of studies of 60 clips whose interval for each agreement figure holds its value in 4000 clips, same raters."""
    world = simulate(0, n_speakers=4000, clips_per_speaker=1, system_quality=(0.0,))
    scores = world.scores()
    true = {name: found.value for name, found in agreement(scores, np.zeros(scores.n_items, int)).figures.items()}
    held: dict[str, list[bool]] = {name: [] for name in true}
    for study in range(n_studies):
        chosen = np.random.default_rng(study).choice(scores.n_items, N_CLIPS, replace=False)
        place = np.full(scores.n_items, -1)
        place[chosen] = np.arange(N_CLIPS)
        part = scores.only(place[scores.item] >= 0)
        part = dataclasses.replace(part, item=place[part.item], n_items=N_CLIPS)
        for name, found in agreement(part, np.arange(N_CLIPS)).figures.items():
            held[name].append(holds(found, true[name]))
    return {name: float(np.mean(values)) for name, values in held.items()}


def holds(found: Estimate, value: float | None) -> bool:
    """Whether there is an interval and the value lies in it."""
    return None not in (found.low, found.high, value) and found.low <= value <= found.high  # type: ignore[operator]


def main(argv: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30, help="studies for each row")
    args = parser.parse_args(argv)
    print(f"{args.seeds} simulated studies each: 120 items, 12 raters, 3 ratings per item, severity SD 0.7 of a rater's noise, "
          "except where said.")
    for scenario, settings in SCENARIOS.items():
        runs = [recover(simulate(seed, **settings)) for seed in range(args.seeds)]
        print(f"\n{scenario}\n  {'consensus':30} {'RMSE, points':>20} {'Spearman':>20}   RMSE less plain mean's")
        for name in runs[0][0]:
            less = _over(runs, lambda run, n=name: run[0][n][0] - run[0]["plain mean"][0])  # type: ignore[misc]
            print(f"  {name:30} {_over(runs, lambda run, n=name: run[0][n][0]):>20} "  # type: ignore[misc]
                  f"{_over(runs, lambda run, n=name: run[0][n][1]):>20}   {'' if name == 'plain mean' else less}")  # type: ignore[misc]
        print(f"  {'severity':30} {'RMSE, points':>20}")
        for name in runs[0][1]:
            print(f"  {name:30} {_over(runs, lambda run, n=name: run[1][n]):>20}")  # type: ignore[misc]
        print(f"  95 % intervals of the model's severity that hold the truth: {_over(runs, lambda run: run[2])}")
    n_studies = 4 * args.seeds  # a share near 0.95 needs more of them
    print(f"\nAgreement figures, {n_studies} studies of {N_CLIPS} clips by the same 12 raters: intervals that hold the value in "
          "4000 clips")
    for name, share in coverage(n_studies).items():
        print(f"  {NAMES[name]:40} {share:.2f}")


def _over(runs: list[Any], value: Callable[[Any], float]) -> str:
    return str(mean_and_interval(value(run) for run in runs))


if __name__ == "__main__":
    main()
