"""Examples in docstrings are true."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from annotate import calibration_map, calibration_words, estimates, tables


@pytest.mark.parametrize("module", [calibration_map, calibration_words, estimates, tables], ids=lambda module: module.__name__)
def test_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
