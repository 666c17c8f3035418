"""The tab Calibrate. It asks the endpoint of `annotate.ui` for HTML (`assets/calibrate.js`), as the tab Annotate does."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from annotate.calibration_page import visitor_html

ASSETS = Path(__file__).resolve().parents[1] / "assets"
SCRIPTS = ("calibrate.js",)  # after annotate.js
STYLES = (ASSETS / "calibrate.css",)  # after annotate.css


def calibrate_tab(problem: str = "", *, database: bool = True) -> None:
    """Build the tab inside the Blocks at hand, beside `annotate_tab`. database: there is one; problem: why there is none."""
    idle = "" if database else ' data-idle="1"'  # nobody to ask
    gr.HTML(f'<div id="ac-root"{idle}>{visitor_html(problem)}</div>', js_on_load=None, apply_default_css=False, elem_id="ac-page")
