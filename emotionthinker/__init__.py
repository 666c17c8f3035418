"""A clip goes in; measured prosody and an explanation that can be checked against it come out.

    from emotionthinker import EmotionThinker, measure_prosody, verify_claims

Names are looked up when they are first used, so that importing the package costs milliseconds and no model is loaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "EmotionThinker": "thinker",
    "Remote": "remote",
    "Prosody": "prosody.record",
    "measure_prosody": "prosody.record",
    "Reference": "prosody.levels",
    "Claim": "grounding",
    "verify_claims": "grounding",
    "Limits": "audio",
    "load_clip": "audio",
    "EmotionThinkerError": "errors",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
