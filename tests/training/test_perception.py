"""The perception test: replies are read strictly, figures are what one reckons by hand, and a real model is asked end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.conftest import SAMPLE_RATE, synthetic_voice
from training import perception
from training.base_questions import NO_STRESS, OPTIONS
from training.perception import Item, chance, figures, judge, markdown, read_option, read_words

MELODIES = OPTIONS["intonation"]


@pytest.mark.parametrize(
    ("reply", "options", "wanted"),
    [
        ("high", ("low", "normal", "high"), "high"),
        ("The pitch is HIGH.", ("low", "normal", "high"), "high"),
        ("higher", ("low", "normal", "high"), None),
        ("low, normal or high", ("low", "normal", "high"), None),
        ("", ("low", "normal", "high"), None),
        ("<think> low and high </think><answer> low </answer>", ("low", "normal", "high"), "low"),
        ("<think> it is high, and it goes on", ("low", "normal", "high"), None),
        ("rising-falling", MELODIES, "rising-falling"),
        ("rising, not falling", MELODIES, None),
        ("a falling-rising tune", MELODIES, "falling-rising"),
    ],
)
def test_one_option_and_no_other_counts(reply: str, options: tuple[str, ...], wanted: str | None) -> None:
    assert read_option(reply, options) == wanted


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        ("never, that", ["never", "that"]),
        ("Never and that.", ["never", "that"]),
        ("none", []),
        ("I hear a stress on “don't”.", ["don't"]),
        ("The speaker stresses never", None),
        ('"always"', None),
        ("", None),
    ],
)
def test_stressed_words_are_words_of_the_transcript(reply: str, wanted: list[str] | None) -> None:
    assert read_words(reply, "I don't say that, never.") == wanted


def item(attribute: str, answer: str, speaker: str) -> Item:
    words = [] if answer == NO_STRESS else answer.split(", ")
    record = {"speaker": speaker, "transcription": "no you never", "stressed_words": words, "stress_pairs": [["no", 0]] * 3}
    return Item(attribute, record, [], answer)


def test_figures_are_those_that_one_reckons_by_hand() -> None:
    items = [item("pitch", "low", "a"), item("pitch", "low", "a"), item("pitch", "high", "b"), item("pitch", "high", "b"),
             item("stress", "never", "a"), item("stress", NO_STRESS, "b")]  # fmt: skip
    replies = {"before": ["high", "low", "who knows", "low", "no, never", "none"],
               "after": ["low", "low", "high", "low", "never", "never"]}  # fmt: skip
    found = figures(items, {name: [judge(i, r) for i, r in zip(items, own, strict=True)] for name, own in replies.items()})
    pitch, stress = found["pitch"]["models"], found["stress"]["models"]
    assert found["pitch"]["chance"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["pitch"]["commonest_answer"] == 0.5
    assert found["pitch"]["speakers"] == 2
    assert (pitch["before"]["accuracy"], pitch["before"]["readable"]) == (0.25, 0.75)
    assert (pitch["after"]["accuracy"], pitch["after"]["gain"]) == (0.75, 0.5)
    assert pitch["after"]["accuracy_interval"] == [0.5, 1.0]  # speaker b alone to speaker a alone
    assert pitch["after"]["gain_interval"] == [0.5, 0.5]  # both speakers gain one half
    assert "gain" not in pitch["before"]
    assert (stress["before"]["accuracy"], stress["after"]["accuracy"]) == (0.5, 0.5)
    assert stress["before"]["word_f1"] == pytest.approx(2 * 1 / (2 + 1), abs=1e-4)
    assert stress["after"]["word_f1"] == pytest.approx(2 * 1 / (2 + 1), abs=1e-4)
    assert chance(items[4:]) == pytest.approx((1 / 3 + 1) / 2)
    table = markdown(found).splitlines()
    assert len(table) == 4 and "0.750 [0.500, 1.000]" in table[2] and "gain +0.500" in table[2]


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    lines = []
    for i in range(3):
        soundfile.write(tmp_path / f"{i}.wav", synthetic_voice(0.6, 120 + 40 * i, seed=i), SAMPLE_RATE)
        record: dict[str, Any] = {
            "audio_path": str(tmp_path / f"{i}.wav"), "speaker": f"s{i}", "split": "dev", "duration_s": 0.6,
            "segments": [[0.0, 0.6]], "intonation": ("rising", "uncertain", "flat")[i], "transcription": "no you never",
            "stressed_words": ["never"], "stress_pairs": [["no", 0], ["you", 0], ["never", 1]],
            "levels": {"pitch": {"level": "high"}, "energy": {"level": None}, "speed": {"level": "slow"}},
        }  # fmt: skip
        lines.append(json.dumps(record) + "\n")
    (tmp_path / "dev.jsonl").write_text("".join(lines))
    return tmp_path / "dev.jsonl"


def test_a_model_is_asked_what_was_measured(labels: Path, tiny_omni_folder: Path, tmp_path: Path, capsys: Any) -> None:
    argv = ["--model", str(tiny_omni_folder), "--set", str(labels), "--output", str(tmp_path / "out")]
    assert perception.main(argv) == 0
    found = json.loads((tmp_path / "out" / "perception.json").read_text())["attributes"]
    assert {name: entry["questions"] for name, entry in found.items()} == {"pitch": 3, "speed": 3, "intonation": 2, "stress": 3}
    replies = [json.loads(line) for line in (tmp_path / "out" / "replies.jsonl").read_text().splitlines()]
    assert len(replies) == 11 and all(row["reply"] for row in replies)
    assert "| pitch | 3 (3) | 0.333 | 1.000 |" in capsys.readouterr().out


def test_speakers_that_were_trained_on_are_refused(labels: Path, tiny_omni_folder: Path, tmp_path: Path, capsys: Any) -> None:
    labels.write_text(labels.read_text().replace('"split": "dev"', '"split": "train"'))
    assert perception.main(["--model", str(tiny_omni_folder), "--set", str(labels), "--output", str(tmp_path / "out")]) == 2
    assert "held out" in capsys.readouterr().err
