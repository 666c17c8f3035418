"""Flags of a command from a recipe file."""

from __future__ import annotations

import argparse
from pathlib import Path

from emotionthinker.errors import EmotionThinkerError


def with_recipe(parser: argparse.ArgumentParser, argv: list[str] | None) -> None:
    """Take the defaults of a command's flags from the file that `--recipe` names. Raises EmotionThinkerError for other keys."""
    import yaml

    file = parser.parse_known_args(argv)[0].recipe
    if file is None:
        return
    try:
        recipe = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise EmotionThinkerError(f"The recipe {file} cannot be read; give a YAML file of flags.") from error
    known = {action.dest for action in parser._actions} - {"help", "recipe"}
    if not isinstance(recipe, dict) or set(recipe) - known:
        raise EmotionThinkerError(f"The recipe {file} holds {', '.join(sorted(set(recipe or ()) - known))}; its keys can be "
                                  f"{', '.join(sorted(known))}.")  # fmt: skip
    parser.set_defaults(**recipe)
