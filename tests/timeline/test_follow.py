"""A recording followed from end to end: turns found, two speakers, stopped and gone on, and what the command line makes of it."""

from __future__ import annotations

import csv
import io
import json
import threading
from pathlib import Path

import numpy as np
import pytest

from emotionthinker.__main__ import main
from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.pipeline import Explainer
from emotionthinker.thinker import EmotionThinker
from emotionthinker.timeline import scoring
from emotionthinker.timeline.follow import Finished, Opened, Progress, Timeline, follow, leaked
from emotionthinker.timeline.segments import Utterance
from emotionthinker.timeline.store import Store
from tests.timeline.recordings import Spoken, speak, write


@pytest.fixture(scope="module")
def nano() -> EmotionThinker:
    return EmotionThinker.from_pretrained()


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Spoken]:
    """Six utterances, calm and then upset."""
    spoken = speak(["calm", "upset"], each=3)
    return write(tmp_path_factory.mktemp("short") / "short.wav", spoken.samples), spoken


def followed(path: Path, explainer: Explainer | None, **options: object) -> Timeline:
    *_, last = follow(path, explainer, **options)  # type: ignore[arg-type]
    assert isinstance(last, Finished)
    return last.timeline


def test_four_fifths_of_known_turns_are_found_within_three_seconds(tmp_path: Path) -> None:
    """From the measured voice alone, in three synthetic voices. With a model, on real speech: `benchmarks.turns`."""
    known = found = 0
    for voice, manners in (("en-us+m3", ["calm", "upset", "tired", "calm"]), ("en-us+f3", ["tired", "upset", "calm", "tired"]),
                           ("en-gb+m7", ["upset", "calm", "tired", "upset"])):
        spoken = speak(manners, each=5, voice=voice)
        timeline = followed(write(tmp_path / f"{voice}.wav", spoken.samples), None, transcribe=False)
        turns = timeline.turns()
        assert len(turns) <= len(spoken.turns_s) + 1
        known += len(spoken.turns_s)
        found += sum(any(abs(turn.time_s - t) <= 3 for turn in turns) for t in spoken.turns_s)
    assert found >= 0.8 * known


def test_utterances_are_explained_as_they_come(nano: EmotionThinker, short: tuple[Path, Spoken]) -> None:
    path, spoken = short
    opened, *events = follow(path, nano)
    assert isinstance(opened, Opened)
    assert isinstance(events[0], Progress)
    last = events[-1]
    assert isinstance(last, Finished)
    timeline = last.timeline
    assert timeline.complete
    assert timeline.heard_s == pytest.approx(len(spoken.samples) / SAMPLE_RATE, abs=0.01)
    assert [s.start_s for s in timeline.segments] == pytest.approx(spoken.starts_s, abs=0.35)
    for segment in timeline.segments:
        assert segment.emotion in nano.style.labels
        assert sum(segment.scores.values()) == pytest.approx(1)
        assert segment.reasoning
        assert segment.articulation_rate_pps
        for claim in segment.claims:
            assert segment.reasoning[claim["start_char"] : claim["end_char"]] == claim["text"]
    said = " ".join(segment.words or "" for segment in timeline.segments).lower()
    assert "train" in said
    result = timeline.to_dict()
    json.dumps(result, allow_nan=False)
    calm, upset = result["segments"][1], result["segments"][4]
    assert upset["relative"]["pitch_st"] > calm["relative"]["pitch_st"] + 3
    assert upset["relative"]["energy_db"] > calm["relative"]["energy_db"] + 5


def test_stopped_and_gone_on_is_the_same_as_in_one_go(short: tuple[Path, Spoken], tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = short
    measured = []
    real = scoring.measure_prosody
    monkeypatch.setattr(scoring, "measure_prosody", lambda *a, **k: measured.append(1) or real(*a, **k))
    store_file, cancel = tmp_path / "s.timeline.jsonl", threading.Event()
    done = 0
    for event in follow(path, None, transcribe=False, store=Store(store_file), cancel=cancel):
        done += isinstance(event, Progress) and event.segment is not None
        if done == 2:
            cancel.set()
    assert isinstance(event, Finished)
    assert not event.timeline.complete
    assert (len(event.timeline.segments), len(measured)) == (2, 2)
    going_on = followed(path, None, transcribe=False, store=Store(store_file))
    assert len(going_on.segments) == 6  # two from the store
    assert len(measured) == 6
    again = followed(path, None, transcribe=False, store=Store(store_file))
    assert again.to_dict() == followed(path, None, transcribe=False).to_dict()


def test_describing_infers_no_emotion(nano: EmotionThinker, short: tuple[Path, Spoken], tmp_path: Path) -> None:
    first = write(tmp_path / "a.wav", short[1].samples[: 3 * SAMPLE_RATE])
    timeline = followed(first, nano, mode="describe", transcribe=False)
    assert timeline.labels == ()
    assert timeline.segments
    for segment in timeline.segments:
        assert segment.emotion is None
        assert segment.scores == {}
        assert segment.reasoning


def test_two_speakers_have_a_line_each(tmp_path: Path) -> None:
    one, other = speak(["calm"], each=3), speak(["tired"], each=3, voice="en-us+f3")
    n = max(len(one.samples), len(other.samples))
    call = np.random.default_rng(1).normal(0, 1e-4, (2 * n, 2)).astype(np.float32)
    call[: len(one.samples), 0] += one.samples
    call[n : n + len(other.samples), 1] += other.samples
    call[:, 1] += 0.1 * call[:, 0]  # the left speaker, 20 dB weaker, in the right speaker's headset
    timeline = followed(write(tmp_path / "call.wav", call), None, transcribe=False)
    assert timeline.channels == "separate"
    assert len(timeline.of_line("left")) == 3
    assert len(timeline.of_line("right")) == 3
    assert min(segment.start_s for segment in timeline.of_line("right")) > n / SAMPLE_RATE - 0.1
    assert timeline.leaked >= 1
    left, right = timeline.reference("left"), timeline.reference("right")
    assert left and right and left.f0_hz and right.f0_hz
    assert left.f0_hz < right.f0_hz  # each is held against its own beginning


def test_a_leak_is_told_from_somebody_who_speaks_at_the_same_time() -> None:
    one, other = (speak([manner], each=1, voice=voice).samples[: 2 * SAMPLE_RATE] for manner, voice in
                  (("calm", "en-us+m3"), ("upset", "en-us+f3")))
    utterance = Utterance(0.0, 2.0, 0.0, other)
    room = np.random.default_rng(0).normal(0, 1e-4, len(one)).astype(np.float32)
    assert leaked(utterance, 1, np.stack([one, 0.1 * one + room], axis=1), 2.0)
    assert not leaked(utterance, 1, np.stack([one, other[: len(one)]], axis=1), 2.0)
    assert not leaked(utterance, 1, np.stack([0.1 * one, one], axis=1), 2.0)


def test_silence_says_so(tmp_path: Path) -> None:
    timeline = followed(write(tmp_path / "silence.wav", np.zeros(5 * SAMPLE_RATE, np.float32)), None)
    assert (timeline.segments, timeline.turns()) == ([], [])
    assert "No speech was found" in timeline.warnings()[0]
    json.dumps(timeline.to_dict(), allow_nan=False)


def test_the_command_writes_every_file_and_cleans_up(short: tuple[Path, Spoken], tmp_path: Path,
                                                     capsys: pytest.CaptureFixture[str]) -> None:
    clip = write(tmp_path / "my call.wav", short[1].samples[: 7 * SAMPLE_RATE])
    out = tmp_path / "out"
    assert main(["timeline", str(clip), "--output", str(out), "--no-transcribe", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["complete"] is True
    assert sorted(path.name for path in out.iterdir()) == [f"my-call.timeline.{e}" for e in ("TextGrid", "csv", "json", "vtt")]
    assert json.loads((out / "my-call.timeline.json").read_text()) == result
    rows = list(csv.DictReader(io.StringIO((out / "my-call.timeline.csv").read_bytes().decode(), newline="")))
    assert len(rows) == len(result["segments"]) >= 1


def test_the_command_refuses_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    for name in ("text.wav", "nothing.wav"):
        assert main(["timeline", str(tmp_path / name)]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.count("\n") == 1

