"""The section "What if?": change one thing about the voice, listen to both, and ask the model again.

`whatif_section` builds it below the explanation; `outcomes` is what happens when something is asked, without Gradio.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import gradio as gr
import numpy as np

from emotionthinker import world
from emotionthinker.audio import SAMPLE_RATE, Clip, load_clip
from emotionthinker.export import file_stem
from emotionthinker.page.consent import LATER_TEXT, Consent, may_infer_emotion
from emotionthinker.page.engine import EXAMPLES, Engine, Run, Runs
from emotionthinker.page.handlers import sentence, status_html
from emotionthinker.page.keeping import keep
from emotionthinker.page.whatif_story import outcome_html
from emotionthinker.plots_pair import draw_pair
from emotionthinker.probing import ALL_CHANGES, CONTROLS, answer, example_beside, prepare
from emotionthinker.prosody.record import Prosody

CHIPS = {
    "flatter": "flat melody", "wider": "wider melody", "higher": "higher", "lower": "lower", "louder": "louder", "softer": "softer",
    "slower": "slower", "faster": "faster", "no-pauses": "no pauses", "destress": "a word unstressed", "whisper": "whispered",
    "another-voice": "another voice", "words-alone": "the words alone", "leading-question": "a leading question",
    "silence": "silence", "noise": "noise", "copy": "no change (control)",
}
INTRO = ("Does the answer really follow the voice? Change one thing about it, keep the rest, listen to both, and ask the model "
         "again. An answer that rests on what the explanation says should move with it. "
         f"The last {len(CONTROLS) + 1} are controls: another voice, none, another question, or no change at all.")
NO_WORLD = ("Changes of pitch, speed, stress and voicing need the package pyworld-prebuilt on the machine that serves this page: "
            "pip install pyworld-prebuilt.")
DESCRIBING = ("What if? compares the emotions that the model names, and you chose measuring and describing only. "
              f"“{LATER_TEXT}” allows both.")
NOT_ALLOWED = ("What if? compares emotions, and for a recording of your own that was not allowed yet, or was forgotten; reload the "
               "page and choose.")
EMPTY = "Choose a change once the model has answered."


@dataclasses.dataclass
class Outcome:
    """What changed in the section: None stays as it is. `changed`: the clip to listen to beside the original."""

    status: str | None = None
    html: str | None = None
    changed: Clip | None = None


def choices() -> list[tuple[str, str]]:
    """The changes that can be made on this machine, as (label, name)."""
    return [(label, name) for name, label in CHIPS.items() if world.available() or not ALL_CHANGES[name].needs_world]


def outcomes(engine: Engine, run: Run, path: str | None, prosody: Prosody | None, before: Mapping[str, Any] | None,
             name: str | None, which: str | None, width_px: int, level: str = "") -> Iterator[Outcome]:
    """One What if?, step by step.

    path, prosody, before: the clip, its record and the first explanation (its `to_dict()`), None where there is none yet. name: of
    the change. which: index of the word ("destress") or file of the example ("another-voice"), None for the usual one. level: what
    the visitor allows (`page.consent`). Ends without a word where another one was begun meanwhile.
    """
    if path is None or prosody is None or before is None:
        yield Outcome(status_html("empty", "There is no explanation to compare with yet; wait for the answer, then ask again."))
        return
    if not may_infer_emotion(level, path):
        yield Outcome(status_html("empty", DESCRIBING if level else NOT_ALLOWED))
        return
    if before["mode"] != "emotion":
        yield Outcome(status_html("empty", "What if? compares emotions; choose “Which emotion, and why” under Options, press "
                                           "“Explain again”, and then ask here."))
        return
    if name not in ALL_CHANGES:
        yield Outcome(status_html("empty", "Choose a change first."))
        return
    cancel = run.begin_try()
    try:
        yield Outcome(status_html("measuring", "Changing the voice …"), html="")
        clip = load_clip(path, engine.settings.limits)
        word = int(which) if name == "destress" and which is not None and which.isdecimal() else None
        other = other_voice(which, clip) if name == "another-voice" else None
        step = prepare(name, clip, prosody, before, word=word, other=other)
        if step.skipped:
            yield Outcome(status_html("refused", step.skipped))
            return
        yield Outcome(status_html("thinking", "Asking again …"), changed=step.clip or clip)
        thinker = engine.wait(cancel)
        if thinker is None or cancel.is_set():
            yield from _stopped(run)
            return
        step = answer(thinker, step, clip, prosody, before, cancel=cancel, **run.asked)
        if cancel.is_set():
            yield from _stopped(run)
            return
        assert step.explanation is not None
        figure = None
        if step.clip is not None:
            figure = draw_pair(prosody.to_dict(), step.explanation.prosody.to_dict(), width_px=width_px)
        told = "The answer changed" if step.comparison["answer_changed"] else "The answer stayed"
        yield Outcome(status_html("done", f"{told} ({step.explanation.seconds:.1f} s)."), html=outcome_html(before, step, figure))
    except Exception as error:
        if not run.replaced:
            yield Outcome(status_html("refused", sentence(error)))


def _stopped(run: Run) -> Iterator[Outcome]:
    if not run.replaced:
        yield Outcome(status_html("stopped", "Stopped."))


def other_voice(which: str | None, clip: Clip) -> Clip:
    """The example that speaks in this clip's place: the one whose file name was chosen, else `example_beside`."""
    names = {file.name for file in EXAMPLES.glob("*.flac")}
    return load_clip(EXAMPLES / which) if which is not None and which in names else example_beside(clip)


def whiches(name: str | None, prosody: Prosody | None) -> tuple[str, list[tuple[str, str]]]:
    """What must be chosen besides the change: a label, and (text, value) pairs; none for most changes."""
    if name == "destress" and prosody is not None:
        words = prosody.words
        order = sorted(range(len(words)), key=lambda i: (not words[i]["stressed"], -words[i]["prominence"]))
        return "Which word", [(words[i]["word"] + (" ●" if words[i]["stressed"] else ""), str(i)) for i in order]
    if name == "another-voice":
        return "Whose voice", [(file.stem, file.name) for file in sorted(EXAMPLES.glob("*.flac"))]
    return "", []


def wav_bytes(samples: np.ndarray) -> bytes:
    """A 16-bit wav of samples (n,) at 16 kHz, for listening; what lies above full scale is held at it."""
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, np.clip(samples, -1.0, 1.0), SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return out.getvalue()


def whatif_section(engine: Engine, runs: Runs, audio: gr.Audio, prosody: gr.State, result: gr.State, consent: Consent,
                   allowed: Callable[[Any], None], *, private: dict[str, Any], with_width: str) -> None:
    """Build the section inside the Blocks at hand.

    audio, prosody, result: the clip, its record and its explanation in the Analyze tab. allowed: goes on from the event with which
    emotion was allowed afterwards. private: keyword arguments of events that are no API. with_width: JavaScript that fills in the
    width at hand as the last input.
    """
    place: dict[str, Any] = {"js_on_load": None, "apply_default_css": False}
    with gr.Column(elem_id="et-whatif"):
        note = INTRO if world.available() else f"{INTRO} {NO_WORLD}"
        gr.HTML(f'<h2>What if?</h2><p class="et-note">{note}</p>', elem_classes="et-title", **place)
        consent.reminder("whatif", DESCRIBING, allowed)
        with gr.Column(elem_id="et-whatif-controls") as controls:
            choice = gr.Radio(choices(), label="What if it were …", elem_id="et-whatif-choice", show_label=False)
            with gr.Row(elem_id="et-whatif-row"):
                which = gr.Dropdown([], visible=False, label="Which", elem_id="et-whatif-which", min_width=160, scale=0)
                ask = gr.Button("Change it and ask again", size="sm", elem_id="et-whatif-ask", min_width=180, scale=0)
                status = gr.HTML(status_html("empty", EMPTY), elem_id="et-whatif-status", **place)
        consent.needs_emotion(controls)
        with gr.Row(visible=False, elem_id="et-whatif-players") as players:
            original = gr.Audio(interactive=False, label="As recorded", type="filepath", buttons=[], elem_id="et-whatif-original",
                                min_width=240, waveform_options=gr.WaveformOptions(show_recording_waveform=False))
            changed = gr.Audio(interactive=False, label="Changed", type="filepath", buttons=[], elem_id="et-whatif-changed",
                               min_width=240, waveform_options=gr.WaveformOptions(show_recording_waveform=False))
        outcome = gr.HTML("", elem_id="et-whatif-outcome", **place)
    width = gr.Number(960, visible=False)

    def offer(name: str | None, prosody: Prosody | None) -> Any:
        label, options = whiches(name, prosody)
        return gr.update(choices=options, value=options[0][1] if options else None, label=label or "Which", visible=bool(options))

    def run_it(path: str | None, prosody: Prosody | None, before: dict[str, Any] | None, name: str | None, which: str | None,
               width: float, request: gr.Request) -> Iterator[list[Any]]:
        level = consent.of(request)
        run = runs.current(str(request.session_hash))
        for found in outcomes(engine, run, path, prosody, before, name, which, int(width or 960), level):
            if found.changed is None:
                yield [_or_skip(found.status), _or_skip(found.html), gr.skip(), gr.skip(), gr.skip()]
                continue
            stem = f"{file_stem(path or '')}-{name}"
            saved = keep(wav_bytes(found.changed.samples), f"{stem}.wav", changed)
            yield [_or_skip(found.status), _or_skip(found.html), gr.update(visible=True), path, saved]

    def clear(result: dict[str, Any] | None) -> list[Any]:
        text = EMPTY if result is None else "Choose a change."
        return [status_html("empty", text), "", gr.update(visible=False), None, None]

    shown = [status, outcome, players, original, changed]
    choice.change(offer, [choice, prosody], which, queue=False, **private)
    ask.click(run_it, [audio, prosody, result, choice, which, width], shown, js=with_width, concurrency_id="model",
              concurrency_limit=1, **private)
    result.change(clear, result, shown, queue=False, **private)


def _or_skip(value: str | None) -> Any:
    return gr.skip() if value is None else value
