"""A soak of a few seconds: the people of `benchmarks.soak` get along with the real page, and what goes wrong would be seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotate.store import Store
from benchmarks.soak import figures_of, markdown, ratings_of, sound
from benchmarks.soak_people import WEIGHTS, Did, Person, let_them
from tests.annotate.filling import make_store
from tests.browser.chat_server import ChatServer
from tests.browser.conftest import App


def test_a_few_people_do_all_they_can_do(app: App, chat: ChatServer) -> None:
    chat.delay_s = 0.0
    people = [Person(app.url, number) for number in range(3)]
    for action in (people[0].look, people[0].measure, people[0].explain, people[0].stop, people[0].bad_upload):
        assert action() == "ok"
    did = let_them(people, 5.0, 0.5, lambda one: None)
    assert [one for one in did if one.outcome != "ok"] == []
    assert len(did) >= 5 and len({one.kind for one in did}) >= 2
    assert figures_of(did)["p95_s"] >= figures_of(did)["p50_s"] > 0


def report(did: list[Did], store: Store, acknowledged: list[str], memory_mb: float = 500.0) -> dict:
    server = {"memory_mb": 400.0, "threads": 20, "open_files": 30, "uploads": 3, "uploads_mb": 1.0}
    return {"minutes": 1.0, "users": 2, "rest_s": 1.0, "cores": 2, "kinds": {kind: figures_of(did, kind) for kind in WEIGHTS},
            "all": figures_of(did), "server_alive": True, "start": server, "end": server | {"memory_mb": memory_mb}, "most": server,
            "ratings": ratings_of(store, acknowledged), "tracebacks_in_log": 0,
            "failed": [one.__dict__ for one in did if one.outcome not in ("ok", "queue full")]}


def test_errors_lost_ratings_and_growth_are_told(tmp_path: Path) -> None:
    store, _ = make_store(tmp_path, 1)
    good = [Did("measure", float(n), 0.1 * (n + 1), "ok") for n in range(10)]
    assert sound(report(good, store, []))
    assert figures_of(good) == {"n": 10, "failed": 0, "queue_full": 0, "error_rate": 0.0, "p50_s": pytest.approx(0.55),
                                "p95_s": pytest.approx(0.955)}
    full = report([*good, Did("explain", 11.0, 0.1, "queue full")], store, [])
    assert sound(full) and full["all"]["queue_full"] == 1
    failed = report([*good, Did("explain", 11.0, 0.1, "HTTP 500: no")], store, [])
    assert not sound(failed) and "1 × explain: HTTP 500: no" in markdown(failed)
    assert not sound(report(good, store, ["press-that-is-nowhere"]))
    assert not sound(report(good, store, [], memory_mb=700.0))
    assert figures_of([])["p50_s"] is None and "–" in markdown(report([], store, []))
