"""What a model gets to hear of a clip: the stretch that holds the speech, in the bandwidth that the model was trained on.

Training and inference both call these two functions, so a model never meets at work what it did not meet in training.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emotionthinker.audio import SAMPLE_RATE

MARGIN_S = 0.25  # kept before the first and after the last speech, so that soft onsets and breaths stay in


def choose_span(segments: Sequence[Sequence[float]], duration_s: float, max_s: float) -> tuple[float, float]:
    """Start and end in seconds of what the model hears.

    From the first to the last speech, with a margin; where that is longer than `max_s`, the window of that length which
    holds most speech (the earliest of equals). Without any speech: the start of the clip.
    """
    if not segments:
        return 0.0, min(duration_s, max_s)
    start = max(0.0, segments[0][0] - MARGIN_S)
    end = min(duration_s, segments[-1][1] + MARGIN_S)
    if end - start <= max_s:
        return start, end

    def speech_within(window_start: float) -> float:
        window_end = window_start + max_s
        return sum(max(0.0, min(b, window_end) - max(a, window_start)) for a, b in segments)

    # Most speech is always reached by a window that begins at a segment's start or ends at a segment's end.
    starts = [max(0.0, a - MARGIN_S) for a, _ in segments] + [max(0.0, b + MARGIN_S - max_s) for _, b in segments]
    best = max(sorted(min(s, end - max_s) for s in starts), key=speech_within)
    return best, best + max_s


def hear(samples: np.ndarray, span_s: tuple[float, float], bandwidth_hz: float | None = None) -> np.ndarray:
    """The samples of the span, (n,) float32 at 16 kHz, low-passed to `bandwidth_hz` by resampling there and back.

    A model trained on band-limited recordings would take the missing highs for a cue; everything is brought down to its
    bandwidth instead. None: nothing is taken away.
    """
    start, end = (round(t * SAMPLE_RATE) for t in span_s)
    heard = np.asarray(samples[start:end], np.float32)
    if bandwidth_hz is None or len(heard) == 0:
        return heard
    import soxr

    narrow = soxr.resample(heard, SAMPLE_RATE, 2 * bandwidth_hz)
    wide = soxr.resample(narrow, 2 * bandwidth_hz, SAMPLE_RATE)
    out = np.zeros(len(heard), np.float32)
    n = min(len(out), len(wide))
    out[:n] = wide[:n]
    return out
