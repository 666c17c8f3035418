"""The commands of `python -m annotate`: arguments in, a line or two out. What they do is in the modules that they call."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from annotate import roster
from annotate.command_parts import command, open_project, settings_of
from annotate.copies import CopyPlan, bring_back, start_copying
from annotate.errors import AnnotateError
from annotate.records import ROLES
from annotate.serving import database_path
from annotate.settings import ProjectSettings
from annotate.store import Store
from annotate.withdrawal import FATES, holding, require_may_leave, withdraw
from emotionthinker.page.port import on_port

HOST, PORT = "127.0.0.1", 7861
KEEP_UPLOADS_S = 600  # nothing is uploaded for a purpose here


def add_init(subparsers: Any) -> None:
    """Declare `init`."""
    parser = command(subparsers, "init", init, "Make a database with a project, and a link for its lead.")
    parser.add_argument("--lead", default="lead", metavar="NAME", help="name of the person who leads the project")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting; docs/annotate.md lists them")


def init(args: argparse.Namespace) -> int:
    """Make a database with a project, and print the lead's link. Raises AnnotateError."""
    settings = ProjectSettings.from_dict(settings_of(args.set))
    path = args.db or database_path()
    with Store.create(path) as store:
        project = roster.create_project(store, args.project or "main", settings)
        _, token = roster.invite(store, project, args.lead, "lead")
    print(f"Made project {project.name!r} in {path}. Its lead's link, shown only now (put your server's address before the #):")
    print(link_of(token))
    return 0


def add_invite(subparsers: Any) -> None:
    """Declare `invite`."""
    parser = command(subparsers, "invite", invite, "Invite a person; prints the link.")
    parser.add_argument("name", help="name shown to the lead; exports hold a number in its place")
    parser.add_argument("--role", metavar="|".join(ROLES))
    parser.add_argument("--hf", metavar="ACCOUNT", help="signs in with this Hugging Face account on a Space; no link then")
    parser.add_argument("--again", action="store_true", help="a new link for somebody who is there; the old one ends")


def invite(args: argparse.Namespace) -> int:
    """Print a link for somebody new. Raises AnnotateError."""
    if args.again and (args.role is not None or args.hf is not None):
        raise AnnotateError("--again makes a new link and changes neither role nor account; leave --role and --hf out.")
    store, project = open_project(args)
    with store:
        if args.again:
            rater = next((one for one in store.raters(project) if one.name == args.name), None)
            if rater is None:
                raise AnnotateError(f"There is no person {args.name!r} in project {project.name!r}; invite them without --again.")
            token: str | None = roster.new_token(store, rater)
        else:
            _, token = roster.invite(store, project, args.name, args.role or "rater", hf_name=args.hf)
    print(f"{args.name} signs in with the account {args.hf}." if token is None else link_of(token))
    return 0


def add_withdraw(subparsers: Any) -> None:
    """Declare `withdraw`."""
    parser = command(subparsers, "withdraw", run_withdraw, "Delete what the database holds of a person who withdraws.")
    parser.add_argument("name", help="the person's name, as the board shows it")
    parser.add_argument("--ratings", required=True, metavar="|".join(FATES),
                        help="their ratings: delete them, or keep them without name and comments")
    parser.add_argument("--yes", action="store_true", help="do it; without, it only says what would be done")


def run_withdraw(args: argparse.Namespace) -> int:
    """Delete somebody's data as they wish. Raises AnnotateError."""
    store, project = open_project(args)
    with store:
        rater = next((one for one in store.raters(project) if one.name == args.name), None)
        if rater is None:
            raise AnnotateError(f"There is no person {args.name!r} in project {project.name!r}; the board lists who is there.")
        if args.ratings not in FATES:
            raise AnnotateError(f"--ratings is {args.ratings!r}, but it must be one of {', '.join(FATES)}.")
        require_may_leave(store, rater)
        found = withdraw(store, rater, args.ratings) if args.yes else holding(store, rater)
    rated = f"{found.ratings} ratings and {found.comparisons} comparisons"
    print(f"{'Deleted' if args.yes else 'Would be deleted'}: name, link, {found.comments} comments, {found.drafts} drafts, "
          f"{found.events} events{'' if args.ratings == 'keep' else ', ' + rated}."
          f"{f' Kept without the name: {rated}.' if args.ratings == 'keep' else ''}")
    print("Exports and backups made before still hold it; delete those, too." if args.yes else
          "Nothing was changed; --yes does it.")
    return 0


def add_settings(subparsers: Any) -> None:
    """Declare `settings`."""
    parser = command(subparsers, "settings", change, "Show the settings of a project, or change some.")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting; docs/annotate.md lists them")


def change(args: argparse.Namespace) -> int:
    """Print the settings of a project, changed where asked. Raises AnnotateError."""
    store, project = open_project(args)
    with store:
        if args.set:
            project = roster.change_settings(store, project, **settings_of(args.set))
    print(json.dumps(ProjectSettings.of(project).to_dict(), ensure_ascii=False))
    return 0


def add_serve(subparsers: Any) -> None:
    """Declare `serve`."""
    parser = command(subparsers, "serve", serve, "Serve the page for raters and leads.", project=False)
    parser.add_argument("--host", default=HOST, help=f"address to listen on; default {HOST}, this machine only")
    parser.add_argument("--port", type=int, default=PORT, help=f"port to listen on; default {PORT}")


def serve(args: argparse.Namespace) -> int:
    """Serve the page until it is stopped. Raises AnnotateError, PortError."""
    from annotate import ui
    from emotionthinker.page.uploads import own_folder, sweep_for_ever

    plan, path = CopyPlan.from_env(), args.db or database_path()
    if plan is not None:
        bring_back(plan, path)
    with Store.open(path) as store, on_port(args.host, args.port, "choose another with --port"):
        # The route for uploads is open to all the same, and Gradio leaves what it refused.
        sweep_for_ever(own_folder(), KEEP_UPLOADS_S)
        service, routes = ui.open_service(store, plan)
        page = ui.build(service)
        names = ", ".join(project.name for project in store.projects()) or "none"
        print(f"Serving {store.path.name} (projects: {names}) on http://{args.host}:{args.port}", file=sys.stderr, flush=True)
        stop = None if plan is None else start_copying(store, plan)
        ui.launch(page, store, routes, host=args.host, port=args.port)
        if stop is not None:
            stop.set()
    return 0


def add_import(subparsers: Any) -> None:
    """Declare `import`."""
    parser = command(subparsers, "import", run_import, "Import JSON lines, or explain a folder of clips and import that.")
    parser.add_argument("source", type=Path, help="a .jsonl file, or a folder with clips")
    parser.add_argument("--audio", type=Path, metavar="FOLDER", help="where audio_path starts; default: beside the file")
    parser.add_argument("--pairs", action="store_true", help="make a pair of every two models' explanations of one clip")
    parser.add_argument("--model", metavar="PATH_OR_ID", help="the model that explains a folder; default ET_MODEL, else Nano")
    parser.add_argument("--endpoint", metavar="URL", help="the server that runs the model")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")


def run_import(args: argparse.Namespace) -> int:
    """Add items from JSON lines, or from a folder of clips that a model explains first. Raises EmotionThinkerError."""
    from annotate.importing import import_folder, import_lines, pair_up

    if args.source.is_dir() and args.audio is not None:
        raise AnnotateError("--audio is for a file of JSON lines; a folder's clips lie in the folder itself, so leave it out.")
    if not args.source.is_dir() and (args.model is not None or args.endpoint is not None):
        raise AnnotateError("--model and --endpoint are for a folder of clips; the lines of a file were explained already, so "
                            "leave them out.")
    store, project = open_project(args)

    def tell(number: int, reason: str) -> None:
        print(f"{'clip' if args.source.is_dir() else 'line'} {number}: {' '.join(reason.split())}", file=sys.stderr)

    with store:
        if args.source.is_dir():
            explain, model = _explainer(args)
            report = import_folder(store, project, args.source, explain, model, tell=tell)
        else:
            report = import_lines(store, project, args.source, audio_folder=args.audio, tell=tell)
        if args.pairs:
            report.pairs = pair_up(store, project)
    if args.json:
        print(json.dumps({"new": report.new, "known": report.known, "scores": report.scores, "pairs": report.pairs,
                          "bad": [{"line": line, "reason": reason} for line, reason in report.bad]}))
    else:
        print(report.sentence())
    return 1 if report.bad else 0


def _explainer(args: argparse.Namespace) -> tuple[Callable[[Any], dict[str, Any]], str]:
    """A function from a clip to what `explain --json` prints, and the name of the model behind it."""
    from emotionthinker.cli_explain import silence_progress_bars
    from emotionthinker.pipeline import open_explainer
    from emotionthinker.settings import Settings

    settings = Settings.from_env().naming(args.model, args.endpoint)
    silence_progress_bars()
    thinker = open_explainer(settings)
    return lambda clip: thinker.explain(clip).to_dict(), thinker.name


def link_of(token: str | None) -> str:
    """An invite's link, for a server on this machine; elsewhere its own address stands before the #."""
    return f"http://{HOST}:{PORT}/#invite={token}"


COMMANDS = [add_init, add_settings, add_invite, add_withdraw, add_import, add_serve]
