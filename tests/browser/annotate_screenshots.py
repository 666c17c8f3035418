"""Pictures of Annotate for the README: `python -m tests.browser.annotate_screenshots`.

Makes the demonstration database with the embedded model (or takes one with --db), serves it, and photographs an item as a rater
sees it and the lead's board. The banner in them says that the raters are simulated.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from annotate import roster
from annotate.demo import PROJECT
from annotate.store import Store
from tests.browser.conftest import FLAGS, ROOT
from tests.browser.test_annotate import Server, open_text

SIZES = {"desk": (1240, 1000), "phone": (390, 844)}
WANTED = {("desk", "light"), ("phone", "dark")}


def photograph(server: Server, tokens: dict[str, str], folder: Path) -> None:
    """The item and the board, on a desk and on a phone."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for size, (width, height) in SIZES.items():
            for theme in ("light", "dark"):
                if (size, theme) not in WANTED:
                    continue
                context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme,  # type: ignore[arg-type]
                                              device_scale_factor=1.5)
                context.set_default_timeout(300_000)
                for role, token in tokens.items():
                    page = context.new_page()
                    page.goto(f"{server.url}#invite={token}")
                    page.wait_for_selector(".an-task .et-drawing" if role == "rater" else ".an-board")
                    if role == "rater":
                        fill(page)  # then a window as tall as the item, or its foot would lie over the middle of the picture
                        page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight")})
                    page.screenshot(path=folder / f"annotate-{'item' if role == 'rater' else 'board'}-{size}-{theme}.png")
                    page.close()
                context.close()
        browser.close()


def fill(page: Any) -> None:
    """Half an answer: an emotion, two scores, a mark; the third scale under the focus."""
    open_text(page)
    for row, value in (("factual_alignment", "4"), ("interpretative_quality", "3")):
        page.click(f"[data-row={row}] [data-value='{value}']")
    if page.locator(".an-sentence[data-mark=supported]").count() == 0:
        page.locator(".an-sentence").first.click()
    page.locator("[data-row=caption_completeness] [data-value='3']").focus()
    page.wait_for_selector(".an-saved[data-state=saved]")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output_path", type=Path, default=ROOT / "docs" / "screenshots", help="folder for the pictures")
    parser.add_argument("--db", type=Path, help="a demonstration database; without it, one is made")
    args = parser.parse_args()
    args.output_path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="annotate-pictures-") as name:
        database = args.db or Path(name) / "demo.db"
        if args.db is None:
            subprocess.run([sys.executable, "-m", "annotate", "demo", "--db", str(database)], cwd=ROOT, check=True)
        with Store.open(database) as store:
            project = store.project(PROJECT)
            tokens = {}
            with store.transaction() as db:  # a rating more per item, so that there is one to rate
                db.conn.execute("UPDATE projects SET settings = json_set(settings, '$.ratings_per_item', 5) WHERE id = ?",
                                [project.id])
            for role in ("lead", "rater"):
                name = f"You, as {role}"
                rater = next(one for one in store.raters(project) if one.name == name)
                tokens[role] = roster.new_token(store, rater)
                for what in ("consented", "instructed"):
                    roster.agree(store, rater, what)
        server = Server(database)
        server.start()
        try:
            photograph(server, tokens, args.output_path)
        finally:
            server.kill()


if __name__ == "__main__":
    main()
