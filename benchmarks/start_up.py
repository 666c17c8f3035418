"""How long a person waits for the page after `python app.py`, and a program for `import emotionthinker`.

    python -m benchmarks.start_up [--runs 3]

The page is *usable* when Chromium, which is already open, shows it, consent was given by a press, and the server has answered
by enabling the upload. Beside it stands the smallest page that Gradio can serve, whose one button was pressed: what is less
than that is not ours to save. The median of the runs counts; the first, which may read from the disk what the others find in
memory, is thrown away. Needs Chromium and playwright (requirements-dev.txt).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.report import when_and_where
from benchmarks.serving import free_port, wait_until_served

ROOT = Path(__file__).resolve().parents[1]
START_S = 180.0
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
EMPTY_PAGE = """
import gradio as gr
with gr.Blocks(analytics_enabled=False) as page:
    button, said = gr.Button("press", elem_id="press"), gr.Textbox(elem_id="said")
    button.click(lambda: "pressed", None, said, queue=False)
page.launch(quiet=True, ssr_mode=False)
"""


@dataclass(frozen=True)
class StartUp:
    """Seconds from the start of the process, medians. usable_s and empty_usable_s are None without a browser."""

    answers_s: float  # the first request
    usable_s: float | None
    empty_answers_s: float  # the same of Gradio's smallest page
    empty_usable_s: float | None


def start_up(runs: int = 3) -> StartUp:
    """Start the page and Gradio's smallest one in turns, `runs` times each after one that is not counted."""
    ours: list[tuple[float, float | None]] = []
    empty: list[tuple[float, float | None]] = []
    with _browser() as browser:
        for _ in range(runs + 1):
            ours.append(_once(["app.py"], browser, "#et-agree", "#et-audio input[type=file]"))
            empty.append(_once(["-c", EMPTY_PAGE], browser, "#press", "#said"))
    (answers, usable), (empty_answers, empty_usable) = (
        (median(first for first, _ in kept), median(last for _, last in kept if last is not None) if browser else None)
        for kept in (ours[1:], empty[1:]))
    return StartUp(answers, usable, empty_answers, empty_usable)


def import_seconds(statement: str) -> float:
    """Wall seconds of a fresh interpreter that runs the statement, less those of an empty one; the best of three each."""

    def run(code: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        return time.perf_counter() - started

    return max(0.0, min(run(statement) for _ in range(3)) - min(run("pass") for _ in range(3)))


@contextmanager
def _browser() -> Iterator[Any]:
    """A browser that is open, or None where there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = None
    if path is None:
        yield None
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def _once(arguments: Sequence[str], browser: Any, button: str, answer: str) -> tuple[float, float | None]:
    """Seconds until a server answers, and until a press on a button of its page has had its effect."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="start-") as folder:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("ET_", "GRADIO_"))}
        env |= {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": folder, "ET_ANNOTATE_DB": f"{folder}/annotate.db",
                "GRADIO_ANALYTICS_ENABLED": "False"}
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
        try:
            if not wait_until_served(url, process, START_S):
                raise SystemExit("The page did not start; what it printed above says why.")
            answers = time.perf_counter() - started
            if browser is None:
                return answers, None
            page = browser.new_page()
            page.set_default_timeout(START_S * 1000)
            page.goto(url)
            page.click(button)
            if answer.startswith("#said"):
                page.wait_for_function("document.querySelector('#said textarea, #said input')?.value === 'pressed'")
            else:
                page.wait_for_selector(answer, state="attached")
            usable = time.perf_counter() - started
            page.close()
            return answers, usable
        finally:
            process.terminate()
            process.wait(30)


def main() -> None:
    """Print both pages, and the imports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="starts of each page that count; default 3")
    args = parser.parse_args()
    found = start_up(args.runs)
    print(f"{when_and_where()}\n\n| seconds until | the page | Gradio's smallest page |\n|---|---|---|")
    print(f"| the first request is answered | {found.answers_s:.1f} | {found.empty_answers_s:.1f} |")
    if found.usable_s is None or found.empty_usable_s is None:
        print("| a press has had its effect | no browser here | no browser here |")
    else:
        print(f"| a press has had its effect | {found.usable_s:.1f} | {found.empty_usable_s:.1f} |")
    print(f"\n`import emotionthinker`: {import_seconds('import emotionthinker'):.2f} s; with everything it offers: "
          f"{import_seconds('from emotionthinker import *'):.2f} s; `import torch`: {import_seconds('import torch'):.2f} s")


if __name__ == "__main__":
    main()
