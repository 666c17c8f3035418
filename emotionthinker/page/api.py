"""Endpoints for programs: `/prosody` and `/explain`. They take a file and text, give the documented JSON, and know no visitor."""

from __future__ import annotations

from typing import Any

import gradio as gr

from emotionthinker.audio import load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.page.engine import Engine
from emotionthinker.page.handlers import sentence
from emotionthinker.prompt import split_labels
from emotionthinker.prosody.record import measure_prosody


def endpoints(engine: Engine) -> None:
    """Add both to the Blocks at hand. Real components carry the values, so that Gradio's own file checks apply."""
    clip = gr.Audio(type="filepath", format=None, visible=False, label="Clip")
    transcript = gr.Textbox("", visible=False, label="Transcript (empty: the words are recognised)")
    labels = gr.Textbox("", visible=False, label="Emotions to choose from, separated by commas (empty: all the model knows)")
    answer = gr.JSON(visible=False, label="Result")
    call = gr.Button(visible=False)

    def prosody(clip: str | None, transcript: str = "") -> dict[str, Any]:
        """Measure a clip: the keys of `python -m emotionthinker prosody --json`."""
        try:
            return measure_prosody(load_clip(_given(clip), engine.settings.limits), transcript or None).to_dict()
        except Exception as error:
            raise gr.Error(sentence(error), print_exception=False) from None

    def explain(clip: str | None, transcript: str = "", labels: str = "") -> dict[str, Any]:
        """Measure and explain a clip: the keys of `python -m emotionthinker explain --json`."""
        try:
            source = load_clip(_given(clip), engine.settings.limits)
            thinker = engine.wait()
            assert thinker is not None  # nobody cancels
            return thinker.explain(source, transcript=transcript or None, labels=split_labels(labels or "") or None).to_dict()
        except Exception as error:
            raise gr.Error(sentence(error), print_exception=False) from None

    call.click(prosody, [clip, transcript], answer, api_name="prosody", concurrency_limit=2, show_progress="hidden")
    call.click(explain, [clip, transcript, labels], answer, api_name="explain", concurrency_id="model", concurrency_limit=1,
               show_progress="hidden")


def _given(clip: str | None) -> str:
    if not clip:
        raise EmotionThinkerError("No clip was given; send an audio file as the first input.")
    return clip
