"""How clips reach a browser, and where the database lies.

A clip is served under its content hash and a signature that only the store can make: whoever was shown an item can play its clip,
and nobody can ask for another one. The database and the folder of clips are never inside a folder that Gradio serves.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from annotate.errors import AnnotateError
from annotate.guide import EXAMPLE_CLIP
from annotate.store import Store
from emotionthinker.page.engine import EXAMPLES

SPACE_FOLDER = Path("/data")  # where a Space's persistent storage is mounted
MEDIA_TYPES = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg", "ogg": "audio/ogg", "opus": "audio/ogg",
               "m4a": "audio/mp4", "webm": "audio/webm"}
HEADERS = {"Cache-Control": "private, max-age=86400, immutable", "X-Content-Type-Options": "nosniff"}


def database_path(env: Mapping[str, str] | None = None) -> Path:
    """Where the database lies when nothing is said: ET_ANNOTATE_DB, a Space's persistent folder, else the user's data folder."""
    env = os.environ if env is None else env
    if env.get("ET_ANNOTATE_DB"):
        return Path(env["ET_ANNOTATE_DB"])
    if env.get("SPACE_ID") and SPACE_FOLDER.is_dir() and os.access(SPACE_FOLDER, os.W_OK):
        return SPACE_FOLDER / "emotionthinker" / "annotate.db"
    home = Path(env["XDG_DATA_HOME"]) if env.get("XDG_DATA_HOME") else Path.home() / ".local" / "share"
    return home / "emotionthinker" / "annotate.db"


def lasts(path: Path, env: Mapping[str, str] | None = None) -> bool:
    """Whether what is written there outlives a restart: on a Space only its persistent folder does."""
    env = os.environ if env is None else env
    return not env.get("SPACE_ID") or (SPACE_FOLDER.is_mount() and path.resolve().is_relative_to(SPACE_FOLDER))


def storage_sentence(path: Path, env: Mapping[str, str] | None = None) -> str:
    """Which storage is active, for people."""
    env = os.environ if env is None else env
    if not env.get("SPACE_ID"):
        return "It is stored on the machine that serves this page."
    if lasts(path, env):
        return "It is stored in the persistent folder of this Space."
    return ("Warning: this Space has no persistent storage, so all of it is lost when the Space restarts; its owner can add "
            "storage, or export often.")


def clip_url(store: Store, sha256: str) -> str:
    """The address of a clip, relative to the page."""
    return f"annotate/clip/{sha256}/{_signature(store, sha256)}"


def clip_routes(store: Store) -> list[Route]:
    """Routes to put before Gradio's own: `launch(app_kwargs={"routes": clip_routes(store)})`."""
    def clip(request: Request) -> Response:
        sha256 = request.path_params["sha256"]
        if not hmac.compare_digest(_signature(store, sha256).encode(), request.path_params["signature"].encode()):
            return PlainTextResponse("This clip is not served to you.", 403)
        try:
            path = store.clip_path(sha256)
        except AnnotateError as error:
            return PlainTextResponse(str(error), 404)
        return _sound(path)

    def example(request: Request) -> Response:
        return _sound(EXAMPLES / EXAMPLE_CLIP)

    return [Route("/annotate/clip/{sha256}/{signature}", clip), Route("/annotate/example", example)]


def _sound(path: Path) -> FileResponse:
    return FileResponse(path, media_type=MEDIA_TYPES.get(path.suffix.lstrip("."), "audio/wav"), headers=HEADERS)


def _signature(store: Store, sha256: str) -> str:
    return hmac.new(store.secret(), sha256.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:40]
