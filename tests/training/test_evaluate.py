"""Figures of the evaluation have known answers on made-up replies, and the command runs whole on a trained model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.prompt import PUBLISHED_LABELS
from emotionthinker.response import parse_response
from tests.training.endpoint_server import serving
from training import evaluate, figures, sft
from training.endpoint_writer import Chat, Prices, Spend
from training.rewards import DIMENSIONS
from training.tasks import NANO_LABELS


def reply(text: str, label: str) -> str:
    return f"<think> {text} </think><answer> {label} </answer>"


def test_uar_counts_every_class_alike_and_no_answer_as_wrong() -> None:
    truth = ["sad", "sad", "sad", "angry"]
    assert evaluate.uar(truth, ["sad", "sad", "sad", None]) == pytest.approx(0.5)
    assert evaluate.uar(truth, ["sad", "happy", "happy", "angry"]) == pytest.approx((1 / 3 + 1) / 2)


def test_interval_resamples_speakers_not_clips() -> None:
    truth = ["sad", "angry"] * 40
    one_bad_speaker = ["sad", "angry"] * 20 + [None, None] * 20
    alike = figures.interval(figures.tally(truth, truth, ["a", "b"] * 40, ["angry", "sad"]), figures.uar_of, 0)
    assert alike == [1.0, 1.0]
    counts = figures.tally(truth, one_bad_speaker, ["a"] * 40 + ["b"] * 40, ["angry", "sad"])
    low, high = figures.interval(counts, figures.uar_of, 0)
    assert (low, high) == (0.0, 1.0)  # with two speakers, one right and one wrong, both extremes are drawn


def test_heard_label_needs_a_clear_majority() -> None:
    assert evaluate.heard_label({"votes": {"sad": 4, "neutral": 5}}) == "neutral"
    assert evaluate.heard_label({"votes": {"sad": 4, "neutral": 4}}) is None
    assert evaluate.heard_label({"votes": None}) is None


def test_stated_facts_are_counted_against_the_measurement() -> None:
    record = {
        "levels": {"pitch": {"value": 250.0, "unit": "Hz", "level": "high", "percentile": 90.0, "z": 1.5, "reference": "x"}},
        "pitch_level": "high", "f0_median_hz": 250.0, "transcription": "", "words": [], "stressed_words": [], "pauses": [],
    }  # fmt: skip
    texts = ["The pitch is high.", "The pitch is low.", "The pitch is high."]
    parsed = [parse_response(reply(t, "sad"), NANO_LABELS) for t in texts]
    found = evaluate.groundedness([record] * 3, parsed)
    assert found["pitch_level"] == {"stated": 3, "checkable": 3, "right": pytest.approx(2 / 3, abs=1e-4)}


def test_quoted_words_must_be_the_transcripts() -> None:
    parsed = [parse_response(reply('The words "never go home" are plain.', "sad"), NANO_LABELS)]
    assert evaluate.quoted_words_right(parsed, ["I never go there."]) == {
        "words": 3, "right": pytest.approx(2 / 3, abs=1e-4), "replies_that_quote": 1.0,
    }  # fmt: skip


def test_macro_f1_and_intervals_have_known_answers() -> None:
    labels = ("sad", "angry", "happy")
    truth, guess = ["sad", "sad", "sad", "angry"], ["sad", "sad", "angry", None]
    counts = figures.tally(truth, guess, ["a", "a", "b", "b"], labels)
    assert counts.shape == (2, 3, 4) and counts.sum() == 4 and counts[1, 1, 3] == 1
    total = counts.sum(0)
    assert figures.accuracy_of(total) == pytest.approx(0.5) and figures.uar_of(total) == pytest.approx(1 / 3)
    assert figures.macro_f1_of(total) == pytest.approx((0.8 + 0.0) / 2)  # "happy" does not occur and is not counted
    found = figures.recognition_figures(truth, guess, ["a", "a", "b", "b"], labels)
    assert found["accuracy_interval"] == [0.0, 1.0] and found["speakers"] == 2
    assert figures.share_interval([1, 3], [2, 3], ["a", "b"]) == [0.5, 1.0]
    assert figures.share_interval([0], [0], ["a"]) is None


def test_groups_are_sex_age_and_both() -> None:
    records = [{"speaker": "a", "sex": "female", "age": 29}, {"speaker": "b", "sex": "female", "age": 45},
               {"speaker": "c", "sex": "male", "age": None}, {"speaker": "d"}]  # fmt: skip
    found = figures.group_figures(records, ["sad"] * 4, ["sad", None, "sad", "sad"], ("sad", "angry"))
    assert {kind: sorted(groups) for kind, groups in found.items()} == {
        "age": ["45 and over", "under 30"], "sex": ["female", "male"],
        "sex and age": ["female, 45 and over", "female, under 30"]}  # fmt: skip
    assert found["sex"]["female"]["accuracy"] == 0.5 and found["sex"]["female"]["recall"] == {"sad": 0.5}


def test_calibration_error_has_a_known_answer() -> None:
    sure = {"sad": 0.9, "angry": 0.1}
    found = figures.calibration([sure] * 10 + [{}], ["sad"] * 6 + ["angry"] * 4 + ["sad"])
    assert found is not None and found["clips"] == 10
    assert found["ece"] == pytest.approx(0.3) and found["bins"] == [[0.9, 0.6, 10]]
    assert found["brier"] == pytest.approx(0.6 * 0.02 + 0.4 * 2 * 0.81, abs=1e-4)
    assert figures.calibration([{}], ["sad"]) is None
    right = figures.calibration([{"sad": 1.0, "angry": 0.0}], ["sad"])
    assert right is not None and (right["ece"], right["brier"]) == (0.0, 0.0)


def test_plain_and_pooled_averages_differ_with_size() -> None:
    small = {"accuracy": 1.0, "uar": 1.0, "macro_f1": 1.0, "confusion": {"sad": {"sad": 1}}}
    large = {"accuracy": 0.5, "uar": 0.5, "macro_f1": 0.333, "confusion": {"sad": {"sad": 2}, "angry": {"sad": 1, "None": 1}}}
    found = figures.averages({"a": small, "b": large})
    assert found["accuracy"] == {"plain": 0.75, "pooled": 0.6} and found["uar"]["pooled"] == 0.5
    # The published average of four sets is not their plain mean: both are given.
    assert found["macro_f1"]["pooled"] == pytest.approx((2 * 3 / (3 + 4) + 0) / 2, abs=1e-4)


def test_precision_and_coverage_of_the_reasoning() -> None:
    def level(name: str, percentile: float) -> dict:
        return {"value": 1.0, "unit": "", "level": name, "percentile": percentile}

    record = {"speaker": "a", "transcription": "", "levels": {"pitch": level("high", 95.0), "energy": level("low", 5.0)}}
    texts = ["The pitch is high and the pace is fast.", "The pitch is low.", "Nothing is said."]
    found = evaluate.reasoning_quality([record] * 3, [parse_response(reply(t, "sad"), NANO_LABELS) for t in texts])
    assert found["precision"] == 0.5 and found["precision_per_text"] == 0.5  # the pace was not measured
    assert found["coverage"] == pytest.approx(2 / 6, abs=1e-4) and found["claims_per_text"] == 1.0
    assert found["texts_without_a_checkable_claim"] == pytest.approx(1 / 3, abs=1e-4)


def test_labels_of_a_set_go_by_the_models_own_names(tmp_path: Path) -> None:
    rows = [{"audio_path": "a", "speaker": "s", "segments": [], "emotion": "disgust", "votes": {"disgust": 3, "contempt": 1}},
            {"audio_path": "b", "speaker": "s", "segments": [], "emotion": "excited", "label": "happy"},
            {"audio_path": "c", "speaker": "s", "segments": [], "emotion": "calm", "label": None}]  # fmt: skip
    (tmp_path / "set.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = evaluate.labelled(str(tmp_path / "set.jsonl"), PUBLISHED_LABELS)
    assert [r["emotion"] for r in found] == ["contempt or disgust", "happy"]
    assert found[0]["votes"] == {"contempt or disgust": 4}
    with pytest.raises(EmotionThinkerError, match="no clip with one of the labels"):
        evaluate.labelled(str(tmp_path / "set.jsonl"), ("whisper", "confused"))
    (tmp_path / "set.jsonl").write_text(json.dumps({"audio_path": "a", "emotion": "sad"}) + "\n")
    with pytest.raises(EmotionThinkerError, match="label_prosody"):
        evaluate.labelled(str(tmp_path / "set.jsonl"), PUBLISHED_LABELS)


def test_a_judge_scores_well_formed_replies() -> None:
    records = [{"transcription": "Go.", "levels": {}, "gender": "Male"}] * 4
    texts = [reply("A man speaks.", "sad"), "sad", reply("Low.", "sad"), reply("x", "sad")]
    parsed = [parse_response(text, NANO_LABELS) for text in texts]
    with serving() as server:
        def rate(handler, body) -> None:
            handler.say("no scores" if '"x"' in body["messages"][1]["content"] else json.dumps(dict.fromkeys(DIMENSIONS, 4)))

        server.act = rate
        chat = Chat(server.url, "judge", Spend(Prices(0, 0)), temperature=0.0)
        found = evaluate.ask_judge(chat, records, parsed, 10)
    assert found == {"model": "judge", "asked": 3, "scored": 2, "scores": dict.fromkeys(DIMENSIONS, 4.0), "mean": 4.0}
    assert all("- speaker: male" in body["messages"][1]["content"] for body in server.asked)


def test_a_judge_that_fails_is_counted_and_the_cap_stops_it() -> None:
    records = [{"transcription": "Go.", "levels": {}}] * 3
    parsed = [parse_response(reply(text, "sad"), NANO_LABELS) for text in ("Low.", "x", "High.")]
    with serving() as server:
        def rate(handler, body) -> None:
            if '"x"' in body["messages"][1]["content"]:
                handler.fail(500)
            else:
                handler.say(json.dumps(dict.fromkeys(DIMENSIONS, 4)))

        server.act = rate
        found = evaluate.ask_judge(Chat(server.url, "judge", Spend(Prices(0, 0)), retries=0), records, parsed, 10)
        assert (found["asked"], found["scored"], found["failed"], found["mean"]) == (3, 2, 1, 4.0)
        assert "HTTP 500" in found["why"]
        before = len(server.asked)
        found = evaluate.ask_judge(Chat(server.url, "judge", Spend(Prices(1.0, 1.0), cap_usd=0.0)), records, parsed, 10)
        assert (found["scored"], found["failed"], found["mean"], len(server.asked)) == (0, 3, None, before)
        assert "raise --max_spend" in found["why"]


def test_the_report_is_on_disk_before_the_judge_is_asked_and_stays_without_it(
    tiny_omni_folder: Path, corpus: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("training.resumable.REPORT_EVERY_S", 0.0)
    there: list[bool] = []
    with serving() as server:
        def refuse(handler, body) -> None:
            report = json.loads((tmp_path / "evaluation.json").read_text())["corpora"][0]
            there.append(report["clips"] > 0 and "judge" not in report and (tmp_path / "evaluation.md").is_file())
            handler.fail(401)

        server.act = refuse
        chat = Chat(server.url, "judge", Spend(Prices(0, 0)), retries=0)
        reports = evaluate.evaluate(tiny_omni_folder, {"dev": str(corpus["dev"])}, tmp_path, judge=chat, judged=3)
    asked = reports["dev"]["judge"]["asked"]
    assert there == [True] * asked and asked > 0
    saved = json.loads((tmp_path / "evaluation.json").read_text())["corpora"][0]
    assert saved["judge"] | {"scored": 0, "failed": asked} == saved["judge"]
    assert f"| judge | judge, 0 of {asked} |" in (tmp_path / "evaluation.md").read_text()
    assert len((tmp_path / "replies.jsonl").read_text().splitlines()) == saved["clips"]
    said = capsys.readouterr().err
    assert "dev: " in said and "set 1 of 1" in said and " replies/s, 0 min left" in said
    assert f"{asked} of {asked} requests to the judge failed: The endpoint" in said


def test_sets_of_the_command_line_take_the_place_of_the_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, seen = tmp_path / "recipe.yaml", []
    recipe.write_text(f"model: m\noutput: {tmp_path}\nset: [a=a.jsonl, b=b.jsonl]\n")
    monkeypatch.setattr(evaluate, "evaluate", lambda model, sets, output, **more: seen.append(sets))
    assert evaluate.main(["--recipe", str(recipe)]) == 0
    assert evaluate.main(["--recipe", str(recipe), "--set", "c=c.jsonl", "--set", "d=d.jsonl"]) == 0
    assert seen == [{"a": "a.jsonl", "b": "b.jsonl"}, {"c": "c.jsonl", "d": "d.jsonl"}]


def test_settings_that_cannot_be_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    some = ["--model", "m", "--set", "a=b.jsonl", "--output", str(tmp_path)]
    for argv in ([], [*some[:2], "--set", "b.jsonl", *some[4:]], [*some, "--judge", "5"],
                 [*some, "--judge", "5", "--judge_url", "http://x/v1", "--judge_model", "j"]):  # fmt: skip
        assert evaluate.main(argv) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_the_command_runs_on_a_trained_model(recipe: dict, tmp_path: Path) -> None:
    model = sft.train(recipe)
    out = tmp_path / "evaluation"
    reports = evaluate.evaluate(model, {"made-up dev": recipe["dev"], "a | second": recipe["dev"]}, out, alone=2)
    saved = json.loads((out / "evaluation.json").read_text())
    assert saved["corpora"][0]["name"] == "made-up dev"
    assert saved["corpora"][0]["clips"] == reports["made-up dev"]["clips"] == 6
    assert saved["averages"]["accuracy"]["plain"] == reports["made-up dev"]["accuracy"]
    assert len((out / "replies.jsonl").read_text().splitlines()) == 12
    text = (out / "evaluation.md").read_text()
    assert "| clips (speakers) | 6 (4) | 6 (4) |" in text and "a \\| second: intended" in text
    assert "| over all sets |" in text and "| made-up dev, sex: female |" in text
    alone = reports["made-up dev"]["alone"]
    assert alone["clips"] == 2 and 0 < alone["first_word_s"][0] <= alone["whole_s"][0] and alone["tokens_per_s"] > 0
    picture = (out / "evaluation-2.svg").read_text()
    assert picture.startswith("<?xml") and "made-up dev" not in picture and "a | second" in picture
