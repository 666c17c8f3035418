"""Flags of a command from a recipe file."""

from __future__ import annotations

import argparse
from pathlib import Path

from emotionthinker.errors import EmotionThinkerError


def with_recipe(parser: argparse.ArgumentParser, argv: list[str] | None) -> None:
    """Take the defaults of a command's flags from the file that `--recipe` names; flags that may be repeated take the place of its
    list, too. Raises EmotionThinkerError for other keys."""
    import yaml

    given = parser.parse_known_args(argv)[0]
    file = given.recipe
    if file is None:
        return
    try:
        recipe = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise EmotionThinkerError(f"The recipe {file} cannot be read; give a YAML file of flags.") from error
    known = {action.dest for action in parser._actions} - {"help", "recipe"}
    if not isinstance(recipe, dict):
        raise EmotionThinkerError(f"The recipe {file} holds no flags; its keys can be {', '.join(sorted(known))}.")
    if set(recipe) - known:
        raise EmotionThinkerError(f"The recipe {file} holds {', '.join(sorted(map(str, set(recipe) - known)))}; its keys can be "
                                  f"{', '.join(sorted(known))}.")  # fmt: skip
    # argparse would append to a default list.
    lists = [action.dest for action in parser._actions if isinstance(action, argparse._AppendAction)]
    replaced = {name for name in lists if vars(given)[name]}
    parser.set_defaults(**{key: value for key, value in recipe.items() if key not in replaced})
