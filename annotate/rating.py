"""Takes work back: drafts as they grow, that a clip was heard and a text read, and submissions, each exactly once.

A submission is on the disk when `submit` returns. It carries an id that the page makes for one press of the button: the second
arrival of the same press changes nothing and is told what the first was told. A press that comes after its lease ran out is taken
all the same: a rating too many harms nobody, a lost one does.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from annotate import clock
from annotate.answers import ANSWER_RIGHT, normal_text, pair_answers, require_complete, single_answers
from annotate.assignment import Task, after, own_lease, task
from annotate.errors import AnnotateError, NotComplete
from annotate.records import DIMENSIONS, UNSCORED_FLAGS, Item, Project, Rater
from annotate.settings import ProjectSettings
from annotate.store import Store, insert, log_event

_SUBMISSION_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
DAY_S = 86_400.0
SPARE_S = 5.0  # a browser's clock may run so much ahead of ours


@dataclass(frozen=True)
class Saved:
    """A draft on the disk. `conflict`: it was written meanwhile elsewhere, and these are the answers that stand."""

    version: int
    conflict: dict[str, Any] | None = None


@dataclass(frozen=True)
class Receipt:
    """A submission on the disk. `again`: it had arrived before."""

    revision: int
    again: bool
    saved: str


def save_draft(store: Store, project: Project, rater: Rater, lease_id: str, raw: Any, version: int, seconds: float) -> Saved:
    """Keep what the form holds so far, and the lease alive.

    version: the draft that the page built upon, 0 for none. If another machine wrote a newer one, nothing is saved and that one
    comes back. seconds: spent on the item so far. Raises NotAllowed, AnnotateError, StoreError.
    """
    settings = ProjectSettings.of(project)
    work = _own_task(store, rater, lease_id)
    answers = _answers(work, raw, settings)
    with store.transaction() as db:
        lease = own_lease(store, rater, lease_id)
        if lease["state"] in ("submitted", "released"):
            raise AnnotateError("This item was already submitted or closed; reload the page to go on.")
        now = clock.utc_now()
        draft = db.conn.execute("SELECT version, answers FROM drafts WHERE lease_id = ?", [lease_id]).fetchone()
        current = 0 if draft is None else draft["version"]
        text = normal_text(answers)
        if draft is not None and draft["answers"] != text and current != version:
            return Saved(current, json.loads(draft["answers"]))
        if draft is None or draft["answers"] != text:
            current += 1
        db.conn.execute("INSERT INTO drafts VALUES (?, ?, ?, ?, ?) ON CONFLICT (lease_id) DO UPDATE SET "
                        "version = excluded.version, answers = excluded.answers, seconds = excluded.seconds, "
                        "saved = excluded.saved",
                        [lease_id, current, text, _spent(lease, seconds, now), now])
        _keep_alive(db, lease, now, settings)
    return Saved(current)


def set_heard(store: Store, project: Project, rater: Rater, lease_id: str, played_s: float) -> None:
    """Keep that the rater's player went through the whole clip. played_s: seconds of sound it played so far."""
    with store.transaction() as db:
        lease = own_lease(store, rater, lease_id)
        now = clock.utc_now()
        if lease["heard"] is None:
            db.table("leases").update(lease_id, {"heard": now})
            log_event(db, "heard", project_id=project.id, rater_id=rater.id, lease_id=lease_id, played_s=round(float(played_s), 2))
        _keep_alive(db, lease, now, ProjectSettings.of(project))


def show_text(store: Store, project: Project, rater: Rater, lease_id: str, emotion: str | None) -> None:
    """Let the rater see the explanation, now that the clip was heard. emotion: what they hear, said before they read; it is kept
    beside the answer that they submit. None for a pair, which does not ask for it.

    Raises NotComplete before the clip was heard in full, or without an emotion.
    """
    with store.transaction() as db:
        lease = own_lease(store, rater, lease_id)
        now = clock.utc_now()
        if lease["shown"] is None:
            if lease["heard"] is None:
                raise NotComplete("Please listen to the whole clip once before you read; if it does not play, flag it as bad "
                                  "audio.")
            if lease["item_id"] is not None and emotion not in ProjectSettings.of(project).emotions:
                raise NotComplete("Please say which emotion you hear before you read.")
            first = None if lease["item_id"] is None else emotion
            db.table("leases").update(lease_id, {"shown": now, "first_emotion": first})
            log_event(db, "text shown", project_id=project.id, rater_id=rater.id, lease_id=lease_id, heard_emotion=first)
        _keep_alive(db, lease, now, ProjectSettings.of(project))


def submit(store: Store, project: Project, rater: Rater, lease_id: str, submission_id: str, raw: Any, seconds: float) -> Receipt:
    """Keep an answer for good: the rater's first on this item, or another revision of it.

    Attention and qualification items are judged by the first answer; a revision changes what is kept, not the judgement.
    Raises NotComplete where an answer is missing or the clip was not heard, NotAllowed for a task of somebody else's,
    AnnotateError for a form that the page does not send, StoreError where it could not be written (then nothing was).
    """
    if not isinstance(submission_id, str) or not _SUBMISSION_ID.fullmatch(submission_id):
        raise AnnotateError("The submission has no id; reload the page.")
    settings = ProjectSettings.of(project)
    work = _own_task(store, rater, lease_id)
    answers = _answers(work, raw, settings)
    with store.transaction() as db:
        lease = own_lease(store, rater, lease_id)
        before = db.conn.execute("SELECT * FROM revisions WHERE submission_id = ?", [submission_id]).fetchone()
        if before is not None:
            if before["lease_id"] != lease_id:
                raise AnnotateError("The submission's id was used before; reload the page.")
            return Receipt(before["revision"], True, before["created"])
        if lease["heard"] is None and "bad_audio" not in answers["flags"]:
            raise NotComplete("Please listen to the whole clip once before you submit; if it does not play, flag it as bad audio.")
        if lease["shown"] is None and lease["kind"] == "new" and not set(answers["flags"]) & set(UNSCORED_FLAGS):
            raise NotComplete("Please read the explanation before you submit.")
        require_complete(answers, any(item.answer for item in work.items))
        now, text = clock.utc_now(), normal_text(answers)
        table, column = ("preferences", "pair_id") if work.is_pair else ("ratings", "item_id")
        key = lease[column]
        answer = db.conn.execute(f"SELECT * FROM {table} WHERE {column} = ? AND rater_id = ?", [key, rater.id]).fetchone()
        if answer is not None:
            last = db.conn.execute(f"SELECT answers, revision, created FROM revisions WHERE {table[:-1]}_id = ? "
                                   "ORDER BY revision DESC LIMIT 1", [answer["id"]]).fetchone()
            if last["answers"] == text:  # pressed twice, or opened and not changed
                _close(db, lease)
                return Receipt(last["revision"], True, last["created"])
        spent = _spent(lease, seconds, now)
        revision = 1 if answer is None else answer["revision"] + 1
        values = {**_columns(answers, work, bool(lease["swapped"])), "flags": json.dumps(answers["flags"]),
                  "comment": answers["comment"], "seconds": spent, "revision": revision, "updated": now}
        if answer is None:
            values |= {"project_id": project.id, column: key, "rater_id": rater.id, "position": lease["position"], "created": now}
            if work.is_pair:
                values["swapped"] = lease["swapped"]
            else:  # judged once, by the first answer: with a second one, whoever failed could try until it fits
                values["passed"] = as_expected(work.items[0], answers)
            answer_id = insert(db, table, values)
        else:
            answer_id = answer["id"]
            db.table(table).update(answer_id, values)
        insert(db, "revisions", {"submission_id": submission_id, "lease_id": lease_id, f"{table[:-1]}_id": answer_id,
                                 "revision": revision, "answers": text, "seconds": spent, "created": now})
        if not work.is_pair:
            db.conn.execute("DELETE FROM claim_marks WHERE rating_id = ?", [answer_id])
            for start, end, mark in answers["marks"]:
                insert(db, "claim_marks", {"rating_id": answer_id, "start_char": start, "end_char": end, "mark": mark})
        _close(db, lease)
        late = lease["state"] == "expired"
        log_event(db, "submitted", project_id=project.id, rater_id=rater.id, lease_id=lease_id, revision=revision, late=late)
        if answer is None and not work.is_pair and work.items[0].purpose == "qualification":
            _qualify(db, project, rater, settings)
    return Receipt(revision, False, now)


def as_expected(item: Item, answers: dict[str, Any]) -> bool | None:
    """Whether an answer to an attention or qualification item is what we know it must be; None for other items.

    `item.expected`: {"at_most": {dimension: score}, "at_least": {dimension: score}, "or_wrong": [[start, end], ...]}. It passes
    where every score lies within, or where a stretch of `or_wrong` (the swapped fact) was marked wrong.
    """
    if item.expected is None:
        return None
    for start, end in item.expected.get("or_wrong", []):
        if any(mark == "wrong" and a < end and start < b for a, b, mark in answers["marks"]):
            return True
    scores = answers["scores"]
    bounds = [(scores[name], -1, limit) for name, limit in item.expected.get("at_least", {}).items()]
    bounds += [(scores[name], 1, limit) for name, limit in item.expected.get("at_most", {}).items()]
    return bool(bounds) and all(score is not None and sign * score <= sign * limit for score, sign, limit in bounds)


def _own_task(store: Store, rater: Rater, lease_id: str) -> Task:
    own_lease(store, rater, lease_id)
    return task(store, lease_id)


def _answers(work: Task, raw: Any, settings: ProjectSettings) -> dict[str, Any]:
    return pair_answers(raw) if work.is_pair else single_answers(raw, work.items[0], settings.emotions)


def _columns(answers: dict[str, Any], work: Task, swapped: bool) -> dict[str, Any]:
    """The answers as the columns of `ratings` or `preferences`."""
    if work.is_pair:
        sides = {"left": "b" if swapped else "a", "right": "a" if swapped else "b"}
        return {name: sides.get(choice, choice) for name, choice in answers["choices"].items()}
    right = None if answers["answer_right"] is None else ANSWER_RIGHT[answers["answer_right"]]
    return {**{name: answers["scores"][name] for name in DIMENSIONS}, "heard_emotion": answers["heard_emotion"],
            "answer_right": None if right is None else int(right)}


def _spent(lease: Any, seconds: float, now: str) -> float:
    """Seconds on the item as the page counted them, but no more than really passed. In a revision the earlier time counts, too."""
    counted = float(seconds) if seconds == seconds else 0.0  # a NaN is no time
    passed = (clock.parse(now) - clock.parse(lease["opened"])).total_seconds()
    most = passed + SPARE_S if lease["kind"] == "new" else DAY_S
    return round(min(max(counted, 0.0), most), 2)


def _keep_alive(db: Database, lease: Any, now: str, settings: ProjectSettings) -> None:
    """Something was heard of the rater: the lease begins anew. One that ran out is opened again, unless another is open."""
    if lease["state"] == "expired":
        db.conn.execute("UPDATE leases SET state = 'open' WHERE id = :id AND NOT EXISTS (SELECT 1 FROM leases "
                        "WHERE rater_id = :rater AND kind = :kind AND state = 'open')",
                        {"id": lease["id"], "rater": lease["rater_id"], "kind": lease["kind"]})
    db.conn.execute("UPDATE leases SET expires = ? WHERE id = ? AND state = 'open'", [after(now, settings), lease["id"]])


def _close(db: Database, lease: Any) -> None:
    """The lease is done with, and so is another one on the same work, opened after this one had run out."""
    db.conn.execute("UPDATE leases SET state = 'submitted' WHERE id = ?", [lease["id"]])
    db.conn.execute("UPDATE leases SET state = 'released' WHERE rater_id = ? AND state = 'open' AND kind = 'new' "
                    "AND (item_id = ? OR pair_id = ?)", [lease["rater_id"], lease["item_id"], lease["pair_id"]])


def _qualify(db: Database, project: Project, rater: Rater, settings: ProjectSettings) -> None:
    """After the first answer to each qualification item: once none is left, the rater is in or out."""
    total, done, passed = db.conn.execute("""
        SELECT count(*), count(r.id), coalesce(sum(r.passed), 0) FROM items i
        LEFT JOIN ratings r ON r.item_id = i.id AND r.rater_id = ?
        WHERE i.project_id = ? AND i.purpose = 'qualification' AND i.active = 1""", [rater.id, project.id]).fetchone()
    if done == total and total > 0:
        fit = passed >= settings.qualification_share * total
        db.table("raters").update(rater.id, {"qualified": int(fit)})
        log_event(db, "qualified" if fit else "not qualified", project_id=project.id, rater_id=rater.id, passed=passed, of=total)
