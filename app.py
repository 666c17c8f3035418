"""The page: `python app.py`, then http://127.0.0.1:7860. Also the entry point of a Space.

Settings come from the environment (docs/hosting.md lists them all); GRADIO_SERVER_NAME and GRADIO_SERVER_PORT say where it listens.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # nothing about a visitor leaves this machine
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads of one model must not starve the others

from emotionthinker.page.port import PortError, on_port, port_from_env

try:
    port_from_env()
except PortError as problem:  # Gradio, too, reads the setting, as it is imported, and would end with a traceback
    print(problem, file=sys.stderr)
    sys.exit(2)

import gradio as gr
from starlette.routing import Route

from annotate.copies import CopyPlan
from annotate.ui import STRINGS, Desk, annotate_tab, open_desk
from annotate.ui_calibrate import calibrate_tab
from annotate.ui_donate import donation_section
from emotionthinker import zero_gpu
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.page.api import endpoints
from emotionthinker.page.closed import close, closed_routes
from emotionthinker.page.compare_tab import compare_tab
from emotionthinker.page.consent import Consent
from emotionthinker.page.engine import EXAMPLES, Engine, Runs
from emotionthinker.page.health import health_route
from emotionthinker.page.strings import strings_script
from emotionthinker.page.timeline_tab import timeline_tab
from emotionthinker.page.uploads import disk_fault, own_folder, sweep_for_ever
from emotionthinker.settings import Settings
from emotionthinker.ui import analyze_tab, header

ROOT = Path(__file__).resolve().parent
CLEAN_EVERY_S = 1800  # uploads and downloads are looked through this often …
KEEP_S = 3600  # … and deleted when older than this
QUEUE_LENGTH = 32  # further visitors get a message at once
SESSIONS = 500  # visitors whose results are kept in memory


def build(settings: Settings, second: Settings | None = None, desk: Desk | None = None) -> tuple[gr.Blocks, Engine]:
    """The page, not yet launched, and the models behind it, not yet loaded.

    second: of a model to compare with. desk: the annotation database, where there is one.
    """
    engine, runs, long_runs, pair_runs = Engine(settings), Runs(), Runs(), Runs()
    desk = desk or Desk()
    with gr.Blocks(title="EmotionThinker", analytics_enabled=False, delete_cache=(CLEAN_EVERY_S, KEEP_S), fill_width=True) as page:
        endpoints(engine)  # first, so that no event of the page takes their names
        header(engine)
        consent = Consent(settings)
        with gr.Tabs(elem_id="et-tabs"):
            with gr.Tab("Analyze", id="analyze"):
                analyze_tab(engine, runs, consent, donation_section(desk.service))
            with gr.Tab("Timeline", id="timeline"):
                timeline_tab(engine, long_runs, consent)
            with gr.Tab("Compare", id="compare"):
                compare_tab(engine, Engine(second) if second else None, pair_runs, consent)
            with gr.Tab("Annotate", id="annotate"):
                annotate_tab(desk.service, desk.problem)
            with gr.Tab("Calibrate", id="calibrate"):
                calibrate_tab(desk.problem, database=desk.service is not None)
        consent.connect()  # once every tab has named what depends on it

        def forget(request: gr.Request) -> None:
            for each in (runs, long_runs, pair_runs):
                each.forget(str(request.session_hash))

        page.unload(forget)
    page.queue(max_size=QUEUE_LENGTH, default_concurrency_limit=2)
    return page, engine


def first_then_others(first: str, pattern: str) -> list[Path]:
    """Files of assets/: the one that all the others build on, then those."""
    assets = ROOT / "assets"
    return [assets / first, *sorted(path for path in assets.glob(pattern) if path.name != first)]


def server_name() -> str:
    """Where to listen: this machine only, unless told otherwise or inside a Space's container."""
    return os.environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1")


def launch(page: gr.Blocks, settings: Settings, desk: Desk | None = None, *, block: bool = True, port: int | None = None,
           routes: Sequence[Route] = (), opened: Callable[[], None] | None = None) -> tuple[str, str | None]:
    """Serve the page; gives its local and its shared address. Only Gradio's cache and the example clips are ever served, and the
    clips of annotation items to whom they were shown. routes: plain addresses beside it. opened: called once the page answers."""
    desk = desk or Desk()
    close(page)
    _, local, shared = page.launch(
        server_name=server_name(),
        server_port=port or port_from_env(),
        prevent_thread_lock=True,
        quiet=not block,
        show_error=False,  # of ours there are sentences; the text of another error may hold paths of this machine
        ssr_mode=False,
        run_history=False,
        enable_monitoring=False,
        max_threads=16,
        # One limit for all tabs is all that Gradio has. Analyze refuses a file over its own when it reads it.
        max_file_size=max(settings.limits.max_bytes, settings.long_limits.max_bytes),
        state_session_capacity=SESSIONS,
        allowed_paths=[str(EXAMPLES)],
        blocked_paths=[str(path) for path in ROOT.iterdir() if path.name != "assets"]
        + [str(path) for path in (ROOT / "assets").iterdir() if path != EXAMPLES]
        + list(desk.private),
        footer_links=["api"],
        theme=gr.themes.Base(primary_hue="blue", neutral_hue="slate"),
        css_paths=first_then_others("style.css", "*.css"),
        head=strings_script(STRINGS) + "".join(
            f"<script>{path.read_text(encoding='utf-8')}</script>" for path in first_then_others("page.js", "*.js")),
        app_kwargs={"routes": [*closed_routes(), *routes, *desk.routes], "exception_handlers": {OSError: disk_fault}},
    )
    if opened is not None:
        opened()
    if block:
        page.block_thread()
    return local, shared


def main() -> int:
    """Serve the page until it is stopped. Gives 2, with one line on standard error, where a setting or the port cannot be used."""
    try:
        zero_gpu.prepare()  # before anything imports torch
        settings, second = Settings.from_env(), Settings.second_from_env()
        with on_port(server_name(), port_from_env(), "choose another with GRADIO_SERVER_PORT"):
            uploads, desk = own_folder(), open_desk(plan=CopyPlan.from_env())
            page, engine = build(settings, second, desk)
            if zero_gpu.active():
                engine.load_now()
            sweep_for_ever(uploads, KEEP_S)
            # The page first, then its models: loading them beside it kept the page away, on a busy machine for good.
            launch(page, settings, desk, routes=[health_route(engine)], opened=engine.warm_up_soon)
    except EmotionThinkerError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
