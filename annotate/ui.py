"""The Annotate tab, and the page of `python -m annotate serve`.

Gradio carries the frame and one endpoint; `assets/annotate*.js` ask it for HTML and send it answers, so that a lost connection or a
restarted server costs a moment and no answer. The endpoint keeps no session.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.routing import Route

from annotate import roster, serving, ui_calibrate
from annotate.board_service import BoardService
from annotate.calibrate_service import CalibrateService
from annotate.copies import CopyPlan, bring_back, start_copying
from annotate.pages import welcome_html
from annotate.service import Service
from annotate.serving import clip_routes, database_path
from annotate.settings import ProjectSettings
from annotate.store import Store
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.page import health
from emotionthinker.page.closed import close, closed_routes
from emotionthinker.page.strings import strings_script, switch_html

ASSETS = Path(__file__).resolve().parents[1] / "assets"
STRINGS = Path(__file__).resolve().parent / "strings"  # the words of these pages in other languages
SCRIPTS = ("annotate.js", "annotate_form.js", "annotate_board.js", *ui_calibrate.SCRIPTS)  # after page.js
STYLES = (ASSETS / "language.css", ASSETS / "annotate.css", ASSETS / "donate.css", *ui_calibrate.STYLES)  # after style.css


def annotate_tab(service: Service | None, problem: str = "") -> None:
    """Build the tab inside the Blocks at hand. problem: why there is no service."""
    idle = "" if service else ' data-idle="1"'  # no database, nobody to ask
    gr.HTML(f'<div id="an-root" data-state="start"{idle}>{welcome_html(problem)}</div>'
            '<div id="an-toast" role="status" aria-live="polite"></div>',
            js_on_load=None, apply_default_css=False, elem_id="an-page")
    if _hub_sign_in():
        gr.LoginButton(elem_id="an-hub")
    if service is not None:
        _endpoint(service)


def build(service: Service) -> gr.Blocks:
    """The page with nothing but Annotate."""
    with gr.Blocks(title="Annotate", analytics_enabled=False, fill_width=True) as page:
        gr.HTML('<header class="et-head"><h1>EmotionThinker</h1><p>rate explanations</p>'
                f'{switch_html()}<button type="button" class="et-theme" data-theme-switch '
                'aria-label="Switch between light and dark">◐</button></header>', js_on_load=None, apply_default_css=False)
        with gr.Tabs(elem_id="et-tabs"):
            with gr.Tab("Annotate", id="annotate"):
                annotate_tab(service)
            with gr.Tab("Calibrate", id="calibrate"):
                ui_calibrate.calibrate_tab()
    return page


@dataclass(frozen=True)
class Desk:
    """What a page needs of an open database. Without one, `service` is None and `problem` says why."""

    service: Service | None = None
    problem: str = ""
    routes: Sequence[Route] = ()
    private: Sequence[str] = ()


def open_desk(path: Path | None = None, plan: CopyPlan | None = None) -> Desk:
    """The desk of the database that the settings name. It never raises: the rest of the page works without one.

    plan: of scheduled copies; where there is no database, the last copy is brought back first.

    ET_ANNOTATE_LEAD names a Hugging Face account: where there is no database yet, one is made with that account as its lead,
    since a Space has no command line.
    """
    path = path or database_path()
    lead = os.environ.get("ET_ANNOTATE_LEAD")
    try:
        if plan is not None:
            bring_back(plan, path)
        if not path.is_file() and not lead:
            return Desk()
        store = Store.create(path)
        if lead and not store.projects():
            roster.invite(store, roster.create_project(store, "main", ProjectSettings()), lead, "lead", hf_name=lead)
        service, routes = open_service(store, plan)
        if plan is not None:
            start_copying(store, plan)
        return Desk(service, "", routes, private_paths(store))
    except EmotionThinkerError as error:
        return Desk(problem=str(error))


def open_service(store: Store, plan: CopyPlan | None = None) -> tuple[Service, list[Route]]:
    """The service of a store with all its actions, and the routes that must stand before Gradio's own."""
    service = Service(store, plan)
    board = BoardService(service)
    CalibrateService(service)
    return service, [*clip_routes(store), *board.routes()]


def private_paths(store: Store) -> list[str]:
    """What Gradio must refuse by name, whatever else it is told to serve."""
    path = store.path.resolve()
    return [str(path), f"{path}-wal", f"{path}-shm", str(store.clips.resolve())]


def launch(page: gr.Blocks, store: Store, routes: list[Route], *, host: str, port: int, block: bool = True) -> str:
    """Serve the page, and its health beside it; gives its address. No folder is served, and the database is refused by name."""
    close(page)
    _, local, _ = page.launch(
        server_name=host, server_port=port, prevent_thread_lock=not block, quiet=True, show_error=False, ssr_mode=False,
        run_history=False, enable_monitoring=False, max_threads=32, max_file_size=1, footer_links=[],
        blocked_paths=private_paths(store),
        theme=gr.themes.Base(primary_hue="blue", neutral_hue="slate"), css_paths=[ASSETS / "style.css", *STYLES],
        head=strings_script(STRINGS) + head(("page.js", "language.js", *SCRIPTS)),
        app_kwargs={"routes": [health.route(partial(serving.health, store)), *closed_routes(), *routes]})
    return local


def head(scripts: tuple[str, ...]) -> str:
    """The scripts of the page, for `launch(head=...)`."""
    return "".join(f"<script>{(ASSETS / name).read_text(encoding='utf-8')}</script>" for name in scripts)


def _endpoint(service: Service) -> None:
    """`/annotate`: action, secret, payload -> answer. Not queued: an answer that is saved must not wait behind a model."""
    action = gr.Textbox(visible=False, label="Action")
    token = gr.Textbox(visible=False, label="Secret of the invite")
    payload = gr.JSON(visible=False, label="Payload")
    answer = gr.JSON(visible=False, label="Answer")
    call = gr.Button(visible=False)
    place: dict[str, Any] = {"api_name": "annotate", "api_visibility": "undocumented", "queue": False, "concurrency_limit": None,
                             "show_progress": "hidden"}

    def with_link(action: str, token: str, payload: Any) -> dict[str, Any]:
        return service.call(action or "", token or "", payload if payload is not None else {})

    def with_account(action: str, token: str, payload: Any, profile: gr.OAuthProfile | None) -> dict[str, Any]:
        return service.call(action or "", token or "", payload if payload is not None else {},
                            None if profile is None else profile.username)

    call.click(with_account if _hub_sign_in() else with_link, [action, token, payload], answer, **place)


def _hub_sign_in() -> bool:
    """Hugging Face signs people in only on a Space that asked for it; elsewhere there are links."""
    return bool(os.environ.get("SPACE_ID") and os.environ.get("OAUTH_CLIENT_ID"))
