"""Clips that visitors of the page give for rating: kept only with their own tick, shown to raters only once a lead took them in,
and gone again whenever the giver's code says so.

A gift waits in a table of its own, so that nothing that reads items can meet it before. The giver has no account and no name here;
the code that they are shown is their only hold on it, and the database keeps its hash alone.
"""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from annotate import clock
from annotate.erasing import delete_answers, delete_leases, erasing
from annotate.errors import AnnotateError
from annotate.importing import read_record
from annotate.items import NewItem, add_item, check_item, fingerprint, keep_sound
from annotate.records import Project, Rater
from annotate.settings import ProjectSettings
from annotate.store import Store, insert, log_event
from emotionthinker.audio import Limits, open_recording
from emotionthinker.prosody.record import FIELDS

SOURCE = "given by a visitor of the page"  # no file name: it could name a person
MAX_WAITING = 100  # gifts that wait for a lead; the page is open to anybody, the disk is not endless
LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # none that looks like another
CODE = (4, 4)  # groups of letters: 16 of 31 letters are 79 bits
TAKEN = (*FIELDS, "reasoning", "emotion", "answer", "model", "mode")  # of what `explain` gave; nothing else comes in


@dataclass(frozen=True)
class Gift:
    """One that waits. item: what it would become."""

    id: int
    given: str
    item: NewItem


def receiving(store: Store) -> Project | None:
    """The newest project that takes clips from visitors, or None."""
    for project in sorted(store.projects(), key=lambda project: -project.id):
        settings = ProjectSettings.of(project)
        if settings.donations and not settings.closed:
            return project
    return None


def give(store: Store, path: Path, result: dict[str, Any], *, copies_to: str | None = None) -> str:
    """Keep a clip and its explanation for a lead to look at; gives the code that takes them back.

    result: `Explanation.to_dict()` of that clip. copies_to: the place of copies that its giver was told of. Raises AnnotateError
    where no project takes clips, too many wait, or this one is there already; EmotionThinkerError for what cannot be rated. Then
    nothing is kept.
    """
    project = receiving(store)
    if project is None:
        raise AnnotateError("No clips are taken here just now; nothing was kept.")
    if count_waiting(store, project) >= MAX_WAITING:
        raise AnnotateError("Very many clips wait to be looked at, so no more are taken just now; nothing was kept.")
    record = {name: result[name] for name in TAKEN if name in result}
    data, duration_s = sound_alone(path)
    clip = keep_sound(store, data, "flac", duration_s)
    try:
        kept = store.clip_path(clip)
        item = read_record(store, record | {"audio_path": kept.name}, kept.parent, SOURCE)
        check_item(item)
        code = "-".join("".join(secrets.choice(LETTERS) for _ in range(CODE[1])) for _ in range(CODE[0]))
        with store.transaction() as db:
            _require_new(db, project, item)
            number = insert(db, "donations", {"project_id": project.id, "code_sha256": _hash(code), "clip_sha256": clip,
                                              "item": json.dumps(asdict(item), ensure_ascii=False, allow_nan=False),
                                              "given": clock.utc_now()})
            log_event(db, "clip given", project_id=project.id, donation=number, place=copies_to)
    except BaseException:
        _forget_clip(store, clip)
        raise
    return code


def sound_alone(path: Path) -> tuple[bytes, float]:
    """A recording as a new FLAC file (16 bits, its own rate and channels), and its seconds.

    What else its file holds stays behind: an artist, a place, a device, a picture. The same sound gives the same bytes, so a clip
    that comes again is known. Raises AudioError subclasses, and AnnotateError where the file would be over the limit of files.
    """
    import soundfile

    limits, made, frames = Limits.from_env(), io.BytesIO(), 0
    with open_recording(path, limits) as recording, soundfile.SoundFile(
            made, "w", recording.rate, recording.channels, format="FLAC", subtype="PCM_16") as file:
        for block in recording.blocks:
            file.write(block)
            frames += len(block)
            if made.tell() > limits.max_bytes:
                raise AnnotateError(f"The sound of this clip alone takes more than {limits.max_bytes / 1e6:g} MB, so it was not "
                                    "kept; give a shorter one.")
    return made.getvalue(), frames / recording.rate


def count_waiting(store: Store, project: Project) -> int:
    """How many gifts no lead has decided on."""
    return int(store.rows("SELECT count(*) FROM donations WHERE project_id = ? AND state = 'waiting'", [project.id])[0][0])


def waiting(store: Store, project: Project, most: int) -> list[Gift]:
    """The gifts that no lead has decided on, the oldest first, at most so many."""
    rows = store.rows("SELECT id, given, item FROM donations WHERE project_id = ? AND state = 'waiting' ORDER BY id LIMIT ?",
                      [project.id, most])
    return [_as_gift(row) for row in rows]


def accept(store: Store, project: Project, lead: Rater, number: int) -> int:
    """Make a gift an item that raters get; gives the item's number. Raises AnnotateError where it does not wait (any more)."""
    with store.transaction() as db:
        item_id, how = add_item(store, project, _gift(store, project, number).item)
        if how != "new":
            raise AnnotateError("The very same explanation of this clip is in the project already; refuse this one.")
        db.table("donations").update(number, {"state": "accepted", "item": None, "item_id": item_id, "decided": clock.utc_now()})
        log_event(db, "clip accepted", project_id=project.id, rater_id=lead.id, donation=number)
    return item_id


def refuse(store: Store, project: Project, lead: Rater, number: int) -> None:
    """Delete a gift that waits. Raises AnnotateError where it does not."""
    with erasing(store) as db:
        clip = _gift(store, project, number).item.clip_sha256
        db.table("donations").update(number, {"state": "refused", "item": None, "clip_sha256": None, "decided": clock.utc_now()})
        log_event(db, "clip refused", project_id=project.id, rater_id=lead.id, donation=number)
    _forget_clip(store, clip)


def take_back(store: Store, code: str) -> str:
    """Delete a clip, its explanation, what was made of it and what was said about it; gives the hash of the clip.

    Raises AnnotateError for a code that is not known or was used.
    """
    with erasing(store) as db:
        row = db.conn.execute("SELECT * FROM donations WHERE code_sha256 = ?", [_hash(code)]).fetchone()
        if row is None:
            raise AnnotateError("This code is not known here; compare it letter by letter with the one that you were shown.")
        if row["state"] in ("taken back", "refused"):
            raise AnnotateError("This clip was deleted already; nothing of it is here any more.")
        clip = row["clip_sha256"]
        db.table("donations").update(row["id"], {"state": "taken back", "item": None, "item_id": None, "clip_sha256": None,
                                                 "decided": clock.utc_now()})
        log_event(db, "clip taken back", project_id=row["project_id"], donation=row["id"])
        if row["item_id"] is not None:
            _erase_item(db, row["item_id"])
    _forget_clip(store, clip)
    return str(clip)


def _as_gift(row: Any) -> Gift:
    return Gift(row["id"], row["given"], NewItem(**json.loads(row["item"])))


def _gift(store: Store, project: Project, number: int) -> Gift:
    row = store.row("SELECT id, given, item FROM donations WHERE project_id = ? AND id = ? AND state = 'waiting'",
                    [project.id, number])
    if row is None:
        raise AnnotateError("This clip does not wait any more: it was decided on, or its giver took it back; refresh the board.")
    return _as_gift(row)


def _require_new(db: Database, project: Project, item: NewItem) -> None:
    """Raises AnnotateError where the same clip with the same explanation is in the project, or waits to be."""
    mark = fingerprint(item)
    there = db.conn.execute("SELECT 1 FROM items WHERE project_id = ? AND fingerprint = ?", [project.id, mark]).fetchone()
    wait = db.conn.execute("SELECT id, given, item FROM donations WHERE project_id = ? AND clip_sha256 = ? AND state = 'waiting'",
                           [project.id, item.clip_sha256]).fetchall()
    if there or any(fingerprint(_as_gift(row).item) == mark for row in wait):
        raise AnnotateError("This clip with this explanation was given already; nothing was kept twice.")


def _erase_item(db: Database, item_id: int) -> None:
    """An item, the known items that were made from it, and every answer, lease, pair, decision and event about them."""
    for (made,) in db.conn.execute("SELECT id FROM items WHERE swapped_from = ?", [item_id]).fetchall():
        _erase_item(db, made)
    own: dict[str, object] = {"item": item_id}
    in_pairs = "pair_id IN (SELECT id FROM pairs WHERE item_a = :item OR item_b = :item)"
    for pairs, which in ((True, in_pairs), (False, "item_id = :item")):
        delete_answers(db, which, own, pairs=pairs)
        delete_leases(db, which, own)
    db.conn.execute("DELETE FROM pairs WHERE item_a = :item OR item_b = :item", own)
    db.conn.execute("DELETE FROM adjudications WHERE item_id = :item", own)
    db.conn.execute("DELETE FROM events WHERE json_extract(detail, '$.item') = :item", own)
    db.conn.execute("DELETE FROM items WHERE id = :item", own)


def _forget_clip(store: Store, sha256: str) -> None:
    """Delete a clip that no item and no gift names any more."""
    with store.transaction() as db:
        row = db.conn.execute("""SELECT suffix FROM clips WHERE sha256 = :clip
            AND NOT EXISTS (SELECT 1 FROM items WHERE clip_sha256 = :clip)
            AND NOT EXISTS (SELECT 1 FROM donations WHERE clip_sha256 = :clip)""", {"clip": sha256}).fetchone()
        if row is not None:
            db.conn.execute("DELETE FROM clips WHERE sha256 = ?", [sha256])
    if row is not None:
        (store.clips / f"{sha256}.{row['suffix']}").unlink(missing_ok=True)


def _hash(code: str) -> str:
    """Of a code as people type it: small letters, spaces and other lines between the groups do not matter."""
    letters = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(letters.encode("utf-8", "surrogatepass")).hexdigest()
