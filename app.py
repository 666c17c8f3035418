"""The page: `python app.py`, then http://127.0.0.1:7860. Also the entry point of a Space.

Settings come from the environment (`emotionthinker/settings.py`); GRADIO_SERVER_NAME and GRADIO_SERVER_PORT say where it listens.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # nothing about a visitor leaves this machine
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # idle threads of one model must not starve the others

import gradio as gr

from annotate.ui import SCRIPTS, STYLES, Desk, annotate_tab, head, open_desk
from annotate.ui_calibrate import calibrate_tab
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.page.api import endpoints
from emotionthinker.page.engine import EXAMPLES, Engine, Runs
from emotionthinker.settings import Settings
from emotionthinker.ui import analyze_tab, header

ROOT = Path(__file__).resolve().parent
CLEAN_EVERY_S = 1800  # uploads and downloads are looked through this often …
KEEP_S = 3600  # … and deleted when older than this
QUEUE_LENGTH = 32  # further visitors get a message at once
SESSIONS = 500  # visitors whose results are kept in memory


def build(settings: Settings, desk: Desk | None = None) -> tuple[gr.Blocks, Engine]:
    """The page, not yet launched, and the models behind it, not yet loaded. desk: the annotation database, where there is one."""
    engine, runs = Engine(settings), Runs()
    with gr.Blocks(title="EmotionThinker", analytics_enabled=False, delete_cache=(CLEAN_EVERY_S, KEEP_S), fill_width=True) as page:
        endpoints(engine)  # first, so that no event of the page takes their names
        header(engine)
        with gr.Tabs(elem_id="et-tabs"):
            with gr.Tab("Analyze", id="analyze"):
                analyze_tab(engine, runs)
            with gr.Tab("Annotate", id="annotate"):
                annotate_tab((desk or Desk()).service, (desk or Desk()).problem)
            with gr.Tab("Calibrate", id="calibrate"):
                calibrate_tab((desk or Desk()).problem)

        def forget(request: gr.Request) -> None:
            runs.forget(str(request.session_hash))

        page.unload(forget)
    page.queue(max_size=QUEUE_LENGTH, default_concurrency_limit=2)
    return page, engine


def server_name() -> str:
    """Where to listen: this machine only, unless told otherwise or inside a Space's container."""
    return os.environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1")


def launch(page: gr.Blocks, settings: Settings, desk: Desk | None = None, *, block: bool = True,
           port: int | None = None) -> tuple[str, str | None]:
    """Serve the page; gives its local and its shared address. Only Gradio's cache and the example clips are ever served, and the
    clips of annotation items to whom they were shown."""
    desk = desk or Desk()
    _, local, shared = page.launch(
        server_name=server_name(),
        server_port=port or int(os.environ.get("GRADIO_SERVER_PORT") or 7860),
        prevent_thread_lock=not block,
        quiet=not block,
        show_error=True,
        ssr_mode=False,
        run_history=False,
        max_threads=16,
        max_file_size=settings.limits.max_bytes,
        state_session_capacity=SESSIONS,
        allowed_paths=[str(EXAMPLES)],
        blocked_paths=[str(path) for path in ROOT.iterdir() if path.name != "assets"]
        + [str(path) for path in (ROOT / "assets").iterdir() if path != EXAMPLES]
        + list(desk.private),
        footer_links=["api"],
        theme=gr.themes.Base(primary_hue="blue", neutral_hue="slate"),
        css_paths=[ROOT / "assets" / "style.css", *STYLES],
        head=head(("page.js", *SCRIPTS)),
        app_kwargs={"routes": list(desk.routes)},
    )
    return local, shared


def main() -> int:
    try:
        settings = Settings.from_env()
    except EmotionThinkerError as error:
        print(error, file=sys.stderr)
        return 2
    desk = open_desk()
    page, engine = build(settings, desk)
    engine.warm_up()
    launch(page, settings, desk)
    return 0


if __name__ == "__main__":
    sys.exit(main())
