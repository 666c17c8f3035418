"""Label records as rows of ms-swift: the published prompt, the clip, the gold label and the labels to choose from.

    python -m training.plugins.swift_data --input_path LABELS.jsonl --output_path SWIFT.jsonl
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.prompt import PUBLISHED_LABELS, PUBLISHED_QUESTION, PUBLISHED_SYSTEM_PROMPT, canonical_label
from training.corpora import require_trainable
from training.resumable import read_rows, write_whole


def swift_row(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """One row; None where the record's emotion is none of the nine. `<audio>` in the question is where ms-swift puts the clip."""
    label = record.get("label") or canonical_label(str(record.get("emotion") or ""), PUBLISHED_LABELS)
    if label is None:
        return None
    question = PUBLISHED_QUESTION.replace("{labels}", ", ".join(PUBLISHED_LABELS))
    return {"messages": [{"role": "system", "content": PUBLISHED_SYSTEM_PROMPT}, {"role": "user", "content": question}],
            "audios": [record["audio_path"]], "solution": label, "labels": list(PUBLISHED_LABELS)}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Write the rows as ms-swift reads them; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.plugins.swift_data", description="Label records as rows of ms-swift.")
    parser.add_argument("--input_path", required=True, help="JSONL of labelled clips that may be trained on")
    parser.add_argument("--output_path", required=True)
    args = parser.parse_args(argv)
    try:
        records = read_rows(Path(args.input_path))
        require_trainable(records)
    except EmotionThinkerError as error:
        print(" ".join(error.whole.split()), file=sys.stderr)
        return 2
    rows = [row for row in map(swift_row, records) if row]
    write_whole(Path(args.output_path), "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    print(f"{len(rows)} rows written to {args.output_path}; {len(records) - len(rows)} clips have none of the nine labels")
    return 0


if __name__ == "__main__":
    sys.exit(main())
