"""The model on ZeroGPU: a Space that has a GPU only while a function runs that `spaces.GPU` decorates.

Such a function runs in a process of its own, forked from this one. So the model is loaded here once, before the page is served, and
every reply is one call into the other process: plain values go in (samples, chat, options), pieces of text and at last the
probabilities of the labels come out. The package `spaces` asks for three things: it is imported before torch, the model is put on
"cuda" in the main thread (there it stands in for CUDA), and nothing of torch crosses between the processes.

Elsewhere none of this is imported: `active()` is False.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotionthinker.errors import ModelError
from emotionthinker.pipeline import Explainer, Reply, ReplyOptions
from emotionthinker.settings import Settings

if TYPE_CHECKING:
    from emotionthinker.thinker import EmotionThinker

START_S = 15.0  # moving the weights into the GPU's memory, and the first step
TOKENS_PER_S = 25.0  # a careful guess for 9B: a call over its seconds is cut, one that asks for many waits longer
LONGEST_S = 120  # what a visitor without an account can be given at once

_model: EmotionThinker | None = None  # a global, as the forked process finds it here
_on_gpu: Callable[..., Iterator[Any]] | None = None


def active() -> bool:
    """Whether this is a ZeroGPU Space: the platform sets SPACES_ZERO_GPU."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def prepare() -> None:
    """Decorate the function that needs the GPU. To be called before torch is imported; elsewhere it does nothing.

    Raises ModelError where the package `spaces` is missing.
    """
    global _on_gpu
    if not active() or _on_gpu is not None:
        return
    try:
        import spaces
    except ImportError as error:
        raise ModelError("This Space runs on ZeroGPU, but the package spaces is missing; add it to requirements.txt.") from error
    _on_gpu = spaces.GPU(duration=seconds_needed)(answer)


def lend(settings: Settings) -> Explainer:
    """Load the model that the settings name, for use by `answer` on the GPU.

    To be called in the main thread before the page is served. Raises ModelError subclasses, also for a second model.
    """
    global _model
    from emotionthinker.thinker import EmotionThinker

    if _on_gpu is None or _model is not None or threading.current_thread() is not threading.main_thread():
        raise ModelError("On ZeroGPU one model can be loaded, before the page opens; put the second one behind ET_ENDPOINT_2.")
    if settings.load_in_4bit:
        raise ModelError("4-bit loading does not work on ZeroGPU; unset ET_4BIT, its GPU has room for the whole model.")
    # On the CPU first: transformers loads in threads, and those know nothing of the stand-in for CUDA.
    model = EmotionThinker.from_pretrained(settings.model, dtype=settings.dtype, device="cpu")
    model.model = model.model.to("cuda")
    _model = model
    return Lent(model)


class Lent(Explainer):
    """The model as the page sees it. Several replies may be under way: each has a process, and the platform's queue, to itself."""

    def __init__(self, model: EmotionThinker) -> None:
        self.style, self.name = model.style, model.name

    def _reply(
        self, samples: np.ndarray, chat: list[dict[str, Any]], options: ReplyOptions, cancel: threading.Event
    ) -> Reply:
        return LentReply(self, samples, chat, options, cancel)


@dataclass(frozen=True)
class End:
    """The last thing that `answer` gives. scores: label -> probability over all labels of the model, or {}."""

    complete: bool
    scores: dict[str, float]


@dataclass(frozen=True)
class Fault:
    """What went wrong over there: the sentence, and the whole of it. An exception would arrive as the name of its class alone."""

    sentence: str
    whole: str  # for the log


def answer(
    samples: np.ndarray, chat: list[dict[str, Any]], options: ReplyOptions, labels: Sequence[str]
) -> Iterator[str | End | Fault]:
    """One reply, in the process that has the GPU: pieces of text, then End; or a Fault.

    samples: (n,) float32 at 16 kHz. When the reader goes away the generator is closed, and the model stops after its token.
    """
    assert _model is not None
    reply = _model._reply(samples, chat, options, threading.Event())
    try:
        yield from reply
        yield End(reply.complete, reply.label_scores(labels))
    except ModelError as error:
        yield Fault(str(error), error.whole)
    finally:
        reply.close()


def seconds_needed(samples: np.ndarray, chat: list[dict[str, Any]], options: ReplyOptions, labels: Sequence[str]) -> int:
    """How long the GPU is asked for, in seconds: the platform counts it against the visitor's allowance before it starts."""
    return min(LONGEST_S, round(START_S + options.max_new_tokens / TOKENS_PER_S))


class LentReply(Reply):
    """One call of `answer`. Waiting for a GPU cannot be cut short; once it runs, a cancelled reply ends at the next token."""

    def __init__(self, lent: Lent, samples: np.ndarray, chat: list[dict[str, Any]], options: ReplyOptions,
                 cancel: threading.Event) -> None:
        self._lent, self._cancel = lent, cancel
        assert _on_gpu is not None
        self._pieces = _on_gpu(samples, chat, options, tuple(lent.style.labels))
        self._scores: dict[str, float] = {}

    def __iter__(self) -> Iterator[str]:
        try:
            for piece in self._pieces:  # to its very end, so that the platform is told that the GPU is free
                if isinstance(piece, End):
                    self.complete, self._scores = piece.complete, piece.scores
                elif isinstance(piece, Fault):
                    raise ModelError(piece.sentence, whole=piece.whole)
                else:
                    yield piece
                if self._cancel.is_set():
                    return
        except ModelError:
            raise
        except Exception as error:  # gradio's Error with a message for people, or the worker's death
            said = re.sub(r"<[^>]*>", "", " ".join(str(getattr(error, "message", error)).split())).rstrip(".")
            raise ModelError(f"The GPU of this Space did not answer ({said[:200]}); try again later.") from error
        finally:
            self.close()

    def close(self) -> None:
        close = getattr(self._pieces, "close", None)  # a generator has it
        if close is not None:
            close()

    def label_scores(self, labels: Sequence[str]) -> dict[str, float]:
        """Of a part of the labels: their probabilities over all, scaled to sum to 1, which is what asking for them alone gives."""
        found = {label: self._scores[label] for label in labels if label in self._scores}
        total = sum(found.values())
        return {label: p / total for label, p in found.items()} if total > 0 and len(found) == len(labels) else {}
