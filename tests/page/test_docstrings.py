"""Examples in docstrings are true."""

from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from emotionthinker import export, plots, prompt
from emotionthinker.page import comparing, stretches
from emotionthinker.timeline import export as timeline_export
from emotionthinker.timeline import follow

MODULES = [export, plots, prompt, comparing, stretches, timeline_export, follow]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
