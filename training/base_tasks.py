"""Examples for prosody-enhanced fine-tuning (EmotionThinker-Base): label records in, chats about their sound out.

    python -m training.base_tasks --recipe training/recipes/base-nano.yaml [--key value …]

Six kinds, in the shares that the recipe names: `stress` (which words are stressed), `attribute` (pitch, energy, speed or
intonation, out of fixed options), `comparative` (three variants of one utterance, to be ranked), `cot` (explanation and emotion),
and beside them `text` (no sound) and `asr` (what is said). Written to `OUTPUT/examples` of the recipe:

    train.jsonl, dev.jsonl             one example a line: messages, reply, audio, and where it comes from
    wav/                               the comparative examples' sound, made here
    train.dropped.jsonl, …             what could not be used, with the reason
    report.md                          counts per task, asked for and made

A run that was stopped goes on where it was and ends with the same files. The same seed gives the same examples.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from emotionthinker import world
from emotionthinker.audio import SAMPLE_RATE, load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.listening import choose_span, hear
from emotionthinker.loading import locate, read_style
from emotionthinker.prompt import PromptStyle
from training import base_questions as ask
from training.base_comparative import Unusable, three_variants
from training.corpora import require_trainable
from training.recipe import read_recipe, settings
from training.resumable import Progress, append_line, drop_unfinished_line, filling, read_rows, write_whole

TASKS = ("stress", "attribute", "comparative", "cot", "text", "asr")
SPLITS = ("train", "dev")
CHUNK_PER_WORKER = 8  # examples that are in work at once


@dataclass(frozen=True)
class Candidate:
    """One example that may be made. `about`: the attribute or the cue it asks for, "" for the other tasks."""

    id: str
    task: str
    about: str
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Sources:
    """Where a split's examples come from: JSONL files. `labels`: clips with their measurements, by `training.label_prosody`;
    `cot`: the same with explanations, by `training.augment_cot`; `asr`: other labelled clips to transcribe, None for those of
    `labels`; `text`: chats without sound (`{"messages": [{"role", "content"}, …]}`, the last one the assistant's), None to make
    them of `cot`. `examples`: how many in all."""

    labels: str
    cot: str | None
    examples: int
    asr: str | None = None
    text: str | None = None


def spread(candidates: Iterable[tuple[str, Any]], rng: np.random.Generator) -> list[Any]:
    """Items in a random order in which kinds take turns, so that the first n hold equal numbers of each as far as there are any.

    candidates: (kind, item) pairs.

    >>> spread([("a", 1), ("a", 1), ("a", 1), ("b", 2)], np.random.default_rng(0))[:2] in ([1, 2], [2, 1])
    True
    """
    kinds: dict[str, list[Any]] = defaultdict(list)
    for kind, item in candidates:
        kinds[kind].append(item)
    shuffled = {kind: [items[i] for i in rng.permutation(len(items))] for kind, items in kinds.items()}
    turns = [(place, float(rng.random()), item) for items in shuffled.values() for place, item in enumerate(items)]
    return [item for _, _, item in sorted(turns, key=lambda turn: turn[:2])]


def candidates_of(sources: Sources, style: PromptStyle, split: str, seed: int) -> dict[str, list[Candidate]]:
    """Every example that could be made of a split, task by task, in the order in which they are tried."""
    records = [r for r in _labelled(sources.labels, split) if r["segments"]]
    explained = [] if sources.cot is None else _labelled(sources.cot, split)
    if explained and not all(r.get("explanation") for r in explained):
        raise EmotionThinkerError(f"{sources.cot} holds records without an explanation; make it with training.augment_cot.")
    explained = [r for r in explained if r["segments"] and ask.cot_label(r, style.labels)]
    spoken = records if sources.asr is None else [r for r in _labelled(sources.asr, split) if r["segments"]]
    chats = explained if sources.text is None else _chats(sources.text)
    pools: dict[str, list[tuple[str, tuple[str, Mapping[str, Any]]]]] = {
        "stress": [("", ("", r)) for r in records if ask.stress_reply(r) is not None],
        "attribute": [(f"{name} {option}", (name, r)) for r in records for name, option in ask.measured(r).items()],
        "comparative": [(cue, (cue, r)) for r in records for cue in ask.RANKS if _comparable(r, cue)],
        "cot": [(str(ask.cot_label(r, style.labels)), ("", r)) for r in explained],
        "text": [("", ("", r)) for r in chats],
        "asr": [("", ("", r)) for r in spoken if str(r.get("transcription") or "").strip()],
    }
    found = {}
    for task, pool in pools.items():
        rng = np.random.default_rng([seed, zlib.crc32(f"{split} {task}".encode())])
        found[task] = [Candidate(f"{split}-{task}-{i:06d}", task, about, record)
                       for i, (about, record) in enumerate(spread(pool, rng))]  # fmt: skip
    return found


def _labelled(path: str, split: str) -> list[dict[str, Any]]:
    records = read_rows(Path(path))
    for record in records:
        if "levels" not in record or "segments" not in record:
            raise EmotionThinkerError(f"{path} holds clips that were not measured; run training.label_prosody on it first.")
    if split == "train":
        require_trainable(records)
    return records


def _chats(path: str) -> list[dict[str, Any]]:
    """Chats without sound. Raises EmotionThinkerError for the first line that is none."""
    rows = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        try:
            turns = [(turn["role"], turn["content"]) for turn in json.loads(line)["messages"]]
            fit = turns[-1][0] == "assistant" and all(isinstance(content, str) and content for _, content in turns)
        except (ValueError, KeyError, TypeError, IndexError):
            fit = False
        if not fit:
            raise EmotionThinkerError(
                f'Line {number} of {path} is no chat; give {{"messages": [{{"role", "content"}}, …]}} that ends with the assistant.'
            )
        rows.append({"audio_path": "", "turns": turns})
    return rows


def _comparable(record: Mapping[str, Any], cue: str) -> bool:
    """Whether a cue of this clip is known well enough to be changed and found again."""
    if cue == "speed":
        return bool(record.get("words"))
    return bool(record.get("f0_reliable")) if cue == "pitch" else "energy" in ask.measured(record)


def build(candidate: Candidate, split: str, seed: int, style: PromptStyle, folder: Path) -> dict[str, Any]:
    """One example as it is written; a comparative one's sound is written first. Raises EmotionThinkerError, which says why not."""
    record = candidate.record
    rng = np.random.default_rng([seed, zlib.crc32(candidate.id.encode())])
    audio: list[dict[str, Any]] = []
    if candidate.task == "text" and "turns" in record:
        *before, (_, reply) = record["turns"]
        chat = [{"role": role, "content": [{"type": "text", "text": _plain(text)}]} for role, text in before]
        messages, reply = chat, _plain(reply)
    elif candidate.task == "text":
        messages, reply = ask.ask_without_sound(record, style, split, rng)
    else:
        _check_clip(record, style)
        audio = [{"path": record["audio_path"], "segments": record["segments"]}]
        if candidate.task == "stress":
            messages, reply = ask.ask_stress(record, split, rng)
        elif candidate.task == "attribute":
            messages, reply = ask.ask_attribute(record, candidate.about, split, rng)
        elif candidate.task == "asr":
            messages, reply = ask.ask_words(record, split, rng)
        elif candidate.task == "cot":
            messages, reply = ask.ask_emotion(record, style)
        else:
            clip = load_clip(record["audio_path"])
            span = choose_span(record["segments"], clip.duration_s, style.max_audio_s)
            sound, order = three_variants(record, hear(clip.samples, span), candidate.about, rng)
            duration_s = len(sound) / SAMPLE_RATE
            if duration_s > style.max_audio_s:
                raise Unusable(f"three variants are longer than the {style.max_audio_s:g} s that the model hears")
            messages, reply = ask.ask_order(candidate.about, order, split, rng)
            name = f"wav/{candidate.id}.wav"
            soundfile.write(folder / name, sound, SAMPLE_RATE, subtype="PCM_16")
            audio = [{"path": name, "segments": [[0.0, round(duration_s, 4)]]}]
    origin = {name: record.get(name) for name in ("dataset", "speaker", "audio_path")}
    return {"id": candidate.id, "task": candidate.task, "about": candidate.about, "split": split, **origin, "audio": audio,
            "messages": messages, "reply": reply}  # fmt: skip


def _check_clip(record: Mapping[str, Any], style: PromptStyle) -> None:
    if not Path(record["audio_path"]).is_file():
        raise Unusable("the file is missing")
    if record["segments"][-1][1] - record["segments"][0][0] > style.max_audio_s:
        raise Unusable(f"the speech is longer than the {style.max_audio_s:g} s that the model hears")


def _plain(text: str) -> str:
    """Nothing that a tokenizer takes for a control token; line ends stay, as in code or lists they carry meaning."""
    return text.replace("<|", "< |").replace("|>", "| >")


def _try(candidate: Candidate, **how: Any) -> dict[str, Any] | str:
    """The example, or why there is none: one clip of thousands must not end the run."""
    try:
        return build(candidate, **how)
    except EmotionThinkerError as error:
        return " ".join(str(error).split())


def fill(
    candidates: Sequence[Candidate], wanted: int, output: Path, dropped: Path, run: Any, chunk: int
) -> tuple[int, Counter[str]]:
    """Make examples in the candidates' order until there are `wanted`, those of earlier runs counted.

    run: candidates -> outcomes of `_try`, in order; `chunk` of them at a time. Returns how many there are now, and why others were
    dropped.
    """
    kept = {row["id"] for row in _rows(output)}
    reasons = {row["id"]: row["reason"] for row in _rows(dropped)}
    made = sum(candidate.id in kept for candidate in candidates)
    counts = Counter(reasons[c.id] for c in candidates if c.id in reasons)
    todo: Iterator[Candidate] = iter([c for c in candidates if c.id not in kept and c.id not in reasons])
    progress = Progress(wanted - made, made, f"{candidates[0].task} examples" if candidates else "examples")
    new = failed = 0
    while made < wanted and (part := list(islice(todo, min(chunk, wanted - made)))):
        for candidate, outcome in zip(part, run(part), strict=True):
            if isinstance(outcome, str):
                append_line(dropped, {"id": candidate.id, "audio_path": candidate.record["audio_path"], "reason": outcome})
                counts[outcome] += 1
                failed += 1
            else:
                append_line(output, outcome)
                made, new = made + 1, new + 1
        progress.show(new, failed)
    return made, counts


def _rows(path: Path) -> list[dict[str, Any]]:
    drop_unfinished_line(path)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line] if path.exists() else []


def shares_of(wanted: Mapping[str, float]) -> dict[str, float]:
    """The shares of the six tasks. Raises EmotionThinkerError unless they are of these and sum to one."""
    if set(wanted) != set(TASKS) or min(wanted.values()) < 0 or abs(sum(wanted.values()) - 1) > 1e-6:
        raise EmotionThinkerError(f"The shares are {dict(wanted)}; give one for each of {', '.join(TASKS)}, summing to 1.")
    return dict(wanted)


def make(recipe: Mapping[str, Any]) -> Path:
    """Make the examples of a recipe. Returns the folder. Raises EmotionThinkerError for settings or labels that do not fit."""
    data = recipe["data"]
    folder = Path(recipe["output"]) / "examples"
    style, _ = read_style(locate(recipe["start"])[0])
    shares, seed = shares_of(data["shares"]), int(data["seed"])
    sources = {split: settings(Sources, data[split], f"data.{split}") for split in SPLITS}
    for part in sources.values():
        if part.cot is None and (shares["cot"] or (shares["text"] and part.text is None)):
            raise EmotionThinkerError("The tasks cot and text need explanations: give data.train.cot and data.dev.cot.")
    if shares["comparative"] and not world.available():
        raise EmotionThinkerError("Comparative examples need pyworld-prebuilt: pip install -r requirements.txt, or share 0.")
    _same_settings(folder, {"shares": shares, "seed": seed, "style": asdict(style)}, sources)
    found = {split: candidates_of(part, style, split, seed) for split, part in sources.items()}
    speakers = [{str(c.record.get("speaker")) for tasks in found[split].values() for c in tasks if c.record["audio_path"]}
                for split in SPLITS]  # fmt: skip
    if shared := speakers[0] & speakers[1]:
        raise EmotionThinkerError(f"Speakers {', '.join(sorted(shared)[:5])} are in train and dev; keep each on one side.")
    (folder / "wav").mkdir(parents=True, exist_ok=True)
    lines = ["| split | task | asked for | made | dropped, with the reason |", "|---|---|---|---|---|"]
    workers = int(data["workers"])
    # Fresh processes: a fork of a process with running threads (onnxruntime has some) can hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for split in SPLITS:
            how = {"split": split, "seed": seed, "style": style, "folder": folder}
            for task in TASKS:
                wanted = round(shares[task] * sources[split].examples)
                run = partial(_outcomes, pool if task == "comparative" else None, how)
                made, dropped = fill(found[split][task], wanted, folder / f"{split}.jsonl", folder / f"{split}.dropped.jsonl", run,
                                     CHUNK_PER_WORKER * workers)  # fmt: skip
                if made < wanted:
                    print(f"{split}: {made} of {wanted} {task} examples, as there are no more clips for it", file=sys.stderr)
                why = "; ".join(f"{n} × {reason}" for reason, n in dropped.most_common()) or "none"
                lines.append(f"| {split} | {task} | {wanted} | {made} | {why} |")
    text = "\n".join(["# Examples", "", *lines, "", *_answers(folder)])
    write_whole(folder / "report.md", text + "\n")
    print(text)
    return folder


def _outcomes(pool: Executor | None, how: Mapping[str, Any], part: Sequence[Candidate]) -> list[dict[str, Any] | str]:
    """Only the comparative examples are worth another process: the others are text."""
    work = partial(_try, **how)
    return list(pool.map(work, part) if pool is not None else map(work, part))


def _same_settings(folder: Path, given: Mapping[str, Any], sources: Mapping[str, Sources]) -> None:
    """Keep what the examples were begun with; raise EmotionThinkerError where they were begun with something else."""
    files = {path for part in sources.values() for path in (part.labels, part.cot, part.asr, part.text) if path}
    for path in sorted(files):
        if not Path(path).is_file():
            raise EmotionThinkerError(f"There is no file {path}; make it with training.label_prosody and training.augment_cot.")
    digests = {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in sorted(files)}
    parts = {split: asdict(part) for split, part in sources.items()}
    text = json.dumps({**given, "sources": parts, "sha256": digests}, indent=1, sort_keys=True)
    file = folder / "settings.json"
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise EmotionThinkerError(
            f"The examples in {folder} were begun with other settings or labels; name another output, or delete that folder."
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(file, text)


def _answers(folder: Path) -> list[str]:
    """How often each answer occurs, where there are few, as Markdown lines."""
    lines = ["| split | asked about | answers |", "|---|---|---|"]
    for split in SPLITS:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for row in _rows(folder / f"{split}.jsonl"):
            if row["task"] in ("attribute", "comparative"):
                counts[f"{row['task']} {row['about']}"][row["reply"]] += 1
        for about, answers in sorted(counts.items()):
            lines.append(f"| {split} | {about} | {', '.join(f'{n} × {answer}' for answer, n in answers.most_common())} |")
    return lines


def main(argv: list[str] | None = None) -> int:
    """Write the tasks of prosody-enhanced SFT; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", required=True, help="recipe file of kind omni (training/recipes/base-*.yaml)")
    args, overrides = parser.parse_known_args(argv)
    try:
        recipe = read_recipe(args.recipe, overrides)
        with filling(Path(str(recipe["output"]))):
            make(recipe)
    except EmotionThinkerError as error:
        print(" ".join(error.whole.split()), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
