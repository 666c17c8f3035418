"""The time, in one place, as the database keeps it."""

from __future__ import annotations

from datetime import UTC, datetime

FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


def utc_now() -> str:
    """UTC, ISO 8601 with microseconds, so that order of text is order of time."""
    return datetime.now(UTC).strftime(FORMAT)


def parse(text: str) -> datetime:
    """The time that `utc_now` wrote."""
    return datetime.strptime(text, FORMAT).replace(tzinfo=UTC)


def show(time: datetime) -> str:
    """A time as `utc_now` writes it."""
    return time.strftime(FORMAT)
