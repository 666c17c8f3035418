"""The Analyze tab: components, and which of them each event changes. What happens then is in `emotionthinker.page.handlers`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from emotionthinker.audio import load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.export import file_stem, frames_csv, result_json, textgrid
from emotionthinker.page import handlers
from emotionthinker.page.consent import Consent, may_infer_emotion
from emotionthinker.page.engine import EXAMPLES, Engine, Runs
from emotionthinker.page.handlers import Options, Screen, View, sentence
from emotionthinker.page.keeping import example, keep
from emotionthinker.page.notice import not_this_html
from emotionthinker.page.strings import switch_html
from emotionthinker.page.whatif import whatif_section
from emotionthinker.plots import draw_png, draw_voice

KEPT_S = 3600  # how long an idle visitor's results stay in memory
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
DOWNLOADS = {"JSON": "json", "CSV": "csv", "TextGrid": "TextGrid", "SVG": "svg", "PNG": "png"}
MODES = ["Which emotion, and why", "Describe the voice only"]
# The width at hand is known to the browser alone: this fills it in as the last input of an event.
WITH_WIDTH = "(...values) => [...values.slice(0, -1), window.emotionthinker ? window.emotionthinker.width() : 960]"


def header(engine: Engine) -> None:
    """Name, what it does, the model, the switch between light and dark, and what this is not."""
    settings = engine.settings
    where = "at an endpoint" if settings.endpoint else "on this machine"
    model = settings.model or ("the published model" if settings.endpoint else "Nano")
    _html(
        '<header class="et-head"><h1>EmotionThinker</h1><p>hears how a voice sounds, and says why</p>'
        f'<span class="et-model">model: <bdi>{escape(Path(model).name or model)}</bdi> · {where}</span>'
        '<button type="button" class="et-link" data-dialog="et-not">What this is not</button>'
        f"{switch_html()}"
        '<button type="button" class="et-theme" data-theme-switch aria-label="Switch between light and dark">◐</button></header>'
        + not_this_html(settings),
        elem_id="et-header",
    )


def analyze_tab(engine: Engine, runs: Runs, consent: Consent, more: Callable[[gr.Audio, gr.State], None] | None = None) -> None:
    """Build the tab inside the Blocks at hand. more: builds another section at its end, from the clip and its explanation."""
    start = handlers.empty_screen(engine)
    examples = json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))

    def go_on(event: Any) -> None:
        """Emotion was allowed afterwards: the clip at hand is explained again, as that is what was asked for."""
        event.then(ask_again, [audio, prosody], begun_again, queue=False, **PRIVATE).then(**explained, **thinking)

    consent.box(follow=go_on)
    with gr.Row(elem_id="et-input"):
        audio = gr.Audio(type="filepath", format=None, sources=["upload", "microphone"], interactive=False, label="Recording",
                         show_label=False, elem_id="et-audio", waveform_options=gr.WaveformOptions(show_recording_waveform=False),
                         editable=False, buttons=[], scale=3, min_width=280)
        with gr.Column(elem_id="et-examples", scale=2, min_width=260):
            _html('<p class="et-note" id="et-examples-note">Examples: synthetic voices, made for this page</p>')
            with gr.Row(elem_id="et-example-row"):
                buttons = [gr.Button(item["name"], size="sm", elem_classes="et-chip") for item in examples]
    status = _html(start.status, elem_id="et-status")
    figure = _html(start.figure, elem_id="et-figure")
    with gr.Row(elem_id="et-switches"):
        hz = gr.Checkbox(False, label="Pitch in Hz", container=False, min_width=100)
        spectrogram = gr.Checkbox(False, label="Spectrogram behind it", container=False, min_width=170)
    with gr.Row(elem_id="et-below"):
        with gr.Column(scale=1, min_width=320):
            _html("<h2>What the voice does</h2>", elem_classes="et-title")
            facts = _html(start.facts, elem_id="et-facts")
            with gr.Row(elem_id="et-transcript"):
                transcript = gr.Textbox("", label="Transcript (correct it where it is wrong)", lines=1, max_lines=4,
                                        max_length=4000, elem_id="et-words", scale=4, min_width=200)
                correct = gr.Button("Use these words", size="sm", elem_id="et-correct", scale=1, min_width=120)
        with gr.Column(scale=1, min_width=320):
            with gr.Row(elem_id="et-story-head"):
                _html("<h2>What the model says</h2>", elem_classes="et-title")
                again = gr.Button("Explain again", size="sm", elem_id="et-again", min_width=90)
                stop = gr.Button("Stop", size="sm", variant="stop", elem_id="et-stop", min_width=70)
            _html('<p class="et-note et-translated">The explanations are in English: the model writes no other language.</p>')
            reasoning = _html(start.reasoning, elem_id="et-reasoning")
            answer = _html(start.answer, elem_id="et-answer")
            _html('<div id="et-live" class="et-sr" aria-live="polite"></div>')
            with gr.Accordion("Options", open=False, elem_id="et-options"):
                mode = gr.Radio(MODES, value=MODES[0], label="Ask for")
                labels = gr.Textbox("", label="Emotions to choose from, separated by commas", max_length=400,
                                    placeholder="all that the model knows")
                question = gr.Textbox("", label="Your own question", placeholder="the one that the model was trained on",
                                      max_length=1000)
                with gr.Row():
                    # Without limits here: Gradio would break the event off without a word, and the page say "waiting" for ever.
                    tokens = gr.Number(0, label="Most new tokens (0: the model's own)", precision=0, min_width=150)
                    temperature = gr.Number(0.0, label="Temperature", step=0.1, min_width=100)
                    seed = gr.Number(0, label="Seed", precision=0, min_width=100)
            with gr.Row(elem_id="et-downloads"):
                _html('<span class="et-note">Download</span>', elem_id="et-download-note", min_width=70)
                savers = [gr.Button(kind, size="sm", elem_classes="et-chip", elem_id=f"et-save-{kind.lower()}")
                          for kind in DOWNLOADS]
                ready = gr.DownloadButton("Save", visible="hidden", elem_id="et-save")

    width = gr.Number(960, visible=False)
    redraw = gr.Button("Redraw", visible="hidden", elem_id="et-redraw")
    run_number = gr.State(0)
    prosody = gr.State(None, time_to_live=KEPT_S)
    result = gr.State(None, time_to_live=KEPT_S)
    parts = [status, figure, facts, transcript, reasoning, answer, prosody, result]
    view = [hz, spectrogram, width]
    options = [mode, labels, question, tokens, temperature, seed]

    def begin(path: str | None, request: gr.Request) -> list[Any]:
        run = runs.begin(str(request.session_hash), path or "")
        screen = handlers.measuring_screen() if path else handlers.empty_screen(engine)
        return [*_values(screen)[:-2], None, None, run.number]

    def measure(path: str | None, hz: bool, spectrogram: bool, width: float, request: gr.Request) -> Iterator[list[Any]]:
        run = runs.current(str(request.session_hash))
        if not path or run.path != path:  # it waited its turn, and another clip is there by now
            yield _values(Screen())
            return
        for screen in handlers.measure(engine, run, path, View(hz, spectrogram, int(width or 960))):
            if run.replaced:
                return
            yield _values(screen)
        run.measured = True

    def explain(path: str | None, prosody: Any, mode: str, labels: str, question: str, tokens: float | None,
                temperature: float | None, seed: float | None, request: gr.Request) -> Iterator[list[Any]]:
        run = runs.current(str(request.session_hash))
        if not path or run.path != path or prosody is None or not run.measured or run.explaining:
            yield _values(Screen())
            return
        run.explaining = True
        allowed = consent.of(request)
        describe = mode == MODES[1] or not may_infer_emotion(allowed, path)
        own = question if may_infer_emotion(allowed, path) else ""  # a visitor's own question could ask for the emotion
        wanted = Options(labels or "", own or "", describe, int(tokens) if tokens else None, float(temperature or 0.0),
                         int(seed) if seed is not None else None)
        run.asked = wanted.as_arguments()
        for screen in handlers.explain(engine, run, path, prosody, wanted):
            yield _values(screen)

    def ask_again(path: str | None, prosody: Any, request: gr.Request) -> list[Any]:
        if not runs.current(str(request.session_hash)).measured:  # what is under way asks by itself
            return [gr.skip()] * 4
        return begin_again(path, prosody, request)

    def begin_again(path: str | None, prosody: Any, request: gr.Request) -> list[Any]:
        if not path or prosody is None:  # no clip, or one that was refused
            return [gr.skip()] * 4
        run = runs.begin(str(request.session_hash))
        waiting = handlers.asking_screen()
        return [waiting.status, waiting.reasoning, waiting.answer, run.number]

    def correct_words(path: str | None, text: str, prosody: Any, hz: bool, spectrogram: bool, width: float,
                      request: gr.Request) -> list[Any]:
        if not path or prosody is None:
            return _values(Screen())
        runs.current(str(request.session_hash)).measured = True  # also where the words were still being recognised
        return _values(handlers.correct_words(engine, path, text or "", prosody, View(hz, spectrogram, int(width or 960))))

    def draw_again(path: str | None, prosody: Any, hz: bool, spectrogram: bool, width: float) -> list[Any]:
        if not path or prosody is None:
            return [gr.skip(), gr.skip()]
        screen = handlers.redraw(engine, path, prosody, View(hz, spectrogram, int(width or 960)))
        return [gr.skip() if screen.status is None else screen.status, gr.skip() if screen.figure is None else screen.figure]

    def stop_run(request: gr.Request) -> None:
        runs.stop(str(request.session_hash))

    def recording() -> str:
        return handlers.status_html("recording", handlers.RECORDING)

    whatif_section(engine, runs, audio, prosody, result, consent, go_on, private=PRIVATE, with_width=WITH_WIDTH)
    begun = [*parts, run_number]
    thinking: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1, "api_visibility": "private",
                                "show_progress": "minimal", "show_progress_on": status, "trigger_mode": "multiple"}
    explained = {"fn": explain, "inputs": [audio, prosody, *options], "outputs": parts}

    new_clip = audio.change(begin, audio, begun, queue=False, **PRIVATE)
    # "multiple": with the usual "once" a clip that comes while the one before is still being measured is dropped.
    new_clip.then(measure, [audio, *view], parts, js=WITH_WIDTH, concurrency_limit=2, trigger_mode="multiple", **PRIVATE).then(
        **explained, **thinking)
    begun_again = [status, reasoning, answer, run_number]
    again.click(ask_again, [audio, prosody], begun_again, queue=False, **PRIVATE).then(**explained, **thinking)
    gr.on([correct.click, transcript.submit], begin_again, [audio, prosody], begun_again, queue=False, **PRIVATE).then(
        correct_words, [audio, transcript, prosody, *view], parts, js=WITH_WIDTH, **PRIVATE).then(**explained, **thinking)
    gr.on([hz.change, spectrogram.change, redraw.click], draw_again, [audio, prosody, *view], [status, figure], js=WITH_WIDTH,
          trigger_mode="always_last", concurrency_limit=2, **PRIVATE)
    stop.click(stop_run, None, None, queue=False, **PRIVATE)
    audio.start_recording(recording, None, status, queue=False, **PRIVATE)
    consent.unlocks(audio)
    consent.decides(mode, MODES)
    for button, item in zip(buttons, examples, strict=True):
        button.click(partial(example, str(EXAMPLES / item["file"]), audio), None, [audio, status], queue=False, **PRIVATE)
    if more is not None:
        more(audio, result)
    for button, kind in zip(savers, DOWNLOADS, strict=True):
        button.click(_saver(kind, engine, ready), [audio, prosody, result, hz, spectrogram], ready, **PRIVATE).success(
            None, None, None, js="() => window.emotionthinker.save()")


def _html(value: str | None, **place: Any) -> gr.HTML:
    """HTML of our own: the style sheet alone styles it, `assets/page.js` alone moves it."""
    return gr.HTML(value, js_on_load=None, apply_default_css=False, **place)


def _values(screen: Screen) -> list[Any]:
    """A screen as the values of `parts`: what did not change is skipped, so it is not sent again."""
    fields = (screen.status, screen.figure, screen.facts, screen.transcript, screen.reasoning, screen.answer, screen.prosody,
              screen.result)
    return [gr.skip() if value is None else value for value in fields]


def _saver(kind: str, engine: Engine, ready: gr.DownloadButton) -> Callable[..., str]:
    """The function that writes one file to download, into the cache that Gradio empties."""

    def save(path: str | None, prosody: Any, result: dict[str, Any] | None, hz: bool, spectrogram: bool) -> str:
        if not path or prosody is None:
            raise gr.Error("There is nothing to save yet; choose an example or bring a recording first.", print_exception=False)
        try:
            record = prosody.to_dict()
            if kind == "JSON":
                data = result_json(result or record).encode()
            elif kind == "CSV":
                data = frames_csv(record).encode()
            elif kind == "TextGrid":
                data = textgrid(record).encode()
            else:
                samples = load_clip(path, engine.settings.limits).samples
                data = (draw_png(record, samples, hz=hz, spectrogram=spectrogram) if kind == "PNG" else
                        draw_voice(record, samples, theme="light", hz=hz, spectrogram=spectrogram).svg.encode())
        except EmotionThinkerError as error:
            raise gr.Error(sentence(error), print_exception=False) from None
        return keep(data, f"{file_stem(path)}.{DOWNLOADS[kind]}", ready)

    return save
