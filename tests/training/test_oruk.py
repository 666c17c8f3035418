"""The adapter for oruk-bench, by the benchmark's own code, on shards in its own schema and a tiny model."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.spoken import two_cities
from training import oruk

ANGER, DISGUST = 0, 4  # places in the benchmark's list of labels


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Two clips of a person reading and one of silence, which no thinker answers to."""
    pyarrow, parquet, _ = (
        pytest.importorskip(name, reason="needs requirements-train.txt") for name in ("pyarrow", "pyarrow.parquet", "oruk_bench")
    )

    def flac(samples: np.ndarray) -> bytes:
        out = io.BytesIO()
        soundfile.write(out, samples, 16_000, format="FLAC")
        return out.getvalue()

    read = two_cities()
    clips = [read[:32_000], read[32_000:64_000], np.zeros(16_000, np.float32)]
    table = pyarrow.table({"audio_flac": [flac(c) for c in clips], "label": [ANGER, DISGUST, ANGER],
                           "language": ["en", None, "en"], "source_id": ["a", "a", "b"]})  # fmt: skip
    (tmp_path / "shards").mkdir()
    parquet.write_table(table, tmp_path / "shards" / "part-0.parquet")
    return tmp_path / "shards"


def test_the_benchmark_runs_a_thinker(shards: Path, tiny_omni_folder: Path, tmp_path: Path, capsys: Any) -> None:
    argv = ["--data_dir", str(shards), "--out_dir", str(tmp_path / "out"), "--model", str(tiny_omni_folder), "--name", "tiny",
            "--device", "cpu"]  # fmt: skip
    assert oruk.main(argv) == 0
    assert "on 3 clips, 1 without an answer" in capsys.readouterr().out
    result = json.loads((tmp_path / "out" / "audiollm_tiny.json").read_text())
    # The tiny model says "angry" to whatever it hears; the benchmark takes silence's missing answer for neutral.
    assert result["accuracy"] == pytest.approx(1 / 3) and result["per_class"]["anger"]["recall"] == 0.5
    assert np.load(tmp_path / "out" / "audiollm_tiny.npz")["preds"].tolist().count(ANGER) == 2


def test_a_folder_without_shards_is_a_sentence(tmp_path: Path, capsys: Any) -> None:
    pytest.importorskip("oruk_bench", reason="needs requirements-train.txt")
    assert oruk.main(["--data_dir", str(tmp_path), "--out_dir", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_adapter_offers_the_labels_that_both_know(tiny_omni_folder: Path) -> None:
    labels = pytest.importorskip("oruk_bench.core", reason="needs requirements-train.txt").LABELS
    assert set(oruk.SEVEN.values()) == set(labels)
    assert oruk.ThinkerAdapter(str(tiny_omni_folder), "cpu").labels == ["neutral", "happy", "sad", "angry", "contempt or disgust"]
