"""What a lead decides about a project, kept as JSON beside its name."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from annotate.errors import AnnotateError
from annotate.records import Project
from emotionthinker.prompt import PUBLISHED_LABELS

Mode = Literal["single", "pair"]


@dataclass(frozen=True)
class ProjectSettings:
    """ratings_per_item: how many people rate each item. lease_minutes: how long an item stays with someone who does nothing.
    mode: one explanation at a time, or two of one clip. attention_rate: share of items with a swapped fact among a rater's
    (0 to 0.5). qualification_share: what share of the qualification items must be answered as expected before real work; it
    counts only where the project holds such items. emotions: what a rater may say to have heard. seed: of every order.
    hf_raters: who may sign in with Hugging Face on a Space: nobody, those a lead named, or anyone.
    donations: visitors of the page may give clips, which a lead accepts or refuses.
    closed: raters may no longer come in; leads may.
    simulated: the ratings in it are made by a program, which every page and export says."""

    ratings_per_item: int = 3
    lease_minutes: float = 30.0
    mode: Mode = "single"
    attention_rate: float = 0.1
    qualification_share: float = 0.75
    emotions: tuple[str, ...] = PUBLISHED_LABELS
    seed: int = 0
    hf_raters: Literal["nobody", "invited", "anyone"] = "invited"
    donations: bool = False
    closed: bool = False
    simulated: bool = False

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ProjectSettings:
        """Raises AnnotateError for a name that is no setting or a value out of range."""
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise AnnotateError(f"There is no setting {', '.join(unknown)}; the settings are {', '.join(sorted(known))}.")
        emotions = values.get("emotions", PUBLISHED_LABELS)
        if not isinstance(emotions, list | tuple) or not all(isinstance(e, str) and 0 < len(e.strip()) <= 60 for e in emotions):
            raise AnnotateError("The emotions must be a list of words of 1 to 60 characters each.")
        found = cls(**{**values, "emotions": tuple(dict.fromkeys(e.strip() for e in emotions))})
        checks = [
            (_whole(found.ratings_per_item) and 1 <= found.ratings_per_item <= 100, "ratings_per_item", "a whole number, 1 to 100"),
            (_number(found.lease_minutes) and 0.01 <= found.lease_minutes <= 10_080, "lease_minutes", "0.01 to 10080 minutes"),
            (found.mode in ("single", "pair"), "mode", "single or pair"),
            (_number(found.attention_rate) and 0 <= found.attention_rate <= 0.5, "attention_rate", "0 to 0.5"),
            (_number(found.qualification_share) and 0 <= found.qualification_share <= 1, "qualification_share", "0 to 1"),
            (2 <= len(found.emotions) <= 30, "emotions", "2 to 30 different words"),
            (_whole(found.seed) and 0 <= found.seed < 2**31, "seed", "a whole number from 0 to 2147483647"),
            (found.hf_raters in ("nobody", "invited", "anyone"), "hf_raters", "nobody, invited or anyone"),
            (isinstance(found.donations, bool), "donations", "true or false"),
            (isinstance(found.closed, bool), "closed", "true or false"),
            (isinstance(found.simulated, bool), "simulated", "true or false"),
        ]
        for fine, name, allowed in checks:
            if not fine:
                raise AnnotateError(f"The setting {name} is {getattr(found, name)!r}, but {allowed} is allowed; correct it.")
        return found

    @classmethod
    def of(cls, project: Project) -> ProjectSettings:
        """The settings of a project in the store."""
        return cls.from_dict(project.settings)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self) | {"emotions": list(self.emotions)}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
