"""Any clip, from a file or an array, becomes mono float32 at 16 kHz behind one guard.

A header can lie and a small file can unpack to gigabytes (three hours of silence are 265 kB of FLAC), so the limits
hold three times: on the file's size, on what the header announces before any sample is read, and on what the decoder
really gives, block by block. A clip is mixed down and resampled while it is decoded: what is held in memory at once is
the file, one block and the 16 kHz result. The format is taken from the first bytes, never from the file's name, and
each format has one decoder that is told which format to expect, so that a playlist cannot make it open other files.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from emotionthinker.errors import (
    AudioNotFound,
    AudioTooLarge,
    AudioTooLong,
    CorruptAudio,
    EmotionThinkerError,
    EmptyAudio,
    UnsupportedAudio,
)

SAMPLE_RATE = 16_000  # Hz, of every Clip
RATES_HZ = (4_000, 192_000)  # what speech is recorded at; outside, the header is broken or forged
MAX_CHANNELS = 8
MAX_ABS_SAMPLE = 16.0  # full scale is 1; more than 24 dB above it is another unit, not loud speech
# Of the channels' mean power what the mix keeps at least: 1/8 where one of eight speaks alone. Under it one is the other's mirror
# image, as from a plug that is wired the wrong way round, and the mix would be taken for silence.
CANCELLED = 0.01
BLOCK_FRAMES = 65_536  # decoded at a time: 2 MB with 8 channels

FORMATS_TEXT = "wav, flac, mp3, ogg/opus, m4a or webm"
# Demuxer and codecs PyAV may use, for the formats that soundfile does not read.
AV_DEMUXER = {"m4a": "mov", "webm": "matroska"}
AV_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"  # the two demuxers by their full names
AV_CODECS = "aac,alac,flac,mp3,mp3float,opus,libopus,vorbis,libvorbis,pcm_s16le,pcm_s16be,pcm_s24le,pcm_f32le"


@dataclass(frozen=True)
class Limits:
    """What a clip may be: `max_seconds` of sound, `max_bytes` of file."""

    max_seconds: float = 600.0
    max_bytes: int = 20_000_000

    @property
    def max_decoded_bytes(self) -> int:
        """frames × channels × 4 bytes; two channels at 48 kHz for `max_seconds` (230 MB by default)."""
        return int(self.max_seconds * 48_000 * 2 * 4)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Limits:
        """From ET_MAX_SECONDS and ET_MAX_MB (10^6 bytes); EmotionThinkerError where one is no positive number."""
        return cls._read("ET_MAX_SECONDS", "ET_MAX_MB", cls(), os.environ if env is None else env)

    @classmethod
    def long_from_env(cls, env: Mapping[str, str] | None = None) -> Limits:
        """Of recordings that are read block by block: ET_LONG_MAX_SECONDS and ET_LONG_MAX_MB, an hour and 250 MB."""
        return cls._read("ET_LONG_MAX_SECONDS", "ET_LONG_MAX_MB", LONG, os.environ if env is None else env)

    @classmethod
    def _read(cls, seconds_name: str, mb_name: str, default: Limits, env: Mapping[str, str]) -> Limits:
        seconds = _positive_setting(env, seconds_name, default.max_seconds)
        return cls(max_seconds=seconds, max_bytes=int(_positive_setting(env, mb_name, default.max_bytes / 1e6) * 1e6))


LONG = Limits(max_seconds=3600.0, max_bytes=250_000_000)  # an hour of two channels at 16 kHz and 16 bits is 230 MB of wav


@dataclass(frozen=True)
class Clip:
    """Mono sound: `samples` (n,) float32 at 16 kHz, full scale 1; a name for people; the source's rate in Hz."""

    samples: np.ndarray
    name: str = "clip"
    source_rate: int = SAMPLE_RATE

    @property
    def duration_s(self) -> float:
        """Seconds."""
        return len(self.samples) / SAMPLE_RATE


def load_clip(source: str | Path | tuple[np.ndarray, int] | Clip, limits: Limits | None = None) -> Clip:
    """Read a clip.

    source: a path to wav, flac, mp3, ogg (Opus, Vorbis), m4a or webm; or (samples, rate in Hz) with samples (n,) or
        (n, channels) of any integer or float type; or a Clip, which comes back unchanged.
    limits: `Limits.from_env()` unless given.
    Returns the clip whole; nothing is cut. Channels are averaged.
    Raises AudioNotFound, UnsupportedAudio, CorruptAudio, AudioTooLong, AudioTooLarge or EmptyAudio, all AudioError.
    """
    limits = limits or Limits.from_env()
    if isinstance(source, Clip):
        _Guard(source.name, SAMPLE_RATE, 1, limits).check(len(source.samples))
        return source
    if isinstance(source, tuple):
        return _from_array(source, limits)
    return _from_file(Path(source), limits)


def _from_file(path: Path, limits: Limits) -> Clip:
    name = _shown(path.name)
    try:
        if not path.is_file():
            raise AudioNotFound(f"There is no file {name}; give the path of a {FORMATS_TEXT} file.")
        with path.open("rb") as file:
            data = file.read(limits.max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise AudioNotFound(f"The file {name} cannot be read; check its name and its permissions.") from error
    kind = _checked_kind(data[:12], len(data), name, limits)
    with _decoding(io.BytesIO(data), kind, name, limits) as (guard, blocks, _):
        return _assemble(blocks, guard)


@dataclass(frozen=True)
class Recording:
    """An open recording: rate in Hz, channels, the length in seconds that its header states (None: it states none), and
    its samples block by block, (frames, channels) float32, each block checked before the next is decoded."""

    name: str
    rate: int
    channels: int
    announced_s: float | None
    blocks: Iterator[np.ndarray]


@contextlib.contextmanager
def open_recording(path: str | Path, limits: Limits) -> Iterator[Recording]:
    """Decode a long file block by block; in memory at once are one block and what the decoder needs.

    Raises, as `load_clip` does, AudioError subclasses: some when it is opened, some in the middle of the blocks.
    """
    path = Path(path)
    name = _shown(path.name)
    with contextlib.ExitStack() as stack:
        try:
            if not path.is_file():
                raise AudioNotFound(f"There is no file {name}; give the path of a {FORMATS_TEXT} file.")
            file = stack.enter_context(path.open("rb"))
            size, head = os.fstat(file.fileno()).st_size, file.read(12)
            file.seek(0)
        except (OSError, ValueError) as error:  # ValueError: a path with a null character
            raise AudioNotFound(f"The file {name} cannot be read; check its name and its permissions.") from error
        kind = _checked_kind(head, size, name, limits)
        guard, blocks, announced_s = stack.enter_context(_decoding(file, kind, name, limits))
        yield Recording(name, guard.rate, guard.channels, announced_s, blocks)


def _checked_kind(head: bytes, size: int, name: str, limits: Limits) -> str:
    """The format of a file of `size` bytes that begins with `head`. Raises AudioTooLarge, EmptyAudio, UnsupportedAudio."""
    if size > limits.max_bytes:
        raise AudioTooLarge(
            f"{name} is larger than the {limits.max_bytes / 1e6:g} MB allowed; give a shorter clip or a compressed one."
        )
    if not size:
        raise EmptyAudio(f"{name} is an empty file; record it again.")
    kind = _sniff(head)
    if kind is None:
        raise UnsupportedAudio(f"{name} is not a sound file that can be read here; give {FORMATS_TEXT}.")
    return kind


Decoded = tuple["_Guard", Iterator[np.ndarray], float | None]  # the guard, blocks (frames, channels), seconds announced


@contextlib.contextmanager
def _decoding(file: BinaryIO, kind: str, name: str, limits: Limits) -> Iterator[Decoded]:
    """Open a file with the one decoder of its kind; its blocks are checked as they are decoded."""
    decode = _decode_av if kind in AV_DEMUXER else _decode_soundfile
    with contextlib.ExitStack() as stack:
        with _faults_of_the_file(kind, name):
            guard, blocks, announced_s = stack.enter_context(decode(file, kind, name, limits))

        def checked() -> Iterator[np.ndarray]:
            with _faults_of_the_file(kind, name):  # not around the reader of the blocks: its errors are its own
                for block in blocks:
                    yield _checked_block(block, guard)

        yield guard, checked(), announced_s


@contextlib.contextmanager
def _faults_of_the_file(kind: str, name: str) -> Iterator[None]:
    """Whatever a decoder raises on hostile bytes is a fault of the file."""
    try:
        yield
    except EmotionThinkerError:
        raise
    except Exception as error:
        raise CorruptAudio(f"{name} looks like {kind} but cannot be decoded; export it again as wav.") from error


def _sniff(data: bytes) -> str | None:
    """The format by its first bytes, or None."""
    if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE":
        return "wav"
    if data[:4] == b"fLaC":
        return "flac"
    if data[:4] == b"OggS":
        return "ogg"
    if data[:4] == b"\x1a\x45\xdf\xa3":
        return "webm"
    if data[4:8] == b"ftyp":
        return "m4a"
    # MPEG audio: an ID3 tag, or eleven set bits followed by a layer that is not 0 (0 would be AAC).
    if data[:3] == b"ID3" or (len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0 and data[1] & 0x06):
        return "mp3"
    return None


class _Guard:
    """Counts frames of one stream against the limits; made as soon as the rate and the channels are known."""

    def __init__(self, name: str, rate: int, channels: int, limits: Limits) -> None:
        if not RATES_HZ[0] <= rate <= RATES_HZ[1]:
            raise UnsupportedAudio(
                f"{name} claims {rate} samples a second, and {RATES_HZ[0]} to {RATES_HZ[1]} are read; "
                "export it again at 16000 or 48000."
            )
        if not 1 <= channels <= MAX_CHANNELS:
            raise UnsupportedAudio(f"{name} has {channels} channels, and 1 to {MAX_CHANNELS} are read; mix it down.")
        self.name, self.rate, self.channels, self.limits = name, rate, channels, limits
        self.frames = 0

    def check(self, frames: int) -> None:
        """Raise AudioTooLong or AudioTooLarge if a stream of this many frames is over the limits."""
        if frames > self.limits.max_seconds * self.rate:
            raise AudioTooLong(
                f"{self.name} is longer than the {self.limits.max_seconds:g} s allowed; cut it and try again."
            )
        if frames * self.channels * 4 > self.limits.max_decoded_bytes:
            raise AudioTooLarge(
                f"{self.name} unpacks to more than the {self.limits.max_decoded_bytes / 1e6:g} MB allowed; "
                "export it at a lower sample rate or with fewer channels."
            )

    def count(self, frames: int) -> None:
        self.frames += frames
        self.check(self.frames)


def _assemble(blocks: Iterator[np.ndarray], guard: _Guard) -> Clip:
    """Checked blocks of shape (frames, channels), float32, to one Clip."""
    import soxr

    resampler = None if guard.rate == SAMPLE_RATE else soxr.ResampleStream(guard.rate, SAMPLE_RATE, 1, dtype="float32")
    parts = []
    of_channels = of_mix = 0.0  # sums of squares
    for block in blocks:
        mono = block.mean(axis=1, dtype=np.float32)
        of_channels += float(np.vdot(block, block)) / guard.channels
        of_mix += float(np.vdot(mono, mono))
        parts.append(mono if resampler is None else resampler.resample_chunk(mono))
    if resampler is not None and guard.frames:
        parts.append(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
    samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    if not len(samples):
        raise EmptyAudio(f"{guard.name} holds no sound; record it again.")
    require_mixable(guard.name, of_channels, of_mix)
    return Clip(np.ascontiguousarray(samples, np.float32), guard.name, guard.rate)


def require_mixable(name: str, of_channels: float, of_mix: float) -> None:
    """Raises UnsupportedAudio where little is left of the channels' mean power in the power of their mean (any unit)."""
    if of_mix < CANCELLED * of_channels:
        raise UnsupportedAudio(f"The channels of {name} cancel each other out when they are mixed; export one of them alone.")


def _checked_block(block: np.ndarray, guard: _Guard) -> np.ndarray:
    """The block (frames, channels), counted. Raises CorruptAudio for what is no sound, and what the guard raises."""
    guard.count(len(block))
    # max() of an array that holds a NaN is NaN, and NaN fails the comparison.
    if len(block) and not np.abs(block).max() <= MAX_ABS_SAMPLE:
        raise CorruptAudio(f"{guard.name} holds samples that are not numbers or lie far outside -1…1; export it again.")
    return block


def _from_array(source: tuple[np.ndarray, int], limits: Limits) -> Clip:
    name = "the array"
    if len(source) != 2 or not isinstance(source[0], np.ndarray) or not isinstance(source[1], int | float | np.number):
        raise UnsupportedAudio("A tuple was given that is not (samples, rate in Hz); give a NumPy array and its rate.")
    array, rate = source
    if array.dtype.kind not in "iuf" or array.ndim not in (1, 2):
        raise UnsupportedAudio(
            f"An array of type {array.dtype} and shape {array.shape} was given; "
            "give integers or floats of shape (n,) or (n, channels)."
        )
    if not math.isfinite(rate):
        raise UnsupportedAudio("The sample rate given with the array is not a number; give it in Hz.")
    frames = array if array.ndim == 2 else array[:, None]
    guard = _Guard(name, int(rate), frames.shape[1], limits)
    guard.check(len(frames))
    blocks = (_as_float(frames[i : i + BLOCK_FRAMES]) for i in range(0, len(frames), BLOCK_FRAMES))
    return _assemble((_checked_block(block, guard) for block in blocks), guard)


def _as_float(block: np.ndarray) -> np.ndarray:
    """Integers to -1…1 by their own full scale (unsigned ones have their middle at zero); floats as they are."""
    if block.dtype.kind == "f":
        with np.errstate(over="ignore"):  # float64 beyond float32 becomes inf, which is refused afterwards
            return block.astype(np.float32, copy=False)
    full_scale = 2.0 ** (8 * block.dtype.itemsize - 1)
    middle = full_scale if block.dtype.kind == "u" else 0.0
    return ((block.astype(np.float64) - middle) / full_scale).astype(np.float32)


@contextlib.contextmanager
def _decode_soundfile(file: BinaryIO, kind: str, name: str, limits: Limits) -> Iterator[Decoded]:
    import soundfile

    with soundfile.SoundFile(file) as sound:
        guard = _Guard(name, sound.samplerate, sound.channels, limits)
        # A stream that does not know its length announces the largest number there is: only decoding will tell.
        known = sound.frames < 2**62
        if known:
            guard.check(sound.frames)
        if sound.frames == 0:
            raise EmptyAudio(f"{name} holds no sound; record it again.")

        def blocks() -> Iterator[np.ndarray]:
            while len(block := sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
                yield block

        yield guard, blocks(), sound.frames / guard.rate if known else None


@contextlib.contextmanager
def _decode_av(file: BinaryIO, kind: str, name: str, limits: Limits) -> Iterator[Decoded]:
    """m4a and webm. What a browser records has no length in its header, so its packets' times are read first."""
    import av

    last_s = 0.0
    with _open_av(file, kind) as container:
        stream = _audio_stream(container, name)
        guard = _Guard(name, stream.codec_context.sample_rate, stream.codec_context.channels, limits)
        if container.duration is not None:  # microseconds
            guard.check(int(container.duration * guard.rate / 1_000_000))
        first_time = None
        for packet in container.demux(stream):
            if packet.pts is not None and packet.time_base is not None:
                time = packet.pts * packet.time_base
                first_time = time if first_time is None else first_time
                last_s = float(time - first_time)
                guard.check(int(last_s * guard.rate))

    file.seek(0)
    with _open_av(file, kind) as container:
        decoded = container.decode(_audio_stream(container, name))
        first = next(decoded, None)
        if first is None:
            raise EmptyAudio(f"{name} holds no sound; record it again.")
        # High-efficiency AAC doubles the rate that its header says: the first frame has the last word.
        guard = _Guard(name, first.sample_rate, len(first.layout.channels), limits)
        planar = av.AudioResampler(format="fltp", layout=first.layout, rate=first.sample_rate)

        def blocks() -> Iterator[np.ndarray]:
            for frame in itertools.chain([first], decoded):
                frame.pts = None  # the converter would fill gaps between the stamps with silence
                for part in planar.resample(frame):
                    yield part.to_ndarray().T

        yield guard, blocks(), last_s or None


def _open_av(file: BinaryIO, kind: str) -> Any:
    """An open container on an open file, held to one demuxer and to sound codecs; it can open nothing else."""
    import av

    options = {"protocol_whitelist": "", "format_whitelist": AV_FORMATS, "codec_whitelist": AV_CODECS}
    return av.open(file, mode="r", format=AV_DEMUXER[kind], container_options=options)


def _audio_stream(container: Any, name: str) -> Any:
    if not container.streams.audio:
        raise UnsupportedAudio(f"{name} holds no sound track; give {FORMATS_TEXT}.")
    return container.streams.audio[0]


def _shown(name: str) -> str:
    """A file name fit for one line of text: printable characters only, at most 80."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    return shown if len(shown) <= 80 else shown[:60] + "…" + shown[-19:]


def _positive_setting(env: Mapping[str, str], variable: str, default: float) -> float:
    text = env.get(variable, "").strip()
    try:
        value = float(text) if text else default
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise EmotionThinkerError(
            f"The setting {variable} is {_shown(text)!r}, and a positive number is needed; correct or unset it."
        )
    return value
