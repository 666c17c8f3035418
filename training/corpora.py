"""Read speech corpora into one kind of record, with the split that every later step must keep.

Two layouts of each corpus are read: the official one, as its authors release it, and a folder with a `manifest.csv`.

    CREMA-D   AudioWAV/1001_DFA_ANG_XX.wav, VideoDemographics.csv, processedResults/tabulatedVotes.csv
    RAVDESS   Actor_01/03-01-05-01-01-01-01.wav
    manifest  columns path, emotion, speaker, sex, age, text; CREMA-D also voice_votes, usable, note

Splits are by speaker and fixed here, so that a different download, or a different manifest, cannot move a speaker from
one side to the other. RAVDESS is for evaluation only (CC BY-NC-SA 4.0): `require_trainable` refuses it, and every
command that fits anything calls it.

    python -m training.corpora --corpus crema-d --root DIR --split train --output_path IN.jsonl

Sources: Cao et al. 2014, CREMA-D (https://github.com/CheyneyComputerScience/CREMA-D); Livingstone & Russo 2018, RAVDESS
(https://doi.org/10.5281/zenodo.1188976).
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emotionthinker.errors import EmotionThinkerError

SHARED_EMOTIONS = ("neutral", "happy", "sad", "angry", "disgust", "fear")  # in CREMA-D and in RAVDESS
EVAL_ONLY = "eval-only"
SPLITS = ("train", "dev", "test", EVAL_ONLY)

CREMA_EMOTIONS = {"NEU": "neutral", "HAP": "happy", "SAD": "sad", "ANG": "angry", "DIS": "disgust", "FEA": "fear"}
CREMA_VOTE_COLUMNS = {"A": "angry", "D": "disgust", "F": "fear", "H": "happy", "N": "neutral", "S": "sad"}
CREMA_SENTENCES = {
    "DFA": "Don't forget a jacket.",
    "IEO": "It's eleven o'clock.",
    "IOM": "I'm on my way to the meeting.",
    "ITH": "I think I have a doctor's appointment.",
    "ITS": "I think I've seen this before.",
    "IWL": "I would like a new alarm clock.",
    "IWW": "I wonder what this is about.",
    "MTI": "Maybe tomorrow it will be cold.",
    "TAI": "The airplane is almost full.",
    "TIE": "That is exactly what happened.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
# Clips of the official release that cannot carry their label: one is silent, three pairs are the same audio twice.
CREMA_UNUSABLE = {
    "1076_MTI_SAD_XX": "silent",
    "1006_TIE_HAP_XX": "identical audio to 1006_TIE_NEU_XX",
    "1006_TIE_NEU_XX": "identical audio to 1006_TIE_HAP_XX",
    "1013_WSI_DIS_XX": "identical audio to 1013_WSI_SAD_XX",
    "1013_WSI_SAD_XX": "identical audio to 1013_WSI_DIS_XX",
    "1017_IWW_ANG_XX": "identical audio to 1017_IWW_FEA_XX",
    "1017_IWW_FEA_XX": "identical audio to 1017_IWW_ANG_XX",
}
CREMA_DEV = frozenset({1049, 1053, 1054, 1055, 1058, 1059, 1061, 1062, 1063, 1064, 1065, 1066, 1067, 1068, 1070, 1075,
                       1080, 1085})
CREMA_TEST = frozenset({1048, 1069, 1071, 1074, 1076, 1077, 1078, 1079, 1082, 1083, 1084, 1086, 1087, 1088, 1089, 1090,
                        1091})
CREMA_TRAIN = frozenset(range(1001, 1092)) - CREMA_DEV - CREMA_TEST  # 56 speakers

RAVDESS_EMOTIONS = {"01": "neutral", "02": "calm", "03": "happy", "04": "sad", "05": "angry", "06": "fear",
                    "07": "disgust", "08": "surprise"}
RAVDESS_SENTENCES = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
AUDIO_SUFFIXES = (".wav", ".flac", ".opus", ".ogg", ".mp3")


class CorpusError(EmotionThinkerError):
    """A corpus folder or record does not hold what is needed."""


@dataclass(frozen=True)
class CorpusClip:
    """One clip of a corpus. `asdict` of it is one line of the JSONL files that training reads."""

    audio_path: str  # absolute
    transcription: str
    emotion: str  # what the speaker meant to express
    dataset: str
    speaker: str
    sex: str  # "male" or "female"
    age: int | None  # years
    split: str  # one of SPLITS
    votes: dict[str, int] | None  # what listeners heard in the voice alone: emotion -> number of listeners
    usable: bool = True
    note: str = ""


def crema_split(speaker: int | str) -> str:
    """train, dev or test for a CREMA-D actor, given as 1001 or "crema_1001". Raises CorpusError for any other."""
    digits = str(speaker).rpartition("_")[2]
    number = int(digits) if digits.isdigit() else -1
    for split, speakers in (("train", CREMA_TRAIN), ("dev", CREMA_DEV), ("test", CREMA_TEST)):
        if number in speakers:
            return split
    raise CorpusError(f"{speaker!r} is not a CREMA-D actor; actors are 1001 to 1091: check the file's name.")


def read_corpus(corpus: str, root: str | Path, split: str | None = None) -> list[CorpusClip]:
    """All usable clips of a corpus below `root`, sorted by path; with `split`, only those of that split.

    corpus: "crema-d" or "ravdess". Raises CorpusError when the folder is not such a corpus.
    """
    readers = {"crema-d": (_crema_manifest, _crema_official), "ravdess": (_ravdess_manifest, _ravdess_official)}
    if corpus not in readers:
        raise CorpusError(f"Corpus {corpus!r} is not known; choose one of {', '.join(readers)}.")
    if split is not None and split not in SPLITS:
        raise CorpusError(f"Split {split!r} is not known; choose one of {', '.join(SPLITS)}.")
    folder = Path(root).resolve()
    from_manifest, from_official = readers[corpus]
    clips = list(from_manifest(folder) if (folder / "manifest.csv").is_file() else from_official(folder))
    if not clips:
        raise CorpusError(f"No {corpus} clip was found in {root}; give the folder that holds the corpus as released, "
                          "or a manifest.csv.")
    chosen = (c for c in clips if c.usable and split in (None, c.split))
    return sorted(chosen, key=lambda c: c.audio_path)


def require_trainable(records: Iterable[Mapping[str, Any] | CorpusClip]) -> None:
    """Raise CorpusError if any record may not be trained on: an evaluation-only corpus, or a split kept for tests."""
    for record in records:
        row = asdict(record) if isinstance(record, CorpusClip) else record
        if row.get("dataset") == "ravdess" or row.get("split") in (EVAL_ONLY, "test"):
            raise CorpusError(f"{row.get('audio_path')} ({row.get('dataset')}, split {row.get('split')}) is kept for "
                              "evaluation and may not be trained on; give clips of CREMA-D train.")


def write_jsonl(clips: Iterable[CorpusClip], path: str | Path) -> int:
    """Write one JSON object a line; returns how many."""
    lines = [json.dumps(asdict(clip), ensure_ascii=False) + "\n" for clip in clips]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("".join(lines), encoding="utf-8")
    return len(lines)


def read_jsonl(path: str | Path) -> list[dict[str, Any]]:
    """All complete lines of a JSONL file. A last line without its end, left by a killed writer, is not one."""
    text = Path(path).read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].split("\n") if line.strip()]


def _manifest_rows(folder: Path) -> Iterator[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = {"path", "emotion", "speaker", "sex", "text"} - set(reader.fieldnames or ())
        if missing:
            raise CorpusError(f"{folder / 'manifest.csv'} lacks the columns {', '.join(sorted(missing))}; add them.")
        yield from reader


def _parse_votes(text: str) -> dict[str, int] | None:
    """'angry:6 disgust:2' -> {"angry": 6, "disgust": 2}; None without any vote."""
    pairs = (item.split(":") for item in text.split())
    votes = {emotion: int(n) for emotion, n in pairs}
    return votes if any(votes.values()) else None


def _age(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdigit() else None


def _crema_manifest(folder: Path) -> Iterator[CorpusClip]:
    for row in _manifest_rows(folder):
        yield CorpusClip(
            audio_path=str(folder / row["path"]), transcription=row["text"], emotion=row["emotion"], dataset="crema-d",
            speaker=row["speaker"], sex=row["sex"], age=_age(row.get("age")), split=crema_split(row["speaker"]),
            votes=_parse_votes(row.get("voice_votes") or ""), usable=row.get("usable", "1") != "0",
            note=row.get("note") or "")


def _crema_official(folder: Path) -> Iterator[CorpusClip]:
    demographics = folder / "VideoDemographics.csv"
    if not demographics.is_file():
        raise CorpusError(f"{folder} holds neither manifest.csv nor VideoDemographics.csv, so it is not CREMA-D; give "
                          "the folder that holds AudioWAV and VideoDemographics.csv.")
    with demographics.open(encoding="utf-8-sig", newline="") as file:
        people = {row["ActorID"]: row for row in csv.DictReader(file)}
    votes = _crema_votes(folder / "processedResults" / "tabulatedVotes.csv")
    for path in sorted((folder / "AudioWAV").glob("*.wav")):
        actor, sentence, emotion, _ = path.stem.split("_")
        person = people[actor]
        yield CorpusClip(
            audio_path=str(path), transcription=CREMA_SENTENCES[sentence], emotion=CREMA_EMOTIONS[emotion],
            dataset="crema-d", speaker=f"crema_{actor}", sex=person["Sex"].strip().lower(), age=_age(person["Age"]),
            split=crema_split(actor), votes=votes.get(path.stem), usable=path.stem not in CREMA_UNUSABLE,
            note=CREMA_UNUSABLE.get(path.stem, ""))


def _crema_votes(path: Path) -> dict[str, dict[str, int]]:
    """Votes of the listeners who had the voice alone: rows 100001 to 199999 of the table, by file name."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        key = (reader.fieldnames or [""])[0]
        return {
            row["fileName"]: {emotion: int(float(row[column] or 0)) for column, emotion in CREMA_VOTE_COLUMNS.items()}
            for row in reader if row[key].isdigit() and int(row[key]) // 100_000 == 1
        }


def _ravdess_manifest(folder: Path) -> Iterator[CorpusClip]:
    for row in _manifest_rows(folder):
        yield CorpusClip(
            audio_path=str(folder / row["path"]), transcription=row["text"], emotion=row["emotion"], dataset="ravdess",
            speaker=row["speaker"], sex=row["sex"], age=_age(row.get("age")), split=EVAL_ONLY, votes=None)


def _ravdess_official(folder: Path) -> Iterator[CorpusClip]:
    paths = (p for p in folder.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)
    for path in sorted(paths):
        parts = path.stem.split("-")
        if len(parts) != 7 or parts[:2] != ["03", "01"]:  # 03: sound without picture, 01: speech, not song
            continue
        actor = parts[6]
        yield CorpusClip(
            audio_path=str(path), transcription=RAVDESS_SENTENCES[parts[4]], emotion=RAVDESS_EMOTIONS[parts[2]],
            dataset="ravdess", speaker=f"ravdess_{actor}", sex="male" if int(actor) % 2 else "female", age=None,
            split=EVAL_ONLY, votes=None)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.corpora", description="Write a corpus as JSONL.")
    parser.add_argument("--corpus", required=True, choices=["crema-d", "ravdess"])
    parser.add_argument("--root", required=True, help="folder of the corpus, official layout or with a manifest.csv")
    parser.add_argument("--split", choices=SPLITS, help="only this split; default: all")
    parser.add_argument("--output_path", required=True)
    args = parser.parse_args(argv)
    try:
        n = write_jsonl(read_corpus(args.corpus, args.root, args.split), args.output_path)
    except EmotionThinkerError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{n} clips written to {args.output_path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
