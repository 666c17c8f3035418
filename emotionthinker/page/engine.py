"""The models behind the page, shared by all visitors, and the runs that visitors have under way."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emotionthinker import zero_gpu
from emotionthinker.audio import load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.loading import HUB_ID
from emotionthinker.pipeline import Explainer, open_explainer
from emotionthinker.plots import draw_voice
from emotionthinker.prosody.record import measure_prosody
from emotionthinker.settings import Settings

log = logging.getLogger("emotionthinker")
EXAMPLES = Path(__file__).resolve().parents[2] / "assets" / "examples"
PAGE_FIRST_S = 3.0  # what a browser takes to fetch the page
POLL_S = 0.2  # how often a visitor who waits for the model is looked after


class Engine:
    """Loads the thinker once, in the background, and hands it to whoever asks.

    `wait()` gives the thinker or raises the error that says what is missing; `problem` is that sentence, or None.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.problem: str | None = None
        self._thinker: Explainer | None = None
        self._ready = threading.Event()
        self._lock = threading.Lock()
        self._error: EmotionThinkerError | None = None
        self._thread: threading.Thread | None = None

    def warm_up(self) -> None:
        """Start loading, and run every part once, so that the first visitor meets warm models."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._load, name="warm-up", daemon=True)
                self._thread.start()

    def warm_up_soon(self) -> None:
        """The same, PAGE_FIRST_S later: loading takes the interpreter from the server, and who opens the page at once would wait.

        Who asks for the model before that does not wait for it (`wait`). `python -m benchmarks.start_up` shows what it is worth.
        """
        timer = threading.Timer(PAGE_FIRST_S, self.warm_up)
        timer.daemon = True
        timer.start()

    def load_now(self) -> None:
        """The same, done when this returns: where the model must be loaded in the main thread (`zero_gpu`)."""
        with self._lock:
            self._thread = threading.current_thread()
        self._load()

    @property
    def ready(self) -> bool:
        """Whether loading is over; `problem` says whether there is a model."""
        return self._ready.is_set()

    def wait(self, cancel: threading.Event | None = None) -> Explainer | None:
        """The thinker (EmotionThinker or Remote), or None where `cancel` came first.

        Raises EmotionThinkerError where there is no model.
        """
        self.warm_up()
        while not self._ready.wait(POLL_S):
            if cancel is not None and cancel.is_set():
                return None
        if self._thinker is None:
            raise self._error or EmotionThinkerError("There is no model; choose one with ET_MODEL.")
        return self._thinker

    def _load(self) -> None:
        self._try(self._rehearse_measuring)  # first, as the figure is what a visitor sees first
        try:
            thinker = open_explainer(self.settings)
            if not self.settings.endpoint and not zero_gpu.active():  # there, a rehearsal would warm up a process that ends
                self._try(lambda: self._rehearse_thinking(thinker))
            self._thinker = thinker
        except EmotionThinkerError as error:
            log.error("The model could not be loaded: %s", error.whole)
            self.problem = self._without_path(str(error))
            self._error = EmotionThinkerError(self.problem)
        except Exception as error:  # a broken folder can fail in many ways; the page must still come up and say so
            log.error("The model could not be loaded: %s", type(error).__name__)
            self.problem = f"The model could not be loaded ({type(error).__name__}); choose another with ET_MODEL."
            self._error = EmotionThinkerError(self.problem)
        self._ready.set()
        self._try(self._rehearse_spectrogram)

    def _without_path(self, text: str) -> str:
        """What visitors are told of a fault: of the model's folder its last part. The log has the whole. A hub id stays whole."""
        model = self.settings.model or ""
        folder = Path(model)
        if HUB_ID.fullmatch(model) and not folder.parent.is_dir():
            return text
        places = {model, str(folder), str(folder.absolute()), str(folder.resolve())}
        for place in sorted(places, key=len, reverse=True):  # the longest first: a relative path is the end of the absolute one
            if len(Path(place).parts) > 1:
                text = text.replace(place, folder.resolve().name)
        return text

    def _try(self, part: Callable[[], None]) -> None:
        try:
            part()
        except Exception as error:  # warming up is a courtesy: the real run will say what is wrong
            log.warning("The warm-up of a part failed: %s", type(error).__name__)

    def _rehearse_measuring(self) -> None:
        self._clip = load_clip(EXAMPLES / "flat.flac")
        self._prosody = measure_prosody(self._clip)
        draw_voice(self._prosody.to_dict(), self._clip.samples)

    def _rehearse_thinking(self, thinker: Explainer) -> None:
        thinker.explain(self._clip, prosody=self._prosody, max_new_tokens=4)

    def _rehearse_spectrogram(self) -> None:
        draw_voice(self._prosody.to_dict(), self._clip.samples, spectrogram=True)


class Run:
    """One clip's way through the page. `cancel` stops it; `replaced` says that nobody looks at it any more."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.cancel = threading.Event()
        self.replaced = False
        self.path = ""  # of the clip, as the events of the page name it
        self.measured = False  # its figure and facts are there
        self.explaining = False
        self.asked: dict[str, Any] = {}  # how the model was asked, for whoever asks it again about the same clip
        self._try: threading.Event | None = None

    def begin_try(self) -> threading.Event:
        """A cancel event for one What if?; the one before is over."""
        self.end_try()
        self._try = threading.Event()
        return self._try

    def end_try(self) -> None:
        """Cancel the What if? that is under way, if there is one."""
        if self._try is not None:
            self._try.set()

    def end(self) -> None:
        """Stop it, and whatever hangs on it."""
        self.cancel.set()
        self.end_try()


class Runs:
    """The run that each visitor has under way: a new one ends the one before."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def begin(self, session: str, path: str | None = None) -> Run:
        """A new run about the clip at `path`; None: about the same clip as the one before."""
        run = Run(next(self._numbers))
        with self._lock:
            old = self._runs.get(session)
            if path is not None:
                run.path = path
            elif old is not None:
                run.path, run.measured = old.path, old.measured
            self._runs[session] = run
        if old is not None:
            old.replaced = True
            old.end()
        return run

    def current(self, session: str) -> Run:
        """The run of a visitor; a new one without a clip where there is none."""
        with self._lock:
            run = self._runs.get(session)
        return run or self.begin(session)

    def stop(self, session: str) -> None:
        """End the run of a visitor and keep what it has shown."""
        with self._lock:
            run = self._runs.get(session)
        if run is not None:
            run.end()

    def forget(self, session: str) -> None:
        """The visitor left: end the run and keep nothing."""
        with self._lock:
            run = self._runs.pop(session, None)
        if run is not None:
            run.replaced = True
            run.end()
