"""What an explanation sends while it is made, and what it is in the end. Page, command line and API all consume these.

Order: ProsodyReady; ReasoningPiece, AnswerPiece and ClaimsReady as the reply arrives; AnswerReady; Finished, the last.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from emotionthinker.prompt import Mode
from emotionthinker.words_voice import WordsAndVoice, words_and_voice

if TYPE_CHECKING:
    from emotionthinker.grounding import Claim, Grounding
    from emotionthinker.prosody.record import Prosody


@dataclass(frozen=True)
class ProsodyReady:
    """The clip is measured; nothing was asked of the model yet."""

    prosody: Prosody


@dataclass(frozen=True)
class ReasoningPiece:
    """More of the reasoning; all pieces in order are `Explanation.reasoning`."""

    text: str


@dataclass(frozen=True)
class AnswerPiece:
    """More of the answer; all pieces in order are `Explanation.answer`."""

    text: str


@dataclass(frozen=True)
class ClaimsReady:
    """Every claim found so far in the reasoning (in mode "describe": in the answer); replaces earlier ones."""

    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class AnswerReady:
    """The reply is complete. `emotion`: one of the labels or None; the others: label -> probability, or {}."""

    emotion: str | None
    answer: str
    label_scores: dict[str, float]
    first_impression: dict[str, float] = field(default_factory=dict)


@dataclass
class Explanation:
    """One clip explained: the prosody record, the model's reply, and the reply held against the record."""

    prosody: Prosody
    emotion: str | None  # one of `labels`, None where the reply names none honestly
    answer: str  # raw text of the answer
    reasoning: str
    raw: str  # the whole reply, tags included
    label_scores: dict[str, float]  # label -> probability given the reasoning, summing to 1; {} where unknown
    claims: list[Claim]
    model: str
    seconds: float  # from clip to end
    labels: tuple[str, ...] = ()
    mode: Mode = "emotion"
    first_impression: dict[str, float] = field(default_factory=dict)  # as label_scores, but before any reasoning
    well_formed: bool = False
    span_s: tuple[float, float] = (0.0, 0.0)  # what the model heard, seconds from the clip's start
    warnings: list[str] = field(default_factory=list)  # the record's and the reply's

    @property
    def grounding(self) -> Grounding:
        """How many claims are supported, and how many salient cues are mentioned."""
        from emotionthinker.grounding import ground

        return ground(self.claims, self.prosody)

    @property
    def words_and_voice(self) -> WordsAndVoice | None:
        """The words held against the answer; None without words or without a label."""
        return words_and_voice(self.prosody.transcription, self.emotion, self.first_impression or self.label_scores)

    def to_dict(self) -> dict[str, Any]:
        """As `explain --json` prints it: the keys of the prosody record, then those of the reply.

        `span_s` and `warnings` are the explanation's own, which include the record's warnings.
        """
        both = self.words_and_voice
        return {
            **self.prosody.to_dict(),
            "emotion": self.emotion,
            "answer": self.answer,
            "reasoning": self.reasoning,
            "raw": self.raw,
            "label_scores": {label: round(p, 6) for label, p in self.label_scores.items()},
            "first_impression": {label: round(p, 6) for label, p in self.first_impression.items()},
            "words_and_voice": None if both is None else {**asdict(both), "disagree": both.disagree},
            "claims": [asdict(claim) for claim in self.claims],
            "grounding": self.grounding.to_dict(),
            "model": self.model,
            "seconds": round(self.seconds, 3),
            "labels": list(self.labels),
            "mode": self.mode,
            "well_formed": self.well_formed,
            "span_s": [round(t, 4) for t in self.span_s],
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class Finished:
    """The last event, also after a cancelled reply (with what had arrived until then)."""

    explanation: Explanation


Event = ProsodyReady | ReasoningPiece | AnswerPiece | ClaimsReady | AnswerReady | Finished
