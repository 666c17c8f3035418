"""Recordings and model texts that nobody would send in good faith, each made from its number alone."""

from __future__ import annotations

import io
import random
from functools import lru_cache
from typing import cast

import av
import numpy as np
import soundfile

from emotionthinker.page.engine import EXAMPLES
from emotionthinker.prompt import PUBLISHED_LABELS

# Container and codec of every format that is read, as PyAV names them; Vorbis comes from soundfile.
FORMATS = (("wav", "pcm_s16le"), ("wav", "pcm_f32le"), ("flac", "flac"), ("mp3", "libmp3lame"), ("ogg", "libopus"),
           ("ogg", "vorbis"), ("ipod", "aac"), ("ipod", "alac"), ("webm", "libopus"))
SIGNATURES = (b"RIFF\0\0\0\0WAVEfmt ", b"RF64\xff\xff\xff\xffWAVE", b"fLaC\0\0\0\x22", b"OggS\0\2", b"\x1a\x45\xdf\xa3",
              b"\0\0\0\x20ftypM4A ", b"ID3\4\0\0\0\0\0\0", b"\xff\xfb\x90\x64")
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
LONGEST = 50_000  # characters of a reply, as `remote.MAX_REPLY_CHARS`
HEADER = 400  # bytes: what says how the rest is to be read


@lru_cache(maxsize=1)
def honest_files() -> tuple[bytes, ...]:
    """The same second and a half of a voice in every format, mono and stereo."""
    samples, rate = soundfile.read(EXAMPLES / "angry.flac", dtype="float32")
    voice = samples[: int(1.5 * rate)]
    stereo = np.stack([voice, voice], 1)
    return tuple(encoded(stereo[:, :channels], rate, *how) for how in FORMATS for channels in (1, 2))


def encoded(samples: np.ndarray, rate: int, container: str, codec: str) -> bytes:
    """Samples (n, channels) at `rate` Hz as a file in memory; at 48 kHz where the codec knows no other."""
    buffer = io.BytesIO()
    if codec == "vorbis":
        soundfile.write(buffer, samples, rate, format="OGG", subtype="VORBIS")
        return buffer.getvalue()
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    out_rate = 48_000 if codec == "libopus" else rate
    with av.open(buffer, "w", format=container) as file:
        stream = cast(av.AudioStream, file.add_stream(codec, rate=out_rate, layout=layout))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        size = stream.codec_context.frame_size or None
        convert = av.AudioResampler(stream.codec_context.format.name, layout, out_rate, frame_size=size)
        for part in convert.resample(frame) + convert.resample(None):
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return buffer.getvalue()


def audio_case(seed: int) -> bytes:
    """The file of a seed: one of eleven ways to be wrong, on one of the formats, sometimes two ways at once."""
    rng = random.Random(f"audio {seed}")
    files = honest_files()
    data = bytearray(rng.choice(files))
    ways = rng.choices(WAYS, k=1 if rng.random() < 0.7 else 2)
    for way in ways:
        data = way(data, rng, files)
    return bytes(data)


def _noise(data: bytearray, rng: random.Random, files: tuple[bytes, ...]) -> bytearray:
    return bytearray(rng.randbytes(rng.randrange(6000)))


def _signed_noise(data: bytearray, rng: random.Random, files: tuple[bytes, ...]) -> bytearray:
    return bytearray(rng.choice(SIGNATURES) + rng.randbytes(rng.randrange(4000)))


def _header_bytes(data: bytearray, rng: random.Random, files: tuple[bytes, ...]) -> bytearray:
    for _ in range(rng.randint(1, 12)):
        if data:
            data[rng.randrange(min(HEADER, len(data)))] = rng.randrange(256)
    return data


def _header_numbers(data: bytearray, rng: random.Random, files: tuple[bytes, ...]) -> bytearray:
    """A size, a rate or a count becomes one that is at the edge of what can be written there."""
    for _ in range(rng.randint(1, 3)):
        width, order = rng.choice((1, 2, 4, 8)), rng.choice(("little", "big"))
        at = rng.randrange(max(1, min(HEADER, len(data)) - width))
        data[at : at + width] = (rng.choice(EDGES) % 256**width).to_bytes(width, order)  # type: ignore[arg-type]
    return data


def _bit_flips(data: bytearray, rng: random.Random, files: tuple[bytes, ...]) -> bytearray:
    for _ in range(rng.choice((1, 4, 40, 400))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def _cut_short(data: bytearray, rng: random.Random, files: tuple[bytes, ...]) -> bytearray:
    return data[: rng.randrange(len(data) + 1)]


def _hole(data: bytearray, rng: random.Random, files: tuple[bytes, ...]) -> bytearray:
    a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return data[:a] + data[b:] if rng.random() < 0.5 else data[:a] + bytes(b - a) + data[b:]


def _repeated(data: bytearray, rng: random.Random, files: tuple[bytes, ...]) -> bytearray:
    a, b = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    part = data[a:b][:20_000]
    return data[:b] + part * rng.randint(1, 20) + data[b:]


def _spliced(data: bytearray, rng: random.Random, files: tuple[bytes, ...]) -> bytearray:
    other = rng.choice(files)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other)) :]


def _inside_another(data: bytearray, rng: random.Random, files: tuple[bytes, ...]) -> bytearray:
    return bytearray(rng.choice(SIGNATURES)) + data


def _tail(data: bytearray, rng: random.Random, files: tuple[bytes, ...]) -> bytearray:
    return data + rng.randbytes(rng.randrange(3000))


WAYS = (_noise, _signed_noise, _header_bytes, _header_numbers, _bit_flips, _cut_short, _hole, _repeated, _spliced, _inside_another,
        _tail)

TAGS = ("<think>", "</think>", "<answer>", "</answer>")
SAID = (
    "The pitch is very high", "her pitch is low at 260 Hz", "The energy is low, almost a whisper",
    "a man of about forty speaks", "She pauses for 2.5 s before", "with weight on “never”",
    "She says \"I will never do that again\"", "the melody falls, then rises", "spoken fast, at 14.8 phones per second",
    "neither loud nor soft", "not as slow as it seems", "the range spans 10.5 semitones",
    "as if the voice were not high but low", "It sounds angry", "Perhaps it rains tomorrow",
    "the speaker, a young woman, hesitates", "no pauses at all", "louder than 81 % of women", "−14 dBFS",
    "the stress on 'again' is strong",
)
NASTY = (
    "<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "<svg/onload=alert(1)>", "\u202e", "\u2066", "\x00",
    "\ufeff", "\ud7ff", "&lt;b&gt;", "${7*7}", "{{7*7}}", "=HYPERLINK(1)", "'; DROP TABLE ratings; --", "<", ">", "&", "\"",
    "“", "”", "'", "(((((", "[" * 30, "<think", "</answer", "<|im_end|>", "<|AUDIO|>", "\r\n", "\t",
    "\u2028", "a\u0301\u0301\u0301", "𝒽𝒾𝑔𝒽", "ｐｉｔｃｈ ｉｓ ｈｉｇｈ", "高い", "ارتفاع", "🎧", "1e999", "NaN", "-0", "٣٫٥ Hz",
    "9" * 50, "0.0000000001 s",
)
JOINTS = (" ", ", ", ". ", "; ", " and ", " but ", "\n", "", "! ", "? ", "… ", " – ", " not ", " very ", " because ", " while ")


def text_case(seed: int) -> str:
    """The reply of a seed: from nearly well-formed to nothing but marks; a few in a thousand as long as a reply may get."""
    rng = random.Random(f"text {seed}")
    body = _body(rng, rng.choice((0, 1, 3, 10, 40)))
    if rng.random() < 0.003:  # the longest that is read of an endpoint, in an order of its own
        piece = _body(rng, rng.choice((1, 5, 60))) or "<"
        body = (piece * (LONGEST // len(piece) + 1))[: rng.randrange(LONGEST // 4, LONGEST)]
    label = rng.choice((*PUBLISHED_LABELS, "", "angry or sad", "ANGRY.", ", ".join(PUBLISHED_LABELS), rng.choice(NASTY)))
    parts = ["<think>", body, "</think>", "<answer>", label, "</answer>"]
    for _ in range(rng.choice((0, 0, 0, 1, 2, 5))):
        at = rng.randrange(len(parts) + 1)
        change = rng.random()
        if change < 0.35:
            parts.insert(at, rng.choice((*TAGS, *NASTY)))
        elif change < 0.6 and parts:
            parts.pop(at % len(parts))
        elif change < 0.8 and parts:
            parts.insert(at, parts[at % len(parts)])
        else:
            rng.shuffle(parts)
    text = "".join(parts)
    return text[: rng.randrange(len(text) + 1)] if rng.random() < 0.15 else text


def _body(rng: random.Random, n: int) -> str:
    out = ""
    for _ in range(n):
        piece = rng.choice(SAID) if rng.random() < 0.75 else rng.choice(NASTY)
        if rng.random() < 0.15 and piece:  # a slip of one letter
            at = rng.randrange(len(piece))
            piece = piece[:at] + rng.choice("aeX9<\"'.,") + piece[at + 1 :]
        out += piece + rng.choice(JOINTS)
    return out
