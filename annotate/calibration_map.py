"""Read a calibration and move reward scores onto the human scale. Needs numpy only, so that training can import it.

    from annotate.calibration_map import apply, load_calibration
    calibration = load_calibration("calibration.json")
    human_points = apply(calibration, "factual_alignment", [3.2, 4.8])    # what people would say, 1–5

`python -m annotate calibrate --output calibration.json` writes the file; docs/calibration.md describes it. A map is monotone, so a
better reward never becomes a worse one. A dimension that had too few ratings has no map, and asking for it is an error rather
than the score unchanged.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.errors import EmotionThinkerError

SCHEMA = "emotionthinker-calibration/1"
LOWEST, HIGHEST = 1.0, 5.0
CENTRE = (LOWEST + HIGHEST) / 2


class CalibrationError(EmotionThinkerError):
    """The file is no calibration, or has no map for what was asked."""


def load_calibration(path: str | Path) -> dict[str, Any]:
    """The contents of a calibration file, checked.

    Raises:
        CalibrationError: the file cannot be read, is not of this schema, or a map in it is not monotone.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CalibrationError(f"The calibration {path.name} cannot be read ({error.strerror}); check its name.") from error
    except ValueError as error:
        raise CalibrationError(f"The calibration {path.name} is not JSON; write it with `python -m annotate calibrate`.") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA or not isinstance(content.get("dimensions"), dict):
        raise CalibrationError(f"{path.name} is not a calibration of the schema {SCHEMA}; write one with "
                               "`python -m annotate calibrate`.")
    for dimension, part in content["dimensions"].items():
        if not isinstance(part, dict) or not (part.get("map") is None or _well_formed(part["map"])):
            raise CalibrationError(f"The map for {str(dimension)[:60]!r} in {path.name} is broken or not rising; write the file "
                                   "again.")
    return content


def apply(calibration: Mapping[str, Any], dimension: str, scores: Sequence[float] | np.ndarray) -> np.ndarray:
    """Reward scores as people would score.

    Args:
        calibration: from `load_calibration`.
        dimension: one of the four, or "overall" for the mean of the four.
        scores: any shape, on the reward model's scale 1–5; what lies outside counts as the nearest end. NaN stays NaN.

    Returns:
        The same shape, float64, within 1–5.

    Raises:
        CalibrationError: the calibration has no map for this dimension; the sentence says why.

    >>> flat = {"dimensions": {"overall": {"map": {"kind": "isotonic", "x": [2.0, 4.0], "y": [2.5, 3.5]}}}}
    >>> apply(flat, "overall", [1.0, 3.0, 5.0]).tolist()
    [2.5, 3.0, 3.5]
    """
    part = calibration["dimensions"].get(dimension)
    if part is None:
        known = ", ".join(calibration["dimensions"])
        raise CalibrationError(f"The calibration knows nothing of {dimension!r}; it has: {known}.")
    if part.get("map") is None:
        raise CalibrationError(f"The calibration has no map for {dimension}: {part.get('reason') or 'no reason given'}")
    return apply_map(part["map"], scores)


def apply_map(found: Mapping[str, Any], scores: Sequence[float] | np.ndarray) -> np.ndarray:
    """One map, as it stands in the file: `kind` "isotonic" (straight lines between the points x, y) or "logistic"."""
    x = np.clip(np.asarray(scores, float), LOWEST, HIGHEST)
    if found["kind"] == "isotonic":
        return np.interp(x, found["x"], found["y"])
    return LOWEST + (HIGHEST - LOWEST) / (1 + np.exp(-(found["intercept"] + found["slope"] * (x - CENTRE))))


def _well_formed(found: Any) -> bool:
    if not isinstance(found, dict):
        return False
    if found.get("kind") == "logistic":
        return _finite(found.get("intercept")) and _finite(found.get("slope")) and found["slope"] >= 0
    x, y = found.get("x"), found.get("y")
    return (found.get("kind") == "isotonic" and isinstance(x, list) and isinstance(y, list) and len(x) == len(y) > 0
            and all(map(_finite, x + y)) and all(a < b for a, b in pairwise(x))
            and all(a <= b for a, b in pairwise(y)) and y[0] >= LOWEST and y[-1] <= HIGHEST)


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
