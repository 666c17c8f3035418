"""What each visitor allowed, for many visitors at once and in bounded memory.

Gradio keeps its own state of a few hundred sessions, results and all, and drops the oldest of them whole. A choice is a byte, and
dropping it early would turn what a visitor had allowed off again; so choices are kept apart from it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from hashlib import blake2b
from typing import Literal

Level = Literal["", "describe", "emotion"]  # "": nothing was allowed yet, so only the synthetic examples can be chosen
ROOM = 50_000  # choices, about 200 bytes each


class Choices:
    """Level by session. Where there are too many, the one that was idle longest goes, and counts as not chosen: the safe side."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._levels: OrderedDict[bytes, Level] = OrderedDict()  # the longest idle first
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._levels)

    def put(self, session: str | None, level: Level) -> None:
        """session: as the browser names itself; None: somebody without a page, for whom nothing is kept."""
        if not session:
            return
        with self._lock:
            self._levels[_key(session)] = level
            self._levels.move_to_end(_key(session))
            while len(self._levels) > self._room:
                self._levels.popitem(last=False)

    def get(self, session: str | None) -> Level:
        """"" where nothing was chosen, or where it was forgotten."""
        if not session:
            return ""
        with self._lock:
            level = self._levels.get(_key(session), "")
            if level:
                self._levels.move_to_end(_key(session))
        return level


def _key(session: str) -> bytes:
    """As short for a name of a megabyte as for Gradio's own ten letters."""
    return blake2b(session.encode("utf-8", "surrogatepass"), digest_size=16).digest()
