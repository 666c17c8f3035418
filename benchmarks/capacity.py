"""How many explanations one server gives in a minute while several people use it at once, and what ten thousand people a day need.

    python -m benchmarks.capacity [--users 1,2,4,8,16] [--seconds 60] [--write docs/scale.md]

Starts `python app.py` as it stands (settings from the environment: with ET_ENDPOINT it measures the page before an endpoint)
and lets each number of clients ask for `/explain` of the example clips without a break: upload, measurement with recognised words,
explanation, scores. People pause between clips, so a server holds more of them than such users. The clients run on the same machine
and cost some of its time. `--write` puts the tables between the two marks of a document.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.report import when_and_where, write_between
from benchmarks.serving import free_port

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "assets" / "examples").glob("*.flac"))
BEGIN, END = "<!-- capacity: begin, written by python -m benchmarks.capacity -->", "<!-- capacity: end -->"
START_S = 300.0

# What is assumed of the crowd; all else is measured.
PEOPLE = 10_000  # a day
CLIPS_EACH = 3
PEAK_SHARE = 0.15  # of a day's clips that come in its busiest hour
LOAD = 0.7  # of its capacity that a server is given, so that queues stay short


@dataclass(frozen=True)
class Row:
    """One number of users. latencies_s: of the answers, (n,) seconds; failed: refused, or ended in an error."""

    users: int
    seconds: float
    latencies_s: tuple[float, ...]
    failed: int
    peak_mb: float  # most memory that the server has held until then
    cores: float  # that it kept busy

    @property
    def per_minute(self) -> float:
        """Explanations that came back in a minute."""
        return 60 * len(self.latencies_s) / self.seconds


def drive(url: str, users: int, seconds: float, pid: int) -> Row:
    """Let `users` clients ask the server at `url` one clip after the other for so long. pid: of the server, on this machine.

    A request that is under way at the end is waited for, and counts with its time.
    """
    from gradio_client import Client, handle_file

    clients = [Client(url, verbose=False) for _ in range(users)]
    latencies, failed, lock = [], [0], threading.Lock()
    begin, busy = time.perf_counter(), cpu_seconds(pid)

    def use(number: int, client: Client) -> None:
        turn = number
        while time.perf_counter() - begin < seconds:
            started = time.perf_counter()
            try:
                client.predict(handle_file(EXAMPLES[turn % len(EXAMPLES)]), "", "", api_name="/explain")
            except Exception:  # whatever the server answers in place of a result is a failure to a user
                with lock:
                    failed[0] += 1
                time.sleep(0.5)  # as a person would, before the next try
            else:
                with lock:
                    latencies.append(time.perf_counter() - started)
            turn += 1

    threads = [threading.Thread(target=use, args=(i, client)) for i, client in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - begin
    return Row(users, taken, tuple(latencies), failed[0], peak_mb(pid), (cpu_seconds(pid) - busy) / taken)


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, all its threads (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mb(pid: int) -> float:
    """The most memory that a process has held, in MB (Linux)."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


def table(rows: Sequence[Row]) -> str:
    """What was measured, as Markdown."""
    lines = ["| users at once, without a break | explanations/min | p50, s | p95, s | failed | peak memory, MB | cores busy |",
             "|---|---|---|---|---|---|---|"]
    for row in rows:
        p50, p95 = (f"{np.percentile(row.latencies_s, q):.1f}" if row.latencies_s else "–" for q in (50, 95))
        lines.append(f"| {row.users} | {row.per_minute:.1f} | {p50} | {p95} | {row.failed} | {row.peak_mb:.0f} | {row.cores:.1f} |")
    return "\n".join(lines)


def arithmetic(rows: Sequence[Row]) -> str:
    """From the best row to the number of servers, as Markdown, each step with its numbers."""
    capacity = max(row.per_minute for row in rows)
    if capacity == 0:
        return "No explanation came back, so nothing follows."
    clips = PEOPLE * CLIPS_EACH
    peak = clips * PEAK_SHARE / 60
    usable = capacity * LOAD
    return "\n".join([
        "| step | |", "|---|---|",
        f"| clips a day: {PEOPLE:,} people × {CLIPS_EACH} clips | {clips:,} |",
        f"| clips a minute in the busiest hour: {clips:,} × {PEAK_SHARE:.0%} / 60 | {peak:.0f} |",
        f"| clips a minute that one server is given: {capacity:.1f} × {LOAD:.0%} | {usable:.1f} |",
        f"| servers like this one: {peak:.0f} / {usable:.1f}, rounded up, and one to spare | {math.ceil(peak / usable) + 1} |"])


@contextmanager
def server() -> Iterator[tuple[str, int]]:
    """`python app.py` on a free port, ready to explain; gives its address and its process."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="capacity-") as folder:
        env = os.environ | {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": folder,
                            "ET_ANNOTATE_DB": f"{folder}/annotate.db"}
        process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + START_S
            while not ready(url):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("The server did not become ready; what it printed above says why.")
                time.sleep(0.5)
            yield url, process.pid
        finally:
            process.terminate()
            process.wait(30)


def ready(url: str) -> bool:
    """Whether the page answers, and its model is loaded."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def main(argv: list[str] | None = None) -> int:
    """Measure each number of users, print the tables, write them where asked; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", default="1,2,4,8,16", help="numbers of users, one run each; default 1,2,4,8,16")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each run lasts; default 60")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into this document, between its marks")
    args = parser.parse_args(argv)
    rows = []
    with server() as (url, pid):
        for users in (int(text) for text in args.users.split(",")):
            rows.append(drive(url, users, args.seconds, pid))
            print(f"{users} users: {rows[-1].per_minute:.1f} explanations/min", file=sys.stderr, flush=True)
    model = os.environ.get("ET_MODEL") or "Nano"
    where = "at an endpoint" if os.environ.get("ET_ENDPOINT") else "on this machine"
    head = f"{when_and_where()}, model {Path(model).name} {where}, {args.seconds:g} s for each row."
    text = "\n\n".join([head, table(rows), arithmetic(rows)])
    print(text)
    if args.write:
        write_between(args.write, BEGIN, END, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
