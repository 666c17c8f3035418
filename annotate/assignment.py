"""Hands out work: who rates what next.

An item is lent, not given: the lease runs out when nothing is heard of its rater for the project's `lease_minutes`, and the item
goes to someone else; what was answered until then stays as a draft for the rater who comes back. One rater holds one open lease,
so the same link on a second machine goes on with the same item. Everything random depends on seeds that are stored.

Order: the rater's own unfinished draft; qualification items until passed; an attention item where the rater's seed says so; else
an item with the fewest ratings and leases, and among these the next one after a point on the shuffled circle that rater and
position choose.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlite_utils import Database

from annotate import clock
from annotate.errors import AnnotateError, NotAllowed
from annotate.items import draw
from annotate.records import Item, Project, Rater
from annotate.settings import ProjectSettings
from annotate.store import Store, insert, log_event


@dataclass(frozen=True)
class Task:
    """Work in the hands of one rater. `items`: one explanation, or two of one clip in the order they are shown."""

    lease_id: str
    kind: str  # "new" or "revision"
    items: tuple[Item, ...]
    position: int
    heard: bool
    shown: bool  # whether this rater may see the explanation yet
    answers: dict[str, Any] | None
    draft_version: int
    seconds: float
    expires: str

    @property
    def is_pair(self) -> bool:
        """Whether two explanations are compared."""
        return len(self.items) == 2


def claim(store: Store, project: Project, rater: Rater) -> Task | None:
    """The rater's open task, or a new one, or None where nothing is left for them.

    Raises NotAllowed before consent and instructions, and for who did not pass the qualification.
    """
    if rater.consented is None or rater.instructed is None:
        raise NotAllowed("Please read the consent and the instructions first.")
    settings = ProjectSettings.of(project)
    with store.transaction() as db:
        now = clock.utc_now()
        expire(db, now)
        lease = db.conn.execute("SELECT * FROM leases WHERE rater_id = ? AND kind = 'new' AND state = 'open'",
                                [rater.id]).fetchone()
        if lease is not None:
            db.table("leases").update(lease["id"], {"expires": after(now, settings)})
            lease_id = lease["id"]
        else:
            found = _choose(db, project, rater, settings)
            if found is None:
                return None
            lease_id = _lend(db, project, rater, settings, now, found)
    return task(store, lease_id)


def open_revision(store: Store, project: Project, rater: Rater, *, rating_id: int | None = None,
                  preference_id: int | None = None) -> Task:
    """An earlier answer of the rater's, opened again to change it. Raises NotAllowed for somebody else's.

    The answer itself stays as it is until the change is submitted.
    """
    table, column, key = ("ratings", "item_id", rating_id) if rating_id is not None else ("preferences", "pair_id", preference_id)
    with store.transaction() as db:
        now = clock.utc_now()
        expire(db, now)
        answer = db.conn.execute(f"SELECT * FROM {table} WHERE id = ? AND rater_id = ?", [key, rater.id]).fetchone()
        if answer is None:
            raise NotAllowed("This is no answer of yours.")
        lease = db.conn.execute("SELECT * FROM leases WHERE rater_id = ? AND kind = 'revision' AND state = 'open'",
                                [rater.id]).fetchone()
        if lease is not None and lease[column] == answer[column]:
            return task(store, lease["id"])
        if lease is not None:
            db.table("leases").update(lease["id"], {"state": "released"})
        first = db.conn.execute(f"SELECT swapped, heard FROM leases WHERE {column} = ? AND rater_id = ? AND state = 'submitted'",
                                [answer[column], rater.id]).fetchone()
        lease_id = _new_lease(db, project, rater, ProjectSettings.of(project), now, {column: answer[column]}, "revision",
                              answer["position"], bool(first and first["swapped"]), first["heard"] if first else None)
        last = db.conn.execute(f"SELECT answers FROM revisions WHERE {table[:-1]}_id = ? ORDER BY revision DESC", [key]).fetchone()
        insert(db, "drafts", {"lease_id": lease_id, "version": 1, "answers": last["answers"], "seconds": answer["seconds"],
                              "saved": now})
    return task(store, lease_id)


def release(store: Store, rater: Rater, lease_id: str) -> None:
    """Close an opened revision without a change."""
    with store.transaction() as db:
        if own_lease(store, rater, lease_id)["kind"] != "revision":
            raise NotAllowed("Only an earlier answer that was opened again can be closed without a change.")
        db.conn.execute("UPDATE leases SET state = 'released' WHERE id = ? AND state = 'open'", [lease_id])
        log_event(db, "revision closed", project_id=rater.project_id, rater_id=rater.id, lease_id=lease_id)


def task(store: Store, lease_id: str) -> Task:
    """A lease with all that belongs to it. Raises AnnotateError where there is none."""
    lease = store.row("SELECT * FROM leases WHERE id = ?", [lease_id])
    if lease is None:
        raise AnnotateError("This task is not known; reload the page.")
    draft = store.row("SELECT * FROM drafts WHERE lease_id = ?", [lease_id])
    pair = store.row("SELECT item_a, item_b FROM pairs WHERE id = ?", [lease["pair_id"]])
    item_ids = [lease["item_id"]] if pair is None else [pair["item_a"], pair["item_b"]]
    if lease["swapped"]:
        item_ids.reverse()
    return Task(
        lease_id=lease_id, kind=lease["kind"], items=tuple(store.item(item_id) for item_id in item_ids),
        position=lease["position"], heard=lease["heard"] is not None,
        shown=lease["shown"] is not None or lease["kind"] == "revision",
        answers=json.loads(draft["answers"]) if draft else None, draft_version=draft["version"] if draft else 0,
        seconds=draft["seconds"] if draft else 0.0, expires=lease["expires"])


def expire(db: Database, now: str) -> None:
    """Close every lease that ran out."""
    for row in db.conn.execute("UPDATE leases SET state = 'expired' WHERE state = 'open' AND expires <= ? "
                               "RETURNING id, project_id, rater_id", [now]).fetchall():
        log_event(db, "lease ran out", project_id=row["project_id"], rater_id=row["rater_id"], lease_id=row["id"])


def own_lease(store: Store, rater: Rater, lease_id: str) -> Any:
    """The row of a lease of this rater's. Raises NotAllowed for another's, one that never was, and who has withdrawn since."""
    lease = store.row("SELECT l.* FROM leases l JOIN raters r ON r.id = l.rater_id WHERE l.id = ? AND l.rater_id = ? "
                      "AND r.withdrawn IS NULL", [lease_id, rater.id])
    if lease is None:
        raise NotAllowed("This task is not yours, or is not known; reload the page.")
    return lease


def after(now: str, settings: ProjectSettings) -> str:
    """When a lease that was heard of now runs out."""
    return clock.show(clock.parse(now) + timedelta(minutes=settings.lease_minutes))


def _choose(db: Database, project: Project, rater: Rater, settings: ProjectSettings) -> dict[str, Any] | None:
    """{"item_id": …} or {"pair_id": …}, with "left": an earlier lease whose draft goes on; or None."""
    left = db.conn.execute("""
        SELECT l.id, l.item_id, l.pair_id FROM leases l JOIN drafts d ON d.lease_id = l.id
        LEFT JOIN items i ON i.id = l.item_id LEFT JOIN pairs q ON q.id = l.pair_id
        WHERE l.rater_id = ? AND l.kind = 'new' AND l.state = 'expired' AND coalesce(i.active, q.active) = 1
          AND NOT EXISTS (SELECT 1 FROM ratings r WHERE r.item_id = l.item_id AND r.rater_id = l.rater_id)
          AND NOT EXISTS (SELECT 1 FROM preferences r WHERE r.pair_id = l.pair_id AND r.rater_id = l.rater_id)
        ORDER BY d.saved DESC LIMIT 1""", [rater.id]).fetchone()
    if left is not None:
        column = "item_id" if left["item_id"] is not None else "pair_id"
        return {column: left[column], "left": left["id"]}
    untested = _first(db, project, rater, "qualification")
    if rater.qualified is not True and untested is not None:
        return {"item_id": untested}
    if rater.qualified is False:
        raise NotAllowed("Thank you for trying. Your answers to the practice items differ too much from the expected ones for this "
                         "project; its lead can tell you more.")
    position = _position(db, rater)
    if settings.mode == "pair":
        pair_id = _least_rated(db, project, rater, settings, position, "pairs", "preferences", "pair_id", "n_preferences")
        return None if pair_id is None else {"pair_id": pair_id}
    item_id = _least_rated(db, project, rater, settings, position, "items", "ratings", "item_id", "n_ratings")
    if item_id is not None and draw(rater.order_seed, f"attention {position}") < settings.attention_rate * 2**31:
        item_id = _first(db, project, rater, "attention") or item_id
    return None if item_id is None else {"item_id": item_id}


def _first(db: Database, project: Project, rater: Rater, purpose: str) -> int | None:
    """The next qualification or attention item that this rater has not met, nor the explanation it was made from."""
    row = db.conn.execute("""
        SELECT i.id FROM items i WHERE i.project_id = :project AND i.purpose = :purpose AND i.active = 1
          AND NOT EXISTS (SELECT 1 FROM ratings r WHERE r.rater_id = :rater AND r.item_id IN (i.id, i.swapped_from))
        ORDER BY i.n_ratings, (i.draw + :start) % 2147483648 LIMIT 1""",
        {"project": project.id, "purpose": purpose, "rater": rater.id, "start": rater.order_seed}).fetchone()
    return None if row is None else row["id"]


def _least_rated(db: Database, project: Project, rater: Rater, settings: ProjectSettings, position: int, table: str, answers: str,
                 column: str, count: str) -> int | None:
    """The id of an item (or pair) with the fewest answers and leases, below the project's number; None where there is none.

    Ratings are counted in the index. Leases are few, so what is lent is looked at apart: with a lease on it, an item that has n
    ratings stands among those with n + 1.
    """
    lent = dict(db.conn.execute(f"SELECT {column}, count(*) FROM leases WHERE state = 'open' AND kind = 'new' AND project_id = ? "
                                f"AND {column} IS NOT NULL GROUP BY 1", [project.id]).fetchall())
    work = "AND t.purpose = 'work'" if table == "items" else ""
    # An explanation from which an attention item was made that this rater met would look like the same item again.
    met = "" if table != "items" else (" AND NOT EXISTS (SELECT 1 FROM items s JOIN ratings r ON r.item_id = s.id "
                                       "WHERE s.swapped_from = t.id AND r.rater_id = :rater)")
    fresh = (f"SELECT t.id FROM {table} t WHERE t.project_id = :project {work} AND t.active = 1 AND t.{count} = :level "
             f"AND NOT EXISTS (SELECT 1 FROM {answers} r WHERE r.{column} = t.id AND r.rater_id = :rater){met}")
    values = {"project": project.id, "rater": rater.id, "start": draw(rater.order_seed, f"start {position}")}
    taken = ",".join(str(int(key)) for key in lent) or "-1"
    for level in range(settings.ratings_per_item):
        values["level"] = level
        for half in ("t.draw >= :start", "t.draw < :start"):
            row = db.conn.execute(f"{fresh} AND {half} AND t.id NOT IN ({taken}) ORDER BY t.draw LIMIT 1", values).fetchone()
            if row is not None:
                return row["id"]
        for rated in range(level):  # so many ratings, and leases for the rest
            ids = ",".join(str(int(key)) for key, n in lent.items() if rated + n == level) or "-1"
            row = db.conn.execute(f"{fresh} AND t.id IN ({ids}) ORDER BY t.draw LIMIT 1", values | {"level": rated}).fetchone()
            if row is not None:
                return row["id"]
    return None


def _lend(db: Database, project: Project, rater: Rater, settings: ProjectSettings, now: str, found: dict[str, Any]) -> str:
    """A new lease for what was chosen, with the draft and the listening of an earlier one."""
    left = found.pop("left", None)
    position = _position(db, rater)
    column, key = next(iter(found.items()))
    before = db.conn.execute(f"SELECT heard, shown, first_emotion FROM leases WHERE {column} = ? AND rater_id = ? AND kind = 'new' "
                             "ORDER BY opened DESC LIMIT 1", [key, rater.id]).fetchone()
    swapped = bool(draw(rater.order_seed, f"side {key}") & 1) if column == "pair_id" else False
    lease_id = _new_lease(db, project, rater, settings, now, found, "new", position, swapped, before["heard"] if before else None)
    if before is not None:
        db.table("leases").update(lease_id, {"shown": before["shown"], "first_emotion": before["first_emotion"]})
    if left is not None:
        db.conn.execute("INSERT INTO drafts SELECT ?, version, answers, seconds, saved FROM drafts WHERE lease_id = ?",
                        [lease_id, left])
    return lease_id


def _new_lease(db: Database, project: Project, rater: Rater, settings: ProjectSettings, now: str, what: dict[str, Any], kind: str,
               position: int, swapped: bool, heard: str | None) -> str:
    lease_id = secrets.token_urlsafe(16)
    insert(db, "leases", {"id": lease_id, "project_id": project.id, "rater_id": rater.id, "kind": kind, "position": position,
                          "swapped": int(swapped), "opened": now, "expires": after(now, settings), "heard": heard, **what})
    log_event(db, "lent" if kind == "new" else "revision opened", project_id=project.id, rater_id=rater.id, lease_id=lease_id,
              **what)
    return lease_id


def _position(db: Database, rater: Rater) -> int:
    """1 for the rater's first answer, and so on."""
    return 1 + db.conn.execute("SELECT (SELECT count(*) FROM ratings WHERE rater_id = :id) + "
                               "(SELECT count(*) FROM preferences WHERE rater_id = :id)", {"id": rater.id}).fetchone()[0]
