"""Examples in docstrings are true."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from emotionthinker import export, plots
from emotionthinker.page import handlers, stretches


@pytest.mark.parametrize("module", [export, plots, handlers, stretches], ids=lambda module: module.__name__)
def test_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
