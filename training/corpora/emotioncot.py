"""EmotionCoT annotations, as released or as made by the published pipeline: JSONL without sound.

A line names a clip of IEMOCAP, MELD, Expresso, MEAD, EARS or MSP-Podcast. Its path is looked for below `root`; who speaks, and
so the split, follows from the clip's name by the very rules of that corpus' reader, so that the same recording is on the same
side however it was read. MELD's and MSP-Podcast's names do not say who speaks: such lines need a `speaker`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emotionthinker.prompt import PUBLISHED_LABELS, canonical_label
from training.corpora.acted import EXPRESSO_SPEAKERS, ears_split
from training.corpora.conversations import iemocap_speaker, meld_speaker
from training.corpora.records import CorpusClip, CorpusError, hashed_split

# What the release and the published scripts call a field, the first found counts.
FIELDS: dict[str, tuple[str, ...]] = {
    "audio_path": ("audio_path", "audio", "wav_path", "path", "id"),
    "transcription": ("transcription", "text", "transcript"),
    "emotion": ("emotion", "gt", "groundtruth_emotion", "label"),
    "gender": ("gender", "gender_new", "speaker_gender"),
    "explanation": ("cot_analysis", "reasoning", "explanation"),
}
Who = tuple[str, str, str | None, str]  # dataset, speaker, sex, split


def read_emotioncot(path: Path) -> Iterator[CorpusClip]:
    """The records of one JSONL file, or of all in a folder; sound is looked for beside them."""
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    for file in files:
        root = file.parent
        for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
            if line.strip():
                yield _clip(_row(line, number, file), root, f"line {number} of {file.name}")


def _row(line: str, number: int, file: Path) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict) or _field(row, "audio_path") is None:
        raise CorpusError(f"Line {number} of {file} is no JSON object with one of {', '.join(FIELDS['audio_path'])}; correct it.")
    return row


def _field(row: Mapping[str, Any], name: str) -> str | None:
    found = next((row[key] for key in FIELDS[name] if isinstance(row.get(key), str) and row[key].strip()), None)
    return found.strip() if found else None


def _clip(row: Mapping[str, Any], root: Path, where: str) -> CorpusClip:
    named = Path(str(_field(row, "audio_path")))
    sound = named if named.is_absolute() else root / named
    who = speaker_of(row, named)
    emotion = (_field(row, "emotion") or "").lower()
    note = "" if emotion else "there is no emotion"
    if not sound.is_file():
        note = "the sound file is missing"
    if who is None:
        note = "neither its name nor a field says who speaks"
    sex = (_field(row, "gender") or "").lower()
    dataset, speaker, known_sex, split = who or (str(row.get("dataset") or "emotioncot"), f"unknown_{where}", None, "train")
    return CorpusClip(
        audio_path=str(sound), transcription=_field(row, "transcription"), emotion=emotion,
        label=canonical_label(emotion, PUBLISHED_LABELS) if emotion else None, dataset=dataset, speaker=speaker,
        sex=known_sex or (sex if sex in ("male", "female") else None), age=None, split=split, votes=None, usable=not note,
        note=note, explanation=_field(row, "explanation"))


def speaker_of(row: Mapping[str, Any], path: Path) -> Who | None:
    """(dataset, speaker, sex, split) of a line; None where nothing says who speaks.

    >>> speaker_of({}, Path("IEMOCAP/Ses05F_impro01_M003.wav"))
    ('iemocap', 'iemocap_Ses05M', 'male', 'test')
    >>> speaker_of({"dataset": "MELD", "speaker": "Joey"}, Path("dia0_utt1.wav"))
    ('meld', 'meld_joey', 'male', 'test')
    """
    if re.fullmatch(r"Ses0[1-5][FM]_\w+_[FM]\w*\d+", path.stem):
        return "iemocap", *iemocap_speaker(path.stem)
    if expresso := re.match(r"(ex0[1-4])_", path.stem):
        sex, split = EXPRESSO_SPEAKERS[expresso[1]]
        return "expresso", f"expresso_{expresso[1]}", sex, split
    if ears := next((m[0] for part in (path.parent.name, path.stem) if (m := re.match(r"p\d{3}(?=_|$)", part))), None):
        return "ears", f"ears_{ears}", None, ears_split(ears)
    if mead := next((m[0] for part in (*path.parts[::-1],) if (m := re.match(r"[MW]\d{3}(?=_|$)", part))), None):
        return "mead", f"mead_{mead}", "male" if mead[0] == "M" else "female", hashed_split(f"mead_{mead}")
    speaker, dataset = str(row.get("speaker") or "").strip(), str(row.get("dataset") or "").strip().lower()
    if speaker and dataset == "meld":
        found = meld_speaker(speaker)
        return ("meld", *found) if found else None
    if speaker and dataset in ("msp-podcast", "msp", "msp_podcast"):
        # The release's own split is in its table, not here: without it a known speaker's side cannot be told.
        split = str(row.get("split") or "")
        return ("msp-podcast", f"msp_{speaker}", None, split) if split in ("train", "dev", "test") else None
    if speaker and dataset:
        return dataset, f"{dataset}_{speaker}", None, hashed_split(f"{dataset}_{speaker}")
    return None
