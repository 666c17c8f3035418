"""Disks that are really full and really read-only: a small file system in memory, mounted for one test."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


class Disk:
    """A file system of its own at `path`. Root may do what it wants with permissions, but not write to one that is read-only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, left_bytes: int = 0) -> None:
        """Leave so much room, to the page."""
        page = 4096
        with self._filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(page))
        if left_bytes:
            os.truncate(self._filler, max(0, self._filler.stat().st_size - left_bytes))

    def make_room(self) -> None:
        self._filler.unlink(missing_ok=True)

    def read_only(self, on: bool = True) -> None:
        subprocess.run(["mount", "-o", f"remount,{'ro' if on else 'rw'}", str(self.path)], check=True, capture_output=True)


@pytest.fixture
def make_disk(tmp_path: Path) -> Iterator[Callable[[int], Disk]]:
    """Mount a disk of so many bytes. Where this user may mount nothing, the test is skipped and says so."""
    mounted: list[Path] = []

    def make(size: int) -> Disk:
        path = tmp_path / f"disk{len(mounted)}"
        path.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path)], capture_output=True, text=True,
                              check=False)
        if done.returncode:
            pytest.skip(f"this user may not mount a disk here ({done.stderr.strip()}); run the tests as root to try full disks")
        mounted.append(path)
        return Disk(path)

    yield make
    for path in mounted:
        subprocess.run(["umount", "--lazy", str(path)], check=False, capture_output=True)
