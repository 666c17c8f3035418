"""Apply `calibration.json`, which people's ratings give, to the reward model's scores.

    scores = calibrated({"factual_alignment": 4.2, …}, read_calibration("calibration.json"))

The file holds for each dimension a monotone map from the model's score to what people would say, both 1–5: `{"kind":
"isotonic", "x": […], "y": […]}`, straight lines between points, or `{"kind": "logistic", "slope": …, "intercept": …}` around the
middle of the scale; or `null` with the reason where there were too few ratings (schema emotionthinker-calibration/1).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from annotate.calibration_map import SCHEMA as SCHEMA
from annotate.calibration_map import CalibrationError, apply_map, load_calibration
from training.rewards import DIMENSIONS, RewardError


def read_calibration(path: str | Path) -> dict[str, Mapping[str, Any]]:
    """The map of each dimension. Raises RewardError for a file that is none, and for a dimension without a sound map: a score
    that is left as it is beside corrected ones would count for more or less than they do."""
    try:
        parts = load_calibration(path)["dimensions"]
    except CalibrationError as error:
        raise RewardError(str(error)) from error
    maps: dict[str, Mapping[str, Any]] = {}
    for dimension in DIMENSIONS:
        part = parts.get(dimension) or {}
        if part.get("map") is None:
            reason = str(part.get("reason") or "").rstrip(".")
            raise RewardError(f"{path} has no map for {dimension}{': ' + reason if reason else ''}; leave the calibration out, or "
                              "collect more ratings.")  # fmt: skip
        maps[dimension] = part["map"]
    return maps


def calibrated(scores: Mapping[str, float], maps: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The four scores, each from 1 to 5, as people would give them.

    >>> rising = {"kind": "isotonic", "x": [1.0, 5.0], "y": [2.0, 4.0]}
    >>> calibrated(dict.fromkeys(DIMENSIONS, 3.0), dict.fromkeys(DIMENSIONS, rising))["factual_alignment"]
    3.0
    """
    return {dimension: float(apply_map(maps[dimension], [scores[dimension]])[0]) for dimension in DIMENSIONS}
