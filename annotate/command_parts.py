"""What the commands of `python -m annotate` share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from annotate.errors import AnnotateError
from annotate.records import Project
from annotate.serving import database_path
from annotate.store import Store


def command(subparsers: Any, name: str, run: Callable[[argparse.Namespace], int], about: str, *,
            project: bool = True) -> argparse.ArgumentParser:
    """A parser of one command, with the arguments that all of them take. project: whether it is about one project."""
    parser = subparsers.add_parser(name, help=about, description=about)
    parser.add_argument("--db", type=Path, metavar="FILE", help="the database; default: ET_ANNOTATE_DB, else your data folder")
    if project:
        parser.add_argument("--project", metavar="NAME", help="needed where the database holds more than one")
    parser.set_defaults(run=run)
    return parser


def open_project(args: argparse.Namespace) -> tuple[Store, Project]:
    """The store and the project that the arguments name. Raises AnnotateError, StoreError."""
    store = Store.open(args.db or database_path())
    return store, store.project(args.project)


def settings_of(pairs: list[str]) -> dict[str, Any]:
    """`name=value` as settings; a value that is no JSON is a word, and commas make a list of words.

    >>> settings_of(["ratings_per_item=5", "mode=pair", "emotions=angry,sad"])
    {'ratings_per_item': 5, 'mode': 'pair', 'emotions': ['angry', 'sad']}
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign:
            raise AnnotateError(f"{pair!r} is no NAME=VALUE; write for example ratings_per_item=3.")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
        if name == "emotions" and isinstance(found[name], str):
            found[name] = [word.strip() for word in text.split(",")]
    return found
