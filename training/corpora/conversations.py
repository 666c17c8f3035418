"""Corpora of conversations, labelled by raters: the label lies in a table, not in the file's name.

    IEMOCAP      Session1/dialog/EmoEvaluation/Ses01F_impro01.txt, …/dialog/transcriptions/Ses01F_impro01.txt,
                 Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav
    MELD         train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv; train_splits/dia0_utt0.mp4,
                 dev_splits_complete/…, output_repeated_splits_test/… (or .wav in the same folders)
    MSP-Podcast  Labels/labels_consensus.csv, Audios/MSP-PODCAST_0001_0008.wav, Transcripts/MSP-PODCAST_0001_0008.txt

Sources: Busso et al. 2008; Poria et al. 2019 (github.com/declare-lab/MELD); Lotfian & Busso 2019.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from training.corpora.labels import IEMOCAP, MELD, MSP_PODCAST
from training.corpora.records import CorpusClip, CorpusError, audio_named, columns, hashed_split

# Whole sessions: the two speakers of one talk with each other. Session 5 for tests is the common choice.
IEMOCAP_SESSIONS = {"1": "train", "2": "train", "3": "train", "4": "dev", "5": "test"}
_TURN = re.compile(r"^\[\d+\.\d+ - \d+\.\d+\]\t(Ses0[1-5][FM]_\S+_([FM])\d+)\t(\w+)\t", re.MULTILINE)
_SAID = re.compile(r"^(Ses\S+) \[[^\]]*\]: ?(.*)$", re.MULTILINE)

MELD_FOLDERS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
# MELD's own splits hold the six main characters on each side, so ours is by speaker: one friend for choosing, one for tests.
MELD_FRIENDS = {
    "chandler": ("male", "train"), "monica": ("female", "train"), "rachel": ("female", "train"), "ross": ("male", "train"),
    "phoebe": ("female", "dev"), "joey": ("male", "test"),
}  # fmt: skip
_CROWD = re.compile(r"\b(?:and|all|both|everyone|everybody|others|guys|girls|group|audience|crowd)\b|[/&,]", re.IGNORECASE)

# Lotfian & Busso 2019; README of the release: no known speaker is in two of Train, Development and the tests.
MSP_SPLITS = {"Train": "train", "Development": "dev", "Test1": "test", "Test2": "test"}  # Test3 has no public labels


def iemocap_speaker(utterance: str) -> tuple[str, str, str]:
    """(speaker, sex, split) of an utterance such as Ses01F_impro01_M003.

    The letter before the number speaks; the one in the dialogue's name wore the motion-capture markers. Raises CorpusError.
    """
    found = re.fullmatch(r"Ses0([1-5])[FM]_\w+_([FM])\w*\d+", utterance)
    if found is None:
        raise CorpusError(f"{utterance!r} is no IEMOCAP utterance; names look like Ses01F_impro01_M003.")
    return f"iemocap_Ses0{found[1]}{found[2]}", "male" if found[2] == "M" else "female", IEMOCAP_SESSIONS[found[1]]


def read_iemocap(folder: Path) -> Iterator[CorpusClip]:
    """IEMOCAP. Turns on which the raters did not agree (xxx) carry no label and are not usable."""
    for labels in sorted(folder.glob("Session[1-5]/dialog/EmoEvaluation/*.txt")):
        if labels.name.startswith("."):
            continue
        session = labels.parents[2]
        said = session / "dialog" / "transcriptions" / labels.name
        texts = dict(_SAID.findall(said.read_text(encoding="utf-8"))) if said.is_file() else {}
        for utterance, _, code in _TURN.findall(labels.read_text(encoding="utf-8")):
            speaker, sex, split = iemocap_speaker(utterance)
            path = session / "sentences" / "wav" / labels.stem / f"{utterance}.wav"
            word = IEMOCAP.get(code)
            note = "" if word else "the raters did not agree"
            if not path.is_file():
                note = "the sound file is missing"
            emotion, label = word or ("", None)
            yield CorpusClip(
                audio_path=str(path), transcription=texts.get(utterance), emotion=emotion, label=label, dataset="iemocap",
                speaker=speaker, sex=sex, age=None, split=split, votes=None, usable=not note, note=note)


def meld_speaker(name: str) -> tuple[str, str | None, str] | None:
    """(speaker, sex, split) of a name in MELD's table; None where several people speak.

    Minor characters are split by their name, so that the same name is on one side in all three tables.
    """
    if not name.strip() or _CROWD.search(name):
        return None
    plain = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")
    speaker = f"meld_{plain}"
    sex, split = MELD_FRIENDS.get(plain, (None, hashed_split(speaker)))
    return speaker, sex, split


def read_meld(folder: Path) -> Iterator[CorpusClip]:
    """MELD, split by speaker; its own split is kept as `official_split`, for figures to be compared with published ones."""
    for official, sounds in MELD_FOLDERS.items():
        table = folder / f"{official}_sent_emo.csv"
        if not table.is_file():
            continue
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns(reader.fieldnames, ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID"), table)
            for row in reader:
                stem = folder / sounds / f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"
                path, who, word = audio_named(stem), meld_speaker(row["Speaker"]), MELD.get(row["Emotion"].strip().lower())
                note = "" if word else f"the label {row['Emotion']!r} is not known"
                if path is None:
                    note = "the sound file is missing"
                elif who is None:
                    note = "several people speak"
                speaker, sex, split = who or (f"meld_several_{stem.name}_{official}", None, "train")
                emotion, label = word or ("", None)
                yield CorpusClip(
                    audio_path=str(path or stem), transcription=_mended(row["Utterance"]), emotion=emotion, label=label,
                    dataset="meld", speaker=speaker, sex=sex, age=None, split=split, votes=None, usable=not note, note=note,
                    official_split=official)


def _mended(text: str) -> str:
    """The text with the quotation marks that the release's tables hold as Windows-1252 control characters."""
    return text.translate({0x91: "‘", 0x92: "’", 0x93: "“", 0x94: "”", 0x85: "…", 0x96: "–", 0x97: "—"})


def read_msp_podcast(folder: Path) -> Iterator[CorpusClip]:
    """MSP-Podcast with its own split. A clip of an unknown speaker could be of anyone's, so it is not usable.

    The label is what listeners agreed on by ear; nobody knows what was meant.
    """
    table = next((p for p in (folder / "Labels" / "labels_consensus.csv", folder / "labels_consensus.csv") if p.is_file()), None)
    if table is None:
        raise CorpusError(f"{folder} holds no Labels/labels_consensus.csv, so it is not MSP-Podcast; give the folder that does.")
    sounds = next((p for name in ("Audios", "Audio") if (p := folder / name).is_dir()), folder / "Audios")
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        columns(reader.fieldnames, ("FileName", "EmoClass", "SpkrID", "Gender", "Split_Set"), table)
        for row in reader:
            name, code = Path(row["FileName"]).stem, row["EmoClass"].strip()
            number, sex, own = row["SpkrID"].strip(), row["Gender"].strip().lower(), row["Split_Set"].strip()
            path, word, split = audio_named(sounds / name), MSP_PODCAST.get(code), MSP_SPLITS.get(own)
            note = "" if path else "the sound file is missing"
            if number.lower() in ("", "unknown"):
                note = "the speaker is unknown"
            elif word is None:
                note = "the raters did not agree"
            elif split is None:
                note = f"the split {own!r} has no public labels"
            said = folder / "Transcripts" / f"{name}.txt"
            emotion, label = word or ("", None)
            yield CorpusClip(
                audio_path=str(path or sounds / row["FileName"]), emotion=emotion, label=label, dataset="msp-podcast",
                transcription=said.read_text(encoding="utf-8").strip() if said.is_file() else None,
                speaker=f"msp_{number}" if number.isdigit() else f"msp_unknown_{name}",
                sex=sex if sex in ("male", "female") else None, age=None, split=split or "test", votes=None,
                usable=not note, note=note, official_split=own)
