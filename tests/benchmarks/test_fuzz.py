"""The fuzzers on a few hundred inputs, and that they see what they are there to see."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from benchmarks import fuzz
from benchmarks.fuzz import TARGETS, Target, run
from benchmarks.fuzz_inputs import FORMATS, audio_case, honest_files, text_case
from emotionthinker.audio import load_clip


@pytest.mark.parametrize(("kind", "count"), [("audio", 300), ("texts", 100)])
def test_check_03_a_few_hundred_inputs_do_no_harm(kind: str, count: int, tmp_path: Path) -> None:
    found = run(TARGETS[kind], tmp_path, count)
    assert found.faults == {}
    assert sum(found.outcomes.values()) == found.done == count
    assert len(found.outcomes) >= 2  # some were good, some were not: else the inputs are all of one kind
    assert found.memory_grew <= fuzz.GROWTH_MB


def faulty() -> Target:
    def check(data: str, seed: int) -> str:
        if seed == 3:
            raise ValueError("a plain error")
        if seed == 5:
            time.sleep(600)
        if seed == 7:
            os.kill(os.getpid(), signal.SIGKILL)  # as a decoder that takes its process down
        return "fine"

    return Target(lambda seed: f"input {seed}", check, "txt")


def test_errors_hangs_and_crashes_are_kept_and_the_rest_goes_on(tmp_path: Path) -> None:
    found = run(faulty, tmp_path, 9, limit_s=0.5)
    assert found.outcomes == {"fine": 6, "FAULT": 3}
    assert "ValueError at test_fuzz.py" in found.faults["3"] and "a plain error" in found.faults["3"]
    assert found.faults["5"] == "not done after 0.5 s"
    assert found.faults["7"] == f"the process ended with {-signal.SIGKILL}"
    assert {path.name: path.read_text() for path in tmp_path.glob("*.txt")} == {f"{n}.txt": f"input {n}" for n in (3, 5, 7)}
    again = run(faulty, tmp_path, 12, limit_s=0.5)  # goes on, and keeps what it knew
    assert (again.done, again.outcomes["fine"], len(again.faults)) == (12, 9, 3)
    assert "| fault at 5 | not done after 0.5 s |" in fuzz.report("audio", again)


def test_growing_memory_is_seen(tmp_path: Path) -> None:
    kept: list[bytes] = []

    def leaking() -> Target:
        def check(data: str, seed: int) -> str:
            kept.append(os.urandom(1_000_000))
            return "fine"

        return Target(str, check, "txt")

    assert run(leaking, tmp_path, fuzz.WARM + fuzz.GROWTH_MB + 20).memory_grew > fuzz.GROWTH_MB


def test_an_input_is_its_number_and_begins_with_real_files(tmp_path: Path) -> None:
    assert len(honest_files()) == 2 * len(FORMATS)
    for data in honest_files():
        (tmp_path / "clip").write_bytes(data)
        assert load_clip(tmp_path / "clip").duration_s == pytest.approx(1.5, abs=0.1)
    assert [audio_case(seed) for seed in range(50)] == [audio_case(seed) for seed in range(50)]
    assert len({audio_case(seed) for seed in range(200)}) > 190
    assert len({text_case(seed) for seed in range(200)}) > 150 and text_case(7) == text_case(7)
