"""A copy of a database that is in use: the rows of one moment, and every clip that they name.

SQLite's online backup reads in one step, so no write that comes meanwhile is half in it, and writers do not wait. The copy is
checked before it gets its name. Restoring is opening it: `python -m annotate serve --db COPY`.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

from annotate.errors import StoreError
from annotate.store import Store, clips_folder, connect, explain


def backup(store: Store, target: Path, *, clips: bool = True) -> Path:
    """Copy the database to `target` and, unless told otherwise, its clips to the folder beside it; gives `target`.

    A copy that was there is replaced when the new one is whole; clips that are there already are not copied again.
    Raises StoreError.
    """
    if target.resolve() == store.path.resolve():
        raise StoreError(f"The copy of {target.name} cannot be the database itself; choose another file.")
    unfinished = target.with_name(f".{target.name}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        source, copy = connect(store.path), sqlite3.connect(unfinished)
        try:
            source.backup(copy, pages=-1)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
            damage = copy.execute("PRAGMA integrity_check").fetchone()[0]
            named = copy.execute("SELECT sha256, suffix FROM clips").fetchall() if clips else []
        finally:
            source.close()
            copy.close()
        if damage != "ok":
            raise StoreError(f"The copy of {store.path.name} is damaged ({damage}); check the disk.")
        if clips:
            folder = clips_folder(target)
            folder.mkdir(exist_ok=True)
            for sha256, suffix in named:
                _copy_clip(store.clips / f"{sha256}.{suffix}", folder)
        _sync(unfinished)
        for beside in ("-wal", "-shm"):  # of a copy that was opened before: they belong to the old rows
            target.with_name(target.name + beside).unlink(missing_ok=True)
        os.replace(unfinished, target)
        _sync(target.parent)
    except sqlite3.Error as error:
        raise explain(error, store.path) from error
    except OSError as error:
        raise StoreError(f"The backup to {target.name} failed ({error.strerror}); choose another place or make room.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def _copy_clip(source: Path, folder: Path) -> None:
    copy = folder / source.name
    if copy.is_file() and copy.stat().st_size == source.stat().st_size:
        return
    unfinished = folder / f".{source.name}.new"
    shutil.copyfile(source, unfinished)
    _sync(unfinished)
    os.replace(unfinished, copy)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
