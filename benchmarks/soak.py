"""Mixed use of the real page by many people for a long time: errors, waiting, memory.

    python -m benchmarks.soak --minutes 60 --users 20 [--output DIR]
    python -m benchmarks.soak --minutes 1 --users 4                     # a short one

Starts `python app.py` with Nano and a rating database of its own. People open the page, have clips measured and explained, go away
in the middle, rate explanations, and send what is no sound (`soak_people`). Prints a table, and writes it with all figures into DIR
(soak.md, soak.json; default build/soak). Memory is the server's resident set: at the start once everything was used and what is
kept for callers is full, and at the end when all have left. Exit code 1 where anything failed, a rating was lost or doubled, or
memory grew by more than GROWTH_MB.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from annotate.store import Store
from app import SESSIONS
from benchmarks.annotate import START_S, make, person
from benchmarks.serving import free_port, wait_until_served
from benchmarks.soak_people import WEIGHTS, Did, Person, files_below, let_them

ROOT = Path(__file__).resolve().parents[1]
WATCH_S = 5.0
WARM_S = 30.0
SETTLE_S = 10.0  # after the last one has left, before memory is read
GROWTH_MB = 200
ITEMS_PER_HOUR = 4000  # to rate: more than twenty people get through


class Server:
    """`python app.py` in a process of its own, with its uploads, its database and its log in `folder`."""

    def __init__(self, folder: Path, database: Path) -> None:
        self.uploads, self.log = folder / "uploads", folder / "log.txt"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        env = {name: value for name, value in os.environ.items() if not name.startswith(("ET_", "GRADIO_"))}
        env |= {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(self.uploads), "ET_ANNOTATE_DB": str(database)}
        with self.log.open("wb") as out:
            self.process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT)
        if not wait_until_served(self.url, self.process, START_S):
            raise SystemExit(f"The page did not start; its log:\n{self.log.read_text()}")

    def figures(self) -> dict[str, float]:
        """Resident memory in 10^6 bytes, threads and open files of the server (0 where it is gone), files among its uploads."""
        place = Path(f"/proc/{self.process.pid}")
        n_files, size = files_below(self.uploads)
        uploads = {"uploads": n_files, "uploads_mb": size}
        try:
            status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines() if ":" in line)
            return {"memory_mb": int(status["VmRSS"].split()[0]) * 1024 / 1e6, "threads": int(status["Threads"]),
                    "open_files": len(list((place / "fd").iterdir())), **uploads}
        except (OSError, KeyError):  # the entry of a process that ended has no memory any more
            return {"memory_mb": 0.0, "threads": 0, "open_files": 0, **uploads}

    def stop(self) -> None:
        """End it, by force after 30 s."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


def soak(folder: Path, minutes: float, users: int, rest_s: float) -> dict[str, Any]:
    """Let `users` people use a server for so long. Gives the whole report as plain JSON."""
    store, project = make(folder, round(ITEMS_PER_HOUR * max(minutes, 6) / 60), ratings_per_item=1)
    people = [(f"person {number}", person(store, project, f"person {number}")) for number in range(users)]
    server = Server(folder, store.path)
    try:
        crowd = [Person(server.url, number, token) for number, (_, token) in enumerate(people)]
        warm_up(crowd)
        start = server.figures()
        watched: list[dict[str, float]] = []
        over = threading.Event()

        def watch() -> None:
            while not over.wait(WATCH_S):
                watched.append(server.figures())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        n_done = Counter[str]()

        def tell(did: Did) -> None:
            n_done["failed"] += did.outcome not in ("ok", "queue full")
            n_done["all"] += 1
            if n_done["all"] % 50 == 0:
                left = max(0.0, minutes * 60 - did.at)
                print(f"{n_done['all']} actions, {n_done['failed']} failed, {left:.0f} s left", file=sys.stderr, flush=True)

        did = let_them(crowd, minutes * 60, rest_s, tell)
        over.set()
        watcher.join()
        time.sleep(SETTLE_S)
        end = server.figures()
        alive = server.process.poll() is None
        log = server.log.read_text(errors="replace")
    finally:
        server.stop()
    return {
        "minutes": minutes, "users": users, "rest_s": rest_s, "cores": len(os.sched_getaffinity(0)), "machine": platform.machine(),
        "kinds": {kind: figures_of(did, kind) for kind in WEIGHTS}, "all": figures_of(did), "server_alive": alive,
        "start": start, "end": end, "most": {name: max([f[name] for f in watched] + [end[name]]) for name in end},
        "ratings": ratings_of(store, [press for each in crowd for press in each.presses]),
        "tracebacks_in_log": log.count("Traceback"), "watched": watched,
        "failed": [asdict(one) for one in did if one.outcome not in ("ok", "queue full")],
    }


def warm_up(crowd: Sequence[Person]) -> None:
    """Everything once by one of them, then by all at once: what is loaded at first, or kept by each thread, is no growth."""
    one = crowd[0]
    for action in (one.look, one.measure, one.explain, one.rate, one.bad_upload):
        said = action()
        if said != "ok":
            raise SystemExit(f"The page does not work even for one: {action.__name__}: {said}")
    let_them(crowd, WARM_S, 1.0, lambda did: None)
    # Gradio keeps a copy of the page's configuration for each caller, 0.3 MB, and drops the oldest when there are SESSIONS of them.
    for _ in range(SESSIONS):
        one.ask("prosody", [None, ""])


def figures_of(did: Sequence[Did], kind: str | None = None) -> dict[str, Any]:
    """How many, what share failed or met a full queue, and the median and 95th percentile of those that went well, in seconds."""
    chosen = [one for one in did if kind in (None, one.kind)]
    took = sorted(one.took for one in chosen if one.outcome == "ok")
    full = sum(one.outcome == "queue full" for one in chosen)
    failed = len(chosen) - len(took) - full
    cuts = statistics.quantiles(took, n=20, method="inclusive") if len(took) > 1 else took * 19
    return {"n": len(chosen), "failed": failed, "queue_full": full, "error_rate": failed / len(chosen) if chosen else 0.0,
            "p50_s": cuts[9] if cuts else None, "p95_s": cuts[18] if cuts else None}


def ratings_of(store: Store, acknowledged: Sequence[str]) -> dict[str, int]:
    """How many presses were acknowledged, and how many of those are missing or there twice."""
    kept = [row["submission_id"] for row in store.rows("SELECT submission_id FROM revisions")]
    twice = store.rows("SELECT rating_id FROM revisions GROUP BY rating_id HAVING count(*) > 1")
    return {"acknowledged": len(acknowledged), "lost": len(set(acknowledged) - set(kept)), "doubled": len(twice)}


def markdown(found: dict[str, Any]) -> str:
    """The report as tables."""
    def seconds(value: float | None) -> str:
        return "–" if value is None else f"{value:.2f}"

    lines = [f"{found['minutes']:g} minutes, {found['users']} people resting up to {found['rest_s']:g} s between two actions, "
             f"{found['cores']} cores", "", "| action | n | failed | queue full | error rate | p50 s | p95 s |",
             "|---|---|---|---|---|---|---|"]
    for kind, row in [*found["kinds"].items(), ("all", found["all"])]:
        lines.append(f"| {kind} | {row['n']} | {row['failed']} | {row['queue_full']} | {row['error_rate']:.2%} | "
                     f"{seconds(row['p50_s'])} | {seconds(row['p95_s'])} |")
    lines += ["", "| server | start | end | most |", "|---|---|---|---|"]
    lines += [f"| {name} | " + " | ".join(f"{found[when][name]:.0f}" for when in ("start", "end", "most")) + " |"
              for name in found["end"]]
    ratings = found["ratings"]
    state = "up" if found["server_alive"] else "DOWN"
    lines += ["", f"{ratings['acknowledged']} ratings acknowledged, {ratings['lost']} lost, {ratings['doubled']} doubled; "
              f"{found['tracebacks_in_log']} tracebacks in the log; the server was {state} at the end"]
    reasons = Counter(f"{one['kind']}: {one['outcome']}" for one in found["failed"])
    lines += [f"- {n} × {reason}" for reason, n in reasons.most_common(10)]
    return "\n".join(lines) + "\n"


def sound(found: dict[str, Any]) -> bool:
    """Whether nothing went wrong."""
    grew = found["end"]["memory_mb"] - found["start"]["memory_mb"]
    ratings = found["ratings"]
    return (found["server_alive"] and not found["failed"] and not ratings["lost"] and not ratings["doubled"]
            and not found["tracebacks_in_log"] and grew <= GROWTH_MB)


def main(argv: Sequence[str] | None = None) -> int:
    """Soak, print and write the report; gives 1 where anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--rest", type=float, default=30.0, metavar="S", help="longest rest between two actions; default 30 s")
    parser.add_argument("--output", type=Path, default=Path("build") / "soak", metavar="DIR")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        found = soak(Path(folder), args.minutes, args.users, args.rest)
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "soak.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (args.output / "soak.md").write_text(markdown(found), encoding="utf-8")
    print(markdown(found), end="")
    return 0 if sound(found) else 1


if __name__ == "__main__":
    sys.exit(main())
