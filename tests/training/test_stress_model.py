"""How the stress network's speech is made and what is learnt from it."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from emotionthinker.prosody.stress import is_function_word
from emotionthinker.transcript import Word, align
from tests.spoken import espeak
from training.corpora import CorpusError
from training.stress_model import PHONES, corpus_words, fit_network, network_output, phone_lengths, scores
from training.stress_speech import (
    ESPEAK_VOICES,
    FLITE_VOICES,
    SENTENCES_PATH,
    TEST_SENTENCES,
    choose_words,
    emphasise,
    record,
)


def test_phone_lengths_are_found_whatever_the_tempo_of_a_clip() -> None:
    rng = np.random.default_rng(0)
    true_s = {phone: 0.05 + 0.1 * i / len(PHONES) for i, phone in enumerate(PHONES)}
    clips = []
    for _ in range(120):
        tempo = rng.uniform(0.7, 1.4)
        words, at_s = [], 0.0
        for _ in range(8):
            phones = tuple(str(phone) for phone in rng.choice(PHONES, rng.integers(2, 7)))
            dur_s = sum(true_s[phone] for phone in phones) / tempo
            words.append(Word("w", at_s, at_s + dur_s, phones))
            at_s += dur_s
        clips.append(words)
    found_s = phone_lengths(clips)
    found, true = (np.array([lengths[phone] for phone in PHONES]) for lengths in (found_s, true_s))
    assert np.corrcoef(found, true)[0, 1] > 0.98


def test_emphasis_falls_on_content_words_that_are_no_neighbours() -> None:
    rng = np.random.default_rng(0)
    words = ["The", "pilot", "spoke", "calmly", "to", "all", "of", "the", "passengers"]
    choices = [choose_words(words, rng) for _ in range(600)]
    counts = [sum(choice) for choice in choices]
    assert set(counts) == {0, 1, 2} and 0.2 < counts.count(0) / 600 < 0.3
    assert not any(a and b for choice in choices for a, b in pairwise(choice))
    on_function = sum(c and is_function_word(w) for choice in choices for c, w in zip(choice, words, strict=True))
    assert 0 < on_function / sum(counts) < 0.25


def test_test_sentences_and_voices_are_kept_apart() -> None:
    sentences = SENTENCES_PATH.read_text(encoding="utf-8").split("\n")[:-1]
    assert len(set(sentences)) == len(sentences) > 3 * TEST_SENTENCES
    for voices in (ESPEAK_VOICES, FLITE_VOICES):
        assert not set(voices["train"].split()) & set(voices["test"].split())


def test_emphasis_lengthens_the_word_it_is_put_on() -> None:
    pytest.importorskip("pyworld", reason="pyworld-prebuilt is not installed (requirements.txt); it changes the speech")
    text = "We planted three apple trees behind the house."
    samples = espeak(text)
    words = align(samples, text)
    assert words
    chosen = tuple(word.word == "apple" for word in words)
    longer = []
    for seed in range(4):
        changed = align(emphasise(samples, words, chosen, np.random.default_rng(seed)), text)
        assert changed
        lengths, before = (np.array([w.end - w.start for w in some]) for some in (changed, words))
        ratio = lengths / before
        longer.append(ratio[3] / np.median(np.delete(ratio, 3)))
    assert np.mean(longer) > 1.1


def test_a_recording_keeps_the_speech_and_adds_silence() -> None:
    samples = espeak("My yellow coat.")
    heard = record(samples, np.random.default_rng(0))
    assert len(heard) > len(samples) and np.abs(heard).max() <= 1.0


def test_scores_and_network() -> None:
    said, truth = np.array([1, 1, 0, 0, 0], bool), np.array([1, 0, 1, 1, 0], bool)
    assert scores(said, truth) == pytest.approx({"precision": 0.5, "recall": 1 / 3, "f1": 0.4})
    rng = np.random.default_rng(0)
    cues = rng.normal(size=(800, 4))
    clear = cues[:, 0] + cues[:, 1] > 0.5
    learnt = network_output(fit_network(cues, clear), cues)
    assert scores(learnt > 0.5, clear)["f1"] > 0.95


def test_phone_lengths_are_of_train_speakers_whatever_a_manifest_says(tmp_path: Path) -> None:
    row = "1049_TIE_SAD_XX.wav,sad,crema_1049,female,25,Go.,train"
    (tmp_path / "manifest.csv").write_text(f"path,emotion,speaker,sex,age,text,split\n{row}\n")
    with pytest.raises(CorpusError, match="no CREMA-D clip of a train speaker"):
        corpus_words(tmp_path)
