"""What is done of a recording, kept on disk line by line, so that a run that was stopped or killed goes on where it was.

The file is named after the content of the recording and everything that decides what is found in it: with another model,
other labels, or another way of asking, a run begins anew. A line that was cut off by a kill is dropped, and so is one that
`add` cannot have written, whatever damaged it: that utterance is done again.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.grounding import CONTRADICTED, NOT_CHECKABLE, SUPPORTED, Claim
from emotionthinker.loading import NANO_FOLDER
from emotionthinker.manifest import digest
from emotionthinker.settings import Settings
from emotionthinker.timeline.scoring import Segment
from emotionthinker.transcript import DEFAULT_RECOGNISER

FORMAT = 1  # raise it whenever the same recording would give other segments
ENDING = ".timeline.jsonl"

# What a segment's numbers can be at all, in the units of `Segment`; only damage gives others.
_CAN_BE = {
    "start_s": (0.0, 1e6), "end_s": (0.0, 1e6), "speech_s": (0.0, 1e6), "f0_median_hz": (1.0, 8000.0), "f0_range_st": (0.0, 200.0),
    "energy_dbfs": (-400.0, 40.0), "articulation_rate_pps": (0.0, 1e3), "est_snr_db": (-400.0, 400.0),
}
_SEGMENT, _CLAIMS = TypeAdapter(Segment), TypeAdapter(list[Claim])


class Store:
    """The finished segments of one recording under one way of asking: `get` one, `add` one."""

    def __init__(self, path: Path) -> None:
        """Read the file, or begin it. Raises EmotionThinkerError where its folder cannot be written."""
        self.path = path
        self._segments: dict[tuple[str, float, float], Segment] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._read(path)
            os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))  # told now, not after the first utterance
        except OSError as error:
            raise EmotionThinkerError(
                f"The folder {path.parent.name} cannot be written ({error.strerror}); choose another with --output."
            ) from error

    def __len__(self) -> int:
        return len(self._segments)

    def get(self, line: str, start_s: float, end_s: float) -> Segment | None:
        """The segment of this utterance (its line, start and end in seconds), or None where it is still to be done."""
        return self._segments.get((line, start_s, end_s))

    def add(self, segment: Segment) -> None:
        """Kept as soon as this returns, whatever happens to the process afterwards. Raises EmotionThinkerError."""
        text = json.dumps(segment.to_dict(), ensure_ascii=False, allow_nan=False)
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(text + "\n")
        except OSError as error:
            raise EmotionThinkerError(f"What is done of the recording cannot be kept ({error.strerror}); make room, and it goes on "
                                      "from the utterance before.") from error
        self._segments[segment.line, segment.start_s, segment.end_s] = segment

    def delete(self) -> None:
        """Remove the file: all is done, and kept elsewhere."""
        self.path.unlink(missing_ok=True)

    def _read(self, path: Path) -> None:
        if not path.is_file():
            return
        data = path.read_bytes()
        whole = data.rpartition(b"\n")[0] + b"\n" if b"\n" in data else b""
        if whole != data:  # cut off while it was written: the next line must not be glued to it
            os.truncate(path, len(whole))
        for text in whole.splitlines():
            try:
                segment = read_segment(text)
            except ValueError:
                continue
            self._segments[segment.line, segment.start_s, segment.end_s] = segment


def read_segment(text: bytes) -> Segment:
    """The segment of one line of the file. Raises ValueError for anything but what `Segment.to_dict` gives."""
    values = from_json(text, allow_inf_nan=False)  # depth is bounded there
    if not isinstance(values, dict) or set(values) != {f.name for f in fields(Segment)}:
        raise ValueError("not the fields of a segment")
    segment = _SEGMENT.validate_json(text, strict=True)
    claims = _CLAIMS.validate_json(json.dumps(segment.claims), strict=True)
    numbers = [(getattr(segment, name), low, high) for name, (low, high) in _CAN_BE.items()]
    if not (
        segment.start_s < segment.end_s
        and all(value is None or low <= value <= high for value, low, high in numbers)
        and all(math.isfinite(share) and -0.001 <= share <= 1.001 for share in segment.scores.values())
        and all(0 <= c.start_char < c.end_char <= len(segment.reasoning) for c in claims)
        and all(c.verdict in (SUPPORTED, CONTRADICTED, NOT_CHECKABLE) for c in claims)
    ):
        raise ValueError("not the numbers of a segment")
    return segment


def store_path(folder: Path, recording: str | Path, settings: Settings | None, options: Mapping[str, Any]) -> Path:
    """Where the segments of a recording are kept. settings: which model; None: none is asked. options: how it is asked."""
    key = {
        "format": FORMAT,
        "content": digest(Path(recording)),
        "model": None if settings is None else model_identity(settings),
        "recogniser": os.environ.get("ET_RECOGNISER") or DEFAULT_RECOGNISER,
        "options": dict(options),
    }
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
    return folder / f"{name}{ENDING}"


def model_identity(settings: Settings) -> Sequence[Any]:
    """What tells one model from another: its name, and of a folder also the size and the time of its weights."""
    if settings.endpoint:
        return [settings.endpoint, settings.model]
    folder = Path(settings.model) if settings.model else NANO_FOLDER
    weights = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(folder.glob("*.safetensors"))]
    return [str(folder), settings.dtype, settings.load_in_4bit, *weights]
