"""Ask again about a changed clip, and say how the answer, its scores and its claims moved.

    before = thinker.explain(clip, prosody=record)
    step = ask_again(thinker, "flatter", clip, record, before.to_dict())
    step.explanation.emotion, step.comparison["shift"], step.comparison["taken_away"]

Every changed clip goes through `Explainer.explain`, measured anew like any other clip, with the words that were given before.
Beside the changes of the voice (`counterfactual.CHANGES`) stand five controls (`CONTROLS`): nothing to hear, noise, another voice
under the same words, the words without a voice, and a question that suggests an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.audio import Clip, load_clip
from emotionthinker.counterfactual import CHANGES, Change, change_voice
from emotionthinker.events import Explanation
from emotionthinker.grounding import SUPPORTED, verify_claims
from emotionthinker.leak import Moved, moved_cues
from emotionthinker.pipeline import Explainer
from emotionthinker.prosody.record import Prosody, measure_prosody
from emotionthinker.world import CannotChange

EXAMPLES = Path(__file__).resolve().parents[1] / "assets" / "examples"
NOISE_DBFS = -30.0  # where the clip has no level of its own
LEADING = "I think that the speaker sounds {label}."

CONTROLS: dict[str, Change] = {
    change.name: change
    for change in (
        Change("silence", None, "there were nothing to hear", needs_world=False),
        Change("noise", None, "there were noise in place of the voice", needs_world=False),
        Change("another-voice", None, "somebody else said it", needs_world=False),
        Change("words-alone", None, "the model had the words and no voice", needs_world=False),
        Change("leading-question", None, "the question suggested an answer", needs_world=False),
    )
}
ALL_CHANGES: dict[str, Change] = CHANGES | CONTROLS

# What a change takes away -> the claims that speak of it.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "pitch": ("pitch_level",),
    "range": ("pitch_range", "intonation"),
    "energy": ("energy_level",),
    "speed": ("speed_level",),
    "pauses": ("pauses",),
    "stress": ("stress",),
    "voicing": ("pitch_level", "pitch_range", "intonation"),
}
VOICE_ATTRIBUTES = tuple(dict.fromkeys(name for names in ATTRIBUTES.values() for name in names))


@dataclass
class Step:
    """One change and what came of it. Where it could not be made, `skipped` says why and the rest is empty."""

    change: str
    note: str = ""
    skipped: str = ""
    clip: Clip | None = None  # what the model heard; None for a question that differs over the same clip
    explanation: Explanation | None = None
    moved: list[Moved] = field(default_factory=list)
    comparison: dict[str, Any] = field(default_factory=dict)
    suggested: str | None = None  # the label that a leading question names

    def to_dict(self) -> dict[str, Any]:
        """Plain types only; of the explanation what `told` keeps."""
        if self.explanation is None:
            return {"change": self.change, "skipped": self.skipped}
        return {"change": self.change, "note": self.note, "suggested": self.suggested, **told(self.explanation.to_dict()),
                **self.comparison, "moved": [item.to_dict() for item in self.moved]}


def told(explanation: Mapping[str, Any]) -> dict[str, Any]:
    """Of an explanation (its `to_dict()`), what was said, without the tracks."""
    keys = ("emotion", "answer", "reasoning", "label_scores", "first_impression", "claims", "well_formed", "seconds")
    return {key: explanation[key] for key in keys if key in explanation} | {"asked": bool(explanation["raw"])}


def ask_again(explainer: Explainer, name: str, clip: Clip, record: Prosody, before: Mapping[str, Any], *,
              word: int | None = None, other: Clip | None = None, **options: Any) -> Step:
    """Make one change and ask the same question again: `prepare`, then `answer`."""
    return answer(explainer, prepare(name, clip, record, before, word=word, other=other), clip, record, before, **options)


def answer(explainer: Explainer, step: Step, clip: Clip, record: Prosody, before: Mapping[str, Any], **options: Any) -> Step:
    """Ask about a prepared step, fill in its explanation and comparison, and give it back.

    options: those of the first explanation, for `Explainer.stream`, and `cancel`. Errors of the model are raised as they are.
    """
    if step.skipped:
        return step
    arguments = {"transcript": record.transcription, **options}
    heard = step.clip or clip
    if step.suggested is not None:
        own = options.get("question") or explainer.style.question
        arguments |= {"question": f"{own} {LEADING.format(label=step.suggested)}", "prosody": record}
    if step.change == "words-alone":
        # A clip without speech is not put to a model. With the record of the voice it is: the model hears silence where the
        # speech was and is given the words, and nothing else of the record reaches it.
        arguments["prosody"] = record
    step.explanation = explainer.explain(heard, **arguments)
    if step.change == "words-alone":  # claims are held against what was heard, not against the voice that was not
        silent = measure_prosody(heard, record.transcription)
        step.explanation = replace(step.explanation, prosody=silent, claims=verify_claims(step.explanation.reasoning, silent))
    after = step.explanation.to_dict()
    cue = ALL_CHANGES[step.change].cue
    step.comparison = compare(before, after, cue)
    if step.change in CHANGES:
        step.moved = moved_cues(before, after, cue)
    return step


def prepare(name: str, clip: Clip, record: Prosody, before: Mapping[str, Any], *, word: int | None = None,
            other: Clip | None = None) -> Step:
    """The step with the clip to hear, not yet asked about; a change that cannot be made says in `skipped` why.

    name: a key of `ALL_CHANGES`. record: the prosody of `clip`, with the words that the model was given. before: the first
    explanation (its `to_dict()`). word: for "destress", see `change_voice`. other: for "another-voice", the clip that is heard in
    place of this one.
    """
    try:
        return _prepare(name, clip, record, before, word, other)
    except CannotChange as error:
        return Step(name, skipped=str(error))


def _prepare(name: str, clip: Clip, record: Prosody, before: Mapping[str, Any], word: int | None, other: Clip | None) -> Step:
    if name in CHANGES:
        edited = change_voice(name, clip, record, word)
        return Step(name, edited.note, clip=edited.clip)
    if name == "silence":
        return Step(name, "digital silence of the same length", clip=_silence(clip))
    if name == "noise":
        level_dbfs = record.energy_dbfs if record.energy_dbfs is not None else NOISE_DBFS
        noise = np.random.default_rng(0).normal(0.0, 10 ** (level_dbfs / 20), len(clip.samples)).astype(np.float32)
        return Step(name, "white noise at the level of the speech", clip=Clip(noise, f"{clip.name}, noise"))
    if name == "another-voice":
        if other is None:
            raise CannotChange("Another voice was asked for, but no other clip was given; give one.")
        return Step(name, f"the voice of {other.name}, with this clip's words given", clip=other)
    if name == "words-alone":
        if not (record.transcription or "").strip():
            raise CannotChange("This clip has no words, so there is nothing to judge without the voice.")
        return Step(name, "silence where the voice was, the words given", clip=_silence(clip))
    if name == "leading-question":
        label = suggested_label(before)
        return Step(name, f"the question ends: “{LEADING.format(label=label)}”", suggested=label)
    raise CannotChange(f"There is no change {name!r}; choose one of {', '.join(ALL_CHANGES)}.")


def _silence(clip: Clip) -> Clip:
    return Clip(np.zeros_like(clip.samples), f"{clip.name}, silence")


def suggested_label(before: Mapping[str, Any]) -> str:
    """The label that the model itself finds least likely: whoever then says it follows the question, not the voice."""
    scores: Mapping[str, float] = before.get("first_impression") or before["label_scores"]
    others = [label for label in before["labels"] if label != before["emotion"]]
    return min(others, key=lambda label: scores.get(label, 0.0))


def compare(before: Mapping[str, Any], after: Mapping[str, Any], cue: str | None) -> dict[str, Any]:
    """How the answer moved from one explanation to another (their `to_dict()`).

    Returns `shift`: half the summed differences of the label scores (total variation distance), 0 same … 1 disjoint, None without
    scores; `answer_changed`; `repeated`: for each different claim on the voice that the first clip supported, whether it holds for
    the second (`holds`) and what the second explanation says of it (`said`: "still", "otherwise", "no longer"); `taken_away`: those
    of them that speak of `cue` and hold no more.
    """
    shift = distance(before["label_scores"], after["label_scores"])
    held = {(claim.attribute, claim.stated): claim for claim in verify_claims(before["reasoning"], after)}
    first: dict[tuple[str, str], Mapping[str, Any]] = {}
    for claim in before["claims"]:
        if claim["verdict"] == SUPPORTED and claim["attribute"] in VOICE_ATTRIBUTES:
            first.setdefault((claim["attribute"], claim["stated"]), claim)
    repeated = []
    for key, claim in first.items():
        now = held.get(key)
        if now is None:  # found in the text only with the first record at hand
            continue
        repeated.append({
            "attribute": claim["attribute"], "stated": claim["stated"], "text": claim["text"], "was": claim["measured"],
            "now": now.measured, "holds": now.verdict == SUPPORTED, "said": _said(claim, after["claims"]),
        })
    speaks = ATTRIBUTES.get(cue or "", ())
    return {
        "shift": None if shift is None else round(shift, 4),
        "answer_changed": before["emotion"] != after["emotion"],
        "repeated": repeated,
        "taken_away": [item for item in repeated if item["attribute"] in speaks and not item["holds"]],
    }


def distance(scores: Mapping[str, float], others: Mapping[str, float]) -> float | None:
    """Total variation distance of two sets of label scores, 0 same … 1 disjoint; None where one is empty."""
    if not scores or not others:
        return None
    return 0.5 * sum(abs(scores.get(label, 0.0) - others.get(label, 0.0)) for label in {*scores, *others})


def _said(claim: Mapping[str, Any], claims: Sequence[Mapping[str, Any]]) -> str:
    """What the later claims say of an earlier one; "high" still says what "very high" said, in part."""
    alike = [_plain(later["stated"]) for later in claims if later["attribute"] == claim["attribute"]]
    if _plain(claim["stated"]) in alike:
        return "still"
    return "otherwise" if alike else "no longer"


def _plain(stated: str) -> str:
    return stated.casefold().removeprefix("very ")


def cited_cues(explanation: Mapping[str, Any]) -> list[str]:
    """The cues that an explanation speaks of, right or wrong, in the order of `ATTRIBUTES`; the whisper is no cue of its own."""
    attributes = {claim["attribute"] for claim in explanation["claims"]}
    return [cue for cue, names in ATTRIBUTES.items() if cue != "voicing" and attributes & set(names)]


def probe_clip(explainer: Explainer, clip: Clip, *, transcript: str | None = None, other: Clip | None = None,
               changes: Sequence[str] = tuple(ALL_CHANGES)) -> Iterator[Step | Explanation]:
    """Explain a clip, then make every change and ask again: first an Explanation, then a Step for each change.

    Raises EmotionThinkerError subclasses for the clip and for the model.
    """
    before = explainer.explain(clip, transcript=transcript)
    yield before
    first = before.to_dict()
    for name in changes:
        yield ask_again(explainer, name, clip, before.prosody, first, other=other)


def probe_dict(before: Explanation, steps: Sequence[Step]) -> dict[str, Any]:
    """A whole probe as plain types: what was said first, which cues it cites, and every step."""
    first = before.to_dict()
    return {"model": before.model, "labels": list(before.labels), "words": first["transcription"], "before": told(first),
            "cited": cited_cues(first), "steps": [step.to_dict() for step in steps]}




def example_beside(clip: Clip) -> Clip:
    """A shipped voice to speak in this clip's place: the angry one, or the sad one where the clip is the angry one itself.

    The samples are compared, since a file may bear any name.
    """
    angry = load_clip(EXAMPLES / "angry.flac")
    return load_clip(EXAMPLES / "sad.flac") if np.array_equal(angry.samples, clip.samples) else angry
