"""The file that training reads: light to import, strict to read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotate.calibration_map import SCHEMA, CalibrationError, apply, load_calibration

GOOD: dict[str, Any] = {
    "schema": SCHEMA,
    "dimensions": {
        "factual_alignment": {"map": {"kind": "isotonic", "x": [1.5, 3.0, 4.5], "y": [1.2, 2.0, 4.0]}},
        "caption_completeness": {"map": {"kind": "logistic", "intercept": 0.0, "slope": 1.0}},
        "interpretative_quality": {"map": None, "reason": "12 more explanations are needed."},
    },
}


def written(folder: Path, content: Any) -> Path:
    path = folder / "calibration.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_scores_go_through_the_map_of_their_dimension(tmp_path: Path) -> None:
    calibration = load_calibration(written(tmp_path, GOOD))
    assert apply(calibration, "factual_alignment", [[1.0, 2.25], [3.75, 9.0]]) == pytest.approx(np.array([[1.2, 1.6], [3.0, 4.0]]))
    assert apply(calibration, "caption_completeness", [3.0]) == pytest.approx([3.0])
    assert np.isnan(apply(calibration, "factual_alignment", [np.nan])).all()


def test_no_map_is_an_error_and_not_the_score_unchanged(tmp_path: Path) -> None:
    calibration = load_calibration(written(tmp_path, GOOD))
    with pytest.raises(CalibrationError, match="12 more explanations"):
        apply(calibration, "interpretative_quality", [3.0])
    with pytest.raises(CalibrationError, match="it has: factual_alignment"):
        apply(calibration, "charm", [3.0])


def broken(**changes: Any) -> dict[str, Any]:
    found = {"kind": "isotonic", "x": [1, 2], "y": [1, 2]} | changes
    return {"schema": SCHEMA, "dimensions": {"factual_alignment": {"map": found}}}


@pytest.mark.parametrize("content", [
    "", "not json", "[]", "{}", {"schema": "emotionthinker-calibration/2", "dimensions": {}}, {"schema": SCHEMA, "dimensions": []},
    broken(y=[2, 1]), broken(x=[2, 1]), broken(x=[1, 1]), broken(y=[1]), broken(x=[], y=[]), broken(kind="python"),
    broken(y=[1, 9]), broken(y=[1, None]), broken(y=[True, 2]), broken(kind="logistic", intercept=0, slope=-1),
    broken(kind="logistic", intercept="0"),
    '{"schema": "' + SCHEMA + '", "dimensions": {"a": {"map": {"kind": "logistic", "intercept": NaN, "slope": 1}}}}',
    {"schema": SCHEMA, "dimensions": {"a": None}}, {"schema": SCHEMA, "dimensions": {"a": {"map": [1]}}},
])
def test_a_broken_file_is_refused_in_one_sentence(tmp_path: Path, content: Any) -> None:
    with pytest.raises(CalibrationError) as caught:
        load_calibration(written(tmp_path, content))
    assert "calibration.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"nothing\.json cannot be read"):
        load_calibration(tmp_path / "nothing.json")


def test_training_can_import_it_without_the_page_or_the_database() -> None:
    heavy = ("scipy", "gradio", "sqlite_utils", "torch", "matplotlib")
    code = f"import sys, annotate.calibration_map; print([name for name in {heavy} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert out.stdout.strip() == "[]"
