"""What the ratings in a database say: agreement, raters, consensus, and the calibration of the reward model, as plain JSON.

Here the store ends and the arithmetic begins. Ratings count that are about real work, by whomever; those of attention and
qualification items, and those flagged as bad audio or not to be judged, do not, and the reports say how many that were. Ratings
by simulated raters are counted beside the others and every report says so.
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np

from annotate import biases
from annotate.agreement import agreement
from annotate.calibration import HumanScores, as_json, calibrate, human_scores, rewards
from annotate.estimates import Estimate, Undefined, normal_estimate
from annotate.ppi import system_means
from annotate.records import DIMENSIONS, UNSCORED_FLAGS, Project
from annotate.severity import fit_severity
from annotate.store import Store
from annotate.tables import OVERALL, ItemRow, Items, Ratings, Scores, scores_of, tables


@dataclasses.dataclass(frozen=True)
class Material:
    """A project's ratings, ready for the statistics.

    Attributes:
        items, ratings: the tables; every item that is work is there, rated or not.
        rater_names: name of each place in `ratings.rater_ids`.
        counts: `ratings` that are used, `simulated` among them, and `attention`, `qualification`, `flagged` left out.
    """

    items: Items
    ratings: Ratings
    rater_names: tuple[str, ...]
    counts: dict[str, int]


def material(store: Store, project: Project) -> Material:
    """Read a project. Raises AnnotateError where a reward score is off its scale."""
    rows = store.rows("""SELECT id, clip_sha256, speaker, model_id, reward_scores, words FROM items
                         WHERE project_id = ? AND purpose = 'work' ORDER BY id""", [project.id])
    items = [ItemRow(r["id"], r["clip_sha256"], r["speaker"], r["model_id"], json.loads(r["reward_scores"] or "null"), r["words"])
             for r in rows]
    given = store.ratings(project)
    work = [r for r in given if not r.is_attention and not r.is_qualification]
    used = [r for r in work if not set(r.flags) & set(UNSCORED_FLAGS)]
    item_table, rating_table = tables(items, used)
    names: dict[Any, str] = {r.rater_id: r.rater_name for r in used}
    counts = {"ratings": len(used), "simulated": sum(r.simulated for r in used), "attention": sum(r.is_attention for r in given),
              "qualification": sum(r.is_qualification for r in given), "flagged": len(work) - len(used)}
    return Material(item_table, rating_table, tuple(names[r] for r in rating_table.rater_ids), counts)


def agreement_report(store: Store, project: Project, *, seed: int = 0) -> dict[str, Any]:
    """Agreement and raters by dimension, and the consensus of each rated item, as plain JSON (docs/calibration.md describes it)."""
    found = material(store, project)
    dimensions: dict[str, Any] = {}
    consensus: dict[Any, dict[str, Any]] = {}
    for dimension in DIMENSIONS:
        scores = scores_of(found.ratings, len(found.items), dimension)
        agreed = dataclasses.asdict(agreement(scores, found.items.clip, seed=seed))
        dimensions[dimension] = agreed | _raters(scores, found, dimension, consensus)
    return {"project": project.name, "counts": found.counts, "dimensions": dimensions,
            "consensus": [{"item_id": item, **scores} for item, scores in consensus.items()]}


def _raters(scores: Scores, found: Material, dimension: str, consensus: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    """The rater table of one dimension; the consensus goes into `consensus`, by item."""
    try:
        fit = fit_severity(scores)
    except Undefined as undefined:
        return {"raters": [], "parts": None, "imbalance": None, "reason": str(undefined)}
    raters = []
    for place in np.flatnonzero(fit.n_ratings).tolist():
        spread, se = float(fit.spread[place]), float(fit.spread_se[place])
        raters.append({
            "rater_id": found.ratings.rater_ids[place], "name": found.rater_names[place], "n": int(fit.n_ratings[place]),
            "severity": dataclasses.asdict(normal_estimate(float(fit.severity[place]), float(fit.severity_se[place]))),
            "spread": dataclasses.asdict(Estimate(spread, spread * math.exp(-1.96 * se), spread * math.exp(1.96 * se)))})
    plain, n = scores.mean(), scores.per_item
    for row in np.flatnonzero(n).tolist():
        consensus.setdefault(found.items.ids[row], {})[dimension] = {
            "consensus": float(fit.consensus[row]), "sd": float(fit.consensus_sd[row]), "adjusted": float(fit.adjusted[row]),
            "mean": float(plain[row]), "n": int(n[row])}
    return {"raters": raters, "parts": fit.n_parts, "imbalance": fit.imbalance, "reason": ""}


def calibration_report(store: Store, project: Project, *, seed: int = 0) -> dict[str, Any]:
    """The reward model against people, as plain JSON: what is saved and written as calibration.json, without version and time."""
    found = material(store, project)
    items, ratings = found.items, found.ratings
    human = human_scores(ratings, len(items))
    report = as_json(calibrate(items, ratings, human, seed=seed))
    reward = rewards(items)
    all_dimensions = (*DIMENSIONS, OVERALL)
    systems = {dimension: {name: dataclasses.asdict(mean) for name, mean in
                           system_means(items.model, human.item[:, d], reward[:, d], items.group).items()}
               for d, dimension in enumerate(all_dimensions)}
    return report | {"project": project.name, "counts": found.counts, "systems": systems,
                     "bias": _bias(store, project, items, ratings, human, reward, seed)}


def _bias(store: Store, project: Project, items: Items, ratings: Ratings, human: HumanScores, reward: np.ndarray, seed: int,
          ) -> dict[str, Any]:
    columns = list(enumerate((*DIMENSIONS, OVERALL)))
    length = {dimension: biases.length_bias(items.n_words, reward[:, d], human.item[:, d], items.group, seed=seed)
              for d, dimension in columns}
    moved = {dimension: biases.drift(items, ratings, human.own[:, d], human.others[:, d], seed=seed) for d, dimension in columns}
    return biases.as_json(length, biases.first_shown_preferred(store.preferences(project), seed=seed), moved)
