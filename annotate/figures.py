"""What the commands `agreement` and `calibrate` of `python -m annotate` do and print."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from annotate import calibration_words as words
from annotate.agreement import NAMES
from annotate.errors import AnnotateError
from annotate.records import DIMENSIONS, Project
from annotate.reports import agreement_report, calibration_report, has_map
from annotate.store import Store


def agreement(store: Store, project: Project, *, as_json: bool) -> str:
    """What `agreement` prints."""
    report = agreement_report(store, project)
    if as_json:
        return json.dumps(report, allow_nan=False)
    names = {rater.id: rater.name for rater in store.raters(project)}
    lines = [*_heading(report["project"], report["counts"])]
    for dimension in DIMENSIONS:
        part = report["dimensions"][dimension]
        lines += ["", f"{words.TITLES[dimension]}: {words.agreement_basis(part)}"]
        why = words.shared_reason(part["figures"].values())
        lines += [f"  {NAMES[name]:38} {words.estimate(found, why)}" for name, found in part["figures"].items()]
        lines += [f"  No intervals: {why}"] if why else []
        lines += [f"  {words.raters_sentence(part)}"]
        strictest_first = sorted(part["raters"], key=lambda r: -r["severity"]["value"])
        lines += [f"    {names[r['rater_id']]:24} {r['n']:5} ratings   severity {words.estimate(r['severity'])}   spread "
                  f"{words.estimate(r['spread'])}   attention {words.number(r['attention'])}" for r in strictest_first]
    return "\n".join(lines)


def calibrate(store: Store, project: Project, *, as_json: bool, output: Path | None) -> str:
    """Work out the calibration, keep it as a version, write the file; gives what `calibrate` prints.

    Raises:
        AnnotateError: a file is wanted, but no dimension has enough ratings for a map, or it cannot be written.
    """
    report = calibration_report(store, project)
    usable = has_map(report)
    if output is not None and not usable:
        reason = report["dimensions"][DIMENSIONS[0]]["reason"]
        raise AnnotateError(f"{output.name} was not written, as no dimension has enough ratings for a map: {reason}")
    saved: dict[str, Any] = report | {"version": None, "created": None}
    if usable:
        version = store.save_calibration(project, report)
        saved = next(kept for kept in store.calibrations(project) if kept["version"] == version)
    if output is not None:
        try:
            write_calibration(saved, output)
        except OSError as error:
            raise AnnotateError(f"{output.name} cannot be written ({error.strerror}), but version {saved['version']} is kept in "
                                "the database; choose another place.") from error
    return json.dumps(saved, allow_nan=False) if as_json else _readable(saved, output)


def write_calibration(content: dict[str, Any], path: Path) -> None:
    """calibration.json, whole or not at all. Raises OSError where it cannot be written."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def _heading(project: str, counts: dict[str, int]) -> list[str]:
    whose = words.whose(counts)
    return [f"Project {project!r}: {words.counted(counts)}", *([whose] if whose else [])]


def _readable(report: dict[str, Any], output: Path | None) -> str:
    lines = _heading(report["project"], report["counts"])
    for dimension, part in report["dimensions"].items():
        lines += ["", words.TITLES[dimension], f"  {words.meaning(part)}"]
        if part["map"] is None:
            continue
        why = words.shared_reason(found for row in words.ROWS for found in part["figures"][row].values())
        lines += [f"  {words.basis(part)}" + (f" No intervals: {why}" if why else "")]
        for row, name in words.ROWS.items():
            figures = [f"{words.FIGURES[figure]} {words.estimate(found, why)}" for figure, found in part["figures"][row].items()]
            lines += [f"  {name:40} " + "   ".join(figures)]
        lines += ["  (by chance alone the corrected scores would show a calibration error of "
                  f"{words.number(part['ece_by_chance'])})"]
    for dimension, means in report["systems"].items():
        why = words.shared_reason(mean[kind] for mean in means.values() for kind in ("corrected", "rated"))
        lines += ["", f"Systems, {words.TITLES[dimension]}" + (f" (no intervals: {why})" if why else "")]
        for name, mean in means.items():
            rated, corrected = (words.estimate(mean[kind], why) for kind in ("rated", "corrected"))
            n = f"{mean['n_rated']} rated, {mean['n_rest']} not"
            lines += [f"  {name}: {n}; by the ratings {rated}; with the reward {corrected}"]
    lines += ["", "Length: " + words.length_meaning(report["bias"]["length"]["overall"]),
              "Drift: " + words.drift_meaning(report["bias"]["drift_per_100_items"]["overall"])]
    lines += [f"Pairs, {words.TITLES[dimension]}: {words.first_meaning(found)}"
              for dimension, found in report["bias"]["first_shown_preferred"].items()]
    if report["version"] is None:
        return "\n".join([*lines, "", "Nothing was saved: no dimension has enough ratings for a map."])
    wrote = f" and written to {output.name}" if output is not None else ""
    return "\n".join([*lines, "", f"Saved as version {report['version']}{wrote}."])
