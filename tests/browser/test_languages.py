"""Annotate and Calibrate in other languages: every screen that the server makes, in a browser with the page's own script, has no
text that the tables lack. `test_people.py` looks at the other tabs in the running page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from annotate import estimates, pages, roster, task_page
from annotate.board_service import BoardService
from annotate.calibration_page import calibration_html, plots_html, visitor_html, waiting_sentence
from annotate.calibration_words import drift_meaning
from annotate.copies import CopyPlan
from annotate.donation_page import about_html, code_html, taken_back_html
from annotate.figures import calibrate
from annotate.service import Service
from annotate.simulate import simulate
from annotate.ui import ASSETS, STRINGS
from emotionthinker.page.comparing import comparison_html
from emotionthinker.page.strings import strings_script, switch_html
from emotionthinker.page.timeline_view import table_html, timeline_html, turns_html
from tests.annotate.filling import full_answers, full_choices, listen, make_rater, make_store
from tests.annotate.simulated_store import fill
from tests.page.records import a_record
from tests.page.test_timeline_view import a_timeline

pytestmark = pytest.mark.browser
LANGUAGES = ("de", "ar")


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    """An empty page with the tables, the script, and the style sheets that say what is seen."""
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    script = (ASSETS / "language.js").read_text(encoding="utf-8")
    styles = "".join(f"<style>{path.read_text(encoding='utf-8')}</style>" for path in sorted(ASSETS.glob("*.css")))
    page.set_content(f"<html><head>{styles}{strings_script(STRINGS)}</head><body>{switch_html()}<div id='an-root'></div>"
                     f"<div id='ac-root'></div><script>{script}</script></body></html>")
    yield page
    page.close()


def missing(page: Any, html: str, root: str = "an-root") -> dict[str, list[str]]:
    """What is left in English of a screen, by language. What is folded is opened first."""
    found = {}
    for code in LANGUAGES:
        page.evaluate("""([html, root, code]) => {
            for (const one of ["an-root", "ac-root"]) document.getElementById(one).innerHTML = one === root ? html : "";
            for (const one of document.querySelectorAll("details, dialog")) one.open = true;
            window.emotionthinkerLanguage.show(code); }""", [html, root, code])
        left = page.evaluate("root => window.emotionthinkerLanguage.missing(document.getElementById(root))", root)
        if left:
            found[code] = left
    return found


def test_a_rater_meets_no_english_from_the_consent_to_the_withdrawal(page: Any, tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 3, ratings_per_item=2)
    service = Service(store)
    _, token = roster.invite(store, project, "Ada")
    assert token is not None

    def call(action: str, **payload: Any) -> dict[str, Any]:
        answer = service.call(action, token, payload)
        assert "error" not in answer, answer
        return answer

    screens = {"welcome": pages.welcome_html(), "consent": call("open")["html"],
               "instructions": call("agree", what="consented")["html"]}
    task = call("agree", what="instructed")
    screens["task"] = task["html"]
    call("heard", lease=task["lease"], played=2.0)
    screens["text"] = "<section class='an-task'>" + call("read", lease=task["lease"], emotion="angry")["html"] + "</section>"
    call("submit", lease=task["lease"], submission="press-one", answers=full_answers(), seconds=3)
    second = call("open")["lease"]
    unjudged = full_answers(scores={}, flags=["bad_audio", "cannot_judge"])
    call("submit", lease=second, submission="press-two", answers=unjudged, seconds=3)
    copied = CopyPlan("hf://datasets/someone/ratings", 15).sentence()
    screens |= {"history": call("history")["html"], "revision": call("revise", kind="last")["html"],
                "leaving": call("leaving")["html"], "sure to keep": call("leaving", fate="keep")["html"],
                "sure to delete": call("leaving", fate="delete")["html"],
                "done": pages.done_html(project, 1) + pages.done_html(project, 3),
                "left": call("leave", fate="keep", sure=True)["html"],
                "changed terms": pages.consent_html(project, "Ada", copied, again=True),
                "folder": pages.consent_html(project, "Ada", CopyPlan("folder", 15).sentence()),
                "blocked": pages.blocked_html(project, service.call("open", "x", {})["error"])}
    assert {name: left for name, html in screens.items() if (left := missing(page, html))} == {}
    missing(page, screens["text"])
    story = page.inner_text(".an-story")
    assert story.startswith("A woman speaks, and the pitch is high.")  # a model's text stays as it is
    missing(page, screens["instructions"])
    assert page.inner_text(".an-guide q").startswith("A man speaks softly")  # an example of an explanation is one


def test_what_the_form_says_itself_is_translated(page: Any) -> None:
    missing(page, "<p class='an-saved' id='said'></p>")
    page.evaluate("window.emotionthinkerLanguage.show('de')")
    for text, expected in (("Saved 12:03:09", "Gesichert 12:03:09"),
                           ("Still to answer: Fragen: Was?", "Noch zu beantworten: Fragen: Was?"),
                           ("3: Readable, but the order is loose.", "3: Lesbar, aber lose geordnet.")):
        assert expected == page.evaluate("""text => { document.getElementById("said").textContent = text;
            return new Promise((done) => setTimeout(() => done(document.getElementById("said").textContent), 50)); }""", text)


def test_a_pattern_does_not_swallow_the_sentences_after_it(page: Any) -> None:
    """The error rates before consent: two corpora, then people. The first sentence ends with a place to fill in."""
    rate = ("On {} (1,476 clips, 6 emotions) it names the intended emotion on 71 % of clips; it finds 87 % of neutral, but only "
            "52 % of sad.")
    people = ("People, too, are often wrong: listeners who heard CREMA-D's clips without the picture named the emotion that the "
              "actor meant on 41 % of them.")
    html = f"<p><strong>It is often wrong.</strong> {rate.format('one corpus')} {rate.format('another')} {people}</p>"
    assert missing(page, html) == {}
    shown = page.inner_text("#an-root")
    assert "corpus" in shown and not re.search("it names|People|listeners", shown)


def test_two_explanations_are_compared_without_english(page: Any, tmp_path: Path) -> None:
    from annotate.assignment import claim, task
    from annotate.importing import pair_up
    from annotate.rating import submit

    store, project = make_store(tmp_path, 4, mode="pair")
    pair_up(store, project)
    rater = make_rater(store, project)
    work = claim(store, project, rater)
    assert work is not None
    progress = {"done": 0, "needed": 4}
    assert missing(page, task_page.task_html(project, task(store, work.lease_id), progress, "clip.wav")) == {}
    listen(store, project, rater, work.lease_id)
    assert missing(page, task_page.task_html(project, task(store, work.lease_id), progress, "clip.wav")) == {}
    submit(store, project, rater, work.lease_id, "press-one", full_choices(), 3.0)
    service = Service(store)
    token = roster.new_token(store, rater)
    again = service.call("open", token, {})
    assert missing(page, again["html"]) == {}
    listen(store, project, rater, again["lease"])
    answers = full_choices("tie", flags=["offensive"])
    answers["choices"]["fluency_and_structural_clarity"] = "both bad"
    submit(store, project, rater, again["lease"], "press-two", answers, 3.0)
    history = service.call("history", token, {})["html"]
    assert "both bad" in history
    assert missing(page, history) == {}
    _, token = roster.invite(store, project, "Lead", "lead")
    assert token is not None
    BoardService(service)
    for screen in (service.call("open", token, {}), service.call("item", token, {"item": 1}),
                   service.call("item", token, {"item": 4})):
        assert missing(page, screen["html"]) == {}
    assert "ضمن زوج" in page.inner_text(".an-decide")


def test_a_lead_meets_no_english_on_the_board(page: Any, tmp_path: Path) -> None:
    from annotate.assignment import claim
    from annotate.rating import submit

    store, project = make_store(tmp_path, 2, ratings_per_item=3)
    for number, score in enumerate((1, 5)):
        rater = make_rater(store, project, f"rater {number}")
        for item in range(2):
            work = claim(store, project, rater)
            assert work is not None
            listen(store, project, rater, work.lease_id)
            submit(store, project, rater, work.lease_id, f"press-{number}-{item}",
                   full_answers(score, flags=["offensive"], heard_emotion="fear"), 9.0)
    roster.invite(store, project, "a program", simulated=True)
    roster.set_active(store, make_rater(store, project, "shut out"), False)
    _, token = roster.invite(store, project, "Lead", "lead")
    assert token is not None
    service = Service(store)
    BoardService(service)
    board = service.call("open", token, {})["html"]
    assert "Disagreements" in board and "flagged by" in board
    assert missing(page, board) == {}
    assert missing(page, service.call("item", token, {"item": 1})["html"]) == {}


def test_a_visitor_who_gives_a_clip_meets_no_english(page: Any) -> None:
    plan = CopyPlan("hf://datasets/someone/ratings", 15)
    assert missing(page, about_html(plan) + code_html("abc") + taken_back_html()) == {}


def test_calibrate_speaks_the_language_and_its_figures_too(page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "MOST_RESAMPLES", 20)
    monkeypatch.setattr(estimates, "FEWEST_RESAMPLES", 20)
    store, project = fill(tmp_path / "study.db", simulate(0, n_speakers=8))
    calibrate(store, project, as_json=True, output=None)
    content = store.calibrations(project)[0]
    few = {"value": -0.44, "low": None, "high": None, "reason": "An interval needs at least 10 clips; there are 6."}
    html = calibration_html("study", content, [content], {1: "Somebody"}, running_s=3.0, problem="", plots=plots_html(content, 700))
    html += f"<p>{drift_meaning(few)}</p>"
    assert missing(page, html, "ac-root") == {}
    assert "يقول الناس" in page.inner_text(".ac-panel")
    # A place to fill in takes what it finds, also English that no table has: so look at the words themselves.
    words = page.evaluate("""() => { const copy = document.getElementById("ac-root").cloneNode(true);
        for (const name of copy.querySelectorAll("bdi, style")) name.remove();
        return copy.textContent; }""")
    assert "لا فترة: تحتاج الفترة" in words
    assert set(re.findall(r"[A-Za-z]{3,}", words)) <= {"ICC", "kappa", "alpha", "calibration", "json", "UTC", "prediction",
                                                       "powered", "inference"}
    empty = calibration_html("study", None, [], {}, running_s=None, problem="", plots="")
    assert missing(page, visitor_html() + empty + f"<p>{waiting_sentence(4.0)}</p>", "ac-root") == {}


def test_two_clips_side_by_side_and_a_recording_over_time_have_no_english(page: Any) -> None:
    assert missing(page, comparison_html(a_record(), a_record(articulation_rate_pps=9.0)), "ac-root") == {}
    for lines in (("voice",), ("left", "right")):
        timeline = a_timeline(40, lines=lines)
        angry = {"neutral": 0.05, "angry": 0.9, "sad": 0.05}
        timeline.segments[21:] = [replace(s, emotion="angry", scores=angry, f0_median_hz=220.0, energy_dbfs=-12.0,
                                          articulation_rate_pps=15.0) for s in timeline.segments[21:]]
        turns = timeline.turns()
        assert turns
        status = f"<p>Done: 40 utterances, 1 turn. {' '.join(timeline.warnings())}</p>"
        html = timeline_html(timeline, turns) + turns_html(timeline, turns) + table_html(timeline, turns) + status
        assert missing(page, html, "ac-root") == {}, lines
    assert page.inner_text(".tl-what").startswith("تتحول النبرة من «محايد» إلى «غاضب»")


def test_what_is_drawn_runs_from_left_to_right_in_arabic_too(page: Any) -> None:
    """Text in a drawing is anchored by its direction: in the other one it would stand beside its place."""
    drawn = ("<figure class='et-figure'>", "<figure class='et-pair'>", "<figure class='cp-figure'>", "<div class='tl-figure'>",
             "<div class='ac-panel'><div role='img'>", "<p class='an-story'>")
    html = "".join(tag + "<i class='at'></i>" + "".join(f"</{name}>" for name in reversed(re.findall(r"<(\w+)", tag)))
                   for tag in drawn)
    missing(page, f"<div class='block'>{html}<p class='et-note'><i class='at'></i></p></div>")
    assert page.evaluate("document.body.dir") == "rtl"
    found = page.eval_on_selector_all(".at", "marks => marks.map(mark => getComputedStyle(mark).direction)")
    assert found == ["ltr"] * len(drawn) + ["rtl"]
