"""Reads what the page sent, key by key. It is trusted in nothing: JSON can hold any type, NaN, and numbers of any length."""

from __future__ import annotations

from typing import Any

from annotate.errors import AnnotateError

ODD = "The page sent something odd; reload it."
MAX_TEXT = 400  # characters of a name, a key or a choice; answers are checked in `answers`
LARGEST = 2**53  # what a browser's numbers hold exactly


def text(payload: dict[str, Any], key: str) -> str:
    """A short text that can be stored. Raises AnnotateError."""
    value = payload.get(key)
    if not isinstance(value, str) or len(value) > MAX_TEXT or "\x00" in value or not _whole_characters(value):
        raise AnnotateError(ODD)
    return value


def whole(payload: dict[str, Any], key: str, default: int | None = None) -> int:
    """A whole number from 0, or its digits; `default` where the key is missing. Raises AnnotateError."""
    value = payload.get(key)
    if value is None and default is not None:
        return default
    if isinstance(value, str) and len(value) <= 15 and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, float) and value.is_integer():  # JavaScript knows one kind of number
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
        raise AnnotateError(ODD)
    return value


def number(payload: dict[str, Any], key: str) -> float:
    """A finite number. Raises AnnotateError."""
    value = payload.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST <= value <= LARGEST:  # NaN lies nowhere
        raise AnnotateError(ODD)
    return float(value)


def _whole_characters(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
