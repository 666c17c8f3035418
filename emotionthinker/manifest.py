"""The hashes of a model folder: a half-copied or damaged file is told by its name, before any of it is used.

    python -m emotionthinker.manifest FOLDER     # write them anew, after a file was changed on purpose

`SHA256SUMS` has the layout that `sha256sum --check SHA256SUMS` reads as well. It covers what decides what the model says: the
weights, the configuration and the vocabulary, and not the prompt style or the model card, which people may edit. A folder without
it loads unchecked. Reading and hashing Nano's 23 MB takes about .05 s on one core.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from emotionthinker.errors import ModelNotFound

MANIFEST = "SHA256SUMS"
COVERED = ("*.safetensors", "*.safetensors.index.json", "config.json", "tokenizer.json")
LINE = re.compile(r"([0-9a-f]{64})  ([^/\\\x00]+)")  # a name, never a path


def write_manifest(folder: str | Path) -> Path:
    """Hash the covered files of a model folder and keep that beside them. Raises ModelNotFound where there are none, OSError."""
    place = Path(folder)
    files = covered_files(place)
    if not any(file.suffix == ".safetensors" for file in files):
        raise ModelNotFound(f"{place.name or place} holds no weights (*.safetensors); give a folder that a model was saved in.")
    new = place / f".{MANIFEST}.new"
    new.write_text("".join(f"{digest(file)}  {file.name}\n" for file in files), encoding="utf-8", newline="\n")
    os.replace(new, place / MANIFEST)
    return place / MANIFEST


def check_manifest(folder: str | Path, name: str) -> None:
    """Hold a model folder against its manifest, where it has one. name: of the model, for people.

    Raises ModelNotFound, with the name of the first file that is missing or other than it was saved.
    """
    place = Path(folder)
    try:
        text = (place / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise _unreadable(name) from error
    for line in text.splitlines():
        found = LINE.fullmatch(line)
        if found is None:
            raise _unreadable(name)
        wanted, file = found.groups()
        try:
            fits = digest(place / file) == wanted
        except FileNotFoundError as error:
            raise ModelNotFound(f"The file {file} of the model {name} is missing; get the whole model again.") from error
        except OSError as error:
            said = error.strerror
            raise ModelNotFound(f"The file {file} of the model {name} cannot be read ({said}); check the disk.") from error
        if not fits:
            raise ModelNotFound(
                f"The file {file} of the model {name} is damaged or was changed (its SHA-256 is not the one in {MANIFEST}); get it "
                "again, or, if you changed it yourself, run `python -m emotionthinker.manifest FOLDER`."
            )


def covered_files(folder: Path) -> list[Path]:
    """The files of a model folder that a manifest covers, by name."""
    return sorted({file for pattern in COVERED for file in folder.glob(pattern) if file.is_file()})


def digest(file: Path) -> str:
    """SHA-256 of a file, in hex. Raises OSError."""
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _unreadable(name: str) -> ModelNotFound:
    return ModelNotFound(f"The {MANIFEST} of the model {name} is none; get the model again, or delete that file to load it "
                         "unchecked.")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the hashes of a model folder into it, after a change that was meant.")
    parser.add_argument("folder", metavar="FOLDER", help="the model folder, assets/nano for example")
    args = parser.parse_args(argv)
    try:
        print(write_manifest(args.folder))
    except ModelNotFound as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{MANIFEST} cannot be written there ({error.strerror}); check the folder.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
