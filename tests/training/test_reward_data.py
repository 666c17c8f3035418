"""Tuples of known quality: every kind lowers its own score, the two counted scores have known answers, and the command repeats."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emotionthinker.grounding import verify_claims
from tests.training.endpoint_server import Server, serving
from tests.training.explanation_records import LABELS, random_record
from training.corruptions import KINDS, split_sentences
from training.counted_scores import (
    COMPLETENESS,
    FACTUAL,
    FLUENCY,
    INTERPRETATIVE,
    completeness_score,
    factual_score,
    repetition_score,
    weighs_itself,
    with_counted,
)
from training.reward_data import build, endpoint_tasks, main, scores_of
from training.rewards import DIMENSIONS
from training.template_writer import write_explanation

RECORD: dict[str, Any] = {
    "audio_path": "a.wav", "emotion": "angry", "speaker": "s1", "split": "train", "gender": "Female", "intonation": "rising",
    "levels": {"pitch": {"level": "high", "percentile": 95.0}, "energy": {"level": "high", "percentile": 90.0},
               "speed": {"level": "fast", "percentile": 88.0}, "range": {"level": "normal", "percentile": 50.0}},
    "pauses": [], "stressed_words": [], "transcription": "I will never do that again.",
}  # fmt: skip
TEXT = (
    "A woman is speaking, and the pitch is high. The energy is high and the pace is fast. The intonation is rising. "
    'The words are "I will never do that again". They agree with the voice. The high pitch and the fast pace suggest someone '
    "who is tense. Fear is less likely because of the high energy. All in all, the voice sounds angry."
)


def records(n: int) -> list[dict[str, Any]]:
    rng = random.Random(4)
    out = []
    for i in range(n):
        record = random_record(rng) | {"speaker": f"s{i % 5}", "split": "train"}
        record["explanation"] = write_explanation(
            record, record["emotion"], seed=i, split="train", labels=LABELS, transcript=record["transcription"]
        )
        out.append(record)
    return out


def damage(kind: str, degree: int, seed: int = 1) -> list[str]:
    changed = KINDS[kind].damage(split_sentences(TEXT), RECORD, degree, random.Random(seed))
    assert changed is not None
    return changed


def test_counted_scores_follow_the_anchors() -> None:
    assert (factual_score(TEXT, RECORD), completeness_score(TEXT, RECORD)) == (5, 5)
    one_of_six = TEXT.replace("The intonation is rising", "The intonation is falling")
    assert factual_score(one_of_six, RECORD) == 4
    assert factual_score("A woman speaks with a high pitch at a slow pace.", RECORD) == 3
    assert factual_score("A man speaks with a high pitch at a slow pace with high energy.", RECORD) == 2
    assert factual_score("A man speaks with a low pitch at a fast pace.", RECORD) == 1
    assert factual_score("Who knows.", RECORD) == 3  # saying nothing is no way to be right
    assert completeness_score("The voice sounds angry.", RECORD) == 1
    assert completeness_score("A woman speaks.", RECORD) == 2
    assert completeness_score('A woman says "I will never do that again".', RECORD) == 3
    assert completeness_score("A woman speaks with a high pitch, a fast pace and high energy.", RECORD) == 4


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_kind_lowers_its_own_score_and_more_so_at_a_higher_degree(kind: str) -> None:
    dimension = KINDS[kind].dimension
    found = []
    for degree in (1, 2, 3):
        text = " ".join(damage(kind, degree))
        assert text != TEXT and "  " not in text
        content = TEXT if dimension == FLUENCY else text
        found.append(scores_of(content, RECORD, [{"kind": kind, "degree": degree}]))
    own = [scores[dimension] for scores in found]
    # One dropped cue of four may leave enough; one wrong contour is wrong once.
    assert own[2] < 5 and own == sorted(own, reverse=True)
    for scores in found:
        untouched = {FACTUAL, FLUENCY} if dimension in (COMPLETENESS, INTERPRETATIVE) else set(DIMENSIONS) - {dimension}
        untouched -= {FLUENCY} if kind == "cues_repeated" else set()  # which it costs too
        assert {scores[d] for d in untouched - {dimension, COMPLETENESS}} <= {5}, scores


def test_a_cue_in_the_place_of_others_costs_completeness_and_fluency() -> None:
    for seed in range(8):
        text = " ".join(damage("cues_repeated", 3, seed))
        scores = scores_of(text, RECORD, [{"kind": "cues_repeated", "degree": 3}])
        assert scores[FACTUAL] == 5 and scores[COMPLETENESS] <= 4 and scores[FLUENCY] == repetition_score(text) <= 3, text
    assert repetition_score(TEXT) == 5
    assert repetition_score("He has a low pitch and a low pitch. Next to this come a low pitch and a low pitch.") == 2


def test_what_is_counted_takes_the_place_of_what_a_model_says() -> None:
    said = dict.fromkeys(DIMENSIONS, 4.5)
    assert with_counted(said, TEXT, RECORD) == {**said, FACTUAL: 5, COMPLETENESS: 5}
    wrong = with_counted(said, "A man with a low pitch and also a low pitch.", RECORD)
    assert (wrong[FACTUAL], wrong[INTERPRETATIVE], wrong[FLUENCY]) == (1, 4.5, 3)


def test_an_emotion_weighed_against_itself_is_found_in_every_wording_and_nowhere_else() -> None:
    damaged = 0
    for record in records(60):
        text = record["explanation"]
        assert not weighs_itself(text), text
        changed = KINDS["alternative_concluded"].damage(split_sentences(text), record, 1, random.Random(0))
        if changed is not None:
            damaged += 1
            assert weighs_itself(" ".join(changed)), changed
    assert damaged >= 20
    said = dict.fromkeys(DIMENSIONS, 4.5)
    assert with_counted(said, " ".join(damage("alternative_concluded", 1)), RECORD)[INTERPRETATIVE] == 3
    assert not weighs_itself("")
    assert not weighs_itself('The words "but I was angry" are plain. The voice sounds angry.')


def test_wrong_facts_read_as_before() -> None:
    text = " ".join(damage("opposite_levels", 3))
    assert text.startswith("A woman is speaking, and the pitch is low. The energy is low and the pace is slow.")
    assert "The low pitch and the slow pace suggest" in text
    assert {c.verdict for c in verify_claims(text, RECORD) if c.attribute.endswith("_level")} == {"contradicted"}
    assert damage("opposite_contour", 1)[2] == "The intonation is falling."
    assert damage("other_sex", 1)[0] == "A man is speaking, and the pitch is high."
    assert damage("speaker_dropped", 1)[0] == "A person is speaking, and the pitch is high."
    assert '"I will never' not in " ".join(damage("other_words", 1))


def test_links_and_order() -> None:
    assert damage("reasons_dropped", 2) == [*split_sentences(TEXT)[:5], split_sentences(TEXT)[-1]]
    assert "angry" not in damage("conclusion_swapped", 1)[-1] and "sounds" in damage("conclusion_swapped", 1)[-1]
    weighed = damage("alternative_concluded", 1)
    assert weighed[-2:] == ["Anger is less likely because of the high energy.", "All in all, the voice sounds angry."]
    assert damage("alternative_concluded", 3) == [*split_sentences(TEXT)[:5], *weighed[-2:]]
    no_other = [s for s in split_sentences(TEXT) if "Fear" not in s]
    assert KINDS["alternative_concluded"].damage(no_other, RECORD, 1, random.Random(1)) is None
    assert sorted(damage("sentences_shuffled", 3)) == sorted(split_sentences(TEXT))
    assert sorted(" ".join(damage("words_scrambled", 3)).split()) == sorted(TEXT.split())
    said = ['He says "No. Never."', "Then he stops.", 'He meant "Go. Now", so be it.']
    assert split_sentences(" ".join(said)) == said


def test_cues_that_are_gone_leave_nothing_to_conclude_from() -> None:
    text = " ".join(damage("cues_dropped", 3))
    scores = scores_of(text, RECORD, [{"kind": "cues_dropped", "degree": 3}])
    assert scores[INTERPRETATIVE] == 1 and scores[COMPLETENESS] <= 3


def test_tuples_are_the_same_again_and_other_with_another_seed() -> None:
    some = records(12)
    once = [build(r, 5, 0) for r in some]
    assert once == [build(r, 5, 0) for r in reversed(some)][::-1]
    assert once != [build(r, 5, 1) for r in some]
    for record, tuples in zip(some, once, strict=True):
        assert len(tuples) == 5 == len({t["reasoning"] for t in tuples}) == len({t["tuple_id"] for t in tuples})
        assert tuples[0]["reasoning"] == record["explanation"] and tuples[0]["damage"] == []
        assert {(t["speaker"], t["split"], t["emotion"]) for t in tuples} == {(record["speaker"], "train", record["emotion"])}
        for t in tuples:
            assert set(t["scores"]) == set(DIMENSIONS) and all(1 <= s <= 5 for s in t["scores"].values())


def test_every_score_occurs_in_every_dimension() -> None:
    tuples = [t for record in records(80) for t in build(record, 5, 0)]
    for dimension in DIMENSIONS:
        assert {t["scores"][dimension] for t in tuples} == {1, 2, 3, 4, 5}, dimension
    assert {len(t["damage"]) for t in tuples} == {0, 1, 2, 3, 4}


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_kinds_can_be_held_out(tmp_path: Path, capsys: Any) -> None:
    write(tmp_path / "cot.jsonl", records(10))
    held = "other_words,sentences_repeated"
    (tmp_path / "recipe.yaml").write_text(f"input_path: {tmp_path}/cot.jsonl\noutput_path: {tmp_path}/a.jsonl\nper_text: 4\n"
                                          f"without: {held}\n")  # fmt: skip
    assert main(["--recipe", str(tmp_path / "recipe.yaml")]) == 0
    with_recipe = read(tmp_path / "a.jsonl")
    assert len(with_recipe) == 40 and not {d["kind"] for t in with_recipe for d in t["damage"]} & set(held.split(","))
    argv = ["--input_path", str(tmp_path / "cot.jsonl"), "--output_path", str(tmp_path / "b.jsonl")]
    assert main([*argv, "--only", held, "--per_text", "3"]) == 0
    assert {d["kind"] for t in read(tmp_path / "b.jsonl") for d in t["damage"]} == set(held.split(","))
    assert "| sentences_repeated | 1 |" in (tmp_path / "b.report.md").read_text()
    for wrong in (["--without", "wit"], ["--without", "other_sex", "--only", "other_sex"], ["--per_text", "1"]):
        assert main([*argv, *wrong]) == 2
    (tmp_path / "recipe.yaml").write_text("pr_text: 4\n")
    assert main(["--recipe", str(tmp_path / "recipe.yaml")]) == 2
    assert "pr_text" in capsys.readouterr().err
    assert main([]) == 2 and "--input_path" in capsys.readouterr().err


def test_a_contradicted_text_is_left_out_and_counted(tmp_path: Path, capsys: Any) -> None:
    bad = RECORD | {"explanation": "The pitch is low. It sounds angry."}
    write(tmp_path / "cot.jsonl", [RECORD | {"explanation": TEXT}, bad | {"audio_path": "b.wav"}])
    argv = ["--input_path", str(tmp_path / "cot.jsonl"), "--output_path", str(tmp_path / "out.jsonl")]
    assert main(argv) == 0
    assert {t["audio_path"] for t in read(tmp_path / "out.jsonl")} == {"a.wav"}
    assert "1 texts left out" in (tmp_path / "out.report.md").read_text()
    write(tmp_path / "cot.jsonl", [RECORD])
    assert main(argv) == 2 and "augment_cot" in capsys.readouterr().err


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving() as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        yield running


def test_an_endpoint_rewrites_to_the_wanted_scores(tmp_path: Path, server: Server, capsys: Any) -> None:
    """The server damages as asked at the first request of each text, but not its facts, which is then sent back."""
    write(tmp_path / "cot.jsonl", [RECORD | {"explanation": TEXT, "audio_path": f"{i}.wav"} for i in range(6)])

    def rewrite(handler: Any, body: Any) -> None:
        asked, again = body["messages"][1]["content"], len(body["messages"]) > 2
        sentences = split_sentences(TEXT)
        for kind, dimension in (("opposite_levels", FACTUAL), ("cues_dropped", COMPLETENESS)):
            wanted = next((int(line.split(": ")[1][0]) for line in asked.splitlines() if line.startswith(f"- {dimension}:")), 5)
            if wanted < 5 and (again or dimension != FACTUAL):
                for degree in (1, 2, 3):
                    made = KINDS[kind].damage(split_sentences(TEXT), RECORD, degree, random.Random(0))
                    sentences = made or sentences
        handler.say(" ".join(sentences))

    server.act = rewrite
    argv = ["--input_path", str(tmp_path / "cot.jsonl"), "--output_path", str(tmp_path / "out.jsonl"), "--writer", "openai",
            "--price_in", "0", "--price_out", "0", "--per_text", "3"]  # fmt: skip
    assert main([*argv, "--dry-run", "1"]) == 0 and server.asked == [] and "Rewrite it" in capsys.readouterr().out
    assert main(argv) == 0
    tuples = read(tmp_path / "out.jsonl")
    assert tuples and any(len(b["messages"]) > 2 for b in server.asked)
    for t in tuples:
        assert t["scores"][FACTUAL] == factual_score(t["reasoning"], RECORD)
        for d in t["damage"]:
            assert abs(t["scores"][d["kind"].removeprefix("rewritten ")] - d["degree"]) <= 1
    failed = read(tmp_path / "out.failed.jsonl") if (tmp_path / "out.failed.jsonl").exists() else []
    assert len(tuples) + len(failed) == 12
    n = len(server.asked)
    assert main(argv) == 0 and len(server.asked) == n  # nothing is left to do
    assert main([*argv, "--only", "other_sex"]) == 2


def test_wanted_scores_are_the_same_again() -> None:
    some = [RECORD | {"explanation": TEXT}]
    assert [t.key for t in endpoint_tasks(some, 4, 0)] == ["a.wav#1", "a.wav#2", "a.wav#3"]
    assert [t.messages for t in endpoint_tasks(some, 4, 0)] == [t.messages for t in endpoint_tasks(some, 4, 0)]
