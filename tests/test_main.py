"""The command line as a shell sees it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from emotionthinker.__main__ import main, readable
from emotionthinker.prosody.record import FIELDS
from tests.conftest import synthetic_voice

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wav(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "a clip.wav"
    soundfile.write(path, synthetic_voice(2.0), 16_000)
    return path


def run(*arguments):
    command = [sys.executable, "-m", "emotionthinker", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_json_is_one_object_and_nothing_else(wav):
    done = run("prosody", wav, "--transcript", "", "--json")
    assert done.returncode == 0
    record = json.loads(done.stdout)  # fails on anything before or after the object
    assert set(record) == set(FIELDS) and record["transcription"] == "" and record["duration_s"] == 2.0


def test_prosody_for_people(wav, capsys):
    assert main(["prosody", str(wav), "--transcript", "", "--neutral", str(wav)]) == 0
    text = capsys.readouterr().out
    assert "same speaker" in text and "age        not estimated" in text


def test_readable_shows_every_warning():
    levels = {"pitch": {"value": None, "unit": "Hz", "level": None, "percentile": None, "reference": "x"}}
    record = {"duration_s": 1.0, "speech_s": 0.0, "levels": levels, "intonation": None, "gender": None,
              "gender_confidence": None, "age_level": None, "transcription": "", "stressed_words": [], "pauses": [],
              "warnings": ["First.", "Second."]}
    assert readable(record).count("warning") == 2


@pytest.mark.parametrize("content", [None, "", "this is text"])
def test_a_clip_that_cannot_be_used_is_one_line_and_exit_2(tmp_path, content):
    clip = tmp_path / "line\nbreak.wav"
    if content is not None:
        clip.write_text(content)
    done = run("prosody", clip, "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1 and len(done.stderr) > 20


@pytest.mark.parametrize("arguments", [[], ["prosody"], ["prosody", "a.wav", "--wrong"], ["sing"]])
def test_a_wrong_call_is_one_line_and_exit_2(arguments):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1


def test_every_command_has_help():
    text = run("--help").stdout
    for command in ("prosody", "explain", "probe", "timeline"):
        assert command in text
        assert "--json" in run(command, "--help").stdout


def test_importing_the_package_loads_nothing_heavy():
    code = ("import sys, emotionthinker; from emotionthinker import measure_prosody, verify_claims;"
            "print([m for m in ('torch', 'transformers', 'gradio', 'librosa', 'matplotlib', 'pocketsphinx',"
            " 'moonshine_voice') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_name():
    with pytest.raises(ImportError):
        from emotionthinker import nothing_of_that_name  # noqa: F401
