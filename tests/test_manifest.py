"""A model folder whose files are not the ones that were saved is refused by the name of the file, before any of it is used."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from emotionthinker import manifest
from emotionthinker.errors import ModelNotFound
from emotionthinker.loading import NANO_FOLDER
from emotionthinker.manifest import MANIFEST, check_manifest, digest, write_manifest
from emotionthinker.thinker import EmotionThinker
from tests.test_audio import assert_one_sentence


@pytest.fixture
def folder(tiny_omni_folder: Path, tmp_path: Path) -> Path:
    """A model with its manifest."""
    copy = tmp_path / "model"
    shutil.copytree(tiny_omni_folder, copy)
    write_manifest(copy)
    return copy


def refusal(folder: Path) -> str:
    with pytest.raises(ModelNotFound) as caught:
        EmotionThinker.from_pretrained(folder)
    assert_one_sentence(str(caught.value))
    return str(caught.value)


def flip_a_bit(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)


def test_the_embedded_weights_are_those_that_were_shipped() -> None:
    """Fails where weights were put in place without their hashes: python -m emotionthinker.manifest assets/nano"""
    assert (NANO_FOLDER / MANIFEST).is_file(), "run: python -m emotionthinker.manifest assets/nano"
    check_manifest(NANO_FOLDER, "Nano")


def test_whole_files_load_and_one_bit_of_the_weights_is_told(folder: Path) -> None:
    assert EmotionThinker.from_pretrained(folder).style.name == "Tiny"
    flip_a_bit(folder / "model.safetensors", -3)  # a weight: the file is still a valid one, and would load
    said = refusal(folder)
    assert "model.safetensors" in said and "damaged" in said and "python -m emotionthinker.manifest" in said
    assert manifest.main([str(folder)]) == 0  # meant so
    EmotionThinker.from_pretrained(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    said = refusal(folder)
    assert name in said


def test_the_prompt_and_the_card_may_be_edited(folder: Path) -> None:
    style = folder / "emotionthinker.json"
    style.write_text(style.read_text().replace('"Tiny"', '"Mine"'))
    (folder / "README.md").write_text("a card")
    assert EmotionThinker.from_pretrained(folder).style.name == "Mine"


@pytest.mark.parametrize("text", ["x", "0" * 64 + "  ../secret\n", "0" * 64 + "  /etc/passwd\n", "0" * 63 + "  config.json\n",
                                  "\x00"])
def test_a_manifest_that_is_none_is_said_to_be_none(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text)
    assert "is none" in refusal(folder)


def test_without_a_manifest_a_folder_loads_unchecked(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    flip_a_bit(folder / "model.safetensors", -3)
    EmotionThinker.from_pretrained(folder)


def test_sha256sum_reads_it(folder: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("no sha256sum on this machine")
    assert subprocess.run(["sha256sum", "--check", "--strict", "--quiet", MANIFEST], cwd=folder, check=False).returncode == 0


def test_the_command_refuses_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert manifest.main([str(tmp_path)]) == 2
    assert "holds no weights" in capsys.readouterr().err
    assert manifest.main([str(tmp_path / "missing")]) == 2


def test_a_digest_is_of_the_content_whatever_the_name(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).write_bytes(b"abc")
        assert digest(tmp_path / name) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
