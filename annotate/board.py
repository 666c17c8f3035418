"""What a lead wants to know of a project, in a few questions to the database that stay quick at 100,000 ratings."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import Any

from annotate import clock
from annotate.answers import MAX_COMMENT, storable
from annotate.errors import AnnotateError
from annotate.records import DIMENSIONS, Item, Project, Rater
from annotate.settings import ProjectSettings
from annotate.store import Store, log_event

SPREAD = 2  # items on which two raters lie so far apart are shown to the lead
LISTED = 20  # of disagreements and of flagged items


@dataclass(frozen=True)
class RaterLine:
    """One person's work. seconds: median per item. too_fast: answers given in less time than the clip lasts. attention: (passed,
    seen). last: when the last answer came."""

    rater: Rater
    answers: int
    seconds: float | None
    too_fast: int
    attention: tuple[int, int]
    flagged: int
    last: str | None


@dataclass(frozen=True)
class Disagreement:
    """An item on which raters differ by `spread` points on `dimension`, and whether a lead has decided it."""

    item_id: int
    begin: str
    n: int
    dimension: str
    spread: int
    decided: bool


@dataclass(frozen=True)
class Board:
    """items: by number of ratings, the last entry for those that have all. needed: ratings still wanted. lent: open leases."""

    items: list[int]
    needed: int
    answers: int
    lent: int
    raters: list[RaterLine]
    disagreements: list[Disagreement]
    n_disagreements: int
    flagged: list[dict[str, Any]]


def board(store: Store, project: Project) -> Board:
    """The whole board of a project."""
    settings = ProjectSettings.of(project)
    k = settings.ratings_per_item
    table, count, work = (("pairs", "n_preferences", "") if settings.mode == "pair" else
                          ("items", "n_ratings", "AND purpose = 'work'"))
    by_count = [0] * (k + 1)
    for row in store.rows(f"SELECT min({count}, ?) AS n, count(*) AS items FROM {table} WHERE project_id = ? {work} AND active = 1 "
                          "GROUP BY 1", [k, project.id]):
        by_count[row["n"]] = row["items"]
    needed = sum((k - n) * items for n, items in enumerate(by_count))
    lent = store.rows("SELECT count(*) FROM leases WHERE project_id = ? AND state = 'open' AND expires > ?",
                      [project.id, clock.utc_now()])[0][0]
    raters = _raters(store, project)
    found, total = _disagreements(store, project)
    return Board(by_count, needed, sum(line.answers for line in raters), lent, raters, found, total, _flagged(store, project))


def adjudicate(store: Store, project: Project, lead: Rater, item_id: int, scores: Any, comment: Any) -> None:
    """Keep a lead's decision on an item; an earlier one is replaced, and stays in the events. Raises AnnotateError."""
    if not isinstance(scores, dict) or set(scores) != set(DIMENSIONS) or not all(
            type(score) is int and 1 <= score <= 5 for score in scores.values()):
        raise AnnotateError("A decision needs a whole number from 1 to 5 on each of the four scales.")
    if not isinstance(comment, str) or len(comment) > MAX_COMMENT:
        raise AnnotateError(f"The comment may have at most {MAX_COMMENT} characters; shorten it.")
    comment = storable(comment)
    _own_item(store, project, item_id)
    with store.transaction() as db:
        db.conn.execute("DELETE FROM adjudications WHERE item_id = ?", [item_id])
        db.table("adjudications").insert({"item_id": item_id, "lead_id": lead.id, **scores, "comment": comment,
                                          "created": clock.utc_now()})
        log_event(db, "adjudicated", project_id=project.id, rater_id=lead.id, item=item_id, scores=scores, comment=comment)


def retire(store: Store, project: Project, lead: Rater, item_id: int) -> None:
    """Take an item, and the pairs with it, out of the work and out of the hands of who has it; what was said about it stays.

    Raises AnnotateError.
    """
    _own_item(store, project, item_id)
    with store.transaction() as db:
        db.conn.execute("UPDATE leases SET state = 'released' WHERE state = 'open' AND kind = 'new' AND (item_id = :item OR "
                        "pair_id IN (SELECT id FROM pairs WHERE item_a = :item OR item_b = :item))", {"item": item_id})
        db.table("items").update(item_id, {"active": 0})
        db.conn.execute("UPDATE pairs SET active = 0 WHERE item_a = ? OR item_b = ?", [item_id, item_id])
        log_event(db, "retired", project_id=project.id, rater_id=lead.id, item=item_id)


def item_with_ratings(store: Store, project: Project, item_id: int) -> tuple[Item, list[dict[str, Any]], dict[str, Any] | None]:
    """An item, what each rater said of it, and the decision on it where there is one. Raises AnnotateError."""
    item = _own_item(store, project, item_id)
    ratings = store.rows("SELECT r.*, p.name FROM ratings r JOIN raters p ON p.id = r.rater_id WHERE r.item_id = ? ORDER BY r.id",
                         [item_id])
    decision = store.row("SELECT * FROM adjudications WHERE item_id = ?", [item_id])
    return item, [dict(row) for row in ratings], None if decision is None else dict(decision)


def comparisons(store: Store, item_id: int) -> list[dict[str, Any]]:
    """What each rater said of the pairs that hold an item: `name`, `comment`, `flags`, and per dimension better, worse, equal,
    both bad, or None where they flagged it instead."""
    rows = store.rows("SELECT r.*, p.name, q.item_a FROM preferences r JOIN pairs q ON q.id = r.pair_id JOIN raters p "
                      "ON p.id = r.rater_id WHERE q.item_a = :item OR q.item_b = :item ORDER BY r.id", {"item": item_id})
    found = []
    for row in rows:
        words = {"a": "better", "b": "worse"} if row["item_a"] == item_id else {"a": "worse", "b": "better"}
        found.append({"name": row["name"], "comment": row["comment"], "flags": row["flags"],
                      **{name: (words | {"tie": "equal"}).get(row[name], row[name]) for name in DIMENSIONS}})
    return found


def _own_item(store: Store, project: Project, item_id: int) -> Item:
    item = store.item(item_id)
    if item.project_id != project.id:
        raise AnnotateError(f"There is no item {item_id} in this project.")
    return item


def _raters(store: Store, project: Project) -> list[RaterLine]:
    """One line per person, in the order they were invited."""
    seconds: dict[int, list[float]] = defaultdict(list)
    for rater_id, spent in store.rows("SELECT rater_id, seconds FROM ratings WHERE project_id = ? UNION ALL "
                                      "SELECT rater_id, seconds FROM preferences WHERE project_id = ?", [project.id, project.id]):
        seconds[rater_id].append(spent)
    rest = {row["rater_id"]: row for row in store.rows("""
        SELECT r.rater_id, max(r.updated) AS last, sum(r.flags <> '[]') AS flagged, sum(r.seconds < c.duration_s) AS fast,
               sum(i.purpose = 'attention' AND r.passed = 1) AS passed, sum(i.purpose = 'attention') AS seen
        FROM ratings r JOIN items i ON i.id = r.item_id JOIN clips c ON c.sha256 = i.clip_sha256
        WHERE r.project_id = ? GROUP BY 1""", [project.id])}
    pairs = {row["rater_id"]: row for row in store.rows("""
        SELECT r.rater_id, max(r.updated) AS last, sum(r.flags <> '[]') AS flagged, sum(r.seconds < c.duration_s) AS fast
        FROM preferences r JOIN pairs q ON q.id = r.pair_id JOIN items i ON i.id = q.item_a
        JOIN clips c ON c.sha256 = i.clip_sha256 WHERE r.project_id = ? GROUP BY 1""", [project.id])}
    lines = []
    for rater in store.raters(project):
        mine = rest.get(rater.id)
        both = [row for row in (mine, pairs.get(rater.id)) if row]
        lines.append(RaterLine(
            rater, len(seconds[rater.id]), median(seconds[rater.id]) if seconds[rater.id] else None,
            sum(row["fast"] for row in both), (mine["passed"], mine["seen"]) if mine else (0, 0),
            sum(row["flagged"] for row in both), max((row["last"] for row in both), default=None)))
    return lines


def _disagreements(store: Store, project: Project) -> tuple[list[Disagreement], int]:
    """The items with the widest spread, undecided ones first, and how many there are."""
    spreads = ", ".join(f"max({name}) - min({name}) AS {name}" for name in DIMENSIONS)
    widest = f"max({', '.join(f'coalesce({name}, 0)' for name in DIMENSIONS)})"
    found = f"""SELECT *, {widest} AS spread FROM (SELECT item_id, count(*) AS n, {spreads} FROM ratings
                WHERE project_id = :project GROUP BY item_id) WHERE spread >= :spread"""
    values = {"project": project.id, "spread": SPREAD, "most": LISTED}
    rows = store.rows(f"""
        SELECT f.*, substr(i.explanation, 1, 90) AS begin, d.item_id IS NOT NULL AS decided, count(*) OVER () AS total
        FROM ({found}) f JOIN items i ON i.id = f.item_id AND i.purpose = 'work' LEFT JOIN adjudications d ON d.item_id = f.item_id
        ORDER BY decided, f.spread DESC, f.item_id LIMIT :most""", values)
    total = rows[0]["total"] if rows else 0
    listed = [Disagreement(row["item_id"], row["begin"], row["n"], max(DIMENSIONS, key=lambda name: row[name] or 0), row["spread"],
                           bool(row["decided"])) for row in rows]
    return listed, total


def _flagged(store: Store, project: Project) -> list[dict[str, Any]]:
    """Items in work that somebody flagged, by themselves or in a pair, the most often flagged first."""
    in_pairs = " UNION ALL ".join(f"SELECT q.{side}, r.flags FROM preferences r JOIN pairs q ON q.id = r.pair_id "
                                  "WHERE r.project_id = :project AND r.flags <> '[]'" for side in ("item_a", "item_b"))
    rows = store.rows(f"""
        SELECT f.item_id, count(*) AS n, group_concat(f.flags) AS flags, substr(i.explanation, 1, 90) AS begin
        FROM (SELECT item_id, flags FROM ratings WHERE project_id = :project AND flags <> '[]' UNION ALL {in_pairs}) f
        JOIN items i ON i.id = f.item_id WHERE i.active = 1 GROUP BY f.item_id ORDER BY n DESC, f.item_id LIMIT :most""",
        {"project": project.id, "most": LISTED})
    return [dict(row) for row in rows]
