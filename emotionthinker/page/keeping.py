"""Files that the page hands out: written into the folder of the uploads, deleted with them, and a sentence where that cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache, save_file_to_cache

from emotionthinker.page.handlers import sentence, status_html


def keep(data: bytes, name: str, component: Any) -> str:
    """A new file for a component to hand out; gives its path. Raises gr.Error with one sentence."""
    return _kept(lambda: save_bytes_to_cache(data, name, component.GRADIO_CACHE), component)


def lend(path: str, component: Any) -> str:
    """A copy of an example for a component; gives its path. Gradio would make one, too, but says where it cannot, with both paths.

    Raises gr.Error with one sentence.
    """
    return _kept(lambda: save_file_to_cache(path, component.GRADIO_CACHE), component)


def example(path: str, component: Any) -> list[Any]:
    """What an example's button changes: the component and the status, which says where the copy could not be made."""
    try:
        return [lend(path, component), gr.skip()]
    except gr.Error as error:  # Gradio shows no message for an event whose progress is hidden
        return [gr.skip(), status_html("refused", str(error.message))]


def _kept(write: Callable[[], str], component: Any) -> str:
    try:
        saved = write()
    except OSError as error:
        raise gr.Error(sentence(error), print_exception=False) from None
    component.temp_files.add(saved)  # so that it is deleted with the others
    return saved
