"""Pictures of the real page, for the README: `python -m tests.browser.screenshots`.

Starts `python app.py` with the model that the environment names (Nano without any setting) and photographs what a visitor sees.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.serving import free_port, wait_until_served
from tests.browser.conftest import FLAGS, ROOT, START_S, choose_example, wait_done

SIZES = {"desk": (1240, 900), "phone": (390, 844)}


def photograph(url: str, folder: Path) -> None:
    """All pictures of the page at `url`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for size, (width, height) in SIZES.items():
            for theme in ("light", "dark"):
                context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme,  # type: ignore[arg-type]
                                              device_scale_factor=1.5)
                context.set_default_timeout(300_000)
                page = context.new_page()
                page.goto(url)
                page.wait_for_selector("#et-agree")
                page.wait_for_function("!document.body.innerText.includes('Loading...')")
                if theme == "light":
                    page.screenshot(path=folder / f"{size}-consent.png")
                page.click("#et-agree")
                page.wait_for_selector("#et-audio input[type=file]", state="attached")
                choose_example(page, "angry")
                wait_done(page)
                point(page)
                page.screenshot(path=folder / f"{size}-{theme}.png", full_page=True)
                context.close()
        browser.close()


def point(page: Any) -> None:
    """Press the first stressed word, so that the picture shows the playhead and what it lights."""
    page.locator("#et-figure .et-word[aria-label*=stressed]").first.click()
    page.wait_for_function("document.querySelector('#et-audio audio').paused")
    page.mouse.move(0, 0)
    page.wait_for_timeout(300)


@contextmanager
def served(url: str | None) -> Iterator[str]:
    """The address of a page that runs: the one given, or that of one that is started here and stopped at the end."""
    if url:
        yield url
        return
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=os.environ | {"GRADIO_SERVER_PORT": str(port)})
    try:
        if not wait_until_served(url, process, START_S):
            raise SystemExit("The page did not start; what it printed above says why.")
        yield url
    finally:
        process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output_path", type=Path, default=ROOT / "docs" / "screenshots", help="folder for the pictures")
    parser.add_argument("--url", help="a page that runs already; without it, one is started")
    args = parser.parse_args()
    args.output_path.mkdir(parents=True, exist_ok=True)
    with served(args.url) as url:
        photograph(url, args.output_path)


if __name__ == "__main__":
    main()
