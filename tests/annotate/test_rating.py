"""Drafts and submissions: complete, heard, and kept exactly once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from annotate.answers import pair_answers, single_answers
from annotate.assignment import Task, claim
from annotate.errors import AnnotateError, NotAllowed, NotComplete
from annotate.exporting import rows
from annotate.rating import save_draft, set_heard, show_text, submit
from annotate.records import Project, Rater
from annotate.sentences import sentences
from annotate.store import Store
from tests.annotate.filling import full_answers, listen, make_rater, make_store

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def desk(tmp_path: Path) -> tuple[Store, Project, Rater, Task]:
    """A rater with an item that was heard."""
    store, project = make_store(tmp_path, 3)
    rater = make_rater(store, project)
    work = claim(store, project, rater)
    assert work is not None
    listen(store, project, rater, work.lease_id, 2.0)
    return store, project, rater, work


def test_nothing_is_submitted_unheard_or_unfinished(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 1)
    rater = make_rater(store, project)
    work = claim(store, project, rater)
    assert work is not None
    with pytest.raises(NotComplete, match="listen to the whole clip"):
        submit(store, project, rater, work.lease_id, "press-0001", full_answers(), 5.0)
    with pytest.raises(NotComplete, match="before you read"):
        show_text(store, project, rater, work.lease_id, "angry")
    set_heard(store, project, rater, work.lease_id, 2.0)
    for nothing in (None, "", "joyful"):
        with pytest.raises(NotComplete, match="which emotion you hear"):
            show_text(store, project, rater, work.lease_id, nothing)
    with pytest.raises(NotComplete, match="read the explanation"):
        submit(store, project, rater, work.lease_id, "press-0003", full_answers(), 5.0)
    show_text(store, project, rater, work.lease_id, "angry")
    show_text(store, project, rater, work.lease_id, "sad")  # said after reading: not the first
    with pytest.raises(NotComplete, match="Completeness, the emotion you hear, whether the answer is right"):
        submit(store, project, rater, work.lease_id, "press-0002",
               full_answers(heard_emotion=None, answer_right=None)
               | {"scores": {"factual_alignment": 1, "interpretative_quality": 1, "fluency_and_structural_clarity": 1}}, 5.0)
    assert store.ratings(project) == []
    heard = [json.loads(row["detail"]) for row in store.rows("SELECT detail FROM events WHERE kind = 'heard'")]
    assert heard == [{"played_s": 2.0}]
    submit(store, project, rater, work.lease_id, "press-0004", full_answers(heard_emotion="fear"), 5.0)
    (row,) = rows(store, project, "ratings")
    assert (row["heard_before_reading"], row["heard_emotion"]) == ("angry", "fear")


def test_a_flag_stands_for_the_scores(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 2)
    rater = make_rater(store, project)
    for flag, heard in (("bad_audio", False), ("cannot_judge", True)):
        work = claim(store, project, rater)
        assert work is not None
        if heard:
            set_heard(store, project, rater, work.lease_id, 2.0)  # and not read: there is nothing to judge
        submit(store, project, rater, work.lease_id, f"press-{flag}", {"flags": [flag]}, 5.0)
    assert {r.flags: r.factual_alignment for r in store.ratings(project)} == {("bad_audio",): None, ("cannot_judge",): None}


def test_check_06_a_double_click_is_one_rating(desk: tuple[Store, Project, Rater, Task]) -> None:
    store, project, rater, work = desk
    with ThreadPoolExecutor(8) as pool:  # the same press, eight times at once
        same = list(pool.map(lambda _: submit(store, project, rater, work.lease_id, "press-same", full_answers(), 5.0), range(8)))
    with ThreadPoolExecutor(8) as pool:  # and eight presses of the same answers
        more = list(pool.map(lambda n: submit(store, project, rater, work.lease_id, f"press-{n:04}", full_answers(), 5), range(8)))
    assert sorted(receipt.again for receipt in same) == [False] + [True] * 7
    assert all(receipt.again and receipt.revision == 1 for receipt in more)
    assert len({receipt.saved for receipt in same + more}) == 1
    assert len(store.ratings(project)) == 1
    assert len(store.rows("SELECT 1 FROM revisions")) == 1
    assert len(store.rows("SELECT 1 FROM events WHERE kind = 'submitted'")) == 1


def test_a_late_copy_of_an_older_press_does_not_undo_a_newer_one(desk: tuple[Store, Project, Rater, Task]) -> None:
    store, project, rater, work = desk
    submit(store, project, rater, work.lease_id, "press-0001", full_answers(1), 5.0)
    submit(store, project, rater, work.lease_id, "press-0002", full_answers(5), 6.0)
    assert submit(store, project, rater, work.lease_id, "press-0001", full_answers(1), 5.0).again
    assert store.ratings(project)[0].factual_alignment == 5
    submit(store, project, rater, work.lease_id, "press-0003", full_answers(1), 7.0)  # but a person may go back
    assert (store.ratings(project)[0].factual_alignment, store.ratings(project)[0].revision) == (1, 3)


def test_nobody_writes_into_anothers_task(desk: tuple[Store, Project, Rater, Task]) -> None:
    store, project, rater, work = desk
    other = make_rater(store, project, "Grace")
    for call in (lambda: submit(store, project, other, work.lease_id, "press-0001", full_answers(), 5.0),
                 lambda: save_draft(store, project, other, work.lease_id, {}, 0, 1.0),
                 lambda: set_heard(store, project, other, work.lease_id, 1.0),
                 lambda: show_text(store, project, other, work.lease_id, "angry"),
                 lambda: submit(store, project, rater, "no-such-lease", "press-0001", full_answers(), 5.0)):
        with pytest.raises(NotAllowed):
            call()
    assert store.ratings(project) == []


def test_marks_name_sentences_and_follow_the_revision(desk: tuple[Store, Project, Rater, Task]) -> None:
    store, project, rater, work = desk
    spans = sentences(work.items[0].explanation)
    assert [work.items[0].explanation[a:b] for a, b in spans][2] == 'She says "I never do again".'
    submit(store, project, rater, work.lease_id, "press-0001",
           full_answers(marks=[[*spans[0], "supported"], [*spans[1], "wrong"]]), 5.0)
    submit(store, project, rater, work.lease_id, "press-0002", full_answers(marks=[[*spans[1], "not checkable"]]), 5.0)
    rows = store.rows("SELECT start_char, end_char, mark FROM claim_marks")
    assert [tuple(row) for row in rows] == [(*spans[1], "not checkable")]
    with pytest.raises(AnnotateError, match="sentence"):
        submit(store, project, rater, work.lease_id, "press-0003", full_answers(marks=[[0, 3, "wrong"]]), 5.0)


def test_time_on_the_item_cannot_be_more_than_passed(desk: tuple[Store, Project, Rater, Task]) -> None:
    store, project, rater, work = desk
    submit(store, project, rater, work.lease_id, "press-0001", full_answers(), 1e9)
    assert 0 <= store.ratings(project)[0].seconds < 60
    for name, value in (("press-nan", float("nan")), ("press-below", -5.0)):
        submit(store, project, rater, work.lease_id, name, full_answers(comment=name), value)
        assert store.ratings(project)[0].seconds == 0


@pytest.mark.parametrize("form", [
    [], "x", {"scores": []}, {"scores": {"factual_alignment": 6}}, {"scores": {"factual_alignment": 2.0}},
    {"scores": {"factual_alignment": True}}, {"scores": {"other": 1}}, {"heard_emotion": "joyful"}, {"heard_emotion": ["angry"]},
    {"answer_right": 1}, {"answer_right": ["yes"]}, {"comment": "x" * 2001}, {"comment": 5}, {"flags": "bad_audio"},
    {"flags": [["bad_audio"]]}, {"marks": [[0, 1, "wrong"]]}, {"marks": [[0.5, 1, "wrong"]]}, {"marks": [[[0], 1, "wrong"]]},
    {"marks": {"a": 1}}, {"secret": 1}, {"scores": {"factual_alignment": 10**400}}])
def test_forms_that_the_page_would_not_send_are_refused(desk: tuple[Store, Project, Rater, Task], form: object) -> None:
    *_, work = desk
    with pytest.raises(AnnotateError):
        single_answers(form, work.items[0], ("angry", "sad"))


@pytest.mark.parametrize("form", [{"choices": {"factual_alignment": "a"}}, {"choices": {"x": "left"}}, {"choices": "left"},
                                  {"scores": {}}, {"choices": {"factual_alignment": ["left"]}}])
def test_pair_forms_that_the_page_would_not_send_are_refused(form: object) -> None:
    with pytest.raises(AnnotateError):
        pair_answers(form)


def test_odd_characters_in_a_comment_are_kept_or_replaced_never_an_error(desk: tuple[Store, Project, Rater, Task]) -> None:
    store, project, rater, work = desk
    comment = "<img src=x onerror=1>\u202e\ud800\x00 'quoted' \"twice\"; DROP TABLE ratings; --"
    submit(store, project, rater, work.lease_id, "press-0001", full_answers(comment=comment), 5.0)
    assert store.ratings(project)[0].comment == comment.replace("\ud800", "?").replace("\x00", "")


SUBMITTER = """
import sys
from annotate.assignment import claim
from annotate.rating import submit
from annotate.store import Store
from tests.annotate.filling import full_answers, listen
store = Store.open(sys.argv[1]); project = store.project(); rater = store.raters(project)[0]
while (work := claim(store, project, rater)) is not None:
    listen(store, project, rater, work.lease_id, 2.0)
    submit(store, project, rater, work.lease_id, "press-" + work.lease_id, full_answers(), 1.0)
    print(work.items[0].id, flush=True)  # the acknowledgement
"""


def test_check_07_kill_9_during_submits_loses_no_acknowledged_rating(tmp_path: Path) -> None:
    """Four kills in the middle of 200 submits; `python -m benchmarks.annotate kills` kills a whole server 200 times."""
    store, project = make_store(tmp_path, 200, ratings_per_item=1)
    make_rater(store, project)
    acknowledged: list[int] = []
    for wait_s in (0.02, 0.08, 0.15, 0.05, None):
        process = subprocess.Popen([sys.executable, "-c", SUBMITTER, str(store.path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        if wait_s is not None:
            if not (first := process.stdout.readline()):
                break  # a quick disk: the kills before came too late, all is rated
            acknowledged.append(int(first))
            time.sleep(wait_s)
            process.kill()
        acknowledged += [int(line) for line in process.stdout if line.endswith("\n")]
        process.wait()
        kept = {rating.item_id for rating in store.ratings(project)}
        assert set(acknowledged) <= kept
        assert store.rows("PRAGMA integrity_check")[0][0] == "ok"
        assert store.rows("PRAGMA foreign_key_check") == []
    assert len(store.ratings(project)) == 200
    assert len(acknowledged) == len(set(acknowledged)) >= 196  # what was written but not acknowledged is not lent again
