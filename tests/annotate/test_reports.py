"""From a real database: what counts, what is printed, what is saved, and what training reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from annotate import estimates
from annotate.__main__ import main
from annotate.calibration_map import SCHEMA, apply, load_calibration
from annotate.errors import AnnotateError
from annotate.records import DIMENSIONS, Project
from annotate.reports import material
from annotate.simulate import simulate
from annotate.store import Store
from annotate.tables import OVERALL
from tests.annotate.simulated_store import add_rating, fill

N_SPEAKERS = 12


@pytest.fixture(scope="module", autouse=True)
def _fewer_resamples() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimates, "MOST_RESAMPLES", 40)
        patch.setattr(estimates, "FEWEST_RESAMPLES", 40)
        yield


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study") / "study.db"
    store, _ = fill(path, simulate(0, n_speakers=N_SPEAKERS))
    store.close()
    return path


@pytest.fixture
def small(tmp_path: Path) -> Iterator[tuple[Store, Project]]:
    store, project = fill(tmp_path / "small.db", simulate(0, n_speakers=3), simulated=False)
    yield store, project
    store.close()


def one(store: Store, sql: str) -> int:
    row = store.row(sql)
    assert row is not None
    return int(row[0])


def test_only_ratings_of_real_work_count(small: tuple[Store, Project]) -> None:
    store, project = small
    before = material(store, project)
    assert before.counts == {"ratings": 54, "simulated": 0, "attention": 0, "qualification": 0, "flagged": 0}
    rater = one(store, "SELECT min(id) FROM raters")
    free = one(store, f"SELECT min(id) FROM items WHERE id NOT IN (SELECT item_id FROM ratings WHERE rater_id = {rater})")
    with store.transaction() as db:
        db.conn.execute("UPDATE items SET purpose = 'attention' WHERE id = (SELECT max(id) FROM items)")
        db.conn.execute("UPDATE ratings SET flags = '[\"cannot_judge\"]' WHERE id = (SELECT min(id) FROM ratings)")
        add_rating(db, project, free, rater, dict.fromkeys(DIMENSIONS, 3), 99, flags='["offensive"]')
    after = material(store, project)
    assert after.counts == {"ratings": 54 - 3 - 1 + 1, "simulated": 0, "attention": 3, "qualification": 0, "flagged": 1}
    assert len(after.items) == 17


def test_the_tables_are_those_of_the_study(database: Path) -> None:
    study = simulate(0, n_speakers=N_SPEAKERS)
    with Store.open(database) as store:
        found = material(store, store.project())
    assert found.items.reward == pytest.approx(study.items.reward)  # overall is the mean of the four
    assert found.items.n_words.tolist() == study.items.n_words.tolist()
    assert len(np.unique(found.items.group)) == N_SPEAKERS
    assert np.bincount(found.ratings.item).tolist() == [3] * 72
    assert sorted(found.ratings.score.tolist()) == sorted(study.ratings.score.tolist())
    assert sorted(found.ratings.position.tolist()) == sorted(study.ratings.position.tolist())
    assert found.counts["simulated"] == 216


def test_an_overall_reward_that_is_given_is_kept(small: tuple[Store, Project]) -> None:
    store, project = small
    with store.transaction() as db:
        db.conn.execute("UPDATE items SET reward_scores = '{\"overall\": 2.5}' WHERE id = 5")
    reward = material(store, project).items.reward
    assert reward[4, 4] == 2.5
    assert np.isnan(reward[4, :4]).all()


def test_a_reward_score_off_the_scale_is_refused_by_name(small: tuple[Store, Project], capsys: pytest.CaptureFixture[str]) -> None:
    store, project = small
    with store.transaction() as db:
        db.conn.execute("UPDATE items SET reward_scores = '{\"factual_alignment\": 83}' WHERE id = 5")
    with pytest.raises(AnnotateError, match="Item 5 has the reward score '83' for factual_alignment"):
        material(store, project)
    assert main(["calibrate", "--db", str(store.path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_agreement_prints_people_and_figures(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agreement", "--db", str(database), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    part = report["dimensions"]["factual_alignment"]
    assert (part["n_items"], part["n_ratings"], part["n_clips"], part["parts"]) == (72, 216, 24, 1)
    assert len(part["raters"]) == 12
    assert {len(report["consensus"]), report["consensus"][0]["factual_alignment"]["n"]} == {72, 3}
    severities = [rater["severity"]["value"] for rater in part["raters"]]
    assert sum(severities) == pytest.approx(0, abs=1e-6)

    assert main(["agreement", "--db", str(database)]) == 0
    shown = capsys.readouterr().out
    assert "Simulated raters: a program made these ratings" in shown
    assert "Krippendorff's alpha (ordinal)" in shown
    assert "rater-3" in shown
    assert "nan" not in shown.lower()


def test_calibrate_saves_a_version_and_a_file_that_training_reads(database: Path, tmp_path: Path,
                                                                  capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "calibration.json"
    assert main(["calibrate", "--db", str(database), "--output", str(output), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    calibration = load_calibration(output)
    assert calibration == printed
    assert (calibration["schema"], calibration["version"], calibration["counts"]["simulated"]) == (SCHEMA, 1, 216)
    with Store.open(database) as store:
        assert store.calibrations(store.project()) == [calibration]
    reward = np.linspace(1, 5, 9)
    for dimension in (*DIMENSIONS, OVERALL):
        corrected = apply(calibration, dimension, reward)
        assert (np.diff(corrected) > 0).all()
        assert corrected[6] < 3.7  # the simulated reward gives 4 where people give about 3.2
    assert set(calibration["systems"][OVERALL]) == {"system-0", "system-1", "system-2"}
    assert list(tmp_path.iterdir()) == [output]

    assert main(["calibrate", "--db", str(database)]) == 0
    shown = capsys.readouterr().out
    assert shown.rstrip().endswith("Saved as version 2.")
    assert "too generous" in shown


def test_with_too_few_ratings_it_says_what_is_missing_and_writes_nothing(small: tuple[Store, Project], tmp_path: Path,
                                                                         capsys: pytest.CaptureFixture[str]) -> None:
    store, project = small
    assert main(["calibrate", "--db", str(store.path)]) == 0
    shown = capsys.readouterr().out
    assert "12 more explanations that have a reward score and are rated by two people or more (18 of 30 are there)" in shown
    assert "Nothing was saved" in shown
    output = tmp_path / "calibration.json"
    assert main(["calibrate", "--db", str(store.path), "--output", str(output)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "calibration.json was not written" in error
    assert not output.exists()
    assert store.calibrations(project) == []


def test_an_empty_project_is_no_error(small: tuple[Store, Project], capsys: pytest.CaptureFixture[str]) -> None:
    store, _ = small
    with store.transaction() as db:
        for table in ("ratings", "items"):
            db.conn.execute(f"DELETE FROM {table}")
    for command in ("agreement", "calibrate"):
        assert main([command, "--db", str(store.path)]) == 0
        assert "0 ratings count" in capsys.readouterr().out


def test_a_file_that_cannot_be_written_leaves_nothing_half_written(database: Path, tmp_path: Path,
                                                                   capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--db", str(database), "--output", str(tmp_path / "missing" / "calibration.json")]) == 2
    assert "cannot be written (No such file or directory), but version" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def documented(heading: str) -> set[str]:
    """The names in the first column of a table of docs/calibration.md."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "calibration.md").read_text(encoding="utf-8")
    table = text.split(heading)[1].split("\n\n")[0]
    return {name for row in table.splitlines()[1:] for name in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")}


def test_the_file_holds_what_is_documented_and_nothing_else(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--db", str(database), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert set(content) == documented("| key | holds |")
    for part in content["dimensions"].values():
        assert set(part) == documented("| key of a dimension | holds |")
        for row in part["figures"].values():
            assert set(row) <= {"spearman", "qwk", "mae", "ece"}
            assert all(set(estimate) == {"value", "low", "high", "reason"} for estimate in row.values())
