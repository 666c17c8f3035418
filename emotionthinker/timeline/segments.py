"""From a stream of sound to utterances of about 2 to 8 seconds, in memory that does not grow with the recording.

The speech detector is run over a window of some 20 seconds. All utterances but the last are given out; the window then begins
anew in the pause before that last one, which may still go on. An utterance ends at a pause, or, where somebody talks on for
longer than a model hears well, at the weakest moment.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from emotionthinker.audio import SAMPLE_RATE
from emotionthinker.prosody.energy import FLOOR_DBFS, WORKING_LEVEL_DBFS, track_energy
from emotionthinker.prosody.vad import spans_of_speech, speech_probability

Span = tuple[float, float]

SHORTEST_S, LONGEST_S = 2.0, 8.0  # what an utterance should last
PAUSE_S = 0.25  # ends an utterance that is long enough
BREAK_S = 1.0  # ends any utterance
MARGIN_S = 0.25  # of sound kept around an utterance, as much as a model gets around a clip's speech
WINDOW_S = 20.0  # heard at once: two utterances of full length and a pause
LEVEL_MEMORY_S = 600.0  # how long a loud moment decides how loud speech is expected to be
WEAK_S = 0.1  # an utterance is cut in the weakest stretch of this length


@dataclass(frozen=True)
class Utterance:
    """A stretch of speech: start and end in seconds of the recording, and the sound around it, (n,) float32 at 16 kHz,
    that begins at `sound_from_s`."""

    start_s: float
    end_s: float
    sound_from_s: float
    samples: np.ndarray


class Segmenter:
    """Finds the utterances of one line while its sound arrives. `feed` blocks in order, then `finish`."""

    def __init__(self) -> None:
        self._buffer = np.zeros(0, np.float32)
        self._from = 0  # samples of the recording before the buffer
        self._levels: deque[tuple[float, float]] = deque()  # (time, loudest level in dBFS) of earlier windows

    def feed(self, block: np.ndarray) -> Iterator[Utterance]:
        """The utterances that are complete after this block (n,) float32 at 16 kHz."""
        self._buffer = np.concatenate((self._buffer, block))
        while len(self._buffer) >= WINDOW_S * SAMPLE_RATE:
            window = self._buffer[: int(WINDOW_S * SAMPLE_RATE)]
            found, used = self._listen(window, last=False)
            yield from found
            self._drop(used)

    def finish(self) -> Iterator[Utterance]:
        """The rest, at the end of the recording."""
        found, used = self._listen(self._buffer, last=True)
        yield from found
        self._drop(used)

    def _drop(self, n: int) -> None:
        self._buffer = self._buffer[n:].copy()  # a copy, so that what was heard can be freed
        self._from += n

    def _listen(self, window: np.ndarray, last: bool) -> tuple[list[Utterance], int]:
        """Utterances that lie whole in the window, and how many of its samples are done with."""
        window_s = len(window) / SAMPLE_RATE
        spans = spans_of_speech(speech_probability(window * self._gain(window)), window_s)
        joined = utterance_spans(spans, window)
        done, kept_from_s = len(joined), window_s
        if not last:
            if joined and window_s - joined[-1][1] < BREAK_S:
                done -= 1  # starts LONGEST_S + BREAK_S before the window's end at the earliest, so the window always moves on
                before_s = joined[-2][1] if done else 0.0
                kept_from_s = max(joined[-1][0] - MARGIN_S, (before_s + joined[-1][0]) / 2)
            else:
                kept_from_s = max(joined[-1][1] if joined else 0.0, window_s - BREAK_S)
        # Sound belongs to the utterance that is nearer to it.
        middles_s = [0.0, *((a + b) / 2 for (_, a), (b, _) in pairwise(joined)), window_s]
        start_s = self._from / SAMPLE_RATE
        found = []
        for (start, end), first, after in zip(joined[:done], middles_s, middles_s[1:], strict=False):
            sound_from, sound_to = max(start - MARGIN_S, first), min(end + MARGIN_S, after)
            sound = window[round(sound_from * SAMPLE_RATE) : round(sound_to * SAMPLE_RATE)].copy()
            found.append(Utterance(round(start_s + start, 3), round(start_s + end, 3), start_s + sound_from, sound))
        return found, min(round(kept_from_s * SAMPLE_RATE), len(window))

    def _gain(self, window: np.ndarray) -> float:
        """What brings the loudest 25 ms of the last ten minutes to the detector's working level. A window alone would not
        do: in a minute of silence it would raise the breath of a room, or the other side of a call, to the level of speech."""
        now_s = self._from / SAMPLE_RATE
        self._levels.append((now_s, float(track_energy(window).dbfs.max(initial=FLOOR_DBFS))))
        while self._levels[0][0] < now_s - LEVEL_MEMORY_S:
            self._levels.popleft()
        loudest_dbfs = max(level for _, level in self._levels)
        return 1.0 if loudest_dbfs < -90 else float(10 ** ((WORKING_LEVEL_DBFS - loudest_dbfs) / 20))


def utterance_spans(spans: Sequence[Span], samples: np.ndarray) -> list[Span]:
    """Speech `spans` (seconds, in order) joined over short pauses and cut where they are too long.

    samples: (n,) at 16 kHz, the sound they were found in; a cut falls into its weakest moment.
    """
    joined: list[Span] = []
    for start, end in spans:
        pieces = _cut(start, end, samples)
        if joined:
            first, last = joined[-1]
            gap_s = pieces[0][0] - last
            ended = gap_s >= BREAK_S or (gap_s >= PAUSE_S and last - first >= SHORTEST_S)
            if not ended and pieces[0][1] - first <= LONGEST_S:
                pieces[0] = (joined.pop()[0], pieces[0][1])
        joined += pieces
    return joined


def _cut(start_s: float, end_s: float, samples: np.ndarray) -> list[Span]:
    """Speech without a pause, cut into pieces of SHORTEST_S to LONGEST_S."""
    pieces = []
    while end_s - start_s > LONGEST_S:
        low_s, high_s = start_s + SHORTEST_S, min(start_s + LONGEST_S, end_s - SHORTEST_S)
        part = samples[int(low_s * SAMPLE_RATE) : int(high_s * SAMPLE_RATE)]
        n = int(WEAK_S * SAMPLE_RATE)
        power = np.cumsum(np.concatenate(([0.0], np.square(part, dtype=np.float64))))
        at = int(np.argmin(power[n:] - power[:-n])) + n // 2 if len(part) > n else len(part) // 2
        cut_s = low_s + at / SAMPLE_RATE
        pieces.append((start_s, cut_s))
        start_s = cut_s
    return [*pieces, (start_s, end_s)]
