"""Does the calibration correct a reward model of known bias, and do its intervals hold?

    python -m benchmarks.calibration                  # 30 studies for each row
    python -m benchmarks.calibration --seeds 5        # a quick look

All studies are simulated, so the truth is known: what the average attentive rater would say of each explanation. Figures are points
of the scale 1–5, means over studies [95 % t interval over seeds].

1. Which map for how many items: mean distance of the fitted map from the best one there is (isotonic on 60,000 items with true
   scores). 2. What the map should be fitted to: the plain mean of the ratings, the severity-free mean, or the severity-free
   estimate that is drawn
   to the middle.
3. What holding out speakers matters: the error that is promised by folds that tear speakers apart, by ours, and the real one on new
   speakers.
4. The figures of `calibrate`: intervals for Spearman and for the mean error that hold the value in a study fifty times as large.
5. System means: how often the intervals hold the mean over all speakers, and how wide they are, by prediction-powered inference
   and by the ratings
   alone.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from annotate.calibration import calibrate, human_scores
from annotate.calibration_map import apply_map
from annotate.closeness import spearman
from annotate.estimates import mean_and_interval
from annotate.monotone import ISOTONIC_MIN_ITEMS, fit_isotonic, fit_logistic, out_of_fold
from annotate.ppi import system_means
from annotate.severity import fit_severity
from annotate.simulate import RewardBias, simulate
from annotate.tables import DIMENSIONS
from benchmarks.agreement import holds

BIASES = {"generous": RewardBias(), "strict": RewardBias(generosity=2.0),
          "saturates at 2.6": RewardBias(generosity=1.0, saturates_at=0.4, noise=0.2)}
N_SPEAKERS = (5, 10, 20, 40, 80)  # with 2 clips each and 3 systems: 30 … 480 items
FIRST = DIMENSIONS[0]


def _best(bias: RewardBias) -> tuple[dict[str, Any], np.ndarray]:
    """The map that people and this reward would settle on, and rewards to try maps at."""
    world = simulate(10_000, n_speakers=4000, clips_per_speaker=5, n_raters=2, rated_share=0.0, bias=bias)
    reward = world.items.reward[:, 0]
    return fit_isotonic(reward, world.true_score()), reward[::20]


def _distance(found: dict[str, Any], best: dict[str, Any], at: np.ndarray) -> float:
    return float(np.abs(apply_map(found, at) - apply_map(best, at)).mean())


def maps(seeds: int) -> None:
    """Table 1."""
    print(f"\n1. Distance from the best map (isotonic is used from {ISOTONIC_MIN_ITEMS} items on)")
    print(f"  {'reward':20} {'items':>5} {'two parameters':>20} {'isotonic':>20} {'no map':>8}")
    for name, bias in BIASES.items():
        best, at = _best(bias)
        for n_speakers in N_SPEAKERS:
            runs = []
            for seed in range(seeds):
                study = simulate(seed, n_speakers=n_speakers, bias=bias)
                x, y = study.items.reward[:, 0], fit_severity(study.scores()).adjusted
                runs.append((_distance(fit_logistic(x, y), best, at), _distance(fit_isotonic(x, y), best, at)))
            two, isotonic = (mean_and_interval(values) for values in zip(*runs, strict=True))
            nothing = np.abs(at - apply_map(best, at)).mean()
            print(f"  {name:20} {n_speakers * 6:5} {two!s:>20} {isotonic!s:>20} {nothing:8.2f}")


def targets(seeds: int) -> None:
    """Table 2."""
    print("\n2. Distance from the best map, 120 items, by what it is fitted to")
    print(f"  {'raters':32} {'plain mean':>20} {'severity-free mean':>20} {'drawn to the middle':>20}")
    best, at = _best(BIASES["generous"])
    for label, settings in (("random", {}), ("severe raters get harder items", {"assignment": "severe raters get harder items"})):
        runs = []
        for seed in range(seeds):
            study = simulate(seed, **settings)  # type: ignore[arg-type]
            x, fit = study.items.reward[:, 0], fit_severity(study.scores())
            runs.append([_distance(fit_logistic(x, y), best, at) for y in (study.scores().mean(), fit.adjusted, fit.consensus)])
        print(f"  {label:32} " + " ".join(f"{mean_and_interval(values)!s:>20}" for values in zip(*runs, strict=True)))


def held_out(seeds: int) -> None:
    """Table 3. Many items of few speakers, and an isotonic map: what tearing speakers apart hides most."""
    torn, whole, real = [], [], []
    for seed in range(seeds):
        study = simulate(seed, n_speakers=12, clips_per_speaker=10, bias=RewardBias(noise=0.3, speaker_noise=0.6))
        x, y, speaker = study.items.reward[:300, 0], study.scores().mean()[:300], study.items.group[:300]  # ten speakers
        fresh = study.items.reward[300:, 0], study.scores().mean()[300:]  # the other two
        torn.append(np.abs(out_of_fold(x, y, np.arange(300), seed=seed) - y).mean())
        whole.append(np.abs(out_of_fold(x, y, speaker, seed=seed) - y).mean())
        real.append(np.abs(apply_map(fit_isotonic(x, y), fresh[0]) - fresh[1]).mean())
    print("\n3. Mean error of the corrected reward, 300 items of 10 speakers")
    for label, values in {"promised by folds of items": torn, "promised by folds of speakers": whole, "on two new speakers": real
                          }.items():
        print(f"  {label:32} {mean_and_interval(values)}")


def intervals(seeds: int) -> None:
    """Table 4."""
    world = simulate(20_000, n_speakers=1000, rated_share=1.0)
    said = human_scores(world.ratings, len(world.items)).item[:, 0]
    reward = world.items.reward[:, 0]
    true = {"spearman": spearman(reward, said), "mae": float(np.abs(reward - said).mean())}
    held: dict[str, list[float]] = {name: [] for name in true}
    for seed in range(seeds):
        study = simulate(seed)
        found = calibrate(study.items, study.ratings, seed=seed)[FIRST].figures["reward"]
        for name, value in true.items():
            held[name].append(holds(found[name], value))
    print("\n4. Intervals of studies of 20 speakers, 120 items, that hold the value in a study of 6000 items")
    for name, values in held.items():
        print(f"  {name:32} {np.mean(values):.2f} of {seeds}")


def systems(seeds: int) -> None:
    """Table 5."""
    print("\n5. Means of three systems; 600 items, of which a share is rated")
    world = simulate(30_000, n_speakers=4000, clips_per_speaker=1, n_raters=2, rated_share=0.0)
    model = np.array(world.items.model)
    true = {name: float(world.true_score()[model == name].mean()) for name in set(world.items.model)}
    print(f"  {'reward noise':>12} {'rated':>6}   {'hold: corrected':>15} {'ratings alone':>14}   corrected as wide as")
    for noise in (0.3, 0.6, 1.5):
        for share in (0.2, 0.5):
            inside: list[tuple[bool, bool]] = []
            ratio: list[float] = []
            for seed in range(seeds):
                study = simulate(seed, n_speakers=40, clips_per_speaker=5, rated_share=share, bias=RewardBias(noise=noise))
                scores = study.scores()
                fit = fit_severity(scores)
                human = np.where(scores.per_item >= 2, fit.adjusted, np.nan)
                for name, found in system_means(study.items.model, human, study.items.reward[:, 0], study.items.group).items():
                    inside.append((holds(found.corrected, true[name]), holds(found.rated, true[name])))
                    widths = [e.high - e.low for e in (found.corrected, found.rated)]  # type: ignore[operator]
                    ratio.append(widths[0] / widths[1])
            corrected, alone = np.mean(inside, axis=0)
            print(f"  {noise:12.1f} {share:6.0%}   {corrected:15.2f} {alone:14.2f}   {mean_and_interval(ratio)}")


def main(argv: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30, help="studies for each row")
    args = parser.parse_args(argv)
    print(f"{args.seeds} simulated studies for each row: 12 raters, 3 ratings per item, except where said.")
    for table in (maps, targets, held_out, intervals, systems):
        table(args.seeds)


if __name__ == "__main__":
    main()
