"""Somebody withdraws: what is personal goes at once, and what they rated goes or stays without them, as they choose.

Gone in any case: name, link or account, consent, comments, drafts, and every event that they caused. With "delete", the ratings and
comparisons with all their versions go as well, and their items need a rating again. With "keep", scores, marks, flags, the emotion
heard and the time spent stay under a number that leads to nobody. Copies made before (exports, backups) are out of reach.
"""

from __future__ import annotations

from dataclasses import dataclass

from annotate import clock
from annotate.erasing import delete_answers, delete_leases, erasing
from annotate.errors import AnnotateError
from annotate.records import Rater
from annotate.store import Store, log_event

FATES = ("delete", "keep")


@dataclass(frozen=True)
class Holding:
    """What the database holds of one person: numbers of ratings, comparisons, comments, unfinished drafts and events."""

    ratings: int
    comparisons: int
    comments: int
    drafts: int
    events: int


def holding(store: Store, rater: Rater) -> Holding:
    """What there is to delete."""
    row = store.row("""
        SELECT (SELECT count(*) FROM ratings WHERE rater_id = :id) AS ratings,
               (SELECT count(*) FROM preferences WHERE rater_id = :id) AS comparisons,
               (SELECT count(*) FROM ratings WHERE rater_id = :id AND comment <> '')
               + (SELECT count(*) FROM preferences WHERE rater_id = :id AND comment <> '')
               + (SELECT count(*) FROM adjudications WHERE lead_id = :id AND comment <> '') AS comments,
               (SELECT count(*) FROM drafts d JOIN leases l ON l.id = d.lease_id WHERE l.rater_id = :id
                AND l.state IN ('open', 'expired')) AS drafts,
               (SELECT count(*) FROM events WHERE rater_id = :id) AS events""", {"id": rater.id})
    assert row is not None
    return Holding(**dict(row))


def require_may_leave(store: Store, rater: Rater) -> None:
    """Raises AnnotateError for who has left already, and for the only lead of a project."""
    if rater.withdrawn is not None:
        raise AnnotateError(f"{rater.name} has withdrawn already; nothing of that person is here any more.")
    if rater.role == "lead" and store.row("SELECT 1 FROM raters WHERE project_id = ? AND role = 'lead' AND active = 1 AND id <> ?",
                                          [rater.project_id, rater.id]) is None:
        raise AnnotateError("The only lead of a project cannot withdraw from it; invite another lead first.")


def withdraw(store: Store, rater: Rater, fate: str) -> Holding:
    """Do it, in one transaction; gives what there was. fate: of the ratings and comparisons, "delete" or "keep".

    Raises AnnotateError as `require_may_leave` and for another fate, StoreError.
    """
    if fate not in FATES:
        raise AnnotateError(f"The ratings must be one of {', '.join(FATES)}; say which.")
    with erasing(store) as db:
        rater = store.rater(rater.id)
        require_may_leave(store, rater)
        found = holding(store, rater)
        # First, so that its number is a new one: a scheduled push looks for the largest. It names nobody.
        log_event(db, "somebody withdrew", project_id=rater.project_id, ratings=fate, n=found.ratings + found.comparisons)
        own: dict[str, object] = {"id": rater.id}
        db.conn.execute("DELETE FROM events WHERE rater_id = :id", own)
        db.conn.execute("UPDATE adjudications SET comment = '' WHERE lead_id = :id", own)
        for pairs, table in ((False, "ratings"), (True, "preferences")):
            if fate == "delete":
                delete_answers(db, "rater_id = :id", own, pairs=pairs)
            else:
                db.conn.execute(f"UPDATE {table} SET comment = '' WHERE rater_id = :id", own)
                db.conn.execute("UPDATE revisions SET answers = json_set(answers, '$.comment', '') "
                                f"WHERE {table[:-1]}_id IN (SELECT id FROM {table} WHERE rater_id = :id)", own)
        delete_leases(db, "rater_id = :id AND id NOT IN (SELECT lease_id FROM revisions)", own)
        db.conn.execute("DELETE FROM drafts WHERE lease_id IN (SELECT id FROM leases WHERE rater_id = :id)", own)
        db.conn.execute("DELETE FROM events WHERE lease_id IN (SELECT id FROM leases WHERE rater_id = :id)", own)
        now, name = clock.utc_now(), f"withdrawn-{rater.id}"
        while db.conn.execute("SELECT 1 FROM raters WHERE project_id = ? AND name = ?", [rater.project_id, name]).fetchone():
            name += "-"
        db.table("raters").update(rater.id, {
            "name": name, "token_sha256": None, "hf_name": None, "consented": None, "instructed": None, "qualified": None,
            "active": 0, "created": now, "withdrawn": now})
    return found
