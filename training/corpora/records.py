"""The one kind of record that every corpus is read into, its JSONL, and the two guards: no speaker on two sides, and no
training on what is kept for evaluation."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

from emotionthinker.errors import EmotionThinkerError
from training.resumable import write_whole, writing

EVAL_ONLY = "eval-only"
SPLITS = ("train", "dev", "test", EVAL_ONLY)
TENTHS = ("train",) * 8 + ("dev", "test")
AUDIO_SUFFIXES = (".wav", ".flac", ".opus", ".ogg", ".mp3", ".m4a", ".mp4")


class CorpusError(EmotionThinkerError):
    """A corpus folder or record does not hold what is needed."""


@dataclass(frozen=True)
class CorpusClip:
    """One clip of a corpus. `asdict` of it is one line of the JSONL files that training reads."""

    audio_path: str  # absolute
    transcription: str | None  # None: the release gives no words, so the recogniser is asked
    emotion: str  # the corpus's own label in plain words: what the speaker meant, or what raters agreed on
    dataset: str
    speaker: str  # unique over all corpora, as in "crema_1001"
    sex: str | None  # "male", "female", None where the release does not say
    age: int | None  # years
    split: str  # one of SPLITS
    votes: dict[str, int] | None  # what listeners heard in the voice alone: emotion -> number of listeners
    usable: bool = True
    note: str = ""  # why it is not usable
    label: str | None = None  # the one of the nine published labels that `emotion` is, None where none fits
    language: str = "en"
    official_split: str | None = None  # the release's own split, where it is not ours because it shares speakers
    explanation: str | None = None  # where the release brings one


def hashed_split(speaker: str) -> str:
    """A fixed split for a speaker of a corpus without a table of its own: of ten speakers about eight are train, one dev,
    one test. The same name always lands on the same side, whatever else is in the folder.

    >>> [hashed_split(f"mead_M{number:03d}") for number in (3, 5, 7)]
    ['dev', 'train', 'train']
    """
    return TENTHS[zlib.crc32(speaker.encode()) % 10]


def keep_apart(clips: Iterable[CorpusClip]) -> list[CorpusClip]:
    """The clips, with every speaker who is on two sides kept on one: test before dev before train.

    Clips that had to go are marked as not usable. For releases whose own splits are taken over.
    """
    clips = list(clips)
    sides: dict[str, set[str]] = {}
    for clip in clips:
        if clip.usable:
            sides.setdefault(clip.speaker, set()).add(clip.split)
    out = []
    for clip in clips:
        kept = next((split for split in (EVAL_ONLY, "test", "dev", "train") if split in sides.get(clip.speaker, ())), clip.split)
        if clip.usable and clip.split != kept:
            clip = CorpusClip(**{**asdict(clip), "usable": False, "note": f"the speaker is also in {kept}"})
        out.append(clip)
    return out


def shared_speakers(records: Iterable[Mapping[str, Any] | CorpusClip]) -> set[str]:
    """The speakers who are in more than one split; there must be none."""
    sides: dict[str, set[str]] = {}
    for record in records:
        row = asdict(record) if isinstance(record, CorpusClip) else record
        sides.setdefault(str(row["speaker"]), set()).add(str(row["split"]))
    return {speaker for speaker, splits in sides.items() if len(splits) > 1}


def require_trainable(records: Iterable[Mapping[str, Any] | CorpusClip], also: Sequence[str] = ()) -> None:
    """Raise CorpusError if any record may not be trained on: only clips of a train split may, and none of RAVDESS.

    also: other splits that may be used, as dev is where something is chosen on it. A record that names no split is somebody's own
    clip and counts as train.
    """
    allowed = ("train", *also)
    for record in records:
        row = asdict(record) if isinstance(record, CorpusClip) else record
        if row.get("dataset") == "ravdess" or (row.get("split") or "train") not in allowed:
            raise CorpusError(f"{row.get('audio_path')} ({row.get('dataset')}, split {row.get('split')}) is kept for evaluation or "
                              f"choosing and may not be trained on; give split {' or '.join(allowed)}, none of RAVDESS.")


def audio_below(folder: Path, pattern: str = "*") -> list[Path]:
    """Sound files below a folder, sorted; hidden files that archives leave behind are none."""
    return sorted(p for p in folder.rglob(pattern) if p.suffix.lower() in AUDIO_SUFFIXES and not p.name.startswith("."))


def audio_named(stem: Path) -> Path | None:
    """The sound file of this path without suffix, whatever its format; sound before video. None without one."""
    return next((p for suffix in AUDIO_SUFFIXES if (p := stem.with_name(stem.name + suffix)).is_file()), None)


def write_jsonl(clips: Iterable[CorpusClip], path: str | Path) -> int:
    """Write one JSON object a line; returns how many."""
    lines = [json.dumps(asdict(clip), ensure_ascii=False) + "\n" for clip in clips]
    with writing(Path(path)):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(Path(path), "".join(lines))
    return len(lines)


def read_jsonl(path: str | Path) -> list[dict[str, Any]]:
    """All complete lines of a JSONL file. A last line without its end, left by a killed writer, is not one."""
    text = Path(path).read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].split("\n") if line.strip()]


def clip_seed(record: Mapping[str, Any]) -> int:
    """A number from the clip's file name: what is drawn for a clip is the same wherever its corpus lies."""
    return zlib.crc32(PurePath(record["audio_path"]).name.encode())


def columns(found: Sequence[str] | None, wanted: Iterable[str], file: Path) -> None:
    """Raise CorpusError unless a table has the columns that are wanted."""
    missing = sorted(set(wanted) - set(found or ()))
    if missing:
        raise CorpusError(f"{file} lacks the columns {', '.join(missing)}; add them.")
