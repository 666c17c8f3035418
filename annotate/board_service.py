"""The actions that only a lead may take, beside those of `service`."""

from __future__ import annotations

import secrets
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from annotate import donation, roster
from annotate.board import adjudicate, board, comparisons, item_with_ratings, retire
from annotate.board_page import adjudicate_html, board_html
from annotate.donation_page import LISTED, gifts_html
from annotate.errors import AnnotateError
from annotate.exporting import export
from annotate.items import draw
from annotate.payload import text, whole
from annotate.records import Project, Rater
from annotate.service import Service
from annotate.serving import clip_url, lasts

TICKET_S = 600  # an archive can be fetched for so long


class BoardService:
    """Adds the lead's actions to a service. Archives lie in a temporary folder of their own and are fetched by ticket."""

    def __init__(self, service: Service) -> None:
        self.service, self.store = service, service.store
        self._folder = tempfile.TemporaryDirectory(prefix="annotate-export-")
        self._tickets: dict[str, tuple[float, Path, int]] = {}  # made, file, whose
        service.add_lead_actions({
            "board": self._board, "item": self._item, "adjudicate": self._adjudicate, "retire": self._retire,
            "item_figure": self._item_figure, "invite": self._invite, "new_link": self._new_link, "active": self._active,
            "export": self._export, "gift": self._gift,
        })

    def routes(self) -> list[Route]:
        """The route that serves archives."""
        return [Route("/annotate/download/{ticket}", self._download)]

    def _board(self, project: Project, lead: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        path = self.store.path
        gifts = donation.waiting(self.store, project, LISTED)
        given = gifts_html(gifts, [clip_url(self.store, lead, gift.item.clip_sha256) for gift in gifts],
                           donation.count_waiting(self.store, project))
        kept = lasts(path) or self.service.plan is not None
        html = board_html(project, board(self.store, project), self.service.storage(), kept, given)
        return {"screen": "board", "html": html}

    def _gift(self, project: Project, lead: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        decide = donation.accept if payload.get("take") is True else donation.refuse
        decide(self.store, project, lead, whole(payload, "gift"))
        return self._board(project, lead, payload)

    def _item(self, project: Project, lead: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        item, ratings, decision = item_with_ratings(self.store, project, whole(payload, "item"))
        compared = comparisons(self.store, item.id)
        return {"screen": "adjudicate", "html": adjudicate_html(project, item, ratings, compared, decision,
                                                                clip_url(self.store, lead, item.clip_sha256))}

    def _item_figure(self, project: Project, lead: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        item, _, _ = item_with_ratings(self.store, project, whole(payload, "item"))
        return {"figure": self.service.figure(item.clip_sha256, item.id, whole(payload, "width", 960))}

    def _adjudicate(self, project: Project, lead: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        adjudicate(self.store, project, lead, whole(payload, "item"), payload.get("scores"), payload.get("comment"))
        return self._board(project, lead, payload)

    def _retire(self, project: Project, lead: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        retire(self.store, project, lead, whole(payload, "item"))
        return self._board(project, lead, payload)

    def _invite(self, project: Project, lead: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        rater, token = roster.invite(self.store, project, text(payload, "name"), "lead" if payload.get("lead") else "rater")
        return {"name": rater.name, "token": token}

    def _new_link(self, project: Project, lead: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        rater = self._person(project, payload)
        return {"name": rater.name, "token": roster.new_token(self.store, rater)}

    def _active(self, project: Project, lead: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        rater = self._person(project, payload)
        if rater.id == lead.id:
            raise AnnotateError("You cannot shut yourself out; another lead can.")
        roster.set_active(self.store, rater, payload.get("on") is True)
        return self._board(project, lead, payload)

    def _person(self, project: Project, payload: dict[str, Any]) -> Rater:
        rater = self.store.rater(whole(payload, "rater"))
        if rater.project_id != project.id:
            raise AnnotateError("There is no such person in this project.")
        return rater

    def _export(self, project: Project, lead: Rater, payload: dict[str, Any]) -> dict[str, Any]:
        form = text(payload, "format")
        self._forget_old()
        ticket = secrets.token_urlsafe(24)
        archive = Path(self._folder.name) / f"{ticket}.zip"
        with tempfile.TemporaryDirectory(dir=self._folder.name) as folder:
            files = export(self.store, project, Path(folder), form)
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
                for file in files:
                    bundle.write(file, file.relative_to(folder))
        self._tickets[ticket] = (time.monotonic(), archive, lead.id)
        # A name that is harmless in a header, and differs between projects.
        return {"url": f"annotate/download/{ticket}", "name": f"ratings-{draw(0, project.name):08x}-{form}.zip"}

    def _download(self, request: Request) -> Response:
        self._forget_old()
        found = self._tickets.get(request.path_params["ticket"])
        if found is None or not found[1].is_file():
            return PlainTextResponse("This archive is no longer there; export again.", 404)
        try:
            roster.require_access(self.store, self.store.rater(found[2]))
        except AnnotateError as error:
            return PlainTextResponse(str(error), 403)
        return FileResponse(found[1], media_type="application/zip", headers={"Cache-Control": "no-store"})

    def _forget_old(self) -> None:
        for ticket, (made, path, _) in list(self._tickets.items()):
            if time.monotonic() - made > TICKET_S:
                self._tickets.pop(ticket, None)
                path.unlink(missing_ok=True)
