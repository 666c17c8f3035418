"""The Compare tab: components, and which of them each event changes. What happens then is in `emotionthinker.page.comparing`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from emotionthinker.page.comparing import SIDES, CompareScreen, chosen_screen, empty_compare_screen, explain_both, measure_both
from emotionthinker.page.consent import Consent, may_infer_emotion
from emotionthinker.page.engine import EXAMPLES, Engine, Runs
from emotionthinker.page.handlers import RECORDING, status_html
from emotionthinker.page.keeping import lend
from emotionthinker.settings import Settings

KEPT_S = 3600  # how long an idle visitor's results stay in memory
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
ONE_MODEL = ("Both sides are explained by the same model. To compare two models, start the page with a second one "
             "(ET_MODEL_2 or ET_ENDPOINT_2), and use one clip for both.")
# The width at hand is known to the browser alone: this fills it in as the last input of an event.
WITH_WIDTH = "(...values) => [...values.slice(0, -1), window.emotionthinkerCompare ? window.emotionthinkerCompare.width() : 560]"


def model_name(settings: Settings) -> str:
    """The model of some settings, for people: never a whole path."""
    model = settings.model or ("the published model" if settings.endpoint else "Nano")
    return (Path(model).name or model) + (" (at an endpoint)" if settings.endpoint else "")


def compare_tab(engine: Engine, second: Engine | None, runs: Runs, consent: Consent) -> None:
    """Build the tab inside the Blocks at hand. second: the model that B may be explained by instead; runs: of this tab alone."""
    start = empty_compare_screen()
    assert start.figures is not None
    examples = json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))
    files = {item["name"]: str(EXAMPLES / item["file"]) for item in examples}

    consent.box("compare")
    audios, pickers, figures, stories, answers = [], [], [], [], []
    with gr.Row(elem_classes="cp-sides"):
        for side in ("a", "b"):
            with gr.Column(scale=1, min_width=320):
                _html(f"<h2>{side.upper()}</h2>", elem_classes="et-title")
                audios.append(gr.Audio(type="filepath", format=None, sources=["upload", "microphone"], interactive=False,
                                       label=f"Clip {side.upper()}", show_label=False, elem_id=f"cp-audio-{side}", editable=False,
                                       waveform_options=gr.WaveformOptions(show_recording_waveform=False), buttons=[]))
                pickers.append(gr.Dropdown(list(files), value=None, label=f"or an example for {side.upper()} (synthetic voices)",
                                           elem_id=f"cp-example-{side}"))
    with gr.Row(elem_id="cp-buttons"):
        go = gr.Button("Compare", size="sm", elem_classes="et-chip", elem_id="cp-go")
        stop = gr.Button("Stop", size="sm", elem_classes="et-chip", elem_id="cp-stop")
        same = gr.Button("Use A's clip for B too", size="sm", elem_classes="et-chip", elem_id="cp-same")
        models = [model_name(engine.settings)] + ([model_name(second.settings)] if second is not None else [])
        if second is not None and models[0] == models[1]:
            models = [f"{models[0]}, first", f"{models[1]}, second"]
        chosen = gr.Radio(models, value=models[-1], label="B is explained by", elem_id="cp-model", visible=second is not None)
    if second is None:
        _html(f'<p class="et-note">{escape(ONE_MODEL)}</p>')
    status = _html(start.status, elem_id="cp-status")
    with gr.Row(elem_classes="cp-sides"):
        for index, side in enumerate(("a", "b")):
            with gr.Column(scale=1, min_width=320, elem_classes="et-elsewhere"):
                figures.append(_html(start.figures[index], elem_id=f"cp-figure-{side}"))
                stories.append(_html(start.reasoning[index], elem_id=f"cp-story-{side}"))
                answers.append(_html(start.answer[index], elem_id=f"cp-answer-{side}"))
    _html("<h2>Measured, side by side</h2>", elem_classes="et-title")
    facts = _html(start.facts, elem_id="cp-facts")
    width = gr.Number(560, visible=False)
    records = gr.State(None, time_to_live=KEPT_S)
    parts = [status, *figures, facts, *stories, *answers, records]

    def begin(request: gr.Request) -> None:
        runs.begin(str(request.session_hash))

    def changed(path_a: str | None, path_b: str | None, request: gr.Request) -> list[Any]:
        """Another clip on one side: what stands there belongs to the clips before."""
        runs.begin(str(request.session_hash))
        return [*_values(chosen_screen(path_a, path_b))[:-1], None]

    def recording(side: str) -> Callable[[], str]:
        return lambda: status_html("recording", f"{side}: {RECORDING}")

    def measure(path_a: str | None, path_b: str | None, width: float, request: gr.Request) -> Iterator[list[Any]]:
        run = runs.current(str(request.session_hash))
        for screen in measure_both(engine, run, (path_a, path_b), int(width or 560)):
            if run.replaced:
                return
            values = _values(screen)
            if screen.records is None and screen.figures is not None:
                values[-1] = None  # what was measured before belongs to other clips
            yield values

    def explain(path_a: str | None, path_b: str | None, found: Any, model: str, request: gr.Request) -> Iterator[list[Any]]:
        run = runs.current(str(request.session_hash))
        if not path_a or not path_b or found is None or run.explaining:
            yield _values(CompareScreen())
            return
        run.explaining = True
        engines = (engine, second if second is not None and model == models[1] else engine)
        describe = not may_infer_emotion(consent.of(request), path_a, path_b)
        for screen in explain_both(engines, run, (path_a, path_b), found, describe):
            if run.replaced:
                break
            yield _values(screen)
        if run.replaced:
            # What was on its way may have arrived after the tab was cleared, and belongs to clips that are gone.
            yield _values(CompareScreen(reasoning=start.reasoning, answer=start.answer))

    def chosen_example(audio: gr.Audio) -> Callable[[str], str | None]:
        return lambda name: lend(files[name], audio) if name in files else None

    def stop_run(request: gr.Request) -> None:
        runs.stop(str(request.session_hash))

    thinking: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1, "api_visibility": "private",
                                "show_progress": "minimal", "show_progress_on": status}
    go.click(begin, None, None, queue=False, **PRIVATE).then(
        measure, [*audios, width], parts, js=WITH_WIDTH, concurrency_limit=2, **PRIVATE).then(
        explain, [*audios, records, chosen], parts, **thinking)
    stop.click(stop_run, None, None, queue=False, **PRIVATE)
    same.click(lambda path, name: (path, name), [audios[0], pickers[0]], [audios[1], pickers[1]], queue=False, **PRIVATE)
    for side, picker, audio in zip(SIDES, pickers, audios, strict=True):
        picker.input(chosen_example(audio), picker, audio, queue=False, **PRIVATE)
        audio.change(changed, audios, parts, queue=False, **PRIVATE)
        audio.start_recording(recording(side), None, status, queue=False, **PRIVATE)
        # A clip of one's own is no example any more.
        gr.on([audio.upload, audio.start_recording, audio.clear], lambda: None, None, picker, queue=False, **PRIVATE)
    consent.unlocks(*audios)


def _html(value: str | None, **place: Any) -> gr.HTML:
    return gr.HTML(value, js_on_load=None, apply_default_css=False, **place)


def _values(screen: CompareScreen) -> list[Any]:
    figures = screen.figures or (None, None)
    fields = (screen.status, *figures, screen.facts, *screen.reasoning, *screen.answer, screen.records)
    return [gr.skip() if value is None else value for value in fields]
