"""The command line.

    python -m emotionthinker prosody CLIP [--transcript TEXT] [--neutral CLIP] [--json]
    python -m emotionthinker explain CLIP [--model PATH_OR_ID] [--endpoint URL] [--labels a,b,c] [--json]
    python -m emotionthinker probe CLIP [--changes a,b,c] [--json]
    python -m emotionthinker probe --manifest FILE.jsonl --output DIR [--clips N] [--json]
    python -m emotionthinker timeline RECORDING [--output DIR] [--no-transcribe] [--describe] [--json]

Exit codes: 0 done; 2 the input is at fault, and one line on standard error says how; 130 stopped by Ctrl-C. With --json,
standard output holds one JSON object and nothing else.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from typing import Any

from emotionthinker import cli_explain, cli_probe, cli_timeline
from emotionthinker.command_line import OneLineParser, run_to_end


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; each sets `run`, a function of the arguments that gives the exit code."""
    parser = OneLineParser(prog="python -m emotionthinker", description="What a voice does, measured and explained.")
    commands = parser.add_subparsers(dest="command", required=True)

    prosody = commands.add_parser("prosody", help="measure a clip", description="Measure the prosody of a clip.")
    prosody.add_argument("clip", help="audio file: wav, flac, mp3, ogg, opus, m4a, webm")
    prosody.add_argument("--transcript", help="what is said; without it the words are recognised")
    prosody.add_argument("--neutral", metavar="CLIP", help="a neutral clip of the same speaker: the reference")
    prosody.add_argument("--json", action="store_true", help="print the whole record as one JSON object")
    prosody.set_defaults(run=run_prosody)

    explain = commands.add_parser("explain", help="explain the emotion in a clip",
                                  description="Name the emotion a voice carries, and say why.")
    cli_explain.add_arguments(explain)
    explain.set_defaults(run=cli_explain.run)

    probe = commands.add_parser("probe", help="change one thing about the voice and ask again",
                                description="Change one thing about a voice and ask again: one clip, or a set.")
    cli_probe.add_arguments(probe)
    probe.set_defaults(run=cli_probe.run)

    timeline = commands.add_parser("timeline", help="follow a long recording",
                                   description="Follow the voices of a call or an interview, and find where their tone turns.")
    cli_timeline.add_arguments(timeline)
    timeline.set_defaults(run=cli_timeline.run)
    return parser


def run_prosody(args: argparse.Namespace) -> int:
    """Measure one clip. Raises EmotionThinkerError subclasses, which `main` turns into one line and exit code 2."""
    from emotionthinker.prosody.record import measure_prosody

    with contextlib.redirect_stdout(sys.stderr):  # what a library prints must not get into the JSON
        record = measure_prosody(args.clip, args.transcript, neutral=args.neutral).to_dict()
    print(json.dumps(record, allow_nan=False) if args.json else readable(record))
    return 0


def readable(record: dict[str, Any]) -> str:
    """The record as a few lines for people."""
    rows = [("clip", f"{record['duration_s']:.2f} s, {record['speech_s']:.2f} s of speech")]
    for kind, found in record["levels"].items():
        value = "not measured" if found["value"] is None else f"{found['value']:.1f} {found['unit']}"
        percentile = "" if found["percentile"] is None else f", percentile {found['percentile']:.0f}"
        rows.append((kind, f"{found['level'] or 'no level'} ({value}{percentile}; {found['reference']})"))
    sure = "" if record["gender_confidence"] is None else f" (confidence {record['gender_confidence']:.2f})"
    rows += [
        ("intonation", record["intonation"] or "not measured"),
        ("sex", f"{record['gender'] or 'not clear'}{sure}"),
        ("age", record["age_level"] or "not estimated"),
        ("words", record["transcription"] or "none"),
        ("stressed", ", ".join(record["stressed_words"]) or "none"),
        ("pauses", ", ".join(f"{end - start:.2f} s at {start:.2f} s" for start, end in record["pauses"]) or "none"),
        *(("warning", sentence) for sentence in record["warnings"]),
    ]
    return "\n".join(f"{name:<11}{text}" for name, text in rows)


def main(argv: list[str] | None = None) -> int:
    """Run one command; argv: without the program's name. Gives the exit code; a wrong call ends in SystemExit(2)."""
    args = build_parser().parse_args(argv)
    return run_to_end(lambda: args.run(args))


if __name__ == "__main__":
    sys.exit(main())
