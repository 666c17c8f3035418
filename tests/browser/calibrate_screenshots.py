"""Pictures of the tab Calibrate, for the documentation: `python -m tests.browser.calibrate_screenshots`.

A simulated study, worked out by the command and photographed in the page that `python -m annotate serve` gives its lead. The page
says that the raters are simulated, and so must whoever shows the pictures.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from annotate import roster
from annotate.figures import calibrate
from annotate.simulate import RewardBias, simulate
from tests.annotate.simulated_store import fill
from tests.browser.conftest import FLAGS, ROOT, START_S, free_port

SIZES = {"desk": (1240, 1640), "phone": (390, 1240)}  # tall enough for all plots on a desk, for the first on a phone


def photograph(url: str, secret: str, folder: Path) -> None:
    """The top of the tab, desk and phone, light and dark."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for size, (width, height) in SIZES.items():
            for theme in ("light", "dark"):
                page = browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=1.5,
                                           color_scheme=theme).new_page()  # type: ignore[arg-type]
                page.set_default_timeout(300_000)
                page.goto(f"{url}/#invite={secret}")
                page.get_by_role("tab", name="Calibrate").click()
                page.wait_for_selector("#ac-root .ac-panel svg")
                page.screenshot(path=folder / f"calibrate-{size}-{theme}.png")
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output_path", type=Path, default=ROOT / "docs" / "screenshots", help="folder for the pictures")
    args = parser.parse_args()
    args.output_path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        path, port = Path(folder) / "study.db", free_port()
        study = simulate(4, n_speakers=24, clips_per_speaker=3, careless=1, rated_share=0.5, bias=RewardBias(per_doubling=0.3))
        store, project = fill(path, study, name="simulated study")
        _, secret = roster.invite(store, project, "Lead", "lead")
        calibrate(store, project, as_json=True, output=None)
        store.close()
        process = subprocess.Popen([sys.executable, "-m", "annotate", "serve", "--db", str(path), "--port", str(port)], cwd=ROOT,
                                   env=os.environ | {"GRADIO_ANALYTICS_ENABLED": "False"})
        try:
            deadline = time.monotonic() + START_S
            while time.monotonic() < deadline:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.5)
            photograph(f"http://127.0.0.1:{port}", str(secret), args.output_path)
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
