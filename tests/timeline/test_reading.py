"""Long files are read in blocks, and stereo calls are told from stereo microphones."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from emotionthinker.audio import LONG, SAMPLE_RATE, Limits, load_clip, open_recording
from emotionthinker.errors import AudioError, AudioTooLarge, AudioTooLong, EmotionThinkerError, UnsupportedAudio
from emotionthinker.timeline.reading import hold_two_speakers, open_lines
from tests.sounds import encode, hours_of_silence, speech_like, wav_bytes

LIMITS = Limits(max_seconds=120, max_bytes=10_000_000)


def saved(tmp_path: Path, data: bytes, name: str = "a.wav") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def in_turn(seconds: float = 24.0) -> np.ndarray:
    """(n, 2): two voices that speak in turn, 3 s each."""
    voices = speech_like(seconds, 110.0), speech_like(seconds, 200.0)
    left = (np.arange(len(voices[0])) // (3 * SAMPLE_RATE)) % 2 == 0
    room = np.random.default_rng(0).normal(0, 1e-4, (len(left), 2))
    return (np.stack([voices[0] * left, voices[1] * ~left], axis=1) + room).astype(np.float32)


def read(path: Path, limits: Limits = LIMITS) -> tuple[str, tuple[str, ...], np.ndarray]:
    with open_lines(path, limits) as opened:
        return opened.channels, opened.lines, np.concatenate(list(opened.blocks))


def test_a_call_has_a_line_for_each_channel(tmp_path: Path) -> None:
    call = in_turn()
    channels, lines, samples = read(saved(tmp_path, wav_bytes(call, SAMPLE_RATE)))
    assert (channels, lines) == ("separate", ("left", "right"))
    np.testing.assert_allclose(samples, call, atol=1e-4)


def test_one_room_in_stereo_is_one_line(tmp_path: Path) -> None:
    room = in_turn().sum(axis=1, keepdims=True) * np.array([[1.0, 0.6]], np.float32)  # 4 dB apart
    channels, lines, samples = read(saved(tmp_path, wav_bytes(room, SAMPLE_RATE)))
    assert (channels, lines) == ("mixed", ("voice",))
    np.testing.assert_allclose(samples[:, 0], room.mean(axis=1), atol=1e-4)


def test_channels_that_cancel_each_other_are_not_taken_for_silence(tmp_path: Path) -> None:
    mirrored = in_turn(12.0).sum(axis=1, keepdims=True) * np.array([[1.0, -0.95]], np.float32)
    with pytest.raises(UnsupportedAudio, match="cancel each other out"):
        read(saved(tmp_path, wav_bytes(mirrored, SAMPLE_RATE)))


def test_silence_holds_nobody() -> None:
    assert not hold_two_speakers(np.zeros((SAMPLE_RATE, 2), np.float32))
    assert not hold_two_speakers(np.zeros((0, 2), np.float32))


@pytest.mark.parametrize(("container", "codec", "rate"), [("wav", "pcm_s16le", 8_000), ("ogg", "libopus", 48_000),
                                                         ("webm", "libopus", 48_000), ("ipod", "aac", 44_100)])
def test_every_format_reads_as_a_clip_does(tmp_path: Path, container: str, codec: str, rate: int) -> None:
    voice = np.stack([speech_like(3.0)] * 2, axis=1)
    path = saved(tmp_path, encode(np.repeat(voice, rate // 8_000, axis=0) if rate > SAMPLE_RATE else voice[::2], rate, container,
                                  codec), "a.bin")
    channels, _, samples = read(path)
    assert channels == "mixed"
    whole = load_clip(path, LIMITS).samples
    assert abs(len(samples) - len(whole)) <= 16
    n = min(len(samples), len(whole))
    assert np.abs(samples[:n, 0] - whole[:n]).max() < 0.02


def test_the_header_says_how_long_it_is(tmp_path: Path) -> None:
    with open_recording(saved(tmp_path, wav_bytes(np.zeros(SAMPLE_RATE * 3), SAMPLE_RATE)), LIMITS) as recording:
        assert recording.announced_s == 3.0


def test_limits_hold_before_and_while_it_is_read(tmp_path: Path) -> None:
    long = saved(tmp_path, hours_of_silence(1.2, "ogg", "libopus", 48_000), "long.ogg")
    with pytest.raises(AudioTooLong), open_lines(long, LONG) as opened:
        list(opened.blocks)
    large = saved(tmp_path, wav_bytes(np.zeros(SAMPLE_RATE), SAMPLE_RATE))
    with pytest.raises(AudioTooLarge), open_lines(large, Limits(60, 10_000)):
        pass


@pytest.mark.parametrize("data", [b"", b"text that is no sound", b"RIFF", wav_bytes(np.zeros(0), 16_000)])
def test_what_is_no_recording_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(AudioError), open_lines(saved(tmp_path, data), LIMITS) as opened:
        list(opened.blocks)
    with pytest.raises(AudioError), open_lines(tmp_path / "nothing.wav", LIMITS):
        pass


def test_an_error_of_the_reader_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    path = saved(tmp_path, wav_bytes(np.zeros(SAMPLE_RATE), SAMPLE_RATE))
    with pytest.raises(ZeroDivisionError), open_recording(path, LIMITS) as recording:
        for _ in recording.blocks:
            raise ZeroDivisionError


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    peaks = []
    for hours in (0.05, 0.35):
        path = saved(tmp_path, hours_of_silence(hours, "ogg", "libopus", 48_000), "long.ogg")
        tracemalloc.start()
        with open_lines(path, LONG) as opened:
            n = sum(len(block) for block in opened.blocks)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert n == pytest.approx(hours * 3600 * SAMPLE_RATE, rel=0.01)
    assert peaks[1] < peaks[0] + 1_000_000
    assert peaks[1] < 20_000_000


def test_the_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Limits.long_from_env() == LONG == Limits(3600, 250_000_000)
    monkeypatch.setenv("ET_LONG_MAX_SECONDS", "7200")
    monkeypatch.setenv("ET_LONG_MAX_MB", "400")
    assert Limits.long_from_env() == Limits(7200, 400_000_000)
    assert Limits.from_env() == Limits()
    monkeypatch.setenv("ET_LONG_MAX_MB", "much")
    with pytest.raises(EmotionThinkerError, match="ET_LONG_MAX_MB"):
        Limits.long_from_env()
