"""The measured facts as rows beside the figure: level, value with its unit, and what the level was held against.

What was not measured says so, and why. Every text that comes from a clip or a person is escaped here.
"""

from __future__ import annotations

import dataclasses
from html import escape
from typing import Any

from emotionthinker.page.stretches import LANES, row_stretch
from emotionthinker.prosody.levels import LOWEST_SNR_DB, SHORTEST_SPEECH_S
from emotionthinker.prosody.record import NARROW

PENDING = "listening for the words …"
COMPARED = {"pitch": ("higher", "lower"), "range": ("wider", "narrower"), "energy": ("higher", "lower"),
            "speed": ("faster", "slower")}


@dataclasses.dataclass(frozen=True)
class Fact:
    """One row. `level` is a word or None; `why` says what a missing level or value is missing for."""

    row: str
    name: str
    level: str | None
    value: str
    held_against: str = ""
    why: str = ""
    percentile: float | None = None


def facts_of(record: dict[str, Any], *, words_pending: bool = False) -> list[Fact]:
    """All rows, in their fixed order, whatever could be measured.

    words_pending: the words are being recognised just now, so what depends on them says that instead of "not measured".
    """
    levels = record.get("levels") or {}
    no_pitch = _why_no_pitch(record)
    rate = "from aligned words" if record.get("rate_source") == "words" else "from speech detection"
    no_speech = "no speech was found" if not record.get("speech_s") else "too little speech"
    rows = [
        _level_fact("pitch", "Pitch", levels.get("pitch"), "{:.0f} Hz", no_pitch),
        _level_fact("range", "Range", levels.get("range"), "{:.1f} semitones", no_pitch),
        _melody(record),
        _level_fact("energy", "Energy", levels.get("energy"), "{:.0f} dBFS", _why_no_energy(record, no_speech)),
        Fact("speed", "Speed", None, PENDING) if words_pending else
        _level_fact("speed", "Speed", levels.get("speed"), "{:.1f} phones/s", _why_no_speed(record, no_speech), note=rate),
    ]
    stressed = record.get("stressed_words") or []
    if words_pending:
        rows.append(Fact("stress", "Stress", None, PENDING))
    elif record.get("words"):
        rows.append(Fact("stress", "Stress", None, ", ".join(map(str, stressed)) or "no word stands out",
                         f"{len(stressed)} of {len(record['words'])} words"))
    else:
        rows.append(Fact("stress", "Stress", None, "not measured", why=_why_no_words(record)))
    pauses = record.get("pauses") or []
    longest = max((end - start for start, end in pauses), default=0.0)
    rows.append(Fact("pauses", "Pauses", None, f"{len(pauses)}, the longest {longest:.1f} s" if pauses else "none",
                     "of 0.2 s or more, inside the speech"))
    rows.append(_sex(record, no_speech))
    age = record.get("age_level")
    rows.append(Fact("age", "Age", None, str(age) if age else "not estimated",
                     why="" if age else "no measure of age here is good enough"))
    snr_db = record.get("est_snr_db")
    if snr_db is None:
        rows.append(Fact("recording", "Recording", None, "not measured", why=no_speech))
    else:
        shown = f"{snr_db:.0f} dB".replace("-", "−")
        rows.append(Fact("recording", "Recording", None, shown, "speech above background (estimate)"))
    return rows


def facts_html(record: dict[str, Any] | None, *, words_pending: bool = False) -> str:
    """The rows as a table; clicking a row plays the stretch that shows it. None: the names alone, in rows of the same height."""
    if record is None:
        return _blank_html()
    rows = []
    for fact in facts_of(record, words_pending=words_pending):
        start, end = row_stretch(fact.row, record)
        level = f'<span class="et-level et-{fact.row}">{escape(fact.level)}</span>' if fact.level else ""
        meter = "" if fact.percentile is None else (
            f'<span class="et-meter" aria-hidden="true"><i style="left:{min(max(fact.percentile, 1), 99):.0f}%"></i></span>')
        note = escape(fact.held_against or fact.why)
        missing = " et-missing" if fact.why and not fact.level else ""
        rows.append(
            f'<tr class="et-fact{missing}" data-row="{fact.row}" data-lane="{LANES[fact.row]}" '
            f'data-start="{start:.3f}" data-end="{end:.3f}">'
            f'<th scope="row"><button type="button" title="Play the stretch that shows it">{escape(fact.name)}</button></th>'
            f'<td class="et-lv">{level}</td><td class="et-val"><bdi>{escape(fact.value)}</bdi></td>'
            f'<td class="et-ref">{meter}<span>{note}</span></td></tr>')
    warnings = "".join(f"<li>{escape(str(text))}</li>" for text in record.get("warnings") or [])
    listed = f'<ul class="et-warnings">{warnings}</ul>' if warnings else ""
    return f'<div class="et-facts"><table><caption class="et-sr">Measured facts</caption>{"".join(rows)}</table>{listed}</div>'


# What the rows commonly hold, level, value and note: unseen, it keeps the place of what is still to be measured.
_COMMON = {
    "Pitch": ("high", "244 Hz", "higher than 71 % of CREMA-D train, female speakers"),
    "Range": ("wide", "10.4 semitones", "wider than 80 % of CREMA-D train"),
    "Melody": ("falling", "expressive", "fits with confidence 0.85"),
    "Energy": ("high", "−16 dBFS", "higher than 95 % of CREMA-D train"),
    "Speed": ("normal", "11.9 phones/s", "slower than 65 % of CREMA-D train · from aligned words"),
    "Stress": ("", "again", "1 of 6 words"),
    "Pauses": ("", "none", "of 0.2 s or more, inside the speech"),
    "Voice": ("", "sounds female", "confidence 0.95"),
    "Age": ("", "not estimated", "no measure of age here is good enough"),
    "Recording": ("", "50 dB", "speech above background (estimate)"),
}
_WITH_METER = ("Pitch", "Range", "Energy", "Speed")


def _blank_html() -> str:
    rows = []
    for name, (level, value, note) in _COMMON.items():
        meter = '<span class="et-meter"></span>' if name in _WITH_METER else ""
        shown = f"<span>{level}</span>" if level else ""
        rows.append(f'<tr class="et-fact et-blank"><th scope="row">{name}</th><td class="et-lv" aria-hidden="true">{shown}</td>'
                    f'<td class="et-val" aria-hidden="true"><span>{value}</span></td>'
                    f'<td class="et-ref" aria-hidden="true">{meter}<span>{note}</span></td></tr>')
    return ('<div class="et-facts"><table><caption class="et-sr">What will be measured: level, value, unit, and what it was held '
            f'against</caption>{"".join(rows)}</table></div>')


def _level_fact(row: str, name: str, level: dict[str, Any] | None, value_format: str, why_not: str, note: str = "") -> Fact:
    value = (level or {}).get("value")
    if level is None or value is None:
        return Fact(row, name, None, "not measured", why=why_not)
    shown = value_format.format(value).replace("-", "−")
    percentile, reference = level.get("percentile"), str(level.get("reference") or "")
    if level.get("level") is None:
        return Fact(row, name, None, shown, why=f"no level: {why_not}" if why_not else f"no level ({reference})")
    if percentile is None:
        against = f"against {reference}"
    else:
        above, below = COMPARED[row]
        share, word = (percentile, above) if percentile >= 50 else (100 - percentile, below)
        against = f"{word} than {min(share, 99):.0f} % of {reference}"
    return Fact(row, name, str(level["level"]), shown, against + (f" · {note}" if note else ""), percentile=percentile)


def _melody(record: dict[str, Any]) -> Fact:
    shape = record.get("intonation")
    if shape in (None, "too_short"):
        return Fact("melody", "Melody", None, "not measured", why="too little voiced sound for a melody")
    if shape == "uncertain":
        return Fact("melody", "Melody", None, "uncertain", why="no single shape fits the pitch")
    sure = record.get("contour_confidence")
    dynamics = str(record.get("contour_dynamics") or "")
    return Fact("melody", "Melody", str(shape), dynamics if dynamics != shape else "",
                "" if sure is None else f"fits with confidence {sure:.2f}")


def _sex(record: dict[str, Any], no_speech: str) -> Fact:
    if not record.get("gender"):
        if NARROW in (record.get("warnings") or []):
            why = "nothing above 4 kHz, as from a telephone"
        else:
            why = "the voice fits both" if record.get("gender_confidence") is not None else "too little of the voice was heard"
        return Fact("sex", "Voice", None, "sex not clear", why=why if record.get("speech_s") else no_speech)
    sure = record.get("gender_confidence")
    return Fact("sex", "Voice", None, f"sounds {str(record['gender']).lower()}",
                "" if sure is None else f"confidence {sure:.2f}")


def _why_no_pitch(record: dict[str, Any]) -> str:
    if not record.get("speech_s"):
        return "no speech was found"
    if not record.get("f0_reliable"):
        return "too little of the speech has a clear pitch"
    return "" if record.get("gender") else "the speaker's sex is not clear, so there is no reference"


def _why_no_words(record: dict[str, Any]) -> str:
    return "the text does not fit the sound" if record.get("transcription") else "no words"


def _why_no_speed(record: dict[str, Any], no_speech: str) -> str:
    if (record.get("speech_s") or 0.0) < SHORTEST_SPEECH_S:
        return no_speech
    return _why_no_words(record) if record.get("articulation_rate_pps") is None else ""


def _why_no_energy(record: dict[str, Any], no_speech: str) -> str:
    if (record.get("speech_s") or 0.0) < SHORTEST_SPEECH_S:
        return no_speech
    snr_db = record.get("est_snr_db")
    return "the recording is too noisy" if snr_db is not None and snr_db < LOWEST_SNR_DB else ""
