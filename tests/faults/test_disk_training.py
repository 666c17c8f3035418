"""Labelling, explanations, checkpoints and models on a disk that is full or read-only: one line, and the same command goes on."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from transformers import Trainer, TrainingArguments

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.loading import load_model
from emotionthinker.manifest import check_manifest
from emotionthinker.processor import load_processor
from emotionthinker.prompt import PromptStyle
from tests.conftest import synthetic_voice
from tests.faults.conftest import Disk
from tests.test_audio import assert_one_sentence
from training import augment_cot, label_prosody
from training.corpora import read_jsonl
from training.nano import load_thinker, save_folder
from training.resumable import DiskError, cut_lines, filling, new_file, new_folder, write_whole
from training.resuming_trainer import last_checkpoint
from training.run_log import LogFile, quiet, run_recipe


def clips(folder: Path, n: int) -> Path:
    rows = []
    for i in range(n):
        path = folder / f"clip{i}.wav"
        soundfile.write(path, synthetic_voice(0.8, f0_hz=110 + 10 * i, seed=i), 16_000)
        rows.append({"audio_path": str(path), "transcription": "hello there", "emotion": "sad", "note": "x" * 3000})
    source = folder / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return source


def test_labelling_stops_at_a_full_disk_and_goes_on(make_disk: Callable[[int], Disk], tmp_path: Path,
                                                    capsys: pytest.CaptureFixture[str]) -> None:
    """A line of 4 kB and more does not fit, and what was done before is whole."""
    disk = make_disk(1_000_000)
    output = disk.path / "out.jsonl"
    command = ["--input_path", str(clips(tmp_path, 4)), "--output_path", str(output), "--workers", "1", "--stage", "extract"]
    disk.fill(12_288)
    assert label_prosody.main(command) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert_one_sentence(said)
    assert "No space left on device" in said and "run the same command" in said
    done = read_jsonl(output)
    assert 1 <= len(done) < 4
    disk.make_room()
    assert label_prosody.main(command) == 0
    assert read_jsonl(output)[: len(done)] == done and len(read_jsonl(output)) == 4

    explain = ["--input_path", str(tmp_path / "labels.jsonl"), "--output_path", str(disk.path / "cot.jsonl")]
    shutil.copyfile(output, tmp_path / "labels.jsonl")
    disk.fill(12_288)
    assert augment_cot.main(explain) == 2
    assert_one_sentence(capsys.readouterr().err.splitlines()[-1])
    before = read_jsonl(disk.path / "cot.jsonl")
    disk.make_room()
    assert augment_cot.main(explain) == 0
    after = read_jsonl(disk.path / "cot.jsonl")
    assert after[: len(before)] == before and len(after) >= 3


def test_a_read_only_folder_is_said_before_anything_is_measured(make_disk: Callable[[int], Disk], tmp_path: Path,
                                                                capsys: pytest.CaptureFixture[str]) -> None:
    disk = make_disk(100_000)
    disk.read_only()
    for folder in (disk.path, disk.path / "new"):
        command = ["--input_path", str(clips(tmp_path, 1)), "--output_path", str(folder / "out.jsonl"), "--workers", "1"]
        assert label_prosody.main(command) == 2
        said = capsys.readouterr().err
        assert_one_sentence(said.rstrip("\n"))
        assert "Read-only file system" in said


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(make_disk: Callable[[int], Disk]) -> None:
    disk = make_disk(1_000_000)
    checkpoint, frames = disk.path / "decoder.pt", disk.path / "mel.npy"
    writers: dict[Path, Callable[[Path, int], object]] = {
        checkpoint: lambda new, n: torch.save({"epoch": n, "weights": torch.zeros(n * 30_000)}, new),
        frames: lambda new, n: np.save(new.open("wb"), np.zeros(n * 30_000, np.float32)),
    }
    for path, write in writers.items():
        with new_file(path) as new:
            write(new, 1)
        before = path.read_bytes()
        disk.fill(150_000)
        with pytest.raises(DiskError) as caught, new_file(path) as new:
            write(new, 8)
        assert_one_sentence(str(caught.value))
        assert path.read_bytes() == before
        assert sorted(file.name for file in disk.path.iterdir() if file.name.endswith(".new")) == []
        disk.make_room()
        with new_file(path) as new:
            write(new, 2)
        assert path.stat().st_size > len(before)
        path.unlink()
    write_whole(disk.path / "table.json", "old")
    disk.fill()
    with pytest.raises(DiskError):
        write_whole(disk.path / "table.json", "n" * 100_000)
    assert (disk.path / "table.json").read_text() == "old"


def test_a_model_that_does_not_fit_leaves_the_one_before(make_disk: Callable[[int], Disk], tiny_omni_folder: Path) -> None:
    thinker, processor = load_thinker(tiny_omni_folder), load_processor(tiny_omni_folder)
    style = PromptStyle.from_folder(tiny_omni_folder)
    disk = make_disk(3_000_000)
    folder = disk.path / "model"
    save_folder(thinker, processor, style, folder)
    assert (folder / "SHA256SUMS").is_file()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    disk.fill(100_000)
    with pytest.raises(DiskError) as caught:
        save_folder(thinker, processor, style, folder)
    assert_one_sentence(str(caught.value))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert sorted(path.name for path in disk.path.iterdir()) == ["filler", "model"]
    disk.make_room()
    save_folder(thinker, processor, style, folder, torch.float32)
    disk.read_only()  # a model is only read
    model, _ = load_model(str(folder), "tiny", {"dtype": "auto"})
    assert model.dtype == torch.float32


def test_other_files_of_a_model_folder_stay_and_shards_of_an_older_model_go(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "README.md").write_text("a card")
    (folder / "model-00001-of-00002.safetensors").write_text("of an older model")
    with new_folder(folder) as new:
        (new / "model.safetensors").write_text("weights")
        (new / "SHA256SUMS").write_text("")
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "SHA256SUMS", "model.safetensors"]
    check_manifest(folder, "model")


class Weights(torch.nn.Module):
    """200 kB that learn to be small."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(50_000))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"loss": (x.mean() * self.weight**2).mean()}


def train_weights(recipe: dict[str, Any]) -> Path:
    """A stage as all are that run on `Trainer`: a checkpoint and a log line each step."""
    folder = Path(recipe["output"])
    options = TrainingArguments(
        output_dir=str(folder / "checkpoints"), per_device_train_batch_size=1, max_steps=4, save_steps=1, logging_steps=1,
        save_total_limit=2, report_to="none", disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False,
    )  # fmt: skip
    trainer = Trainer(model=Weights(), args=options, train_dataset=[{"x": torch.ones(1)}] * 4,
                      callbacks=[LogFile(folder / "log.jsonl", "weights")])  # fmt: skip
    quiet(trainer).train(resume_from_checkpoint=last_checkpoint(options.output_dir))
    return folder


def test_a_stage_whose_checkpoint_does_not_fit_ends_with_one_line_and_goes_on(
    make_disk: Callable[[int], Disk], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """transformers writes the checkpoint: safetensors, torch and plain files meet the full disk, each in its own words."""
    disk = make_disk(6_000_000)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"output: {disk.path / 'run'}\n")
    command = ["--recipe", str(recipe)]
    for left in (0, 100_000, 300_000, 1_000_000):  # before the log, in the weights, in the optimiser, in a later checkpoint
        disk.fill(left)
        assert run_recipe(command, "", train_weights) == 2
        said = capsys.readouterr().err.splitlines()[-1]
        assert_one_sentence(said)
        assert "cannot be written" in said and "run the same command" in said
        disk.make_room()
    assert run_recipe(command, "", train_weights) == 0
    steps = [row["step"] for row in read_jsonl(disk.path / "run" / "log.jsonl") if "loss" in row]
    assert steps == [1, 2, 3, 4]
    disk.read_only()
    assert run_recipe(command, "", train_weights) == 2
    assert "Read-only file system" in capsys.readouterr().err


def test_an_error_of_reading_is_not_called_one_of_writing(tmp_path: Path) -> None:
    for error in (FileNotFoundError(errno.ENOENT, "No such file or directory", "model.safetensors"), ConnectionError("no hub"),
                  PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "clips" / "a.wav"))):  # fmt: skip
        with pytest.raises(type(error)), filling(tmp_path / "run"):
            raise error
    with pytest.raises(DiskError, match=r"^run cannot be written \(Permission denied\)"), filling(tmp_path / "run"):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "run" / "log.jsonl"))


def test_lines_are_cut_whole_and_nothing_else_is_touched(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    lines = ['{"step": 1, "said": "one\u2028line"}\n', '{"step":2}\n', '{"stage": "other"}\n', '{"step": 3}\n']
    file.write_text("".join(lines) + '{"step": 4', encoding="utf-8")
    assert cut_lines(file, lambda row: row.get("step", 0) < 3) == [{"step": 1, "said": "one\u2028line"}, {"step": 2},
                                                                   {"stage": "other"}]  # fmt: skip
    assert file.read_text(encoding="utf-8") == "".join(lines[:3])
    before = file.stat().st_ino
    cut_lines(file, lambda row: True)
    assert file.stat().st_ino == before
    assert cut_lines(tmp_path / "none.jsonl", lambda row: True) == []
    file.write_text("no line of ours\n")
    with pytest.raises(EmotionThinkerError, match=r"Line 1 of log\.jsonl"):
        cut_lines(file, lambda row: True)
