from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from tests.training.explanation_records import LABELS, random_record
from training.template_writer import explanation_with_frames
from training.text_variety import distinct_n, frame_shares, frames_of, main, measure_variety, self_bleu


def test_distinct_3_counts_different_triples() -> None:
    assert distinct_n([["a", "b", "c", "d"], ["a", "b", "c", "e"]], 3) == pytest.approx(3 / 4)
    assert distinct_n([["a", "b"]], 3) == 0.0


def test_self_bleu_is_one_for_copies_and_falls_as_texts_differ() -> None:
    text = ["the", "pitch", "is", "high", "and", "the", "pace", "is", "fast", "here"]
    half = ["the", "pitch", "is", "high", "and", "nothing", "else", "was", "ever", "measured"]
    other = ["quietly", "somebody", "mumbles", "about", "an", "entirely", "different", "matter", "again"]
    assert self_bleu([text, text, text]) == pytest.approx(1.0)
    assert 0.2 < self_bleu([text, half]) < 0.7
    assert self_bleu([text, other]) < 0.1
    assert self_bleu([text]) == 0.0


def test_self_bleu_clips_counts_by_a_single_other_text() -> None:
    # "a" five times against texts with one "a" each: one of five unigrams is right, whatever the number of texts.
    long, short = ["a"] * 5, ["a"]
    first = self_bleu([long, short])
    assert self_bleu([long, short, short]) != first or first < 0.5


def test_a_frame_is_what_stays_when_facts_and_labels_are_taken_out() -> None:
    one = 'He speaks very loudly and says "never". So he sounds angry.'
    two = 'She speaks slowly and says "it is eleven". So she sounds sad.'
    assert frames_of(one) == frames_of(two)
    assert frame_shares([one, two, "Something else."])[0][1] == pytest.approx(2 / 3)
    assert len(frames_of("The pitch is high. The pitch is low.")) == 2


def test_no_frame_of_the_template_writer_is_in_more_than_5_percent_of_texts() -> None:
    rng = random.Random(3)
    texts, used = [], Counter[str]()
    for seed in range(3000):
        record = random_record(rng) | {"gender": rng.choice(("Male", "Female")), "transcription": "It's eleven o'clock"}
        text, frames = explanation_with_frames(
            record, record["emotion"], seed=seed, split="train", labels=LABELS, transcript=record["transcription"]
        )
        texts.append(text)
        used.update(set(frames))
    # 3000 texts: a frame in 5 % of all texts is in 5.7 % of such a sample at most (95 % of the time).
    assert frame_shares(texts)[0][1] < 0.057
    assert max(used.values()) / 3000 < 0.057
    assert measure_variety(texts).word_types < 1500


def test_command_prints_the_figures(tmp_path, capsys) -> None:
    path = tmp_path / "cot.jsonl"
    rows = [{"explanation": "The pitch is high. It sounds angry."}, {"explanation": "The pitch is low. It sounds sad."}, {}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main([str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["texts"], found["max_frame_share"], found["over_5_percent"]) == (2, 1.0, 2)
    assert (found["cue_twice"], found["weighs_itself"]) == (0.0, 0.0)
    assert main([str(path)]) == 0
    assert "self-BLEU" in capsys.readouterr().out


def test_replies_of_an_evaluation_are_read_and_their_faults_counted(tmp_path, capsys) -> None:
    replies = ["<think> A high pitch goes together with a high pitch. It sounds angry. </think><answer> angry </answer>",
               "<think> It is low. The nearest other reading would be sadness. It sounds sad. </think><answer> sad </answer>",
               "<think> The pitch is low. It sounds sad. </think><answer> sad </answer>", ""]  # fmt: skip
    path = tmp_path / "replies.jsonl"
    path.write_text("".join(json.dumps({"set": "dev", "audio": "a.wav", "reply": reply}) + "\n" for reply in replies))
    assert main([str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["texts"], found["cue_twice"], found["weighs_itself"]) == (3, pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert main([str(path)]) == 0
    assert "a cue named twice in a sentence in 33.3% of texts" in capsys.readouterr().out
    with path.open("a") as file:
        file.write(json.dumps({"set": "other", "audio": "b.wav", "reply": replies[0]}) + "\n")
    assert main([str(path)]) == 2
    assert "are 'dev', 'other'; give one of them with --set" in capsys.readouterr().err
    assert main([str(path), "--json", "--set", "other"]) == 0
    assert json.loads(capsys.readouterr().out)["texts"] == 1


def test_command_says_what_to_do_without_explanations(tmp_path, capsys) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text('{"audio_path": "a.wav"}\n')
    assert main([str(path)]) == 2
    assert "augment_cot" in capsys.readouterr().err
    assert main([str(tmp_path / "none.jsonl")]) == 2
    with pytest.raises(ValueError, match="at least one"):
        measure_variety([])
