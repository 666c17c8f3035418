"""Where somebody speaks: the Silero network over 32 ms frames, then on/off with hysteresis.

The package's ONNX file is run by onnxruntime directly; importing the package would import torch. Of its files, the one
that takes many frames in one call (`silero_vad_16k_sequence.onnx`) carries the state along inside the graph.
"""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.errors import ModelNotFound
from emotionthinker.prosody.energy import at_working_level

FRAME = 512  # samples = 32 ms
CONTEXT = 64  # samples of the previous frame that the network sees before each frame
BLOCK_FRAMES = 512  # frames a call, 16 s: bounds the memory
# Silence that the network hears before the clip, 0.5 s. From a cold start it misses clips that begin with speech at once
# (shouts most of all), and silence around a clip changed 2.8 % of its frames; 0.5 % after this.
WARM_UP_FRAMES = 16

ON, OFF = 0.5, 0.35  # speech begins at the first and ends below the second; the network's own settings
MIN_SILENCE_S = 0.1  # a shorter gap is a stop consonant, not a pause
MIN_SPEECH_S = 0.1
PAD_S = 0.03

_session: Any = None
_session_lock = threading.Lock()


def speech_segments(samples: np.ndarray) -> list[tuple[float, float]]:
    """Stretches of speech as (start, end) in seconds, in order, not touching; empty for silence.

    samples: (n,) float32 at 16 kHz, mono. The gain does not matter.
    Raises ModelNotFound where the silero-vad package is not installed.
    """
    return spans_of_speech(speech_probability(at_working_level(samples)), len(samples) / SAMPLE_RATE)


def spans_of_speech(probability: np.ndarray, duration_s: float) -> list[tuple[float, float]]:
    """Stretches of speech as (start, end) in seconds from `speech_probability` of a clip of that duration."""
    hop_s = FRAME / SAMPLE_RATE
    spans: list[tuple[float, float]] = []
    for start, end in _hysteresis(probability):
        span = (start * hop_s, end * hop_s)
        if spans and span[0] - spans[-1][1] < MIN_SILENCE_S:
            spans[-1] = (spans[-1][0], span[1])
        else:
            spans.append(span)
    spans = [s for s in spans if s[1] - s[0] >= MIN_SPEECH_S]
    return [(max(0.0, round(start - PAD_S, 3)), min(duration_s, round(end + PAD_S, 3))) for start, end in spans]


def speech_probability(samples: np.ndarray) -> np.ndarray:
    """(ceil(n / 512),) float32: the network's probability of speech for each 32 ms."""
    n = -(-len(samples) // FRAME)
    lead = CONTEXT + WARM_UP_FRAMES * FRAME
    padded = np.zeros(lead + n * FRAME, np.float32)
    padded[lead : lead + len(samples)] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT + FRAME)[::FRAME]
    session = _silero()
    h = c = np.zeros((1, 1, 128), np.float32)
    parts = []
    for i in range(0, len(frames), BLOCK_FRAMES):
        block = np.ascontiguousarray(frames[i : i + BLOCK_FRAMES])
        probability, h, c = session.run(None, {"input": block, "h": h, "c": c})
        parts.append(probability)
    return np.concatenate(parts)[WARM_UP_FRAMES:]


def _hysteresis(probability: np.ndarray) -> list[tuple[int, int]]:
    """Frame ranges that begin at or above ON and last until the first frame below OFF."""
    ranges, start = [], -1
    for i, p in enumerate(probability):
        if start < 0 and p >= ON:
            start = i
        elif start >= 0 and p < OFF:
            ranges.append((start, i))
            start = -1
    if start >= 0:
        ranges.append((start, len(probability)))
    return ranges


def _silero() -> Any:
    """One session for the process, made when first needed; a session may be run from several threads."""
    global _session
    with _session_lock:
        if _session is None:
            import onnxruntime

            package = importlib.util.find_spec("silero_vad")  # finds a top-level package without importing it
            if package is None or not package.submodule_search_locations:
                raise ModelNotFound("The package silero-vad is not installed; run pip install -r requirements.txt.")
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            options.log_severity_level = 3  # its graph holds unused constants, a warning each
            model = Path(package.submodule_search_locations[0]) / "data" / "silero_vad_16k_sequence.onnx"
            _session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        return _session
