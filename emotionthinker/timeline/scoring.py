"""An utterance measured and explained: one line of the timeline's table.

The model writes its whole explanation for every utterance, so that each comes with its reasons. Forcing the answer at once would
take a seventh of the time; the weights of today are right there as often as after reasoning (assets/nano/README.md,
docs/trust.md), those of the first cut were not (LOG.md). It is not done here yet.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from emotionthinker.audio import Clip
from emotionthinker.pipeline import Explainer
from emotionthinker.prompt import Mode
from emotionthinker.prosody.record import Prosody, measure_prosody
from emotionthinker.timeline.segments import Utterance
from emotionthinker.transcript import recognise

# Of speech. A shorter utterance ("mm-hm") is measured, but no model is asked about it: Nano never met one in training.
SHORTEST_ASKED_S = 0.6


@dataclass(frozen=True)
class Segment:
    """One utterance. Times in seconds of the recording; None where nothing could be measured or was asked."""

    line: str
    start_s: float
    end_s: float
    speech_s: float
    words: str | None  # None: not transcribed
    f0_median_hz: float | None  # None also where the pitch is not reliable
    f0_range_st: float | None
    energy_dbfs: float | None
    articulation_rate_pps: float | None  # phones per second; needs the words
    est_snr_db: float | None
    gender: str | None
    emotion: str | None = None
    scores: dict[str, float] = field(default_factory=dict)  # label -> probability, or 1 for the one named; {} without a label
    reasoning: str = ""  # in mode "describe": the caption
    claims: list[dict[str, Any]] = field(default_factory=list)  # as in `explain --json`, on `reasoning`
    warnings: list[str] = field(default_factory=list)

    @property
    def middle_s(self) -> float:
        """Seconds of the recording halfway through the utterance."""
        return (self.start_s + self.end_s) / 2

    def to_dict(self) -> dict[str, Any]:
        """Plain types, as in the timeline's JSON and in the resume file."""
        return asdict(self)


def score(
    utterance: Utterance,
    line: str,
    explainer: Explainer | None,
    *,
    transcribe: bool = True,
    mode: Mode = "emotion",
    labels: Sequence[str] | None = None,
    cancel: threading.Event | None = None,
) -> Segment | None:
    """Measure one utterance and have it explained; None where `cancel` came before the end of that.

    explainer: None only measures. transcribe: whether to recognise the words; without them there is no speaking rate.
    Raises ModelError subclasses, and TranscriptError where the recogniser is missing.
    """
    clip = Clip(utterance.samples, line)
    record = measure_prosody(clip, recognise=False)
    spans = [(start, end) for start, end in record.segments]
    if transcribe:
        heard = recognise(clip.samples, segments=spans) if record.speech_s >= SHORTEST_ASKED_S else ""
        record = record.with_transcript(clip, heard)
    measured = _measured(utterance, line, record)
    if cancel is not None and cancel.is_set():
        return None
    if explainer is None or record.speech_s < SHORTEST_ASKED_S:
        return Segment(**measured, warnings=list(record.warnings))
    found = explainer.explain(clip, prosody=record, mode=mode, labels=labels, cancel=cancel)
    if cancel is not None and cancel.is_set():
        return None
    scores = dict(found.label_scores)
    if not scores and found.emotion is not None:  # a server that gives no log-probabilities
        scores = {label: float(label == found.emotion) for label in found.labels}
    return Segment(
        **measured,
        emotion=found.emotion,
        scores=scores,
        reasoning=found.answer if mode == "describe" else found.reasoning,
        claims=[asdict(claim) for claim in found.claims],
        warnings=list(found.warnings),
    )


def _measured(utterance: Utterance, line: str, record: Prosody) -> dict[str, Any]:
    return {
        "line": line,
        "start_s": utterance.start_s,
        "end_s": utterance.end_s,
        "speech_s": record.speech_s,
        "words": record.transcription,
        "f0_median_hz": record.f0_median_hz if record.f0_reliable else None,
        "f0_range_st": record.f0_range_st if record.f0_reliable else None,
        "energy_dbfs": record.energy_dbfs,
        "articulation_rate_pps": record.articulation_rate_pps,
        "est_snr_db": record.est_snr_db,
        "gender": record.gender,
    }
