"""What the page asks for and gets: one function per action, from JSON to JSON, without Gradio.

Every call brings the secret of its person with it and nothing is remembered between calls, so a restart of the server, a second
machine or a second tab changes nothing. An error comes back as {"error": sentence, "kind": class}, and the form stays filled.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from annotate import pages, roster, withdraw_page
from annotate.assignment import claim, open_revision, own_lease, release, task
from annotate.copies import CopyPlan
from annotate.errors import AccessEnded, AnnotateError, Newcomer, NotAllowed
from annotate.payload import ODD, number, text, whole
from annotate.rating import save_draft, set_heard, show_text, submit
from annotate.records import Project, Rater
from annotate.serving import clip_url, storage_sentence
from annotate.settings import ProjectSettings
from annotate.store import Store
from annotate.task_page import task_html, text_html
from annotate.withdrawal import FATES, holding, require_may_leave, withdraw
from emotionthinker.audio import load_clip
from emotionthinker.errors import EmotionThinkerError
from emotionthinker.page.figure import figure_html
from emotionthinker.page.handlers import sentence
from emotionthinker.plots import draw_voice

log = logging.getLogger("annotate")
FIGURES = 64  # drawn figures that are kept: several people rate the same clip
WIDTH_STEP = 40  # px: drawings are made for widths in such steps
HISTORY = 100  # earlier answers that are listed

Action = Callable[[Project, Rater, dict[str, Any]], dict[str, Any]]


class Service:
    """The actions of one store. `call` is the only way in. plan: of scheduled copies, which the terms then name."""

    def __init__(self, store: Store, plan: CopyPlan | None = None) -> None:
        self.store, self.plan = store, plan
        self._figures: OrderedDict[tuple[str, int, int], str] = OrderedDict()
        self._drawing = threading.Lock()
        self._actions: dict[str, Action] = {
            "open": self._open, "agree": self._agree, "instructions": self._instructions, "figure": self._figure,
            "draft": self._draft, "heard": self._heard, "read": self._read, "submit": self._submit, "history": self._history,
            "revise": self._revise, "release": self._release, "leaving": self._leaving, "leave": self._leave,
        }
        self._for_leads: dict[str, Action] = {}

    def call(self, action: Any, token: Any, payload: Any, hf_name: str | None = None) -> dict[str, Any]:
        """Do one thing for one person. token: the secret of an invite; hf_name: the account that the platform vouches for."""
        try:
            if not (isinstance(action, str) and isinstance(payload, dict) and isinstance(token, str)):
                raise AnnotateError(ODD)
            joins = action == "agree" and payload.get("what") == "consented"
            try:
                who = self._who(token, hf_name, leaves=action in ("leaving", "leave"), joins=joins)
            except Newcomer as newcomer:
                return _screen("consent", pages.consent_html(newcomer.project, str(hf_name), self.storage()))
            except AccessEnded as ended:
                if action != "open":
                    raise
                return _screen("ended", withdraw_page.ended_html(str(ended)))
            if who is None:
                return {"screen": "welcome", "html": pages.welcome_html()}
            project, rater = who
            if action in self._for_leads:
                if rater.role != "lead":
                    raise NotAllowed("Only the project's lead may do this.")
                return self._for_leads[action](project, rater, payload)
            if action not in self._actions:
                raise AnnotateError("The page asked for something that is not there; reload it.")
            return self._actions[action](project, rater, payload)
        except EmotionThinkerError as error:
            return {"error": str(error), "kind": type(error).__name__}
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
            # What the page does not send. Neither it nor its text reaches a log.
            name = action if isinstance(action, str) and (action in self._actions or action in self._for_leads) else "an action"
            log.warning("%s failed with %s", name, type(error).__name__)
            return {"error": ODD, "kind": "AnnotateError"}
        except Exception as error:  # a fault of ours: a sentence for the page, its place for the log
            return {"error": sentence(error), "kind": "fault"}

    def storage(self) -> str:
        """Where the data lies and where copies go, for people."""
        return storage_sentence(self.store.path, plan=self.plan)

    def add_lead_actions(self, actions: dict[str, Action]) -> None:
        """Actions that only a lead may take (`board_service`)."""
        self._for_leads |= actions

    def _who(self, token: str, hf_name: str | None, *, leaves: bool, joins: bool) -> tuple[Project, Rater] | None:
        """leaves: somebody may withdraw whose access has ended. joins: somebody new has agreed, so that they may be kept."""
        try:
            if token:
                rater = roster.sign_in(self.store, token)
            elif hf_name and self.store.projects():
                rater = roster.find_hf(self.store, hf_name, join=joins)
            else:
                return None
        except AccessEnded:
            if not leaves:
                raise
            rater = roster.holder(self.store, token, hf_name)
        return roster.project_of(self.store, rater), rater

    def _open(self, project: Project, rater: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        """The screen that this person is at."""
        if rater.role == "lead" and "board" in self._for_leads:
            return self._for_leads["board"](project, rater, payload)
        changed = self.plan is not None and not roster.agreed_to_copies(self.store, rater.id, self.plan.place)
        if rater.consented is None or changed:
            again = rater.consented is not None
            return _screen("consent", pages.consent_html(project, rater.name, self.storage(), again=again))
        if rater.instructed is None:
            return _screen("instructions", pages.instructions_html(project, first=True))
        try:
            work = claim(self.store, project, rater)
        except NotAllowed as error:
            return _screen("blocked", pages.blocked_html(project, str(error)))
        if work is None:
            return _screen("done", pages.done_html(project, self._progress(project, rater)["done"]))
        return self._task(project, rater, work.lease_id)

    def _agree(self, project: Project, rater: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        what = text(payload, "what")
        if what not in ("consented", "instructed"):
            raise AnnotateError(ODD)
        roster.agree(self.store, rater, what, copies_to=self.plan.place if self.plan else None)
        return self._open(project, self.store.rater(rater.id), payload)

    def _instructions(self, project: Project, rater: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        return _screen("instructions", pages.instructions_html(project, first=rater.instructed is None))

    def _figure(self, project: Project, rater: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        """The figure of a task, drawn for the width at hand."""
        lease_id = text(payload, "lease")
        own_lease(self.store, rater, lease_id)
        item = task(self.store, lease_id).items[0]
        return {"figure": self.figure(item.clip_sha256, item.id, whole(payload, "width", 960))}

    def figure(self, sha256: str, item_id: int, width_px: int) -> str:
        """The figure of an item, from memory where it was drawn before. One is drawn at a time: they are quick, cores are few."""
        width_px = max(280, min(1600, width_px // WIDTH_STEP * WIDTH_STEP))
        key = (sha256, item_id, width_px)
        with self._drawing:
            if key not in self._figures:
                record = self.store.item(item_id).prosody
                clip = load_clip(self.store.clip_path(sha256))
                self._figures[key] = figure_html(draw_voice(record, clip.samples, width_px=width_px), record)
                if len(self._figures) > FIGURES:
                    self._figures.popitem(last=False)
            self._figures.move_to_end(key)
            return self._figures[key]

    def forget_figures(self, sha256: str) -> None:
        """Drop what was drawn of a clip that is gone."""
        with self._drawing:
            for key in [key for key in self._figures if key[0] == sha256]:
                del self._figures[key]

    def _draft(self, project: Project, rater: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        saved = save_draft(self.store, project, rater, text(payload, "lease"), payload.get("answers"), whole(payload, "version"),
                           number(payload, "seconds"))
        return {"version": saved.version, "conflict": saved.conflict}

    def _heard(self, project: Project, rater: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        set_heard(self.store, project, rater, text(payload, "lease"), number(payload, "played"))
        return {"heard": True}

    def _read(self, project: Project, rater: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        """The explanation and the questions about it, which no page holds before the rater has listened and said what they hear."""
        lease_id = text(payload, "lease")
        show_text(self.store, project, rater, lease_id, None if payload.get("emotion") is None else text(payload, "emotion"))
        return {"html": text_html(task(self.store, lease_id))}

    def _submit(self, project: Project, rater: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        receipt = submit(self.store, project, rater, text(payload, "lease"), text(payload, "submission"), payload.get("answers"),
                         number(payload, "seconds"))
        return {"revision": receipt.revision, "again": receipt.again, "saved": receipt.saved}

    def _history(self, project: Project, rater: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        rows = self.store.rows("""
            SELECT 'rating' AS kind, r.id, r.updated, substr(i.explanation, 1, 90) AS begin, v.answers FROM ratings r
            JOIN items i ON i.id = r.item_id JOIN revisions v ON v.rating_id = r.id AND v.revision = r.revision
            WHERE r.rater_id = :id
            UNION ALL
            SELECT 'preference', r.id, r.updated, substr(i.explanation, 1, 90), v.answers FROM preferences r
            JOIN pairs q ON q.id = r.pair_id JOIN items i ON i.id = CASE r.swapped WHEN 1 THEN q.item_b ELSE q.item_a END
            JOIN revisions v ON v.preference_id = r.id AND v.revision = r.revision WHERE r.rater_id = :id
            ORDER BY 3 DESC LIMIT :most""", {"id": rater.id, "most": HISTORY})
        return _screen("history", pages.history_html(project, [dict(row) for row in rows]))

    def _revise(self, project: Project, rater: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        if payload.get("kind") == "last":
            row = self.store.row("SELECT kind, id FROM (SELECT 'rating' AS kind, id, updated FROM ratings WHERE rater_id = :id "
                                 "UNION ALL SELECT 'preference', id, updated FROM preferences WHERE rater_id = :id) "
                                 "ORDER BY updated DESC", {"id": rater.id})
            if row is None:
                raise AnnotateError("There is no earlier answer of yours to change.")
            kind, key = row["kind"], row["id"]
        else:
            kind, key = text(payload, "kind"), whole(payload, "key")
        if kind not in ("rating", "preference"):
            raise AnnotateError(ODD)
        work = open_revision(self.store, project, rater, **{f"{kind}_id": key})
        return self._task(project, rater, work.lease_id)

    def _release(self, project: Project, rater: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        release(self.store, rater, text(payload, "lease"))
        return self._open(project, rater, payload)

    def _leaving(self, project: Project, rater: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        """The steps before somebody withdraws: what goes and stays, and, once the ratings' fate is chosen, the last question."""
        require_may_leave(self.store, rater)
        found = holding(self.store, rater)
        if payload.get("fate") in FATES:
            return _screen("leaving", withdraw_page.sure_html(project, rater, found, text(payload, "fate")))
        return _screen("leaving", withdraw_page.leaving_html(project, rater, found))

    def _leave(self, project: Project, rater: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        if payload.get("sure") is not True:
            raise AnnotateError(ODD)
        fate = text(payload, "fate")
        return _screen("left", withdraw_page.left_html(project, withdraw(self.store, rater, fate), fate))

    def _task(self, project: Project, rater: Rater, lease_id: str) -> dict[str, Any]:
        work = task(self.store, lease_id)
        html = task_html(project, work, self._progress(project, rater), clip_url(self.store, rater, work.items[0].clip_sha256))
        return _screen("pair" if work.is_pair else "single", html) | {"lease": lease_id, "version": work.draft_version}

    def _progress(self, project: Project, rater: Rater) -> dict[str, int]:
        """Answers of this rater, and answers that the project still needs from anybody."""
        settings = ProjectSettings.of(project)
        table, count, work = (("pairs", "n_preferences", "") if settings.mode == "pair" else
                              ("items", "n_ratings", "AND purpose = 'work'"))
        done = self.store.row("SELECT (SELECT count(*) FROM ratings WHERE rater_id = :id) + "
                              "(SELECT count(*) FROM preferences WHERE rater_id = :id)", {"id": rater.id})
        levels = self.store.rows(f"SELECT {count} AS given, count(*) AS n FROM {table} WHERE project_id = ? {work} AND active = 1 "
                                 f"AND {count} < ? GROUP BY 1", [project.id, settings.ratings_per_item])
        assert done is not None
        return {"done": done[0], "needed": sum((settings.ratings_per_item - row["given"]) * row["n"] for row in levels)}


def _screen(name: str, html: str) -> dict[str, Any]:
    return {"screen": name, "html": html}
