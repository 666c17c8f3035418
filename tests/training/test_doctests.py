"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = (
    "training.ablation",
    "training.base_tasks",
    "training.corpora.emotioncot",
    "training.corpora.records",
    "training.cot_prompt",
    "training.endpoint_writer",
    "training.judge",
    "training.perception",
    "training.reward_calibration",
    "training.reward_thinker",
    "training.rewards",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0 and found.failed == 0
