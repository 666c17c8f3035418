"""What happens when something is pressed: plain functions and generators from inputs to the parts of the page.

No Gradio here, so each can be called in a test or from the API. A `Screen` holds what changed; what is None stays as it is.
"""

from __future__ import annotations

import dataclasses
import errno
import logging
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from emotionthinker.audio import Clip, load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.events import AnswerPiece, AnswerReady, ClaimsReady, Finished, ReasoningPiece
from emotionthinker.page.engine import Engine, Run
from emotionthinker.page.facts import facts_html
from emotionthinker.page.figure import empty_figure_html, figure_html
from emotionthinker.page.story import State, answer_html, reasoning_html
from emotionthinker.page.uploads import OF_THE_DISK, disk_sentence
from emotionthinker.plots import draw_voice
from emotionthinker.prompt import split_labels
from emotionthinker.prosody.record import Prosody, measure_prosody
from emotionthinker.words_voice import VOICE_CHARGED, WORDS_CHARGED

log = logging.getLogger("emotionthinker")
RECORDING = "Recording … press Stop when you are done."
WAITING_FOR_MODEL = "Waiting for the model …"
UPDATE_S = 1 / 15  # streamed text reaches the page at most this often: more cannot be read and slows the model
WRITE_SHARE = 0.25  # … and writing it out takes no more than this share of the time, however long a text grows


@dataclasses.dataclass
class Screen:
    """The parts of the page that changed."""

    status: str | None = None
    figure: str | None = None
    facts: str | None = None
    transcript: str | None = None
    reasoning: str | None = None
    answer: str | None = None
    prosody: Prosody | None = None
    result: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class View:
    """How the figure is wanted."""

    hz: bool = False
    spectrogram: bool = False
    width_px: int = 960


@dataclasses.dataclass(frozen=True)
class Options:
    """What a visitor may change about the explanation. Empty means: the model's own."""

    labels: str = ""
    question: str = ""
    describe: bool = False
    max_new_tokens: int | None = None
    temperature: float = 0.0
    seed: int | None = None

    def as_arguments(self) -> dict[str, Any]:
        """For `Explainer.stream`."""
        return {
            "labels": split_labels(self.labels) or None,
            "question": self.question.strip() or None,
            "mode": "describe" if self.describe else "emotion",
            "max_new_tokens": self.max_new_tokens,
            "temperature": self.temperature,
            "seed": self.seed,
        }


def status_html(state: str, text: str) -> str:
    """The status line. state: empty, recording, measuring, waiting, thinking, done, stopped, refused or missing; text: plain."""
    dot = '<span class="et-dot" aria-hidden="true"></span>'
    return f'<div class="et-status" data-state="{state}" role="status">{dot}<span>{escape(text)}</span></div>'


def empty_screen(engine: Engine) -> Screen:
    """Before the first clip, and after one was taken away."""
    if engine.problem:
        status = status_html("missing", f"No model: {engine.problem} The voice is still measured.")
    else:
        status = status_html("empty", "Ready. Press an example or bring a clip.")
    return Screen(status, empty_figure_html(), facts_html(None), "", reasoning_html("", [], None, "empty"), answer_html("empty"))


def measuring_screen() -> Screen:
    """As soon as a clip is there: what belonged to the one before goes away at once."""
    return Screen(status_html("measuring", "Measuring the voice …"), empty_figure_html("Drawing …"), facts_html(None), "",
                  reasoning_html("", [], None, "waiting"), answer_html("waiting"))


def asking_screen() -> Screen:
    """The same clip is put to the model again: what it said goes away, what was measured stays."""
    return Screen(status_html("waiting", WAITING_FOR_MODEL), reasoning=reasoning_html("", [], None, "waiting"),
                  answer=answer_html("waiting"))


def measure(engine: Engine, run: Run, path: str, view: View) -> Iterator[Screen]:
    """Clip to figure and facts: first what needs no words, then the words."""
    try:
        clip = load_clip(path, engine.settings.limits)
        prosody = measure_prosody(clip, recognise=False)
        record = prosody.to_dict()
        yield Screen(status_html("measuring", "Listening for the words …"), figure_html(_draw(record, clip, view), record),
                     facts_html(record, words_pending=True), prosody=prosody)
        if run.cancel.is_set():
            return
        problem, words = None, ""
        try:
            words = recognised_words(clip, prosody)
        except EmotionThinkerError as error:  # the sound is measured all the same, and a person can type the words
            problem = sentence(error)
        screen = _measured_screen(prosody.with_transcript(clip, words), clip, view)
        if problem:
            screen.status = status_html("refused", problem)
        yield screen
    except Exception as error:
        yield failed_screen(error)


def recognised_words(clip: Clip, prosody: Prosody) -> str:
    """The words of a clip, or "" where there is no speech."""
    from emotionthinker.transcript import recognise

    return recognise(clip.samples) if prosody.segments else ""


def correct_words(engine: Engine, path: str, text: str, prosody: Prosody, view: View) -> Screen:
    """Other words for the same sound: only what depends on the words is measured again."""
    try:
        clip = load_clip(path, engine.settings.limits)
        return _measured_screen(prosody.with_transcript(clip, text.strip()), clip, view)
    except Exception as error:
        return Screen(status=status_html("refused", sentence(error)))


def redraw(engine: Engine, path: str, prosody: Prosody, view: View) -> Screen:
    """The figure alone: another width, Hz, or the spectrogram."""
    try:
        clip = load_clip(path, engine.settings.limits)
        record = prosody.to_dict()
        return Screen(figure=figure_html(_draw(record, clip, view), record))
    except Exception as error:
        return Screen(status=status_html("refused", sentence(error)))


def explain(engine: Engine, run: Run, path: str, prosody: Prosody, options: Options) -> Iterator[Screen]:
    """The explanation as it is made. Text reaches the page at most every UPDATE_S; the figure is not touched."""
    if not engine.ready:
        yield Screen(status_html("waiting", "The model is being loaded …"))
    try:
        thinker = engine.wait(run.cancel)
    except EmotionThinkerError as error:
        yield Screen(status_html("missing", f"No model: {error} The measurements stand."),
                     reasoning=reasoning_html("", [], None, "failed"), answer=answer_html("failed"))
        return
    if thinker is None:
        if not run.replaced:
            yield Screen(status_html("stopped", "Stopped."), reasoning=reasoning_html("", [], None, "stopped"))
        return
    record = prosody.to_dict()
    reasoning, answer = "", ""
    claims: list[dict[str, Any]] = []
    scores: dict[str, float] = {}
    first: dict[str, float] = {}
    emotion: str | None = None
    state: State = "thinking"
    describe = options.describe

    def screen(status: str | None = None, **more: Any) -> Screen:
        told = answer if describe else reasoning
        return Screen(status, reasoning=reasoning_html(told, claims, record, state),
                      answer=answer_html(state, emotion=emotion, answer=answer, scores=scores, first=first, claims=claims,
                                         record=record, describe=describe, **more))

    try:
        yield screen(status_html("thinking", f"{thinker.name} is listening …"))
        shown_at = writing_s = 0.0
        clip = load_clip(path, engine.settings.limits)
        for event in thinker.stream(clip, prosody=prosody, cancel=run.cancel, **options.as_arguments()):
            if run.replaced:
                return
            if isinstance(event, ReasoningPiece):
                reasoning += event.text
            elif isinstance(event, AnswerPiece):
                answer += event.text
            elif isinstance(event, ClaimsReady):
                claims = [dataclasses.asdict(claim) for claim in event.claims]
            elif isinstance(event, AnswerReady):
                emotion, answer = event.emotion, event.answer
                scores, first = dict(event.label_scores), dict(event.first_impression)
                continue  # shown with the end, so that nothing jumps twice
            elif isinstance(event, Finished):
                stopped = run.cancel.is_set()
                result = event.explanation.to_dict()
                if not prosody.segments:
                    yield Screen(status_html("done", "Measured. No speech was found, so the model was not asked."),
                                 reasoning=reasoning_html("", [], None, "silent"), answer=answer_html("silent"), result=result)
                    return
                state = "stopped" if stopped else "done"
                reasoning, claims = result["reasoning"], result["claims"]
                text = "Stopped." if stopped else f"Done in {result['seconds']:.1f} s."
                remark, why = ("", "") if stopped else _words_remark(result)
                final = screen(status_html(state, text), notes=[] if stopped else _new_warnings(result, prosody), remark=remark,
                               remark_why=why)
                final.result = result
                yield final
                return
            if reasoning or answer:
                now = time.monotonic()
                if now - shown_at >= max(UPDATE_S, writing_s / WRITE_SHARE):
                    shown = screen(status_html("thinking", f"{thinker.name} is thinking …") if not shown_at else None)
                    shown_at = time.monotonic()
                    writing_s = shown_at - now
                    yield shown
    except Exception as error:
        if run.replaced:
            return
        state = "failed"
        final = screen(status_html("refused", sentence(error)))
        yield final


def failed_screen(error: Exception) -> Screen:
    """A clip that was refused: the sentence of the error, and room for the next."""
    text = sentence(error)
    return Screen(status_html("refused", text), empty_figure_html(text), facts_html(None), "",
                  reasoning_html("", [], None, "failed"), answer_html("failed"))


def sentence(error: Exception) -> str:
    """What people are told of an error. What says more of the machine goes to the log, as does the place of errors not ours."""
    if isinstance(error, EmotionThinkerError):
        if error.whole != str(error):
            log.error("%s", error.whole)
        return str(error)
    if isinstance(error, OSError) and error.errno in OF_THE_DISK:
        log.error("The disk refused to write: %s", errno.errorcode[error.errno])
        return disk_sentence(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else "?"
    log.error("%s at %s", type(error).__name__, place)  # no message: it could hold a transcript
    return "Something failed here that should not; try again, and if it stays, report the clip's format and length."


def _draw(record: dict[str, Any], clip: Clip, view: View) -> Any:
    return draw_voice(record, clip.samples, width_px=view.width_px, hz=view.hz, spectrogram=view.spectrogram)


def _measured_screen(prosody: Prosody, clip: Clip, view: View) -> Screen:
    record = prosody.to_dict()
    return Screen(status_html("waiting", f"Measured. {WAITING_FOR_MODEL}"), figure_html(_draw(record, clip, view), record),
                  facts_html(record), prosody.transcription or "", prosody=prosody)


def _new_warnings(result: dict[str, Any], prosody: Prosody) -> list[str]:
    """What the explanation warns of; the record's own warnings stand beside the facts."""
    return [text for text in result["warnings"] if text not in prosody.warnings]


def _words_remark(result: dict[str, Any]) -> tuple[str, str]:
    """The sentence on words and voice that disagree, and what it rests on; two empty texts where they do not."""
    both = result["words_and_voice"]
    if both is None or not both["disagree"]:
        return "", ""
    words, voice = (f"{both[side]:+.2f}".replace("-", "−") for side in ("words", "voice"))
    why = (f"Words: {words} on VADER’s scale from −1 to +1, charged from ±{WORDS_CHARGED:g}. Voice: {voice}, the probability of "
           f"pleasant labels less that of unpleasant ones, clear from ±{VOICE_CHARGED:g}.")
    return both["sentence"], why
