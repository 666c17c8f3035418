"""Brings explanations in: JSON lines, or a folder of clips that a model explains first.

A line is what `python -m emotionthinker explain CLIP --json` prints, or a record in the style of the published EmotionCoT
(`audio_path, transcription, emotion, cot_analysis`). Beside these it may hold `speaker`, `gold_emotion`, `model_id`,
`reward_scores`, `purpose` and `expected` (see docs/annotate.md). `audio_path` is looked for beside the file that names it.

Good lines go in; bad ones are listed with their number and the reason. The same file again changes nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from annotate.errors import AnnotateError, StoreError
from annotate.items import NewItem, add_item, add_pair, check_item, keep_clip
from annotate.prosody_shape import check_prosody
from annotate.records import DIMENSIONS, Project
from annotate.store import Store
from emotionthinker.audio import Clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.prosody.record import FIELDS, measure_prosody

MAX_LINE = 30_000_000  # bytes; ten minutes of speech have about 1 MB of tracks
AUDIO_SUFFIXES = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".webm"}
MAX_SOURCE = 200
# What makes a line unusable, and must not end an import of many: our own refusals, and what odd contents do to code in libraries.
UNUSABLE = (EmotionThinkerError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, OSError)


@dataclass
class Report:
    """What an import did: new items, items that were there, items whose reward scores were set, and (line, reason) of the rest."""

    new: int = 0
    known: int = 0
    scores: int = 0
    pairs: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)

    def sentence(self) -> str:
        """The report in one line."""
        parts = [f"{self.new} new", f"{self.known} known already"]
        parts += [f"{self.scores} with new reward scores"] if self.scores else []
        parts += [f"{self.pairs} new pairs"] if self.pairs else []
        return f"{', '.join(parts)}, {len(self.bad)} refused"


def import_lines(store: Store, project: Project, path: Path, *, audio_folder: Path | None = None,
                 tell: Callable[[int, str], None] = lambda line, reason: None) -> Report:
    """Import a file of JSON lines. tell: is called with (line, reason) as soon as a line is refused.

    Raises AnnotateError where the file cannot be read, StoreError where the database cannot be written.
    """
    report = Report()
    for number, raw in json_lines(path):
        try:
            record = parse_line(raw)
            item = read_record(store, record, audio_folder or path.parent, f"{path.name}:{number}")
            _, how = add_item(store, project, item)
            setattr(report, how, getattr(report, how) + 1)
        except StoreError:
            raise
        except UNUSABLE as error:
            report.bad.append((number, reason(error)))
            tell(number, reason(error))
    return report


def import_folder(store: Store, project: Project, folder: Path, explain: Callable[[Clip], dict[str, Any]], model: str, *,
                  tell: Callable[[int, str], None] = lambda number, reason: None) -> Report:
    """Explain every clip of a folder (and of those inside it), in order of name, and import what comes out.

    explain: from a clip to what `explain --json` prints. Clips that this model explained before are not explained again, so a
    run that was stopped goes on where it was. `tell` and the report count clips where `import_lines` counts lines.
    Raises AnnotateError, StoreError.
    """
    try:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file())
    except OSError as error:
        raise AnnotateError(f"The folder {folder.name} cannot be read ({error.strerror}); check its permissions.") from error
    if not paths:
        raise AnnotateError(f"The folder {folder.name} holds no sound file; it must hold wav, flac, mp3, ogg, m4a or webm.")
    report = Report()
    for number, path in enumerate(paths, 1):
        try:
            kept = keep_clip(store, path)
            if store.row("SELECT 1 FROM items WHERE project_id = ? AND clip_sha256 = ? AND model_id = ?",
                         [project.id, kept.sha256, model]):
                report.known += 1
                continue
            name = str(path.relative_to(folder))
            item = read_record(store, explain(kept.clip) | {"audio_path": name, "model_id": model}, folder, name)
            _, how = add_item(store, project, item)
            setattr(report, how, getattr(report, how) + 1)
        except StoreError:
            raise
        except UNUSABLE as error:
            report.bad.append((number, f"{path.name}: {reason(error)}"))
            tell(number, f"{path.name}: {reason(error)}")
    return report


def reason(error: BaseException) -> str:
    """Why a line was refused, for people."""
    if isinstance(error, EmotionThinkerError):
        return error.whole
    return f"Something in the line is not what it should be ({type(error).__name__}); compare it with docs/annotate.md."


def pair_up(store: Store, project: Project) -> int:
    """A pair of every two explanations that different models gave of one clip; gives the number of new pairs."""
    rows = store.rows("""
        SELECT a.id AS one, b.id AS other FROM items a JOIN items b ON b.clip_sha256 = a.clip_sha256 AND b.project_id = a.project_id
        WHERE a.project_id = ? AND a.id < b.id AND a.model_id <> b.model_id AND a.purpose = 'work' AND b.purpose = 'work'
          AND a.active = 1 AND b.active = 1 AND a.explanation <> b.explanation""", [project.id])
    with store.transaction():
        return sum(add_pair(store, project, row["one"], row["other"])[1] == "new" for row in rows)


def parse_line(raw: bytes) -> dict[str, Any]:
    """One line as a JSON object: its numbers are finite, its texts whole. Raises AnnotateError with the reason."""
    def refuse(name: str) -> float:
        raise AnnotateError(f"The line holds {name[:20]}, which is no finite number; write null.")

    def finite(digits: str) -> float:
        number = float(digits)
        return number if math.isfinite(number) else refuse(digits)

    if len(raw) > MAX_LINE:
        raise AnnotateError(f"The line has more than {MAX_LINE / 1e6:.0f} MB, more than any clip needs; write it anew.")
    try:
        text = raw.decode("utf-8-sig")
        record = json.loads(text, parse_constant=refuse, parse_float=finite)
        if "\\u" in text:
            json.dumps(record, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise AnnotateError("A text holds half of a character (a lone surrogate); write it as UTF-8.") from error
    except UnicodeDecodeError as error:
        raise AnnotateError("The line is not UTF-8 text; save the file as UTF-8.") from error
    except (ValueError, RecursionError) as error:
        raise AnnotateError(f"The line is no JSON ({str(error)[:80]}); write one object a line.") from error
    if not isinstance(record, dict):
        raise AnnotateError("The line is no JSON object; write one as `explain --json` prints it.")
    return record


def read_record(store: Store, record: dict[str, Any], folder: Path, source: str) -> NewItem:
    """An item from a line; its clip is kept, and measured where the line brings no measurement of its own.

    Raises EmotionThinkerError subclasses with the reason.
    """
    path = _audio_path(record, folder)  # looked for last: a line that is refused for its text leaves no clip behind
    published = "cot_analysis" in record
    if published:
        explanation, gold = _text(record, "cot_analysis"), _text(record, "emotion")
        answer, model = gold, _text(record, "model_id") or _text(record, "dataset") or "EmotionCoT"
    elif "reasoning" in record:
        captioned = record.get("mode") == "describe"
        explanation = _text(record, "answer" if captioned else "reasoning")
        answer = None if captioned else _text(record, "emotion") or _text(record, "answer")
        gold, model = None, _text(record, "model_id") or _text(record, "model") or ""
    else:
        raise AnnotateError("The line has neither reasoning (explain --json) nor cot_analysis (EmotionCoT), so there is nothing to "
                            "rate.")
    if not model:
        raise AnnotateError("The line does not say which model wrote it; add model_id.")
    purpose, transcript = _text(record, "purpose") or "work", _text(record, "transcription")
    item = NewItem(
        clip_sha256="", prosody={}, explanation=explanation or "", model_id=model, source=source[:MAX_SOURCE],
        transcript=transcript, answer=answer, speaker=_text(record, "speaker"), gold_emotion=_text(record, "gold_emotion") or gold,
        reward_scores=_scores(record), purpose=purpose, expected=_expected(record, purpose))
    check_item(item)
    kept = keep_clip(store, path)
    if all(name in record for name in FIELDS):
        prosody = {name: record[name] for name in FIELDS}
        check_prosody(prosody, kept.clip.duration_s)
    else:
        prosody = measure_prosody(kept.clip, transcript).to_dict()
        transcript = prosody["transcription"]
    return replace(item, clip_sha256=kept.sha256, prosody=prosody, transcript=transcript)


def json_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that hold something, with their numbers from 1; of one that is longer than MAX_LINE only the beginning,
    one byte too long, so that a file without an end of line does not fill the memory. Raises AnnotateError where it cannot be read.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while raw := file.readline(MAX_LINE + 1):
                number += 1
                rest = raw
                while len(rest) > MAX_LINE and not rest.endswith(b"\n"):
                    rest = file.readline(MAX_LINE + 1)
                if raw.strip():
                    yield number, raw
    except OSError as error:
        raise AnnotateError(f"The file {path.name} cannot be read ({error.strerror}); check its name.") from error


def _audio_path(record: dict[str, Any], folder: Path) -> Path:
    name = _text(record, "audio_path")
    if not name:
        raise AnnotateError("The line names no audio_path; add the path of its clip.")
    return folder / name  # an absolute path stays what it is


def _text(record: dict[str, Any], key: str) -> str | None:
    value = record.get(key)
    if value is not None and not isinstance(value, str):
        raise AnnotateError(f"The value of {key} must be a text; put it in quotes, or leave it out.")
    return value.replace("\x00", "") if value is not None else None


def _scores(record: dict[str, Any]) -> dict[str, float] | None:
    scores = record.get("reward_scores")
    if scores is None:
        return None
    if not isinstance(scores, dict) or not scores:
        raise AnnotateError('reward_scores must be an object of dimension and number, such as {"factual_alignment": 3.5}.')
    return scores


def _expected(record: dict[str, Any], purpose: str) -> dict[str, Any] | None:
    """The answers that an attention or qualification item must get. Raises AnnotateError."""
    expected = record.get("expected")
    if (expected is None) == (purpose != "work"):
        raise AnnotateError("An item with the purpose attention or qualification must say what is expected, and no other may.")
    if expected is None:
        return None
    sides = expected.values() if isinstance(expected, dict) and set(expected) <= {"at_most", "at_least"} else []
    if not sides or not all(isinstance(bounds, dict) and bounds for bounds in sides) or not all(
            name in DIMENSIONS and type(limit) is int and 1 <= limit <= 5 for bounds in sides for name, limit in bounds.items()):
        raise AnnotateError('expected must look like {"at_most": {"factual_alignment": 3}} or {"at_least": {...}}.')
    return expected
