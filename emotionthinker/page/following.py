"""What happens in the Timeline tab: a generator from a recording to the parts of the page. No Gradio here."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

from emotionthinker.audio import Limits
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.page.engine import Engine, Run
from emotionthinker.page.handlers import sentence, status_html
from emotionthinker.page.timeline_view import empty_timeline_html, table_html, timeline_html, turns_html
from emotionthinker.prompt import Mode
from emotionthinker.timeline.follow import Finished, Opened, Progress, Timeline, clock, follow
from emotionthinker.timeline.store import Store, store_path

UPDATE_S = 1.0  # the page is drawn anew at most this often
# Under the headings of turns and utterances, before there are any.
NOTHING_YET = ('<p class="et-note">Each moment at which a voice changes its tone will be listed here, to be played by a press.</p>',
               '<p class="et-note">Everything that is said will be listed here, with what the voice did and how it sounded.</p>')
DRAW_SHARE = 0.05  # … and never for more than this share of the time, however long the recording


@dataclasses.dataclass
class LongScreen:
    """The parts of the tab that changed; None stays as it is."""

    status: str | None = None
    figure: str | None = None
    turns: str | None = None
    table: str | None = None
    result: Timeline | None = None


@dataclasses.dataclass(frozen=True)
class Wanted:
    """How a recording is to be followed."""

    transcribe: bool = True
    emotion: bool = True


def empty_long_screen(limits: Limits) -> LongScreen:
    """Before there is a recording, or before it is followed."""
    status = status_html("empty", "Ready. Bring a recording, or press the example.")
    return LongScreen(status, empty_timeline_html(limits.max_seconds), *NOTHING_YET)


def follow_recording(engine: Engine, run: Run, path: str, wanted: Wanted, folder: Path, kept: set[str]) -> Iterator[LongScreen]:
    """Follow a recording; what is done lies in `folder`, so that the same recording goes on where it was stopped.

    kept: the paths of such files, for whoever deletes them by age.
    """
    limits = engine.settings.long_limits
    yield LongScreen(status_html("measuring", "Opening the recording …"), empty_timeline_html(limits.max_seconds), *NOTHING_YET)
    timeline: Timeline | None = None
    try:
        try:
            if not engine.ready:
                yield LongScreen(status_html("waiting", "The model is being loaded …"))
            thinker = engine.wait(run.cancel)
            problem = ""
        except EmotionThinkerError as error:  # the voices are measured all the same
            thinker, problem = None, f"No model: {error} The voices are measured only. "
        if thinker is None and not problem:
            yield LongScreen(status_html("stopped", "Stopped."))
            return
        mode: Mode = "emotion" if wanted.emotion else "describe"
        store = Store(store_path(folder, path, engine.settings if thinker else None,
                                 {"mode": mode, "transcribe": wanted.transcribe}))
        kept.add(str(store.path))
        started = drawn_at = time.monotonic()
        drawing_s, restored = 0.0, len(store)
        first = True
        for event in follow(path, thinker, transcribe=wanted.transcribe, mode=mode, limits=limits, store=store, cancel=run.cancel):
            if run.replaced:
                return
            if isinstance(event, Opened):
                timeline = event.timeline
            elif isinstance(event, Finished):
                yield _final(event.timeline, problem)
                return
            elif isinstance(event, Progress):
                assert timeline is not None
                now = time.monotonic()
                due = now - drawn_at >= max(UPDATE_S, drawing_s / DRAW_SHARE)
                if timeline.segments and (due or first):
                    first = False
                    turns = timeline.turns()
                    screen = LongScreen(
                        status_html("thinking", problem + _progress(timeline, now - started, restored)),
                        timeline_html(timeline, turns), turns_html(timeline, turns), table_html(timeline, turns))
                    drawn_at = time.monotonic()
                    drawing_s = drawn_at - now
                    yield screen
    except Exception as error:
        if run.replaced:
            return
        said = sentence(error)
        if timeline is None or not timeline.segments:
            yield LongScreen(status_html("refused", said), empty_timeline_html(limits.max_seconds), *NOTHING_YET)
            return
        turns = timeline.turns()
        yield LongScreen(status_html("refused", f"{said} What was done until {clock(timeline.heard_s)} is shown."),
                         timeline_html(timeline, turns), turns_html(timeline, turns), table_html(timeline, turns), timeline)


def _progress(timeline: Timeline, spent_s: float, restored: int) -> str:
    """How far it is, and about how long it still takes."""
    reached_s = timeline.segments[-1].end_s if timeline.segments else 0.0
    text, announced_s = clock(reached_s), timeline.announced_s
    if announced_s:
        text += f" of {clock(announced_s)}"
        # What came from the store took no time: nothing can be told from it.
        if not restored and reached_s > 20 and spent_s > 5:
            left_s = spent_s * (announced_s - reached_s) / reached_s
            text += f", about {clock(left_s)} left" if left_s >= 60 else ", less than a minute left"
    return text + " …"


def _final(timeline: Timeline, problem: str) -> LongScreen:
    turns = timeline.turns()
    if not timeline.complete:
        reached_s = timeline.segments[-1].end_s if timeline.segments else 0.0
        status = status_html("stopped", f"Stopped at {clock(reached_s)}. “Follow the recording” goes on from there.")
    else:
        n, k = len(timeline.segments), len(turns)
        status = status_html("done", f"{problem}Done: {n} utterance{'s' * (n != 1)}, {k} turn{'s' * (k != 1)}. "
                             + " ".join(timeline.warnings()))
    return LongScreen(status, timeline_html(timeline, turns), turns_html(timeline, turns), table_html(timeline, turns), timeline)
