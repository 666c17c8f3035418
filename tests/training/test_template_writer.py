from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from emotionthinker.claims import find_statements
from emotionthinker.grounding import verify_claims
from tests.training.explanation_records import LABELS, SENTENCES, random_record
from training import template_frames as frames
from training import template_phrases as phrases
from training import template_reasons as reasons
from training.template_writer import (
    CUT_MARGIN,
    CUTS,
    explanation_with_frames,
    measured_cues,
    words_valence,
    write_description,
    write_explanation,
)

BANKS = {name: bank for module in (frames, reasons) for name, bank in vars(module).items() if name.isupper()}
ATTRIBUTES = {
    "pitch": "pitch_level",
    "range": "pitch_range",
    "energy": "energy_level",
    "speed": "speed_level",
    "intonation": "intonation",
    "stress": "stress",
    "pauses": "pauses",
}
# Every word that names an emotion of the set, in any form.
EMOTION_WORDS = re.compile(
    r"\b(?:neutral|happ\w+|joy\w*|sad\w*|ang(?:ry|er)|disgust\w*|fear\w*|afraid|scared|furious|surpris\w+|confus\w+|contempt\w*)\b"
)


def explain(record: dict, seed: int, split: str = "train") -> str:
    return write_explanation(
        record, record["emotion"], seed=seed, split=split, labels=LABELS, transcript=record["transcription"]
    )


def unquoted(text: str) -> str:
    return re.sub(r'"[^"]*"', '""', text)


@pytest.mark.parametrize("split", ["train", "dev"])
def test_thousands_of_texts_state_nothing_that_their_record_contradicts(split: str) -> None:
    rng = random.Random(7)
    verdicts: Counter[str] = Counter()
    for seed in range(1000):
        record = random_record(rng)
        for text in (explain(record, seed, split), write_description(record, seed=seed, split=split)):
            for claim in verify_claims(text, record):
                verdicts[claim.verdict] += 1
                assert claim.verdict == "supported", (claim, text)
    assert verdicts["supported"] > 2 * 2 * 1000  # and they do state something


@pytest.mark.parametrize("split", ["train", "dev"])
def test_shape_of_an_explanation(split: str) -> None:
    rng = random.Random(8)
    for seed in range(1500):
        record = random_record(rng)
        text = explain(record, seed, split)
        assert 50 <= len(text.split()) <= 120, text
        assert not set(unquoted(text)) & set("[]{}<>|~"), text
        assert re.fullmatch(r".*\bsounds (?:like )?" + record["emotion"] + r"\.", text), text
        # An emotion is named in the last sentences only: an alternative shortly before the label.
        sentences = re.split(r"(?<=[.!?])\s+", unquoted(text))
        assert not EMOTION_WORDS.search(" ".join(sentences[:-4]).lower()), text
        assert not EMOTION_WORDS.search(" ".join(sentences[:2]).lower()), text


@pytest.mark.parametrize("split", ["train", "dev"])
def test_until_it_is_said_how_the_voice_comes_across_a_text_does_not_depend_on_the_emotion(split: str) -> None:
    rng = random.Random(15)
    for seed in range(500):
        record = random_record(rng)
        texts = {
            label: write_explanation(record, label, seed=seed, split=split, labels=LABELS, transcript=record["transcription"])
            for label in LABELS
        }
        starts = set()
        for label, text in texts.items():
            tones = [tone for tone in phrases.TONES[phrases.ALIASES.get(label, label)] if tone in unquoted(text)]
            assert len(tones) == 1, text
            starts.add(text[: text.index(tones[0])])
        assert len(starts) == 1, starts


def test_a_description_names_no_emotion_and_quotes_the_words() -> None:
    rng = random.Random(9)
    for seed in range(1000):
        record = random_record(rng)
        text = write_description(record, seed=seed, split="train")
        assert not EMOTION_WORDS.search(unquoted(text).lower()), text
        assert record["transcription"].split()[0].strip('"') in text
        assert 20 <= len(text.split()) <= 75, text


def test_words_are_quoted_in_full_or_by_their_first_words_and_never_invented() -> None:
    rng = random.Random(10)
    for seed in range(500):
        record = random_record(rng) | {"stressed_words": []}
        quotes = re.findall(r'"([^"]*)"', explain(record, seed))
        transcript = record["transcription"].replace('"', "'")
        if len(transcript.split()) <= 12:
            assert quotes == [transcript.rstrip(".")]
        else:
            assert quotes == [" ".join(transcript.split()[:7])]


@pytest.mark.parametrize("transcript", ["", None, " … "])
def test_without_a_transcript_nothing_is_quoted_and_no_word_is_called_stressed(transcript: str | None) -> None:
    rng = random.Random(11)
    for seed in range(500):
        record = random_record(rng)
        text = write_explanation(record, "sad", seed=seed, split="train", labels=LABELS, transcript=transcript)
        assert '"' not in text
        assert not {c.attribute for c in verify_claims(text, record)} & {"quote", "stress"}


def test_only_clear_levels_and_sure_contours_may_be_stated() -> None:
    rng = random.Random(12)
    for _ in range(1000):
        record = random_record(rng)
        kinds = {cue.kind for cue in measured_cues(record, record["transcription"])}
        for kind, entry in record["levels"].items():
            clear = entry["level"] is not None and min(abs(entry["percentile"] - cut) for cut in CUTS) > CUT_MARGIN
            assert (kind in kinds) == clear
        assert ("intonation" in kinds) == (record["intonation"] not in ("uncertain", "too_short", None))


def test_a_record_without_any_measurement_still_gives_a_text_that_states_nothing() -> None:
    record = {"levels": {}, "intonation": None, "gender": None}
    for seed in range(200):
        text = write_explanation(record, "fear", seed=seed, split="train", labels=LABELS, transcript=None)
        assert find_statements(text) == [], text
        assert text.endswith("fear.")


def test_the_same_seed_gives_the_same_text_and_another_seed_another() -> None:
    record = random_record(random.Random(13))
    texts = {explain(record, seed) for seed in range(50)}
    assert len(texts) == 50
    assert explain(record, 3) == explain(record, 3)
    assert explain(record, 3) != explain(record, 3, "dev")
    with pytest.raises(ValueError, match="train"):
        explain(record, 3, "test")


def test_frames_of_dev_are_unseen_in_train() -> None:
    rng = random.Random(14)
    used: dict[str, set[str]] = {"train": set(), "dev": set()}
    for seed in range(2000):
        record = random_record(rng)
        for split in used:
            _, found = explanation_with_frames(
                record, record["emotion"], seed=seed, split=split, labels=LABELS, transcript=record["transcription"]
            )
            used[split] |= set(found)
    assert used["train"].isdisjoint(used["dev"])
    assert len(used["train"]) > 200
    assert len(used["dev"]) > 150


def test_frames_are_well_formed() -> None:
    for name, bank in BANKS.items():
        bare = [frame.lstrip("~") for frame in bank]
        assert len(set(bare)) == len(bare), name
        assert any(frame.startswith("~") for frame in bank), f"{name} has no frame for dev"
        for frame in bare:
            assert frame.endswith("."), frame
            # A cue sentence of the explanation must be findable, a sentence about words must not state a cue.
            filled = re.sub(r"\[([^|\]]*)[^\]]*\]", r"\1", frame)
            filled = re.sub(r"<(\w+)/\w+>", r"\1", filled)
            filled = re.sub(r"\{(?:man|male)\}", "speaker", filled)
            filled = filled.replace("{q}", '""').replace("{tail}", "")
            filled = re.sub(r"\{\w+\}", "it", filled)
            assert find_statements(filled) == [], frame


@pytest.mark.parametrize(("kind", "value"), list(phrases.PHRASES))
def test_every_wording_of_a_cue_is_found_as_that_cue(kind: str, value: str) -> None:
    fill = {"d": "very ", "man": "speaker", "men": "speakers", "he": "the speaker", "his": "the", "w": '"never"', "where": ""}
    for form, options in phrases.PHRASES[kind, value].items():
        if form == "tail":
            continue  # said after its cue only
        for option in options:
            wording = re.sub(r"<(\w+)/\w+>", r"\1", option).format_map(fill)
            text = f"Here {wording}." if form == "cl" else f"There is {wording}."
            (statement,) = find_statements(text)
            assert statement.attribute == ATTRIBUTES[kind], text
            if kind not in ("stress", "pauses"):
                assert (statement.values, statement.negated) == ((value,), False), text


@pytest.mark.parametrize("split", ["train", "dev"])
def test_every_frame_carries_every_cue_findably(split: str) -> None:
    """Stated cues must be found whatever frame they are in: what is not found is not checked."""
    rng = random.Random(15)
    missed = found = 0
    for seed in range(1500):
        record = random_record(rng)
        kinds = {ATTRIBUTES[cue.kind] for cue in measured_cues(record, record["transcription"])}
        text = write_description(record, seed=seed, split=split)
        stated = {s.attribute for s in find_statements(text)} - {"gender", "quote"}
        assert stated <= kinds, text
        found += len(stated)
        # A caption with room for all cues states three or more of them.
        missed += max(0, min(3, len(kinds)) - len(stated))
    assert found > 4000
    assert missed == 0


def test_words_of_their_own_feeling_are_said_to_agree_or_not() -> None:
    assert [words_valence(text) for text in SENTENCES[:8]] == [0] * 8
    assert words_valence(SENTENCES[8]) == -1
    assert words_valence(SENTENCES[9]) == 1
    record = random_record(random.Random(16)) | {"transcription": SENTENCES[9]}
    agree, disagree = reasons.FIT_AGREE, reasons.FIT_DISAGREE
    for emotion, bank, other in (("happy", agree, disagree), ("sad", disagree, agree)):
        for seed in range(20):
            _, used = explanation_with_frames(
                record, emotion, seed=seed, split="train", labels=LABELS, transcript=SENTENCES[9]
            )
            assert set(used) & set(bank)
            assert not set(used) & set(other)


def test_a_cue_against_the_label_is_admitted() -> None:
    record = {
        "levels": {"energy": {"level": "low", "percentile": 5.0}, "speed": {"level": "slow", "percentile": 4.0}},
        "intonation": None,
        "gender": "Female",
    }
    for seed in range(50):
        _, used = explanation_with_frames(record, "angry", seed=seed, split="train", labels=LABELS, transcript=None)
        assert set(used) & set(reasons.AGAINST)
        _, used = explanation_with_frames(record, "sad", seed=seed, split="train", labels=LABELS, transcript=None)
        assert not set(used) & set(reasons.AGAINST)
