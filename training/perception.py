"""What a model hears of a voice: pitch, energy, speed, intonation and stressed words, asked one by one on speakers held out.

    python -m training.perception --model assets/nano --model runs/base-nano/model --set runs/nano/dev.jsonl \\
        --output runs/perception [--clips 400]

The table of EmotionThinker-Base, for any model folders or ids; the first is what the others are compared with. Questions are those
of `training.base_questions` in the wordings of the dev split, which no training meets; replies are greedy text. A reply counts
where it names one option and no other; one that names none is wrong, and the share of replies that can be read stands beside the
accuracy. For stress the words must be exactly those that are stressed; F1 over the words is given too. Intervals resample speakers.

`perception.json` and `perception.md` go to the output folder, and `replies.jsonl`, each reply, for reading. The right answers are
measurements, not what people said they heard.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from emotionthinker.audio import load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.listening import choose_span, hear
from training.base_questions import NO_STRESS, OPTIONS, ask_attribute, ask_stress, measured, stress_reply
from training.figures import share_interval
from training.resumable import Progress, read_rows, write_whole

ATTRIBUTES = (*OPTIONS, "stress")
MAX_NEW_TOKENS = 64  # an answer in a sentence; longer replies are read as far as they go
BATCH = 24
_TAGS = re.compile(r"<think>.*?(?:</think>|$)|</?answer>", re.DOTALL)
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_QUOTED = re.compile(r"[\"“«]([^\"”»]+)[\"”»]")


@dataclass(frozen=True)
class Item:
    """One question: its chat, and the right answer."""

    attribute: str
    record: Mapping[str, Any]
    messages: list[dict[str, Any]]
    answer: str


def items_of(records: Sequence[Mapping[str, Any]]) -> list[Item]:
    """Every question that the records can be asked, attribute by attribute. The same record gets the same wording every time."""
    items = []
    for attribute in ATTRIBUTES:
        for record in records:
            rng = np.random.default_rng(zlib.crc32(f"{attribute} {Path(record['audio_path']).name}".encode()))
            if attribute == "stress" and stress_reply(record) is not None:
                items.append(Item(attribute, record, *ask_stress(record, "dev", rng)))
            elif attribute in measured(record):
                items.append(Item(attribute, record, *ask_attribute(record, attribute, "dev", rng)))
    return items


def read_option(reply: str, options: Sequence[str]) -> str | None:
    """The one option that a reply names, None where it names none or several.

    >>> read_option("It is rising-falling.", ("rising", "falling", "rising-falling"))
    'rising-falling'
    >>> read_option("<think> The pitch is high. </think><answer> sad </answer>", ("low", "high")) is None
    True
    """
    text = _TAGS.sub(" ", reply).casefold()
    found = set()
    for option in sorted(options, key=len, reverse=True):  # the longest first, as one may be part of another
        pattern = rf"(?<![\w-]){re.escape(option)}(?![\w-])"
        if re.search(pattern, text):
            found.add(option)
            text = re.sub(pattern, " ", text)
    return found.pop() if len(found) == 1 else None


def read_words(reply: str, transcript: str) -> list[str] | None:
    """The words that a reply calls stressed, in lower case; [] for "none"; None where it cannot be read as a list of words of the
    transcript. Quoted words count where there are any, else each word of the reply.

    >>> read_words('The stress is on "never".', "I never said that."), read_words("never, that", "I never said that.")
    (['never'], ['never', 'that'])
    """
    text = _TAGS.sub(" ", reply).casefold().replace("’", "'")
    quoted = _QUOTED.findall(text)
    words = [word for part in (quoted or [text]) for word in _WORD.findall(part) if quoted or word != "and"]
    if words == [NO_STRESS]:
        return []
    known = set(_WORD.findall(transcript.casefold().replace("’", "'")))
    return words if words and all(word in known for word in words) else None


def ask(thinker: Any, items: Sequence[Item]) -> list[str]:
    """Greedy replies of a loaded `EmotionThinker`, in the items' order."""
    import torch

    model, processor, style = thinker.model, thinker.processor, thinker.style
    records = {item.record["audio_path"]: item.record for item in items}

    @lru_cache(maxsize=BATCH)  # the questions to one clip follow each other
    def heard(path: str) -> np.ndarray:
        clip = load_clip(path)
        span = choose_span(records[path]["segments"], clip.duration_s, style.max_audio_s)
        return hear(clip.samples, span, style.bandwidth_hz)

    order = sorted(range(len(items)), key=lambda i: (items[i].record["duration_s"], items[i].record["audio_path"]))
    replies = [""] * len(items)
    progress = Progress(len(items), 0, "questions")
    for begin in range(0, len(order), BATCH):
        part = [items[i] for i in order[begin : begin + BATCH]]
        prompts = [processor.apply_chat_template(item.messages, tokenize=False, add_generation_prompt=True) for item in part]
        sounds = [heard(item.record["audio_path"]) for item in part]
        inputs = processor(text=prompts, audio=sounds, return_tensors="pt", padding=True, padding_side="left")
        inputs = inputs.to(model.device, model.dtype)
        with torch.inference_mode():
            ids = model.generate(
                **inputs, max_new_tokens=MAX_NEW_TOKENS, do_sample=False, num_beams=1,
                suppress_tokens=processor.media_token_ids(), eos_token_id=thinker.end_token_ids(),
                pad_token_id=processor.tokenizer.pad_token_id,
            )  # fmt: skip
        texts = processor.batch_decode(ids[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        for i, text in zip(order[begin : begin + BATCH], texts, strict=True):
            replies[i] = text
        progress.show(min(begin + BATCH, len(order)), 0)
    return replies


@dataclass(frozen=True)
class Judged:
    """A reply held against the right answer; for stress also the words in common, named and right."""

    right: bool
    readable: bool
    words: tuple[int, int, int] = (0, 0, 0)


def judge(item: Item, reply: str) -> Judged:
    """Whether a reply is right."""
    if item.attribute != "stress":
        named = read_option(reply, OPTIONS[item.attribute])
        return Judged(named == item.answer, named is not None)
    words = read_words(reply, item.record["transcription"])
    stressed = [] if item.answer == NO_STRESS else _WORD.findall(item.answer.casefold().replace("’", "'"))
    common = sum((Counter(words or []) & Counter(stressed)).values())
    right = words is not None and sorted(words) == sorted(stressed)
    return Judged(right, words is not None, (common, len(words or []), len(stressed)))


def chance(items: Sequence[Item]) -> float:
    """Expected accuracy of guessing: one of the options; for stress, any choice of as many words as are stressed."""
    if items[0].attribute != "stress":
        return 1 / len(OPTIONS[items[0].attribute])
    sizes = [(len(item.record["stress_pairs"]), len(item.record["stressed_words"])) for item in items]
    return float(np.mean([1 / math.comb(n, k) for n, k in sizes]))


def figures(items: Sequence[Item], judged: Mapping[str, Sequence[Judged]]) -> dict[str, Any]:
    """Figures per attribute. judged: model -> verdicts in the items' order; the first model is what the others are held against."""
    out: dict[str, Any] = {}
    first = next(iter(judged))
    for attribute in ATTRIBUTES:
        rows = [i for i, item in enumerate(items) if item.attribute == attribute]
        if not rows:
            continue
        own = [items[i] for i in rows]
        speakers = [str(item.record.get("speaker")) for item in own]
        ones = [1.0] * len(rows)
        entry: dict[str, Any] = {"questions": len(rows), "speakers": len(set(speakers)), "chance": round(chance(own), 4)}
        entry["commonest_answer"] = round(Counter(item.answer for item in own).most_common(1)[0][1] / len(rows), 4)
        entry["models"] = {}
        base = [float(judged[first][i].right) for i in rows]
        for name, verdicts in judged.items():
            right = [float(verdicts[i].right) for i in rows]
            found: dict[str, Any] = {
                "accuracy": round(float(np.mean(right)), 4),
                "accuracy_interval": share_interval(right, ones, speakers),
                "readable": round(float(np.mean([verdicts[i].readable for i in rows])), 4),
            }
            if attribute == "stress":
                common, named, stressed = (sum(verdicts[i].words[k] for i in rows) for k in range(3))
                found["word_f1"] = round(2 * common / max(named + stressed, 1), 4)
            if name != first:
                gain = [a - b for a, b in zip(right, base, strict=True)]
                found["gain"] = round(float(np.mean(gain)), 4)
                found["gain_interval"] = share_interval(gain, ones, speakers)
            entry["models"][name] = found
        out[attribute] = entry
    return out


def markdown(found: Mapping[str, Any]) -> str:
    """The figures as one table."""
    names = list(next(iter(found.values()))["models"])
    lines = [f"| | questions (speakers) | guessing | always the commonest | {' | '.join(map(_cell, names))} |"]
    lines.append("|---|---|---|---|" + "---|" * len(names))
    for attribute, entry in found.items():
        cells = []
        for model in entry["models"].values():
            low, high = model["accuracy_interval"]
            text = f"{model['accuracy']:.3f} [{low:.3f}, {high:.3f}], {model['readable']:.0%} readable"
            text += f", word F1 {model['word_f1']:.3f}" if "word_f1" in model else ""
            if "gain" in model:
                text += f", gain {model['gain']:+.3f} [{model['gain_interval'][0]:+.3f}, {model['gain_interval'][1]:+.3f}]"
            cells.append(text)
        lines.append(f"| {attribute} | {entry['questions']} ({entry['speakers']}) | {entry['chance']:.3f} | "
                     f"{entry['commonest_answer']:.3f} | {' | '.join(cells)} |")  # fmt: skip
    return "\n".join(lines) + "\n"


def _cell(name: str) -> str:
    return name.replace("|", "\\|").replace("\n", " ")


def test(models: Sequence[str], path: str, output: Path, clips: int | None = None) -> dict[str, Any]:
    """Ask every model, write the reports, return the figures. clips: at most so many, at even distances in the file.

    Raises EmotionThinkerError where the file's speakers may have been trained on, or nothing was measured in it.
    """
    from emotionthinker.thinker import EmotionThinker

    records = [r for r in read_rows(Path(path)) if r.get("segments")]
    if any(r.get("split") == "train" for r in records):
        raise EmotionThinkerError(f"{path} holds clips of a train split; perception is tested on speakers that are held out.")
    if clips is not None and clips < len(records):
        records = [records[i] for i in np.linspace(0, len(records) - 1, clips).round().astype(int)]
    items = items_of(records)
    if not items:
        raise EmotionThinkerError(f"{path} holds no clip with a measured cue; make it with training.label_prosody.")
    output.mkdir(parents=True, exist_ok=True)
    judged = {}
    with (output / "replies.jsonl").open("w", encoding="utf-8") as file:
        for model in models:
            replies = ask(EmotionThinker.from_pretrained(model), items)
            judged[model] = [judge(item, reply) for item, reply in zip(items, replies, strict=True)]
            for item, reply, verdict in zip(items, replies, judged[model], strict=True):
                row = {"model": model, "attribute": item.attribute, "audio": Path(item.record["audio_path"]).name,
                       "answer": item.answer, "reply": reply, "right": verdict.right}  # fmt: skip
                print(json.dumps(row, ensure_ascii=False), file=file)
    found = figures(items, judged)
    report = {"set": Path(path).name, "clips": len(records), "attributes": found}
    write_whole(output / "perception.json", json.dumps(report, indent=1) + "\n")
    write_whole(output / "perception.md", markdown(found))
    return found


def main(argv: list[str] | None = None) -> int:
    """Ask a model the perception questions, and write the report; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", required=True, help="model folder or id; repeat it to compare")
    parser.add_argument("--set", required=True, metavar="LABELS.jsonl", help="measured clips of speakers held out")
    parser.add_argument("--output", required=True, help="folder for the reports")
    parser.add_argument("--clips", type=int, metavar="N", help="ask about N clips of the set")
    args = parser.parse_args(argv)
    try:
        if args.clips is not None and args.clips < 1:
            raise EmotionThinkerError(f"--clips is {args.clips}, and at least 1 is needed.")
        print(markdown(test(list(dict.fromkeys(args.model)), args.set, Path(args.output), args.clips)))
    except EmotionThinkerError as error:
        print(" ".join(error.whole.split()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
