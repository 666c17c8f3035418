"""A voice taken apart into pitch, spectrum and noise, and put together again with one of them changed.

WORLD (Morise et al. 2016, through pyworld) does both, at a pitch that swift-f0 found. Two things keep what was not changed as it
was recorded, where plain resynthesis does not (measured in LOG.md):
- only voiced stretches, and those whose pace changes, are synthesised; the rest are the recording's own samples, faded in;
- what is synthesised follows the recording's level, 40 ms by 40 ms: a vocoder's level depends on the pitch it sings at.
"""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.prosody.pitch import FMAX_HZ, FMIN_HZ, F0Track, track_f0

HOP_S = 0.005  # WORLD's own step
HOP = round(HOP_S * SAMPLE_RATE)  # 80 samples
LEVEL_WINDOW = 640  # samples = 40 ms: two periods of the lowest pitch
LEVEL_LIMIT = 10.0  # the synthesised voice is made at most 20 dB louder or softer, so that silence is not blown up
BRIDGED_FRAMES = 3  # 48 ms: unsure frames inside a voiced stretch are taken to be voiced
MAX_S = 60.0  # the spectra take 1.6 MB a second


class CannotChange(EmotionThinkerError):
    """This change cannot be made to this clip, or not on this machine."""


@dataclass(frozen=True)
class Voice:
    """A clip (n,) float64 taken apart. Per 5 ms: `f0_hz` (m,), 0 where unvoiced; `envelope` (m, k), the power spectrum;
    `aperiodicity` (m, k), the share of noise in it, 0…1."""

    samples: np.ndarray
    f0_hz: np.ndarray
    envelope: np.ndarray
    aperiodicity: np.ndarray

    @property
    def times_s(self) -> np.ndarray:
        """(m,): where each frame is centred."""
        return np.arange(len(self.f0_hz)) * HOP_S


def available() -> bool:
    """Whether pyworld is installed."""
    return importlib.util.find_spec("pyworld") is not None


def _pyworld() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it reads its version in an old way, which is nothing that a visitor can mend
        import pyworld
    return pyworld


def take_apart(samples: np.ndarray) -> Voice:
    """samples: (n,) at 16 kHz. Raises CannotChange where pyworld is missing, or over 60 s of sound."""
    if not available():
        raise CannotChange("Changing pitch, speed, stress or voicing needs the package pyworld-prebuilt; run "
                           "`pip install pyworld-prebuilt` and start again.")
    if len(samples) > MAX_S * SAMPLE_RATE:
        raise CannotChange(f"The clip has {len(samples) / SAMPLE_RATE:.0f} s, and a voice can be changed in clips of up to "
                           f"{MAX_S:.0f} s; cut it and try again.")
    pyworld = _pyworld()
    sound = np.ascontiguousarray(samples, np.float64)
    times_s = np.arange(len(sound) // HOP + 1) * HOP_S
    f0_hz = _at_times(track_f0(np.asarray(samples, np.float32)), times_s)
    envelope = pyworld.cheaptrick(sound, f0_hz, times_s, SAMPLE_RATE, f0_floor=FMIN_HZ)
    # threshold 0: swift-f0 alone decides what is voiced.
    aperiodicity = pyworld.d4c(sound, f0_hz, times_s, SAMPLE_RATE, threshold=0.0, fft_size=2 * (envelope.shape[1] - 1))
    return Voice(sound, f0_hz, envelope, aperiodicity)


def put_together(voice: Voice, *, f0_hz: np.ndarray | None = None, rate: np.ndarray | None = None,
                 gain_db: np.ndarray | None = None, whispered: bool = False) -> np.ndarray:
    """The voice as samples, (n',) float64, with what is given changed and the rest as it was.

    f0_hz (m,): another pitch for the voiced frames. rate (m,): how much faster each frame passes, 1 as recorded.
    gain_db (m,): louder or softer by frame. whispered: noise in place of the voice, everywhere.
    """
    pyworld = _pyworld()
    m = len(voice.f0_hz)
    voiced = voice.f0_hz > 0
    wanted_hz = np.clip(voice.f0_hz if f0_hz is None else f0_hz, FMIN_HZ, FMAX_HZ)
    pace = np.ones(m) if rate is None else np.asarray(rate, np.float64)
    clock_s = np.concatenate(([0.0], np.cumsum(HOP_S / pace)))  # (m + 1,): when each source frame passes in the result
    source_clock_s = np.arange(m + 1) * HOP_S
    n_out = round(float(np.interp(len(voice.samples) / SAMPLE_RATE, source_clock_s, clock_s)) * SAMPLE_RATE)
    frames = np.arange(n_out // HOP + 1)
    pick = np.minimum(np.round(np.interp(frames * HOP_S, clock_s, np.arange(m + 1))).astype(int), m - 1)

    sung_hz = np.where(voiced[pick] & (not whispered), wanted_hz[pick], 0.0)
    noise = np.ones_like(voice.aperiodicity[pick]) if whispered else voice.aperiodicity[pick]
    made = pyworld.synthesize(sung_hz, voice.envelope[pick], np.ascontiguousarray(noise), SAMPLE_RATE, HOP_S * 1e3)
    made = np.pad(made, (0, max(0, n_out - len(made))))[:n_out]
    level = np.sqrt((_power(voice.samples, m)[pick] + 1e-12) / (_power(made, len(frames)) + 1e-12))
    made *= _to_samples(np.clip(level, 1 / LEVEL_LIMIT, LEVEL_LIMIT), n_out)

    # Equal power, not equal amplitude: recording and synthesis agree in level, not in phase.
    share = _to_samples((np.full(m, True) if whispered else voiced | (pace != 1.0))[pick].astype(float), n_out)
    source = np.interp(np.arange(n_out) / SAMPLE_RATE, clock_s, source_clock_s) * SAMPLE_RATE
    kept = voice.samples[np.minimum(np.round(source).astype(int), len(voice.samples) - 1)]
    result = np.sin(share * np.pi / 2) * made + np.cos(share * np.pi / 2) * kept
    if gain_db is not None:
        result *= 10 ** (_to_samples(np.asarray(gain_db, np.float64)[pick], n_out) / 20)
    return result


def time_after(rate: np.ndarray, seconds: float) -> float:
    """When a moment of the recording comes in what `put_together` makes with this `rate` (m,)."""
    clock_s = np.concatenate(([0.0], np.cumsum(HOP_S / rate)))
    return float(np.interp(seconds, np.arange(len(clock_s)) * HOP_S, clock_s))


def _at_times(track: F0Track, times_s: np.ndarray) -> np.ndarray:
    """The pitch track at other times: (m,) Hz, 0 where unvoiced; a line in log Hz between frames, over short gaps too."""
    hz = track.hz.astype(np.float64)
    known = np.flatnonzero(np.isfinite(hz))
    if not len(known):
        return np.zeros(len(times_s))
    voiced = np.isfinite(hz)
    for before, after in pairwise(known):
        voiced[before:after] |= after - before <= BRIDGED_FRAMES + 1
    line = np.exp(np.interp(times_s, known * track.hop_s, np.log(hz[known])))
    nearest = np.minimum(np.round(times_s / track.hop_s).astype(int), len(hz) - 1)
    return np.where(voiced[nearest], line, 0.0)


def _power(samples: np.ndarray, n_frames: int) -> np.ndarray:
    """(n_frames,): mean square around each frame's centre."""
    from scipy.signal import oaconvolve

    window = np.hanning(LEVEL_WINDOW)
    power = np.maximum(oaconvolve(np.square(samples), window / window.sum(), mode="same"), 0.0)
    return power[np.minimum(np.arange(n_frames) * HOP, len(samples) - 1)]


def _to_samples(curve: np.ndarray, n: int) -> np.ndarray:
    """A curve of one value per 5 ms as (n,) values, straight lines between."""
    return np.interp(np.arange(n), np.arange(len(curve)) * HOP, curve)
