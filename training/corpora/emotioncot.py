"""EmotionCoT annotations, as released or as made by the published pipeline: JSONL without sound.

A line names a clip of IEMOCAP, MELD, Expresso, MEAD, EARS or MSP-Podcast, or of another corpus that is read here. Its path is
looked for below `root`; who speaks, and so the split, follows from the clip's name, or from the fields `dataset` and `speaker`, by
the very rules of that corpus' reader, so that the same recording is on the same side however it was read. MELD's and MSP-Podcast's
names do not say who speaks: such lines need a `speaker`. Speakers of corpora that no reader knows are split by their name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emotionthinker.prompt import PUBLISHED_LABELS, canonical_label
from training.corpora.acted import EMODB_SPEAKERS, EXPRESSO_SPEAKERS, SAVEE_SPLITS, TESS_SPEAKERS, ears_split
from training.corpora.conversations import IEMOCAP_SESSIONS, iemocap_speaker, meld_speaker
from training.corpora.crema_ravdess import CREMA_DEV, CREMA_TEST, CREMA_TRAIN, CREMA_UNUSABLE, crema_split
from training.corpora.records import EVAL_ONLY, CorpusClip, CorpusError, hashed_split

# What the release and the published scripts call a field, the first found counts.
FIELDS: dict[str, tuple[str, ...]] = {
    "audio_path": ("audio_path", "audio", "wav_path", "path", "id"),
    "transcription": ("transcription", "text", "transcript"),
    "emotion": ("emotion", "gt", "groundtruth_emotion", "label"),
    "gender": ("gender", "gender_new", "speaker_gender"),
    "explanation": ("cot_analysis", "reasoning", "explanation"),
}
Who = tuple[str, str, str | None, str]  # dataset, speaker, sex, split
# Corpora whose file names say who speaks, in the first group. Those of Expresso, EARS, MEAD and IEMOCAP are in `speaker_of`.
CLIP_NAMES = {
    "crema-d": re.compile(r"(1\d{3})_[A-Z]{3}_[A-Z]{3}_[A-Z]{2}"),
    "ravdess": re.compile(r"0\d-0\d-0\d-0\d-0\d-0\d-(\d\d)"),
    "savee": re.compile(r"(DC|JE|JK|KL)_(?:sa|su|[adfhn])\d\d"),
    "tess": re.compile(r"(OAF?|YAF)_[A-Za-z]+_[A-Za-z]+"),
    "emodb": re.compile(r"(\d\d)[ab]\d\d[NFTWEAL][a-z]?"),
}
# Ways to write a corpus, without case, spaces and signs.
SPELLINGS = {
    "cremad": "crema-d", "crema": "crema-d", "ravdess": "ravdess", "savee": "savee", "tess": "tess", "emodb": "emodb",
    "berlin": "emodb", "expresso": "expresso", "mead": "mead", "ears": "ears", "iemocap": "iemocap", "meld": "meld",
    "msppodcast": "msp-podcast", "msp": "msp-podcast",
}  # fmt: skip


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
        note = "neither its name nor a field says who speaks, or the corpus has no such speaker"
    elif who[0] == "crema-d" and named.stem in CREMA_UNUSABLE:
        note = CREMA_UNUSABLE[named.stem]
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
    >>> speaker_of({"dataset": "CREMA-D", "speaker": "1049"}, Path("a.wav"))
    ('crema-d', 'crema_1049', None, 'dev')
    """
    if re.fullmatch(r"Ses0[1-5][FM]_\w+_[FM]\w*\d+", path.stem):
        return "iemocap", *iemocap_speaker(path.stem)
    if expresso := re.match(r"(ex0[1-4])_", path.stem):
        return known_speaker("expresso", expresso[1])
    if ears := next((m[0] for part in (path.parent.name, path.stem) if (m := re.match(r"p\d{3}(?=_|$)", part))), None):
        return known_speaker("ears", ears)
    if mead := next((m[0] for part in (*path.parts[::-1],) if (m := re.match(r"[MW]\d{3}(?=_|$)", part))), None):
        return known_speaker("mead", mead)
    for corpus, pattern in CLIP_NAMES.items():
        if named := pattern.fullmatch(path.stem):
            return known_speaker(corpus, named[1])
    speaker, dataset = str(row.get("speaker") or "").strip(), str(row.get("dataset") or "").strip().lower()
    if not speaker or not dataset:
        return None
    corpus = SPELLINGS.get(re.sub(r"[^a-z0-9]", "", dataset), "")
    if corpus == "meld":
        found = meld_speaker(speaker.removeprefix("meld_"))
        return ("meld", *found) if found else None
    if corpus == "msp-podcast":
        # The release's own split is in its table, not here: without it a known speaker's side cannot be told.
        split = str(row.get("split") or "")
        return (corpus, f"msp_{speaker.removeprefix('msp_')}", None, split) if split in ("train", "dev", "test") else None
    if corpus:
        return known_speaker(corpus, speaker)
    return dataset, f"{dataset}_{speaker}", None, hashed_split(f"{dataset}_{speaker}")


def known_speaker(corpus: str, name: str) -> Who | None:
    """A speaker by the corpus' own table and under its own name; None for one that the corpus does not have.

    name: with a prefix or without, as in "1049", "crema_1049", "crema-d_1049" and "Actor_01".
    """
    own = name.rpartition("_")[2].upper()
    number = int(own) if own.isdigit() else -1
    if corpus == "crema-d" and number in CREMA_TRAIN | CREMA_DEV | CREMA_TEST:
        return corpus, f"crema_{number}", None, crema_split(number)
    if corpus == "ravdess" and number in range(1, 25):
        return corpus, f"ravdess_{number:02d}", "male" if number % 2 else "female", EVAL_ONLY
    if corpus == "savee" and own in SAVEE_SPLITS:
        return corpus, f"savee_{own}", "male", SAVEE_SPLITS[own]
    if corpus == "tess" and (woman := own.removesuffix("F") + "F") in TESS_SPEAKERS:
        return corpus, f"tess_{woman}", "female", TESS_SPEAKERS[woman][1]
    if corpus == "emodb" and (two := f"{number:02d}") in EMODB_SPEAKERS:
        sex, _, split = EMODB_SPEAKERS[two]
        return corpus, f"emodb_{two}", sex, split
    if corpus == "expresso" and (low := own.lower()) in EXPRESSO_SPEAKERS:
        return corpus, f"expresso_{low}", *EXPRESSO_SPEAKERS[low]
    if corpus == "ears" and re.fullmatch(r"P\d{3}", own):
        return corpus, f"ears_{own.lower()}", None, ears_split(own)
    if corpus == "mead" and re.fullmatch(r"[MW]\d{3}", own):
        return corpus, f"mead_{own}", "male" if own[0] == "M" else "female", hashed_split(f"mead_{own}")
    if corpus == "iemocap" and (found := re.fullmatch(r"SES0([1-5])([MF])", own)):
        return corpus, f"iemocap_Ses0{found[1]}{found[2]}", "male" if found[2] == "M" else "female", IEMOCAP_SESSIONS[found[1]]
    return None
