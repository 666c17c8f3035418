"""A long recording as 16 kHz blocks, a column for each speaker that can be told apart by channel.

In memory at once are one block and, at the start of a stereo file, as much as it takes to see whether its channels hold
two speakers (a call) or one room (a stereo microphone).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from emotionthinker.audio import SAMPLE_RATE, Limits, Recording, open_recording, require_mixable
from emotionthinker.prosody.energy import track_energy

ONE_LINE: tuple[str, ...] = ("voice",)
TWO_LINES: tuple[str, ...] = ("left", "right")
# Where somebody speaks, the two legs of a call differ by the whole contrast between speech and silence (30 dB and more, less
# what a headset leaks); two microphones in one room differ by the distances, 6 dB for twice as far.
APART_DB = 10.0
LOUD_DB = 30.0  # below the loudest frame: what counts as somebody speaking
DECIDE_LOUD_S = 10.0  # of loud sound are enough to decide
DECIDE_AT_MOST_S = 300.0  # hold music and silence before it: 38 MB


@dataclass(frozen=True)
class Lines:
    """An open recording: its name, the length in seconds its header states (or None), how its channels were taken
    ("mono", "mixed", "separate"), the names of its lines, and its blocks (n, lines) float32 at 16 kHz."""

    name: str
    announced_s: float | None
    channels: str
    lines: tuple[str, ...]
    blocks: Iterator[np.ndarray]


@contextlib.contextmanager
def open_lines(path: str | Path, limits: Limits) -> Iterator[Lines]:
    """Open a recording. Raises AudioError subclasses, some of them while the blocks are read."""
    with open_recording(path, limits) as recording:
        blocks = _at_16_khz(recording)
        if recording.channels != 2:
            mode = "mono" if recording.channels == 1 else "mixed"
            yield Lines(recording.name, recording.announced_s, mode, ONE_LINE, blocks)
            return
        first = _read_until_decided(blocks)
        rest = chain([first], blocks)
        if hold_two_speakers(first):
            yield Lines(recording.name, recording.announced_s, "separate", TWO_LINES, rest)
        else:
            mean = first.mean(axis=1, dtype=np.float32)
            require_mixable(recording.name, float(np.vdot(first, first)) / 2, float(np.vdot(mean, mean)))
            mixed = (block.mean(axis=1, keepdims=True, dtype=np.float32) for block in rest)
            yield Lines(recording.name, recording.announced_s, "mixed", ONE_LINE, mixed)


def _at_16_khz(recording: Recording) -> Iterator[np.ndarray]:
    """(n, 1 or 2) blocks: more than two channels are averaged."""
    import soxr

    kept = recording.channels if recording.channels <= 2 else 1
    resampler = None
    if recording.rate != SAMPLE_RATE:
        resampler = soxr.ResampleStream(recording.rate, SAMPLE_RATE, kept, dtype="float32")
    for block in recording.blocks:
        if kept != recording.channels:
            block = block.mean(axis=1, keepdims=True, dtype=np.float32)
        yield block if resampler is None else _columns(resampler.resample_chunk(np.ascontiguousarray(block)), kept)
    if resampler is not None:
        yield _columns(resampler.resample_chunk(np.zeros((0, kept), np.float32), last=True), kept)


def _columns(block: np.ndarray, n: int) -> np.ndarray:
    return block.reshape(-1, n)


def _read_until_decided(blocks: Iterator[np.ndarray]) -> np.ndarray:
    """(n, 2): the beginning of a stereo recording, up to DECIDE_LOUD_S of loud sound."""
    parts: list[np.ndarray] = [np.zeros((0, 2), np.float32)]
    looked_at = 0
    for block in blocks:
        parts.append(block)
        n = sum(map(len, parts))
        if n >= DECIDE_AT_MOST_S * SAMPLE_RATE:
            break
        if n - looked_at >= DECIDE_LOUD_S * SAMPLE_RATE:
            looked_at = n
            if _loud_levels(np.concatenate(parts)).shape[1] * 0.01 >= DECIDE_LOUD_S:
                break
    return np.concatenate(parts)


def hold_two_speakers(samples: np.ndarray) -> bool:
    """Whether the two channels (n, 2) at 16 kHz carry a speaker each: in loud frames their levels lie far apart."""
    left, right = _loud_levels(samples)
    return len(left) > 0 and float(np.median(np.abs(left - right))) >= APART_DB


def _loud_levels(samples: np.ndarray) -> np.ndarray:
    """(2, m) dBFS of both channels in the 10 ms frames where at least one of them is loud."""
    levels = np.stack([track_energy(samples[:, i]).dbfs for i in (0, 1)])
    loudest = levels.max(axis=0, initial=-100.0)
    return levels[:, loudest > max(float(loudest.max(initial=-100.0)) - LOUD_DB, -70.0)]
