"""The real page in a real process, the real browser in front of it, and a model at an endpoint that says what a test wants."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.serving import free_port
from tests.browser.chat_server import ChatServer

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "assets" / "examples"
START_S = 180  # a loaded machine imports slowly
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]


_leaving: weakref.WeakSet[Any] = weakref.WeakSet()  # pages that are being loaded anew


@dataclass(frozen=True)
class App:
    """A running page: its address, its log, and the folder of its uploads; how to end its server, and to start it again."""

    url: str
    log: Path
    cache: Path
    stop: Callable[[], None]
    again: Callable[[], None]


@pytest.fixture(scope="session")
def start_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., App]]:
    """Start `python app.py` with some settings; all are stopped at the end."""
    processes = []

    def start(**settings: str) -> App:
        folder, port = tmp_path_factory.mktemp("app"), free_port()
        env = {key: value for key, value in os.environ.items() if not key.startswith(("ET_", "GRADIO_"))}
        env |= {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(folder / "cache"), "HF_HUB_OFFLINE": "1",
                "OMP_NUM_THREADS": "1", "ET_ANNOTATE_DB": str(folder / "annotate.db"), **settings}
        log = folder / "log.txt"
        url = f"http://127.0.0.1:{port}"

        def stop() -> None:
            processes[-1].kill()
            processes[-1].wait(20)

        def run() -> None:
            with log.open("ab") as out:
                process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT)
            processes.append(process)
            deadline = time.monotonic() + START_S
            while time.monotonic() < deadline:
                try:
                    urllib.request.urlopen(url, timeout=5).close()
                    return
                except (urllib.error.URLError, OSError):
                    assert process.poll() is None, f"app.py ended with {process.returncode}:\n{log.read_text()}"
                    time.sleep(0.3)
            raise AssertionError(f"app.py did not answer within {START_S} s:\n{log.read_text()}")

        run()
        return App(url, log, folder / "cache", stop, run)

    yield start
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture(scope="session")
def _chat_server() -> Iterator[ChatServer]:
    server = ChatServer()
    yield server
    server.close()


@pytest.fixture
def chat(_chat_server: ChatServer) -> ChatServer:
    """The model behind `app`, saying its usual text."""
    _chat_server.reset()
    return _chat_server


@pytest.fixture(scope="session")
def app(start_app: Callable[..., App], _chat_server: ChatServer) -> App:
    """The page with its model at the endpoint of `chat`, and a second model there to compare it with."""
    return start_app(ET_ENDPOINT=_chat_server.url, ET_MODEL="test-model", ET_MAX_MB="5", ET_LONG_MAX_MB="8",
                     ET_ENDPOINT_2=_chat_server.url, ET_MODEL_2="second-model")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Callable[..., Any]]:
    """Start a browser; without one, CI fails and other machines skip."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        reason = "no Chromium on this machine (Debian: apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browsers = []

        def start(*flags: str) -> Any:
            browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
            browsers.append(browser)
            return browser

        yield start
        for browser in browsers:
            browser.close()


@pytest.fixture(scope="session")
def browser(chromium: Callable[..., Any]) -> Any:
    return chromium()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open an address in a fresh context; at the end, errors in the console and requests to other machines fail the test."""
    contexts, faults = [], []

    def watch(page: Any) -> None:
        def fault(text: str) -> None:
            if page not in _leaving:
                faults.append(text)

        page.on("console", lambda message: fault(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: fault(str(error)))
        page.on("request", lambda request: faults.append(f"outside request: {request.url}")
                if not request.url.startswith(("http://127.0.0.1", "data:", "blob:")) else None)

    def start(url: str, *, width: int = 1280, height: int = 900, dark: bool = False, agree: bool = True, using: Any = None) -> Any:
        context = (using or browser).new_context(viewport={"width": width, "height": height}, accept_downloads=True,
                                                 color_scheme="dark" if dark else "light", permissions=["microphone"])
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        watch(page)
        page.goto(url)
        page.wait_for_selector("#et-agree")
        if agree:
            page.click("#et-agree")
            page.wait_for_selector("#et-audio input[type=file]", state="attached")
        return page

    yield start
    for context in contexts:
        context.close()
    assert faults == []


def reload(page: Any) -> None:
    """Load a page anew. What the one that goes says about its own connections, which break at that, is no fault."""
    _leaving.add(page)
    page.reload()
    _leaving.discard(page)


def choose_example(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def wait_done(page: Any, state: str = "done") -> None:
    page.wait_for_selector(f"#et-status [data-state={state}]")
