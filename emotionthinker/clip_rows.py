"""Reading the JSONL of clips that every run over many of them takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from emotionthinker.errors import EmotionThinkerError


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Input rows, each with an `audio_path`. The last line may lack its line end here: people write such files by hand.

    Raises EmotionThinkerError for a file that cannot be read and for the first line that is no such object.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise EmotionThinkerError(f"{path} cannot be read; give a JSONL file with an audio_path a line.") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("audio_path"), str):
            raise EmotionThinkerError(f"Line {number} of {path} is no JSON object with an audio_path; correct it.")
        rows.append(row)
    return rows
