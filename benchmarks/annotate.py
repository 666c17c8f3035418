"""The annotation server under load. Each line of output is one claim and what was measured for it.

    python -m benchmarks.annotate raters  [--raters 50] [--each 10] [--think S]   # a running server, through gradio_client
    python -m benchmarks.annotate claims  [--processes 8] [--each 50]      # processes on one database
    python -m benchmarks.annotate board   [--ratings 100000]               # the lead's board, and a claim, on a large database
    python -m benchmarks.annotate kills   [--kills 200]                    # kill -9 of the server during submits (about 5 s each)

All databases are made in a temporary folder. Figures depend on the disk: synchronous=FULL waits for it at each commit.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from annotate import clock, roster
from annotate.items import NewItem, add_item, keep_clip
from annotate.records import DIMENSIONS, Project
from annotate.settings import ProjectSettings
from annotate.store import Store
from benchmarks.serving import free_port, wait_until_served
from emotionthinker.page.engine import EXAMPLES
from emotionthinker.prosody.record import measure_prosody

START_S = 180
ROOT = Path(__file__).resolve().parents[1]


def answers(rng: random.Random) -> dict[str, Any]:
    """A whole form with random scores."""
    scores = {name: rng.randint(1, 5) for name in DIMENSIONS}
    return {"scores": scores, "heard_emotion": "angry", "answer_right": "yes", "comment": "", "flags": [], "marks": []}


def make(folder: Path, items: int, **settings: Any) -> tuple[Store, Project]:
    """A database with so many items of one real clip."""
    store = Store.create(folder / "annotate.db")
    project = roster.create_project(store, "load", ProjectSettings.from_dict({"attention_rate": 0.0, **settings}))
    kept = keep_clip(store, EXAMPLES / "angry.flac")
    record = measure_prosody(kept.clip, "I will never do that again.").to_dict()
    with store.transaction():
        for number in range(items):
            add_item(store, project, NewItem(kept.sha256, record, f"A woman speaks loudly. Number {number}.", f"model-{number % 2}",
                                             "benchmark", answer="angry"))
    return store, project


def copy_items(db: Database, rng: random.Random, name: str, n: int) -> None:
    """So many copies of the first item, as items of their own."""
    columns = "clip_sha256, model_id, answer, source, words, added, explanation, prosody"
    db.conn.executemany(f"INSERT INTO items (project_id, fingerprint, draw, {columns}) "
                        f"SELECT project_id, ?, ?, {columns} FROM items WHERE id = 1",
                        [(f"{name} {number}", rng.randrange(2**31)) for number in range(n)])


def person(store: Store, project: Project, name: str, role: str = "rater") -> str:
    """Invite somebody who has agreed to everything; gives the secret of the link."""
    rater, token = roster.invite(store, project, name, role)
    roster.agree(store, rater, "consented")
    roster.agree(store, rater, "instructed")
    assert token is not None
    return token


class Server:
    """`python -m annotate serve` on a database."""

    def __init__(self, database: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self.process = subprocess.Popen([sys.executable, "-m", "annotate", "serve", "--db", str(database), "--port", str(port)],
                                        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not wait_until_served(self.url, self.process, START_S):
            raise SystemExit("The server did not start.")

    def call(self, action: str, token: str, payload: dict[str, Any]) -> dict[str, Any]:
        """One request as the page makes it. Raises OSError when the server is gone."""
        body = json.dumps({"data": [action, token, payload]}).encode()
        request = urllib.request.Request(f"{self.url}gradio_api/run/annotate", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"][0]

    def stop(self, how: int = signal.SIGTERM) -> None:
        """Send it the signal, and wait until it has ended."""
        self.process.send_signal(how)
        self.process.wait(30)


@dataclass(frozen=True)
class Crowd:
    """What `raters` found. submit_s: of each submission, in seconds; errors: sentences of the server."""

    n_raters: int
    think_s: float
    acknowledged: int
    took_s: float
    lost: int
    doubled: int
    not_acknowledged: int
    errors: tuple[str, ...]
    submit_s: tuple[float, ...]

    @property
    def per_second(self) -> float:
        """Acknowledged submissions."""
        return self.acknowledged / self.took_s

    def __str__(self) -> str:
        p50, p95 = (statistics.quantiles(self.submit_s, n=100)[q - 1] * 1000 for q in (50, 95))
        line = (f"{self.n_raters} raters resting 0 to {self.think_s:g} s, {self.acknowledged} submissions acknowledged in "
                f"{self.took_s:.1f} s: {self.lost} lost, {self.doubled} doubled, "
                f"{self.not_acknowledged} kept but not acknowledged, "
                f"{len(self.errors)} errors; submit median {p50:.0f} ms, p95 {p95:.0f} ms")
        return "\n".join([line, *(f"  error: {error}" for error in sorted(set(self.errors))[:3])])


def raters(folder: Path, n_raters: int, each: int, think_s: float) -> Crowd:
    """Every rater claims, listens, saves a draft and submits. think_s: between two items a rater rests up to so long, at random."""
    from gradio_client import Client

    store, project = make(folder, n_raters * each // 3 + each, ratings_per_item=3)
    tokens = [person(store, project, f"rater {number}") for number in range(n_raters)]
    server = Server(store.path, free_port())
    # There is no TLS here; without this the client reads the certificates anew for each call, 45 ms of the two cores at test.
    clients = [Client(server.url, verbose=False, ssl_verify=False) for _ in tokens]
    submit_s: list[float] = []
    acknowledged: list[str] = []
    errors: list[str] = []
    together = threading.Barrier(n_raters)

    def work(number: int) -> None:
        rng, client, token = random.Random(number), clients[number], tokens[number]

        def call(action: str, payload: dict[str, Any]) -> dict[str, Any]:
            result = client.predict(action, token, payload, api_name="/annotate")
            if "error" in result:
                errors.append(result["error"])
            return result

        together.wait()
        for _ in range(each):
            time.sleep(rng.uniform(0, think_s))
            task = call("open", {})
            if task.get("screen") != "single":
                break
            call("heard", {"lease": task["lease"], "played": 2.3})
            given = answers(rng)
            call("read", {"lease": task["lease"], "emotion": given["heard_emotion"]})
            call("draft", {"lease": task["lease"], "answers": given, "version": 0, "seconds": 1})
            start = time.perf_counter()
            done = call("submit", {"lease": task["lease"], "submission": f"press-{task['lease']}", "answers": given,
                                   "seconds": 1})
            submit_s.append(time.perf_counter() - start)
            if done.get("revision") == 1:
                acknowledged.append(task["lease"])

    started = time.perf_counter()
    with ThreadPoolExecutor(n_raters) as pool:
        list(pool.map(work, range(n_raters)))
    took_s = time.perf_counter() - started
    server.stop()
    kept = {row["lease_id"] for row in store.rows("SELECT lease_id FROM revisions")}
    times = Counter(row["rating_id"] for row in store.rows("SELECT rating_id FROM revisions"))
    twice = [rating for rating, n in times.items() if n > 1]
    given = set(acknowledged)
    return Crowd(n_raters, think_s, len(acknowledged), took_s, len(given - kept), len(twice), len(kept - given), tuple(errors),
                 tuple(submit_s))


def bare_commits_per_s(folder: Path, n: int = 200) -> float:
    """What the disk alone allows: rows of a bare table per second, each in a transaction that waits for the disk as ours do."""
    db = sqlite3.connect(folder / "bare.db", isolation_level=None)
    db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (answers TEXT)")
    text = json.dumps(answers(random.Random(0)))
    started = time.perf_counter()
    for _ in range(n):
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO rows VALUES (?)", [text])
        db.execute("COMMIT")
    took_s = time.perf_counter() - started
    db.close()
    return n / took_s


CLAIMS = """
import sys
from annotate.assignment import claim
from annotate.rating import set_heard, submit
from annotate.store import Store
store = Store.open(sys.argv[1]); project = store.project(); rater = store.raters(project)[int(sys.argv[2])]
for number in range(int(sys.argv[3])):
    work = claim(store, project, rater)
    print(work.items[0].id)
    set_heard(store, project, rater, work.lease_id, 2.0)
    submit(store, project, rater, work.lease_id, "press-" + work.lease_id, {"flags": ["cannot_judge"]}, 1.0)
"""


def claims(folder: Path, processes: int, each: int) -> None:
    """Processes that share nothing but the file claim items that one person each may have."""
    store, project = make(folder, processes * each, ratings_per_item=1)
    for number in range(processes):
        person(store, project, f"rater {number}")
    started = time.perf_counter()
    running = [subprocess.Popen([sys.executable, "-c", CLAIMS, str(store.path), str(number), str(each)], cwd=ROOT, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE) for number in range(processes)]
    outputs = [process.communicate() for process in running]
    took_s = time.perf_counter() - started
    claimed = [line for out, _ in outputs for line in out.split()]
    failed = sum(process.returncode != 0 for process in running)
    print(f"{processes} processes × {each} claims with submission: {len(claimed)} claimed, {failed} processes with errors, "
          f"{len(claimed) - len(set(claimed))} items claimed twice, {took_s:.1f} s with starting Python")


def board(folder: Path, n_ratings: int) -> None:
    """The lead's board over HTTP, and a rater's claim, on a database with so many ratings by 50 raters."""
    n_items = n_ratings // 3 + 1
    store, project = make(folder, 1, ratings_per_item=4)
    token, rater_token = person(store, project, "lead", "lead"), person(store, project, "fresh")
    names = [roster.invite(store, project, f"rater {number}", simulated=True)[0].id for number in range(50)]
    rng, now = random.Random(0), clock.utc_now()
    with store.transaction() as db:
        copy_items(db, rng, "f", n_items - 1)
        ids = [row[0] for row in db.conn.execute("SELECT id FROM items")]
        pairs = ((item, name) for item in ids for name in rng.sample(names, 3))
        db.conn.executemany(
            "INSERT INTO ratings (project_id, item_id, rater_id, factual_alignment, interpretative_quality, caption_completeness, "
            "fluency_and_structural_clarity, flags, seconds, position, revision, created, updated) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 1, ?, ?)",
            ((project.id, item, name, *(rng.randint(1, 5) for _ in DIMENSIONS), '["offensive"]' if rng.random() < 0.01 else "[]",
              rng.uniform(10, 90), now, now) for item, name in pairs))
    total = store.rows("SELECT count(*) FROM ratings")[0][0]
    server = Server(store.path, free_port())
    opened, claimed = [], []
    for _ in range(7):
        start = time.perf_counter()
        found = server.call("open", token, {})
        opened.append(time.perf_counter() - start)
        assert found["screen"] == "board", found
        start = time.perf_counter()
        server.call("open", rater_token, {})
        claimed.append(time.perf_counter() - start)
        with store.transaction() as db:
            db.conn.execute("UPDATE leases SET state = 'released' WHERE state = 'open'")
    server.stop()
    print(f"{total} ratings of {n_items} items: board opens in {statistics.median(opened):.2f} s (first {opened[0]:.2f} s), "
          f"a claim takes {statistics.median(claimed) * 1000:.0f} ms (first {claimed[0] * 1000:.0f} ms)")


def kills(folder: Path, n_kills: int) -> None:
    """The server is killed at a random moment of a stream of submissions, again and again; every acknowledged one must be there."""
    store, project = make(folder, 50, ratings_per_item=1)
    token = person(store, project, "rater")
    rng = random.Random(0)
    acknowledged: dict[str, dict[str, Any]] = {}
    lost = broken = 0
    for number in range(n_kills):
        free = store.rows("SELECT count(*) FROM items WHERE n_ratings = 0")[0][0]
        if free < 2000:
            with store.transaction() as db:
                copy_items(db, rng, f"round {number}", 2000)
        server = Server(store.path, free_port())
        timer, counting = threading.Timer(rng.uniform(0.0, 1.0), os.kill, (server.process.pid, signal.SIGKILL)), False
        try:
            while True:
                task = server.call("open", token, {})
                server.call("heard", token, {"lease": task["lease"], "played": 2.3})
                given = answers(rng)
                server.call("read", token, {"lease": task["lease"], "emotion": given["heard_emotion"]})
                server.call("submit", token, {"lease": task["lease"], "submission": f"press-{task['lease']}",
                                              "answers": given, "seconds": 1})
                acknowledged[task["lease"]] = given["scores"]
                if not counting:  # the first answers of a fresh server are slow; it is killed in full swing
                    timer.start()
                    counting = True
        except (OSError, ValueError, http.client.HTTPException):  # killed before, in the middle of, or after an answer
            pass
        server.process.wait(30)
        rows = store.rows("SELECT lease_id, answers FROM revisions")
        kept = {row["lease_id"]: json.loads(row["answers"])["scores"] for row in rows}
        lost = sum(kept.get(lease) != scores for lease, scores in acknowledged.items())
        broken += store.rows("PRAGMA integrity_check")[0][0] != "ok"
    print(f"{n_kills} kills of the server during {len(acknowledged)} acknowledged submissions: {lost} lost or altered, "
          f"{broken} times the integrity check failed")


def main() -> None:
    """Run the one that is named, on a database of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["raters", "claims", "board", "kills"])
    parser.add_argument("--raters", type=int, default=50)
    parser.add_argument("--think", type=float, default=10.0, metavar="S",
                        help="raters rest up to so long between items, at random; default 10, people need longer")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--each", type=int, help="submissions per rater (10) or claims per process (50)")
    parser.add_argument("--ratings", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=200)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="annotate-load-") as name:
        folder = Path(name)
        if args.what == "raters":
            print(raters(folder, args.raters, args.each or 10, args.think))
        elif args.what == "claims":
            claims(folder, args.processes, args.each or 50)
        elif args.what == "board":
            board(folder, args.ratings)
        else:
            kills(folder, args.kills)


if __name__ == "__main__":
    main()
