"""More commands of `python -m annotate`: known items, exports, backups, studies."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from annotate.command_parts import command, open_project, settings_of
from annotate.errors import AnnotateError
from annotate.serving import database_path
from annotate.settings import ProjectSettings
from annotate.store import Store
from emotionthinker.audio import Clip


def add_known(subparsers: Any) -> None:
    """Declare `known`."""
    parser = command(subparsers, "known", known, "Add items whose answer we know, made from the project's own.")
    parser.add_argument("--attention", type=int, default=10, metavar="N", help="items with a swapped fact, mixed into the work")
    parser.add_argument("--qualification", type=int, default=0, metavar="N", help="items to pass before work; these leave the work")


def known(args: argparse.Namespace) -> int:
    """Add attention and qualification items, and print how many. Raises AnnotateError."""
    from annotate.attention import make_known_items

    if args.attention < 0 or args.qualification < 0:
        raise AnnotateError("The numbers of items must be 0 or more.")
    store, project = open_project(args)
    with store:
        attention, qualification = make_known_items(store, project, attention=args.attention, qualification=args.qualification)
    print(f"{attention} of {args.attention} attention items, {qualification} of {args.qualification} qualification items made")
    return 0


def add_export(subparsers: Any) -> None:
    """Declare `export`."""
    parser = command(subparsers, "export", run_export, "Write ratings, preferences and items into a folder.")
    parser.add_argument("folder", type=Path, help="the folder to write into")
    parser.add_argument("--format", default="jsonl", help="jsonl, csv, parquet, or hub (a dataset for the Hugging Face Hub)")
    parser.add_argument("--clips", action="store_true", help="copy the clips, too; mind their licences")


def run_export(args: argparse.Namespace) -> int:
    """Write the tables into a folder, and print its files. Raises AnnotateError, StoreError."""
    from annotate.exporting import export

    store, project = open_project(args)
    with store:
        files = export(store, project, args.folder, args.format, clips=args.clips)
    print("\n".join(str(file) for file in files))
    return 0


def add_backup(subparsers: Any) -> None:
    """Declare `backup`."""
    parser = command(subparsers, "backup", run_backup, "Copy the database and its clips, also while it is in use.", project=False)
    parser.add_argument("target", type=Path, help="file of the copy; its clips go to the folder beside it")


def run_backup(args: argparse.Namespace) -> int:
    """Copy the database and its clips, and print what was copied. Raises StoreError."""
    from annotate.backup import backup

    with Store.open(args.db or database_path()) as store:
        print(backup(store, args.target))
    return 0


def add_study(subparsers: Any) -> None:
    """Declare `study`."""
    parser = command(subparsers, "study", study, "A blind study of several systems: prepare it, and report it.")
    parser.add_argument("step", choices=["prepare", "report"])
    parser.add_argument("--outputs", type=Path, metavar="FOLDER", help="prepare: one SYSTEM.jsonl per system")
    parser.add_argument("--clips", type=int, default=100, metavar="N", help="prepare: how many clips to draw; default 100")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="prepare: a setting of the project")
    parser.add_argument("--json", action="store_true", help="report: one JSON object in place of the table")


def study(args: argparse.Namespace) -> int:
    """Prepare a blind study of several systems, or report it. Raises AnnotateError."""
    from annotate.study import prepare, report, report_markdown

    if args.step == "prepare":
        if args.outputs is None:
            raise AnnotateError("A study is prepared from a folder of outputs; name it with --outputs FOLDER.")
        with Store.create(args.db or database_path()) as store:
            made = prepare(store, args.outputs, args.project or "study", clips=args.clips,
                           settings=ProjectSettings.from_dict(settings_of(args.set)))
        print(f"Project {made.project.name!r}: {made.chosen} of {made.common} clips that all of {', '.join(made.systems)} "
              "explained; invite a lead and raters with `python -m annotate invite`")
        return 0
    store, project = open_project(args)
    with store:
        lines = report(store, project)
    if args.json:
        print(json.dumps({"simulated": ProjectSettings.of(project).simulated, "systems": [asdict(line) for line in lines]}))
    else:
        print(report_markdown(lines, project), end="")
    return 0


def add_demo(subparsers: Any) -> None:
    """Declare `demo`."""
    parser = command(subparsers, "demo", demo, "Make a database to try things on, filled by simulated raters.", project=False)
    parser.add_argument("--model", metavar="PATH_OR_ID", help="the model that explains; default ET_MODEL, else Nano")


def demo(args: argparse.Namespace) -> int:
    """Make a database that simulated raters have filled, to look at. Raises AnnotateError."""
    from annotate import roster
    from annotate.commands import link_of
    from annotate.demo import make_demo
    from emotionthinker.cli_explain import silence_progress_bars
    from emotionthinker.pipeline import open_explainer
    from emotionthinker.settings import Settings

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    settings = Settings.from_env().naming(args.model, None)
    silence_progress_bars()
    tell("Loading the model …")
    thinker = open_explainer(settings)

    def explain(clip: Clip, words: str, seed: int | None) -> dict[str, Any]:
        return thinker.explain(clip, transcript=words, temperature=0.0 if seed is None else 0.8, seed=seed).to_dict()

    with Store.create(args.db or database_path()) as store:
        project = make_demo(store, explain, tell=tell)
        links = [(role, roster.invite(store, project, f"You, as {role}", role)[1]) for role in ("lead", "rater")]
        n = len(store.ratings(project))
    print(f"Made project {project.name!r} with {n} ratings by simulated raters: they say nothing about people.")
    for role, token in links:
        print(f"{role}: {link_of(token)}")
    return 0


def add_push(subparsers: Any) -> None:
    """Declare `push`."""
    parser = command(subparsers, "push", run_push, "Send an export to a dataset repository on the Hugging Face Hub.")
    parser.add_argument("repo", metavar="NAME/DATASET", help="made, private, where it is not there; the token comes from HF_TOKEN")
    parser.add_argument("--every", type=float, metavar="MINUTES", help="go on, and push again where something changed")
    parser.add_argument("--clips", action="store_true", help="send the clips, too; mind their licences")


def run_push(args: argparse.Namespace) -> int:
    """Send an export to the Hugging Face Hub. Raises AnnotateError."""
    from annotate.hub import push, push_every

    store, project = open_project(args)
    with store:
        if args.every is None:
            print(push(store, project, args.repo, clips=args.clips))
        elif not 0.1 <= args.every <= 10_080:
            raise AnnotateError(f"{args.every} minutes were asked for, but 0.1 to 10080 are allowed; choose within that.")
        else:
            push_every(store, project, args.repo, args.every, lambda text: print(text, flush=True), clips=args.clips)
    return 0


COMMANDS = [add_known, add_export, add_backup, add_study, add_demo, add_push]
