"""Who gets what next: leases, order, attention and qualification items, pairs."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from annotate import clock, roster
from annotate.assignment import Task, _new_lease, claim, open_revision, release, task
from annotate.board import retire
from annotate.errors import NotAllowed
from annotate.items import add_pair
from annotate.rating import save_draft, submit
from annotate.records import Project, Rater
from annotate.settings import ProjectSettings
from annotate.store import Store
from tests.annotate.filling import add_items, full_answers, full_choices, listen, make_rater, make_store

ROOT = Path(__file__).resolve().parents[2]


def take(store: Store, project: Project, rater: Rater) -> Task:
    work = claim(store, project, store.rater(rater.id))
    assert work is not None
    return work


def finish(store: Store, project: Project, rater: Rater, work: Task, answers: dict | None = None) -> None:
    listen(store, project, rater, work.lease_id, 2.0)
    submit(store, project, rater, work.lease_id, f"press-{work.lease_id}", answers or full_answers(), 3.0)


def later(monkeypatch: pytest.MonkeyPatch, minutes: float) -> None:
    real = clock.utc_now
    monkeypatch.setattr(clock, "utc_now", lambda: clock.show(clock.parse(real()) + timedelta(minutes=minutes)))


def test_nobody_works_before_consent_and_instructions(tmp_path: Path) -> None:
    store, project = make_store(tmp_path)
    rater, _ = roster.invite(store, project, "Ada")
    with pytest.raises(NotAllowed, match="consent"):
        claim(store, project, rater)
    roster.agree(store, rater, "consented")
    with pytest.raises(NotAllowed, match="instructions"):
        claim(store, project, store.rater(rater.id))


def test_each_item_gets_its_ratings_and_nobody_the_same_item_twice(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 6, ratings_per_item=3)
    raters = [make_rater(store, project, f"rater {n}") for n in range(4)]
    seen: list[tuple[int, int]] = []
    working = list(raters)
    while working:
        for rater in list(working):
            work = claim(store, project, rater)
            if work is None:
                working.remove(rater)
                continue
            counts = Counter(item for item, _ in seen)
            met = {item for item, by in seen if by == rater.id}
            # Least-rated first, of those that this rater has not met: who rated the least-rated one must take another.
            assert work.items[0].id not in met
            assert counts[work.items[0].id] == min(counts[item] for item in set(range(1, 7)) - met)
            seen.append((work.items[0].id, rater.id))
            finish(store, project, rater, work)
    assert Counter(item for item, _ in seen) == dict.fromkeys(range(1, 7), 3)
    assert len(set(seen)) == 18


def test_what_is_lent_counts_as_taken(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 2, ratings_per_item=2)
    raters = [make_rater(store, project, f"rater {n}") for n in range(5)]
    held = [claim(store, project, rater) for rater in raters]
    assert Counter(work.items[0].id for work in held if work) == {1: 2, 2: 2}
    assert held[4] is None


def test_the_order_differs_between_raters_and_repeats_by_seed(tmp_path: Path) -> None:
    def order(folder: Path, seeds: list[int]) -> list[list[str]]:
        folder.mkdir()
        store, project = make_store(folder, 12, ratings_per_item=9)
        orders = []
        for seed in seeds:
            rater = make_rater(store, project, f"rater {seed}")
            with store.transaction() as db:
                db.table("raters").update(rater.id, {"order_seed": seed})
            orders.append([])
            while (work := claim(store, project, store.rater(rater.id))) is not None:
                orders[-1].append(work.items[0].explanation)
                finish(store, project, rater, work)
        return orders

    first = order(tmp_path / "a", [7, 8])
    assert first == order(tmp_path / "b", [7, 8])
    assert first[0] != first[1]
    assert sorted(first[0]) == sorted(first[1])


def test_check_06_a_lease_runs_out_and_the_item_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, project = make_store(tmp_path, 1, ratings_per_item=1, lease_minutes=30)
    ada, grace = make_rater(store, project, "Ada"), make_rater(store, project, "Grace")
    first = take(store, project, ada)
    assert claim(store, project, grace) is None
    later(monkeypatch, 29)
    save_draft(store, project, ada, first.lease_id, {"comment": "half"}, 0, 10.0)  # work keeps it alive
    later(monkeypatch, 29)
    assert claim(store, project, grace) is None
    later(monkeypatch, 2)
    second = take(store, project, grace)
    assert second.items[0].id == first.items[0].id
    assert [row["kind"] for row in store.rows("SELECT kind FROM events WHERE kind = 'lease ran out'")] == ["lease ran out"]
    # Ada comes back: her draft was not thrown away, and a late submission is a rating, not an error.
    third = take(store, project, ada)
    assert third.answers is not None and third.answers["comment"] == "half"
    finish(store, project, grace, second)
    save_draft(store, project, ada, first.lease_id, {"comment": "more"}, 1, 11.0)  # from a window that was open all the time
    listen(store, project, ada, first.lease_id, 2.0)
    submit(store, project, ada, first.lease_id, "press-late", full_answers(), 5.0)
    assert {r.rater_name for r in store.ratings(project)} == {"Ada", "Grace"}
    assert claim(store, project, ada) is None  # and the item she was lent again is not open any more


def test_a_second_machine_goes_on_with_the_same_item_and_draft(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 5)
    rater = make_rater(store, project)
    here = take(store, project, rater)
    listen(store, project, rater, here.lease_id, 2.0)
    saved = save_draft(store, project, rater, here.lease_id, {"scores": {"factual_alignment": 2}}, 0, 12.0)
    other = Store.open(store.path)
    there = take(other, project, rater)
    assert (there.lease_id, there.heard, there.draft_version) == (here.lease_id, True, saved.version)
    assert there.answers is not None and there.answers["scores"]["factual_alignment"] == 2
    # Both go on: the later machine is told what the other wrote, and overwrites nothing.
    newer = save_draft(other, project, rater, there.lease_id, {"scores": {"factual_alignment": 5}}, there.draft_version, 15.0)
    clash = save_draft(store, project, rater, here.lease_id, {"comment": "mine"}, saved.version, 16.0)
    assert clash.version == newer.version
    assert clash.conflict is not None and clash.conflict["scores"]["factual_alignment"] == 5


def test_check_06_eight_processes_and_fifty_claims_each(tmp_path: Path) -> None:
    """No error, no item lent to more people than it needs, each process its own lease each time."""
    store, project = make_store(tmp_path, 2, ratings_per_item=1)
    add_items(store, project, 400)
    for number in range(8):
        make_rater(store, project, f"rater {number}")
    script = """
import sys
from annotate.assignment import claim
from annotate.store import Store
store = Store.open(sys.argv[1]); project = store.project(); rater = store.raters(project)[int(sys.argv[2])]
for _ in range(50):
    work = claim(store, project, rater)
    with store.transaction() as db:
        db.conn.execute("UPDATE leases SET state = 'expired' WHERE id = ?", [work.lease_id])
        db.conn.execute("INSERT INTO ratings (project_id, item_id, rater_id, seconds, position, revision, created, updated) "
                        "VALUES (?, ?, ?, 1, 1, 1, '', '')", [project.id, work.items[0].id, rater.id])
    print(work.items[0].id)
"""
    running = [subprocess.Popen([sys.executable, "-c", script, str(store.path), str(number)], cwd=ROOT, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True) for number in range(8)]
    outputs = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [0] * 8, outputs
    claimed = [line for out, _ in outputs for line in out.split()]
    assert len(claimed) == 400
    assert len(set(claimed)) == 400


def test_attention_items_come_at_the_set_rate_and_never_beside_their_origin(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 60, attention_rate=0.5, ratings_per_item=9)
    expected = {"at_most": {"factual_alignment": 3}, "or_wrong": [[0, 38]]}
    for origin in range(1, 31):
        add_items(store, project, 1, explanation=f"Swapped {origin}.", purpose="attention", swapped_from=origin, expected=expected)
    rater = make_rater(store, project)
    seen = []
    for _ in range(40):
        work = take(store, project, rater)
        seen.append(work.items[0])
        finish(store, project, rater, work, full_answers(2))
    attention = [item for item in seen if item.purpose == "attention"]
    assert 10 <= len(attention) <= 30
    assert not {item.swapped_from for item in attention} & {item.id for item in seen}
    assert {r.is_attention for r in store.ratings(project) if r.model_id} == {True, False}
    assert {row["passed"] for row in store.rows("SELECT passed FROM ratings WHERE passed IS NOT NULL")} == {1}


def test_qualification_comes_before_work_and_decides_about_it(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 3, qualification_share=1.0)
    for number in range(2):
        add_items(store, project, 1, explanation=f"Practice {number}.", purpose="qualification",
                  expected={"at_least": {"factual_alignment": 4}})
    careful, careless = make_rater(store, project, "careful"), make_rater(store, project, "careless")
    for _ in range(2):
        for rater, score in ((careful, 5), (careless, 2)):
            work = take(store, project, rater)
            assert work.items[0].purpose == "qualification"
            finish(store, project, rater, work, full_answers(score))
    assert take(store, project, careful).items[0].purpose == "work"
    with pytest.raises(NotAllowed, match="practice items"):
        claim(store, project, store.rater(careless.id))
    assert all(r.is_qualification for r in store.ratings(project))


@pytest.mark.parametrize(("first", "second", "fit"), [(2, 5, False), (5, 2, True)])
def test_the_first_answer_is_judged_and_no_revision_changes_that(tmp_path: Path, first: int, second: int, fit: bool) -> None:
    store, project = make_store(tmp_path, 3, qualification_share=1.0, attention_rate=0.0)
    expected = {"at_least": {"factual_alignment": 4}}
    for purpose in ("qualification", "attention"):
        add_items(store, project, 1, explanation=f"Practice, {purpose}.", purpose=purpose, expected=expected)
    rater = make_rater(store, project)
    finish(store, project, rater, take(store, project, rater), full_answers(first))
    with store.transaction() as db:  # an attention item, met in work
        lease = _new_lease(db, project, rater, ProjectSettings.of(project), clock.utc_now(), {"item_id": 5}, "new", 2, False, None)
    finish(store, project, rater, task(store, lease), full_answers(first))
    for rating in store.ratings(project):
        again = open_revision(store, project, rater, rating_id=rating.id)
        submit(store, project, rater, again.lease_id, f"press-again-{rating.id}", full_answers(second), 20.0)
    assert [rating.factual_alignment for rating in store.ratings(project)] == [second] * 2  # kept as changed …
    assert [bool(row["passed"]) for row in store.rows("SELECT passed FROM ratings")] == [fit] * 2  # … but judged once
    assert store.rater(rater.id).qualified is fit
    if fit:
        assert take(store, project, rater).items[0].purpose == "work"
    else:
        with pytest.raises(NotAllowed, match="practice items"):
            claim(store, project, store.rater(rater.id))


def test_an_item_that_is_taken_out_of_the_work_leaves_the_hands_of_who_has_it(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 2)
    rater, lead = make_rater(store, project), make_rater(store, project, "Lead", "lead")
    held = take(store, project, rater).items[0].id
    retire(store, project, lead, held)
    assert take(store, project, rater).items[0].id == 3 - held


def test_pairs_swap_sides_at_random_and_choices_name_the_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annotate.roster.secrets.randbelow", lambda limit: 7)  # of free seeds, one in 230 swaps too few or too many
    store, project = make_store(tmp_path, 40, mode="pair", ratings_per_item=1)
    for one in range(1, 39, 2):
        add_pair(store, project, one, one + 2)
    rater = make_rater(store, project)
    shown_first = []
    while (work := claim(store, project, rater)) is not None:
        assert work.is_pair and work.items[0].clip_sha256 == work.items[1].clip_sha256
        shown_first.append(work.items[0].id)
        finish(store, project, rater, work, full_choices("left"))
    preferences = store.preferences(project)
    assert len(preferences) == 19
    swapped = [p.swapped for p in preferences]
    assert 4 <= sum(swapped) <= 15
    chosen = [p.item_b if p.factual_alignment == "b" else p.item_a for p in preferences]
    assert sorted(chosen) == sorted(shown_first)  # "left" is what stood first, whichever item that was
    assert all((p.factual_alignment == "b") == p.swapped for p in preferences)


def test_an_earlier_answer_can_be_opened_changed_or_left_alone(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 3)
    ada, grace = make_rater(store, project, "Ada"), make_rater(store, project, "Grace")
    finish(store, project, ada, take(store, project, ada), full_answers(2))
    open_work = take(store, project, ada)
    (rating,) = store.ratings(project)
    with pytest.raises(NotAllowed, match="no answer of yours"):
        open_revision(store, project, grace, rating_id=rating.id)
    again = open_revision(store, project, ada, rating_id=rating.id)
    assert again.answers is not None and again.answers["scores"]["factual_alignment"] == 2 and again.heard
    assert open_revision(store, project, ada, rating_id=rating.id).lease_id == again.lease_id
    release(store, ada, again.lease_id)
    assert store.ratings(project)[0].revision == 1
    again = open_revision(store, project, ada, rating_id=rating.id)
    submit(store, project, ada, again.lease_id, "press-again", full_answers(4), 20.0)
    assert (store.ratings(project)[0].factual_alignment, store.ratings(project)[0].revision) == (4, 2)
    assert take(store, project, ada).lease_id == open_work.lease_id  # the item in hand was not lost meanwhile
    assert len(store.ratings(project)) == 1
