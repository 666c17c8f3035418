"""Run one function over many rows: in processes of this machine, or on a Ray cluster. The function is the same, and so is
what comes back: (row, result, "") or (row, None, reason), in the order in which they are ready.

A clip on which a process dies costs only itself, on both.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any

from emotionthinker.errors import EmotionThinkerError

Row = Mapping[str, Any]
Outcome = tuple[Row, dict[str, Any] | None, str]
Measure = Callable[[Row], dict[str, Any]]

QUEUED_PER_WORKER = 4
ROWS_PER_TASK = 16  # of Ray: enough to hide what a task costs, few enough that a stop loses little
DIED = "the process that measured it died"


def by_processes(measure: Measure, rows: Sequence[Row], workers: int) -> Iterator[Outcome]:
    """On this machine. A clip on which a process dies takes the others in work with it: those are tried again, each in its
    own process."""
    suspects: list[Row] = []
    waiting = iter(rows)
    while True:
        with _pool(workers) as pool:
            running: dict[Future[dict[str, Any]], Row] = {}
            broken = False
            while not broken:
                for row in islice(waiting, workers * QUEUED_PER_WORKER - len(running)):
                    try:
                        running[pool.submit(measure, row)] = row
                    except BrokenProcessPool:
                        suspects.append(row)
                        broken = True
                        break
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    row = running.pop(future)
                    if isinstance(future.exception(), BrokenProcessPool):
                        suspects.append(row)
                        broken = True
                    else:
                        yield (row, *_result(future))
            suspects += running.values()
        if not broken:
            break
    for row in suspects:
        with _pool(1) as pool:
            yield (row, *_result(pool.submit(measure, row)))


def _pool(workers: int) -> ProcessPoolExecutor:
    # Fresh processes: a fork of a process with running threads (onnxruntime has some) can hang.
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def _result(future: Future[dict[str, Any]]) -> tuple[dict[str, Any] | None, str]:
    try:
        return future.result(), ""
    except BrokenProcessPool:
        return None, DIED
    except Exception as error:  # one bad clip of thousands must not end the run; the reason is kept with it
        return None, reason(error)


def reason(error: Exception) -> str:
    """An error as it is kept beside its row."""
    return f"{type(error).__name__}: {error}"


def by_ray(measure: Measure, rows: Sequence[Row], workers: int) -> Iterator[Outcome]:
    """On the Ray cluster that RAY_ADDRESS names, else on one of this machine with `workers` processors.

    Each machine needs this project installed and the sound files under the same path. Raises EmotionThinkerError without ray.
    """
    try:
        import ray
    except ImportError as error:
        raise EmotionThinkerError("--engine ray needs ray: pip install -r requirements-train.txt.") from error
    started = not ray.is_initialized()
    if started:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
        local: dict[str, Any] = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers, "include_dashboard": False}
        ray.init(log_to_driver=False, logging_level=logging.WARNING, **local)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # a worker that dies loses its block; its rows are tried again below
    try:
        missing = dict(enumerate(rows))
        for rows_per_task in (ROWS_PER_TASK, 1):
            for index, found in _ray_pass(measure, missing, workers, rows_per_task):
                yield (missing.pop(index), found.get("record"), found["reason"])
            if not missing:
                break
        for row in missing.values():
            yield row, None, DIED
    finally:
        if started:
            ray.shutdown()


def _ray_pass(measure: Measure, rows: dict[int, Row], workers: int, rows_per_task: int) -> Iterator[tuple[int, dict[str, Any]]]:
    import ray

    # Rows travel as JSON text: Arrow would give each row the keys of all others, as None.
    items = [{"index": index, "row": json.dumps(row)} for index, row in rows.items()]
    if not items:
        return

    def work(item: dict[str, Any]) -> dict[str, Any]:
        try:
            found: dict[str, Any] = {"record": measure(json.loads(item["row"])), "reason": ""}
        except Exception as error:  # as in _result
            found = {"reason": reason(error)}
        return {"index": item["index"], "found": json.dumps(found)}

    blocks = -(-len(items) // rows_per_task)
    data = ray.data.from_items(items, override_num_blocks=blocks)
    # One processor a clip; a clip that kills its worker is not worth Ray's three further tries.
    done = data.map(work, num_cpus=1, max_retries=0)
    for item in done.iter_rows():
        yield int(item["index"]), json.loads(item["found"])


ENGINES: dict[str, Callable[[Measure, Sequence[Row], int], Iterator[Outcome]]] = {"processes": by_processes, "ray": by_ray}
