"""What a prosody record that somebody brings must look like, before it is kept: field by field, type and range.

A record is drawn, listed and read out to whoever rates its item. One that cannot be would lock that rater out, so the gate is
here, at the way in, and it is complete: a field of `Prosody` that has no rule below is an error of ours, which a test would find.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from annotate.errors import AnnotateError
from emotionthinker.prosody.record import FIELDS

LARGEST = 1e6  # no measurement of a voice is larger, in whatever unit
MAX_TEXT = 200  # characters of a label, a word or a warning's reference
MAX_SENTENCE = 1000  # of a warning
MAX_TRANSCRIPT = 20_000
PER_SECOND = 50  # stretches or words; fast speech has about 8 words a second
SPARE_S = 0.1  # what two decoders may differ in
LEVEL_KINDS = ("pitch", "energy", "speed", "range")

Rule = Callable[[Any, float], bool]  # the value and the clip's duration in seconds -> whether it may be kept


def check_prosody(record: dict[str, Any], duration_s: float) -> None:
    """Raises AnnotateError where a prosody record (`Prosody.to_dict()`) could not be shown, or is of another clip.

    duration_s: of the clip that it is said to belong to.
    """
    missing = [name for name in FIELDS if name not in record]
    if missing:
        raise AnnotateError(f"The prosody record of the line lacks {', '.join(missing)}; leave it out, then the clip is measured "
                            "anew.")
    broken = [name for name in FIELDS if not RULES[name](record[name], duration_s)]
    if broken:
        raise AnnotateError(f"The prosody record of the line is broken, or does not fit its clip of {duration_s:.2f} s: "
                            f"{', '.join(broken)}; leave it out, then the clip is measured anew.")


def _text(most: int) -> Rule:
    return lambda value, _: isinstance(value, str) and len(value) <= most


def _number(low: float = -LARGEST, high: float = LARGEST) -> Rule:
    # A NaN lies nowhere; a whole number of a thousand digits is compared, never converted.
    return lambda value, _: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _maybe(rule: Rule) -> Rule:
    return lambda value, duration_s: value is None or rule(value, duration_s)


def _truth(value: Any, duration_s: float) -> bool:
    return isinstance(value, bool)


def _list(rule: Rule) -> Rule:
    return lambda value, duration_s: (isinstance(value, list) and len(value) <= PER_SECOND * (duration_s + 1)
                                      and all(rule(one, duration_s) for one in value))


def _object(**rules: Rule) -> Rule:
    """An object with these keys, which may be missing where their rule takes None."""
    return lambda value, duration_s: (isinstance(value, dict)
                                      and all(rule(value.get(name), duration_s) for name, rule in rules.items()))


def _stretch(value: Any, duration_s: float) -> bool:
    """[start, end] in seconds, inside the clip."""
    place = _number(0, duration_s + SPARE_S)
    return isinstance(value, list) and len(value) == 2 and all(place(t, duration_s) for t in value) and value[0] <= value[1]


def _stretches(value: Any, duration_s: float) -> bool:
    """Stretches of some length, in order, none over another: so they are as many as fit, and no more."""
    if not _list(_stretch)(value, duration_s):
        return False
    edges = [edge for stretch in value for edge in stretch]
    return edges == sorted(edges) and all(start < end for start, end in value)


def _words(value: Any, duration_s: float) -> bool:
    word = _object(word=_text(MAX_TEXT), start=_number(), end=_number(), stressed=_maybe(_truth), prominence=_maybe(_number()))
    return _list(word)(value, duration_s) and all(_stretch([one["start"], one["end"]], duration_s) for one in value)


def _pairs(value: Any, duration_s: float) -> bool:
    """[word, 1 if stressed else 0] each."""
    return _list(lambda one, _: isinstance(one, list) and len(one) == 2 and _text(MAX_TEXT)(one[0], 0) and one[1] in (0, 1))(
        value, duration_s)


def _track(key: str, low: float, high: float) -> Rule:
    """A curve: one value or None every `hop_s` seconds."""
    def fits(value: Any, duration_s: float) -> bool:
        if not isinstance(value, dict) or not _number(0.001, 1)(value.get("hop_s"), duration_s):
            return False
        curve, one = value.get(key), _maybe(_number(low, high))
        return (isinstance(curve, list) and len(curve) * value["hop_s"] <= duration_s + 1
                and all(one(point, duration_s) for point in curve))

    return fits


def _levels(value: Any, duration_s: float) -> bool:
    number, text = _maybe(_number()), _maybe(_text(MAX_TEXT))
    level = _object(value=number, unit=text, level=text, percentile=_maybe(_number(0, 100)), z=number, reference=text,
                    cuts=_maybe(_list(_number())))
    return isinstance(value, dict) and set(value) <= set(LEVEL_KINDS) and all(level(one, duration_s) for one in value.values())


_LABEL, _SHARE, _HERTZ = _maybe(_text(MAX_TEXT)), _maybe(_number(0, 1)), _maybe(_number(1e-3, 5000))
RULES: dict[str, Rule] = {
    **dict.fromkeys(("pitch_level", "energy_level", "speed_level", "intonation", "gender", "age_level", "contour_shape",
                     "contour_dynamics", "rate_source"), _LABEL),
    **dict.fromkeys(("f0_median_hz", "f0_p5_hz", "f0_p95_hz"), _HERTZ),
    **dict.fromkeys(("voiced_share_of_speech", "contour_confidence", "gender_confidence"), _SHARE),
    **dict.fromkeys(("f0_range_st", "f0_std_st", "energy_dbfs", "noise_floor_dbfs", "est_snr_db", "n_phonemes",
                     "articulation_rate_pps", "speaking_rate_pps", "age_years"), _maybe(_number())),
    "f0_reliable": _truth,
    "stressed_words": _list(_text(MAX_TEXT)),
    "stress_pairs": _pairs,
    "transcription": _maybe(_text(MAX_TRANSCRIPT)),
    "words": _words,
    "duration_s": lambda value, duration_s: _number(duration_s - SPARE_S, duration_s + SPARE_S)(value, duration_s),
    "speech_s": lambda value, duration_s: _number(0, duration_s + SPARE_S)(value, duration_s),
    "f0": _track("hz", 1e-3, 5000),
    "energy": _track("dbfs", -1000, 1000),
    "warnings": _list(_text(MAX_SENTENCE)),
    "levels": _levels,
    "segments": _stretches,
    "pauses": _stretches,
    "span_s": _stretch,
}
