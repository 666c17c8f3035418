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
from annotate.calibration import HumanScores, as_json, calibrate, human_scores, severity_fits
from annotate.estimates import Estimate, Undefined, normal_estimate
from annotate.ppi import system_means
from annotate.records import DIMENSIONS, UNSCORED_FLAGS, Project
from annotate.severity import SeverityFit
from annotate.store import Store
from annotate.tables import OVERALL, ItemRow, Items, Ratings, scores_of, tables

Fits = dict[str, SeverityFit | Undefined]


@dataclasses.dataclass(frozen=True)
class Material:
    """A project's ratings, ready for the statistics.

    Attributes:
        items, ratings: the tables; every item that is work is there, rated or not.
        counts: `ratings` that are used, `simulated` among them, and `attention`, `qualification`, `flagged` left out.
    """

    items: Items
    ratings: Ratings
    counts: dict[str, int]


def material(store: Store, project: Project) -> Material:
    """Read a project. Raises AnnotateError where a reward score is off its scale."""
    given = store.ratings(project)  # before the items: one that is imported meanwhile may be missing here, but not there
    rows = store.rows("""SELECT id, clip_sha256, speaker, model_id, reward_scores, words FROM items
                         WHERE project_id = ? AND purpose = 'work' ORDER BY id""", [project.id])
    items = [ItemRow(r["id"], r["clip_sha256"], r["speaker"], r["model_id"], json.loads(r["reward_scores"] or "null"), r["words"])
             for r in rows]
    work = [r for r in given if not r.is_attention and not r.is_qualification]
    used = [r for r in work if not set(r.flags) & set(UNSCORED_FLAGS)]
    item_table, rating_table = tables(items, used)
    counts = {"ratings": len(used), "simulated": sum(r.simulated for r in used), "attention": sum(r.is_attention for r in given),
              "qualification": sum(r.is_qualification for r in given), "flagged": len(work) - len(used)}
    return Material(item_table, rating_table, counts)


def agreement_report(store: Store, project: Project, *, seed: int = 0) -> dict[str, Any]:
    """Agreement and raters by dimension, and the consensus of each rated item, as plain JSON (docs/calibration.md describes it)."""
    found = material(store, project)
    fits = severity_fits(found.ratings, len(found.items))
    return {"project": project.name, "counts": found.counts, "dimensions": _agreement(found, fits, seed),
            "consensus": _consensus(found, fits)}


def calibration_report(store: Store, project: Project, *, seed: int = 0) -> dict[str, Any]:
    """The reward model against people, as plain JSON: what is saved and written as calibration.json, without version and time."""
    found = material(store, project)
    items, ratings = found.items, found.ratings
    fits = severity_fits(ratings, len(items))
    human = human_scores(ratings, len(items), fits)
    report = as_json(calibrate(items, ratings, human, seed=seed))
    systems = {dimension: {name: dataclasses.asdict(mean) for name, mean in
                           system_means(items.model, human.item[:, d], items.reward[:, d], items.group).items()}
               for d, dimension in enumerate((*DIMENSIONS, OVERALL))}
    return report | {"project": project.name, "counts": found.counts, "systems": systems,
                     "bias": _bias(store, project, found, human, seed), "agreement": _agreement(found, fits, seed)}


def has_map(report: dict[str, Any]) -> bool:
    """Whether a calibration corrects anything at all."""
    return any(part["map"] is not None for part in report["dimensions"].values())


def _agreement(found: Material, fits: Fits, seed: int) -> dict[str, Any]:
    """By dimension: the agreement figures, and the rater table under the raters' numbers."""
    def one(dimension: str) -> dict[str, Any]:
        scores = scores_of(found.ratings, len(found.items), dimension)
        return dataclasses.asdict(agreement(scores, found.items.clip, seed=seed)) | _raters(found, fits[dimension])

    return {dimension: one(dimension) for dimension in DIMENSIONS}


def _raters(found: Material, fit: SeverityFit | Undefined) -> dict[str, Any]:
    if isinstance(fit, Undefined):
        return {"raters": [], "parts": None, "imbalance": None, "reason": str(fit)}
    raters = []
    for place in np.flatnonzero(fit.n_ratings).tolist():
        spread, se = float(fit.spread[place]), float(fit.spread_se[place])
        raters.append({
            "rater_id": found.ratings.rater_ids[place], "n": int(fit.n_ratings[place]),
            "severity": dataclasses.asdict(normal_estimate(float(fit.severity[place]), float(fit.severity_se[place]))),
            "spread": dataclasses.asdict(Estimate(spread, spread * math.exp(-1.96 * se), spread * math.exp(1.96 * se))),
            "attention": float(fit.attention[place])})
    return {"raters": raters, "parts": fit.n_parts, "imbalance": fit.imbalance, "reason": ""}


def _consensus(found: Material, fits: Fits) -> list[dict[str, Any]]:
    """By rated item and dimension: the consensus and how sure it is, beside the plain mean."""
    consensus: dict[int, dict[str, Any]] = {}
    for dimension, fit in fits.items():
        if isinstance(fit, Undefined):
            continue
        scores = scores_of(found.ratings, len(found.items), dimension)
        plain, n = scores.mean(), scores.per_item
        for row in np.flatnonzero(n).tolist():
            consensus.setdefault(row, {"item_id": found.items.ids[row]})[dimension] = {
                "consensus": float(fit.consensus[row]), "sd": float(fit.consensus_sd[row]), "adjusted": float(fit.adjusted[row]),
                "mean": float(plain[row]), "n": int(n[row])}
    return [consensus[row] for row in sorted(consensus)]


def _bias(store: Store, project: Project, found: Material, human: HumanScores, seed: int) -> dict[str, Any]:
    items, columns = found.items, list(enumerate((*DIMENSIONS, OVERALL)))
    length = {dimension: biases.length_bias(items.n_words, items.reward[:, d], human.item[:, d], items.group, seed=seed)
              for d, dimension in columns}
    moved = {dimension: biases.drift(items, found.ratings, human.own[:, d], seed=seed)
             for d, dimension in columns}
    return biases.as_json(length, biases.first_shown_preferred(store.preferences(project), seed=seed), moved)
