"""The columns of every table that is exported: one place for the writer, the documentation and the test that compares all three."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from annotate.records import DIMENSIONS

Kind = Literal["text", "whole", "number", "truth", "json"]


@dataclass(frozen=True)
class Column:
    """One column. `json`: a text that holds JSON, in every format, so that the formats agree. empty: whether it may be missing."""

    name: str
    kind: Kind
    meaning: str
    empty: bool = False


_ITEM = (
    Column("item_id", "whole", "number of the item in the database"),
    Column("clip_sha256", "text", "SHA-256 of the clip's file; `clips/` holds it under this name where clips are exported"),
    Column("speaker", "text", "speaker, as the import named them", True),
    Column("model_id", "text", "the model that wrote the explanation"),
)
_GIVEN = (
    Column("seconds", "number", "time on the item in seconds, pauses of over a minute left out"),
    Column("position", "whole", "1 for the rater's first answer, 2 for the second, …"),
    Column("revision", "whole", "1 for an answer that was never changed"),
    Column("simulated", "truth", "the rater is a program, not a person"),
    Column("created", "text", "first submitted: UTC, ISO 8601"),
    Column("updated", "text", "last changed: UTC, ISO 8601"),
)
_RATER = Column("rater", "text", "the rater's number, `rater-7`; names are never exported")
_FLAGS = Column("flags", "json", "list of bad_audio, offensive, cannot_judge")
_COMMENT = Column("comment", "text", "the rater's own words", True)

RATINGS = (
    *_ITEM,
    Column("gold_emotion", "text", "emotion that the clip's corpus gives it", True),
    _RATER,
    *(Column(name, "whole", "1 to 5; missing where flagged bad_audio or cannot_judge", True) for name in DIMENSIONS),
    Column("heard_emotion", "text", "the emotion that the rater heard", True),
    Column("heard_before_reading", "text", "the same, as it was before the explanation was shown; missing where flagged unread",
           True),
    Column("answer", "text", "the model's answer", True),
    Column("answer_right", "truth", "whether the rater found it right; missing: cannot say, or not asked", True),
    _FLAGS,
    _COMMENT,
    Column("marks", "json", "list of [start_char, end_char, mark] of the explanation; mark: supported, wrong, not checkable"),
    Column("purpose", "text", "work, attention (a fact was swapped by us) or qualification; figures about models use work alone"),
    Column("passed", "truth", "attention and qualification: the first answer was as expected; a revision does not change it", True),
    *_GIVEN,
)
PREFERENCES = (
    Column("pair_id", "whole", "number of the pair in the database"),
    Column("item_a", "whole", "one item of the pair"),
    Column("item_b", "whole", "the other item, of the same clip"),
    Column("model_a", "text", "the model that wrote item a"),
    Column("model_b", "text", "the model that wrote item b"),
    Column("clip_sha256", "text", "SHA-256 of the clip's file"),
    Column("speaker", "text", "speaker, as the import named them", True),
    _RATER,
    *(Column(name, "text", "a, b, tie or both bad; missing where flagged", True) for name in DIMENSIONS),
    Column("swapped", "truth", "item b stood on the left"),
    _FLAGS,
    _COMMENT,
    *_GIVEN,
)
ITEMS = (
    *_ITEM,
    Column("gold_emotion", "text", "emotion that the clip's corpus gives it", True),
    Column("transcript", "text", "the words", True),
    Column("explanation", "text", "what was rated"),
    Column("answer", "text", "the model's answer", True),
    Column("words", "whole", "length of the explanation"),
    *(Column(f"reward_{name}", "number", "score of the reward model", True) for name in (*DIMENSIONS, "overall")),
    Column("source", "text", "file and line that it was imported from"),
    Column("purpose", "text", "work, attention or qualification"),
    Column("n_ratings", "whole", "how many people rated it"),
    *(Column(f"adjudicated_{name}", "whole", "the lead's decision, 1 to 5", True) for name in DIMENSIONS),
    Column("prosody", "json", "the record as `python -m emotionthinker prosody --json` prints it"),
)
TABLES: dict[str, tuple[Column, ...]] = {"ratings": RATINGS, "preferences": PREFERENCES, "items": ITEMS}
KIND_TEXTS = {"text": "text", "whole": "whole number", "number": "number", "truth": "true or false", "json": "text that holds JSON"}


def schema_markdown() -> str:
    """The documentation of the exports; docs/annotate.md holds it word for word."""
    parts = []
    for table, columns in TABLES.items():
        rows = [f"| `{column.name}` | {KIND_TEXTS[column.kind]}{', may be missing' if column.empty else ''} | {column.meaning} |"
                for column in columns]
        parts.append("\n".join([f"**{table}**", "", "| column | type | meaning |", "|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"
