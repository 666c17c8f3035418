"""Files that lie, swell or are something else: a typed error of one sentence, little memory, soon (CHECKS 1 and 3).

Each hostile file is read in a process of its own, which may use 2 s of processor time (the kernel ends it otherwise)
and reports its peak memory above what it held after reading a harmless clip.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from emotionthinker import errors
from emotionthinker.audio import load_clip
from tests.sounds import encode, glide, hours_of_silence, wav_bytes
from tests.test_audio import assert_one_sentence

ROOT = Path(__file__).resolve().parent.parent
MAX_PEAK_BYTES = 512 * 1024**2
MAX_CPU_S = 2

CHILD = """
import json, resource, sys
from emotionthinker.audio import load_clip
from emotionthinker.errors import AudioError

def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

load_clip(sys.argv[1]), load_clip(sys.argv[2])  # both decoders are loaded and warm
idle = peak_bytes()
used = resource.getrusage(resource.RUSAGE_SELF)
spent = used.ru_utime + used.ru_stime
resource.setrlimit(resource.RLIMIT_CPU, (int(spent + 0.999) + int(sys.argv[4]),) * 2)
try:
    clip = load_clip(sys.argv[3])
    outcome = {"error": None, "duration_s": clip.duration_s}
except AudioError as error:
    outcome = {"error": type(error).__name__, "message": str(error)}
print(json.dumps({**outcome, "peak": peak_bytes() - idle}))
"""


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("harmless")
    wav, webm = folder / "a.wav", folder / "a.webm"
    wav.write_bytes(wav_bytes(glide(150.0, 1), 22_050))
    webm.write_bytes(encode(glide(150.0, 1), 16_000, "webm", "libopus"))
    return wav, webm


def read_in_child(data: bytes, path: Path, harmless: tuple[Path, Path]) -> dict:
    path.write_bytes(data)
    command = [sys.executable, "-c", CHILD, *map(str, harmless), str(path), str(MAX_CPU_S)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"ended by signal or error {done.returncode}: {done.stderr[-500:]}"
    outcome = json.loads(done.stdout)
    assert outcome["peak"] < MAX_PEAK_BYTES
    return outcome


def assert_refused_soon(data: bytes, path: Path, harmless: tuple[Path, Path], allowed: type[Exception]) -> None:
    outcome = read_in_child(data, path, harmless)
    assert outcome["error"] == allowed.__name__, outcome
    assert_one_sentence(outcome["message"])


def assert_refused(data: bytes, path: Path, *allowed: type[Exception]) -> None:
    path.write_bytes(data)
    with pytest.raises(allowed) as caught:
        load_clip(path)
    assert_one_sentence(str(caught.value))


def silent_flac(seconds: int, rate: int, channels: int = 1) -> bytes:
    import io

    import soundfile

    buffer = io.BytesIO()
    second = np.zeros((rate, channels), np.int16)
    with soundfile.SoundFile(buffer, "w", rate, channels, format="FLAC", subtype="PCM_16") as file:
        for _ in range(seconds):
            file.write(second)
    return buffer.getvalue()


def with_flac_header(data: bytes, rate: int, frames: int) -> bytes:
    """The same FLAC stream whose STREAMINFO claims another rate (20 bits) and number of frames (36 bits)."""
    old = int.from_bytes(data[18:26], "big")
    keep = old & (0xFF << 36)  # channels and bits a sample
    return data[:18] + (rate << 44 | keep | frames).to_bytes(8, "big") + data[26:]


def with_wav_rate(data: bytes, rate: int) -> bytes:
    return data[:24] + struct.pack("<I", rate) + data[28:]


@pytest.fixture(scope="module")
def three_hours() -> bytes:
    data = silent_flac(3 * 3600, 8_000)
    assert len(data) < 1_000_000
    return data


def test_check_01_three_hours_of_silence_flac(
    tmp_path: Path, harmless: tuple[Path, Path], three_hours: bytes
) -> None:
    assert_refused_soon(three_hours, tmp_path / "x.flac", harmless, errors.AudioTooLong)


@pytest.mark.parametrize("frames", [0, 5_600], ids=["unknown", "0.7 s"])
def test_check_01_three_hours_of_flac_that_claims_less(
    tmp_path: Path, harmless: tuple[Path, Path], three_hours: bytes, frames: int
) -> None:
    data = with_flac_header(three_hours, 8_000, frames)
    outcome = read_in_child(data, tmp_path / "x.flac", harmless)
    # The decoder either goes on past the claim, and is stopped, or holds to it: then there are 0.7 s and no harm.
    assert outcome["error"] in {"AudioTooLong", "CorruptAudio", "EmptyAudio"} or outcome["duration_s"] < 1


@pytest.mark.parametrize(
    ("container", "codec", "rate"), [("ogg", "libopus", 48_000), ("mp3", "libmp3lame", 8_000), ("webm", "libopus", 48_000)]
)
def test_check_01_three_hours_of_silence_opus_mp3_webm(
    tmp_path: Path, harmless: tuple[Path, Path], container: str, codec: str, rate: int
) -> None:
    data = hours_of_silence(3, container, codec, rate)
    assert len(data) < 20_000_000
    assert_refused_soon(data, tmp_path / "x", harmless, errors.AudioTooLong)


def test_check_01_a_minute_that_claims_700_ms(tmp_path: Path, harmless: tuple[Path, Path]) -> None:
    data = with_wav_rate(wav_bytes(np.zeros(60 * 16_000), 16_000), 1_371_428)
    assert_refused_soon(data, tmp_path / "x.wav", harmless, errors.UnsupportedAudio)


def test_check_01_a_rate_that_is_allowed_still_meets_the_limit_on_bytes(
    tmp_path: Path, harmless: tuple[Path, Path]
) -> None:
    """As much as 600 s of 48 kHz stereo may be unpacked; in 8 channels at 192 kHz that is 37.5 s."""
    data = with_flac_header(silent_flac(901, 8_000, channels=8), 192_000, 901 * 8_000)
    assert_refused_soon(data, tmp_path / "x.flac", harmless, errors.AudioTooLarge)


def test_check_01_eight_channels_at_655350_hz(tmp_path: Path, harmless: tuple[Path, Path]) -> None:
    data = with_flac_header(silent_flac(10, 8_000, channels=8), 655_350, 80_000)
    assert_refused_soon(data, tmp_path / "x.flac", harmless, errors.UnsupportedAudio)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
def test_check_01_numbers_that_are_no_sound(tmp_path: Path, bad: float) -> None:
    x = np.zeros(16_000)
    x[7_000] = bad
    assert_refused(wav_bytes(x, 16_000, "FLOAT"), tmp_path / "x.wav", errors.CorruptAudio)
    with pytest.raises(errors.CorruptAudio):
        load_clip((x, 16_000))


@pytest.mark.parametrize(("container", "codec"), [("wav", "pcm_s16le"), ("flac", "flac"), ("webm", "libopus"), ("ipod", "aac")])
def test_check_01_zero_frames(tmp_path: Path, container: str, codec: str) -> None:
    data = wav_bytes(np.zeros(0), 16_000) if container == "wav" else encode(np.zeros((0, 1)), 48_000, container, codec)
    assert_refused(data, tmp_path / "x", errors.EmptyAudio, errors.CorruptAudio)


@pytest.mark.parametrize("kept", [4, 12, 20, 36, 43])
@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "ogg", "webm", "ipod"])
def test_check_01_truncated_header(tmp_path: Path, kind: str, kept: int) -> None:
    codec = {"wav": "pcm_s16le", "mp3": "libmp3lame", "ogg": "libopus", "webm": "libopus", "ipod": "aac"}.get(kind, kind)
    assert_refused(encode(glide(150.0, 0.5), 16_000, kind, codec)[:kept], tmp_path / "x", errors.AudioError)


PLAYLISTS = {
    "text": b"This is a letter, not a recording.\n" * 40,
    "m3u": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\nhttp://127.0.0.1:1/a.ts\n",
    "hls": b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:5\n#EXTINF:5.0,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n",
    "concat": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "dash": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>http://127.0.0.1:1/</BaseURL></MPD>',
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 1 RTP/AVP 0\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_check_01_text_or_a_playlist_renamed_wav(tmp_path: Path, kind: str) -> None:
    assert_refused(PLAYLISTS[kind], tmp_path / "x.wav", errors.UnsupportedAudio)


def hostile_bytes(seed: int, valid: list[bytes]) -> bytes:
    """By seed: noise, noise behind a true signature, a true file with some bytes changed, or cut short."""
    rng = np.random.default_rng(seed)
    noise = rng.bytes(int(rng.integers(0, 4_000)))
    source = valid[seed // 4 % len(valid)]
    if seed % 4 == 0:
        return noise
    if seed % 4 == 1:
        return source[: int(rng.integers(4, 64))] + noise
    if seed % 4 == 2:
        changed = bytearray(source)
        where = rng.integers(0, len(source), size=int(rng.integers(1, 40)))
        if rng.random() < 0.5:
            where = where % 300  # the header
        for i in where:
            changed[i] = int(rng.integers(256))
        return bytes(changed)
    return source[: int(rng.integers(0, len(source)))]


def test_check_03_a_thousand_random_files(tmp_path: Path) -> None:
    voice = glide(150.0, 0.3)
    valid = [
        encode(voice, 16_000, "wav", "pcm_s16le"),
        encode(voice, 16_000, "flac", "flac"),
        encode(voice, 16_000, "mp3", "libmp3lame"),
        encode(voice, 16_000, "ogg", "libopus"),
        encode(voice, 44_100, "ogg", "vorbis"),
        encode(voice, 44_100, "ipod", "aac"),
        encode(voice, 48_000, "webm", "libopus"),
    ]
    path = tmp_path / "x.wav"
    refused = 0
    for seed in range(1_000):
        path.write_bytes(hostile_bytes(seed, valid))
        try:
            clip = load_clip(path)
        except errors.AudioError as error:
            refused += 1
            assert_one_sentence(str(error))
        else:  # a change that hit samples only
            assert np.isfinite(clip.samples).all() and len(clip.samples) > 0
    assert refused > 500  # all of the noise and what of the rest was broken
