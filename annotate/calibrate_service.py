"""The lead's actions behind the tab Calibrate.

Working a calibration out takes a core for seconds to minutes, so it runs as a process of its own, `python -m annotate calibrate`,
and raters who submit meanwhile do not wait for it. The page asks again until it is done. What is saved lies in the database; only
a result that was not saved, for want of ratings, is kept in memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from annotate.calibration_page import calibration_html, plots_html, waiting_sentence
from annotate.errors import AnnotateError
from annotate.payload import whole
from annotate.records import Project, Rater
from annotate.service import Service

ROOT = Path(__file__).resolve().parents[1]
WIDTHS_PX, WIDTH_STEP_PX = (280, 1400), 10
DRAWN = 16  # sets of plots that are kept
ELSEWHERE = "Run `python -m annotate calibrate` on the server to see why."


class CalibrateService:
    """Adds the actions of the tab to a service."""

    def __init__(self, service: Service) -> None:
        self.store = service.store
        self._begun: dict[int, float] = {}  # by project: since when one is being worked out
        self._unsaved: dict[int, dict[str, Any]] = {}
        self._problems: dict[int, str] = {}
        self._drawn: dict[tuple[int, int, int], str] = {}  # by project, version and width: a saved version never changes
        self._lock = threading.Lock()
        service.add_lead_actions({"calibration": self._show, "calibrate": self._start, "calibration_file": self._file})

    def _show(self, project: Project, lead: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        """The tab as it stands. payload: `width`, `version` (None: the newest), `wait` (while one is under way, say only that)."""
        with self._lock:
            running_s = time.monotonic() - self._begun[project.id] if project.id in self._begun else None
            problem, unsaved = self._problems.get(project.id, ""), self._unsaved.get(project.id)
        if payload.get("wait") is True and running_s is not None:
            return {"screen": "calibration", "running": True, "said": waiting_sentence(running_s)}
        versions = self.store.calibrations(project)
        version = None if payload.get("version") is None else whole(payload, "version")
        content = next((v for v in reversed(versions) if version is None or v["version"] == version), None)
        if version is None and unsaved is not None:
            content = unsaved
        plots = self._plots(project, content, whole(payload, "width", 960)) if content else ""
        html = calibration_html(project.name, content, versions, {r.id: r.name for r in self.store.raters(project)},
                                running_s=running_s, problem=problem, plots=plots)
        return {"screen": "calibration", "html": html, "running": running_s is not None}

    def _plots(self, project: Project, content: dict[str, Any], width_px: int) -> str:
        """The plots of a calibration, from memory where they were drawn before."""
        width_px = max(WIDTHS_PX[0], min(WIDTHS_PX[1], width_px // WIDTH_STEP_PX * WIDTH_STEP_PX))
        if content["version"] is None:
            return plots_html(content, width_px)
        key = (project.id, content["version"], width_px)
        with self._lock:
            found = self._drawn.get(key)
        if found is None:
            found = plots_html(content, width_px)
            with self._lock:
                if len(self._drawn) >= DRAWN:
                    self._drawn.pop(next(iter(self._drawn)))
                self._drawn[key] = found
        return found

    def _start(self, project: Project, lead: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        """Begin to work one out; a second press while one is under way changes nothing."""
        with self._lock:
            if project.id not in self._begun:
                self._begun[project.id] = time.monotonic()
                self._problems.pop(project.id, None)
                self._unsaved.pop(project.id, None)
                threading.Thread(target=self._work_out, args=(project,), name="calibrate", daemon=True).start()
        return self._show(project, lead, payload)

    def _work_out(self, project: Project) -> None:
        problem, unsaved = "", None
        try:
            unsaved, problem = self._calibrate(project)
        except (OSError, ValueError) as error:  # no process could be started, or it printed something else than JSON
            problem = f"The figures could not be worked out ({type(error).__name__}). {ELSEWHERE}"
        with self._lock:
            del self._begun[project.id]
            if unsaved is not None:
                self._unsaved[project.id] = unsaved
            if problem:
                self._problems[project.id] = problem

    def _calibrate(self, project: Project) -> tuple[dict[str, Any] | None, str]:
        """Run the command: a report that was not saved, or None; and what went wrong, or nothing."""
        command = [sys.executable, "-m", "annotate", "calibrate", f"--db={self.store.path.resolve()}", f"--project={project.name}",
                   "--json"]
        done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8",
                              env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
        if done.returncode == 0:
            report = json.loads(done.stdout)
            return (report if report["version"] is None else None), ""
        told = done.stderr.strip().splitlines()
        if done.returncode == 2 and told:
            return None, told[-1]
        return None, f"The figures could not be worked out (the process ended with {done.returncode}). {ELSEWHERE}"

    def _file(self, project: Project, lead: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        """calibration.json of a version, as text."""
        version = whole(payload, "version")
        content = next((v for v in self.store.calibrations(project) if v["version"] == version), None)
        if content is None:
            raise AnnotateError(f"There is no calibration {version} in this project.")
        return {"name": "calibration.json", "text": json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n"}
