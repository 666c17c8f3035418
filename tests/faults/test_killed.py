"""`kill -9` in the middle of a save, an export, a reply: what is there is whole, or is refused by name, and the next try works."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from annotate.assignment import claim
from annotate.exporting import export
from annotate.rating import submit
from annotate.store import Store
from emotionthinker.errors import ModelNotFound
from emotionthinker.manifest import check_manifest, write_manifest
from tests.annotate.filling import full_answers, listen, make_rater, make_store
from training.resumable import new_file, new_folder

KILLS = 25


def killed(work: Callable[[], None], after_s: float) -> bool:
    """Do the work in a process of its own and kill it after so long; whether the kill came before its end."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def save(folder: Path, version: int) -> None:
    with new_folder(folder) as new:
        for name in ("model.safetensors", "config.json", "tokenizer.json", "emotionthinker.json"):
            with (new / name).open("wb") as file:
                for _ in range(20):
                    file.write(bytes([version]) * 20_000)
        write_manifest(new)


def test_a_model_whose_save_was_killed_is_whole_or_refused(tmp_path: Path) -> None:
    """A folder with files of two saves must never be read as a model."""
    rng, folder = random.Random(3), tmp_path / "model"
    save(folder, 1)
    n_killed, refused = 0, 0
    for version in range(2, 2 + KILLS):
        n_killed += killed(lambda version=version: save(folder, version), rng.uniform(0.0, 0.012))
        try:
            check_manifest(folder, "model")
        except ModelNotFound:
            refused += 1
            save(folder, version)  # the next save needs no help
            check_manifest(folder, "model")
        else:
            covered = [folder / name for name in ("model.safetensors", "config.json", "tokenizer.json")]
            assert len({path.read_bytes()[:1] for path in covered}) == 1
            assert all(len(set(path.read_bytes())) == 1 for path in covered)
    assert n_killed >= 3, "no kill came in time, so nothing was tried"
    save(folder, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]  # what the killed ones left is gone with the next save


def test_a_checkpoint_whose_save_was_killed_is_the_one_before(tmp_path: Path) -> None:
    rng, path = random.Random(4), tmp_path / "decoder.pt"

    def write(version: int) -> None:
        with new_file(path) as new, new.open("wb") as file:
            for _ in range(50):
                file.write(bytes([version]) * 20_000)

    write(1)
    n_killed = 0
    for version in range(2, 2 + KILLS):
        n_killed += killed(lambda version=version: write(version), rng.uniform(0.0, 0.008))
        data = path.read_bytes()
        assert len(data) == 1_000_000 and len(set(data)) == 1
    assert n_killed >= 3, "no kill came in time, so nothing was tried"
    write(1)
    assert [file.name for file in tmp_path.iterdir()] == ["decoder.pt"]


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_export_that_was_killed_left_whole_files_only(tmp_path: Path, form: str) -> None:
    store, project = make_store(tmp_path, 60, ratings_per_item=1)
    rater = make_rater(store, project)
    while (work := claim(store, project, rater)) is not None:
        listen(store, project, rater, work.lease_id, 2.0)
        submit(store, project, rater, work.lease_id, f"press-{work.lease_id}", full_answers(comment="=1+1"), 1.0)
    started = time.monotonic()
    whole = {path.name: path.read_bytes() for path in export(store, project, tmp_path / "whole", form)}
    took_s = time.monotonic() - started
    rng, n_killed = random.Random(5), 0
    for number in range(KILLS // 2):
        folder = tmp_path / f"out{number % 3}"

        def work_alone(folder: Path = folder) -> None:
            own = Store.open(store.path)  # no connection may be shared with a process that forked
            export(own, own.project(), folder, form)

        n_killed += killed(work_alone, rng.uniform(0.0, 1.5 * took_s))
        found = {path.name: path.read_bytes() for path in folder.glob("[!.]*")}
        assert all(whole[name] == data for name, data in found.items())
    assert n_killed >= 3, "no kill came in time, so nothing was tried"
    for number in range(3):
        again = export(store, project, tmp_path / f"out{number}", form)
        assert {path.name: path.read_bytes() for path in again} == whole
        assert not list((tmp_path / f"out{number}").glob(".*"))
    assert store.rows("PRAGMA integrity_check")[0][0] == "ok"
