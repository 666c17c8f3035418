"""Every command of the project and what its own parser takes, without running it; and the reference that is made of them.

    python -m tests.commands       # writes docs/commands.md anew
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "commands.md"
PACKAGES = ("emotionthinker", "annotate", "training", "benchmarks")
GUARD = 'if __name__ == "__main__":'
PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*|\$\w+")  # what a document writes for a value of the reader's own
HEAD = """# Every command and its flags

Made from the commands' own parsers by `python -m tests.commands`; a test compares it with them. Each command answers `--help`.
"""


@dataclass(frozen=True)
class Call:
    """What a command made of its arguments. extras: those it did not know itself, which it hands to its recipe."""

    parser: argparse.ArgumentParser
    values: argparse.Namespace | None
    extras: list[str]


class _Seen(Exception):
    def __init__(self, call: Call) -> None:
        self.call = call


def commands() -> list[str]:
    """The modules that `python -m` runs."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if GUARD in path.read_text(encoding="utf-8") or path.name == "__main__.py":
                found.append(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__"))
    return found


def source_of(name: str) -> str:
    """The text of the module that `python -m NAME` runs."""
    path = ROOT / name.replace(".", "/")
    path = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
    return path.read_text(encoding="utf-8")


def takes_arguments(name: str) -> bool:
    return any(word in source_of(name) for word in ("argparse", "run_recipe(")) or name == "training.corpora"


def call(name: str, arguments: Sequence[str]) -> Call:
    """Let the command's own parser read the arguments, and stop there. Raises SystemExit where the parser refuses them."""
    return _call(name, arguments, read=True)


def parser_of(name: str) -> argparse.ArgumentParser:
    """The command's parser."""
    return _call(name, [], read=False).parser


def _call(name: str, arguments: Sequence[str], *, read: bool) -> Call:
    with _watched(read), mock.patch.object(sys, "argv", [name, *arguments]):
        try:  # a `__main__` may run as soon as it is imported
            import_module(f"{name}.__main__" if (ROOT / name.replace(".", "/")).is_dir() else name).main()
        except _Seen as seen:
            return seen.call
    raise AssertionError(f"{name} ended without reading its arguments")


@contextmanager
def _watched(read: bool) -> Iterator[None]:
    """Parsers hand over what they read in place of returning it; placeholders pass for values of any kind."""
    depth = 0

    def watch(kind: Callable[..., Any]) -> Callable[..., Any]:
        def parse(self: argparse.ArgumentParser, args: Any = None, namespace: Any = None) -> Any:
            nonlocal depth
            if not read:
                raise _Seen(Call(self, None, []))
            depth += 1
            try:
                found = kind(self, args, namespace)
            finally:
                depth -= 1
            if depth:  # a subcommand's parser, or `parse_args` at work
                return found
            values, extras = found if isinstance(found, tuple) else (found, [])
            raise _Seen(Call(self, values, extras))

        return parse

    def lenient(kind: Callable[..., Any]) -> Callable[..., Any]:
        def take(self: argparse.ArgumentParser, action: argparse.Action, value: Any) -> Any:
            return value if isinstance(value, str) and PLACEHOLDER.fullmatch(value) else kind(self, action, value)

        return take

    parser = argparse.ArgumentParser
    with mock.patch.multiple(parser, parse_args=watch(parser.parse_args), parse_known_args=watch(parser.parse_known_args),
                             _get_value=lenient(parser._get_value), _check_value=lenient(parser._check_value)):
        yield


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Name → parser; {} where a command has none."""
    return next((dict(action.choices) for action in parser._actions if isinstance(action, argparse._SubParsersAction)), {})


def reference() -> str:
    """The whole of docs/commands.md."""
    parts = [HEAD]
    for package in PACKAGES:
        parts.append(f"## {package}\n")
        for name in commands():
            if name.split(".")[0] != package:
                continue
            if not takes_arguments(name):
                parts.append(f"### `python -m {name}`\n\n{_first_line(import_module(name).__doc__)}\n")
                continue
            parser = parser_of(name)
            for sub, one in (subcommands(parser) or {"": parser}).items():
                parts.append(_section(f"python -m {name} {sub}".strip(), one, name))
    return "\n".join(parts)


def _section(title: str, parser: argparse.ArgumentParser, name: str) -> str:
    about = _first_line(parser.description or import_module(name).__doc__)
    rows = [_row(parser, action) for action in parser._actions if not isinstance(action, argparse._HelpAction)]
    overrides = "\n\nA flag for each key of the recipe, `--key value`, changes it." if takes_overrides(name) else ""
    table = "| argument | meaning |\n|---|---|\n" + "\n".join(rows) if rows else "It takes no arguments."
    return f"### `{title}`\n\n{about}\n\n{table}{overrides}\n"


def takes_overrides(name: str) -> bool:
    """Whether flags that are not its own go to its recipe."""
    return any(line in source_of(name) for line in ("args, overrides = parser.parse_known_args", "run_recipe("))


def _row(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    formatter = parser._get_formatter()
    value = "" if action.nargs == 0 else formatter._metavar_formatter(action, action.dest.upper())(1)[0]
    shown = f"{', '.join(action.option_strings)} {value}".strip()
    needed = ["needed"] if action.required and action.option_strings else []
    text = [formatter._expand_help(action)] if action.help else []
    return f"| `{_cell(shown)}` | {_cell('; '.join(needed + text))} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n\n")[0].replace("\n", " ")


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
