"""The study kit: several systems explain the same clips, people rate the explanations without knowing whose they are.

The published study was such a one (100 clips, four systems, 1 to 5). `prepare` makes the project from a folder of outputs,
`report` makes the table.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from annotate import roster
from annotate.errors import AnnotateError, StoreError
from annotate.importing import UNUSABLE, json_lines, parse_line, read_record, reason
from annotate.items import NewItem, add_item
from annotate.records import DIMENSIONS, Project
from annotate.settings import ProjectSettings
from annotate.store import Store

DRAWS = 2000  # of the bootstrap
LEVEL = 95  # per cent, of the intervals


@dataclass(frozen=True)
class Prepared:
    """A study that is ready: its project, how many clips every system explained, how many of these were chosen, the systems."""

    project: Project
    common: int
    chosen: int
    systems: list[str]


@dataclass(frozen=True)
class Estimate:
    """A mean over clips with its bootstrap interval; None where there is nothing to take a mean of."""

    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class SystemLine:
    """One system: estimates per dimension, of their mean ("reasoning"), and of its difference to the first line of the table."""

    system: str
    clips: int
    ratings: int
    scores: dict[str, Estimate]
    reasoning: Estimate
    behind: Estimate | None


def prepare(store: Store, folder: Path, name: str, *, clips: int = 100, settings: ProjectSettings | None = None) -> Prepared:
    """Make a project from a folder that holds one file of JSON lines per system (`SYSTEM.jsonl`, lines as for `import`).

    Of the clips that every system explained, `clips` are drawn with the settings' seed. Nothing is made unless all can be read.
    Raises AnnotateError where there are fewer than two systems, no clip in common, or a line that cannot be used.
    """
    settings = settings or ProjectSettings()
    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else []
    if len(files) < 2:
        raise AnnotateError(f"{folder.name} holds {len(files)} .jsonl files; a study needs one per system, two at least.")
    if clips < 1:
        raise AnnotateError(f"{clips} clips were asked for, but at least 1 is needed; give a larger --clips.")
    outputs: dict[str, dict[str, NewItem]] = {}
    for file in files:
        outputs[file.stem] = {}
        for number, raw in json_lines(file):
            try:
                item = read_record(store, parse_line(raw) | {"model_id": file.stem}, folder, f"{file.name}:{number}")
            except StoreError:
                raise
            except UNUSABLE as error:
                raise AnnotateError(f"{file.name}, line {number}: {reason(error)}") from error
            if item.clip_sha256 in outputs[file.stem]:
                raise AnnotateError(f"{file.name}, line {number}: the system explains this clip twice; leave one out.")
            outputs[file.stem][item.clip_sha256] = item
    common = set.intersection(*(set(items) for items in outputs.values()))
    if not common:
        raise AnnotateError(f"No clip was explained by all of {', '.join(outputs)}; the clips must be the very same files.")
    order = sorted(common, key=lambda sha256: hashlib.sha256(f"{settings.seed}:{sha256}".encode()).digest())
    with store.transaction():
        project = roster.create_project(store, name, settings)
        for sha256 in order[:clips]:
            for items in outputs.values():
                add_item(store, project, items[sha256])
    return Prepared(project, len(common), min(clips, len(common)), list(outputs))


def report(store: Store, project: Project, *, seed: int = 0) -> list[SystemLine]:
    """One line per system, the best first. Each clip counts once: its raters' mean. Intervals: bootstrap over clips, and for the
    difference to the best system over the clips that both have. Attention and qualification items are left out.

    Raises AnnotateError where nothing was rated.
    """
    given: dict[str, dict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    for rating in store.ratings(project):
        if rating.is_attention or rating.is_qualification or None in rating.scores.values():
            continue
        given[rating.model_id][rating.clip_sha256].append([float(score) for score in rating.scores.values() if score is not None])
    if not given:
        raise AnnotateError(f"Project {project.name!r} holds no ratings yet; there is nothing to report.")
    clips = sorted({clip for by_clip in given.values() for clip in by_clip})
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(clips), (DRAWS, len(clips)))
    nothing = [np.nan] * len(DIMENSIONS)
    tables = {system: np.array([np.mean(by_clip[clip], axis=0) if clip in by_clip else nothing for clip in clips])
              for system, by_clip in given.items()}  # (clips, dimensions)
    order = sorted(tables, key=lambda system: -np.nanmean(tables[system]))
    best = tables[order[0]].mean(axis=1)
    lines = []
    for system in order:
        table = tables[system]
        lines.append(SystemLine(
            system, int(np.isfinite(table[:, 0]).sum()), sum(len(scores) for scores in given[system].values()),
            {name: _estimate(table[:, index], picks) for index, name in enumerate(DIMENSIONS)},
            _estimate(table.mean(axis=1), picks),
            None if system == order[0] else _estimate(table.mean(axis=1) - best, picks)))
    return lines


def report_markdown(lines: list[SystemLine], project: Project) -> str:
    """The report as a table for a paper or a README."""
    heads = ["system", "clips", "ratings", *(name.replace("_", " ") for name in DIMENSIONS), "mean of the four", "behind the first"]
    rows = [[line.system.replace("|", "\\|"), str(line.clips), str(line.ratings),
             *(_show(line.scores[name]) for name in DIMENSIONS), _show(line.reasoning),
             "" if line.behind is None else _show(line.behind)] for line in lines]
    table = "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *rows])
    note = f"Mean over clips, each the mean of its raters; {LEVEL} % intervals by bootstrap over clips ({DRAWS} draws)."
    if ProjectSettings.of(project).simulated:
        note += " **The raters are simulated: no person rated anything here.**"
    return f"{table}\n\n{note}\n"


def _estimate(values: np.ndarray, picks: np.ndarray) -> Estimate:
    """Mean of (clips,) with an interval from resampled clips; clips without a value are left out of each mean."""
    there = np.isfinite(values)
    if not there.any():
        return Estimate(None, None, None)
    counts = there[picks].sum(axis=1)
    sums = np.where(there, values, 0.0)[picks].sum(axis=1)
    means = sums[counts > 0] / counts[counts > 0]
    low, high = np.percentile(means, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return Estimate(float(values[there].mean()), float(low), float(high))


def _show(found: Estimate) -> str:
    return "–" if found.mean is None else f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]".replace("-", "−")
