"""Somebody withdraws: nothing personal is left in any file, and the ratings go or stay as they chose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from annotate import roster
from annotate.__main__ import main
from annotate.assignment import claim, open_revision
from annotate.board import board
from annotate.errors import AnnotateError, NotAllowed, StoreError
from annotate.exporting import rows
from annotate.importing import pair_up
from annotate.rating import save_draft, submit
from annotate.records import Project, Rater
from annotate.service import Service
from annotate.serving import clip_routes, clip_url
from annotate.store import Store
from annotate.withdrawal import holding, withdraw
from tests.annotate.filling import full_answers, full_choices, listen, make_rater, make_store

NAME, COMMENT, DRAFT = "Quokkalina", "my wombat sounds like this", "half a platypus"


@pytest.fixture
def desk(tmp_path: Path) -> tuple[Store, Project, Rater, str]:
    """Somebody with two ratings (one revised), comments and a draft; somebody else with one. One rating an item is wanted."""
    store, project = make_store(tmp_path, 4, ratings_per_item=1)
    rater = make_rater(store, project, NAME)
    token = roster.new_token(store, rater)
    for number in range(2):
        rate(store, project, rater, f"press-000{number}", full_answers(2, comment=COMMENT))
    again = open_revision(store, project, rater, rating_id=store.ratings(project)[0].id)
    submit(store, project, rater, again.lease_id, "press-more", full_answers(3, comment=COMMENT + " still"), 5.0)
    work = claim(store, project, rater)
    assert work is not None
    save_draft(store, project, rater, work.lease_id, {"comment": DRAFT}, 0, 3.0)
    rate(store, project, make_rater(store, project, "Grace"), "press-grace", full_answers(5))
    return store, project, rater, token


def rate(store: Store, project: Project, rater: Rater, press: str, answers: dict[str, Any]) -> None:
    work = claim(store, project, rater)
    assert work is not None
    listen(store, project, rater, work.lease_id)
    submit(store, project, rater, work.lease_id, press, answers, 5.0)


def on_disk(store: Store, *words: str) -> list[str]:
    """Those of the words that any file of the database holds."""
    data = b"".join(path.read_bytes() for path in store.path.parent.glob(f"{store.path.name}*"))
    return [word for word in words if word.encode() in data]


def whole(store: Store) -> None:
    assert store.rows("PRAGMA integrity_check")[0][0] == "ok" and store.rows("PRAGMA foreign_key_check") == []
    counted = store.rows("SELECT i.id FROM items i WHERE n_ratings <> (SELECT count(*) FROM ratings r WHERE r.item_id = i.id)")
    assert counted == []


@pytest.mark.parametrize("fate", ["delete", "keep"])
def test_nothing_personal_is_left_anywhere(desk: tuple[Store, Project, Rater, str], fate: str) -> None:
    store, project, rater, token = desk
    client = TestClient(Starlette(routes=clip_routes(store)))
    url = "/" + clip_url(store, rater, store.item(store.ratings(project)[0].item_id).clip_sha256)
    assert client.get(url).status_code == 200
    assert on_disk(store, NAME, COMMENT, DRAFT, roster.token_hash(token)) == [NAME, COMMENT, DRAFT, roster.token_hash(token)]
    last = store.rows("SELECT max(id) FROM events")[0][0]
    found = withdraw(store, rater, fate)
    assert (found.ratings, found.comparisons, found.comments, found.drafts) == (2, 0, 2, 1) and found.events > 5
    assert on_disk(store, NAME, COMMENT, DRAFT, roster.token_hash(token)) == []
    whole(store)
    # The log knows that somebody left, and nothing of whom; it stays append-only for everybody else.
    leases = "SELECT id FROM leases WHERE rater_id = :id"
    assert store.rows(f"SELECT 1 FROM events WHERE rater_id = :id OR lease_id IN ({leases})", {"id": rater.id}) == []
    assert store.rows("SELECT 1 FROM drafts WHERE answers LIKE '%comment%platypus%'") == []
    assert store.rows("SELECT max(id) FROM events")[0][0] > last  # so that a scheduled push sees that something changed
    with pytest.raises(StoreError, match="TRIGGER"), store.transaction() as db:
        db.conn.execute("DELETE FROM events")
    # Nor can they come back, be let in, or hear a clip.
    with pytest.raises(NotAllowed, match="not known"):
        roster.sign_in(store, token)
    gone = store.rater(rater.id)
    for call in (lambda: roster.set_active(store, gone, True), lambda: roster.new_token(store, gone),
                 lambda: withdraw(store, gone, fate)):
        with pytest.raises(AnnotateError, match="withdrawn"):
            call()
    assert client.get(url).status_code == 403
    line = next(line for line in board(store, project).raters if line.rater.id == rater.id)
    assert line.rater.name == f"withdrawn-{rater.id}" and line.answers == (0 if fate == "delete" else 2)


def test_deleted_ratings_are_asked_of_somebody_else(desk: tuple[Store, Project, Rater, str]) -> None:
    store, project, rater, _ = desk
    items = {rating.item_id for rating in store.ratings(project) if rating.rater_id == rater.id}
    withdraw(store, rater, "delete")
    assert {rating.rater_name for rating in store.ratings(project)} == {"Grace"}
    assert {row["rater"] for row in rows(store, project, "ratings")} == {f"rater-{rater.id + 1}"}
    assert store.rows("SELECT 1 FROM revisions WHERE lease_id NOT IN (SELECT id FROM leases)") == []
    other, met = make_rater(store, project, "Joan"), set()
    while (work := claim(store, project, other)) is not None:
        met.add(work.items[0].id)
        listen(store, project, other, work.lease_id)
        submit(store, project, other, work.lease_id, f"press-{work.lease_id}", full_answers(), 1.0)
    assert items < met and len(met) == 3  # and the one whose draft was thrown away


def test_kept_ratings_keep_what_they_say_and_not_who_said_it(desk: tuple[Store, Project, Rater, str]) -> None:
    store, project, rater, _ = desk
    before = [row for row in rows(store, project, "ratings") if row["rater"] == f"rater-{rater.id}"]
    withdraw(store, rater, "keep")
    after = [row for row in rows(store, project, "ratings") if row["rater"] == f"rater-{rater.id}"]
    assert [row | {"comment": None} for row in before] == after and len(after) == 2
    lease = store.row("SELECT id FROM leases WHERE rater_id = ?", [rater.id])
    assert lease is not None
    with pytest.raises(NotAllowed):  # what was on its way meanwhile
        submit(store, project, rater, lease["id"], "press-late", full_answers(comment=COMMENT), 1.0)
    assert {row["comment"] for row in before} == {COMMENT, COMMENT + " still"}
    assert len(store.rows("SELECT 1 FROM revisions WHERE json_extract(answers, '$.scores.factual_alignment') IN (2, 3)")) == 3


@pytest.mark.parametrize("fate", ["delete", "keep"])
def test_comparisons_go_and_stay_like_ratings(tmp_path: Path, fate: str) -> None:
    store, project = make_store(tmp_path, 4, mode="pair")
    pair_up(store, project)
    rater = make_rater(store, project, NAME)
    rate(store, project, rater, "press-0001", full_choices("left", comment=COMMENT))
    assert withdraw(store, rater, fate).comparisons == 1
    assert [p.comment for p in store.preferences(project)] == ([] if fate == "delete" else [""])
    assert store.rows("SELECT sum(n_preferences) FROM pairs")[0][0] == (0 if fate == "delete" else 1)
    assert on_disk(store, NAME, COMMENT) == []
    whole(store)


def test_the_page_asks_twice_and_says_what_goes(desk: tuple[Store, Project, Rater, str]) -> None:
    store, project, rater, token = desk
    service = Service(store)
    assert "data-leaving" in service.call("history", token, {})["html"]
    first = service.call("leaving", token, {})["html"]
    for said in (NAME, "comments (2)", "drafts (1)", "Your ratings (2)", "Nothing is deleted yet", "backups"):
        assert said in first, said
    assert "cannot be undone" in service.call("leaving", token, {"fate": "keep"})["html"]
    for half in ({"fate": "delete"}, {"fate": "delete", "sure": 1}, {"sure": True}, {"fate": "burn", "sure": True}):
        assert "error" in service.call("leave", token, half), half
    assert holding(store, rater).ratings == 2
    roster.set_active(store, rater, False)  # whoever was shut out may withdraw all the same
    ended = service.call("open", token, {})
    assert ended["screen"] == "ended" and "data-leaving" in ended["html"]
    assert service.call("history", token, {})["kind"] == "AccessEnded"
    left = service.call("leave", token, {"fate": "delete", "sure": True})
    assert left["screen"] == "left" and "were deleted, too" in left["html"]
    for action in ("open", "leaving", "leave"):
        assert service.call(action, token, {"fate": "delete", "sure": True})["kind"] == "NotAllowed"
    assert len(store.ratings(project)) == 1


def test_who_signs_in_with_an_account_is_kept_only_once_they_agree(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 1, hf_raters="anyone")
    service = Service(store)

    def call(action: str, **payload: Any) -> dict[str, Any]:
        return service.call(action, "", payload, "quokka")

    assert call("open")["screen"] == "consent" and "quokka" in call("open")["html"]
    for action in ("history", "instructions", "leaving", "draft"):
        assert call(action).get("screen") == "consent"
    assert store.raters(project) == [] and on_disk(store, "quokka") == []
    assert call("agree", what="consented")["screen"] == "instructions"
    assert call("leave", fate="delete", sure=True)["screen"] == "left"
    assert call("open")["screen"] == "consent" and on_disk(store, "quokka") == []  # gone, and not back by looking in


def test_the_lead_does_it_from_the_command_line(desk: tuple[Store, Project, Rater, str],
                                                capsys: pytest.CaptureFixture[str]) -> None:
    store, project, _, _ = desk
    lead = make_rater(store, project, "Lead", "lead")
    command = ["withdraw", "--db", str(store.path), NAME, "--ratings", "keep"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "Would be deleted: name, link, 2 comments, 1 drafts" in said and "Nothing was changed" in said
    assert on_disk(store, NAME) == [NAME]
    assert main([*command, "--yes"]) == 0
    assert "Kept without the name: 2 ratings" in capsys.readouterr().out
    assert on_disk(store, NAME, COMMENT) == []
    for arguments, said in ((command, "no person"), ([*command[:3], lead.name, "--ratings", "keep"], "only lead"),
                            ([*command[:3], "Grace", "--ratings", "burn"], "must be one of")):
        assert main(arguments) == 2
        assert said in capsys.readouterr().err
    make_rater(store, project, "Second", "lead")
    assert main([*command[:3], lead.name, "--ratings", "delete", "--yes"]) == 0


def test_a_withdrawal_that_cannot_be_written_changes_nothing(desk: tuple[Store, Project, Rater, str],
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    store, project, rater, token = desk
    monkeypatch.setattr("annotate.withdrawal.delete_leases", lambda *_: (_ for _ in ()).throw(AnnotateError("power cut")))
    before = [tuple(row) for row in store.rows("SELECT * FROM events")]
    with pytest.raises(AnnotateError, match="power cut"):
        withdraw(store, rater, "delete")
    assert [tuple(row) for row in store.rows("SELECT * FROM events")] == before and len(store.ratings(project)) == 3
    assert roster.sign_in(store, token).name == NAME
    with Store.open(store.path) as again:
        assert again.rows("SELECT 1 FROM meta WHERE key = 'erasing'") == []
