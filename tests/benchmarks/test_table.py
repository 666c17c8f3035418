"""The table of speeds: a row says what it should, a part that fails is said, and the floor's arithmetic is right."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from benchmarks import table
from benchmarks.decode_floor import Decoding, bytes_per_token, memory_bytes_per_s
from benchmarks.report import write_between
from benchmarks.table import BEGIN, END, Given, Row, at_most, example_rows, markdown
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.loading import NANO_FOLDER

ROOT = Path(__file__).resolve().parents[2]


def test_a_row_says_what_was_reached_beside_what_and_whether_it_was_wanted() -> None:
    rows = [at_most("import", 0.41, 1.0, "s", "0.90 s (`import torch`)", "python -m benchmarks.start_up"),
            at_most("page", 7.26, 6.0, "s", "3.1 s (bare)", "the same", 1), Row("a | b", "5")]
    assert markdown(rows).splitlines()[2:] == [
        "| import | 0.41 s | 0.90 s (`import torch`) | ≤ 1 s | `python -m benchmarks.start_up` |",
        "| page | **7.3 s** | 3.1 s (bare) | ≤ 6 s | the same |",
        "| a \\| b | 5 | – | – |  |"]


def no_clips(given: Given) -> list[Row]:
    raise EmotionThinkerError(f"There are {len(given.clips)} clips;\ngive one.")


def test_a_part_that_fails_is_a_row_that_was_not_reached() -> None:
    (row,) = table.apart(no_clips, Given((), True), True)
    assert row.reached == "not measured: EmotionThinkerError: There are 0 clips; give one." and row.met is False
    assert "**not measured" in markdown([row])


def test_pitch_is_measured_beside_its_peers_on_the_example_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyworld", reason="pyworld-prebuilt is not installed (requirements.txt); it resynthesises the speech")
    monkeypatch.setitem(sys.modules, "parselmouth", None)  # as on a machine that has only what is required
    flat = [row for row in example_rows() if "flat" in row["audio_path"]]
    errors, found = table.pitch(Given((*flat, *flat), True))
    ours = [float(text) for text in errors.reached.split(" · ")]
    assert len(ours) == 5 and ours[0] < 1 and "2 clips" in errors.what
    assert "(swift-f0 alone)" in errors.peer and "(pYIN)" in errors.peer and errors.peer.endswith("; Praat is not installed")
    assert float(found.reached) > 50


def test_praat_is_no_requirement() -> None:
    """Its licence, GPL-3, would reach whatever is given away together with it."""
    named = [path.name for path in [*ROOT.glob("requirements*.txt"), ROOT / "pyproject.toml", ROOT / "Dockerfile"]
             if "parselmouth" in path.read_text(encoding="utf-8")]
    assert named == []


def test_a_page_that_lacks_the_marks_is_told(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    document = tmp_path / "speed.md"
    document.write_text(text, encoding="utf-8")
    write_between(document, BEGIN, END, "| new |")
    assert document.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0] == "\n| new |\n"
    assert table.main(["--crema-d", str(tmp_path), "--quick"]) == 2  # no corpus: refused before anything runs


def test_the_floor_is_bytes_by_bandwidth() -> None:
    found = Decoding(token_s=0.006, weights_bytes=20_000_000, bytes_per_s=10e9)
    assert found.floor_s == pytest.approx(0.002)
    assert found.times_floor == pytest.approx(3.0)


def test_bandwidth_is_that_of_a_machine() -> None:
    assert 1e8 < memory_bytes_per_s(2**24, repeats=2) < 1e13  # of 16 MB, which may lie in the cache


def test_a_token_reads_the_decoder_and_the_output_layer_once() -> None:
    """Counted from the file: everything but the towers, and the tied embedding one time."""
    from safetensors import safe_open
    from transformers import AutoConfig, Qwen2_5OmniThinkerForConditionalGeneration

    with safe_open(NANO_FOLDER / "model.safetensors", "pt") as file:
        names = [name for name in file.keys() if not name.startswith(("audio_tower.", "visual."))]  # noqa: SIM118
        n_weights = sum(file.get_tensor(name).numel() for name in names)
    config = AutoConfig.from_pretrained(NANO_FOLDER)
    with torch.device("meta"):  # shapes are enough
        model = Qwen2_5OmniThinkerForConditionalGeneration(config)
    model.tie_weights()
    assert bytes_per_token(model) == n_weights * model.dtype.itemsize
