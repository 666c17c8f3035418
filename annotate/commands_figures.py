"""The commands `agreement` and `calibrate` of `python -m annotate`; `figures` holds what they do."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from annotate.command_parts import command, open_project


def add_agreement(subparsers: Any) -> None:
    """Declare `agreement`."""
    parser = command(subparsers, "agreement", agreement, "How far people agree, how severe each one is, and their consensus.")
    parser.add_argument("--json", action="store_true", help="print the whole report as one JSON object")


def agreement(args: argparse.Namespace) -> int:
    """Print how far people agree. Raises AnnotateError."""
    from annotate import figures

    store, project = open_project(args)
    with store:
        print(figures.agreement(store, project, as_json=args.json))
    return 0


def add_calibrate(subparsers: Any) -> None:
    """Declare `calibrate`."""
    parser = command(subparsers, "calibrate", calibrate, "Hold the reward model against the ratings, and save what corrects it.")
    parser.add_argument("--json", action="store_true", help="print the saved calibration as one JSON object")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write it there too, for training: calibration.json")


def calibrate(args: argparse.Namespace) -> int:
    """Work out a calibration, save and print it. Raises AnnotateError."""
    from annotate import figures

    store, project = open_project(args)
    with store:
        print(figures.calibrate(store, project, as_json=args.json, output=args.output))
    return 0


COMMANDS = [add_agreement, add_calibrate]
