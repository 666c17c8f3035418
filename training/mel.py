"""Log-mel of clips for training, cached once, and its augmentation with the prosody labels kept true.

The cache holds log10 mel power before Whisper's clamp and scaling, so that gain, noise and tilt can be applied where they
are additions. Every augmentation that changes a measured cue (gain → level, tempo → rate, warp → pitch) is returned as a
`Shift`, and the labels move with the sound.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.listening import choose_span, hear
from training.resumable import new_file, write_whole

HOP_S = 0.01  # Whisper: 160 samples at 16 kHz
FLOOR = -10.0  # log10 of Whisper's smallest mel power
MEL_TOP_HZ = 8000.0


@dataclass(frozen=True)
class Shift:
    """What an augmentation did to the measured cues."""

    gain_db: float = 0.0
    tempo: float = 1.0  # >1: faster
    pitch_st: float = 0.0  # semitones


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Log10 mel power of Whisper's front end, unclamped. samples: (n,) at 16 kHz -> (80, n // 160) float32."""
    import torch
    from transformers import WhisperFeatureExtractor

    extractor = _extractor(WhisperFeatureExtractor)
    # Silence behind the end, as the processor pads: the last frames must not be a reflection of themselves.
    wave = torch.from_numpy(np.pad(np.asarray(samples, np.float32), (0, extractor.n_fft)))
    window = torch.hann_window(extractor.n_fft)
    spectrum = torch.stft(wave, extractor.n_fft, extractor.hop_length, window=window, return_complex=True)
    power = spectrum[..., : len(samples) // extractor.hop_length].abs() ** 2
    filters = torch.from_numpy(np.asarray(extractor.mel_filters, np.float32))
    return torch.clamp(filters.T @ power, min=1e-10).log10().numpy()


_cached_extractor: list[Any] = []


def _extractor(cls: type) -> Any:
    if not _cached_extractor:
        _cached_extractor.append(cls())
    return _cached_extractor[0]


def whisper_scale(mel: np.ndarray) -> np.ndarray:
    """Whisper's clamp to 80 dB below the loudest cell and its scaling to about −1…1.5."""
    return ((np.maximum(mel, mel.max() - 8.0) + 4.0) / 4.0).astype(np.float32)


class MelCache:
    """Log-mels of the clips of label records: one .npy of all frames and one of offsets, made once, then memory-mapped; beside them
    the hash of what they were made of. Raises EmotionThinkerError where the folder holds those of other clips."""

    def __init__(self, folder: Path, records: Sequence[dict], max_s: float, bandwidth_hz: float | None):
        self.frames_path = folder / "mel_frames.npy"
        self.offsets_path = folder / "mel_offsets.npy"
        self.key_path, key = folder / "mel_clips.sha256", clips_key(records, max_s, bandwidth_hz)
        if not self.offsets_path.exists() or not self.key_path.exists():  # without its hash nobody knows of what a cache was made
            folder.mkdir(parents=True, exist_ok=True)
            self.offsets_path.unlink(missing_ok=True)
            self._fill(records, max_s, bandwidth_hz, key)
        elif self.key_path.read_text(encoding="utf-8").strip() != key:
            raise EmotionThinkerError(f"{folder} holds the log-mels of other clips, or of these heard otherwise; choose another "
                                      "output folder, or delete this one to make them anew.")  # fmt: skip
        self.offsets = np.load(self.offsets_path)
        self.frames = np.load(self.frames_path, mmap_mode="r")

    def __getitem__(self, i: int) -> np.ndarray:
        """(80, T) float32."""
        return np.asarray(self.frames[self.offsets[i] : self.offsets[i + 1]], np.float32).T

    def lengths(self) -> np.ndarray:
        """Frames of each clip, (n_clips,)."""
        return np.diff(self.offsets)

    def _fill(self, records: Iterable[dict], max_s: float, bandwidth_hz: float | None, key: str) -> None:
        from emotionthinker.audio import load_clip

        mels = []
        for record in records:
            clip = load_clip(record["audio_path"])
            span = choose_span(record["segments"], clip.duration_s, max_s)
            mels.append(log_mel(hear(clip.samples, span, bandwidth_hz)).T.astype(np.float16))
        _save(self.frames_path, np.concatenate(mels))
        write_whole(self.key_path, key + "\n")
        _save(self.offsets_path, np.cumsum([0] + [len(m) for m in mels]))  # last: its presence says the cache is whole


def clips_key(records: Iterable[dict], max_s: float, bandwidth_hz: float | None) -> str:
    """SHA-256 of all that decides the log-mels of clips, in their order: paths, speech segments, longest span, bandwidth."""
    clips = [[str(record["audio_path"]), record["segments"]] for record in records]
    return hashlib.sha256(json.dumps([clips, float(max_s), bandwidth_hz and float(bandwidth_hz)]).encode()).hexdigest()


def _save(path: Path, array: np.ndarray) -> None:
    with new_file(path) as new, new.open("wb") as file:
        np.save(file, array)


@dataclass(frozen=True)
class Augmentation:
    """Ranges to draw from; each is symmetric unless said otherwise."""

    tempo: float = 0.15  # 1/1.15 … 1.15
    warp: float = 0.08  # 1/1.08 … 1.08, formants and pitch together
    gain_db: float = 6.0
    # Of clips, turned down instead, as recordings of other rooms are; by so much that they are no one's quiet speech, or the
    # level would stop telling a quiet manner from a quiet room (LOG.md).
    quiet_share: float = 0.0
    quiet_db: tuple[float, float] = (12.0, 25.0)
    tilt_db: float = 8.0  # end to end over the mel axis
    ripple_db: float = 3.0  # smooth random channel response
    noise_share: float = 0.5  # of clips
    noise_snr_db: tuple[float, float] = (5.0, 35.0)
    reverb_share: float = 0.25
    reverb_rt60_s: tuple[float, float] = (0.1, 0.5)
    mask_bins: int = 12
    mask_frames: int = 20


def augment(
    mel: np.ndarray, how: Augmentation, rng: np.random.Generator, bandwidth_hz: float | None
) -> tuple[np.ndarray, Shift]:
    """One random view of a clip and what it did to the cues. mel: (80, T) unclamped log10 power -> (80, T')."""
    tempo = float(np.exp(rng.uniform(-1, 1) * np.log1p(how.tempo)))
    warp = float(np.exp(rng.uniform(-1, 1) * np.log1p(how.warp)))
    quiet = rng.random() < how.quiet_share
    gain_db = float(-rng.uniform(*how.quiet_db) if quiet else rng.uniform(-how.gain_db, how.gain_db))
    n_bins = mel.shape[0]
    mel = _resample_axis(mel, np.arange(max(20, round(mel.shape[1] / tempo))) * tempo, axis=1)
    mel = _resample_axis(mel, _warped_bins(n_bins, warp), axis=0)

    at = np.linspace(-0.5, 0.5, n_bins)
    channel_db = gain_db + rng.uniform(-1, 1) * how.tilt_db * at
    ripple = np.interp(at, np.linspace(-0.5, 0.5, 6), rng.normal(0, how.ripple_db / 2, 6))
    mel = mel + ((channel_db + ripple - ripple.mean()) / 10)[:, None]
    if rng.random() < how.reverb_share:
        mel = _reverberate(mel, rng.uniform(*how.reverb_rt60_s))
    if rng.random() < how.noise_share:
        mel = _add_noise(mel, rng.uniform(*how.noise_snr_db), rng)
    if bandwidth_hz is not None:  # noise must not reveal what the low-pass takes away at work
        mel[_mel_centres_hz(n_bins) > bandwidth_hz] = FLOOR
    low = np.maximum(mel.max() - 8.0, FLOOR)
    for axis, width in ((0, how.mask_bins), (1, how.mask_frames)):
        size = int(rng.integers(0, width + 1))
        begin = int(rng.integers(0, max(1, mel.shape[axis] - size)))
        if axis == 0:
            mel[begin : begin + size] = low
        else:
            mel[:, begin : begin + size] = low
    return mel, Shift(gain_db, tempo, 12 * float(np.log2(warp)))


def _resample_axis(mel: np.ndarray, at: np.ndarray, axis: int) -> np.ndarray:
    """Linear interpolation of `mel` at fractional indices along an axis, held at the ends."""
    last = mel.shape[axis] - 1
    at = np.clip(at, 0, last)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, last)
    part = (at - low).astype(np.float32)
    part = part[:, None] if axis == 0 else part[None, :]
    return np.take(mel, low, axis) * (1 - part) + np.take(mel, high, axis) * part


def _mel_centres_hz(n_bins: int) -> np.ndarray:
    """Centres of Slaney's mel bands, as Whisper uses them: linear to 1 kHz (15 mel), then 6.4 in 27 mel."""

    def to_mel(hz: float) -> float:
        return hz * 3 / 200 if hz < 1000 else 15 + 27 * np.log(hz / 1000) / np.log(6.4)

    mels = np.linspace(to_mel(0.0), to_mel(MEL_TOP_HZ), n_bins + 2)[1:-1]
    return np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))


def _warped_bins(n_bins: int, warp: float) -> np.ndarray:
    """For each bin, the fractional bin of the source whose frequency, times `warp`, lies there."""
    centres = _mel_centres_hz(n_bins)
    return np.interp(centres / warp, centres, np.arange(n_bins))


def _reverberate(mel: np.ndarray, rt60_s: float) -> np.ndarray:
    """Smear power in time with an exponential tail that falls 60 dB in `rt60_s`; the direct sound keeps most of it."""
    decay = 10 ** (-6 * HOP_S / rt60_s)
    n_tail = min(mel.shape[1], int(rt60_s / HOP_S) + 1)
    response = 0.3 * (1 - decay) * decay ** np.arange(n_tail)
    response[0] = 1.0
    power = 10.0**mel
    n_fft = mel.shape[1] + n_tail
    smeared = np.fft.irfft(np.fft.rfft(power, n_fft) * np.fft.rfft(response, n_fft), n_fft)[:, : mel.shape[1]]
    return np.log10(np.maximum(smeared, 10.0**FLOOR)).astype(np.float32)


def _add_noise(mel: np.ndarray, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    """Add coloured noise at an SNR relative to the clip's mean power; band powers fluctuate as those of real noise do."""
    n_bins, n_frames = mel.shape
    power = 10.0**mel
    colour = 10 ** (rng.uniform(-3, 1) * np.linspace(0, 1, n_bins))[:, None]
    noise = colour * rng.gamma(2.0, 0.5, (n_bins, n_frames))
    noise *= power.mean() / noise.mean() * 10 ** (-snr_db / 10)
    return np.log10(power + noise).astype(np.float32)
