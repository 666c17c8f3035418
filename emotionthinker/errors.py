"""Errors that people see: each one is a single sentence saying what was given, what is allowed, what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path


class EmotionThinkerError(Exception):
    """Base of every error that the input or the settings are to blame for. The command line exits with 2 on it.

    `whole` is what the one who runs the program reads, on the command line or in a server's log, where that is more than
    visitors of a page should: a path of this machine, or the text of another library's error.
    """

    def __init__(self, text: str = "", *, whole: str | None = None) -> None:
        super().__init__(text)
        self.whole = whole or text


class AudioError(EmotionThinkerError):
    """The clip cannot be used."""


class AudioNotFound(AudioError):
    """There is no readable file at the given path."""


class UnsupportedAudio(AudioError):
    """Not one of the formats, codecs, sample rates or array types that are read."""


class CorruptAudio(AudioError):
    """The format is known, but its contents cannot be decoded or are not finite numbers."""


class AudioTooLong(AudioError):
    """More seconds than the limit."""


class AudioTooLarge(AudioError):
    """More bytes than the limit, as a file or once decoded."""


class EmptyAudio(AudioError):
    """No samples."""


class ModelError(EmotionThinkerError):
    """A model cannot be used."""


class ModelNotFound(ModelError):
    """There is no model at the given folder or id."""


class RemoteError(ModelError):
    """A remote model did not answer as it should."""


class TranscriptError(EmotionThinkerError):
    """The words of a clip cannot be read, recognised or aligned."""


@contextlib.contextmanager
def shipped(file: Path) -> Iterator[None]:
    """Around the reading of a file that is part of this program: whatever is wrong with it becomes ModelNotFound with its name."""
    try:
        yield
    except Exception as error:  # zip, NumPy and JSON each raise their own on damaged bytes
        raise ModelNotFound(f"The file {file.name} of this program is missing or damaged; get the whole project again.") from error
