"""What Gradio does for any visitor, and this page needs nothing of: closed before the page is served.

- An address in place of an uploaded file is loaded whole into memory, past every limit of ours, and `file=` before an address hands
  on whatever lies there. There is no setting for either, so both are put out where they are looked up by name.
- `deep_link` keeps what a visitor typed and was shown in a file that nobody deletes, and shows it to whoever has the link;
  `process_recording` gives any upload to ffmpeg.
- A call with too few values is printed into the log with all that it holds.
"""

from __future__ import annotations

from typing import Any, NoReturn

import gradio as gr
from fastapi import HTTPException
from gradio import processing_utils, routes
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

NO_ADDRESS = "The server fetches no address for anybody; give the file itself."
TOO_FEW = "Too few values were sent; /gradio_api/info says which are needed."
NOT_HERE = ("/gradio_api/deep_link", "/gradio_api/process_recording")


def close(page: gr.Blocks) -> None:
    """Shut all this before `page` is served; to be used with `closed_routes`."""
    _fetch_nothing()
    _log_no_values(page)


def _fetch_nothing() -> None:
    """The server loads nothing from elsewhere for a visitor. A second call changes nothing."""
    for module, name, refusal in (
        (processing_utils, "async_ssrf_protected_get", _no_file),
        (processing_utils, "async_ssrf_protected_download", _no_file),
        (routes, "secure_url_stream_response", _no_answer),
    ):
        getattr(module, name)  # another Gradio may name it otherwise, and then nothing would be put out
        setattr(module, name, refusal)


def _log_no_values(page: gr.Blocks) -> None:
    """A call of this page with too few values is refused in a sentence. A second call of this changes nothing."""
    check = type(page).validate_inputs

    def validate_inputs(*call: Any, **named: Any) -> None:
        try:
            check(page, *call, **named)
        except ValueError:
            raise gr.Error(TOO_FEW, print_exception=False) from None

    page.validate_inputs = validate_inputs  # type: ignore[method-assign]


def closed_routes() -> list[Route]:
    """Routes to put before Gradio's own: `launch(app_kwargs={"routes": closed_routes()})`. They answer 404."""

    async def nothing(_: Request) -> PlainTextResponse:
        return PlainTextResponse("There is nothing here.", 404)

    return [Route(path, nothing, methods=["GET", "POST"]) for path in NOT_HERE]


async def _no_file(*_: Any, **__: Any) -> NoReturn:
    raise gr.Error(NO_ADDRESS, print_exception=False)


async def _no_answer(*_: Any, **__: Any) -> NoReturn:
    raise HTTPException(403, NO_ADDRESS)
