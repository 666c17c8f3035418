"""How fast somebody speaks, in phones per second."""

from __future__ import annotations

from emotionthinker.transcript import Word, count_phones

# Rates outside this are no speech in that text: nobody utters more than 30 phones a second.
PLAUSIBLE_PPS = (2.0, 30.0)
NOTHING = {"n_phonemes": None, "articulation_rate_pps": None, "speaking_rate_pps": None, "rate_source": None}


def speaking_rates(words: list[Word] | None, segments: list[tuple[float, float]], text: str | None = None) -> dict:
    """Phones and their rates.

    words: aligned words with their phones, or None where the aligner rejected the text; segments: speech in seconds;
    text: the transcript, which says how many phones there are when `words` does not.
    Returns `n_phonemes`; `articulation_rate_pps`, phones per second of speech, pauses excluded; `speaking_rate_pps`,
    phones per second from the first to the last speech, pauses included; `rate_source`, "words" where the time comes from
    aligned words, "speech detection" where it comes from the segments. All None where nothing supports a rate: without a
    text nobody has counted phones, and no estimate from the sound alone came near enough (r = .6 on CREMA-D dev).
    """
    if words:
        n_phones = sum(len(word.phones) for word in words)
        spoken_s = sum(word.end - word.start for word in words)
        return _rates(n_phones, spoken_s, words[-1].end - words[0].start, "words")
    n_phones = count_phones(text) if text and segments else 0
    if not n_phones:
        return dict(NOTHING)
    spoken_s = sum(end - start for start, end in segments)
    rates = _rates(n_phones, spoken_s, segments[-1][1] - segments[0][0], "speech detection")
    low, high = PLAUSIBLE_PPS
    return rates if low <= rates["articulation_rate_pps"] <= high else dict(NOTHING)


def _rates(n_phones: int, spoken_s: float, span_s: float, source: str) -> dict:
    return {
        "n_phonemes": n_phones,
        "articulation_rate_pps": n_phones / spoken_s,
        "speaking_rate_pps": n_phones / span_s,
        "rate_source": source,
    }
