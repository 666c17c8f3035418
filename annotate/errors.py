"""Errors of the annotation tool that people see: one sentence each, as everywhere in this house."""

from __future__ import annotations

from annotate.records import Project
from emotionthinker.errors import EmotionThinkerError


class AnnotateError(EmotionThinkerError):
    """Something that was given to the annotation tool cannot be used."""


class StoreError(AnnotateError):
    """The database cannot be opened, read or written. Nothing of the write that failed is kept."""


class NotAllowed(AnnotateError):
    """Nobody is signed in, or the role of who is does not allow this."""


class AccessEnded(NotAllowed):
    """Somebody who took part may not go on: they were shut out, or the project is closed."""


class Newcomer(NotAllowed):
    """Somebody whom the platform vouches for may join `project`, and has not done so: nothing is kept of them yet."""

    def __init__(self, project: Project) -> None:
        super().__init__("Please read what is kept and agree to it first.")
        self.project = project


class NotComplete(AnnotateError):
    """An answer that cannot be submitted yet; the sentence says what is missing."""
