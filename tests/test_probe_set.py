"""Probing a set: drawing it, going on after a stop, and what is written."""

from __future__ import annotations

import csv
import json
import shutil
import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import pytest

from emotionthinker.__main__ import main
from emotionthinker.errors import EmotionThinkerError, ModelError
from emotionthinker.probe_report import CSV_COLUMNS, markdown
from emotionthinker.probe_set import beside, draw, fingerprint, probe_set, read_manifest
from tests.browser.conftest import EXAMPLES
from tests.rule_explainers import PitchExplainer

CHANGES = ["louder", "softer", "another-voice", "leading-question"]


def rows(folder: Path) -> list[dict[str, Any]]:
    """Three clips with their texts, one of them with a name that a spreadsheet would run, and a fourth that is none."""
    listed = json.loads((EXAMPLES / "examples.json").read_text())
    made = []
    for item in listed[:3]:
        clip = folder / ("=1+1.flac" if item["name"] == "sad" else item["file"])
        shutil.copy(EXAMPLES / item["file"], clip)
        made.append({"audio_path": str(clip.relative_to(folder)), "transcription": item["text"], "emotion": item["name"],
                     "sex": "female"})
    return [*made, {"audio_path": "broken.wav", "emotion": "<b>|happy"}]


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clips, out = rows(tmp_path), tmp_path / "out"
    (tmp_path / "broken.wav").write_text("no sound")

    class Stops(PitchExplainer):
        def explain(self, *args: Any, **more: Any) -> Any:
            if len(self.heard) == 7:
                raise ModelError("The server went away.")
            return super().explain(*args, **more)

    stopping = Stops()
    with pytest.raises(ModelError, match="went away"):
        probe_set(stopping, clips, out, CHANGES)
    lines = (out / "probes.jsonl").read_text().splitlines()
    assert [json.loads(line)["clip"] for line in lines] == ["angry.flac"]
    with (out / "probes.jsonl").open("a") as file:
        file.write('{"clip": "happy.flac", "bef')  # what a killed writer leaves

    going_on = PitchExplainer()
    found, text = probe_set(going_on, clips, out, CHANGES)
    assert len(going_on.heard) == 2 * (1 + len(CHANGES))  # the two clips that were left, and not the first again
    assert found["clips"] == 3
    assert [line["clip"] for line in found["failed"]] == ["broken.wav"]
    assert "broken.wav" in text
    again = PitchExplainer()
    assert probe_set(again, clips, out, CHANGES) == (found, text)
    assert again.heard == []

    assert json.loads((out / "summary.json").read_text()) == found
    assert (out / "summary.md").read_text() == text
    table = list(csv.DictReader((out / "changes.csv").open(newline="")))
    assert tuple(table[0]) == CSV_COLUMNS
    assert len(table) == 3 * len(CHANGES)
    assert {row["clip"] for row in table} == {"angry.flac", "'=1+1.flac", "happy.flac"}
    assert xml.etree.ElementTree.parse(out / "probe.svg").getroot().tag.endswith("svg")
    # An answer from pitch alone does not move with the level, and moves with the voice.
    changed = {row["change"]: row["answer_changed"]["share"] for row in found["changes"] if row["clips"]}
    assert changed["softer"] == 0.0
    assert found["controls"]["another_voice"]["follows_voice"]["share"] == 1.0


def test_other_weights_or_changes_do_not_go_on_in_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clips, out = rows(tmp_path)[:1], tmp_path / "out"
    probe_set(PitchExplainer(), clips, out, ["softer"])
    renamed = PitchExplainer()
    renamed.name = "Another"
    for explainer, changes in ((renamed, ["softer"]), (PitchExplainer(), ["louder"])):
        with pytest.raises(EmotionThinkerError, match="another --output"):
            probe_set(explainer, clips, out, changes)


def test_weights_have_a_fingerprint() -> None:
    import torch

    explainer: Any = PitchExplainer()
    assert fingerprint(explainer) is None
    torch.manual_seed(0)
    explainer.model = torch.nn.Linear(2, 2)
    first = fingerprint(explainer)
    assert first == fingerprint(explainer)
    with torch.no_grad():
        explainer.model.weight[0, 0] += 0.1
    assert fingerprint(explainer) != first


def test_a_drawn_set_is_balanced_and_grows() -> None:
    made = [{"audio_path": f"{emotion}{sex}{i}", "emotion": emotion, "sex": sex}
            for emotion, n in (("sad", 40), ("happy", 9), ("angry", 20)) for sex in ("male", "female") for i in range(n)]
    ten = draw(made, 10)
    counts = [sum(row["emotion"] == emotion and row["sex"] == sex for row in ten)
              for emotion in ("sad", "happy", "angry") for sex in ("male", "female")]
    assert max(counts) - min(counts) <= 1
    assert draw(made, 60)[:10] == ten
    assert draw(list(reversed(made)), 10) == ten
    assert len(draw(made, 1000)) == len(made)
    assert draw(made, None) == made
    with pytest.raises(EmotionThinkerError, match="at least 1"):
        draw(made, 0)


def test_the_other_voice_was_meant_to_express_something_else() -> None:
    made = [{"audio_path": name, "emotion": emotion} for name, emotion in (("a", "sad"), ("b", "sad"), ("c", "happy"))]
    assert [[other["audio_path"] for other in beside(row, made)] for row in made] == [["c", "b"], ["c", "a"], ["a", "b"]]
    assert beside(made[0], made[:1]) == []


@pytest.mark.parametrize(("content", "says"), [
    (None, "cannot be read"), ("", "holds no clip"), ('{"audio_path": "a.wav"}\n[1]\n', "Line 2"), ('{"path": "a"}', "Line 1"),
    ("no json", "Line 1"),
])
def test_a_manifest_that_is_none_is_one_sentence(tmp_path: Path, content: str | None, says: str) -> None:
    file = tmp_path / "set.jsonl"
    if content is not None:
        file.write_text(content)
    with pytest.raises(EmotionThinkerError, match=says):
        read_manifest(file)


def test_names_and_labels_are_no_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    explainer = PitchExplainer()
    explainer.name = "<img src=x>|bold"
    found, _ = probe_set(explainer, rows(tmp_path)[:1], tmp_path / "out", ["softer"])
    text = markdown(found, [{"clip": "<script>|", "error": "a\nb"}])
    assert "<img" not in text
    assert "<script" not in text
    assert "\\|bold" in text


@pytest.mark.parametrize("arguments", [
    [], ["a.wav", "--manifest", "b.jsonl"], ["--manifest", "b.jsonl"], ["a.wav", "--output", "c"],
    ["a.wav", "--changes", "sweeter"], ["a.wav", "--changes", ","], ["nothing.wav"],
    ["--manifest", "b.jsonl", "--output", "c", "--transcript", "x"],
])
def test_a_wrong_call_is_one_line_and_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["probe", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.strip().count("\n") == 0
    assert list(tmp_path.iterdir()) == []


def test_a_number_of_clips_beside_one_clip_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe", str(EXAMPLES / "angry.flac"), "--clips", "5"]) == 2
    assert "--clips N draws from --manifest" in capsys.readouterr().err


def test_one_clip_on_the_command_line(tiny_omni_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["probe", str(EXAMPLES / "angry.flac"), "--transcript", "I will never do that again.",
            "--changes", "softer,no-pauses,silence", "--model", str(tiny_omni_folder)]
    assert main([*call, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [step["change"] for step in found["steps"]] == ["softer", "no-pauses", "silence"]
    softer = found["steps"][0]
    # A model that was drilled in one reply says it again of a softer voice.
    assert softer["answer_changed"] is False
    assert softer["reasoning"] == found["before"]["reasoning"] == "The voice is loud. The pace is fast."
    assert [item["said"] for item in softer["repeated"] if item["attribute"] == "energy_level"] == ["still"]
    assert main(call) == 0
    text = capsys.readouterr().out
    assert "softer" in text
    assert "not made: This clip has no pause" in text
    assert "not asked: no speech was found" in text
