"""What the page asks for and gets, without a browser: screens, escaping, what must not be told, and who may do what."""

from __future__ import annotations

import json
import logging
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from annotate import roster, serving
from annotate.board_service import BoardService
from annotate.importing import pair_up
from annotate.records import DIMENSIONS, Project
from annotate.service import Service
from annotate.serving import clip_routes, database_path, lasts, storage_sentence
from annotate.settings import ProjectSettings
from annotate.store import Store
from annotate.ui import build, launch, open_service
from emotionthinker.page import health
from tests.annotate.filling import add_items, full_answers, full_choices, make_rater, make_store
from tests.browser.conftest import free_port
from tests.test_hosting import ask

NASTY = "<img src=x onerror=\"window.hacked='yes'\"></script>\u202e"


class Tags(HTMLParser):
    """The elements and attributes that a browser would make of a text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.fixture
def desk(tmp_path: Path) -> tuple[Store, Project, Service]:
    store, project = make_store(tmp_path, 4)
    service = Service(store)
    BoardService(service)
    return store, project, service


def person(store: Store, project: Project, name: str = "Ada", role: str = "rater") -> str:
    _, token = roster.invite(store, project, name, role)
    assert token is not None
    return token


def to_work(service: Service, token: str) -> dict[str, Any]:
    service.call("agree", token, {"what": "consented"})
    return service.call("agree", token, {"what": "instructed"})


def test_from_welcome_to_done(desk: tuple[Store, Project, Service]) -> None:
    store, project, service = desk
    assert service.call("open", "", {})["screen"] == "welcome"
    token = person(store, project)
    assert service.call("open", token, {})["screen"] == "consent"
    assert service.call("agree", token, {"what": "consented"})["screen"] == "instructions"
    work = service.call("agree", token, {"what": "instructed"})
    for number in range(4):
        assert work["screen"] == "single"
        lease = work["lease"]
        draft = service.call("draft", token, {"lease": lease, "answers": {"comment": "so"}, "version": 0, "seconds": 2})
        assert draft == {"version": 1, "conflict": None}
        early = service.call("submit", token, {"lease": lease, "submission": f"press-{number:04}", "answers": full_answers(),
                                               "seconds": 3})
        assert "listen to the whole clip" in early["error"] and early["kind"] == "NotComplete"
        assert service.call("heard", token, {"lease": lease, "played": 2.0}) == {"heard": True}
        assert service.call("read", token, {"lease": lease, "emotion": "angry"})["html"]
        assert service.call("submit", token, {"lease": lease, "submission": f"press-{number:04}", "answers": full_answers(),
                                              "seconds": 3})["revision"] == 1
        work = service.call("open", token, {})
    assert work["screen"] == "done" and "rated 4 items" in work["html"]
    history = service.call("history", token, {})["html"]
    assert history.count("data-revise=") == 4
    assert service.call("revise", token, {"kind": "last"})["screen"] == "single"


def test_the_page_of_an_item_tells_nothing_it_must_not(desk: tuple[Store, Project, Service]) -> None:
    store, project, service = desk
    with store.transaction() as db:
        db.conn.execute("UPDATE items SET model_id = 'SecretModel', gold_emotion = 'SecretGold', source = 'secret.jsonl', "
                        "speaker = 'SecretSpeaker', reward_scores = '{\"overall\": 0.123456}'")
    expected = {"at_most": {"factual_alignment": 3}}
    add_items(store, project, 1, explanation="Swapped.", purpose="attention", swapped_from=1, expected=expected)
    token = person(store, project)
    work = to_work(service, token)
    service.call("heard", token, {"lease": work["lease"], "played": 2})
    html = work["html"] + service.call("read", token, {"lease": work["lease"], "emotion": "angry"})["html"]
    assert "the pitch is high" in html
    for word in ("secret", "0.123456", "attention", "swapped_from", "clip0.wav", str(store.path.parent).lower(), "reward"):
        assert word not in html.lower(), word


@pytest.mark.parametrize("mode", ["single", "pair"])
def test_the_explanation_is_not_sent_before_the_rater_has_listened_and_said_what_they_hear(tmp_path: Path, mode: str) -> None:
    store, project = make_store(tmp_path, 4, mode=mode, emotions=["sad", "happy"])
    with store.transaction() as db:
        db.conn.execute("UPDATE items SET explanation = 'Quokkas sound loud. ' || id, answer = 'wombatty'")
    assert mode == "single" or pair_up(store, project) == 2
    service = Service(store)
    token = person(store, project)
    sent = [to_work(service, token), service.call("open", token, {}), service.call("instructions", token, {})]
    lease = sent[0]["lease"]
    emotion = {"emotion": "sad"} if mode == "single" else {}
    sent += [service.call("figure", token, {"lease": lease, "width": 900}), service.call("history", token, {}),
             service.call("draft", token, {"lease": lease, "answers": {}, "version": 0, "seconds": 1}),
             service.call("read", token, {"lease": lease, **emotion}),  # not heard yet
             service.call("submit", token, {"lease": lease, "submission": "press-0001", "answers": {}, "seconds": 1}),
             service.call("heard", token, {"lease": lease, "played": 2}), service.call("open", token, {})]
    if mode == "single":  # heard, but what they hear is not said
        sent += [service.call("read", token, {"lease": lease}), service.call("read", token, {"lease": lease, "emotion": "x"})]
    for answer in sent:
        assert not re.search("quokka|wombatty", json.dumps(answer).lower())
    read = service.call("read", token, {"lease": lease, **emotion})
    reloaded = service.call("open", token, {})
    for answer in (read, reloaded):
        assert answer["html"].count("Quokkas sound loud.") == (1 if mode == "single" else 2) and "wombatty" in answer["html"]
        assert "an-gate" not in answer["html"]


def test_check_05_every_text_is_escaped(desk: tuple[Store, Project, Service]) -> None:
    store, project, service = desk
    with store.transaction() as db:
        for row in db.conn.execute("SELECT id, prosody FROM items").fetchall():
            prosody = json.loads(row["prosody"])
            prosody["transcription"] = NASTY
            prosody["words"][0]["word"] = NASTY
            prosody["stressed_words"] = [NASTY]
            prosody["warnings"] = [NASTY]
            db.conn.execute("UPDATE items SET explanation = :two, answer = :one, transcript = :one, model_id = :one, "
                            "source = :one, prosody = :prosody WHERE id = :id",
                            {"one": NASTY, "two": f"{NASTY} One. {NASTY} Two.", "prosody": json.dumps(prosody), "id": row["id"]})
    project = roster.change_settings(store, project, emotions=[NASTY[:50], "sad"])
    _, token = roster.invite(store, project, "<b>Ada</b>")
    assert token is not None
    pages = [service.call("open", token, {}), service.call("instructions", token, {})]
    work = to_work(service, token)
    pages += [work, service.call("figure", token, {"lease": work["lease"], "width": 900})]
    service.call("heard", token, {"lease": work["lease"], "played": 2})
    pages.append(service.call("read", token, {"lease": work["lease"], "emotion": "sad"}))
    answers = full_answers(heard_emotion="sad", comment=NASTY)
    assert "revision" in service.call("submit", token, {"lease": work["lease"], "submission": "press-0001", "answers": answers,
                                                       "seconds": 1})
    make_rater(store, project, "other")
    pages += [service.call("history", token, {}), service.call("revise", token, {"kind": "last"})]
    lead = person(store, project, "<i>Lead", "lead")
    item = store.ratings(project)[0].item_id
    pages += [service.call("open", lead, {}), service.call("item", lead, {"item": item})]
    for page in pages:
        html = page.get("html") or page["figure"]
        tags = Tags(html)
        assert "button" in tags.names or "svg" in tags.names
        assert not tags.names & {"img", "script"}, page.get("screen")
        assert not [name for name in tags.attributes if name.startswith("on")]
        assert "<b>Ada" not in html and "<i>Lead" not in html


def test_nobody_acts_for_another_or_above_their_role(desk: tuple[Store, Project, Service]) -> None:
    store, project, service = desk
    ada, grace = person(store, project), person(store, project, "Grace")
    work = to_work(service, ada)
    to_work(service, grace)
    lease = work["lease"]
    for action, payload in [("draft", {"lease": lease, "answers": {}, "version": 0, "seconds": 1}), ("figure", {"lease": lease}),
                            ("heard", {"lease": lease, "played": 1}), ("release", {"lease": lease}),
                            ("read", {"lease": lease, "emotion": "sad"}),
                            ("submit", {"lease": lease, "submission": "press-0001", "answers": full_answers(), "seconds": 1}),
                            ("revise", {"kind": "rating", "key": 1})]:
        assert service.call(action, grace, payload)["kind"] == "NotAllowed", action
    for action in ("board", "item", "adjudicate", "retire", "invite", "new_link", "active", "export", "item_figure"):
        answer = service.call(action, ada, {"item": 1, "rater": 1, "name": "x", "format": "csv", "on": True})
        assert answer["kind"] == "NotAllowed", action
    assert service.call("open", "stolen", {})["kind"] == "NotAllowed"
    lead = person(store, project, "Lead", "lead")
    other = roster.create_project(store, "other", ProjectSettings())
    stranger, _ = roster.invite(store, other, "Stranger")
    (foreign,) = add_items(store, other, 1)
    for action, payload in [("item", {"item": foreign}), ("retire", {"item": foreign}), ("new_link", {"rater": stranger.id}),
                            ("adjudicate", {"item": foreign, "scores": dict.fromkeys(DIMENSIONS, 3), "comment": ""})]:
        assert "error" in service.call(action, lead, payload), action
    assert store.rows("SELECT count(*) FROM adjudications")[0][0] == 0


@pytest.mark.parametrize(("action", "payload"), [
    ("open", []), ("open", None), ("fly", {}), ("agree", {}), ("agree", {"what": "role = 'lead', consented"}), ("draft", {}),
    ("draft", {"lease": 5, "answers": {}, "version": "x", "seconds": "y"}), ("submit", {"lease": None}),
    ("figure", {"lease": ["a"]}), ("revise", {"kind": "rating", "key": 10**30}), ("figure", {"lease": "x", "width": 1e300}),
    ("revise", {"kind": "rating", "key": "1; DROP TABLE ratings"}), ("revise", {"kind": "raters", "key": 1}),
    ("_who", {})])
def test_odd_requests_get_a_sentence(desk: tuple[Store, Project, Service], action: str, payload: Any, caplog: Any) -> None:
    store, project, service = desk
    token = person(store, project)
    to_work(service, token)
    answer = service.call(action, token, payload)
    assert answer["error"].endswith(".") and "Traceback" not in answer["error"]


def test_check_12_no_transcript_and_no_comment_reaches_a_log(desk: tuple[Store, Project, Service], caplog: Any) -> None:
    store, project, service = desk
    caplog.set_level(logging.DEBUG)
    token = person(store, project)
    work = to_work(service, token)
    service.call("draft", token, {"lease": work["lease"], "answers": {"comment": "quokka"}, "version": "quokka", "seconds": 1})
    service.call("figure", token, {"lease": work["lease"], "width": 700})
    assert "quokka" not in caplog.text and "I never do" not in caplog.text and token not in caplog.text


def test_the_board_shows_progress_speed_attention_and_disagreement(desk: tuple[Store, Project, Service]) -> None:
    store, project, service = desk
    lead = person(store, project, "Lead", "lead")
    expected = {"at_most": {"factual_alignment": 3}}  # of an attention item, which comes first here: at another time it may not
    add_items(store, project, 1, explanation="Swapped.", purpose="qualification", expected=expected)
    tokens = {name: person(store, project, name) for name in ("Ada", "Grace")}
    for name, score in (("Ada", 5), ("Grace", 2)):
        work = to_work(service, tokens[name])
        while work["screen"] == "single":
            service.call("heard", tokens[name], {"lease": work["lease"], "played": 2})
            service.call("read", tokens[name], {"lease": work["lease"], "emotion": "angry"})
            service.call("submit", tokens[name], {"lease": work["lease"], "submission": f"press-{work['lease']}", "seconds": 1,
                                                  "answers": full_answers(score, flags=["offensive"] if score == 2 else [])})
            with store.transaction() as db:
                db.conn.execute("UPDATE raters SET qualified = 1 WHERE name = ?", [name])
            work = service.call("open", tokens[name], {})
    with store.transaction() as db:
        db.conn.execute("UPDATE items SET purpose = 'attention' WHERE purpose = 'qualification'")
    html = service.call("open", lead, {})["html"]
    text = re.sub(r"<[^>]+>", " ", html)
    assert re.search(r"Ada\s+5\s+\S+ s\s+\d\s+0/1", text), text
    assert re.search(r"Grace\s+5\s+\S+ s\s+\d\s+1/1", text)
    assert "4 items on which raters lie 2 points or more apart" in text
    assert "3 points" in text and "flagged by 1" in text
    assert "2 of 3 ratings" in text and "10 answers" in " ".join(text.split()).replace("  ", " ")
    item = int(re.search(r'data-item="(\d+)">Decide', html)[1])  # type: ignore[index]
    done = service.call("adjudicate", lead, {"item": item, "scores": dict.fromkeys(DIMENSIONS, 3), "comment": "between them"})
    assert done["screen"] == "board" and "Look again" in done["html"]
    assert "between them" in service.call("item", lead, {"item": item})["html"]
    again = service.call("adjudicate", lead, {"item": item, "scores": dict.fromkeys(DIMENSIONS, 4), "comment": ""})
    assert again["screen"] == "board"
    assert [row["factual_alignment"] for row in store.rows("SELECT * FROM adjudications")] == [4]
    assert len(store.rows("SELECT 1 FROM events WHERE kind = 'adjudicated'")) == 2


def test_the_board_counts_and_lists_what_raters_of_pairs_do(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 4, mode="pair")
    assert pair_up(store, project) == 2
    service, _ = open_service(store)
    token, lead = person(store, project), person(store, project, "Lead", "lead")
    work = to_work(service, token)
    for flags, choice in ((["offensive"], "left"), ([], "left")):
        service.call("heard", token, {"lease": work["lease"], "played": 2})
        service.call("read", token, {"lease": work["lease"]})
        answers = full_choices(choice, flags=flags, comment="<b>about both</b>")
        assert service.call("submit", token, {"lease": work["lease"], "submission": f"press-{work['lease']}", "seconds": 1,
                                              "answers": answers})["revision"] == 1
        work = service.call("open", token, {})
    html = service.call("open", lead, {})["html"]
    text = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    assert re.search(r"Ada 2 \S+ s 2 – 1 ", text), text  # 2 answers, both faster than the clip, 1 flagged
    assert "lie 2 points or more apart" not in text
    flagged = [int(found) for found in re.findall(r'data-item="(\d+)">Look<', html)]
    (choice,) = [one for one in store.preferences(project) if one.flags]
    assert sorted(flagged) == sorted((choice.item_a, choice.item_b)) and "flagged by 1 ( offensive )" in text
    left, right = (choice.item_b, choice.item_a) if choice.swapped else (choice.item_a, choice.item_b)
    for item, verdict in ((left, "better"), (right, "worse")):
        page = service.call("item", lead, {"item": item})["html"]
        assert page.count(f"<td>{verdict}</td>") == 4 and "&lt;b&gt;about both" in page and "offensive" in page
    service.call("retire", lead, {"item": left})
    assert f'data-item="{left}"' not in service.call("open", lead, {})["html"]
    assert [row[0] for row in store.rows("SELECT active FROM pairs ORDER BY active")] == [0, 1]


def test_a_simulated_project_says_so_on_every_screen(desk: tuple[Store, Project, Service]) -> None:
    store, project, service = desk
    roster.change_settings(store, project, simulated=True)
    token, lead = person(store, project), person(store, project, "Lead", "lead")
    screens = [service.call("open", token, {}), service.call("agree", token, {"what": "consented"}),
               service.call("agree", token, {"what": "instructed"}), service.call("history", token, {}),
               service.call("open", lead, {}), service.call("item", lead, {"item": 1})]
    assert all("simulated raters" in screen["html"] for screen in screens)


def test_the_storage_that_is_active_is_named(tmp_path: Path) -> None:
    path = tmp_path / "annotate.db"
    assert "on the machine that serves this page" in storage_sentence(path, {})
    assert storage_sentence(path, {"SPACE_ID": "a/b"}).startswith("Warning: this Space has no persistent storage")
    assert lasts(path, {}) and not lasts(path, {"SPACE_ID": "a/b"})
    assert database_path({"ET_ANNOTATE_DB": "x.db"}) == Path("x.db")
    assert database_path({"XDG_DATA_HOME": "/somewhere"}) == Path("/somewhere/emotionthinker/annotate.db")


def test_nothing_is_fetched_from_elsewhere() -> None:
    assets = Path(__file__).resolve().parents[2] / "assets"
    files = sorted(assets.glob("annotate*"))
    assert len(files) == 4
    for file in files:
        found = re.findall(r"https?://|@import|url\(|document\.write|eval\(", file.read_text(encoding="utf-8"))
        assert found == [], file


def clip_of(html: str) -> str:
    (url,) = re.findall(r'id="an-audio" src="([^"]+)"', html)
    return "/" + url


def test_clips_are_served_by_signature_alone(desk: tuple[Store, Project, Service]) -> None:
    store, project, service = desk
    url = clip_of(to_work(service, person(store, project))["html"])
    client = TestClient(Starlette(routes=clip_routes(store)))
    whole = client.get(url)
    assert whole.status_code == 200 and whole.headers["content-type"] == "audio/wav"
    assert "no-cache" in whole.headers["cache-control"]  # the browser asks again, since access may have ended
    _, _, _, clip, rater, _ = url.split("/")
    assert whole.content == store.clip_path(clip).read_bytes()
    assert client.get(url, headers={"Range": "bytes=0-9"}).status_code == 206  # what a browser asks to jump
    person(store, project, "Grace")
    for wrong in (url[:-1] + ("0" if url[-1] != "0" else "1"), url.replace(clip, "0" * 64), "/annotate/clip/%2e%2e/1/x",
                  "/annotate/clip/..%2f..%2fannotate.db/1/x", f"/annotate/clip/{clip}/{rater}/é", url.replace(f"/{rater}/", "/2/"),
                  url.replace(f"/{rater}/", f"/{10**30}/"), url.replace(f"/{rater}/", "/-1/"), f"/annotate/clip/{clip}/x"):
        assert client.get(wrong).status_code in (403, 404), wrong
    assert client.get("/annotate/example").status_code == 200


def test_a_clip_stops_being_served_when_access_ends(desk: tuple[Store, Project, Service]) -> None:
    store, project, service = desk
    client = TestClient(Starlette(routes=clip_routes(store)))
    token, lead = person(store, project), person(store, project, "Lead", "lead")
    rater = roster.sign_in(store, token)
    url, listened = clip_of(to_work(service, token)["html"]), clip_of(service.call("item", lead, {"item": 1})["html"])

    def served() -> int:
        return int(client.get(url).status_code)

    assert (served(), client.get(listened).status_code) == (200, 200)
    roster.set_active(store, rater, False)  # shut out
    assert served() == 403 and "has ended" in client.get(url).text
    roster.set_active(store, rater, True)
    assert served() == 200
    roster.change_settings(store, project, closed=True)
    assert served() == 403 and "closed" in client.get(url).text
    assert client.get(listened).status_code == 200  # leads go on
    roster.change_settings(store, store.project(), closed=False)
    with store.transaction() as db:  # failed the qualification: only what is in hand
        db.conn.execute("UPDATE raters SET qualified = 0 WHERE id = ?", [rater.id])
    assert served() == 200
    with store.transaction() as db:
        db.conn.execute("UPDATE leases SET state = 'submitted'")
    assert served() == 403
    with store.transaction() as db:
        db.conn.execute("UPDATE raters SET qualified = 1 WHERE id = ?", [rater.id])
    assert served() == 200  # an earlier answer can be opened again, with its sound
    roster.new_token(store, rater)  # the old link was in wrong hands
    assert served() == 403
    with store.transaction() as db:
        db.conn.execute("UPDATE raters SET role = 'rater' WHERE role = 'lead'")
    assert client.get(listened).status_code == 403


def test_an_archive_is_not_served_to_a_lead_who_was_shut_out(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 1)
    service, routes = open_service(store)
    client = TestClient(Starlette(routes=routes))
    token = person(store, project, "Lead", "lead")
    url = "/" + service.call("export", token, {"format": "csv"})["url"]
    assert client.get(url).status_code == 200
    roster.set_active(store, roster.sign_in(store, token), False)
    assert client.get(url).status_code == 403


ODD = (None, {}, [], "x" * 10_000, "\ud800", "1; DROP TABLE items", 10**30, math.inf, math.nan, -1, 0.5, True)
KEYS = ("lease", "emotion", "answers", "version", "seconds", "played", "submission", "what", "kind", "key", "width", "item",
        "scores", "comment", "rater", "on", "name", "lead", "format", "wait", "fate", "gift")


def test_odd_values_get_the_same_refusal_whatever_they_are(tmp_path: Path, caplog: Any) -> None:
    """Every key of every action, and the action itself: never an exception, never what counts as a fault of ours."""
    store, project = make_store(tmp_path, 2)
    service, _ = open_service(store)
    token, lead = person(store, project), person(store, project, "Lead", "lead")
    lease = to_work(service, token)["lease"]
    good = {"lease": lease, "answers": full_answers(), "version": 0, "seconds": 1, "played": 1, "submission": "press-0001",
            "emotion": "angry", "what": "instructed", "kind": "rating", "key": 1, "width": 300, "item": 1,
            "scores": dict.fromkeys(DIMENSIONS, 3), "comment": "", "rater": 1, "on": True, "name": "Joan", "lead": False,
            "format": "csv", "wait": True}
    answers = [service.call(odd, token, good) for odd in ODD]
    assert all("error" in answer for answer in answers)
    answers += [service.call("open", odd, good) for odd in ODD] + [service.call("open", token, odd) for odd in ODD]
    for action in [*service._actions, *service._for_leads]:
        if action in ("export", "figure", "item_figure", "calibrate", "calibration"):  # slow ones: their own keys alone
            keys: tuple[str, ...] = ("lease", "item", "format", "width", "version")[: 5 if "calibr" not in action else 0]
        else:
            keys = KEYS
        for key in keys:
            for odd in ODD:
                answers.append(service.call(action, lead if action in service._for_leads else token, good | {key: odd}))
    assert [answer for answer in answers if answer.get("kind") == "fault"] == []
    for answer in answers:
        json.dumps(answer, allow_nan=False).encode()
    assert "DROP" not in caplog.text and "xxxx" not in caplog.text
    assert store.rows("PRAGMA integrity_check")[0][0] == "ok"


def test_the_rating_server_says_whether_it_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = make_store(tmp_path, 0)
    service, routes = open_service(store)
    page, port = build(service), free_port()
    local = launch(page, store, routes, host="127.0.0.1", port=port, block=False)
    monkeypatch.setenv("GRADIO_SERVER_PORT", str(port))
    try:
        assert ask(f"{local}health") == (200, {"state": "ready", "problem": None})
        assert health.main() == 0
        store.path.rename(tmp_path / "moved.db")
        status, found = ask(f"{local}health")
        assert (status, found["state"]) == (500, "broken") and "annotate.db is no longer where it was" in found["problem"]
        assert health.main() == 1
    finally:
        page.close()
    other, _ = make_store(tmp_path / "other", 0)
    other.close()  # with its log, from which the rows could be read all the same
    other.path.write_bytes(b"x" * 8192)
    found = serving.health(other)
    assert found["state"] == "broken" and "not a database of this program" in found["problem"]


def test_odd_requests_over_http_are_refused_not_failed(tmp_path: Path) -> None:
    """What a signed-in person could send by hand, through Gradio's own parsing."""
    store, project = make_store(tmp_path, 1)
    service, _ = open_service(store)
    page = build(service)
    client = TestClient(gr.mount_gradio_app(Starlette(), page, path="/"))
    token = person(store, project)
    lease = json.dumps(to_work(service, token)["lease"])
    for action, payload in [('{}', '{}'), ('[]', '{}'), ('1e400', '{}'), ('"draft"', '[]'), ('"draft"', 'NaN'),
                            *[('"heard"', f'{{"lease": {lease}, "played": {odd}}}') for odd in ("NaN", "Infinity", "1" + "0" * 30)],
                            *[('"draft"', f'{{"lease": {lease}, "answers": {{}}, "seconds": 1, "version": {odd}}}')
                              for odd in ("NaN", "-Infinity", "1e400", "1" + "0" * 30, "{}")]]:
        answer = client.post("/gradio_api/run/annotate", content=f'{{"data": [{action}, "{token}", {payload}]}}',
                             headers={"Content-Type": "application/json"})
        assert answer.status_code == 200, (action, payload, answer.text)
        assert answer.json()["data"][0]["kind"] == "AnnotateError", (action, payload, answer.text)
