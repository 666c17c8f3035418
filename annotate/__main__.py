"""The command line. `python -m annotate COMMAND --help` lists what each takes.

    python -m annotate init   --db FILE [--project NAME] [--lead NAME] [--set name=value ...]
    python -m annotate settings --db FILE [--set name=value ...]
    python -m annotate invite --db FILE NAME [--role rater|lead] [--hf ACCOUNT]
    python -m annotate withdraw --db FILE NAME --ratings delete|keep [--yes]
    python -m annotate import --db FILE SOURCE            # JSON lines, or a folder of clips for a model to explain
    python -m annotate known  --db FILE [--attention N] [--qualification N]
    python -m annotate serve  --db FILE [--host ADDRESS] [--port PORT]
    python -m annotate export --db FILE FOLDER [--format jsonl|csv|parquet|hub] [--clips]
    python -m annotate backup --db FILE TARGET
    python -m annotate agreement --db FILE [--json]
    python -m annotate calibrate --db FILE [--json] [--output calibration.json]
    python -m annotate push   --db FILE NAME/DATASET [--every MINUTES] [--clips]
    python -m annotate demo   --db FILE
    python -m annotate study prepare|report --db FILE [--outputs FOLDER] [--clips N]

Exit codes: 0 done; 1 an import that refused some of its lines; 2 the input is at fault, and one line on standard error says how.
"""

from __future__ import annotations

import argparse
import sys

from annotate import commands, commands_data, commands_figures
from emotionthinker.command_line import OneLineParser, run_to_end


def build_parser() -> argparse.ArgumentParser:
    """The parser with every subcommand; `args.run` is what each does."""
    parser = OneLineParser(prog="python -m annotate", description="People rate explanations.")
    subparsers = parser.add_subparsers(dest="command", required=True)
    for add in [*commands.COMMANDS, *commands_data.COMMANDS, *commands_figures.COMMANDS]:
        add(subparsers)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command; gives its exit code, 2 after a fault that was said in one line."""
    args = build_parser().parse_args(argv)
    return run_to_end(lambda: args.run(args))


if __name__ == "__main__":
    sys.exit(main())
