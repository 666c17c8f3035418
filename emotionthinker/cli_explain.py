"""The command `python -m emotionthinker explain CLIP`: prints the reply as it arrives, or one JSON object at the end."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emotionthinker.events import Explanation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `explain`. Defaults come from the environment (`settings`)."""
    parser.add_argument("clip", help="audio file: wav, flac, mp3, ogg, opus, m4a, webm")
    parser.add_argument("--model", metavar="PATH_OR_ID", help="model folder or hub id; default ET_MODEL, else Nano")
    parser.add_argument("--endpoint", metavar="URL", help="OpenAI-compatible server that runs the model; its key: ET_API_KEY")
    parser.add_argument("--labels", metavar="A,B,C", help="the labels to choose from, a part of what the model knows")
    parser.add_argument("--transcript", help="what is said; without it the words are recognised")
    parser.add_argument("--neutral", metavar="CLIP", help="a neutral clip of the same speaker: the reference")
    parser.add_argument("--describe", action="store_true", help="a caption of speaker, prosody and words; no emotion")
    parser.add_argument("--question", help="asked in place of the model's own question")
    parser.add_argument("--max-new-tokens", type=int, metavar="N", help="longest reply; default: what suits the model")
    parser.add_argument("--temperature", type=float, default=0.0, metavar="T", help="0 to 2; 0, the default: no sampling")
    parser.add_argument("--seed", type=int, metavar="N", help="makes sampling repeatable")
    parser.add_argument("--json", action="store_true", help="print the whole explanation as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Explain one clip. Raises EmotionThinkerError subclasses, which `main` turns into one line and exit code 2."""
    from emotionthinker.events import AnswerPiece, Finished, ReasoningPiece
    from emotionthinker.pipeline import open_explainer
    from emotionthinker.prompt import split_labels
    from emotionthinker.settings import Settings

    settings = Settings.from_env().naming(args.model, args.endpoint)
    printed = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # what a library prints must not get into the JSON
        silence_progress_bars()
        record = _measured(args)  # before the model is loaded: a broken clip is refused at once
        explainer = open_explainer(settings)
        section: type | None = None
        for event in explainer.stream(
            args.clip,
            labels=split_labels(args.labels) if args.labels is not None else None,
            question=args.question,
            mode="describe" if args.describe else "emotion",
            max_new_tokens=args.max_new_tokens,
            temperature=args.temperature,
            seed=args.seed,
            prosody=record,
        ):
            if isinstance(event, ReasoningPiece | AnswerPiece) and not args.json:
                if section is not None and section is not type(event):
                    print("\n", file=printed)
                section = type(event)
                print(event.text, end="", flush=True, file=printed)
            if isinstance(event, Finished):
                explanation = event.explanation
    if args.json:
        print(json.dumps({"audio_path": args.clip, **explanation.to_dict()}, allow_nan=False))
    else:
        print("\n" + readable(explanation))
    return 0


def _measured(args: argparse.Namespace) -> Any:
    from emotionthinker.prosody.record import measure_prosody

    return measure_prosody(args.clip, args.transcript, neutral=args.neutral)


def silence_progress_bars() -> None:
    """Keep the model library's bars and notes off the terminal."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def readable(explanation: Explanation) -> str:
    """What follows the reply: label, scores, checked claims, warnings; a line each."""
    lines = []
    if explanation.mode == "emotion":
        lines.append(f"\nsounds: {explanation.emotion or 'no label'}")
    for name, scores in (("scores", explanation.label_scores), ("before reasoning", explanation.first_impression)):
        if scores:
            ranked = sorted(scores.items(), key=lambda item: -item[1])
            lines.append(f"{name}: " + ", ".join(f"{label} {p:.2f}" for label, p in ranked))
    if explanation.words_and_voice is not None and explanation.words_and_voice.disagree:
        lines.append(explanation.words_and_voice.sentence)
    for claim in explanation.claims:
        measured = f" (measured: {claim.measured})" if claim.measured is not None else ""
        lines.append(f"{claim.verdict}: {claim.text}{measured}")
    lines.append(f"grounding: {explanation.grounding}")
    lines += [f"warning: {sentence}" for sentence in explanation.warnings]
    lines.append(f"model: {explanation.model}, {explanation.seconds:.1f} s")
    return "\n".join(lines)
