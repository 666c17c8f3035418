"""The lead's actions behind the tab: a process of its own works it out, once, and what comes out is kept."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from annotate import roster
from annotate.calibrate_service import CalibrateService
from annotate.service import Service
from annotate.simulate import simulate
from tests.annotate.simulated_store import fill

WAIT_S = 400  # a loaded machine


class Desk:
    """A service with a lead and a rater at it."""

    def __init__(self, path: Path, n_speakers: int) -> None:
        # A name that a command line could take for an option.
        self.store, self.project = fill(path, simulate(0, n_speakers=n_speakers, n_raters=6), name="--json <b>")
        self.service = Service(self.store)
        CalibrateService(self.service)
        _, self.lead = roster.invite(self.store, self.project, "Lea", "lead")
        _, self.rater = roster.invite(self.store, self.project, "Rosa")

    def call(self, action: str, **payload: Any) -> dict[str, Any]:
        assert self.lead is not None
        return self.service.call(action, self.lead, {"width": 900, **payload})

    def wait(self) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            shown = self.call("calibration")
            if not shown["running"]:
                return shown
            time.sleep(0.2)
        raise AssertionError("the calibration did not end")


@pytest.fixture
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    desk = Desk(tmp_path / "desk.db", request.param)
    yield desk
    desk.store.close()


@pytest.mark.parametrize("desk", [6], indirect=True)
def test_a_lead_works_it_out_once_and_takes_the_file(desk: Desk) -> None:
    assert "Nothing was worked out yet" in desk.call("calibration")["html"]
    first, second = desk.call("calibrate"), desk.call("calibrate")  # a double click
    assert first["running"]
    assert second["running"]
    waiting = desk.call("calibration", wait=True)
    assert "html" not in waiting
    assert "being worked out" in waiting["said"]
    html = desk.wait()["html"]
    assert "Facts" in html and "Factual alignment" not in html  # as the task page calls it
    assert "--json &lt;b&gt;" in html
    assert [kept["version"] for kept in desk.store.calibrations(desk.project)] == [1]
    file = desk.call("calibration_file", version=1)
    assert json.loads(file["text"]) == desk.store.calibrations(desk.project)[0]
    assert "There is no calibration 2" in desk.call("calibration_file", version=2)["error"]
    assert "error" in desk.call("calibration_file", version="1; DROP TABLE calibrations")


@pytest.mark.parametrize("desk", [2], indirect=True)
def test_with_too_few_ratings_the_figures_are_shown_and_not_saved(desk: Desk) -> None:
    desk.call("calibrate")
    html = desk.wait()["html"]
    assert "Not saved" in html
    assert "18 more explanations" in html
    assert desk.store.calibrations(desk.project) == []


@pytest.mark.parametrize("desk", [2], indirect=True)
def test_a_rater_is_not_let_in(desk: Desk) -> None:
    for action in ("calibration", "calibrate", "calibration_file"):
        answer = desk.service.call(action, desk.rater or "", {"width": 900, "version": 1})
        assert answer["kind"] == "NotAllowed"
        assert "html" not in answer


@pytest.mark.parametrize("desk", [2], indirect=True)
def test_what_goes_wrong_is_said_in_the_page(desk: Desk) -> None:
    with desk.store.transaction() as db:
        db.conn.execute("UPDATE items SET reward_scores = '{\"factual_alignment\": 83}' WHERE id = 1")
    desk.call("calibrate")
    assert "Item 1 has the reward score" in desk.wait()["html"]


@pytest.mark.parametrize("desk", [2], indirect=True)
def test_a_process_that_dies_is_told_and_another_may_begin(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    desk.call("calibrate")
    assert "the process ended with 1" in desk.wait()["html"]
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    desk.call("calibrate")
    assert "could not be worked out (FileNotFoundError)" in desk.wait()["html"]
    assert desk.call("calibrate")["running"]
    desk.wait()
