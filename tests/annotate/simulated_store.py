"""A database filled from a simulated study, for tests of what reads it. The raters are marked as simulated."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from annotate import roster
from annotate.clock import utc_now
from annotate.records import DIMENSIONS, Project
from annotate.settings import ProjectSettings
from annotate.simulate import Simulation
from annotate.store import Store, insert


def fill(path: Path, study: Simulation, *, name: str = "study", simulated: bool = True) -> tuple[Store, Project]:
    """A new database with one project that holds the study. The clips have no sound: nothing here plays them."""
    store = Store.create(path)
    project = roster.create_project(store, name, ProjectSettings(simulated=simulated))
    now = utc_now()
    raters = [roster.invite(store, project, rater, simulated=simulated)[0].id for rater in map(str, study.ratings.rater_ids)]
    with store.transaction() as db:
        for clip in range(int(study.items.clip.max()) + 1):
            insert(db, "clips", {"sha256": _sha(clip), "suffix": "wav", "bytes": 1, "duration_s": 1.0, "added": now})
        items = []
        for row in range(len(study.items)):
            reward = dict(zip(DIMENSIONS, map(float, study.items.reward[row, :4]), strict=True))
            items.append(insert(db, "items", {
                "project_id": project.id, "fingerprint": f"{row}", "clip_sha256": _sha(int(study.items.clip[row])),
                "speaker": f"speaker-{study.speaker[row]}", "model_id": study.items.model[row], "source": "simulation",
                "reward_scores": json.dumps(reward), "words": int(study.items.n_words[row]), "draw": row, "added": now,
                "explanation": "word " * int(study.items.n_words[row]), "prosody": "{}"}))
        for row in range(len(study.ratings)):
            add_rating(db, project, items[study.ratings.item[row]], raters[study.ratings.rater[row]],
                       dict(zip(DIMENSIONS, map(int, study.ratings.score[row]), strict=True)), int(study.ratings.position[row]))
    return store, project


def add_rating(db: Any, project: Project, item: int, rater: int, scores: dict[str, int], position: int, **more: Any) -> None:
    """One rating, as `submit` would leave it."""
    now = utc_now()
    insert(db, "ratings", {"project_id": project.id, "item_id": item, "rater_id": rater, **scores, "seconds": 30.0,
                           "position": position, "revision": 1, "created": now, "updated": now, **more})


def _sha(clip: int) -> str:
    return hashlib.sha256(f"clip {clip}".encode()).hexdigest()
