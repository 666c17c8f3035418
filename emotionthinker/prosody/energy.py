"""Loudness over time in dBFS, the level of the speech, the noise under it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emotionthinker.audio import SAMPLE_RATE

HOP = SAMPLE_RATE // 100  # 160 samples = 10 ms
FRAME = 400  # samples = 25 ms, centred on each hop
FLOOR_DBFS = -100.0  # under the quantisation noise of 16 bits (-98 dBFS): digital silence
WORKING_LEVEL_DBFS = -12.0  # at which the networks hear the loudest 25 ms of a clip
EDGE_S = 0.05  # on each side of speech that does not count as background: attacks and echoes
MIN_BACKGROUND_S = 0.1


@dataclass(frozen=True)
class EnergyTrack:
    """Root mean square of 25 ms frames: `dbfs` (n,) float32, frame i centred on (i + 0.5) · `hop_s`.

    0 dBFS is a constant signal at full scale, so a full-scale sine is at -3.01 dBFS. Digital silence is at -100.
    """

    hop_s: float
    dbfs: np.ndarray


def track_energy(samples: np.ndarray) -> EnergyTrack:
    """Level of mono samples (n,) at 16 kHz; ceil(n / 160) frames. At the ends a frame is what lies inside the clip."""
    n = -(-len(samples) // HOP)
    squares = np.concatenate(([0.0], np.cumsum(np.square(samples, dtype=np.float64))))
    centre = np.arange(n) * HOP + HOP // 2
    start = np.clip(centre - FRAME // 2, 0, len(samples))
    end = np.clip(centre + FRAME // 2, 0, len(samples))
    power = (squares[end] - squares[start]) / np.maximum(end - start, 1)
    return EnergyTrack(HOP / SAMPLE_RATE, _db(power).astype(np.float32))


def energy_summary(track: EnergyTrack, segments: list[tuple[float, float]]) -> dict:
    """Level of the speech and of what lies under it.

    segments: speech, in seconds, from `speech_segments`.
    Returns `energy_dbfs`, the mean power of the frames inside speech (active speech level, ITU-T P.56, but speech
    found by a network); `noise_floor_dbfs`, the median level outside speech, or where there is under 0.1 s of that, the
    quietest twentieth of the speech; `est_snr_db`, speech without the noise over the noise. All None without speech.
    """
    speech = inside(segments, len(track.dbfs), track.hop_s, offset=0.5)
    if not speech.any():
        return {"energy_dbfs": None, "noise_floor_dbfs": None, "est_snr_db": None}
    level_dbfs = float(_db(_power(track.dbfs[speech]).mean()))
    margins = [(start - EDGE_S, end + EDGE_S) for start, end in segments]
    background = track.dbfs[~inside(margins, len(track.dbfs), track.hop_s, offset=0.5)]
    # Silence that was added by an editor says nothing of the room, unless nothing else is there.
    audible = background[background > FLOOR_DBFS + 1]
    if len(audible) * track.hop_s >= MIN_BACKGROUND_S:
        noise_dbfs = float(np.median(audible))
    else:
        noise_dbfs = float(np.percentile(track.dbfs[speech], 5))
    noise_dbfs = min(noise_dbfs, level_dbfs)
    signal = max(_power(level_dbfs) - _power(noise_dbfs), _power(level_dbfs) * 1e-2)
    return {
        "energy_dbfs": level_dbfs,
        "noise_floor_dbfs": noise_dbfs,
        "est_snr_db": float(_db(signal) - noise_dbfs),
    }


def inside(segments: list[tuple[float, float]], n: int, hop_s: float, offset: float) -> np.ndarray:
    """(n,) bool: whether frame i, centred on (i + offset) · hop_s, lies in one of the segments (seconds)."""
    times = (np.arange(n) + offset) * hop_s
    mask = np.zeros(n, bool)
    for start, end in segments:
        mask |= (times >= start) & (times < end)
    return mask


def at_working_level(samples: np.ndarray) -> np.ndarray:
    """The samples scaled so that their loudest 25 ms are at -12 dBFS, as float32; silence stays silence.

    Speech detection and pitch tracking see every clip at this level, so that what they find does not depend on the gain
    of a recording nor on silence around it. Under -90 dBFS there is only rounding noise, and it is left there.
    """
    loudest_dbfs = float(track_energy(samples).dbfs.max(initial=FLOOR_DBFS))
    if loudest_dbfs < -90:
        return np.asarray(samples, np.float32)
    return (samples * 10 ** ((WORKING_LEVEL_DBFS - loudest_dbfs) / 20)).astype(np.float32)


def _power(dbfs: np.ndarray | float) -> np.ndarray:
    return np.power(10.0, np.asarray(dbfs, np.float64) / 10)


def _db(power: np.ndarray | float) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DBFS / 10)))
