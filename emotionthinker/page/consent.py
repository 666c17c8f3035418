"""What a visitor allows, asked before a microphone or an upload is turned on.

There are two steps. "Describe" lets the page measure a voice and a model describe it, without any emotion; "emotion" also lets
the model say which emotion it sounds like. The choice lives on the server, one for all tabs of a visitor, and what is asked of
the model is decided from it there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import gradio as gr

from emotionthinker.page.engine import EXAMPLES
from emotionthinker.page.notice import notice_html
from emotionthinker.settings import Settings

Level = Literal["", "describe", "emotion"]  # "": nothing was allowed yet, so only the synthetic examples can be chosen

DESCRIBE_TEXT = "Measure and describe only"
EMOTION_TEXT = "Measure, describe and infer emotion"
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
    """The choice of each visitor (`level`), and what depends on it. Build the boxes, name the parts, then `connect`."""

    def __init__(self, settings: Settings) -> None:
        self.level = gr.State("")
        self._settings = settings
        self._boxes: list[gr.Column] = []
        self._bars: list[gr.Row] = []
        self._buttons: list[tuple[gr.Button, Level]] = []
        self._inputs: list[Any] = []
        self._modes: list[tuple[gr.Radio, list[str]]] = []

    def box(self, place: str = "", more: str = "") -> None:
        """The notice with both buttons, and the line that stays after "describe only". place: told apart by it in the page;
        more: a sentence of this tab's own."""
        suffix = f"-{place}" if place else ""
        with gr.Column(elem_id=f"et-consent{suffix}", elem_classes="et-consent") as box:
            gr.HTML(notice_html(self._settings, place, more), js_on_load=None, apply_default_css=False)
            with gr.Row(elem_classes="et-choices"):
                self._button(DESCRIBE_TEXT, "describe", f"et-agree-describe{suffix}")
                self._button(EMOTION_TEXT, "emotion", f"et-agree{suffix}", variant="primary")
        with gr.Row(visible=False, elem_id=f"et-described{suffix}", elem_classes="et-described") as bar:
            gr.HTML('<p class="et-note">You chose measuring and describing only: no emotion is inferred.</p>', js_on_load=None,
                    apply_default_css=False)
            self._button("Infer emotion too", "emotion", f"et-agree-later{suffix}", size="sm")
        self._boxes.append(box)
        self._bars.append(bar)

    def _button(self, text: str, level: Level, elem_id: str, **look: Any) -> None:
        self._buttons.append((gr.Button(text, elem_id=elem_id, elem_classes=f"et-agree et-agree-{level}", **look), level))

    def unlocks(self, *inputs: Any) -> None:
        """Inputs that are off until either choice is made."""
        self._inputs += inputs

    def decides(self, mode: gr.Radio, choices: list[str]) -> None:
        """A switch between [emotion, description]: without the second consent it stays on description."""
        self._modes.append((mode, choices))

    def connect(self) -> None:
        """Bind the buttons, once every tab is built."""
        modes = [mode for mode, _ in self._modes]
        outputs = [self.level, *self._boxes, *self._bars, *self._inputs, *modes]

        def choose(level: Level) -> list[Any]:
            told = level == "describe"
            return [
                level,
                *(gr.update(visible=False) for _ in self._boxes),
                *(gr.update(visible=told) for _ in self._bars),
                *(gr.update(interactive=True) for _ in self._inputs),
                *(gr.update(value=choices[told], interactive=not told) for _, choices in self._modes),
            ]

        for button, level in self._buttons:
            button.click(lambda level=level: choose(level), None, outputs, **PRIVATE)
