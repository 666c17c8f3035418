"""Where uploads lie, and that none of them outlives its age, whatever happened to the server that took it.

Gradio deletes what it remembers. It does not remember what a killed server had taken, nor an upload that was refused, cut off or
met a full disk, whose part stays where it was. So the folder itself is swept: by the age of the files, from the start on.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import tempfile
import threading
import time
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

log = logging.getLogger("emotionthinker")
FOLDER = "GRADIO_TEMP_DIR"
TIMELINES = "emotionthinker-timeline-"  # what the Timeline keeps while a recording is followed, beside the uploads
UNFINISHED = "tmp*"  # an upload is written under such a name in the folder itself, and moved below it when it is whole
HASHED = re.compile(r"[0-9a-f]{64}")  # the folder of one file, named by its content
UNFINISHED_S = 600  # since the last piece of it arrived
SWEEP_EVERY_S = 300
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
OF_THE_DISK = (*FULL, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)


def own_folder() -> Path:
    """The folder of the uploads: GRADIO_TEMP_DIR, else one of this program and user alone, as Gradio's usual one is shared by all
    its programs. Gradio reads the variable when it starts, so call this first."""
    if not os.environ.get(FOLDER):
        folder = Path(tempfile.gettempdir()) / f"emotionthinker-uploads-{_user()}"
        with contextlib.suppress(OSError):  # a disk that cannot be written is told when something is uploaded
            folder.mkdir(mode=0o700, exist_ok=True)
        if folder.exists() and not _ours(folder):  # somebody else on this machine was there first
            folder = Path(tempfile.mkdtemp(prefix="emotionthinker-uploads-"))
        os.environ[FOLDER] = str(folder)
    return Path(os.environ[FOLDER])


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _ours(folder: Path) -> bool:
    """Whether a folder in the place for temporary files is this user's own: anybody may put a link there under any name."""
    return not folder.is_symlink() and (not hasattr(os, "getuid") or folder.lstat().st_uid == _user())


def sweep(folder: Path, keep_s: float, now: float | None = None) -> int:
    """Delete the uploads and downloads in a folder that are older than `keep_s` (seconds, from their last change), unfinished
    uploads sooner. Only what lies as Gradio lays it is touched, and no link is followed. Gives the number of files."""
    now = time.time() if now is None else now
    deleted = 0
    # Where somebody has them put into the place for everybody's temporary files, others use such names, too.
    loose = [] if folder.resolve() == Path(tempfile.gettempdir()).resolve() else folder.glob(UNFINISHED)
    for path in loose:
        if path.is_file() and not path.is_symlink():
            deleted += _delete_old(path, min(UNFINISHED_S, keep_s), now)
    for place in folder.iterdir() if folder.is_dir() else ():
        if HASHED.fullmatch(place.name) and place.is_dir() and not place.is_symlink():
            deleted += sweep_all(place, keep_s, now)
    return deleted


def sweep_all(folder: Path, keep_s: float, now: float) -> int:
    """Delete every file below a folder that is older than `keep_s`, and what of it is empty then."""
    deleted = 0
    for place, _, files in os.walk(folder, topdown=False):
        deleted += sum(_delete_old(Path(place, name), keep_s, now) for name in files)
        with contextlib.suppress(OSError):  # not empty
            if now - Path(place).lstat().st_ctime > keep_s:
                Path(place).rmdir()
    return deleted


def _delete_old(path: Path, keep_s: float, now: float) -> bool:
    with contextlib.suppress(OSError):  # gone meanwhile, or not ours
        if now - path.lstat().st_ctime > keep_s:
            path.unlink()
            return True
    return False


def sweep_for_ever(folder: Path, keep_s: float, every_s: float = SWEEP_EVERY_S) -> threading.Thread:
    """Sweep the uploads, and the Timeline's folders beside them of servers that were killed, now and every so often."""

    def work() -> None:
        while True:
            try:
                sweep(folder, keep_s)
                for timeline in Path(tempfile.gettempdir()).glob(f"{TIMELINES}*"):
                    if _ours(timeline):
                        sweep_all(timeline, keep_s, time.time())
            except OSError as error:
                log.warning("The uploads could not be swept: %s", type(error).__name__)
            time.sleep(every_s)

    thread = threading.Thread(target=work, name="sweeper", daemon=True)
    thread.start()
    return thread


def disk_sentence(error: OSError) -> str:
    """What people are told when something of theirs could not be kept; nothing of where it was to lie."""
    if error.errno in FULL:
        return "The disk of the server is full, so nothing was kept; try a smaller file, or again later."
    return "The server cannot write files just now, so nothing was kept; try again later, and tell whoever runs it."


def disk_fault(request: Request, error: Exception) -> Response:
    """The answer to a request that the disk is to blame for: `launch(app_kwargs={"exception_handlers": {OSError: disk_fault}})`."""
    assert isinstance(error, OSError)
    log.error("A request failed: %s", errno.errorcode.get(error.errno or 0, type(error).__name__))
    if error.errno not in OF_THE_DISK:
        return PlainTextResponse("Something failed here that should not; try again.", 500)
    return PlainTextResponse(disk_sentence(error), 507)
