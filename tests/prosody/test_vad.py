from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from emotionthinker.prosody.energy import inside
from emotionthinker.prosody.vad import speech_probability, speech_segments
from tests.sounds import SAMPLE_RATE, glide, speech_like


def silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * SAMPLE_RATE), np.float32)


def test_speech_is_found_where_it_is() -> None:
    x = np.concatenate([silence(0.8), speech_like(1.5), silence(0.7), speech_like(1.0), silence(0.5)])
    segments = speech_segments(x)
    assert len(segments) == 2
    np.testing.assert_allclose(segments, [(0.8, 2.3), (3.0, 4.0)], atol=0.15)


@pytest.mark.parametrize(
    "sound",
    [silence(2), np.zeros(0, np.float32), glide(1000.0, 2), np.random.default_rng(0).normal(0, 0.1, 32_000).astype("f4")],
    ids=["silence", "nothing", "tone", "noise"],
)
def test_what_is_not_speech_has_no_segments(sound: np.ndarray) -> None:
    assert speech_segments(sound) == []


@pytest.mark.parametrize("gain", [0.001, 0.03, 1.5])
def test_gain_does_not_matter(real_speech: np.ndarray, gain: float) -> None:
    assert speech_segments(real_speech * np.float32(gain)) == speech_segments(real_speech)


def test_speech_from_the_first_sample_is_heard() -> None:
    """From a cold start the network misses clips that begin with a shout."""
    start, end = speech_segments(speech_like(1.0))[0]
    assert start == 0.0 and end == pytest.approx(1.0, abs=0.1)


def test_segments_are_ordered_apart_and_inside(real_speech: np.ndarray) -> None:
    flat = np.array(speech_segments(real_speech)).ravel()
    assert len(flat) >= 4
    assert (np.diff(flat) > 0).all() and flat[0] >= 0 and flat[-1] <= len(real_speech) / SAMPLE_RATE


def test_ten_db_of_noise_is_not_taken_for_speech(real_speech: np.ndarray) -> None:
    """An energy threshold marks everything as speech here."""
    x = np.concatenate([silence(2), real_speech, silence(2)])
    noise = np.random.default_rng(1).normal(0, 1, len(x)) * np.sqrt(np.mean(real_speech**2) / 10)
    clean, noisy = (inside(speech_segments(s), 1600, 0.01, 0.5) for s in (x, (x + noise).astype(np.float32)))
    assert (clean == noisy).mean() > 0.9
    assert noisy[:180].sum() < 20


def test_long_clips_are_taken_in_blocks_without_a_seam(real_speech: np.ndarray) -> None:
    """30 s are two calls of the network; the state runs on, so the end is heard as it is after the same second before it."""
    x = np.concatenate([real_speech, silence(1), real_speech, silence(1), real_speech])
    probability = speech_probability(x)
    assert len(probability) == -(-len(x) // 512)
    once = speech_segments(np.concatenate([real_speech, silence(1)]))
    assert len(speech_segments(x)) == pytest.approx(3 * len(once), abs=1)


def test_threads_share_one_session(real_speech: np.ndarray) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: speech_segments(real_speech), range(8)))
    assert all(r == results[0] for r in results)


def test_detection_loads_neither_torch_nor_the_silero_package() -> None:
    code = (
        "import sys, numpy as np\n"
        "from emotionthinker.prosody.vad import speech_segments\n"
        "from emotionthinker.prosody.pitch import track_f0\n"
        "speech_segments(np.zeros(16000, np.float32)); track_f0(np.zeros(16000, np.float32))\n"
        "heavy = {'torch', 'silero_vad', 'matplotlib', 'librosa', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
