import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotionthinker.prosody.levels import Reference
from tests.conftest import synthetic_voice
from training import label_engines, label_prosody
from training.corpora import read_jsonl
from training.label_report import accuracy, report
from training.reference_levels import TooFewClips, build_table

ROOT = Path(__file__).resolve().parents[2]


def make_input(folder, n, **more):
    rows = []
    for i in range(n):
        path = folder / f"clip{i:03d}.wav"
        soundfile.write(path, synthetic_voice(1.2, f0_hz=100 + i, seed=i), 16_000)
        rows.append({"audio_path": str(path), "transcription": "hello there", "emotion": "sad", "mine": i, **more})
    source = folder / "in.jsonl"
    source.write_text("\n".join(json.dumps(row) for row in rows))  # no line end at the end of the file
    return source


def label(source, output, *more):
    return label_prosody.main(["--input_path", str(source), "--output_path", str(output), "--workers", "1", *more])


def test_extract_carries_fields_through_and_puts_failures_aside(tmp_path, capsys):
    source = make_input(tmp_path, 2)
    (tmp_path / "broken.wav").write_text("this is no sound")
    with source.open("a") as file:
        file.write("\n" + json.dumps({"audio_path": str(tmp_path / "broken.wav"), "emotion": "sad"}) + "\n")
    output = tmp_path / "out.jsonl"
    assert label(source, output, "--stage", "extract") == 0
    labelled = read_jsonl(output)
    assert sorted(r["mine"] for r in labelled) == [0, 1]
    for r in labelled:
        assert r["emotion"] == "sad" and r["transcription"] == "hello there"
        assert r["duration_s"] == pytest.approx(1.2) and "f0_median_hz" in r and "levels" in r
        assert "f0" not in r and "energy" not in r
    [failure] = read_jsonl(tmp_path / "out.failed.jsonl")
    assert failure["audio_path"].endswith("broken.wav") and failure["emotion"] == "sad"
    assert "Error" in failure["reason"] or "Audio" in failure["reason"]
    assert "2 clips measured, 1 failed" in capsys.readouterr().out

    # A second run does nothing to what is done, and tries the failed clip again.
    soundfile.write(tmp_path / "broken.wav", synthetic_voice(), 16_000)
    assert label(source, output, "--stage", "extract") == 0
    assert "1 clips measured, 0 failed" in capsys.readouterr().out
    assert len(read_jsonl(output)) == 3 and not (tmp_path / "out.failed.jsonl").exists()


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    source = make_input(tmp_path, 40)
    output = tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "training.label_prosody", "--input_path", str(source),
               "--output_path", str(output), "--stage", "extract", "--workers", "1"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        while not (output.exists() and output.read_text().count("\n") >= 2) and process.poll() is None:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    before = read_jsonl(output)
    assert 2 <= len(before) < 40
    with output.open("a") as file:
        file.write('{"audio_path": "half a li')
    subprocess.run(command, cwd=ROOT, stderr=subprocess.DEVNULL, check=True)
    after = read_jsonl(output)
    assert after[: len(before)] == before
    assert sorted(r["mine"] for r in after) == list(range(40))


def test_calibrate_sets_tertiles_per_corpus_and_sex(tmp_path):
    rows = []
    for corpus, shift in (("a", 0), ("b", 100)):
        for i in range(60):
            for sex, factor in (("male", 1), ("female", 2)):
                rows.append({
                    "audio_path": f"{corpus}{sex}{i}", "dataset": corpus, "sex": sex, "gender": None, "speech_s": 2.0,
                    "f0_median_hz": (100 + i) * factor + shift, "f0_reliable": True,
                    "energy_dbfs": i - 80.0 + shift / 10, "articulation_rate_pps": 8 + i / 10, "f0_range_st": i / 5,
                    "est_snr_db": 40.0, "warnings": [], "intonation": "flat", "age_level": None,
                    "rate_source": "words"})
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(r) + "\n" for r in rows))
    assert label(source, output, "--stage", "calibrate") == 0
    labelled = read_jsonl(output)
    for corpus in "ab":
        for sex in ("male", "female"):
            levels = [r["pitch_level"] for r in labelled if (r["dataset"], r["sex"]) == (corpus, sex)]
            assert [levels.count(name) for name in ("low", "normal", "high")] == [20, 20, 20]
        energy = [r["energy_level"] for r in labelled if r["dataset"] == corpus]
        assert [energy.count(name) for name in ("low", "normal", "high")] == [40, 40, 40]
    cuts = json.loads((tmp_path / "out.cuts.json").read_text())
    assert cuts["b"]["measures"]["pitch"]["groups"]["Male"]["cuts"] == pytest.approx([219.6667, 239.3333], abs=1e-3)
    text = (tmp_path / "out.report.md").read_text()
    assert "a: 120 clips" in text and "low 40 (33%)" in text

    reference = tmp_path / "a.json"  # corpus b held against corpus a's table: everything is high there
    reference.write_text(json.dumps(cuts["a"]))
    assert label(output, output, "--stage", "calibrate", "--reference", str(reference)) == 0
    assert {r["pitch_level"] for r in read_jsonl(output) if r["dataset"] == "b" and r["sex"] == "male"} == {"high"}


def test_a_corpus_too_small_for_tertiles_is_held_against_the_shipped_table(tmp_path):
    source = make_input(tmp_path, 2, sex="male")
    assert label(source, tmp_path / "out.jsonl") == 0
    assert Reference.from_file().name in (tmp_path / "out.report.md").read_text()


def test_calibrate_without_measurements_says_what_to_do(tmp_path, capsys):
    source = make_input(tmp_path, 1)
    assert label(source, tmp_path / "out.jsonl", "--stage", "calibrate") == 2
    assert "--stage extract" in capsys.readouterr().err


@pytest.mark.parametrize("text", ['{"audio_path": "a.wav"}\nno json', '{"emotion": "sad"}', "[1]"])
def test_a_broken_input_line_is_named(tmp_path, capsys, text):
    (tmp_path / "in.jsonl").write_text(text)
    assert label(tmp_path / "in.jsonl", tmp_path / "out.jsonl") == 2
    assert f"Line {text.count(chr(10)) + 1} of" in capsys.readouterr().err


def test_a_process_that_dies_costs_only_its_clip(tmp_path, monkeypatch):
    monkeypatch.setattr(label_prosody, "measure", die_on_three)
    rows = [{"audio_path": str(i)} for i in range(12)]
    output = tmp_path / "out.jsonl"
    assert label_prosody.extract(rows, output, workers=2) == (11, 1)
    assert sorted(int(r["audio_path"]) for r in read_jsonl(output)) == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    [failure] = read_jsonl(tmp_path / "out.failed.jsonl")
    assert failure == {"audio_path": "3", "reason": "the process that measured it died"}


def die_on_three(row):
    if row["audio_path"] == "3":
        os._exit(1)
    return dict(row)


PUBLISHED_FIELDS = (
    "pitch_level energy_level speed_level stressed_words intonation gender age_level f0_median_hz f0_p5_hz f0_p95_hz f0_range_st "
    "f0_std_st f0_reliable voiced_share_of_speech energy_dbfs noise_floor_dbfs est_snr_db n_phonemes articulation_rate_pps "
    "speaking_rate_pps contour_shape contour_dynamics contour_confidence gender_confidence age_years stress_pairs"
)


def test_the_published_fields_are_there_and_a_text_may_have_other_names(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, synthetic_voice(1.2), 16_000)
    row = label_prosody.measure({"audio_path": str(path), "text": "hello there"})
    assert set(PUBLISHED_FIELDS.split()) <= set(row)
    assert row["transcription"] == "hello there" and row["stressed_words"] is not None
    german = label_prosody.measure({"audio_path": str(path), "transcription": "guten Tag", "language": "de"})
    assert german["transcription"] == "guten Tag" and german["stressed_words"] is None and german["words"] is None
    assert german["f0_median_hz"] == row["f0_median_hz"] and german["articulation_rate_pps"] is None


@pytest.mark.ray
def test_ray_gives_what_processes_give(tmp_path, monkeypatch):
    """One local cluster for all of it, as starting one takes seconds."""
    ray = pytest.importorskip("ray", reason="needs requirements-train.txt")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    source = make_input(tmp_path, 2)
    rows = [json.loads(line) for line in source.read_text().splitlines()]
    (tmp_path / "broken.wav").write_text("this is no sound")
    rows.append({"audio_path": str(tmp_path / "broken.wav")})
    local = {row["audio_path"]: label_prosody.measure(row) for row in rows[:2]}
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        output = tmp_path / "out.jsonl"
        assert label_prosody.extract(rows, output, workers=1, engine="ray") == (2, 1)
        assert {r["audio_path"]: r for r in read_jsonl(output)} == local
        [failure] = read_jsonl(tmp_path / "out.failed.jsonl")
        assert failure["audio_path"].endswith("broken.wav") and "Audio" in failure["reason"]
        assert label_prosody.extract(rows, output, workers=1, engine="ray") == (0, 1)  # goes on where it was

        numbers = [{"audio_path": str(i)} for i in range(6)]
        found = list(label_engines.by_ray(die_on_three, numbers, workers=1))
    finally:
        ray.shutdown()
    assert sorted(int(row["audio_path"]) for row, record, _ in found if record) == [0, 1, 2, 4, 5]
    assert [(row["audio_path"], reason) for row, record, reason in found if record is None] == [("3", label_engines.DIED)]


def test_report_says_how_often_labels_are_right_per_emotion_and_per_sex():
    def row(sex, gender, emotion, hz, **more):
        return {"dataset": "x", "sex": sex, "gender": gender, "emotion": emotion, "f0_reliable": True, "f0_median_hz": hz,
                "f0_range_st": 6.0, "warnings": [], "intonation": "rising", "age_level": None, "rate_source": "words",
                "stressed_words": ["Never", "again"],
                "levels": {kind: {"level": "normal"} for kind in ("pitch", "energy", "speed", "range")}, **more}

    rows = [row("female", "Female", "sad", 210.0, human={"intonation": "rising", "stressed_words": ["never"]}),
            row("female", "Male", "sad", 190.0, human={"intonation": "falling"}),
            row("male", "Male", "angry", 110.0), row("male", None, "angry", 130.0)]
    found = accuracy(rows)
    assert found["gender", "all"] == (4, 3, 2)
    assert found["gender", "sex Female"] == (2, 2, 1) and found["gender", "emotion angry"] == (2, 1, 1)
    assert found["intonation", "emotion sad"] == (2, 2, 1) and found["stressed_words", "all"] == (2, 2, 1)
    table = {"name": "t", "n_clips": 4, "measures": {"pitch": {"unit": "Hz", "groups": {"Male": {"cuts": [100.0, 120.0]}}}}}
    text = report(rows, {"x": table})
    assert "| Female by the corpus | 2 | 2 | 192 | 200 | 208 |" in text
    assert "| Male by the voice | 2 | 2 | 118 | 150 | 182 |" in text and "| not known by the voice | 1 | 1 |" in text
    assert "| gender | sex Female | 2 | 2 | 0.500 |" in text and "p50 6.0" in text


def test_reference_table_needs_clips():
    with pytest.raises(TooFewClips):
        build_table([{"sex": "male", "f0_median_hz": 100.0, "f0_reliable": True}] * 29, "x", "x")


def test_reference_table_leaves_out_doubtful_pitch():
    good = [{"sex": "male", "f0_median_hz": 100.0 + i, "f0_reliable": True, "energy_dbfs": -20.0, "f0_range_st": 5.0,
             "articulation_rate_pps": 10.0} for i in range(31)]
    bad = [row | {"f0_median_hz": 5000.0, "f0_reliable": False} for row in good]
    group = build_table(good + bad, "x", "x")["measures"]["pitch"]["groups"]["Male"]
    assert group["n"] == 31 and group["quantiles"][-1] == 130.0
    assert np.isclose(group["mean"], np.mean(np.log2(100.0 + np.arange(31))), atol=1e-4)
