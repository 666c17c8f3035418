"""The capacity command counts what it says, and its arithmetic is right."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest

import app
from benchmarks import capacity
from benchmarks.capacity import BEGIN, END, Row, arithmetic, drive, table
from benchmarks.report import write_between
from emotionthinker.page.api import endpoints
from emotionthinker.page.engine import Engine
from emotionthinker.page.health import health_route
from emotionthinker.settings import Settings
from tests.browser.chat_server import ChatServer
from tests.browser.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
ROWS = [Row(1, 60.0, (2.0,) * 30, 0, 900.0, 1.0), Row(4, 60.0, (4.0, *(6.0,) * 39), 2, 950.0, 1.9)]


def test_the_table_gives_each_run_a_row() -> None:
    lines = table(ROWS).splitlines()
    assert lines[2] == "| 1 | 30.0 | 2.0 | 2.0 | 0 | 900 | 1.0 |"
    assert lines[3] == "| 4 | 40.0 | 6.0 | 6.0 | 2 | 950 | 1.9 |"
    assert table([Row(1, 60.0, (), 5, 1.0, 0.0)]).splitlines()[2] == "| 1 | 0.0 | – | – | 5 | 1 | 0.0 |"


def test_the_arithmetic_goes_from_the_best_row_to_servers() -> None:
    text = arithmetic(ROWS)
    # 10,000 × 3 = 30,000; × 0.15 / 60 = 75 a minute; 40 × 0.7 = 28; 75 / 28 = 2.7, so 3, and one to spare.
    assert [line.split("|")[-2].strip() for line in text.splitlines()[2:]] == ["30,000", "75", "28.0", "4"]
    assert "nothing follows" in arithmetic([Row(1, 60.0, (), 3, 1.0, 0.0)])


def test_the_tables_replace_those_between_the_marks_and_nothing_else(tmp_path: Path) -> None:
    document = tmp_path / "scale.md"
    document.write_text((ROOT / "docs" / "scale.md").read_text(encoding="utf-8"), encoding="utf-8")
    before = document.read_text(encoding="utf-8")
    write_between(document, BEGIN, END, "first")
    write_between(document, BEGIN, END, "second")
    after = document.read_text(encoding="utf-8")
    assert after.count(BEGIN) == after.count(END) == 1 and f"{BEGIN}\nsecond\n{END}" in after and "first\n" not in after
    assert after.split(BEGIN)[0] == before.split(BEGIN)[0] and after.split(END)[1] == before.split(END)[1]
    (tmp_path / "other.md").write_text("nothing")
    with pytest.raises(ValueError, match=r"other\.md lacks the marks"):
        write_between(tmp_path / "other.md", BEGIN, END, "x")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, ChatServer]]:
    """The page's own endpoints in this process, with a model that answers at once."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    chat = ChatServer()
    chat.delay_s = 0.0
    settings = Settings(endpoint=chat.url, model="m")
    engine = Engine(settings)
    engine.load_now()
    with gr.Blocks() as blocks:
        endpoints(engine)
    blocks.queue(max_size=32, default_concurrency_limit=2)
    url, _ = app.launch(blocks, settings, block=False, port=free_port(), routes=[health_route(engine)])
    yield url.rstrip("/"), chat
    blocks.close()
    chat.close()


def test_users_are_served_side_by_side_and_what_fails_is_counted(page: tuple[str, ChatServer]) -> None:
    url, chat = page
    assert capacity.ready(url) and not capacity.ready("http://127.0.0.1:9")
    row = drive(url, 2, 0.1, os.getpid())
    assert row.users == 2 and row.failed == 0 and len(row.latencies_s) >= 2
    assert 0 < min(row.latencies_s) <= max(row.latencies_s) <= row.seconds
    assert row.per_minute == pytest.approx(60 * len(row.latencies_s) / row.seconds)
    assert row.peak_mb > 50 and 0 < row.cores < 64
    assert len(chat.requests) == len(row.latencies_s)  # each was a request to the model
    chat.status = 500
    broken = drive(url, 1, 0.1, os.getpid())
    assert broken.failed == 1 and broken.latencies_s == ()
