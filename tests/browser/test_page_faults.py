"""The real page, killed in the middle of an analysis, and on a full disk: it says so, and goes on by itself when it can."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.serving import wait_until_served
from tests.browser.chat_server import ChatServer
from tests.browser.conftest import EXAMPLES, ROOT, START_S, choose_example, free_port, wait_done
from tests.faults.conftest import Disk, make_disk

pytestmark = pytest.mark.browser
__all__ = ["make_disk"]  # a fixture, used here by its name


class Page:
    """`python app.py` that can be killed and started again at the same address."""

    def __init__(self, uploads: Path, endpoint: str, log: Path) -> None:
        port = free_port()
        self.url, self.log = f"http://127.0.0.1:{port}", log
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(("ET_", "GRADIO_"))}
        self.env |= {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(uploads), "ET_ENDPOINT": endpoint, "ET_MODEL": "test",
                     "ET_ANNOTATE_DB": str(log.parent / "none.db"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=self.env, stdout=out, stderr=out)
        assert wait_until_served(self.url, self.process, START_S), self.log.read_text()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)


@pytest.fixture
def served(make_disk: Callable[[int], Disk], chat: ChatServer, tmp_path: Path) -> Iterator[tuple[Page, Disk]]:
    disk = make_disk(2_000_000)
    page = Page(disk.path, chat.url, tmp_path / "log.txt")
    page.start()
    yield page, disk
    page.kill()


def test_a_full_disk_and_a_kill_in_the_middle_of_an_analysis(served: tuple[Page, Disk], chat: ChatServer, browser: Any) -> None:
    server, disk = served
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(server.url)
    page.click("#et-agree")
    page.wait_for_selector("#et-audio input[type=file]", state="attached")

    disk.fill()
    choose_example(page, "flat")
    page.wait_for_selector("#et-status [data-state=refused]")
    assert "disk of the server is full" in page.inner_text("#et-status")
    page.set_input_files("#et-audio input[type=file]", str(EXAMPLES / "flat.flac"))
    page.wait_for_selector("text=disk of the server is full, so nothing was kept; try a smaller file")
    disk.make_room()
    choose_example(page, "angry")
    wait_done(page)

    chat.delay_s = 0.2
    choose_example(page, "flat")
    page.wait_for_selector("#et-reasoning [data-state=thinking] .et-caret")
    uploaded = [path for path in disk.path.rglob("*.flac") if path.is_file()]
    server.kill()
    page.wait_for_selector("text=Connection to the server was lost")  # while what was measured stays on the screen
    assert page.locator("#et-figure .et-word").count() > 3
    assert chat.hung_up.wait(20)  # and the model is free
    chat.reset()
    server.start()
    page.wait_for_selector("#et-status [data-state=empty]")  # it comes back by itself, and asks for consent again
    page.click("#et-agree")
    page.wait_for_selector("#et-audio input[type=file]", state="attached")
    choose_example(page, "flat")
    wait_done(page)
    assert page.inner_text("#et-answer .et-verdict").lower() == "sounds angry"
    assert uploaded and "Traceback" not in server.log.read_text()
    context.close()
