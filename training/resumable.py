"""What every long run over a JSONL shares: rows in, lines appended as they are done, a kill that costs nothing, progress."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from emotionthinker.errors import EmotionThinkerError

REPORT_EVERY_S = 5.0


def drop_unfinished_line(path: Path) -> None:
    """Cut off what a killed run left of its last line."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        data = file.read()
        file.truncate(data.rfind(b"\n") + 1)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Input rows, each with an `audio_path`. The last line may lack its line end here: people write such files by hand.

    Raises EmotionThinkerError for a file that cannot be read and for the first line that is no such object.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise EmotionThinkerError(f"{path} cannot be read; give a JSONL file with an audio_path a line.") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("audio_path"), str):
            raise EmotionThinkerError(f"Line {number} of {path} is no JSON object with an audio_path; correct it.")
        rows.append(row)
    return rows


def append_line(path: Path, row: dict[str, Any]) -> None:
    """Append one JSON object; it is whole in the file before this returns."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_whole(path: Path, text: str) -> None:
    """All or nothing, so that a kill leaves the old file."""
    new = path.with_suffix(path.suffix + ".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)


class Progress:
    """A line on standard error every few seconds: done, per second, time left."""

    def __init__(self, todo: int, before: int, what: str = "clips"):
        self.todo, self.before, self.what = todo, before, what
        self.start = self.shown = time.monotonic()

    def show(self, done: int, failed: int, last: bool = False) -> None:
        """done, failed: so far in this run."""
        now = time.monotonic()
        if not last and now - self.shown < REPORT_EVERY_S:
            return
        self.shown = now
        all_done = done + failed
        rate = all_done / max(now - self.start, 1e-9)
        left_min = (self.todo - all_done) / rate / 60 if all_done else 0.0
        print(f"{self.before + all_done}/{self.before + self.todo} {self.what}, {rate:.1f} {self.what}/s, {left_min:.0f} min left,"
              f" {failed} failed", file=sys.stderr)
