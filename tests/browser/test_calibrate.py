"""The tab Calibrate in a real browser: a lead works a study out, reads it on a desk and a phone, and takes the file along."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from annotate import roster
from annotate.calibration_map import load_calibration
from annotate.simulate import simulate
from annotate.store import Store
from tests.annotate.simulated_store import fill
from tests.browser.conftest import ROOT, START_S, free_port

pytestmark = pytest.mark.browser
EVIL = "<img src=x onerror=document.title='hacked'>"
WAIT_MS = 400_000  # a loaded machine


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str, Path]]:
    """`python -m annotate serve` on a small study: its address, a lead's and a rater's secret, the database."""
    path, port = tmp_path_factory.mktemp("calibrate") / "study.db", free_port()
    store, project = fill(path, simulate(0, n_speakers=6, n_raters=6))
    with store.transaction() as db:
        db.conn.execute("UPDATE raters SET name = ? WHERE name = 'rater-0'", [EVIL])
        db.conn.execute("UPDATE items SET model_id = ? WHERE model_id = 'system-0'", [EVIL])
    _, lead = roster.invite(store, project, "Lea", "lead")
    _, rater = roster.invite(store, project, "Rosa")
    store.close()
    process = subprocess.Popen([sys.executable, "-m", "annotate", "serve", "--db", str(path), "--port", str(port)], cwd=ROOT,
                               env=os.environ | {"GRADIO_ANALYTICS_ENABLED": "False", "OMP_NUM_THREADS": "1"})
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            break
        except OSError:
            assert process.poll() is None
            time.sleep(0.3)
    assert lead is not None
    assert rater is not None
    yield url, lead, rater, path
    process.terminate()
    process.wait(30)


@pytest.fixture
def open_tab(served: tuple[str, str, str, Path], chromium: Callable[..., Any]) -> Callable[..., Any]:
    def start(secret: str, **context: Any) -> Any:
        page = chromium().new_context(accept_downloads=True, **context).new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{served[0]}/#invite={secret}")
        page.get_by_role("tab", name="Calibrate").click()
        return page

    return start


def test_a_lead_works_it_out_and_takes_the_file(served: tuple[str, str, str, Path], open_tab: Callable[..., Any],
                                                tmp_path: Path) -> None:
    page = open_tab(served[1])
    page.wait_for_selector("#ac-root[data-ready='1']")
    button = page.locator("[data-calibrate]")
    button.dblclick()
    page.wait_for_selector("#ac-root .ac-panel svg")
    assert page.locator("#ac-root .ac-panel [role=img]").count() == 5
    assert "Simulated raters" in page.locator("#ac-root").inner_text()

    with page.expect_download() as download:
        page.locator("[data-save]").click()
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    assert saved.name == "calibration.json"
    with Store.open(served[3]) as store:
        assert [load_calibration(saved)] == store.calibrations(store.project())  # one version, in spite of the double click

    assert page.title() != "hacked"
    assert page.locator("#ac-root img").count() == 0
    assert page.locator("#ac-root").get_by_text(EVIL).count() >= 2  # as text: the rater, the model

    page.locator("#ac-root summary", has_text="Figures with intervals").first.click()
    assert page.locator("#ac-root .ac-panel table").first.is_visible()


def test_on_a_phone_in_the_dark_nothing_leaves_the_screen(served: tuple[str, str, str, Path], open_tab: Callable[..., Any]) -> None:
    page = open_tab(served[1], viewport={"width": 390, "height": 844}, color_scheme="dark")
    page.wait_for_selector("#ac-root .ac-panel svg")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".ac-grid").get_attribute("data-columns") == "1"
    paper = page.evaluate("getComputedStyle(document.querySelector('.ac-panel svg g path')).fill")
    assert paper == "rgb(27, 31, 37)"  # the drawing follows the theme
    smallest = page.evaluate("""Math.min(...Array.from(document.querySelectorAll('.ac-panel svg text'),
        text => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a))""")
    assert smallest >= 10.5


def test_a_rater_sees_no_figures(served: tuple[str, str, str, Path], open_tab: Callable[..., Any]) -> None:
    page = open_tab(served[2])
    page.wait_for_selector("#ac-root .an-problem")
    assert "Only the project's lead" in page.locator("#ac-root").inner_text()
    assert page.locator("#ac-root svg").count() == 0


def test_the_endpoint_gives_nobody_a_calibration_without_a_secret(served: tuple[str, str, str, Path]) -> None:
    request = urllib.request.Request(f"{served[0]}/gradio_api/run/annotate", headers={"Content-Type": "application/json"},
                                     data=json.dumps({"data": ["calibration_file", "", {"version": 1}]}).encode())
    with urllib.request.urlopen(request, timeout=120) as answer:
        said = json.load(answer)["data"][0]
    assert "text" not in said
