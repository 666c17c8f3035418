"""Words and their times, on speech whose text is known."""

import builtins
import threading
from itertools import pairwise

import numpy as np
import pytest

from emotionthinker import transcript
from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.errors import TranscriptError
from emotionthinker.transcript import align, count_phones, recognise
from tests.spoken import TWO_CITIES_BEGINS, espeak, two_cities

TEXT = "My brother wants to sell his old guitar."


def spellings(text: str) -> list[str]:
    return text.replace(",", "").replace(".", "").split()


@pytest.mark.parametrize("voice", ["en-us+m3", "en-gb+f2"])
def test_every_word_gets_its_place_in_order(voice: str) -> None:
    samples = espeak(TEXT, voice)
    words = align(samples, TEXT)
    assert words is not None
    assert [word.word for word in words] == spellings(TEXT)
    assert all(0 <= word.start < word.end <= len(samples) / SAMPLE_RATE for word in words)
    assert all(before.end <= after.start for before, after in pairwise(words))
    assert words[1].phones == ("B", "R", "AH", "DH", "ER")


def test_times_are_right_where_silence_marks_them() -> None:
    gap_s = 0.8
    first, second = espeak("The old bridge."), espeak("My yellow coat.")
    samples = np.concatenate([first, np.zeros(int(gap_s * SAMPLE_RATE), np.float32), second])
    words = align(samples, "The old bridge. My yellow coat.")
    assert words is not None
    bridge, my = words[2], words[3]
    audible = np.flatnonzero(np.abs(first) > 0.01)[-1] / SAMPLE_RATE
    begins = len(first) / SAMPLE_RATE + gap_s + np.flatnonzero(np.abs(second) > 0.01)[0] / SAMPLE_RATE
    assert bridge.end == pytest.approx(audible, abs=0.12)
    assert my.start == pytest.approx(begins, abs=0.08)


def test_a_recorded_person_is_aligned_and_recognised() -> None:
    words = align(two_cities(), TWO_CITIES_BEGINS)
    assert words is not None and [word.word for word in words] == spellings(TWO_CITIES_BEGINS)
    heard = recognise(two_cities()).lower()
    assert "best of times" in heard and "worst of times" in heard


def test_unknown_words_numbers_and_case_keep_their_spelling() -> None:
    said = "Jalbrook paid 42 dollars for the Snorvel."
    words = align(espeak(said), said)
    assert words is not None
    assert [word.word for word in words] == ["Jalbrook", "paid", "42", "dollars", "for", "the", "Snorvel"]
    assert words[2].phones[:2] == ("F", "AO") and len(words[6].phones) >= 5


@pytest.mark.parametrize(
    "text", ["The committee rejected our proposal.", "Two.", "你好 brother", "word " * 4000, "x" * 50_000, "brother " * 40]
)
def test_another_text_is_rejected(text: str) -> None:
    assert align(espeak(TEXT), text) is None


def test_most_wrong_texts_of_a_fitting_length_are_rejected() -> None:
    texts = [
        "She never told me about the second letter.", "The doctor said that I need more sleep.",
        "He poured the milk into a broken cup.", "We need seven chairs and a longer table.",
        "The pilot spoke calmly to the passengers.", "Her new apartment has a lovely balcony.",
        "Nobody expected the weather to change.", "Take the second street on your right.",
    ]  # fmt: skip
    rejected = [align(espeak(TEXT), text) is None for text in texts]
    assert sum(rejected) >= 7
    assert sum(align(espeak(text), text) is not None for text in texts) >= 7  # and their own sound is not


@pytest.mark.parametrize(
    "text",
    ["<img src=x onerror=alert(1)>", "\u202egnp.exe", "'; DROP TABLE words; --", "<s> </s> <sil> (2) [NOISE] ++UM++",
     "\ud800\udfff", "a\u0301" * 500, "=cmd|' /C calc'!A0", "' ' '", "5" * 3000, "$" * 3000, "a-" * 3000],
)  # fmt: skip
def test_hostile_text_neither_crashes_nor_spoils_the_next(text: str) -> None:
    samples = espeak(TEXT)
    words = align(samples, text)
    assert words is None or all(0 <= word.start < word.end <= len(samples) / SAMPLE_RATE for word in words)
    assert count_phones(text) >= 0
    assert align(samples, TEXT) is not None


def test_no_words_no_sound() -> None:
    assert align(espeak(TEXT), " … 😀 ") == []
    assert align(np.zeros(SAMPLE_RATE, np.float32), TEXT) is None
    assert align(np.zeros(0, np.float32), TEXT) is None
    assert recognise(np.zeros(2 * SAMPLE_RATE, np.float32)) == ""
    assert recognise(np.zeros(0, np.float32)) == ""


def test_silence_around_moves_words_by_its_length_only() -> None:
    samples = espeak(TEXT)
    padded = np.pad(samples, (SAMPLE_RATE, 2 * SAMPLE_RATE))
    plain, moved = align(samples, TEXT), align(padded, TEXT)
    assert plain is not None and moved is not None
    assert [(w.word, round(w.start + 1, 3)) for w in plain] == [(w.word, round(w.start, 3)) for w in moved]


def test_a_clip_gets_the_same_times_whatever_came_before() -> None:
    first = align(espeak(TEXT), TEXT)
    noise = np.random.default_rng(0).normal(0, 0.2, 2 * SAMPLE_RATE).astype(np.float32)
    align(noise, "Some words that nobody said")
    assert align(espeak(TEXT), TEXT) == first


def test_threads_get_their_own_words() -> None:
    other = "The bakery sells fresh bread until noon."
    clips = {TEXT: espeak(TEXT), other: espeak(other, "en-gb+f2")}
    alone = {text: align(samples, text) for text, samples in clips.items()}
    wrong: list[str] = []

    def work(text: str) -> None:
        for _ in range(4):
            if align(clips[text], text) != alone[text]:
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(text,)) for text in (TEXT, other, TEXT)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == [] and None not in alone.values()


def test_a_full_dictionary_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "MAX_ADDED_WORDS", 3)
    for number in range(3):
        count_phones(" ".join(f"zq{number}{letter}blorf" for letter in "ab"))
    aligner = transcript._aligner()
    assert aligner._n_added <= 6
    assert align(espeak(TEXT), TEXT) is not None


def test_phones_of_a_text() -> None:
    assert count_phones("My brother") == 2 + 5
    assert count_phones("") == 0 and count_phones("你好") == 0


def test_listening_windows_cover_all_speech_without_overlap() -> None:
    segments = [(0.4, 9.0), (9.5, 17.0), (17.2, 24.0), (30.0, 75.0)]
    windows = transcript._listening_windows(segments)
    assert all(before[1] <= after[0] for before, after in pairwise(windows))
    assert all(end - start <= transcript.MAX_WINDOW_S + 2 * transcript.WINDOW_MARGIN_S for start, end in windows)
    covered = sum(end - start for start, end in windows)
    assert covered >= sum(end - start for start, end in segments)
    assert windows[0][1] < 17.2 < windows[1][0] + 0.2  # cut in the pause


def test_a_missing_recogniser_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name.split(".")[0] in ("moonshine_voice", "faster_whisper"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    transcript._moonshine.cache_clear()
    with pytest.raises(TranscriptError, match="cannot be recognised on this server") as missing:
        recognise(two_cities())
    assert "pip install moonshine-voice" in missing.value.whole
    with pytest.raises(TranscriptError, match="write them yourself") as missing:
        recognise(two_cities(), "base.en")
    assert "pip install faster-whisper" in missing.value.whole


def test_a_recogniser_that_does_not_exist_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed: no other recogniser to set")
    monkeypatch.setenv("ET_RECOGNISER", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "2,1")  # a list is no fault of the recogniser
    with pytest.raises(TranscriptError) as caught:
        recognise(two_cities())
    assert "\n" not in caught.value.whole and "ET_RECOGNISER" in caught.value.whole and "int()" not in caught.value.whole
    assert str(tmp_path) in caught.value.whole and str(tmp_path) not in str(caught.value)
