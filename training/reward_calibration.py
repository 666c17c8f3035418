"""Apply `calibration.json`, which people's ratings give, to the reward model's scores.

    scores = calibrated({"factual_alignment": 4.2, …}, read_calibration("calibration.json"))

The file holds for each dimension a monotone map from the model's score to what people would say, both 1–5: `{"kind":
"isotonic", "x": […], "y": […]}`, straight lines between points, or `{"kind": "logistic", "slope": …, "intercept": …}` around the
middle of the scale; or `null` with the reason where there were too few ratings (schema emotionthinker-calibration/1).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.rewards import DIMENSIONS, HIGHEST, LOWEST, RewardError

SCHEMA = "emotionthinker-calibration/1"


def read_calibration(path: str | Path) -> dict[str, Mapping[str, Any]]:
    """The map of each dimension. Raises RewardError for a file that is none, and for a dimension without a sound map: a score
    that is left as it is beside corrected ones would count for more or less than they do."""
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RewardError(f"{path} cannot be read as a calibration; make one with `python -m annotate calibrate`.") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA or not isinstance(content.get("dimensions"), dict):
        raise RewardError(f"{path} is no calibration of the schema {SCHEMA}; make one with `python -m annotate calibrate`.")
    maps: dict[str, Mapping[str, Any]] = {}
    for dimension in DIMENSIONS:
        part = content["dimensions"].get(dimension)
        found = part.get("map") if isinstance(part, dict) else None
        if found is None:
            reason = str(part.get("reason") or "") if isinstance(part, dict) else ""
            raise RewardError(f"{path} has no map for {dimension}{': ' + reason if reason else ''}; leave the calibration out, or "
                              "collect more ratings.")  # fmt: skip
        if not _sound(found):
            raise RewardError(f"The map for {dimension} in {path} is broken or not rising; make the file again.")
        maps[dimension] = found
    return maps


def calibrated(scores: Mapping[str, float], maps: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The four scores as people would give them.

    >>> rising = {"kind": "isotonic", "x": [1.0, 5.0], "y": [2.0, 4.0]}
    >>> calibrated(dict.fromkeys(DIMENSIONS, 3.0), dict.fromkeys(DIMENSIONS, rising))["factual_alignment"]
    3.0
    """
    return {dimension: _mapped(maps[dimension], scores[dimension]) for dimension in DIMENSIONS}


def _mapped(found: Mapping[str, Any], score: float) -> float:
    import numpy as np

    score = min(max(float(score), LOWEST), HIGHEST)
    if found["kind"] == "isotonic":
        return float(np.interp(score, found["x"], found["y"]))
    middle = (LOWEST + HIGHEST) / 2
    return LOWEST + (HIGHEST - LOWEST) / (1 + math.exp(-(found["intercept"] + found["slope"] * (score - middle))))


def _sound(found: Any) -> bool:
    if not isinstance(found, dict):
        return False
    if found.get("kind") == "logistic":
        return _number(found.get("intercept")) and _number(found.get("slope")) and found["slope"] >= 0
    x, y = found.get("x"), found.get("y")
    if found.get("kind") != "isotonic" or not isinstance(x, list) or not isinstance(y, list) or len(x) != len(y) or not x:
        return False
    numbers = all(_number(value) for value in x + y)
    return numbers and x == sorted(set(x)) and y == sorted(y) and y[0] >= LOWEST and y[-1] <= HIGHEST


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
