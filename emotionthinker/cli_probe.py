"""The command `python -m emotionthinker probe`: what if something about the voice were different?

    python -m emotionthinker probe CLIP [--changes flatter,softer] [--json]
    python -m emotionthinker probe --manifest FILE.jsonl --output DIR [--clips 100] [--json]

The first explains one clip, makes each change, asks again and says how the answer moved. The second does so for a set, see
`probe_set`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotionthinker.errors import EmotionThinkerError

if TYPE_CHECKING:
    from emotionthinker.audio import Clip
    from emotionthinker.pipeline import Explainer
    from emotionthinker.probing import Step


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `probe`. Defaults come from the environment (`settings`)."""
    parser.add_argument("clip", nargs="?", help="audio file: wav, flac, mp3, ogg, opus, m4a, webm")
    parser.add_argument("--manifest", metavar="FILE", help="JSONL with an audio_path a line: probe all of them")
    parser.add_argument("--output", metavar="DIR", help="with --manifest: where results are kept; a second run goes on from there")
    parser.add_argument("--clips", type=int, metavar="N", help="with --manifest: draw N, balanced over emotion and sex")
    parser.add_argument("--changes", metavar="A,B,C", help="only these changes; default: all")
    parser.add_argument("--transcript", help="of CLIP: what is said; without it the words are recognised")
    parser.add_argument("--model", metavar="PATH_OR_ID", help="model folder or hub id; default ET_MODEL, else Nano")
    parser.add_argument("--endpoint", metavar="URL", help="OpenAI-compatible server that runs the model; its key: ET_API_KEY")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Probe one clip or a set. Raises EmotionThinkerError subclasses, which `main` turns into one line and exit code 2."""
    from emotionthinker.cli_explain import silence_progress_bars
    from emotionthinker.pipeline import open_explainer
    from emotionthinker.probe_set import draw, probe_set, read_manifest
    from emotionthinker.probing import ALL_CHANGES
    from emotionthinker.settings import Settings

    if bool(args.clip) == bool(args.manifest):
        raise EmotionThinkerError("Give either a CLIP or --manifest FILE.jsonl, and not both.")
    if bool(args.manifest) != bool(args.output):
        raise EmotionThinkerError("--manifest FILE.jsonl and --output DIR, the folder where its results are kept, belong together.")
    if args.manifest and args.transcript is not None:
        raise EmotionThinkerError("--transcript is for one CLIP; in a manifest each line may hold its transcription.")
    if args.clip and args.clips is not None:
        raise EmotionThinkerError("--clips N draws from --manifest FILE.jsonl; leave it out where one CLIP is given.")
    changes = _changes(args.changes, ALL_CHANGES)
    rows = draw(read_manifest(Path(args.manifest)), args.clips) if args.manifest else []
    settings = Settings.from_env().naming(args.model, args.endpoint)
    printed = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # what a library prints must not get into the JSON
        silence_progress_bars()
        if args.clip:
            from emotionthinker.audio import load_clip

            clip = load_clip(args.clip)  # before the model is loaded: a broken clip is refused at once
            found = probe_one(open_explainer(settings), clip, args.transcript, changes, None if args.json else printed)
            text = "" if args.json else "\n" + readable(found)
        else:
            found, text = probe_set(open_explainer(settings), rows, Path(args.output), changes)
    print(json.dumps(found, allow_nan=False) if args.json else text)
    return 0


def _changes(text: str | None, known: Mapping[str, Any]) -> list[str]:
    if text is None:
        return list(known)
    asked = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in asked if name not in known]
    if unknown or not asked:
        raise EmotionThinkerError(f"The changes {', '.join(map(repr, unknown)) or 'asked for'} are not known; choose from "
                                  f"{', '.join(known)}.")
    return [name for name in known if name in asked]


def probe_one(explainer: Explainer, clip: Clip, transcript: str | None, changes: Sequence[str], out: Any) -> dict[str, Any]:
    """One clip; to `out`, where given, a line as each change is done."""
    from emotionthinker.events import Explanation
    from emotionthinker.probing import example_beside, probe_clip, probe_dict

    steps: list[Step] = []
    for found in probe_clip(explainer, clip, transcript=transcript, other=example_beside(clip), changes=changes):
        if isinstance(found, Explanation):
            before = found
            if out is not None:
                print(f"{before.reasoning}\n\nsounds: {before.emotion or 'no label'}\n", file=out, flush=True)
            continue
        steps.append(found)
        if out is not None:
            print(step_line(found), file=out, flush=True)
    return {"clip": clip.name, **probe_dict(before, steps)}


def step_line(step: Step) -> str:
    """One change in one line: what was done, what the model says now, what else moved."""
    from emotionthinker.leak import leaked

    if step.explanation is None:
        return f"{step.change:<17}not made: {step.skipped}"
    shift = step.comparison["shift"]
    answer = (step.explanation.emotion or "no label") if step.explanation.raw else "not asked: no speech was found"
    parts = [f"{step.change:<17}{answer}", "same answer" if not step.comparison["answer_changed"] else "another answer"]
    if shift is not None:
        parts.append(f"shift {shift:.2f}")
    still = [item["text"] for item in step.comparison["taken_away"] if item["said"] == "still"]
    if still:
        parts.append("still says “" + "”, “".join(still) + "”")
    leaks = [f"{item.cue} {item.before} → {item.after}" for item in leaked(step.moved)]
    if leaks:
        parts.append("also moved: " + ", ".join(leaks))
    return "; ".join(parts) + f" ({step.note})"


def readable(found: Mapping[str, Any]) -> str:
    """The end of one clip's probe: on which cues the answer depends, and which the explanation cites."""
    from emotionthinker.reliance import dependence

    depends = sorted(dependence(found).items(), key=lambda item: -item[1])
    cited = found["cited"]
    lines = ["cited by the explanation: " + (", ".join(cited) or "no cue")]
    lines += ["the answer depends on: " + ", ".join(f"{cue} {value:.2f}" for cue, value in depends)] if depends else []
    lines.append("(mean shift of the label scores when the cue is changed, 0 none … 1 another answer)")
    return "\n".join(lines)
