"""What every long run over a JSONL shares: rows in, lines appended as they are done, a kill that costs nothing, progress."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from emotionthinker.clip_rows import read_rows as read_rows
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.manifest import MANIFEST, covered_files

REPORT_EVERY_S = 5.0
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def drop_unfinished_line(path: Path) -> None:
    """Cut off what a killed run left of its last line."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        data = file.read()
        file.truncate(data.rfind(b"\n") + 1)


def cut_lines(path: Path, kept: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Take out of a JSONL what a run that goes on will write again, and what a kill left of the last line; the rows that stay.

    kept: whether a row stays. All or nothing; a file that would stay as it is, is not touched. Raises DiskError, and
    EmotionThinkerError for a line that is no JSON object.
    """
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    # Not by splitlines: a text may hold U+2028.
    lines = [line + "\n" for line in text[: text.rfind("\n") + 1].split("\n") if line.strip()]
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise EmotionThinkerError(f"Line {number} of {path.name} is no JSON object, so the run cannot go on; correct it, or "
                                      "move the file away.")  # fmt: skip
        rows.append(row)
    keep = [kept(row) for row in rows]
    new = "".join(line for line, stays in zip(lines, keep, strict=True) if stays)
    if new != text:
        write_whole(path, new)
    return [row for row, stays in zip(rows, keep, strict=True) if stays]


def append_line(path: Path, row: dict[str, Any]) -> None:
    """Append one JSON object; it is whole in the file before this returns. Raises DiskError."""
    with writing(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_whole(path: Path, text: str) -> None:
    """All or nothing, so that a kill or a full disk leaves the old file. Raises DiskError."""
    with new_file(path) as new:
        new.write_text(text, encoding="utf-8")


class DiskError(EmotionThinkerError):
    """A file of a run cannot be written. What was finished before is kept, and the same command goes on from there."""


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """What goes wrong on the disk within the block becomes a DiskError, whichever library it comes from."""
    try:
        yield
    except EmotionThinkerError:
        raise
    except Exception as error:
        said = _of_the_disk(error)
        if said is None:
            raise
        raise _disk_error(path, said) from error


@contextlib.contextmanager
def filling(folder: Path) -> Iterator[None]:
    """A whole stage that writes below `folder`, reads much else, and leaves saving to libraries: an error of a disk that is full or
    read-only becomes a DiskError. Other errors of the system stay as they are; what could not be read is none of this."""
    try:
        yield
    except EmotionThinkerError:
        raise
    except Exception as error:
        inside = isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM) and _below(error.filename, folder)
        full = isinstance(error, OSError) and error.errno in FULL
        if not (inside or full or (not isinstance(error, OSError) and _of_the_disk(error))):
            raise
        raise _disk_error(folder, str(_of_the_disk(error))) from error


def _below(name: Any, folder: Path) -> bool:
    return isinstance(name, str | bytes) and Path(os.path.abspath(os.fsdecode(name))).is_relative_to(folder.absolute())


def _disk_error(path: Path, said: str) -> DiskError:
    return DiskError(f"{path.name} cannot be written ({said}); make room or choose another folder, then run the same command: "
                     "it goes on from what was finished.")


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A path to write to, which becomes `path` when the block ends well; else what was there stays. Raises DiskError.

    It may also be made a folder, where there is none under its name yet.
    """
    new = path.with_name(f"{path.name}.new")
    _remove(new)
    try:
        with writing(path):
            yield new
            os.replace(new, path)
    finally:
        _remove(new)


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to write files into; they replace those of `folder` one by one when the block ends well, the manifest last.

    A kill in between leaves files of both, which the older manifest does not fit: such a folder is refused by name when it is
    loaded, and never read as a model. Files of other names stay. Raises DiskError.
    """
    new = folder.with_name(f".{folder.name}.new")
    try:
        with writing(folder):
            _remove(new)
            new.mkdir(parents=True)
            yield new
            folder.mkdir(parents=True, exist_ok=True)
            written = sorted(new.iterdir(), key=lambda file: file.name == MANIFEST)
            names = {file.name for file in written}
            for file in written[:-1]:
                os.replace(file, folder / file.name)
            for stale in covered_files(folder):  # shards of a model that had more of them would be read along with the new ones
                if stale.name not in names:
                    stale.unlink()
            os.replace(written[-1], folder / written[-1].name)
    finally:
        _remove(new)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _of_the_disk(error: Exception) -> str | None:
    """What the system said where a disk is at fault, or None: safetensors and torch raise errors of their own for it."""
    if isinstance(error, OSError):
        return error.strerror or "it was not written whole"
    text = str(error)
    for code in (errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO):
        if os.strerror(code) in text:
            return os.strerror(code)
    return "it broke off" if "PytorchStreamWriter failed writing" in text or "unexpected pos" in text else None


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
