"""Raters and a lead in real browsers, before a real server: `python -m annotate serve`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from annotate import roster
from annotate.importing import pair_up
from annotate.records import Project
from annotate.store import Store
from tests.annotate.filling import add_items, make_store
from tests.browser.conftest import ROOT, START_S, App, free_port

pytestmark = pytest.mark.browser
NASTY = "<img src=x onerror=\"window.hacked='yes'\"></script><script>window.hacked='yes'</script>\u202e"


class Server:
    """The annotation server of one database; `kill` ends it as a power cut would, `start` brings it back on the same port."""

    def __init__(self, database: Path) -> None:
        self.database, self.port = database, free_port()
        self.log = database.parent / "serve.log"
        self.url = f"http://127.0.0.1:{self.port}/"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "annotate", "serve", "--db", str(self.database), "--port", str(self.port)], cwd=ROOT,
                stdout=out, stderr=out, env=os.environ | {"GRADIO_TEMP_DIR": str(self.database.parent / "cache")})
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(self.url, timeout=5).close()
                return
            except (urllib.error.URLError, OSError):
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.2)
        raise AssertionError("the annotation server did not answer")

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(20)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Store]]:
    """A server with an empty database; each test makes a project of its own."""
    store, _ = make_store(tmp_path_factory.mktemp("served"), 0)
    server = Server(store.path)
    server.start()
    yield server, store
    server.kill()


@pytest.fixture
def project(served: tuple[Server, Store], request: pytest.FixtureRequest) -> Project:
    _, store = served
    from annotate.settings import ProjectSettings

    return roster.create_project(store, request.node.name[:60], ProjectSettings.from_dict({"attention_rate": 0.0}))


@pytest.fixture
def visit(browser: Any, served: tuple[Server, Store]) -> Iterator[Callable[..., Any]]:
    """Open a person's link in a browser of their own; an error in the console or a request elsewhere fails the test."""
    contexts, faults = [], []

    def start(token: str, *, work: bool = True, width: int = 1280, url: str = "") -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, accept_downloads=True)
        context.set_default_timeout(120_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: faults.append(f"outside request: {request.url}")
                if not request.url.startswith(("http://127.0.0.1", "data:", "blob:")) else None)
        page.goto(f"{url or served[0].url}#invite={token}")
        page.wait_for_selector("#an-root[data-ready]", timeout=120_000)
        if work:
            for _ in range(2):
                page.click("[data-agree]")
                page.wait_for_function("() => !document.querySelector('[data-agree]:disabled')")
            page.wait_for_selector(".an-task")
        return page

    yield start
    for context in contexts:
        context.close()
    assert faults == []


def link_of(store: Store, project: Project, name: str, role: str = "rater") -> str:
    _, token = roster.invite(store, project, name, role)
    assert token is not None
    return token


def listen(page: Any) -> None:
    page.wait_for_function("() => document.querySelector('.an-heard').textContent === 'Heard in full'")


def saved(page: Any) -> None:
    page.wait_for_selector(".an-saved[data-state=saved]")


def open_text(page: Any) -> None:
    """All that comes before the explanation; nothing of it is in the page until then."""
    if page.locator(".an-gate").count():
        assert page.locator(".an-text, .an-scale").count() == 0 and page.locator("[data-submit]").is_hidden()
        if page.locator("[data-row=heard_emotion]").count():
            page.click("[data-row=heard_emotion] [data-value=sad]")
        page.click("[data-play]")
        listen(page)
        page.click("[data-read]")
        page.wait_for_selector(".an-text")


def answer_by_mouse(page: Any, score: int) -> None:
    open_text(page)
    for row in page.locator(".an-scale").all():
        row.locator(f"[data-value='{score}']").click()
    page.click("[data-row=answer_right] [data-value=no]")


def count(page: Any) -> str:
    return page.inner_text(".an-bar .et-note")


def test_check_11_two_raters_at_once_one_by_keys_alone_one_reloads(served: tuple[Server, Store], project: Project,
                                                                   visit: Callable[..., Any]) -> None:
    _, store = served
    add_items(store, project, 2)
    ada = visit(link_of(store, project, "Ada"), work=False)
    grace = visit(link_of(store, project, "Grace"))
    assert "invite" not in ada.url  # the secret does not stay in the address bar

    # Ada never touches the mouse, from the first screen on.
    for _ in range(2):
        while ada.evaluate("document.activeElement.dataset.agree") is None:
            ada.keyboard.press("Tab")
        ada.keyboard.press("Enter")
        ada.wait_for_function("() => !document.querySelector('[data-agree]:disabled')")
    ada.wait_for_selector(".an-task .et-drawing")
    ada.keyboard.press("?")
    assert ada.locator("dialog#an-help[open]").count() == 1
    ada.keyboard.press("Escape")
    ada.keyboard.press("4")  # angry
    ada.keyboard.press("Enter")  # not heard yet, so there is nothing to read
    assert "play the whole clip" in ada.inner_text(".an-missing")
    assert "pitch is high" not in ada.content()
    ada.keyboard.press(" ")
    listen(ada)
    ada.keyboard.press("Enter")
    ada.wait_for_selector(".an-text")
    for key in ("3", "ArrowRight", "ArrowDown", "5", "2"):  # facts 3, reasoning 1 by arrow, completeness 5, language 2
        ada.keyboard.press(key)
    ada.keyboard.press("Enter")  # the last question is missing: it says which
    assert "Is it right?" in ada.inner_text(".an-missing")
    ada.keyboard.press("1")
    ada.keyboard.press("]")
    ada.keyboard.press("w")
    ada.keyboard.press("u")  # takes the mark off again …
    ada.keyboard.press("]")
    ada.keyboard.press("x")  # … and marks the second sentence

    # Grace, meanwhile, reloads in the middle.
    answer_by_mouse(grace, 2)
    grace.fill(".an-comment textarea", "in the middle")
    grace.wait_for_function("() => JSON.parse(localStorage.getItem('annotate-draft') || 'null') === null")
    grace.reload()
    grace.wait_for_selector(".an-task")
    assert grace.locator(".an-row [aria-checked=true]").count() == 6
    assert grace.input_value(".an-comment textarea") == "in the middle"
    listen(grace)  # that was kept
    grace.dblclick("[data-submit]")
    ada.keyboard.press("Enter")
    ada.wait_for_function("() => document.querySelector('.an-bar .et-note')?.textContent.startsWith('1 done')")
    grace.wait_for_function("() => document.querySelector('.an-bar .et-note')?.textContent.startsWith('1 done')")
    by_name = {rating.rater_name: rating for rating in store.ratings(project)}
    assert set(by_name) == {"Ada", "Grace"} and len(store.ratings(project)) == 2
    assert list(by_name["Ada"].scores.values()) == [3, 1, 5, 2]
    assert (by_name["Ada"].heard_emotion, by_name["Ada"].answer_right, by_name["Ada"].comment) == ("angry", True, "")
    assert list(by_name["Grace"].scores.values()) == [2, 2, 2, 2]
    grace_said = by_name["Grace"]
    assert (grace_said.heard_emotion, grace_said.answer_right, grace_said.comment) == ("sad", False, "in the middle")
    marks = store.rows("SELECT r.rater_id, m.start_char, m.mark FROM claim_marks m JOIN ratings r ON r.id = m.rating_id "
                       "WHERE r.project_id = ?", [project.id])
    assert [tuple(row) for row in marks] == [(by_name["Ada"].rater_id, 39, "not checkable")]

    # By keys, too: the last answer is opened again and changed.
    ada.keyboard.press("u")
    ada.wait_for_selector(".an-task[data-kind=revision]")
    ada.keyboard.press("ArrowDown")
    ada.keyboard.press("5")
    ada.keyboard.press("Enter")
    ada.wait_for_selector(".an-task[data-kind=new]")
    changed = next(rating for rating in store.ratings(project) if rating.rater_name == "Ada")
    assert list(changed.scores.values()) == [5, 1, 5, 2] and changed.revision == 2


def test_check_07_a_lost_connection_and_a_killed_server_lose_nothing(served: tuple[Server, Store], project: Project,
                                                                     visit: Callable[..., Any]) -> None:
    server, store = served
    add_items(store, project, 1)
    page = visit(link_of(store, project, "Ada"))
    answer_by_mouse(page, 3)
    saved(page)
    server.kill()
    page.click("[data-row=factual_alignment] [data-value='1']")
    page.wait_for_selector(".an-saved[data-state=offline]")
    page.click("[data-submit]")
    page.wait_for_timeout(500)
    assert store.ratings(project) == []
    assert page.locator("[data-row=factual_alignment] [data-value='1'][aria-checked=true]").count() == 1
    server.start()
    page.wait_for_selector("[data-screen=done]", timeout=240_000)
    (rating,) = store.ratings(project)
    assert rating.factual_alignment == 1 and rating.interpretative_quality == 3
    assert len(store.rows("SELECT 1 FROM revisions WHERE rating_id = ?", [rating.id])) == 1


def test_a_submission_that_was_on_its_way_arrives_after_a_reload(served: tuple[Server, Store], project: Project,
                                                                 visit: Callable[..., Any]) -> None:
    _, store = served
    add_items(store, project, 1)
    page = visit(link_of(store, project, "Ada"))
    answer_by_mouse(page, 4)
    saved(page)
    page.route("**/gradio_api/run/annotate", lambda route: route.abort())
    page.click("[data-submit]")
    page.wait_for_function("() => localStorage.getItem('annotate-pending') !== null")
    page.unroute("**/gradio_api/run/annotate")
    page.reload()
    page.wait_for_selector("[data-screen=done]")
    assert [rating.factual_alignment for rating in store.ratings(project)] == [4]
    assert page.evaluate("localStorage.getItem('annotate-pending')") is None


def test_a_second_machine_goes_on_and_the_first_is_told(served: tuple[Server, Store], project: Project,
                                                        visit: Callable[..., Any]) -> None:
    _, store = served
    add_items(store, project, 3)
    token = link_of(store, project, "Ada")
    here = visit(token)
    open_text(here)
    here.click("[data-row=factual_alignment] [data-value='2']")
    saved(here)
    there = visit(token, work=False, width=400)
    there.wait_for_selector("[data-row=factual_alignment] [data-value='2'][aria-checked=true]")
    there.click("[data-row=factual_alignment] [data-value='5']")
    there.wait_for_function("() => /^Saved/.test(document.querySelector('.an-saved').textContent)")
    here.click("[data-row=interpretative_quality] [data-value='1']")
    here.wait_for_selector(".an-saved[data-state=conflict]")
    assert here.locator("[data-row=factual_alignment] [data-value='5'][aria-checked=true]").count() == 1


def test_an_old_state_of_a_lost_connection_does_not_come_over_a_newer_one(served: tuple[Server, Store], project: Project,
                                                                          visit: Callable[..., Any]) -> None:
    """Entered here without a connection, then gone on elsewhere, then this page is loaded anew; and once without an elsewhere."""
    _, store = served
    add_items(store, project, 1)
    token = link_of(store, project, "Ada")
    here = visit(token)
    open_text(here)
    address, facts = "**/gradio_api/run/annotate", "[data-row=factual_alignment]"
    here.route(address, lambda route: route.abort())
    here.click(f"{facts} [data-value='2']")
    here.wait_for_selector(".an-saved[data-state=offline]")
    there = visit(token, work=False)
    there.click(f"{facts} [data-value='5']")
    there.wait_for_function("() => /^Saved/.test(document.querySelector('.an-saved').textContent)")
    here.goto("about:blank")  # it does not try again
    here.unroute(address)
    here.goto(served[0].url)
    here.wait_for_selector(".an-saved[data-state=conflict]")
    assert here.get_attribute(f"{facts} [aria-checked=true]", "data-value") == "5"
    # What reached the server, but was not acknowledged, is this page's own: what came after it is kept.
    here.route(address, lambda route: (route.fetch(), route.abort()))
    here.click(f"{facts} [data-value='3']")
    here.wait_for_selector(".an-saved[data-state=offline]")
    here.route(address, lambda route: route.abort())
    here.click("[data-row=interpretative_quality] [data-value='1']")
    here.goto("about:blank")
    here.unroute(address)
    here.goto(served[0].url)
    saved(here)
    chosen = [here.get_attribute(f"[data-row={row}] [aria-checked=true]", "data-value")
              for row in ("factual_alignment", "interpretative_quality")]
    assert chosen == ["3", "1"]


def test_a_proxy_without_its_server_is_waited_for_and_undo_leaves_the_comment(served: tuple[Server, Store], project: Project,
                                                                              visit: Callable[..., Any]) -> None:
    _, store = served
    add_items(store, project, 1)
    page = visit(link_of(store, project, "Ada"))
    answer_by_mouse(page, 4)
    page.evaluate("scrollTo(0, 0)")
    foot = page.locator(".an-foot").bounding_box()
    assert foot["y"] + foot["height"] <= 900  # in view, wherever the page stands
    page.fill(".an-comment textarea", "long thought of")
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    assert page.input_value(".an-comment textarea") == "long thought of"
    assert page.locator("[data-row=answer_right] [aria-checked=true]").count() == 0
    page.click("[data-row=answer_right] [data-value=no]")
    saved(page)
    address = "**/gradio_api/run/annotate"
    page.route(address, lambda route: route.abort())
    page.click("[data-history]")
    page.wait_for_function("() => document.querySelector('#an-toast').textContent.startsWith('No connection')")
    page.unroute(address)
    page.click("[data-row=fluency_and_structural_clarity] [data-value='2']")  # the item that stands there goes on
    saved(page)
    page.wait_for_function("() => localStorage.getItem('annotate-draft') === null")
    # A proxy, while the server behind it starts again: at the submission, and once more when the next item is asked for.
    refusals = {"submit": [502, 503, 504, 502], "open": [503, 502, 504]}

    def proxy(route: Any) -> None:
        left = refusals.get(json.loads(route.request.post_data)["data"][0])
        if left:
            route.fulfill(status=left.pop(), body="<html>Bad Gateway</html>")
        else:
            route.continue_()

    page.route(address, proxy)
    page.click("[data-submit]")
    page.wait_for_selector("[data-screen=done]")
    assert refusals == {"submit": [], "open": []}
    (rating,) = store.ratings(project)
    assert rating.fluency_and_structural_clarity == 2
    assert (rating.factual_alignment, rating.comment) == (4, "long thought of")


def test_check_05_hostile_text_is_shown_as_text(served: tuple[Server, Store], project: Project, visit: Callable[..., Any]) -> None:
    _, store = served
    add_items(store, project, 1, explanation=f"{NASTY} The pitch is high. ${{window.hacked='yes'}}", answer=NASTY,
              transcript=NASTY)
    page = visit(link_of(store, project, NASTY[:40]))
    page.wait_for_selector(".et-drawing")
    open_text(page)
    assert "<img src=x" in page.inner_text(".an-story")
    assert "<img src=x" in page.inner_text(".an-answer")
    page.fill(".an-comment textarea", NASTY)
    page.click("[data-flag=cannot_judge]")
    page.click("[data-submit]")
    page.wait_for_selector("[data-screen=done]")
    lead = visit(link_of(store, project, "Lead", "lead"), work=False)
    lead.click("[data-item]")
    lead.wait_for_selector(".an-decide .et-drawing")
    assert "<img src=x" in lead.inner_text(".an-table")
    for view in (page, lead):
        assert view.evaluate("window.hacked") is None
        assert view.locator("img[src='x']").count() == 0


def test_somebody_withdraws_in_two_steps(served: tuple[Server, Store], project: Project, visit: Callable[..., Any]) -> None:
    _, store = served
    add_items(store, project, 2)
    page = visit(link_of(store, project, "Quokkalina"))
    answer_by_mouse(page, 4)
    page.click("[data-submit]")
    page.wait_for_selector(".an-task .an-gate")
    page.click("[data-history]")
    page.click("[data-leaving]")
    assert "Quokkalina" in page.inner_text("[data-screen=leaving]") and "Nothing is deleted yet" in page.inner_text("#an-root")
    page.click("[data-leaving=keep]")
    page.click("[data-screen=leaving-sure] [data-open]")  # thought better of it
    page.wait_for_selector(".an-task")
    page.click("[data-history]")
    page.click("[data-leaving]")
    page.click("[data-leaving=keep]")
    page.dblclick("[data-leave=keep]")
    page.wait_for_selector("[data-screen=left]")
    assert page.evaluate("Object.keys(localStorage).filter(name => name.startsWith('annotate-'))") == []
    page.reload()
    page.wait_for_selector("#an-root[data-ready] [data-screen=welcome]")
    assert [(r.rater_name.split("-")[0], r.factual_alignment) for r in store.ratings(project)] == [("withdrawn", 4)]


def test_slow_repeat_and_stretch(served: tuple[Server, Store], project: Project, visit: Callable[..., Any]) -> None:
    _, store = served
    add_items(store, project, 1)
    page = visit(link_of(store, project, "Ada"))
    page.wait_for_selector("#an-figure .et-word")
    page.keyboard.press("s")
    assert page.evaluate("document.querySelector('#an-audio').playbackRate") == 0.75
    assert page.evaluate("document.querySelector('#an-audio').preservesPitch")
    page.keyboard.press("l")
    page.locator("#an-figure .et-word").nth(1).click()  # repeats this word until told otherwise
    word = "document.querySelectorAll('#an-figure .et-word')[1].dataset"
    start, end = float(page.evaluate(f"{word}.start")), float(page.evaluate(f"{word}.end"))
    page.wait_for_timeout(int(2500 * (end - start) / 0.75) + 800)
    now = page.evaluate("document.querySelector('#an-audio').currentTime")
    assert not page.evaluate("document.querySelector('#an-audio').paused")
    assert start - 0.05 <= now <= end + 0.15
    assert page.inner_text(".an-heard") == "Not heard in full yet"  # a word is not the clip
    page.keyboard.press("Escape")
    page.click("[data-flag=bad_audio]")  # what cannot be heard needs no reading
    page.click("[data-submit]")
    page.wait_for_selector("[data-screen=done]")


def test_pairs_are_compared_side_by_side(served: tuple[Server, Store], project: Project, visit: Callable[..., Any]) -> None:
    _, store = served
    project = roster.change_settings(store, project, mode="pair")
    add_items(store, project, 4)
    assert pair_up(store, project) == 2
    page = visit(link_of(store, project, "Ada"))
    for key in ("1", "ArrowDown", "ArrowRight", "]", "v", "Enter"):  # nothing to answer and nothing to read yet
        page.keyboard.press(key)
    assert page.locator(".an-text").count() == 0 and page.locator("[data-rate='1'][aria-checked=true]").count() == 1
    page.keyboard.press(" ")
    listen(page)
    page.keyboard.press("Enter")
    page.wait_for_selector(".an-text")
    assert page.locator(".an-text").count() == 2
    for key in ("1", "2", "3", "4"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.an-bar .et-note')?.textContent.startsWith('1 done')")
    (choice,) = store.preferences(project)
    left, right = ("b", "a") if choice.swapped else ("a", "b")
    assert [choice.factual_alignment, choice.interpretative_quality, choice.caption_completeness,
            choice.fluency_and_structural_clarity] == [left, "tie", right, "both bad"]


def test_the_lead_decides_invites_and_exports(served: tuple[Server, Store], project: Project, visit: Callable[..., Any],
                                              tmp_path: Path) -> None:
    _, store = served
    add_items(store, project, 1)
    for name, score in (("Ada", 1), ("Grace", 5)):
        page = visit(link_of(store, project, name))
        answer_by_mouse(page, score)
        page.click("[data-submit]")
        page.wait_for_selector("[data-screen=done]")
    lead = visit(link_of(store, project, "Lead", "lead"), work=False)
    assert "1 item on which raters lie 2 points or more apart" in lead.inner_text(".an-board")
    lead.click("[data-item]")
    lead.wait_for_selector(".an-decide .et-drawing")
    for row in lead.locator(".an-decide .an-scale").all():
        row.locator("[data-value='3']").click()
    lead.fill(".an-decide textarea", "between")
    lead.click("[data-decide]")
    lead.wait_for_selector(".an-board")
    assert lead.inner_text("[data-item]") == "Look again"
    lead.fill(".an-name", "Joan")
    lead.dblclick("[data-invite]")
    link = lead.input_value(".an-link input")
    visitor = visit(link.split("invite=")[1], work=False)
    assert "Joan" in visitor.inner_text("[data-screen=consent]")
    lead.click(".an-board [data-open]")
    lead.wait_for_selector(".an-table >> text=Joan")
    lead.locator("[data-new-link]").last.dblclick()  # of two links only the last would open anything
    lead.wait_for_function("() => document.querySelector('.an-link input')")
    assert len(store.rows("SELECT 1 FROM events WHERE kind = 'new link' AND project_id = ?", [project.id])) == 1
    renewed = lead.input_value(".an-link input").split("invite=")[1]
    assert renewed != link.split("invite=")[1] and roster.sign_in(store, renewed).name == "Joan"
    with lead.expect_download() as download:
        lead.click("[data-export=csv]")
    download.value.save_as(tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert set(archive.namelist()) == {"ratings.csv", "preferences.csv", "items.csv"}
        assert len(archive.read("ratings.csv").decode().splitlines()) == 3


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_check_10_the_database_and_the_program_are_not_served(served: tuple[Server, Store]) -> None:
    server, store = served
    folder = store.path.parent
    cache = folder / "cache"
    cache.mkdir(exist_ok=True)
    link = cache / "link.db"
    if not link.exists():
        link.symlink_to(store.path)
    paths = [store.path, Path(f"{store.path}-wal"), store.clips, next(store.clips.iterdir(), folder), server.log, ROOT / "app.py",
             f"{cache}/../annotate.db", f"{ROOT}/assets/../app.py", link, "annotate.db", "app.py", "/etc/passwd"]
    for path in paths:
        for text in (str(path), urllib.parse.quote(str(path), safe=""), str(path).replace("..", "%2e%2e")):
            address = f"{server.url}gradio_api/file={urllib.parse.quote(text, safe='/%')}"
            assert status_of(address) in (403, 404), path
    for path in ("annotate/clip/x/y", "annotate/download/x", "annotate/clip/../../app.py/x"):
        assert status_of(server.url + path) in (403, 404)


def test_the_tab_in_the_large_page(start_app: Callable[..., App], served: tuple[Server, Store], project: Project,
                                   visit: Callable[..., Any]) -> None:
    """`python app.py` with the same database: the link opens the tab, and Analyze keeps its own figure."""
    _, store = served
    add_items(store, project, 1)
    app = start_app(ET_ANNOTATE_DB=str(store.path), ET_ENDPOINT="http://127.0.0.1:9/v1")
    page = visit(link_of(store, project, "Ada"), url=app.url)
    page.wait_for_selector("#an-figure .et-drawing")
    answer_by_mouse(page, 4)
    page.click("[data-submit]")
    page.wait_for_selector("[data-screen=done]")
    assert len(store.ratings(project)) == 1
    page.get_by_role("tab", name="Analyze").click()
    assert page.locator("#et-agree").is_visible()
    assert status_of(f"{app.url}/gradio_api/file={store.path}") in (403, 404)
