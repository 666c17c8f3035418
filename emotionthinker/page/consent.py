"""What a visitor allows, asked before a microphone or an upload is turned on.

There are two steps. "Describe" lets the page measure a voice and a model describe it, without any emotion; "emotion" also lets
the model say which emotion it sounds like. The choice lives on the server (`page.choices`), one for all tabs of a visitor, and
what is asked of the model is decided from it there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from emotionthinker.page.choices import Choices, Level
from emotionthinker.page.engine import EXAMPLES
from emotionthinker.page.notice import notice_html
from emotionthinker.settings import Settings

DESCRIBE_TEXT = "Measure and describe only"
EMOTION_TEXT = "Measure, describe and infer emotion"
LATER_TEXT = "Infer emotion too"
DESCRIBED = f"You chose measuring and describing only, so no emotion is inferred. “{LATER_TEXT}” allows it from now on."
LOCKED = f"Locked: you chose measuring and describing only. “{LATER_TEXT}”, at the top of this tab, unlocks it."
PRIVATE: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}


def may_infer_emotion(level: str, *paths: str) -> bool:
    """Whether a model may be asked for an emotion in these clips.

    Without a choice, or where it was forgotten after a long time, only in the synthetic examples, which are nobody's voice.
    """
    return level == "emotion" or (level == "" and bool(paths) and all(map(is_example, paths)))


def is_example(path: str) -> bool:
    """Whether a file is one of the example clips, by its content: the page works on copies."""
    file = Path(path)
    sizes = {example.stat().st_size for example in EXAMPLES.iterdir()}
    if not file.is_file() or file.stat().st_size not in sizes:
        return False
    sound = file.read_bytes()
    return any(sound == example.read_bytes() for example in EXAMPLES.iterdir() if example.stat().st_size == len(sound))


class Consent:
    """The choice of each visitor (`of`), and what depends on it. Build the boxes, name the parts, then `connect`."""

    def __init__(self, settings: Settings) -> None:
        self._choices = Choices()
        self._settings = settings
        self._boxes: list[gr.Column] = []
        self._bars: list[gr.Row] = []
        self._buttons: list[tuple[gr.Button, Level]] = []
        self._inputs: list[Any] = []
        self._modes: list[tuple[gr.Radio, list[str]]] = []
        self._with_emotion: list[Any] = []
        self._followed: dict[int, Callable[[Any], None]] = {}  # by the button

    def of(self, request: gr.Request) -> Level:
        """What the visitor who asks has allowed."""
        return self._choices.get(request.session_hash)

    def box(self, place: str = "", more: str = "", follow: Callable[[Any], None] | None = None) -> None:
        """The notice with both buttons, and the line that stays after "describe only". place: told apart by it in the page;
        more: a sentence of this tab's own; follow: as in `reminder`."""
        suffix = f"-{place}" if place else ""
        with gr.Column(elem_id=f"et-consent{suffix}", elem_classes="et-consent") as box:
            gr.HTML(notice_html(self._settings, place, more), js_on_load=None, apply_default_css=False)
            with gr.Row(elem_classes="et-choices"):
                self._button(DESCRIBE_TEXT, "describe", f"et-agree-describe{suffix}")
                self._button(EMOTION_TEXT, "emotion", f"et-agree{suffix}", variant="primary")
        self._boxes.append(box)
        self.reminder(place, DESCRIBED, follow)

    def reminder(self, place: str, text: str, follow: Callable[[Any], None] | None = None) -> None:
        """A line that is there after "describe only", with the button that allows emotion too. follow: gets the event of that
        button, to go on from it."""
        suffix = f"-{place}" if place else ""
        with gr.Row(visible=False, elem_id=f"et-described{suffix}", elem_classes="et-described") as bar:
            gr.HTML(f'<p class="et-note">{text}</p>', js_on_load=None, apply_default_css=False)
            later = self._button(LATER_TEXT, "emotion", f"et-agree-later{suffix}", size="sm")
        self._bars.append(bar)
        if follow is not None:
            self._followed[later._id] = follow

    def _button(self, text: str, level: Level, elem_id: str, **look: Any) -> gr.Button:
        button = gr.Button(text, elem_id=elem_id, elem_classes=f"et-agree et-agree-{level}", **look)
        self._buttons.append((button, level))
        return button

    def unlocks(self, *inputs: Any) -> None:
        """Inputs that are off until either choice is made."""
        self._inputs += inputs

    def needs_emotion(self, *parts: Any) -> None:
        """Parts that are not shown after "describe only"."""
        self._with_emotion += parts

    def decides(self, mode: gr.Radio, choices: list[str]) -> None:
        """A switch between [emotion, description]: without the second consent it stays on description, and says why."""
        self._modes.append((mode, choices))

    def connect(self) -> None:
        """Bind the buttons, once every tab is built."""
        modes = [mode for mode, _ in self._modes]
        outputs = [*self._boxes, *self._bars, *self._inputs, *self._with_emotion, *modes]

        def choose(level: Level, request: gr.Request) -> list[Any]:
            self._choices.put(request.session_hash, level)
            told = level == "describe"
            return [
                *(gr.update(visible=False) for _ in self._boxes),
                *(gr.update(visible=told) for _ in self._bars),
                *(gr.update(interactive=True) for _ in self._inputs),
                *(gr.update(visible=not told) for _ in self._with_emotion),
                *(gr.update(value=choices[told], interactive=not told, info=LOCKED if told else "") for _, choices in self._modes),
            ]

        def choose_describe(request: gr.Request) -> list[Any]:
            return choose("describe", request)

        def choose_emotion(request: gr.Request) -> list[Any]:
            return choose("emotion", request)

        for button, level in self._buttons:
            event = button.click(choose_describe if level == "describe" else choose_emotion, None, outputs, **PRIVATE)
            if button._id in self._followed:
                self._followed[button._id](event)
