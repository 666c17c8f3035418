"""The example call is a call: a speaker on each channel, and the tone turns where it was made to."""

from __future__ import annotations

from emotionthinker.page.engine import EXAMPLES
from emotionthinker.timeline.follow import Finished, follow
from training.example_call import CALL, previous

# As `python -m training.example_call` printed them for the file that ships, in seconds.
TURNS_S = {"left": [36.5, 80.2], "right": [31.8]}


def test_its_turns_are_found_on_their_channels() -> None:
    *_, last = follow(EXAMPLES / "call.ogg", None, transcribe=False)
    assert isinstance(last, Finished)
    timeline = last.timeline
    assert timeline.channels == "separate"
    assert len(timeline.segments) == len(CALL)
    for line, times_s in TURNS_S.items():
        found = [turn.time_s for turn in timeline.turns() if turn.line == line]
        assert all(any(abs(f - t) <= 3 for f in found) for t in times_s)


def test_the_script_turns_as_often_as_the_file() -> None:
    said = [(channel, how.name, 0.0) for channel, how, _ in CALL]
    turns = [("left", "right")[channel] for (channel, name, _), before in zip(said, previous(said), strict=True)
             if before not in ("", name)]
    assert sorted(turns) == ["left", "left", "right"]
