"""How fast somebody speaks, in phones per second."""

from __future__ import annotations

import numpy as np

from emotionthinker.transcript import Word


def speaking_rates(words: list[Word] | None, segments: list[tuple[float, float]], samples: np.ndarray) -> dict:
    """Phones and their rates.

    words: aligned words with their phones, or None; segments: speech in seconds; samples: (n,) float32 at 16 kHz.
    Returns `n_phonemes`; `articulation_rate_pps`, phones per second of words, pauses excluded; `speaking_rate_pps`,
    phones per second from the first to the last word, pauses included; `rate_source`. None where there is no speech.
    """
    if words:
        n_phones = sum(len(word.phones) for word in words)
        spoken_s = sum(word.end - word.start for word in words)
        return {
            "n_phonemes": n_phones,
            "articulation_rate_pps": n_phones / spoken_s,
            "speaking_rate_pps": n_phones / (words[-1].end - words[0].start),
            "rate_source": "words",
        }
    return {"n_phonemes": None, "articulation_rate_pps": None, "speaking_rate_pps": None, "rate_source": None}
