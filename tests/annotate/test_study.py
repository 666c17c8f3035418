"""The study kit: drawn, blind, and reported with intervals that hold what they should."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from annotate.assignment import claim
from annotate.errors import AnnotateError
from annotate.rating import submit
from annotate.records import DIMENSIONS
from annotate.settings import ProjectSettings
from annotate.store import Store
from annotate.study import _estimate, prepare, report, report_markdown
from tests.annotate.filling import full_answers, listen, make_rater, write_clip
from tests.annotate.test_importing import explained

QUALITY = {"good": 4, "poor": 2}


def outputs(folder: Path, n: int) -> Path:
    folder.mkdir()
    for number in range(n):
        write_clip(folder / f"{number}.wav", number)
    for system in QUALITY:
        lines = [explained(audio_path=f"{number}.wav", reasoning=f"It is {system}, clip {number}.")
                 for number in range(n - (system == "poor"))]
        (folder / f"{system}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_a_study_is_drawn_from_what_all_explained_and_reported_with_intervals(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "study.db")
    folder = outputs(tmp_path / "outputs", 7)
    settings = ProjectSettings.from_dict({"ratings_per_item": 2, "attention_rate": 0.0, "seed": 3})
    made = prepare(store, folder, "study", clips=5, settings=settings)
    assert (made.common, made.chosen, made.systems) == (6, 5, ["good", "poor"])
    again = prepare(Store.create(tmp_path / "again.db"), folder, "study", clips=5, settings=settings)
    assert again.chosen == 5
    with pytest.raises(AnnotateError, match="no ratings yet"):
        report(store, made.project)
    rng = np.random.default_rng(0)
    for name in ("Ada", "Grace"):
        rater = make_rater(store, made.project, name)
        while (work := claim(store, made.project, rater)) is not None:
            listen(store, made.project, rater, work.lease_id, 2.0)
            score = QUALITY[work.items[0].model_id]
            scores = dict(zip(DIMENSIONS, np.clip(score + rng.integers(-1, 2, 4), 1, 5).tolist(), strict=True))
            submit(store, made.project, rater, work.lease_id, f"press-{work.lease_id}", full_answers(scores=scores), 5.0)
    good, poor = report(store, made.project)
    assert (good.system, good.clips, good.ratings, poor.ratings) == ("good", 5, 10, 10)
    assert good.behind is None and poor.behind is not None and poor.behind.high is not None and poor.behind.high < 0
    for line in (good, poor):
        for found in (*line.scores.values(), line.reasoning):
            assert found.mean is not None and found.low is not None and found.high is not None
            assert found.low <= found.mean <= found.high
    by_hand = np.mean([[r.scores[name] for name in DIMENSIONS] for r in store.ratings(made.project) if r.model_id == "good"])
    assert good.reasoning.mean == pytest.approx(by_hand)
    table = report_markdown([good, poor], made.project)
    assert table.startswith("| system | clips |")
    assert "simulated" not in table


def test_intervals_hold_the_true_mean_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        values = rng.normal(3.0, 1.0, 40)
        found = _estimate(values, rng.integers(0, 40, (400, 40)))
        hits += bool(found.low is not None and found.high is not None and found.low <= 3.0 <= found.high)
    assert 175 <= hits <= 200


def test_a_clip_that_one_system_lacks_is_left_out_of_its_mean() -> None:
    picks = np.random.default_rng(2).integers(0, 3, (100, 3))
    assert _estimate(np.array([2.0, np.nan, 4.0]), picks).mean == 3.0
    assert _estimate(np.array([np.nan] * 3), picks).mean is None


def test_what_is_no_study_is_a_sentence(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "study.db")
    folder = outputs(tmp_path / "outputs", 2)
    with pytest.raises(AnnotateError, match="one per system"):
        prepare(store, tmp_path, "study")
    (folder / "third.jsonl").write_text(json.dumps(explained(audio_path="gone.wav")) + "\n")
    with pytest.raises(AnnotateError, match=r"third\.jsonl, line 1"):
        prepare(store, folder, "study")
    write_clip(folder / "other.wav", 99)
    (folder / "third.jsonl").write_text(json.dumps(explained(audio_path="other.wav")) + "\n")
    with pytest.raises(AnnotateError, match="No clip was explained by all"):
        prepare(store, folder, "study")
    assert store.projects() == []
