"""Small annotation databases for tests: real clips, hand-written records, people who agreed to everything."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from annotate import roster
from annotate.assignment import task
from annotate.items import NewItem, add_item, keep_clip
from annotate.rating import set_heard, show_text
from annotate.records import DIMENSIONS, Project, Rater
from annotate.settings import ProjectSettings
from annotate.store import Store
from tests.page.records import DURATION_S, a_record

EXPLANATION = ('A woman speaks, and the pitch is high. The pace is fast and the voice is loud. She says "I never do again". '
               "Words and voice agree, so it sounds angry.")


def write_clip(path: Path, seed: int = 0) -> Path:
    """A wav of noise, as long as the hand-written record says."""
    rng = np.random.default_rng(seed)
    soundfile.write(path, (0.1 * rng.normal(size=int(DURATION_S * 16_000))).astype(np.float32), 16_000)
    return path


@lru_cache(maxsize=1)
def the_record() -> dict[str, Any]:
    return a_record()


def make_store(folder: Path, n_items: int = 4, **settings: Any) -> tuple[Store, Project]:
    """A store with project "pilot" and n items of two clips by two models."""
    store = Store.create(folder / "annotate.db")
    project = roster.create_project(store, "pilot", ProjectSettings.from_dict({"attention_rate": 0.0, **settings}))
    add_items(store, project, n_items)
    return store, project


def add_items(store: Store, project: Project, n: int, **values: Any) -> list[int]:
    clips = [keep_clip(store, write_clip(store.path.parent / f"clip{seed}.wav", seed)).sha256 for seed in range(2)]
    ids = []
    for number in range(n):
        item = NewItem(clip_sha256=clips[number % 2], prosody=the_record(), explanation=f"{EXPLANATION} Version {number}.",
                       model_id=f"model-{number // 2 % 2}", source="test", transcript="I never do again.", answer="angry",
                       speaker=f"speaker-{number % 2}", gold_emotion="angry", reward_scores=dict.fromkeys(DIMENSIONS, 3.5))
        ids.append(add_item(store, project, NewItem(**{**item.__dict__, **values}))[0])
    return ids


def make_rater(store: Store, project: Project, name: str = "Ada", role: str = "rater", **more: Any) -> Rater:
    """Someone who has agreed and read."""
    rater, _ = roster.invite(store, project, name, role, **more)
    roster.agree(store, rater, "consented")
    roster.agree(store, rater, "instructed")
    return store.rater(rater.id)


def listen(store: Store, project: Project, rater: Rater, lease_id: str, played_s: float = 2.0, emotion: str = "angry") -> None:
    """All that comes before the questions: the clip heard in full, the emotion said, the explanation opened."""
    set_heard(store, project, rater, lease_id, played_s)
    show_text(store, project, rater, lease_id, None if task(store, lease_id).is_pair else emotion)


def full_answers(score: int = 4, **changes: Any) -> dict[str, Any]:
    return {"scores": dict.fromkeys(DIMENSIONS, score), "heard_emotion": "angry", "answer_right": "yes", "comment": "", "flags": [],
            "marks": []} | changes


def full_choices(choice: str = "left", **changes: Any) -> dict[str, Any]:
    return {"choices": dict.fromkeys(DIMENSIONS, choice), "comment": "", "flags": []} | changes
