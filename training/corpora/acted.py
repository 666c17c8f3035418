"""Corpora of actors, one speaker and one emotion a file, told by the file's name.

    Expresso  audio_48khz/read/ex01/confused/base/ex01_confused_00001.wav, read_transcriptions.txt
    MEAD      M003/audio/angry/level_1/001.m4a
    EARS      p001/emo_anger_sentences.wav, speaker_statistics.json, transcripts.json
    SAVEE     AudioData/DC/sa01.wav, or DC_sa01.wav
    TESS      OAF_angry/OAF_back_angry.wav, with or without the folder
    EmoDB     wav/03a01Wa.wav

Of Expresso the read part is read. Its dialogues hold two speakers in two channels of one long file, and a record is one
file with one speaker.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.corpora.labels import EARS, EMODB, EXPRESSO, MEAD, SAVEE, TESS, WHISPER
from training.corpora.records import CorpusClip, CorpusError, audio_below, hashed_split

# Expresso's own train/dev/test holds every speaker on each side (its README, "splitting rules"): ours is by speaker.
EXPRESSO_SPEAKERS = {"ex01": ("male", "train"), "ex02": ("female", "train"), "ex03": ("male", "dev"), "ex04": ("female", "test")}
# EARS-WHAM, Richter et al. 2024, sec. 3: p001–p099 train, p100 and p101 validation, p102–p107 test.
EARS_DEV, EARS_TEST = range(100, 102), range(102, 108)
SAVEE_SPLITS = {"DC": "train", "JE": "train", "JK": "dev", "KL": "test"}
TESS_SPEAKERS = {"YAF": (26, "train"), "OAF": (64, "dev")}  # two women; their ages are in the release's description
# number -> sex, age, split. Burkhardt et al. 2005, table of speakers.
EMODB_SPEAKERS = {
    "03": ("male", 31, "train"), "08": ("female", 34, "train"), "09": ("female", 21, "train"), "10": ("male", 32, "train"),
    "11": ("male", 26, "train"), "13": ("female", 32, "train"), "12": ("male", 30, "dev"), "14": ("female", 35, "dev"),
    "15": ("male", 25, "test"), "16": ("female", 31, "test"),
}  # fmt: skip
EMODB_SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}


def _clip(path: Path, word: tuple[str, str | None], dataset: str, speaker: str, split: str, **more: Any) -> CorpusClip:
    known: dict[str, Any] = {"transcription": None, "sex": None, "age": None, "votes": None, **more}
    return CorpusClip(audio_path=str(path), emotion=word[0], label=word[1], dataset=dataset, speaker=speaker, split=split, **known)


def read_expresso(folder: Path) -> Iterator[CorpusClip]:
    """Expresso's read speech; markup such as *emphasis* is taken off its words."""
    texts = {}
    listing = folder / "read_transcriptions.txt"
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8").splitlines():
            name, _, text = line.partition("\t")
            texts[name.strip()] = text.replace("*", "").strip()
    for path in audio_below(folder / "audio_48khz" / "read"):
        found = re.fullmatch(r"(ex0[1-4])_([a-z]+)(?:_[a-z]+)*_\d+", path.stem)
        if found is None or found[2] not in EXPRESSO:
            continue
        sex, split = EXPRESSO_SPEAKERS[found[1]]
        yield _clip(path, EXPRESSO[found[2]], "expresso", f"expresso_{found[1]}", split, sex=sex,
                    transcription=texts.get(path.stem))


def read_mead(folder: Path) -> Iterator[CorpusClip]:
    """MEAD's audio. Its words are not in the release's audio folders, so they are recognised."""
    for path in audio_below(folder):
        parts = path.parts[-5:]
        if len(parts) < 5 or parts[1] != "audio" or parts[2] not in MEAD or not re.fullmatch(r"[MW]\d{3}", parts[0]):
            continue
        speaker = f"mead_{parts[0]}"
        yield _clip(path, MEAD[parts[2]], "mead", speaker, hashed_split(speaker), sex="male" if parts[0][0] == "M" else "female")


def ears_split(speaker: str) -> str:
    """train, dev or test for an EARS speaker such as "p001"; the split of EARS-WHAM."""
    number = int(speaker[1:])
    return "dev" if number in EARS_DEV else "test" if number in EARS_TEST else "train"


def read_ears(folder: Path) -> Iterator[CorpusClip]:
    """EARS: the emotional recordings, and whispered reading as "whisper". Other styles and sounds carry no label."""
    people, texts = _json(folder / "speaker_statistics.json"), _json(folder / "transcripts.json")
    for path in audio_below(folder):
        speaker = path.parent.name
        if not re.fullmatch(r"p\d{3}", speaker):
            continue
        found = re.fullmatch(r"emo_([a-z]+)_(?:sentences|freeform)", path.stem)
        if found and found[1] in EARS:
            word = EARS[found[1]]
        elif re.fullmatch(r"(?:rainbow|sentences)_\d+_whisper", path.stem):
            word = WHISPER
        else:
            continue
        sex = str((people.get(speaker) or {}).get("gender", "")).lower()
        yield _clip(path, word, "ears", f"ears_{speaker}", ears_split(speaker), sex=sex if sex in ("male", "female") else None,
                    transcription=texts.get(path.stem))


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise CorpusError(f"{path} holds no JSON object; fetch it again from the release.")
    return found


def read_savee(folder: Path) -> Iterator[CorpusClip]:
    """SAVEE: four men. The release's texts are phonetic, so the words are recognised."""
    for path in audio_below(folder):
        found = re.fullmatch(r"(?:(DC|JE|JK|KL)_)?(sa|su|[adfhn])(\d\d)", path.stem)
        name = found and (found[1] or path.parent.name)
        if not found or name not in SAVEE_SPLITS:
            continue
        yield _clip(path, SAVEE[found[2]], "savee", f"savee_{name}", SAVEE_SPLITS[name], sex="male")


def read_tess(folder: Path) -> Iterator[CorpusClip]:
    """TESS: two women say "Say the word …". One file of the release is named OA_ for OAF_. There is no test speaker."""
    for path in audio_below(folder):
        found = re.fullmatch(r"(OAF?|YAF)_([a-z]+)_([a-z]+)", path.stem, re.IGNORECASE)
        if not found or found[3].lower() not in TESS:
            continue
        name = found[1].upper().removesuffix("F") + "F"
        age, split = TESS_SPEAKERS[name]
        yield _clip(path, TESS[found[3].lower()], "tess", f"tess_{name}", split, sex="female", age=age,
                    transcription=f"Say the word {found[2].lower()}.")


def read_emodb(folder: Path) -> Iterator[CorpusClip]:
    """The Berlin database, in German: its words are kept, and are not aligned by the English aligner."""
    for path in audio_below(folder):
        found = re.fullmatch(r"(\d\d)([ab]\d\d)([NFTWEAL])[a-z]?", path.stem)
        if not found or found[1] not in EMODB_SPEAKERS or found[2] not in EMODB_SENTENCES:
            continue
        sex, age, split = EMODB_SPEAKERS[found[1]]
        yield _clip(path, EMODB[found[3]], "emodb", f"emodb_{found[1]}", split, sex=sex, age=age, language="de",
                    transcription=EMODB_SENTENCES[found[2]])
