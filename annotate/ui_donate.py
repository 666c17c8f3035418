"""The part of the tab Analyze in which a visitor may give their clip for rating. Off until they tick it, for each clip anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from annotate import donation, donation_page
from annotate.service import Service
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.page.consent import is_example
from emotionthinker.page.handlers import sentence

Section = Callable[[gr.Audio, gr.State], None]  # the clip, and what `explain` gave about it
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def donation_section(service: Service | None) -> Section | None:
    """What builds the section inside the tab, or None where no project takes clips."""
    if service is None or donation.receiving(service.store) is None:
        return None

    def build(audio: gr.Audio, result: gr.State) -> None:
        with gr.Accordion("Give this clip for rating", open=False, elem_id="et-give"):
            gr.HTML(donation_page.about_html(service.plan), js_on_load=None, apply_default_css=False)
            tick = gr.Checkbox(False, label=donation_page.TICK, container=False, elem_id="et-give-tick")
            button = gr.Button("Give this clip", size="sm", interactive=False, elem_id="et-give-now", elem_classes="et-chip")
            said = gr.HTML("", js_on_load=None, apply_default_css=False, elem_id="et-give-said")
            with gr.Row(elem_id="et-take-back"):
                code = gr.Textbox("", label="Take a clip back: its code", max_length=60, lines=1, scale=3, min_width=200)
                back = gr.Button("Delete that clip", size="sm", scale=1, min_width=140, elem_id="et-take-back-now",
                                 elem_classes="et-chip")

        def give(ticked: bool, path: str | None, found: dict[str, Any] | None) -> list[Any]:
            return [give_clip(service, ticked, path, found), False]

        def take_back(text: str) -> list[Any]:
            return [take_clip_back(service, text), ""]

        tick.change(lambda ticked: gr.update(interactive=ticked is True), tick, button, queue=False, **PRIVATE)
        audio.change(lambda: False, None, tick, queue=False, **PRIVATE)  # a tick is for one clip
        button.click(give, [tick, audio, result], [said, tick], concurrency_limit=1, **PRIVATE)
        gr.on([back.click, code.submit], take_back, code, [said, code], concurrency_limit=1, **PRIVATE)

    return build


def give_clip(service: Service, ticked: Any, path: str | None, result: dict[str, Any] | None) -> str:
    """Keep the clip, if it was ticked; gives the HTML with the code. Raises gr.Error with a sentence."""
    if ticked is not True:
        raise refusal("Tick the sentence above first; without it nothing is kept.")
    if not path or result is None:
        raise refusal("There is nothing to give yet; bring a recording and wait until it is explained.")
    if is_example(path):
        raise refusal("This is one of this page's own examples; bring a recording of yours.")
    try:
        return donation_page.code_html(donation.give(service.store, Path(path), result,
                                                     copies_to=service.plan.place if service.plan else None))
    except Exception as error:
        raise refusal(sentence(error)) from None


def take_clip_back(service: Service, code: Any) -> str:
    """Delete what a code stands for; gives the HTML that says so. Raises gr.Error with a sentence."""
    if not isinstance(code, str) or not code.strip():
        raise refusal("Write the code that you were shown when you gave the clip.")
    try:
        service.forget_figures(donation.take_back(service.store, code))
    except EmotionThinkerError as error:
        raise refusal(str(error)) from None
    return donation_page.taken_back_html()


def refusal(text: str) -> gr.Error:
    """A message that leaves the page, and with it a code that stands there, as it is."""
    return gr.Error(text, print_exception=False)
