"""All corpora by name, and the command that writes one as JSONL."""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from emotionthinker.errors import EmotionThinkerError
from training.corpora.acted import read_ears, read_emodb, read_expresso, read_mead, read_savee, read_tess
from training.corpora.conversations import read_iemocap, read_meld, read_msp_podcast
from training.corpora.crema_ravdess import read_crema, read_ravdess
from training.corpora.emotioncot import read_emotioncot
from training.corpora.records import SPLITS, CorpusClip, CorpusError, keep_apart, write_jsonl

READERS: dict[str, Callable[[Path], Iterable[CorpusClip]]] = {
    "crema-d": read_crema,
    "ravdess": read_ravdess,
    "iemocap": read_iemocap,
    "meld": read_meld,
    "expresso": read_expresso,
    "mead": read_mead,
    "ears": read_ears,
    "msp-podcast": read_msp_podcast,
    "savee": read_savee,
    "tess": read_tess,
    "emodb": read_emodb,
    "emotioncot": read_emotioncot,
}


def read_all(corpus: str, root: str | Path) -> list[CorpusClip]:
    """Every clip of a corpus, also those that are not usable and say why; sorted by path, no speaker on two sides.

    corpus: a key of READERS. Raises CorpusError when the folder is not such a corpus.
    """
    if corpus not in READERS:
        raise CorpusError(f"Corpus {corpus!r} is not known; choose one of {', '.join(READERS)}.")
    folder = Path(root).resolve()
    if not folder.exists():
        raise CorpusError(f"There is no folder {root}; give the one that holds the corpus.")
    try:
        clips = keep_apart(READERS[corpus](folder))
    except (UnicodeDecodeError, csv.Error, KeyError, ValueError) as error:  # a table or a name that the release does not hold
        raise CorpusError(f"A file below {root} is not as {corpus} was released ({type(error).__name__}: {error}); fetch it again, "
                          "or take it out.") from error  # fmt: skip
    if not clips:
        raise CorpusError(f"No {corpus} clip was found in {root}; give the folder that holds the corpus as released, "
                          "or a manifest.csv.")
    return sorted(clips, key=lambda c: c.audio_path)


def read_corpus(corpus: str, root: str | Path, split: str | None = None) -> list[CorpusClip]:
    """The usable clips of a corpus below `root`, sorted by path; with `split`, only those of that split.

    corpus: a key of READERS. Raises CorpusError when the folder is not such a corpus.
    """
    if split is not None and split not in SPLITS:
        raise CorpusError(f"Split {split!r} is not known; choose one of {', '.join(SPLITS)}.")
    return [clip for clip in read_all(corpus, root) if clip.usable and split in (None, clip.split)]


def main(argv: list[str] | None = None) -> int:
    """Read a corpus into JSONL; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.corpora", description="Write a corpus as JSONL.")
    parser.add_argument("--corpus", required=True, choices=list(READERS))
    parser.add_argument("--root", required=True, help="folder of the corpus, official layout or with a manifest.csv")
    parser.add_argument("--split", choices=SPLITS, help="only this split; default: all")
    parser.add_argument("--output_path", required=True)
    args = parser.parse_args(argv)
    try:
        clips = read_all(args.corpus, args.root)
        n = write_jsonl((c for c in clips if c.usable and args.split in (None, c.split)), args.output_path)
    except EmotionThinkerError as error:
        print(" ".join(error.whole.split()), file=sys.stderr)
        return 2
    print(f"{n} clips written to {args.output_path}")
    for reason, count in Counter(clip.note for clip in clips if not clip.usable).most_common():
        print(f"{count} clips left out: {reason}")
    return 0
