"""Clips and items on their way into the store. A clip is kept under the hash of its content, so the same one is kept once."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotate import clock
from annotate.errors import AnnotateError, StoreError
from annotate.records import DIMENSIONS, PURPOSES, Project
from annotate.settings import ProjectSettings
from annotate.store import Store, insert, log_event, sha256_of
from emotionthinker.audio import Clip, load_clip

MAX_EXPLANATION = 20_000  # characters; about 3,000 words
MAX_TRANSCRIPT = 20_000
MAX_ANSWER = 2000  # what stands in a question; a model that fails may answer at length
MAX_NAME = 200  # of a model, a speaker, an emotion
SUFFIXES = ("wav", "flac", "mp3", "ogg", "opus", "m4a", "webm")


@dataclass(frozen=True)
class KeptClip:
    """A clip in the store's folder, and its sound."""

    sha256: str
    clip: Clip


@dataclass(frozen=True)
class NewItem:
    """An item as it comes in; fields as in `records.Item`."""

    clip_sha256: str
    prosody: dict[str, Any]
    explanation: str
    model_id: str
    source: str
    transcript: str | None = None
    answer: str | None = None
    speaker: str | None = None
    gold_emotion: str | None = None
    reward_scores: dict[str, float] | None = None
    purpose: str = "work"
    swapped_from: int | None = None
    expected: dict[str, Any] | None = None


def keep_clip(store: Store, path: Path) -> KeptClip:
    """Copy a sound file into the store's folder, unless it is there. It is decoded first: nothing unreadable comes in.

    The copy is on the disk before the row that names it is. Raises AudioError subclasses and StoreError.
    """
    clip = load_clip(path)
    suffix = path.suffix.lower().lstrip(".")
    if suffix not in SUFFIXES:
        suffix = "wav"  # browsers go by content; the name only has to be harmless
    return KeptClip(keep_sound(store, path.read_bytes(), suffix, clip.duration_s), clip)


def keep_sound(store: Store, data: bytes, suffix: str, duration_s: float) -> str:
    """The same for the bytes of a file that was decoded before; gives their SHA-256. suffix: one of SUFFIXES. Raises StoreError."""
    sha256 = sha256_of(data)
    known = store.row("SELECT suffix FROM clips WHERE sha256 = ?", [sha256])
    target = store.clips / f"{sha256}.{suffix if known is None else known['suffix']}"
    if not target.is_file():
        write_durably(target, data)
    if known is None:
        with store.transaction() as db:
            db.conn.execute("INSERT OR IGNORE INTO clips VALUES (?, ?, ?, ?, ?)",
                            [sha256, suffix, len(data), round(duration_s, 4), clock.utc_now()])
    return sha256


def write_durably(target: Path, data: bytes) -> None:
    """Write a whole file or none: a crash leaves no half of it under its name. Raises StoreError."""
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StoreError(f"The file {target.name[:20]} could not be written ({error.strerror}); make room there.") from error


def add_item(store: Store, project: Project, item: NewItem) -> tuple[int, str]:
    """Put an item into a project: (its id, "new"), or (the id it had, "known") where the very same one is there already.

    An item that comes again with reward scores it did not have, or with others, gets these: (id, "scores"). Raises AnnotateError.
    """
    check_item(item)
    mark = fingerprint(item)
    scores = None if item.reward_scores is None else json.dumps(item.reward_scores, allow_nan=False, sort_keys=True)
    with store.transaction() as db:
        known = db.conn.execute("SELECT id, reward_scores FROM items WHERE project_id = ? AND fingerprint = ?",
                                [project.id, mark]).fetchone()
        if known is not None:
            if scores is None or known["reward_scores"] == scores:
                return known["id"], "known"
            db.table("items").update(known["id"], {"reward_scores": scores})
            log_event(db, "reward scores set", project_id=project.id, item=known["id"], before=known["reward_scores"])
            return known["id"], "scores"
        item_id = insert(db, "items", {
            "project_id": project.id, "fingerprint": mark, "clip_sha256": item.clip_sha256, "speaker": item.speaker,
            "model_id": item.model_id, "answer": item.answer, "gold_emotion": item.gold_emotion, "reward_scores": scores,
            "source": item.source, "purpose": item.purpose, "swapped_from": item.swapped_from,
            "expected": None if item.expected is None else json.dumps(item.expected, allow_nan=False),
            "words": len(item.explanation.split()), "draw": draw(ProjectSettings.of(project).seed, mark), "added": clock.utc_now(),
            "transcript": item.transcript, "explanation": item.explanation,
            "prosody": json.dumps(item.prosody, ensure_ascii=False, allow_nan=False),
        })
    return item_id, "new"


def add_pair(store: Store, project: Project, one: int, other: int) -> tuple[int, str]:
    """A pair of two items of the same clip: (id, "new") or (id, "known"). Raises AnnotateError."""
    item_a, item_b = sorted((one, other))
    with store.transaction() as db:
        clips = db.conn.execute("SELECT clip_sha256 FROM items WHERE id IN (?, ?) AND project_id = ? AND purpose = 'work'",
                                [item_a, item_b, project.id]).fetchall()
        if len(clips) != 2 or clips[0][0] != clips[1][0]:
            raise AnnotateError(f"Items {item_a} and {item_b} are no two explanations of one clip in project {project.name!r}.")
        known = db.conn.execute("SELECT id FROM pairs WHERE item_a = ? AND item_b = ?", [item_a, item_b]).fetchone()
        if known is not None:
            return known["id"], "known"
        place = draw(ProjectSettings.of(project).seed, f"pair {item_a} {item_b}")
        pair_id = insert(db, "pairs", {"project_id": project.id, "item_a": item_a, "item_b": item_b, "draw": place,
                                       "added": clock.utc_now()})
    return pair_id, "new"


def fingerprint(item: NewItem) -> str:
    """What makes an item the same item: clip, words, explanation, answer, model and purpose."""
    parts = [item.clip_sha256, item.transcript, item.explanation, item.answer, item.model_id, item.purpose]
    return sha256_of(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def draw(seed: int, text: str) -> int:
    """A number from 0 to 2^31 - 1 that depends on nothing but these: a place in a shuffled order, the same on every machine."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{text}".encode()).digest()[:4], "big") >> 1


def check_item(item: NewItem) -> None:
    """Raises AnnotateError for an item that cannot be rated or stored."""
    if item.purpose not in PURPOSES:
        raise AnnotateError(f"The purpose is {item.purpose[:40]!r}, but it must be one of {', '.join(PURPOSES)}.")
    if not item.explanation.strip():
        raise AnnotateError("The explanation is empty; there is nothing to rate.")
    if len(item.explanation) > MAX_EXPLANATION:
        raise AnnotateError(f"The explanation has {len(item.explanation)} characters; at most {MAX_EXPLANATION} can be rated.")
    for what, text, most in (("transcription", item.transcript, MAX_TRANSCRIPT), ("answer", item.answer, MAX_ANSWER)):
        if text is not None and len(text) > most:
            raise AnnotateError(f"The {what} has {len(text)} characters; at most {most} can be shown.")
    names = (("model", item.model_id), ("speaker", item.speaker), ("gold emotion", item.gold_emotion))
    for what, name in names:  # they are printed in terminals, where control characters would act
        if name is not None and (len(name) > MAX_NAME or not name.isprintable()):
            raise AnnotateError(f"The name of the {what} must have at most {MAX_NAME} printable characters; {name[:20]!r} has not.")
    texts = (item.explanation, item.transcript, item.answer, item.model_id, item.speaker, item.gold_emotion, item.source)
    try:
        "".join(text for text in texts if text).encode("utf-8")
    except UnicodeEncodeError as error:
        raise AnnotateError("A text holds half of a character (a lone surrogate); write it as UTF-8.") from error
    for name, score in (item.reward_scores or {}).items():
        if name not in (*DIMENSIONS, "overall"):
            raise AnnotateError(f"There is no reward score {name[:40]!r}; the scores are {', '.join(DIMENSIONS)} and overall.")
        if isinstance(score, bool) or not isinstance(score, int | float) or not -1e6 < score < 1e6:
            raise AnnotateError(f"The reward score {name} is {str(score)[:40]!r}, but a number is needed.")
