"""How clips reach a browser, and where the database lies.

A clip is served under its content hash, the number of the person it is for, and a signature that only the store can make. Whoever
was shown an item can play its clip, as long as they may take part, and nobody can ask for another one. The database and the folder
of clips are never inside a folder that Gradio serves.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from annotate import roster
from annotate.copies import CopyPlan
from annotate.errors import AnnotateError, NotAllowed, StoreError
from annotate.guide import EXAMPLE_CLIP
from annotate.records import Rater
from annotate.store import Store
from emotionthinker.page.engine import EXAMPLES

NETWORKS = ("nfs", "cifs", "smb", "fuse", "ceph", "afs")  # how kinds begin in /proc/mounts
LOCAL_FUSE = ("fuse.fuse-overlayfs", "fuseblk")  # a container's own layers, a disk of this machine
SPACE_FOLDER = Path("/data")  # where a Space's persistent storage is mounted
MEDIA_TYPES = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg", "ogg": "audio/ogg", "opus": "audio/ogg",
               "m4a": "audio/mp4", "webm": "audio/webm"}
# No copy is played without asking here again: access can end.
HEADERS = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
NOT_SERVED = "This clip is not served to you."


def database_path(env: Mapping[str, str] | None = None) -> Path:
    """Where the database lies when nothing is said: ET_ANNOTATE_DB, a Space's persistent folder, else the user's data folder."""
    env = os.environ if env is None else env
    if env.get("ET_ANNOTATE_DB"):
        return Path(env["ET_ANNOTATE_DB"])
    if env.get("SPACE_ID") and SPACE_FOLDER.is_dir() and os.access(SPACE_FOLDER, os.W_OK):
        kept = SPACE_FOLDER / "emotionthinker" / "annotate.db"
        if kept.is_file() or not over_network(SPACE_FOLDER):
            return kept
    home = Path(env["XDG_DATA_HOME"]) if env.get("XDG_DATA_HOME") else Path.home() / ".local" / "share"
    return home / "emotionthinker" / "annotate.db"


def over_network(folder: Path, mounts: str | None = None) -> bool:
    """Whether a folder lies on another machine (a Space's storage bucket, NFS, a share), where SQLite's write-ahead log fails.

    mounts: the text of Linux's `/proc/mounts`; elsewhere nothing is known, and the answer is no.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
    found = ("", "")
    for line in mounts.splitlines():
        point, kind = ([*line.split(" "), "", ""])[1:3]
        if folder.resolve().is_relative_to(point or "-") and len(point) >= len(found[0]):
            found = (point, kind)
    return found[1].startswith(NETWORKS) and found[1] not in LOCAL_FUSE


def lasts(path: Path, env: Mapping[str, str] | None = None) -> bool:
    """Whether what is written there outlives a restart: on a Space only its persistent folder does."""
    env = os.environ if env is None else env
    return not env.get("SPACE_ID") or (SPACE_FOLDER.is_mount() and path.resolve().is_relative_to(SPACE_FOLDER))


def storage_sentence(path: Path, env: Mapping[str, str] | None = None, plan: CopyPlan | None = None) -> str:
    """Which storage is active and where copies go, for people."""
    env = os.environ if env is None else env
    copies = "" if plan is None else f" {plan.sentence()}"
    if not env.get("SPACE_ID"):
        return f"It is stored on the machine that serves this page.{copies}"
    if lasts(path, env):
        return f"It is stored in the persistent folder of this Space.{copies}"
    if plan is not None:
        return f"It is stored on the disk of this Space, which is emptied at a restart; the last copy is then brought back.{copies}"
    return ("Warning: this Space has no persistent storage, so all of it is lost when the Space restarts; its owner can add "
            "storage, or export often.")


def clip_url(store: Store, rater: Rater, sha256: str) -> str:
    """The address of a clip for one person, relative to the page. It ends with that person's access."""
    return f"annotate/clip/{sha256}/{rater.id}/{_signature(store, rater.id, sha256)}"


def clip_for(store: Store, rater_id: int, sha256: str, signature: str) -> Path:
    """The file of a clip, if its address was made for this person and the clip is still theirs to hear.

    A rater hears the clips that were lent to them, after a failed qualification only what is in their hands just now; a lead hears
    those of the project, and those that visitors gave it. Raises NotAllowed, AccessEnded as `roster.require_access`, AnnotateError
    where the file is missing.
    """
    if not hmac.compare_digest(_signature(store, rater_id, sha256).encode(), signature.encode("utf-8", "replace")):
        raise NotAllowed(NOT_SERVED)
    rater = store.rater(rater_id)
    roster.require_access(store, rater)
    lent = """SELECT 1 FROM leases l LEFT JOIN pairs q ON q.id = l.pair_id JOIN items i ON i.id = coalesce(l.item_id, q.item_a)
              WHERE l.rater_id = :rater AND i.clip_sha256 = :clip AND (l.state = 'open' OR (:all AND l.state <> 'released'))"""
    whole = """SELECT 1 FROM items WHERE project_id = :project AND clip_sha256 = :clip UNION ALL
               SELECT 1 FROM donations WHERE project_id = :project AND clip_sha256 = :clip AND state = 'waiting'"""
    theirs = whole if rater.role == "lead" else lent
    if store.row(theirs, {"rater": rater.id, "project": rater.project_id, "clip": sha256,
                          "all": rater.qualified is not False}) is None:
        raise NotAllowed(NOT_SERVED)
    return store.clip_path(sha256)


def clip_routes(store: Store) -> list[Route]:
    """Routes to put before Gradio's own: `launch(app_kwargs={"routes": clip_routes(store)})`."""
    def clip(request: Request) -> Response:
        asked = request.path_params
        try:
            return _sound(clip_for(store, asked["rater"], asked["sha256"], asked["signature"]))
        except NotAllowed as error:
            return PlainTextResponse(str(error), 403)
        except AnnotateError as error:
            return PlainTextResponse(str(error), 404)

    def example(request: Request) -> Response:
        return _sound(EXAMPLES / EXAMPLE_CLIP)

    return [Route("/annotate/clip/{sha256}/{rater:int}/{signature}", clip), Route("/annotate/example", example)]


def health(store: Store) -> dict[str, Any]:
    """As `emotionthinker.page.health.health`: "ready" while the database is there and can be read, else "broken" and the reason."""
    problem = None
    if not store.path.is_file():  # what is written now goes to a file without a name, and with the server
        problem = f"The database {store.path.name} is no longer where it was; put it back, or stop the server."
    else:
        try:
            store.rows("SELECT 1 FROM projects LIMIT 1")
        except StoreError as error:
            problem = str(error)
    return {"state": "broken" if problem else "ready", "problem": problem}


def _sound(path: Path) -> FileResponse:
    return FileResponse(path, media_type=MEDIA_TYPES.get(path.suffix.lstrip("."), "audio/wav"), headers=HEADERS)


def _signature(store: Store, rater_id: int, sha256: str) -> str:
    """What only this server can make of a person's present link and a clip: a renewed link ends the addresses made before."""
    row = store.row("SELECT token_sha256 FROM raters WHERE id = ?", [min(rater_id, 2**62)])
    link = row["token_sha256"] if row is not None else secrets.token_hex()
    message = f"{rater_id}:{link}:{sha256}"
    return hmac.new(store.secret(), message.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:40]
