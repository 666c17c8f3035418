"""The Timeline tab: components, and which of them each event changes. What happens then is in `emotionthinker.page.following`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from emotionthinker.export import file_stem
from emotionthinker.page.consent import Consent, may_infer_emotion
from emotionthinker.page.engine import EXAMPLES, Engine, Runs
from emotionthinker.page.following import LongScreen, Wanted, empty_long_screen, follow_recording
from emotionthinker.page.handlers import status_html
from emotionthinker.page.keeping import example as lent
from emotionthinker.page.keeping import keep
from emotionthinker.page.uploads import TIMELINES
from emotionthinker.timeline.export import WRITERS

KEPT_S = 3600  # how long an idle visitor's results stay in memory
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
EXAMPLE_CALL = EXAMPLES / "call.ogg"
BOTH_SIDES = "A call has two sides: whoever is heard in the recording must know what is done with it, and agree."
TOLD = ("<strong>Two speakers</strong> are told apart by channel: a stereo call gets a line for each. In a recording with one "
        "channel all speakers share a line, because no freely licensed part that works offline told them apart well enough in "
        "emotional speech; a change of speaker can then look like a turn of tone.")


def timeline_tab(engine: Engine, runs: Runs, consent: Consent) -> None:
    """Build the tab inside the Blocks at hand. runs: of this tab alone, so that a clip in another tab does not end them."""
    limits = engine.settings.long_limits
    start = empty_long_screen(limits)
    # Outside of Gradio's cache, so that none of it is ever served. Gradio's cleaner deletes its files by age (`temp_files`).
    folder = tempfile.TemporaryDirectory(prefix=TIMELINES)

    consent.box("timeline", BOTH_SIDES)
    with gr.Row(elem_id="tl-input"):
        audio = gr.Audio(type="filepath", format=None, sources=["upload"], interactive=False, label="Recording", show_label=False,
                         elem_id="et-long", waveform_options=gr.WaveformOptions(show_recording_waveform=False), editable=False,
                         buttons=[], scale=3, min_width=280)
        with gr.Column(scale=2, min_width=260):
            _html(f'<p class="et-note">A call or an interview of up to {limits.max_seconds / 60:g} minutes and '
                  f"{limits.max_bytes / 1e6:g} MB. {TOLD}</p>")
            with gr.Row(elem_id="tl-buttons"):
                example = gr.Button("Example: a call", size="sm", elem_classes="et-chip", elem_id="tl-example")
                go = gr.Button("Follow the recording", size="sm", elem_classes="et-chip", elem_id="tl-go")
                stop = gr.Button("Stop", size="sm", elem_classes="et-chip", elem_id="tl-stop")
            transcribe = gr.Checkbox(True, label="Write down the words (needed for speed)", container=False,
                                     elem_id="tl-transcribe")
    status = _html(start.status, elem_id="tl-status")
    figure = _html(start.figure, elem_id="tl-figure")
    _html("<h2>Where the tone turns</h2>", elem_classes="et-title")
    turns = _html(start.turns, elem_id="tl-turns")
    _html("<h2>Utterances</h2>", elem_classes="et-title")
    table = _html(start.table, elem_id="tl-table")
    with gr.Row(elem_id="tl-downloads"):
        _html('<span class="et-note">Download</span>', elem_id="tl-download-note", min_width=70)
        savers = [gr.Button({"vtt": "WebVTT"}.get(kind, kind if kind == "TextGrid" else kind.upper()), size="sm",
                            elem_classes="et-chip", elem_id=f"tl-save-{kind.lower()}") for kind in WRITERS]
        ready = gr.DownloadButton("Save", visible="hidden", elem_id="tl-save")
    result = gr.State(None, time_to_live=KEPT_S)
    parts = [status, figure, turns, table, result]

    def begin(path: str | None, request: gr.Request) -> list[Any]:
        runs.begin(str(request.session_hash))
        return [*_values(empty_long_screen(limits))[:-1], None]

    def start_again(path: str | None, request: gr.Request) -> Any:
        runs.begin(str(request.session_hash))
        return status_html("waiting", "Waiting for its turn …") if path else gr.skip()

    def follow(path: str | None, transcribe: bool, request: gr.Request) -> Iterator[list[Any]]:
        run = runs.current(str(request.session_hash))
        if run.explaining:  # a double click: the first one is at work
            yield _values(LongScreen())
            return
        if not path:
            raise gr.Error("There is no recording yet; bring one, or press the example.", print_exception=False)
        run.explaining = True
        wanted = Wanted(bool(transcribe), may_infer_emotion(consent.of(request), path))
        for screen in follow_recording(engine, run, path, wanted, Path(folder.name), ready.temp_files):
            yield _values(screen)

    def stop_run(request: gr.Request) -> None:
        runs.stop(str(request.session_hash))

    # A queue of its own: an hour of it must not keep the Analyze tab waiting, which takes its turns at the model in between.
    long_work: dict[str, Any] = {"concurrency_id": "timeline", "concurrency_limit": 1, "api_visibility": "private",
                                 "show_progress": "minimal", "show_progress_on": status}
    audio.change(begin, audio, parts, queue=False, **PRIVATE)
    go.click(start_again, audio, status, queue=False, **PRIVATE).then(
        follow, [audio, transcribe], parts, **long_work)
    stop.click(stop_run, None, None, queue=False, **PRIVATE)
    example.click(partial(lent, str(EXAMPLE_CALL), audio), None, [audio, status], queue=False, **PRIVATE)
    consent.unlocks(audio)
    for button, kind in zip(savers, WRITERS, strict=True):
        button.click(_saver(kind, ready), [audio, result], ready, **PRIVATE).success(
            None, None, None, js="() => window.emotionthinkerTimeline.save()")


def _html(value: str | None, **place: Any) -> gr.HTML:
    return gr.HTML(value, js_on_load=None, apply_default_css=False, **place)


def _values(screen: LongScreen) -> list[Any]:
    fields = (screen.status, screen.figure, screen.turns, screen.table, screen.result)
    return [gr.skip() if value is None else value for value in fields]


def _saver(kind: str, ready: gr.DownloadButton) -> Callable[..., str]:
    def save(path: str | None, timeline: Any) -> str:
        if not path or timeline is None:
            raise gr.Error("There is nothing to save yet; follow a recording to its end, or stop it first.", print_exception=False)
        return keep(WRITERS[kind](timeline.to_dict()).encode(), f"{file_stem(path)}.timeline.{kind}", ready)

    return save
