"""The same voice in another room: a clip through another microphone, with reverberation and noise, at the level it had.

What the voice does stays as it was (pitch, pace, loudness, words), so a label record still holds. In GRPO-PTR the thinker hears its
training clips this way: it knows them by heart as they are, nearly every reply to them is right, and a group whose replies all earn
the same teaches nothing. Supervised training draws its own views of log-mels, which move the cues as well (`training.mel`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emotionthinker.audio import SAMPLE_RATE

CHANNEL_BANDS = 6  # points of a microphone's response over log frequency
LOWEST_HZ = 60.0
FIRST_ECHO_S = 0.005


@dataclass(frozen=True)
class Rooms:
    """What to draw from. SNRs are of the whole clip; a reverberation time is that of a fall by 60 dB."""

    tilt_db: float = 8.0  # end to end over log frequency, either way
    ripple_db: float = 3.0  # of the microphone's response, standard deviation
    noise_share: float = 0.5  # of clips
    snr_db: tuple[float, float] = (5.0, 35.0)
    reverb_share: float = 0.25
    rt60_s: tuple[float, float] = (0.1, 0.5)


def another_room(samples: np.ndarray, rooms: Rooms, rng: np.random.Generator) -> np.ndarray:
    """samples (n,) float32 at 16 kHz -> (n,) float32 of the same RMS. A clip without sound stays as it is."""
    level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    if level == 0.0:
        return samples
    made = _microphone(samples.astype(np.float64), rooms, rng)
    if rng.random() < rooms.reverb_share:
        made = _reverberant(made, rng.uniform(*rooms.rt60_s), rng)
    if rng.random() < rooms.noise_share:
        noise = _noise(len(made), rng)
        made = made + noise * np.sqrt(np.mean(made**2)) * 10 ** (-rng.uniform(*rooms.snr_db) / 20)
    return (made * level / np.sqrt(np.mean(made**2))).astype(np.float32)


def _microphone(samples: np.ndarray, rooms: Rooms, rng: np.random.Generator) -> np.ndarray:
    """Through a smooth random response, without delay."""
    spectrum = np.fft.rfft(samples)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE), LOWEST_HZ) / LOWEST_HZ)
    along = octaves / octaves[-1]  # 0 at the lowest, 1 at the highest frequency
    ripple = np.interp(along, np.linspace(0, 1, CHANNEL_BANDS), rng.normal(0, rooms.ripple_db, CHANNEL_BANDS))
    gain_db = rng.uniform(-rooms.tilt_db, rooms.tilt_db) * (along - 0.5) + ripple
    return np.fft.irfft(spectrum * 10 ** (gain_db / 20), len(samples))


def _reverberant(samples: np.ndarray, rt60_s: float, rng: np.random.Generator) -> np.ndarray:
    """With a tail of decaying noise after the direct sound, half as strong as it or less; as long as before."""
    from scipy.signal import fftconvolve

    times_s = np.arange(round(rt60_s * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.normal(0, 1, len(times_s)) * 10 ** (-3 * times_s / rt60_s) * (times_s >= FIRST_ECHO_S)
    tail *= rng.uniform(0.1, 0.5) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return fftconvolve(samples, tail)[: len(samples)]


def _noise(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) noise of unit RMS whose spectrum falls by 0 to 6 dB an octave, as that of rooms and streets does."""
    spectrum = np.fft.rfft(rng.normal(0, 1, n))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(n, 1 / SAMPLE_RATE), LOWEST_HZ) / LOWEST_HZ)
    shaped = np.fft.irfft(spectrum * 10 ** (-rng.uniform(0, 6) * octaves / 20), n)
    return shaped / max(float(np.sqrt(np.mean(shaped**2))), 1e-12)
