"""The documentation is true: every command, flag, setting, field, export, file and link in it exists, and the reverse."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from functools import lru_cache
from importlib import import_module, util
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

import emotionthinker
from annotate.copies import CopyPlan
from annotate.exporting import FORMATS
from emotionthinker import events, export, ui
from emotionthinker import settings as settings_module
from emotionthinker.grounding import Claim
from emotionthinker.prosody.record import FIELDS
from emotionthinker.settings import Settings
from emotionthinker.timeline import export as timeline_export
from emotionthinker.timeline.follow import Timeline
from emotionthinker.timeline.scoring import Segment
from tests import commands
from tests.conftest import make_record

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "training" / "README.md",
                    ROOT / "assets" / "nano" / "README.md", *(ROOT / "docs").glob("*.md")])
TEXTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in DOCUMENTS}
HOSTING, FORMS = TEXTS["docs/hosting.md"], TEXTS["docs/formats.md"]
NOT_OURS = ("pytest", "pip", "venv")
ENVIRONMENT = re.compile(r"""\b(?:environ|env)(?:\.get\(|\.setdefault\(|\[)\s*f?["']([A-Z][A-Z0-9_]+)["']""")


def table_after(text: str, mark: str) -> list[list[str]]:
    """The rows of the first table after a mark, as cells without their backticks."""
    assert mark in text, mark
    lines = text.split(mark, 1)[1].splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[begin + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("`") for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


# Commands


def code_of(text: str) -> tuple[list[str], list[str]]:
    """The lines of a document's code blocks (continued ones joined), and the code within its sentences."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    running = re.sub(r"^```.*?^```|<!--.*?-->", "", text, flags=re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return lines, [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", running)]


def documented_calls() -> list[tuple[str, str, bool]]:
    """Where, what, and whether in a sentence: each `python -m …` of a document."""
    found = []
    for name, text in TEXTS.items():
        if name == "docs/commands.md":
            continue
        lines, spans = code_of(text)
        for line, in_a_sentence in [*((line, False) for line in lines), *((span, True) for span in spans)]:
            for part in re.split(r"&&|;", re.sub(r"(?:^|\s)#.*", "", line)):
                match = re.search(r"python -m (.+)", part)
                if match and match[1].split()[0] not in NOT_OURS and not match[1].startswith("tests"):
                    found.append((name, match[1].strip(), in_a_sentence))
    return sorted(set(found))


def arguments_of(text: str) -> list[str]:
    """What stands after the module: of alternatives the first, and what may be left out is given."""
    text = re.sub(r"\[([^\[\]]*)\]", r" \1 ", text).replace("--key value", "").replace("--set …", "").replace("…", "")
    words = shlex.split(text)
    return [word.split("|")[0] if re.fullmatch(r"[\w|]+", word) else word for word in words]


@pytest.mark.parametrize(("where", "text", "in_a_sentence"), documented_calls(), ids=lambda value: str(value)[:60])
def test_a_documented_command_is_understood(where: str, text: str, in_a_sentence: bool) -> None:
    """A command in a block is one to run. In a sentence it may lack what it needs; then its flags must at least be there."""
    module, *arguments = arguments_of(text)
    assert module in commands.commands() or util.find_spec(module), f"{where}: there is no {module}"
    if not commands.takes_arguments(module):
        assert arguments == [], f"{where}: {module} takes no arguments"
        return
    parser = commands.parser_of(module)
    subs = commands.subcommands(parser)
    if not arguments or arguments in [[name] for name in subs]:  # only named: "python -m annotate serve"
        return
    try:
        call = commands.call(module, arguments)
    except SystemExit as refused:
        assert in_a_sentence, f"{where}: `python -m {text}` is refused ({refused.code})"
        flags = {option for action in subs.get(arguments[0], parser)._actions for option in action.option_strings}
        assert {word for word in arguments if word.startswith("--")} <= flags, f"{where}: `python -m {text}`"
        return
    if call.extras:
        assert commands.takes_overrides(module), f"{where}: {module} knows no {call.extras}"
        from training.sft import read_recipe

        assert call.values is not None
        read_recipe(ROOT / call.values.recipe, call.extras)  # raises for a key that the recipe does not hold


@pytest.mark.parametrize("line", sorted({line for text in TEXTS.values() for part in code_of(text) for line in part
                                         if line.startswith("hf ")}))
def test_a_documented_command_of_the_hub_exists(line: str) -> None:
    """`hf` comes with a dependency, and its commands have changed their names before."""
    _, *words = shlex.split(line)
    name = list(takewhile(lambda word: re.fullmatch(r"[a-z]+", word), words))
    shown = subprocess.run([Path(sys.executable).with_name("hf"), *name, "--help"], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    for flag in words:
        assert not flag.startswith("-") or re.search(rf"(?<![\w-]){flag}\b", shown.stdout), f"hf {' '.join(name)} knows no {flag}"


def test_every_command_and_flag_is_in_the_reference() -> None:
    assert commands.REFERENCE.read_text(encoding="utf-8") == commands.reference(), "run `python -m tests.commands`"


def test_every_make_target_exists_and_is_documented() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split())  # type: ignore[index]
    code = [line for text in TEXTS.values() for part in code_of(text) for line in part]
    assert {match[1] for line in code if (match := re.match(r"make ([a-z-]+)", line))} == targets


# Settings


@lru_cache
def variables_in_code() -> set[str]:
    """The environment variables that the page and the commands read, other than training's."""
    found = set()
    for path in [ROOT / "app.py", *(ROOT / "emotionthinker").rglob("*.py"), *(ROOT / "annotate").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        found |= set(ENVIRONMENT.findall(text))
        for node in ast.walk(ast.parse(text)):  # names that are handed to a helper
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"ET_[A-Z0-9_]+", node.value):
                found.add(node.value)
    # `Settings.second_from_env` puts these together.
    return found | {f"{name}_2" for name in ("ET_MODEL", "ET_ENDPOINT", "ET_API_KEY")}


def names_in(rows: list[list[str]], column: int = 0) -> set[str]:
    return {name for row in rows for name in re.findall(r"[A-Z][A-Z0-9_]{3,}", row[column])}


def test_every_setting_is_in_the_table_and_the_reverse() -> None:
    code = variables_in_code()
    ours = names_in(table_after(HOSTING, "<!-- a test compares this table"))
    assert ours == {name for name in code if name.startswith("ET_")}
    others = names_in(table_after(HOSTING, "These belong to others"))
    assert {name for name in code if not name.startswith("ET_")} - others <= {"OPENBLAS_NUM_THREADS"}  # set for a child, not read
    for name in others - code:  # read by the library that the table names
        assert is_read_by_a_library(name), name


@lru_cache
def is_read_by_a_library(name: str) -> bool:
    for library in ("gradio", "huggingface_hub"):
        spec = util.find_spec(library)
        assert spec is not None and spec.origin is not None
        folder = Path(spec.origin).parent
        if any(f'"{name}"' in path.read_text(encoding="utf-8") for path in folder.glob("*.py")):
            return True
    return False


@pytest.mark.parametrize("name", TEXTS)
def test_a_setting_that_a_document_names_exists(name: str) -> None:
    named = set(re.findall(r"\bET_[A-Z0-9_]+", TEXTS[name]))
    assert named <= variables_in_code()


def test_the_defaults_in_the_table_are_those_of_the_program() -> None:
    table = {row[0]: row[2] for row in table_after(HOSTING, "<!-- a test compares this table")}
    settings, plan = Settings.from_env({}), CopyPlan.from_env({"ET_BACKUP_TO": "folder"})
    assert plan is not None
    assert table["ET_TIMEOUT_S"] == f"{settings.timeout_s:g}"
    assert table["ET_DTYPE"] == settings.dtype
    assert table["ET_4BIT"] == str(int(settings.load_in_4bit))
    assert table["ET_BACKUP_MINUTES"] == f"{plan.minutes:g}"
    for names, limits in [("ET_MAX_SECONDS, ET_MAX_MB", settings.limits),
                          ("ET_LONG_MAX_SECONDS, ET_LONG_MAX_MB", settings.long_limits)]:
        assert table[names] == f"{limits.max_seconds:g}, {limits.max_bytes / 1e6:g}"


@pytest.mark.parametrize(("text", "mark"), [(TEXTS["README.md"], "## Another model"), (settings_module.__doc__, "The settings")],
                         ids=["README", "settings.py"])
def test_the_other_tables_of_settings_say_the_same(text: str, mark: str) -> None:
    rows = table_after(HOSTING, "<!-- a test compares this table")
    other = table_after(text, mark)
    assert len(other) >= 12
    assert [row for row in other if row not in rows] == []


def test_training_variables_are_documented_where_they_are_read() -> None:
    for path in (ROOT / "training").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for name in set(ENVIRONMENT.findall(text)) - {"WORLD_SIZE", "RAY_USAGE_STATS_ENABLED", "OMP_NUM_THREADS"}:
            documented = "\n".join(TEXTS.values()) + (ast.get_docstring(ast.parse(text)) or "")
            assert name in documented, f"{path.name} reads {name}, which no document and not its own head explains"


# Fields, columns, exports


def an_explanation() -> dict[str, Any]:
    claim = Claim("loud", 0, 4, "energy_level", "high", "high", "supported")
    record = make_record([[0.4, 1.2]], 1.5)
    return events.Explanation(record, "angry", "angry", "It is loud.", "", {"angry": 1.0}, [claim], "m", 0.1).to_dict()


def a_timeline() -> dict[str, Any]:
    segments = [Segment("A", float(i), i + 0.9, 0.8, "yes", 200.0, 5.0, -20.0, 12.0, 30.0, "Female", "angry", {"angry": 1.0})
                for i in range(3)]
    timeline = Timeline("call", "mono", ("A",), ("angry", "sad"), "emotion", "m")
    timeline.segments.extend(segments)
    return timeline.to_dict()


def a_probe() -> set[str]:
    from emotionthinker.probing import probe_dict

    explanation = events.Explanation(make_record([[0.4, 1.2]], 1.5), "angry", "", "", "", {}, [], "m", 0.1)
    return {"clip", *probe_dict(explanation, [])}


@pytest.mark.parametrize(("mark", "there"), [
    ("prosody", lambda: set(FIELDS)), ("explanation", lambda: set(an_explanation()) - set(FIELDS)),
    ("claim", lambda: {field.name for field in fields(Claim)}), ("timeline", lambda: set(a_timeline())),
    ("segment", lambda: set(a_timeline()["segments"][0])), ("probe", a_probe)], ids=lambda value: str(value)[:12])
def test_every_field_is_documented_and_the_reverse(mark: str, there: Any) -> None:
    documented = [row[0] for row in table_after(FORMS, f"<!-- fields: {mark} -->")]
    assert len(documented) == len(set(documented))
    assert set(documented) == there()


@pytest.mark.parametrize(("mark", "columns"), [("frames", export.FRAME_COLUMNS), ("timeline", timeline_export.COLUMNS)])
def test_the_columns_of_each_csv_are_documented_in_their_order(mark: str, columns: tuple[str, ...]) -> None:
    paragraph = FORMS.split(f"<!-- columns: {mark} -->")[1].strip().split("\n\n")[0]
    assert [name for name in re.findall(r"`([^`]+)`", paragraph) if not name.endswith("_")] == list(columns)


def test_every_download_is_documented() -> None:
    rows = {row[0].split("`")[0].strip(): row[1].split(", ") for row in table_after(FORMS, "## Downloads")}
    assert rows["Analyze"] == list(ui.DOWNLOADS.values())
    assert next(endings for name, endings in rows.items() if name.startswith("Timeline")) == list(timeline_export.WRITERS)
    assert next(endings for name, endings in rows.items() if "annotate export" in name) == list(FORMATS)


def test_every_name_of_the_package_is_documented() -> None:
    assert {row[0] for row in table_after(FORMS, "## Python")} == set(emotionthinker.__all__)


# Files, links, code


@pytest.mark.parametrize("name", TEXTS)
def test_files_and_links_that_a_document_names_exist(name: str) -> None:
    text = TEXTS[name]
    folder = (ROOT / name).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = folder / path if path else ROOT / name
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), target
    tops = "emotionthinker|annotate|training|benchmarks|assets|docs|tests"
    for path in re.findall(rf"`((?:{tops})/[\w./*-]*\.(?:py|md|yaml|json|jsonl|flac|ogg|npz|svg|png|css|js))", text):
        assert list(ROOT.glob(path)), path


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as Git hosts make them."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", TEXTS)
def test_python_in_a_document_is_python_and_imports_what_is_there(name: str) -> None:
    for code in re.findall(r"^```python\n(.*?)^```", TEXTS[name], re.DOTALL | re.MULTILINE):
        for node in ast.walk(ast.parse(code.replace(", …}", "}"))):  # what the reader fills in
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in commands.PACKAGES:
                home = import_module(node.module)
                assert [alias.name for alias in node.names if not hasattr(home, alias.name)] == []


def test_the_map_shows_every_folder_of_code_and_nothing_else() -> None:
    text = TEXTS["CONTRIBUTING.md"].split("## The map of the house")[1].split("## Where to begin")[0]
    named = set(re.findall(r"`([\w./*]+/|[\w./*]+\.py)`", text))
    folders = {str(path.parent.relative_to(ROOT)) for package in (*commands.PACKAGES, "tests")
               for path in (ROOT / package).rglob("*.py")}
    # Of tests, which mirror the tree, only what does not.
    folders = {folder for folder in folders if not folder.startswith("tests/") or folder == "tests/browser"}
    assert {f"{folder}/" for folder in folders} <= named
    homes = [ROOT, ROOT / "annotate"]  # the row of annotate names its modules without the folder
    assert [name for name in named if not any(list(home.glob(name.rstrip("/"))) for home in homes)] == []
    documents = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert [document for document in documents if f"`{document}`" not in text] == []
