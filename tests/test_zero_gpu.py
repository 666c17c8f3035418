"""The model on a GPU that is lent by the call, with a stand-in for the package `spaces`.

The real one needs the platform. The stand-in does what it does on a CPU: the decorated generator runs in a process forked from this
one, arguments and pieces are pickled, an exception arrives as its name alone, and closing the generator stops the one over there.
"""

from __future__ import annotations

import inspect
import multiprocessing
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import gradio as gr
import numpy as np
import pytest

from emotionthinker import zero_gpu
from emotionthinker.errors import ModelError
from emotionthinker.page.engine import Engine
from emotionthinker.pipeline import ReplyOptions, open_explainer
from emotionthinker.settings import Settings
from tests.conftest import TAUGHT_LABELS, make_record, synthetic_voice

FORK = multiprocessing.get_context("fork")
END, FAILED, PIECE = "end", "failed", "piece"


class StandIn(ModuleType):
    """`spaces`, as far as it is used. calls: the seconds that were asked for; processes: where the function ran."""

    def __init__(self) -> None:
        super().__init__("spaces")
        self.calls: list[int] = []
        self.processes: list[Any] = []
        self.refuse = ""

    def GPU(self, *, duration: Callable[..., int]) -> Callable[..., Any]:
        def decorate(task: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
            assert inspect.isgeneratorfunction(task)

            def handler(*args: Any) -> Iterator[Any]:
                if self.refuse:
                    raise gr.Error(self.refuse)
                self.calls.append(duration(*args))
                queue, stop = FORK.Queue(), FORK.Event()
                process = FORK.Process(target=run, args=(pickle.dumps(args), queue, stop), daemon=True)
                process.start()
                self.processes.append(process)
                while True:
                    kind, data = queue.get(timeout=60)
                    if kind == END:
                        break
                    if kind == FAILED:
                        raise gr.Error(f"<b>GPU worker error</b>: {data}")
                    try:
                        yield pickle.loads(data)
                    except GeneratorExit:
                        stop.set()
                        raise

            def run(pickled: bytes, queue: Any, stop: Any) -> None:
                try:
                    pieces = task(*pickle.loads(pickled))
                    for piece in pieces:
                        if stop.is_set():
                            pieces.close()
                            break
                        queue.put((PIECE, pickle.dumps(piece)))
                except Exception as error:
                    queue.put((FAILED, type(error).__name__))
                queue.put((END, b""))

            return handler

        return decorate


@pytest.fixture
def spaces(monkeypatch: pytest.MonkeyPatch, tiny_omni_folder: Path) -> StandIn:
    import torch

    stand_in = StandIn()
    monkeypatch.setitem(sys.modules, "spaces", stand_in)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setattr(zero_gpu, "_on_gpu", None)
    monkeypatch.setattr(zero_gpu, "_model", None)
    to = torch.nn.Module.to
    # The platform stands in for CUDA in this process; here "cuda" is the CPU.
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *args, **more: self if args == ("cuda",) else to(self, *args, **more))
    return stand_in


def test_elsewhere_nothing_of_it_is_used(monkeypatch: pytest.MonkeyPatch, tiny_omni_folder: Path) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    monkeypatch.delitem(sys.modules, "spaces", raising=False)
    zero_gpu.prepare()
    assert "spaces" not in sys.modules
    assert type(open_explainer(Settings(model=str(tiny_omni_folder)))).__name__ == "EmotionThinker"


def test_an_explanation_is_the_same_as_without(spaces: StandIn, tiny_omni_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(model=str(tiny_omni_folder))
    zero_gpu.prepare()
    lent = open_explainer(settings)
    assert isinstance(lent, zero_gpu.Lent)
    samples, record = synthetic_voice(), make_record([[0.2, 1.3]], 1.5)
    labels = ["angry", "sad"]
    found = [lent.explain((samples, 16_000), prosody=record, labels=chosen) for chosen in (None, labels)]
    monkeypatch.delenv("SPACES_ZERO_GPU")
    here = open_explainer(settings)
    wanted = [here.explain((samples, 16_000), prosody=record, labels=chosen) for chosen in (None, labels)]
    for one, other in zip(found, wanted, strict=True):
        assert one.raw == other.raw and one.emotion == other.emotion and one.emotion in TAUGHT_LABELS
        assert one.label_scores == pytest.approx(other.label_scores, abs=2e-3)
        assert one.warnings == other.warnings  # that it came to its end is known here, too
    assert spaces.calls == [zero_gpu.seconds_needed(samples, [], ReplyOptions(lent.style.max_new_tokens), [])] * 2
    for process in spaces.processes:
        process.join(20)
        assert process.exitcode == 0


def test_stop_ends_the_reply_over_there(spaces: StandIn, tiny_omni_folder: Path) -> None:
    zero_gpu.prepare()
    lent = open_explainer(Settings(model=str(tiny_omni_folder)))
    cancel = threading.Event()
    for n, _ in enumerate(lent.stream((synthetic_voice(), 16_000), prosody=make_record([[0.2, 1.3]], 1.5), cancel=cancel)):
        if n == 2:
            cancel.set()
    spaces.processes[0].join(20)
    assert spaces.processes[0].exitcode == 0


def test_what_goes_wrong_there_or_on_the_way_is_a_sentence(spaces: StandIn, tiny_omni_folder: Path) -> None:
    zero_gpu.prepare()
    lent = open_explainer(Settings(model=str(tiny_omni_folder)))
    clip, record = (synthetic_voice(), 16_000), make_record([[0.2, 1.3]], 1.5)
    generate = zero_gpu._model.model.generate  # type: ignore[union-attr]

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("CUDA out of memory")

    zero_gpu._model.model.generate = broken  # type: ignore[union-attr]
    with pytest.raises(ModelError, match="failed while it wrote; try again") as failed:
        lent.explain(clip, prosody=record)
    assert "CUDA out of memory" in failed.value.whole and "CUDA" not in str(failed.value)
    zero_gpu._model.model.generate = generate  # type: ignore[union-attr]
    spaces.refuse = "You have exceeded your <a href='x'>GPU quota</a>. Try again in 1:00."
    with pytest.raises(ModelError) as refused:
        lent.explain(clip, prosody=record)
    assert str(refused.value) == ("The GPU of this Space did not answer (You have exceeded your GPU quota. Try again in 1:00); "
                                  "try again later.")
    spaces.refuse = ""
    assert lent.explain(clip, prosody=record).emotion in TAUGHT_LABELS  # and the next one works


def test_one_model_loaded_in_the_main_thread_before_the_page_opens(spaces: StandIn, tiny_omni_folder: Path) -> None:
    settings = Settings(model=str(tiny_omni_folder))
    with pytest.raises(ModelError, match="one model"):  # before `prepare`
        open_explainer(settings)
    zero_gpu.prepare()
    with pytest.raises(ModelError, match="4-bit"):
        open_explainer(Settings(model=str(tiny_omni_folder), load_in_4bit=True))
    with ThreadPoolExecutor(1) as pool, pytest.raises(ModelError, match="one model"):  # where pages elsewhere load it
        pool.submit(open_explainer, settings).result()
    engine = Engine(settings)
    engine.load_now()
    assert engine.ready and engine.problem is None and isinstance(engine.wait(), zero_gpu.Lent)
    with pytest.raises(ModelError, match="ET_ENDPOINT_2"):  # a second one
        open_explainer(settings)
    assert type(open_explainer(Settings(model=str(tiny_omni_folder), device="cpu"))).__name__ == "EmotionThinker"
    assert spaces.calls == []  # loading takes nobody's allowance


def test_a_missing_package_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    monkeypatch.setattr(zero_gpu, "_on_gpu", None)
    monkeypatch.setitem(sys.modules, "spaces", None)
    with pytest.raises(ModelError, match="spaces is missing"):
        zero_gpu.prepare()


def test_the_seconds_grow_with_the_tokens_and_end_somewhere() -> None:
    asked = [zero_gpu.seconds_needed(np.zeros(1), [], ReplyOptions(n), []) for n in (24, 512, 4096)]
    assert asked == sorted(asked) and asked[0] >= zero_gpu.START_S and asked[-1] == zero_gpu.LONGEST_S


def test_the_real_package_takes_the_function_as_it_is() -> None:
    """Off the platform it gives the function back unchanged; its signature must still be the one that is used."""
    real = pytest.importorskip("spaces")
    assert real.GPU(duration=zero_gpu.seconds_needed)(zero_gpu.answer) is zero_gpu.answer
