"""Whether the page can serve, said at a plain address that waits for nothing: GET /health.

    python -m emotionthinker.page.health       # asks the page on this machine; exit code 0: ready, 1: not

The answer is made from what is known already, so it comes at once also while every place at the model is taken.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from emotionthinker.page.engine import Engine

PATH = "/health"
STATUS = {"ready": 200, "starting": 503, "broken": 500}
ASK_S = 3.0


def health(engine: Engine) -> dict[str, Any]:
    """state: "starting" until the model is loaded, then "ready", or "broken" where there is none; problem: the sentence why.

    A broken page still measures voices. A model at an endpoint counts as ready: the endpoint has a health of its own.
    """
    state = "starting" if not engine.ready else "broken" if engine.problem else "ready"
    return {"state": state, "problem": engine.problem if state == "broken" else None}


def health_route(engine: Engine) -> Route:
    """The route, to put before Gradio's own: `launch(app_kwargs={"routes": [health_route(engine)]})`."""
    return route(lambda: health(engine))


def route(find: Callable[[], dict[str, Any]]) -> Route:
    """The route of any server here. find: gives at once what `health` gives, `state` and `problem`."""

    async def answer(_: Request) -> JSONResponse:  # async: it needs none of the threads that requests wait for
        found = find()
        return JSONResponse(found, STATUS[found["state"]], headers={"Cache-Control": "no-store"})

    return Route(PATH, answer)


def main() -> int:
    """Ask the page that GRADIO_SERVER_PORT names on this machine; for a container's health check."""
    url = f"http://127.0.0.1:{os.environ.get('GRADIO_SERVER_PORT') or 7860}{PATH}"
    try:
        with urllib.request.urlopen(url, timeout=ASK_S) as reply:
            print(json.load(reply)["state"])
        return 0
    except urllib.error.HTTPError as error:
        print(error.read(1000).decode("utf-8", "replace"))
    except (OSError, ValueError) as error:
        print(f"no answer at {url} ({type(error).__name__})")
    return 1


if __name__ == "__main__":
    sys.exit(main())
