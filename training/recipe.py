"""Recipes: YAML files of settings that a stage needs, changed by flags of the command line; what is wrong is a sentence."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from emotionthinker.errors import EmotionThinkerError

Settings = TypeVar("Settings")


class Recipe(dict[str, Any]):
    """The settings of a file, or of a group in it. A key that a stage asks for and the file lacks is an EmotionThinkerError."""

    def __init__(self, values: Mapping[str, Any], path: str, group: str = "") -> None:
        self.path, self.group = path, group
        super().__init__({key: self._held(key, value) for key, value in values.items()})

    def _held(self, key: str, value: Any) -> Any:
        return Recipe(value, self.path, f"{self.group}{key}.") if isinstance(value, dict) else value

    def __missing__(self, key: str) -> Any:
        raise EmotionThinkerError(f"The recipe {self.path} lacks {self.group}{key}; those in training/recipes have every key of "
                                  "their stage.")  # fmt: skip


yaml.SafeDumper.add_representer(Recipe, yaml.SafeDumper.represent_dict)  # so that one can be written again


def read_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """A recipe file with `--key value` overrides; `--a.b value` reaches into a group.

    Raises EmotionThinkerError for a file that is no recipe, and for a key it does not hold. Into a group that is empty or null in
    the file any key may be put: what it can hold is known to its stage alone.
    """
    try:
        shipped = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise EmotionThinkerError(f"The recipe {path} cannot be read; give a YAML file like those in training/recipes.") from error
    if not isinstance(shipped, dict):
        raise EmotionThinkerError(f"The recipe {path} holds no keys; give a YAML file such as those in training/recipes.")
    if len(overrides) % 2:
        raise EmotionThinkerError(f"{overrides[-1]} has no value; write --key value.")
    recipe = copy.deepcopy(shipped)
    for key, text in zip(overrides[::2], overrides[1::2], strict=True):
        names = key.removeprefix("--").split(".")
        _require_known(shipped, key, names, path)
        place = recipe
        for group in names[:-1]:
            if not isinstance(place.get(group), dict):
                place[group] = {}
            place = place[group]
        try:
            place[names[-1]] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise EmotionThinkerError(f"The value of {key} is {text!r}, which is no YAML; put quotes around it.") from error
    return Recipe(recipe, str(path))


def _require_known(shipped: Mapping[str, Any], key: str, names: Sequence[str], path: str | Path) -> None:
    place: Any = shipped
    for depth, name in enumerate(names):
        if depth and (place is None or place == {}):
            return
        if not key.startswith("--") or not isinstance(place, dict) or name not in place:
            within = f" of {'.'.join(names[:depth])}" if depth else ""
            known = f"its keys{within} are {', '.join(map(str, place))}" if isinstance(place, dict) else "that is no group of keys"
            raise EmotionThinkerError(f"{key} is not in {path}; {known}.")
        place = place[name]


def settings(kind: Callable[..., Settings], values: Mapping[str, Any] | None, group: str) -> Settings:
    """The settings of a group as a dataclass of its stage. Raises EmotionThinkerError for a key too many or too few."""
    try:
        return kind(**(values or {}))
    except TypeError as error:
        fields = ", ".join(getattr(kind, "__dataclass_fields__", {}))
        said = str(error).partition("__init__() ")[2] or str(error)
        raise EmotionThinkerError(f"{group}: this part of the recipe cannot be read ({said}); its keys can be {fields}.") from error
