"""Read speech corpora into one kind of record, with the split that every later step must keep.

    python -m training.corpora --corpus crema-d --root DIR --split train --output_path IN.jsonl

The official layouts of CREMA-D, RAVDESS, IEMOCAP, MELD, Expresso, MEAD, EARS, MSP-Podcast, SAVEE, TESS and EmoDB are read, as
their authors release them, and EmotionCoT's JSONL; CREMA-D and RAVDESS also as a folder with a `manifest.csv`. What a corpus
calls its emotions is in `labels`, each table with its source.

Splits are by speaker and fixed here, so that a different download, or a different manifest, cannot move a speaker from
one side to the other. RAVDESS is for evaluation only (CC BY-NC-SA 4.0): `require_trainable` refuses it, and every command that
fits weights or reference levels calls it, or takes what one that calls it has written.
"""

from training.corpora.command import READERS, main, read_all, read_corpus
from training.corpora.crema_ravdess import CREMA_DEV, CREMA_TEST, CREMA_TRAIN, crema_split
from training.corpora.records import (
    EVAL_ONLY,
    SPLITS,
    CorpusClip,
    CorpusError,
    clip_seed,
    hashed_split,
    keep_apart,
    read_jsonl,
    require_trainable,
    shared_speakers,
    write_jsonl,
)

SHARED_EMOTIONS = ("neutral", "happy", "sad", "angry", "disgust", "fear")  # in CREMA-D and in RAVDESS

__all__ = [
    "CREMA_DEV", "CREMA_TEST", "CREMA_TRAIN", "EVAL_ONLY", "READERS", "SHARED_EMOTIONS", "SPLITS", "CorpusClip", "CorpusError",
    "clip_seed", "crema_split", "hashed_split", "keep_apart", "main", "read_all", "read_corpus", "read_jsonl", "require_trainable",
    "shared_speakers", "write_jsonl",
]  # fmt: skip
