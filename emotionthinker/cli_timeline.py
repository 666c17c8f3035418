"""The command `python -m emotionthinker timeline RECORDING`: prints each utterance as it is done, then the turns."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotionthinker.cli_explain import silence_progress_bars
from emotionthinker.errors import EmotionThinkerError

if TYPE_CHECKING:
    from emotionthinker.timeline.follow import Timeline
    from emotionthinker.timeline.scoring import Segment

INTERRUPTED = 130  # the exit code of a command that Ctrl-C ended


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `timeline`. Defaults come from the environment (`settings`)."""
    parser.add_argument("recording", help="audio file of up to an hour: wav, flac, mp3, ogg, opus, m4a, webm")
    parser.add_argument("--output", metavar="DIR", type=Path,
                        help="write JSON, CSV, TextGrid and WebVTT there; a run that was stopped goes on from what lies there")
    parser.add_argument("--transcribe", action=argparse.BooleanOptionalAction, default=True,
                        help="recognise the words (default); without them there is no speaking rate, and no transcript")
    parser.add_argument("--describe", action="store_true", help="captions of speaker, prosody and words; no emotion")
    parser.add_argument("--labels", metavar="A,B,C", help="the labels to choose from, a part of what the model knows")
    parser.add_argument("--model", metavar="PATH_OR_ID", help="model folder or hub id; default ET_MODEL, else Nano")
    parser.add_argument("--endpoint", metavar="URL", help="OpenAI-compatible server that runs the model; its key: ET_API_KEY")
    parser.add_argument("--json", action="store_true", help="print the whole timeline as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Follow one recording. Raises EmotionThinkerError subclasses, which `main` turns into one line and exit code 2."""
    from emotionthinker.audio import Limits
    from emotionthinker.pipeline import open_explainer
    from emotionthinker.prompt import split_labels
    from emotionthinker.settings import Settings
    from emotionthinker.timeline.export import WRITERS
    from emotionthinker.timeline.follow import Finished, Progress, clock, follow
    from emotionthinker.timeline.reading import open_lines
    from emotionthinker.timeline.store import Store, store_path

    settings = Settings.from_env().naming(args.model, args.endpoint)
    labels = split_labels(args.labels) if args.labels is not None else None
    options = {"mode": "describe" if args.describe else "emotion", "labels": labels, "transcribe": args.transcribe}
    printed, done_s = sys.stdout, 0.0
    with contextlib.redirect_stdout(sys.stderr):  # what a library prints must not get into the JSON
        silence_progress_bars()
        with open_lines(args.recording, Limits.long_from_env()):  # before the model is loaded: a broken file is refused at once
            store = Store(store_path(args.output, args.recording, settings, options)) if args.output else None
        explainer = open_explainer(settings)
        with _ctrl_c() as cancel:
            for event in follow(args.recording, explainer, store=store, cancel=cancel, **options):
                if isinstance(event, Progress) and event.segment is not None:
                    done_s = event.segment.end_s
                    if not args.json:
                        print(readable_segment(event.segment), file=printed, flush=True)
                elif isinstance(event, Finished):
                    timeline = event.timeline
        if not timeline.complete:
            on = "the same command goes on from there" if store is not None else "give --output DIR to be able to go on from there"
            print(f"Stopped at {clock(done_s)}; {on}.", file=sys.stderr)
            return INTERRUPTED
        result = timeline.to_dict()
        if args.output:
            from emotionthinker.export import file_stem

            for ending, write in WRITERS.items():
                _write(args.output / f"{file_stem(args.recording)}.timeline.{ending}", write(result))
            assert store is not None
            store.delete()
    print(json.dumps(result, allow_nan=False) if args.json else readable(timeline, result))
    return 0


@contextlib.contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets, so that the utterance at hand is let go of in order; a second Ctrl-C ends the process."""
    cancel, before = threading.Event(), signal.getsignal(signal.SIGINT)

    def stop(*_: object) -> None:
        cancel.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, stop)
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGINT, before)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="")  # the CSV brings its own line ends
    except OSError as error:
        raise EmotionThinkerError(f"{path.name} cannot be written ({error.strerror}); choose another folder.") from error


def readable_segment(segment: Segment) -> str:
    """One utterance as one line."""
    from emotionthinker.timeline.follow import clock

    score = f"{max(segment.scores.values()):.2f}" if segment.scores else "    "
    pitch = "no pitch" if segment.f0_median_hz is None else f"{segment.f0_median_hz:.0f} Hz"
    level = "" if segment.energy_dbfs is None else f"{segment.energy_dbfs:.0f} dBFS"
    words = " ".join((segment.words or "").split())
    sounds = f"{segment.emotion or '–':<10} {score}"
    return f"{clock(segment.start_s):>7} {segment.line:<6} {sounds}  {pitch:>8} {level:>8}  {words}".rstrip()


def readable(timeline: Timeline, result: dict[str, Any]) -> str:
    """What follows the utterances: how much was heard, the turns with their explanations, and warnings."""
    from emotionthinker.timeline.follow import clock

    explained = {(row["line"], row["start_s"]): row["reasoning"] for row in result["segments"]}
    lines = [f"\n{len(result['segments'])} utterances in {clock(timeline.duration_s)}, {len(result['turns'])} turns"]
    for turn in result["turns"]:
        lines.append(f"\n{clock(turn['time_s'])} {turn['line']}: {turn['summary']}")
        if explained.get((turn["line"], turn["explained_s"])):
            lines.append("  " + " ".join(explained[turn["line"], turn["explained_s"]].split()))
    lines += [f"warning: {sentence}" for sentence in result["warnings"]]
    return "\n".join(lines)
