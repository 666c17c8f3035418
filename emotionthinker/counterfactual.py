"""What if the voice had not risen there? One cue of a clip changed, and the others left as they were.

    record = measure_prosody(clip)
    edited = change_voice("flatter", clip, record)      # edited.clip goes through the same pipeline as any other

`CHANGES` lists the changes by name. Pitch, speed, stress and voicing go through WORLD (`world`), which is why "copy", the same
voice through WORLD unchanged, stands beside them as the control. The level of the speech is matched to the original in every
change but those of energy. What a change really did, and what else it moved, is measured afterwards (`leak`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emotionthinker.audio import SAMPLE_RATE, Clip
from emotionthinker.prosody.energy import inside, track_energy
from emotionthinker.prosody.pitch import track_f0
from emotionthinker.prosody.record import Prosody, measure_prosody
from emotionthinker.prosody.stress import CUES, NEIGHBOURHOOD, stress_model, word_cues
from emotionthinker.transcript import Word, align
from emotionthinker.world import HOP_S, CannotChange, Voice, put_together, take_apart, time_after

WIDER = 1.6  # times the semitones from the median
SHIFT_ST = 4.0
GAIN_DB = 6.0
FULL_SCALE = 0.99  # a louder clip is not made to clip
LEAST_GAIN_DB = 1.0
SLOWER, FASTER = 0.8, 1.25
KEPT_PAUSE_S = 0.06  # of a pause that is taken out: a joint, not a pause
FADE_S = 0.01
SMOOTHING_S = 0.05  # of a word's new pitch and level, so that nothing jumps at its edges
DESTRESS_STRENGTHS = (1.0, 1.5, 2.0)  # times what the word exceeds its neighbours by; the first that is enough is taken
DESTRESS_LIMITS = (12.0, 8.0, math.log(1.9))  # dB, semitones, log of the ratio of lengths


@dataclass(frozen=True)
class Change:
    """`cue`: what it is meant to change (a key of `leak.CUES`; "voicing" for the whisper; None for the control)."""

    name: str
    cue: str | None
    title: str  # for people, completes "What if …"
    needs_world: bool = True


CHANGES: dict[str, Change] = {
    change.name: change
    for change in (
        Change("copy", None, "nothing changed (copy through the vocoder)"),
        Change("flatter", "range", "the melody were flat"),
        Change("wider", "range", f"the melody were {WIDER:g} times as wide"),
        Change("higher", "pitch", f"the voice were {SHIFT_ST:g} semitones higher"),
        Change("lower", "pitch", f"the voice were {SHIFT_ST:g} semitones lower"),
        Change("louder", "energy", f"it were {GAIN_DB:g} dB louder", needs_world=False),
        Change("softer", "energy", f"it were {GAIN_DB:g} dB softer", needs_world=False),
        Change("slower", "speed", f"the speech were slower (× {SLOWER:g})"),
        Change("faster", "speed", f"the speech were faster (× {FASTER:g})"),
        Change("no-pauses", "pauses", "there were no pauses", needs_world=False),
        Change("destress", "stress", "a word were not stressed"),
        Change("whisper", "voicing", "it were whispered"),
    )
}


@dataclass(frozen=True)
class Edited:
    """A changed clip, and what was done to it in one sentence."""

    clip: Clip
    note: str


def change_voice(name: str, clip: Clip, record: Prosody, word: int | None = None) -> Edited:
    """The clip with one cue changed.

    name: a key of `CHANGES`. record: the prosody of this clip. word: index of the word that "destress" is about; None takes the
    most prominent of the stressed words.
    Raises CannotChange where there is nothing to change (no pause, no stressed word, no pitch, no room to be louder), where pyworld
    is missing, or where the clip is too long.
    """
    if name not in CHANGES:
        raise CannotChange(f"There is no change {name!r}; choose one of {', '.join(CHANGES)}.")
    if not record.segments:
        raise CannotChange("No speech was found in this clip, so there is no voice to change; choose another clip.")
    if name in ("louder", "softer"):
        return _other_level(name, clip)
    if name == "no-pauses":
        return _without_pauses(clip, record)
    if name == "destress":
        return _without_stress(clip, record, word)
    if name in ("flatter", "wider", "higher", "lower") and record.f0_median_hz is None:
        raise CannotChange("This clip has too little voiced sound for a pitch, so the pitch cannot be changed.")
    voice = take_apart(clip.samples)
    if name in ("slower", "faster"):
        pace = SLOWER if name == "slower" else FASTER
        rate = np.where(_inside_speech(voice, record), pace, 1.0)
        return _finish(name, clip, record, put_together(voice, rate=rate), f"speech × {pace:g}, pauses as they were", rate)
    if name == "whisper":
        return _finish(name, clip, record, put_together(voice, whispered=True), "every voiced sound became breath")
    if name == "copy":
        return _finish(name, clip, record, put_together(voice), "taken apart and put together again, nothing changed")
    median_hz = float(record.f0_median_hz or 0.0)
    if name in ("higher", "lower"):
        shift_st = SHIFT_ST if name == "higher" else -SHIFT_ST
        f0_hz = voice.f0_hz * 2 ** (shift_st / 12)
        note = f"every voiced frame {shift_st:+g} semitones".replace("-", "−")
    else:
        factor = 0.0 if name == "flatter" else WIDER
        f0_hz = median_hz * (np.maximum(voice.f0_hz, 1e-6) / median_hz) ** factor
        note = (f"every voiced frame at {median_hz:.0f} Hz" if name == "flatter"
                else f"{WIDER:g} times the distance from {median_hz:.0f} Hz")
    return _finish(name, clip, record, put_together(voice, f0_hz=f0_hz), note)


def _other_level(name: str, clip: Clip) -> Edited:
    peak = float(np.max(np.abs(clip.samples), initial=1e-9))
    gain_db = -GAIN_DB if name == "softer" else min(GAIN_DB, 20 * math.log10(FULL_SCALE / peak))
    if name == "louder" and gain_db < LEAST_GAIN_DB:
        raise CannotChange("This clip is at full scale already, so it cannot be made louder without distortion; try it softer.")
    note = f"{gain_db:+.1f} dB".replace("-", "−")
    if name == "louder" and gain_db < GAIN_DB:
        note += f": more than that, up to {GAIN_DB:g} dB, would clip"
    return _edited(name, clip, clip.samples * 10 ** (gain_db / 20), note)


def _without_pauses(clip: Clip, record: Prosody) -> Edited:
    if not record.pauses:
        raise CannotChange("This clip has no pause of 0.2 s or more inside the speech; choose another change.")
    fade = round(FADE_S * SAMPLE_RATE)
    kept = np.asarray(clip.samples, np.float64)
    for start_s, end_s in sorted(record.pauses, reverse=True):  # from the last on, so that earlier times stay right
        start, end = (round((t + side * KEPT_PAUSE_S / 2) * SAMPLE_RATE) for t, side in ((start_s, 1), (end_s, -1)))
        up = np.sin(np.linspace(0, np.pi / 2, fade))
        joint = kept[start - fade : start] * up[::-1] + kept[end : end + fade] * up
        kept = np.concatenate((kept[: start - fade], joint, kept[end + fade :]))
    n = len(record.pauses)
    return _edited("no-pauses", clip, kept, f"{n} pause{'s' if n > 1 else ''} cut down to {KEPT_PAUSE_S * 1000:.0f} ms")


def _without_stress(clip: Clip, record: Prosody, word: int | None) -> Edited:
    """The word brought down to its neighbours in loudness, pitch and length, as far as it exceeds them."""
    words = align(clip.samples, record.transcription or "") or []
    if not words or len(words) != len(record.words):
        raise CannotChange("The words could not be placed in time in this clip, so no word can lose its stress; correct the words.")
    stressed = [i for i, w in enumerate(record.words) if w["stressed"]]
    if word is None:
        if not stressed:
            raise CannotChange("No word of this clip is stressed; choose another change.")
        word = max(stressed, key=lambda i: record.words[i]["prominence"])
    if not 0 <= word < len(words) or len(words) < 2:
        raise CannotChange(f"Word {word} cannot lose its stress: the clip has {len(words)} words, counted from 0, and a word is "
                           "held against its neighbours; choose another.")
    voice = take_apart(clip.samples)
    excess = _excess(words, word, clip.samples)
    spelled = record.words[word]["word"]
    best = None
    for strength in DESTRESS_STRENGTHS:
        softer_db, lower_st, log_shorter = (
            min(max(strength * value, 0.0), limit) for value, limit in zip(excess, DESTRESS_LIMITS, strict=True))
        within = ((voice.times_s >= words[word].start) & (voice.times_s < words[word].end)).astype(float)
        gentle = np.hanning(round(SMOOTHING_S / HOP_S) + 2)
        eased = np.convolve(within, gentle / gentle.sum(), mode="same")
        rate = np.where(within > 0, math.exp(log_shorter), 1.0)
        samples = put_together(voice, f0_hz=voice.f0_hz * 2 ** (-lower_st * eased / 12), rate=rate, gain_db=-softer_db * eased)
        note = (f"“{spelled}” {softer_db:.1f} dB softer, {lower_st:.1f} semitones lower, "
                f"{100 * (1 - math.exp(-log_shorter)):.0f} % shorter")
        edited = _finish("destress", clip, record, samples, note, rate)
        prominence, still = _stress_of(edited.clip, record.transcription or "", word)
        if best is None or prominence < best[0]:
            best = (prominence, edited)
        if not still:
            return edited
    assert best is not None
    return Edited(best[1].clip, best[1].note + f"; it still stands out (prominence {best[0]:.2f})")


def _excess(words: Sequence[Word], word: int, samples: np.ndarray) -> tuple[float, float, float]:
    """By how much a word exceeds the median of the words around it: dB, semitones, log of its length for its phones."""
    first = max(0, word - NEIGHBOURHOOD)
    around = list(words[first : word + NEIGHBOURHOOD + 1])
    cues = word_cues(around, track_energy(samples), track_f0(samples), stress_model().phone_s)
    others = np.delete(np.arange(len(cues)), word - first)
    columns = [CUES.index(name) for name in ("loudness", "pitch", "lengthening")]
    loud_db, high_st, log_long = (float(cues[word - first, column] - np.median(cues[others, column])) for column in columns)
    return loud_db, high_st, log_long


def _stress_of(clip: Clip, text: str, word: int) -> tuple[float, bool]:
    """Prominence of a word, and whether it is stressed, measured anew; (1, True) where the words cannot be placed."""
    found = measure_prosody(clip, text).words
    return (found[word]["prominence"], found[word]["stressed"]) if word < len(found) else (1.0, True)


def _inside_speech(voice: Voice, record: Prosody) -> np.ndarray:
    """(m,) bool: frames from the first to the last speech that are not in a pause."""
    pauses = [(start, end) for start, end in record.pauses]
    span = [(record.segments[0][0], record.segments[-1][1])]
    return inside(span, len(voice.f0_hz), HOP_S, 0.0) & ~inside(pauses, len(voice.f0_hz), HOP_S, 0.0)


def _finish(name: str, clip: Clip, record: Prosody, samples: np.ndarray, note: str, rate: np.ndarray | None = None) -> Edited:
    """Match the level of the speech to the original's; `rate` says where the speech has gone."""
    segments = [(start, end) for start, end in record.segments]
    moved = segments if rate is None else [(time_after(rate, start), time_after(rate, end)) for start, end in segments]
    before, after = _speech_power(clip.samples, segments), _speech_power(samples, moved)
    if before > 0 and after > 0:
        samples = samples * math.sqrt(before / after)
    return _edited(name, clip, samples, note)


def _speech_power(samples: np.ndarray, segments: list[tuple[float, float]]) -> float:
    """Mean power of the frames inside speech, as `energy_summary` takes it."""
    track = track_energy(samples)
    speech = inside(segments, len(track.dbfs), track.hop_s, offset=0.5)
    return float(np.mean(10 ** (track.dbfs[speech].astype(np.float64) / 10))) if speech.any() else 0.0


def _edited(name: str, clip: Clip, samples: np.ndarray, note: str) -> Edited:
    return Edited(Clip(np.ascontiguousarray(samples, np.float32), f"{clip.name}, {name}"), note)
