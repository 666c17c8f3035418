"""Items on their way in: both formats, bad lines, the same file again, and a folder that a model explains."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from annotate import importing
from annotate.errors import AnnotateError
from annotate.importing import import_folder, import_lines, pair_up
from annotate.prosody_shape import RULES, check_prosody
from annotate.records import DIMENSIONS, Project
from annotate.store import Store
from emotionthinker.grounding import verify_claims
from emotionthinker.page.facts import facts_html
from emotionthinker.page.figure import figure_html
from emotionthinker.plots import draw_voice
from emotionthinker.prosody.record import FIELDS, measure_prosody
from tests.annotate.filling import EXPLANATION, make_store, the_record, write_clip
from tests.page.records import DURATION_S, silent_record, voice_samples


@pytest.fixture
def empty(tmp_path: Path) -> tuple[Store, Project, Path]:
    store, project = make_store(tmp_path / "store", 0)
    write_clip(tmp_path / "clip.wav")
    return store, project, tmp_path


def explained(**changes: Any) -> dict[str, Any]:
    """What `explain --json` prints."""
    record = the_record()
    return {"audio_path": "clip.wav", **record, "emotion": "angry", "answer": " angry ", "reasoning": EXPLANATION, "raw": "",
            "label_scores": {"angry": 0.8}, "claims": [claim.__dict__ for claim in verify_claims(EXPLANATION, record)],
            "model": "Nano", "seconds": 1.0, "labels": ["angry"], "mode": "emotion", "well_formed": True, **changes}


def write(path: Path, *lines: Any) -> Path:
    path.write_bytes(b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines))
    return path


def test_what_explain_prints_goes_in_whole_and_only_once(empty: tuple[Store, Project, Path]) -> None:
    store, project, folder = empty
    file = write(folder / "out.jsonl", explained(speaker="1001", gold_emotion="sad", reward_scores=dict.fromkeys(DIMENSIONS, 2.5)))
    assert import_lines(store, project, file).sentence() == "1 new, 0 known already, 0 refused"
    (item,) = store.items(project)
    assert item.prosody == {key: value for key, value in the_record().items() if key in item.prosody}
    assert (item.explanation, item.answer, item.model_id) == (EXPLANATION, "angry", "Nano")
    assert (item.speaker, item.gold_emotion) == ("1001", "sad")
    assert item.reward_scores == dict.fromkeys(DIMENSIONS, 2.5)
    assert store.clip_path(item.clip_sha256).read_bytes() == (folder / "clip.wav").read_bytes()
    before = [tuple(row) for table in ("items", "clips", "events") for row in store.rows(f"SELECT * FROM {table}")]
    assert import_lines(store, project, file).sentence() == "0 new, 1 known already, 0 refused"
    assert before == [tuple(row) for table in ("items", "clips", "events") for row in store.rows(f"SELECT * FROM {table}")]


def test_reward_scores_that_come_later_join_their_item(empty: tuple[Store, Project, Path]) -> None:
    store, project, folder = empty
    import_lines(store, project, write(folder / "a.jsonl", explained()))
    scored = write(folder / "b.jsonl", explained(reward_scores={"factual_alignment": 4.25, "overall": 0.7}))
    assert import_lines(store, project, scored).scores == 1
    assert import_lines(store, project, scored).known == 1
    (item,) = store.items(project)
    assert item.reward_scores == {"factual_alignment": 4.25, "overall": 0.7}


def test_published_records_are_measured_and_their_label_is_gold(empty: tuple[Store, Project, Path]) -> None:
    store, project, folder = empty
    line = {"audio_path": "clip.wav", "transcription": "I never do again.", "emotion": "angry", "cot_analysis": EXPLANATION,
            "dataset": "MELD", "pitch_level": "high"}
    assert import_lines(store, project, write(folder / "cot.jsonl", line)).new == 1
    (item,) = store.items(project)
    assert (item.gold_emotion, item.answer, item.model_id, item.transcript) == ("angry", "angry", "MELD", "I never do again.")
    assert item.prosody["duration_s"] == pytest.approx(2.0)
    assert "pitch_level" in item.prosody


def test_bad_lines_are_listed_with_number_and_reason_and_good_ones_go_in(empty: tuple[Store, Project, Path]) -> None:
    store, project, folder = empty
    (folder / "text.wav").write_text("no sound")
    broken = [
        (b"{not json", "no JSON"), (b"[1]", "no JSON object"), (b'{"a": NaN}', "NaN"), (b"\xff\xfe{}", "not UTF-8"),
        ({"transcription": "x", "cot_analysis": "y"}, "no audio_path"),
        (explained(audio_path="gone.wav"), "There is no file gone.wav"),
        (explained(audio_path="text.wav"), "not a sound file"), ({"audio_path": "clip.wav"}, "neither reasoning"),
        (explained(reasoning="  "), "explanation is empty"), (explained(model=None), "which model"),
        (explained(reasoning=5), "must be a text"),
        (explained(duration_s=9.0), "does not fit its clip"), (explained(f0={"hop_s": 0.016, "hz": ["x"]}), "broken"),
        (explained(words=[{"word": "a"}]), "broken"), (explained(reward_scores={"beauty": 3}), "no reward score"),
        (explained(reward_scores={"overall": "3"}), "number is needed"), (explained(purpose="attention"), "what is expected"),
        (explained(purpose="play", expected={"at_most": {"factual_alignment": 3}}), "purpose"),
        (explained(purpose="attention", expected={"at_most": {"factual_alignment": 9}}), "expected must look like"),
        (b"[" * 100_000, "no JSON"), (explained(reasoning="\ud800 half"), "half of a character"),
        (explained(stressed_words=5), "stressed_words"), (explained(warnings=5), "warnings"),
        (explained(levels={"pitch": {"value": "high", "level": ["x"]}}), "levels"),
        *[(explained(purpose="attention", expected={"at_most": odd}), "must look like") for odd in (5, None, [], {}, "x")],
        (json.dumps(explained()).replace("0.016", "1e999").encode(), "no finite number"),
        (json.dumps(explained()).replace("0.016", "1" * 5000).encode(), "no JSON"), (explained(f0={"hop_s": 10**400}), "f0"),
        (explained(audio_path="\ud800.wav"), "half of a character"), (explained(emotion=5), "must be a text"),
        (explained(warnings=["\udc80"]), "half of a character"), (explained(audio_path="x" * 5000), ""),
        (explained(segments=[[0.5, 0.5]] * 50_000), "segments"), (explained(segments=[[0, 1e300]]), "segments"),
        (explained(pauses=[[1, 0.5]]), "pauses"), (explained(segments=[[0.4, 1.0], [0.4, 1.0]]), "segments"),
        (explained(audio_path="."), ""), (explained(reward_scores={"overall": 10**400}), "number is needed"),
        # What a rater would be shown, or a terminal would obey; and reasons stay short, whatever the line holds.
        (explained(transcription="x" * 10_000_000), "transcription has 10000000 characters"),
        (explained(emotion="x" * 10_000), "answer has 10000 characters"), (explained(model="Nano\x1b[2J"), "name of the model"),
        (explained(speaker="a\nb"), "name of the speaker"), (explained(gold_emotion="\u202esad"), "name of the gold emotion"),
        (explained(reward_scores={"overall": "9" * 10_000}), "number is needed"),
        (explained(reward_scores={"x" * 10_000: 1}), "no reward score"),
        (explained(purpose="x" * 9999, expected={"at_most": {"factual_alignment": 3}}), "purpose"),
    ]
    lines: list[Any] = [line for line, _ in broken]
    told: list[tuple[int, str]] = []
    file = write(folder / "mixed.jsonl", explained(), *lines, b"", explained(reasoning=EXPLANATION + " More."))
    report = import_lines(store, project, file, tell=lambda number, reason: told.append((number, reason)))
    assert report.new == 2
    assert told == report.bad
    assert [number for number, _ in report.bad] == list(range(2, len(broken) + 2))
    for (_, reason), (_, expected) in zip(report.bad, broken, strict=True):
        assert expected in reason and "Something in the line" not in reason, reason
        assert "\n" not in reason and reason.isprintable() and len(reason) < 400
        assert str(folder) not in reason


def test_a_line_that_is_refused_for_its_text_leaves_no_clip_behind(empty: tuple[Store, Project, Path]) -> None:
    store, project, folder = empty
    before = sorted(store.clips.iterdir())
    write_clip(folder / "other.wav", 7)
    lines = [explained(audio_path="other.wav", **fault) for fault in ({"reasoning": " "}, {"model": "\x07"}, {"reward_scores": 1})]
    file = write(folder / "x.jsonl", *lines)
    assert len(import_lines(store, project, file).bad) == 3
    assert sorted(store.clips.iterdir()) == before


def test_a_file_without_an_end_of_line_does_not_fill_the_memory(empty: tuple[Store, Project, Path],
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    """Line numbers stay right behind it, and no more of it is held than decides that it is too long."""
    store, project, folder = empty
    monkeypatch.setattr(importing, "MAX_LINE", 50_000)
    good = json.dumps(explained()).encode()
    assert len(good) < 50_000
    file = write(folder / "x.jsonl", b"x" * 200_001, b"y" * 50_000, b"", good, b"z" * 100_002)
    report = import_lines(store, project, file)
    assert report.new == 1
    assert report.bad == [(number, "The line has more than 0 MB, more than any clip needs; write it anew.") for number in (1, 2, 5)]
    assert max(len(raw) for _, raw in importing.json_lines(file)) == 50_001


ODD = (None, True, -1, 5, 1e300, 10**400, "x", "x" * 5000, [], [5], ["x"], [[]], [[0, 0]] * 60, {}, {"a": 1})
DRAWN = {"f0", "energy", "words", "segments", "span_s", "intonation", "energy_dbfs", "f0_median_hz", "f0_p5_hz", "duration_s"}


def parts_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places in a record: every field, and in lists the first entry."""
    inside = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else []
    return [path, *(place for key, part in inside for place in parts_of(part, (*path, key)))]


def test_a_record_that_is_let_in_can_be_shown_to_a_rater() -> None:
    """Whatever stands in whatever place: it is refused with the field's name, or every part of the page can be made of it."""
    samples = voice_samples()
    let_in = refused = 0
    for place in parts_of(the_record())[1:]:
        for odd in ODD:
            record = copy.deepcopy(the_record())
            spot: Any = record
            for key in place[:-1]:
                spot = spot[key]
            spot[place[-1]] = odd
            try:
                check_prosody(record, DURATION_S)
            except AnnotateError as error:
                assert str(place[0]) in str(error)
                refused += 1
                continue
            let_in += 1
            facts_html(record)
            if place[0] in DRAWN:
                figure_html(draw_voice(record, samples, width_px=300, image=let_in % 10 == 0), record)
            verify_claims(EXPLANATION, record)
            json.dumps(record, allow_nan=False)
    assert refused > 600 and let_in > 50, (refused, let_in)
    assert set(RULES) == set(FIELDS)
    for silent in (silent_record(), measure_prosody((samples, 16_000), "").to_dict()):
        check_prosody(silent, DURATION_S)  # and what is measured here passes


def test_a_file_that_is_not_there_is_a_sentence(empty: tuple[Store, Project, Path]) -> None:
    store, project, folder = empty
    with pytest.raises(AnnotateError, match=r"none\.jsonl cannot be read"):
        import_lines(store, project, folder / "none.jsonl")


def test_a_folder_is_explained_once_per_model(empty: tuple[Store, Project, Path]) -> None:
    store, project, folder = empty
    clips = folder / "clips"
    (clips / "deep").mkdir(parents=True)
    write_clip(clips / "a.wav", 1)
    write_clip(clips / "deep" / "b.wav", 2)
    (clips / "c.wav").write_text("no sound")
    (clips / "none").mkdir()
    (clips / "notes.txt").write_text("not looked at")
    asked = []

    def explain(clip: Any) -> dict[str, Any]:
        asked.append(clip.name)
        return explained()

    report = import_folder(store, project, clips, explain, "other")
    assert report.new == 2
    assert report.bad[0][1].startswith("c.wav")
    assert {item.model_id for item in store.items(project)} == {"other"}
    assert import_folder(store, project, clips, explain, "other").known == 2
    assert len(asked) == 2
    with pytest.raises(AnnotateError, match="no sound file"):
        import_folder(store, project, clips / "none", explain, "other")


def test_pairs_are_of_one_clip_and_of_two_models(empty: tuple[Store, Project, Path]) -> None:
    store, project, folder = empty
    write_clip(folder / "other.wav", 3)
    lines = [explained(model=model, audio_path=clip) for model in ("a", "b", "c") for clip in ("clip.wav", "other.wav")]
    lines = [line | {"reasoning": f"{EXPLANATION} By {line['model']}."} for line in lines]
    import_lines(store, project, write(folder / "x.jsonl", *lines))
    assert pair_up(store, project) == 6
    assert pair_up(store, project) == 0
    pairs = store.rows("SELECT a.clip_sha256 = b.clip_sha256 AS same, a.model_id <> b.model_id AS differ FROM pairs "
                       "JOIN items a ON a.id = item_a JOIN items b ON b.id = item_b")
    assert all(row["same"] and row["differ"] for row in pairs)
