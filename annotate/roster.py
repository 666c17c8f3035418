"""Projects and the people in them: who is invited, who is signed in, what they have agreed to.

An invite is a link with a secret in it; the database keeps only the secret's hash, so a copy of the database lets nobody in.
On a Space a Hugging Face name can stand in its place.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import sqlite3
from typing import Any

from annotate import clock
from annotate.errors import AccessEnded, AnnotateError, Newcomer, NotAllowed
from annotate.records import ROLES, Project, Rater
from annotate.settings import ProjectSettings
from annotate.store import Store, as_rater, insert, log_event

MAX_NAME = 80
AGREED = "agreed to copies"  # an event, with the place of the copies in its detail
NOT_KNOWN = "This link is not known here; ask the person who sent it for a new one."
_HF_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?")


def create_project(store: Store, name: str, settings: ProjectSettings) -> Project:
    """A new, empty project. Raises AnnotateError where the name is taken or cannot be one."""
    name = _clean_name(name, "project")
    with store.transaction() as db:
        if db.conn.execute("SELECT 1 FROM projects WHERE name = ?", [name]).fetchone():
            raise AnnotateError(f"There is a project {name!r} already; choose another name.")
        values = {"name": name, "settings": json.dumps(settings.to_dict(), ensure_ascii=False), "created": clock.utc_now()}
        project_id = insert(db, "projects", values)
        log_event(db, "project made", project_id=project_id, settings=settings.to_dict())
    return store.project(name)


def change_settings(store: Store, project: Project, **changes: Any) -> Project:
    """The project with other settings. Raises AnnotateError for one that cannot be."""
    settings = ProjectSettings.from_dict({**project.settings, **changes})
    with store.transaction() as db:
        db.table("projects").update(project.id, {"settings": json.dumps(settings.to_dict(), ensure_ascii=False)})
        log_event(db, "settings changed", project_id=project.id, **changes)
    return store.project(project.name)


def invite(store: Store, project: Project, name: str, role: str = "rater", *, hf_name: str | None = None,
           simulated: bool = False) -> tuple[Rater, str | None]:
    """A new rater or lead, and the secret of their link (None for one who signs in with Hugging Face, or is simulated).

    Raises AnnotateError where the name is taken in this project or the role is not known.
    """
    name = _clean_name(name, "person")
    if role not in ROLES:
        raise AnnotateError(f"The role is {role!r}, but it must be one of {', '.join(ROLES)}.")
    if hf_name is not None and not _HF_NAME.fullmatch(hf_name):
        raise AnnotateError(f"{hf_name!r} is no name of a Hugging Face account.")
    token = None if hf_name or simulated else secrets.token_urlsafe(24)
    with store.transaction() as db:
        taken = db.conn.execute("SELECT 1 FROM raters WHERE project_id = ? AND (name = ? OR hf_name = ?)",
                                [project.id, name, hf_name]).fetchone()
        if taken:
            raise AnnotateError(f"There is a person {name!r} in project {project.name!r} already; choose another name.")
        rater_id = insert(db, "raters", {
            "project_id": project.id, "name": name, "role": role, "token_sha256": None if token is None else token_hash(token),
            "hf_name": hf_name, "order_seed": secrets.randbelow(2**31), "simulated": int(simulated), "created": clock.utc_now(),
        })
        log_event(db, "invited", project_id=project.id, rater_id=rater_id, role=role, simulated=simulated)
    return store.rater(rater_id), token


def new_token(store: Store, rater: Rater) -> str:
    """Another secret for a person whose link was lost; the old link ends."""
    _require_there(rater)
    token = secrets.token_urlsafe(24)
    with store.transaction() as db:
        db.table("raters").update(rater.id, {"token_sha256": token_hash(token)})
        log_event(db, "new link", project_id=rater.project_id, rater_id=rater.id)
    return token


def set_active(store: Store, rater: Rater, active: bool) -> None:
    """Let a person in, or no more; what they rated stays."""
    _require_there(rater)
    with store.transaction() as db:
        db.table("raters").update(rater.id, {"active": int(active)})
        log_event(db, "let in" if active else "shut out", project_id=rater.project_id, rater_id=rater.id)


def holder(store: Store, token: str, hf_name: str | None) -> Rater:
    """Whose link or account this is, also where their access has ended. Raises NotAllowed for nobody's."""
    row = (store.row("SELECT * FROM raters WHERE token_sha256 = ?", [token_hash(token)]) if token else
           store.row("SELECT * FROM raters WHERE hf_name = ? COLLATE NOCASE ORDER BY project_id DESC", [hf_name]))
    if row is None:
        raise NotAllowed(NOT_KNOWN)
    return as_rater(row)


def sign_in(store: Store, token: str) -> Rater:
    """Who a link belongs to. Raises NotAllowed for one that was never given out or was renewed, AccessEnded as `require_access`."""
    row = store.row("SELECT * FROM raters WHERE token_sha256 = ?", [token_hash(token)])
    return _let_in(store, row, NOT_KNOWN)


def require_access(store: Store, rater: Rater) -> None:
    """Raises AccessEnded for who was shut out, and in a closed project for everybody but its leads."""
    if not rater.active:
        raise AccessEnded("Your access to this project has ended; ask its lead. What you rated is kept.")
    if rater.role != "lead" and ProjectSettings.of(project_of(store, rater)).closed:
        raise AccessEnded("This project is closed. Thank you for taking part; what you rated is kept.")


def project_of(store: Store, rater: Rater) -> Project:
    """The project that somebody takes part in."""
    return next(project for project in store.projects() if project.id == rater.project_id)


def sign_in_hf(store: Store, project: Project, hf_name: str, *, join: bool = False) -> Rater:
    """Who a Hugging Face account belongs to, as the platform vouches for it. Raises NotAllowed.

    Where the project is open to anyone, a person who was not there before joins as a rater if they ask to; until then they are a
    Newcomer (raised), of whom nothing is kept.
    """
    settings = ProjectSettings.of(project)
    row = store.row("SELECT * FROM raters WHERE project_id = ? AND hf_name = ? COLLATE NOCASE", [project.id, hf_name])
    if row is None and settings.hf_raters == "anyone" and _HF_NAME.fullmatch(hf_name) and not settings.closed:
        if not join:
            raise Newcomer(project)
        return invite(store, project, hf_name, hf_name=hf_name)[0]
    if settings.hf_raters == "nobody":
        row = None
    return _let_in(store, row, f"The account {hf_name[:MAX_NAME]} is not invited to this project; ask its lead.")


def find_hf(store: Store, hf_name: str, *, join: bool = False) -> Rater:
    """The newest project that lets a Hugging Face account in. Raises Newcomer as `sign_in_hf`, NotAllowed where none does."""
    refusal = NotAllowed("There is no project here yet.")
    for project in sorted(store.projects(), key=lambda project: -project.id):
        try:
            return sign_in_hf(store, project, hf_name, join=join)
        except Newcomer:
            raise
        except NotAllowed as error:
            refusal = refusal if isinstance(refusal, AccessEnded) else error
    raise refusal


def agree(store: Store, rater: Rater, what: str, *, copies_to: str | None = None) -> None:
    """Keep that a rater gave consent (`consented`) or read the instructions (`instructed`); the first time counts.

    copies_to: the place of copies that the terms named when consent was given (`copies.CopyPlan.place`).
    """
    assert what in ("consented", "instructed")
    with store.transaction() as db:
        changed = db.conn.execute(f"UPDATE raters SET {what} = ? WHERE id = ? AND {what} IS NULL",
                                  [clock.utc_now(), rater.id]).rowcount
        if changed:
            log_event(db, what, project_id=rater.project_id, rater_id=rater.id)
        if what == "consented" and copies_to is not None and not agreed_to_copies(store, rater.id, copies_to):
            log_event(db, AGREED, project_id=rater.project_id, rater_id=rater.id, place=copies_to)


def agreed_to_copies(store: Store, rater_id: int, place: str) -> bool:
    """Whether somebody has agreed to terms that name this place of copies."""
    return store.row("SELECT 1 FROM events WHERE rater_id = ? AND kind = ? AND json_extract(detail, '$.place') = ?",
                     [rater_id, AGREED, place]) is not None


def token_hash(token: str) -> str:
    """What the database keeps of a link's secret. The secret is random, so a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _let_in(store: Store, row: sqlite3.Row | None, otherwise: str) -> Rater:
    if row is None:
        raise NotAllowed(otherwise)
    rater = as_rater(row)
    require_access(store, rater)
    return rater


def _require_there(rater: Rater) -> None:
    if rater.withdrawn is not None:
        raise AnnotateError("This person has withdrawn; invite them anew if they wish to come back.")


def _clean_name(name: str, of: str) -> str:
    clean = " ".join(name.split())
    if not 0 < len(clean) <= MAX_NAME or not clean.isprintable():
        raise AnnotateError(f"The name of a {of} must have 1 to {MAX_NAME} printable characters; {name[:20]!r} has not.")
    return clean
