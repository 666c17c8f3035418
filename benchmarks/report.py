"""What every table of measurements needs: on which machine, on which day, and the place in a document where it goes."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path


def processor() -> str:
    """The name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def when_and_where() -> str:
    """The day, how many cores this process may use, and their name."""
    return f"{time.strftime('%Y-%m-%d')}, {len(os.sched_getaffinity(0))} cores ({processor()})"


def write_between(document: Path, begin: str, end: str, text: str) -> None:
    """Put text between two marks of a document, each on a line of its own. Raises ValueError where it lacks them."""
    before, found_begin, rest = document.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"{document.name} lacks the marks {begin} and {end}; add them where the tables go.")
    document.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
