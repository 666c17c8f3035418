"""The benchmark's demonstration of a leak shows the leak."""

from __future__ import annotations

import re

import pytest

from benchmarks.calibration import held_out


def test_folds_that_tear_speakers_apart_promise_too_much(capsys: pytest.CaptureFixture[str]) -> None:
    held_out(6)
    torn, whole, _ = (float(re.findall(r"\d\.\d\d", line)[0]) for line in capsys.readouterr().out.strip().splitlines()[1:])
    assert torn < whole
