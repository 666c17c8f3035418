"""Every format becomes the same mono 16 kHz sound, whole (CHECKS 2)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from emotionthinker import errors
from emotionthinker.audio import Clip, Limits, load_clip
from emotionthinker.page.engine import EXAMPLES
from emotionthinker.prosody.record import measure_prosody
from tests.sounds import encode, glide, wav_bytes

RATE = 16_000

# name -> (container, codec, rate in Hz); what telephones, recorders and browsers write
ENCODED = {
    "mp3": ("mp3", "libmp3lame", 44_100),
    "ogg-opus": ("ogg", "libopus", 48_000),
    "ogg-vorbis": ("ogg", "vorbis", 22_050),
    "m4a": ("ipod", "aac", 44_100),
    "webm": ("webm", "libopus", 48_000),
    "flac": ("flac", "flac", 96_000),
    "wav-8k": ("wav", "pcm_s16le", 8_000),
    "wav-192k": ("wav", "pcm_s16le", 192_000),
}


def tone(seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    """440 Hz at 0.3 in the first channel, silence in the others."""
    x = np.zeros((int(seconds * rate), channels), np.float32)
    x[:, 0] = 0.3 * np.sin(2 * np.pi * 440 * np.arange(len(x)) / rate)
    return x


def strongest_hz(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * RATE / len(samples)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", ENCODED)
def test_check_02_every_format_rate_and_layout(tmp_path: Path, name: str, channels: int) -> None:
    container, codec, rate = ENCODED[name]
    path = tmp_path / "clip.bin"  # the name says nothing: the contents decide
    path.write_bytes(encode(tone(1.0, rate, channels), rate, container, codec))
    clip = load_clip(path)
    assert clip.samples.dtype == np.float32 and clip.samples.ndim == 1
    assert clip.duration_s == pytest.approx(1.0, abs=0.08)  # lossy codecs add a frame of padding at the ends
    middle = clip.samples[4000:12000]
    assert strongest_hz(middle) == pytest.approx(440, abs=4)
    assert np.abs(middle).max() == pytest.approx(0.3 / channels, rel=0.1)  # channels are averaged
    assert clip.name == "clip.bin"


@pytest.mark.parametrize("name", ENCODED)
def test_check_02_every_format_gives_a_result(tmp_path: Path, name: str) -> None:
    """From the file to the measured record that page and commands show, which says what of the clip was looked at."""
    container, codec, rate = ENCODED[name]
    said, said_rate = soundfile.read(EXAMPLES / "angry.flac", dtype="float32")
    assert said_rate == RATE
    path = tmp_path / "clip"
    path.write_bytes(encode(soxr.resample(said, RATE, rate), rate, container, codec))
    record = measure_prosody(path, "").to_dict()
    assert record["gender"] != "Male" and record["f0_reliable"] and record["speech_s"] > 1
    assert record["duration_s"] == pytest.approx(len(said) / RATE, abs=0.1)
    start, end = record["span_s"]
    assert start == 0 and end == pytest.approx(record["duration_s"], abs=0.01)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
def test_check_02_wav_encodings(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(wav_bytes(tone(0.5, RATE), RATE, subtype))
    np.testing.assert_allclose(load_clip(path).samples, tone(0.5, RATE)[:, 0], atol=0.02)


@pytest.mark.parametrize("name", ["webm", "ogg-opus", "m4a", "mp3", "flac"])
def test_check_02_a_clip_of_300_ms_works(tmp_path: Path, name: str) -> None:
    container, codec, rate = ENCODED[name]
    path = tmp_path / "short"
    path.write_bytes(encode(tone(0.3, rate), rate, container, codec))
    assert load_clip(path).duration_s == pytest.approx(0.3, abs=0.08)


def test_check_02_nothing_is_cut_up_to_the_limit() -> None:
    clip = load_clip((np.zeros(600 * 8_000, np.int16), 8_000))
    assert clip.duration_s == 600.0
    with pytest.raises(errors.AudioTooLong):
        load_clip((np.zeros(600 * 8_000 + 1, np.int16), 8_000))


def test_check_02_what_a_browser_records_has_no_length_in_its_header(tmp_path: Path) -> None:
    path = tmp_path / "recording.webm"
    path.write_bytes(encode(tone(2.0, 48_000), 48_000, "webm", "libopus"))
    whole = path.read_bytes()
    # A recording that ended without the header being written again: cut anywhere, what is there is read.
    path.write_bytes(whole[: len(whole) * 3 // 4])
    assert 1.0 < load_clip(path).duration_s < 1.8


def test_channels_that_cancel_each_other_are_refused_and_not_taken_for_silence() -> None:
    voice = tone(1.0, 44_100)[:, 0]
    for share in (1.0, 0.95):
        with pytest.raises(errors.UnsupportedAudio, match="cancel each other out"):
            load_clip((np.stack([voice, -share * voice], axis=1), 44_100))
    for fine in (np.stack([voice, -0.5 * voice], axis=1), tone(1.0, 44_100, channels=8), np.zeros((4410, 2), np.float32)):
        assert len(load_clip((fine, 44_100)).samples)


def test_stereo_equals_its_mono_downmix() -> None:
    rng = np.random.default_rng(0)
    stereo = rng.normal(0, 0.1, (44_100, 2)).astype(np.float32)
    both = load_clip((stereo, 44_100)).samples
    mono = load_clip((stereo.mean(axis=1), 44_100)).samples
    np.testing.assert_allclose(both, mono, atol=1e-6)


def test_resampling_keeps_speech_and_lets_nothing_fold_back() -> None:
    t = np.arange(48_000) / 48_000
    inside, outside = 0.3 * np.sin(2 * np.pi * 7_000 * t), 0.3 * np.sin(2 * np.pi * 9_000 * t)
    kept = load_clip((inside, 48_000)).samples[2000:-2000]
    folded = load_clip((outside, 48_000)).samples[2000:-2000]
    assert np.abs(kept).max() == pytest.approx(0.3, rel=0.01)
    assert np.abs(folded).max() < 0.3 * 10 ** (-80 / 20)


def test_blocks_leave_no_seam() -> None:
    """Longer than the decoder's block, resampled: the same as one call on the whole."""
    import soxr

    x = glide(150.0, 20).astype(np.float32)
    clip = load_clip((x, 22_050))
    whole = soxr.resample(x, 22_050, RATE)
    n = min(len(whole), len(clip.samples))
    assert abs(len(whole) - len(clip.samples)) <= 1
    np.testing.assert_allclose(clip.samples[:n], whole[:n], atol=1e-5)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([0, 16_384, -32_768], np.int16), [0, 0.5, -1]),
        (np.array([0, 2**30, -(2**31)], np.int32), [0, 0.5, -1]),
        (np.array([128, 192, 0], np.uint8), [0, 0.5, -1]),
        (np.array([0, 0.5, -1], np.float64), [0, 0.5, -1]),
        (np.array([0, 0.5, -1], np.float16), [0, 0.5, -1]),
        (np.array([[0, 0], [1, 0], [-1, -1]], np.float32), [0, 0.5, -1]),
    ],
)
def test_arrays_of_any_type_have_full_scale_one(array: np.ndarray, expected: list[float]) -> None:
    np.testing.assert_allclose(load_clip((array, RATE)).samples, expected, atol=1e-6)


def test_a_clip_comes_back_unchanged() -> None:
    clip = Clip(np.zeros(100, np.float32), "mine")
    assert load_clip(clip) is clip
    with pytest.raises(errors.AudioTooLong):
        load_clip(Clip(np.zeros(20_000, np.float32)), Limits(max_seconds=1))


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(wav_bytes(tone(2.0, RATE), RATE))
    monkeypatch.setenv("ET_MAX_SECONDS", "1.5")
    with pytest.raises(errors.AudioTooLong, match=r"1\.5 s"):
        load_clip(path)
    monkeypatch.setenv("ET_MAX_SECONDS", "3")
    monkeypatch.setenv("ET_MAX_MB", "0.01")
    with pytest.raises(errors.AudioTooLarge, match=r"0\.01 MB"):
        load_clip(path)
    for wrong in ("none", "-1", "nan", "inf", "0"):
        monkeypatch.setenv("ET_MAX_MB", wrong)
        with pytest.raises(errors.EmotionThinkerError, match="ET_MAX_MB"):
            load_clip(path)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("no/such/file.wav", errors.AudioNotFound),
        (".", errors.AudioNotFound),
        ("/dev/zero", errors.AudioNotFound),
        ("a\0b.wav", errors.AudioNotFound),
        ("x" * 5000, errors.AudioNotFound),
        ((np.zeros(0, np.float32), RATE), errors.EmptyAudio),
        ((np.zeros((10, 0), np.float32), RATE), errors.UnsupportedAudio),
        ((np.zeros((2, 16_000), np.float32), RATE), errors.UnsupportedAudio),
        ((np.zeros((2, 2, 2), np.float32), RATE), errors.UnsupportedAudio),
        ((np.zeros(9, np.complex64), RATE), errors.UnsupportedAudio),
        ((np.array(["a"]), RATE), errors.UnsupportedAudio),
        ((RATE, np.zeros(9, np.float32)), errors.UnsupportedAudio),
        ((np.zeros(9, np.float32), float("nan")), errors.UnsupportedAudio),
        ((np.zeros(9, np.float32), 0), errors.UnsupportedAudio),
        ((np.zeros(9, np.float32), -16_000), errors.UnsupportedAudio),
        ((np.full(9, 20_000.0), RATE), errors.CorruptAudio),
    ],
)
def test_refusals_are_typed_and_one_sentence(source: object, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        load_clip(source)  # type: ignore[arg-type]
    assert_one_sentence(str(caught.value))


def test_a_hostile_file_name_is_shown_on_one_short_line(tmp_path: Path) -> None:
    path = tmp_path / ("\n\x1b[31m\u202eevil" + "x" * 150 + ".wav")
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(errors.UnsupportedAudio) as caught:
        load_clip(path)
    assert_one_sentence(str(caught.value))


def assert_one_sentence(message: str) -> None:
    assert message.isprintable() and message.endswith(".") and len(message) < 250
    assert not re.search(r"[.!?]\s", message), message
