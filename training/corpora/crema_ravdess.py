"""CREMA-D and RAVDESS, in their official layouts and as a folder with a `manifest.csv`.

    CREMA-D   AudioWAV/1001_DFA_ANG_XX.wav, VideoDemographics.csv, processedResults/tabulatedVotes.csv
    RAVDESS   Actor_01/03-01-05-01-01-01-01.wav
    manifest  columns path, emotion, speaker, sex, age, text; CREMA-D also voice_votes, usable, note

Sources: Cao et al. 2014, CREMA-D (github.com/CheyneyComputerScience/CREMA-D); Livingstone & Russo 2018, RAVDESS
(doi 10.5281/zenodo.1188976).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from training.corpora.labels import CREMA, RAVDESS, published_label
from training.corpora.records import EVAL_ONLY, CorpusClip, CorpusError, audio_below, columns

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

RAVDESS_SENTENCES = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}


def crema_split(speaker: int | str) -> str:
    """train, dev or test for a CREMA-D actor, given as 1001 or "crema_1001". Raises CorpusError for any other."""
    digits = str(speaker).rpartition("_")[2]
    number = int(digits) if digits.isdigit() else -1
    for split, speakers in (("train", CREMA_TRAIN), ("dev", CREMA_DEV), ("test", CREMA_TEST)):
        if number in speakers:
            return split
    raise CorpusError(f"{speaker!r} is not a CREMA-D actor; actors are 1001 to 1091: check the file's name.")


def read_crema(folder: Path) -> Iterator[CorpusClip]:
    """CREMA-D, from its manifest where there is one."""
    return _crema_manifest(folder) if (folder / "manifest.csv").is_file() else _crema_official(folder)


def read_ravdess(folder: Path) -> Iterator[CorpusClip]:
    """RAVDESS's speech without pictures and without song, for evaluation only."""
    return _ravdess_manifest(folder) if (folder / "manifest.csv").is_file() else _ravdess_official(folder)


def _manifest_rows(folder: Path) -> Iterator[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns(reader.fieldnames, ("path", "emotion", "speaker", "sex", "text"), folder / "manifest.csv")
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
        known = CREMA_UNUSABLE.get(Path(row["path"]).stem, "")  # also of a manifest that does not know of them
        yield CorpusClip(
            audio_path=str(folder / row["path"]), transcription=row["text"], emotion=row["emotion"],
            label=published_label(row["emotion"]), dataset="crema-d",
            speaker=f"crema_{row['speaker'].rpartition('_')[2]}", sex=row["sex"], age=_age(row.get("age")),
            split=crema_split(row["speaker"]),
            votes=_parse_votes(row.get("voice_votes") or ""), usable=row.get("usable", "1") != "0" and not known,
            note=row.get("note") or known)


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
            audio_path=str(path), transcription=CREMA_SENTENCES[sentence], emotion=CREMA[emotion][0],
            label=CREMA[emotion][1], dataset="crema-d", speaker=f"crema_{actor}",
            sex=person["Sex"].strip().lower(), age=_age(person["Age"]),
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
            audio_path=str(folder / row["path"]), transcription=row["text"], emotion=row["emotion"],
            label=published_label(row["emotion"]), dataset="ravdess",
            speaker=row["speaker"], sex=row["sex"], age=_age(row.get("age")), split=EVAL_ONLY, votes=None)


def _ravdess_official(folder: Path) -> Iterator[CorpusClip]:
    for path in audio_below(folder):
        parts = path.stem.split("-")
        if len(parts) != 7 or parts[:2] != ["03", "01"]:  # 03: sound without picture, 01: speech, not song
            continue
        actor = parts[6]
        yield CorpusClip(
            audio_path=str(path), transcription=RAVDESS_SENTENCES[parts[4]], emotion=RAVDESS[parts[2]][0],
            label=RAVDESS[parts[2]][1], dataset="ravdess", speaker=f"ravdess_{actor}",
            sex="male" if int(actor) % 2 else "female", age=None,
            split=EVAL_ONLY, votes=None)


