"""Swapped facts and known answers, and the worked examples of the instructions: all held against measurement."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotate.assignment import claim
from annotate.attention import MODEL, make_known_items, swap_fact
from annotate.errors import AnnotateError
from annotate.guide import BY_NAME, EXAMPLE_CLIP, EXAMPLE_WORDS, SCALES
from annotate.items import add_pair
from annotate.rating import as_expected
from annotate.records import DIMENSIONS
from emotionthinker import measure_prosody, verify_claims
from emotionthinker.grounding import CONTRADICTED, precision
from emotionthinker.page.engine import EXAMPLES
from tests.annotate.filling import EXPLANATION, add_items, full_answers, make_rater, make_store, the_record


def contradicted(text: str, attribute: str) -> bool:
    return any(claim.attribute == attribute and claim.verdict == CONTRADICTED for claim in verify_claims(text, the_record()))


def test_the_most_audible_fact_is_swapped_and_proved_false() -> None:
    swap = swap_fact(EXPLANATION, the_record())
    assert swap is not None
    assert swap.text.startswith("A man speaks") and "He says" in swap.text
    assert [swap.text[a:b] for a, b in swap.stretches] == ["man", "He"]
    assert not contradicted(EXPLANATION, "gender")
    assert contradicted(swap.text, "gender")


def test_where_the_sex_is_not_stated_another_fact_is_swapped() -> None:
    text = EXPLANATION.replace("A woman", "Somebody").replace("She says", "One hears")
    swap = swap_fact(text, the_record(), ["The meeting starts at noon."])
    assert swap is not None and swap.attribute == "quote"
    assert '"The meeting starts at noon"' in swap.text
    swap = swap_fact(text.replace('"', ""), the_record())
    assert swap is not None and swap.attribute == "energy_level"
    assert "the voice is quiet" in swap.text
    middle = the_record() | {"levels": {kind: dict(level, percentile=50.0, level="normal")
                                        for kind, level in the_record()["levels"].items()}}
    assert swap_fact("The pitch is normal and the pace is normal.", middle) is None  # nobody could hear that


def test_known_items_are_made_from_the_work(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 8)
    add_pair(store, project, 1, 3)
    assert make_known_items(store, project, attention=2, qualification=2) == (2, 2)
    made = [item for item in store.items(project) if item.purpose != "work"]
    assert {item.model_id for item in made} == {MODEL}
    assert all(item.expected and item.swapped_from for item in made)
    practice = {item.swapped_from for item in made if item.purpose == "qualification"}
    assert {row["id"] for row in store.rows("SELECT id FROM items WHERE active = 0")} == practice
    assert not store.rows("SELECT 1 FROM pairs WHERE active = 1") or not practice & {1, 3}
    for item in made:  # who listens passes, who does not fails
        swapped = "at_most" in (item.expected or {})
        assert as_expected(item, full_answers(2)) is swapped
        assert as_expected(item, full_answers(5)) is not swapped
        if swapped:
            (start, end), *_ = (item.expected or {})["or_wrong"]
            assert as_expected(item, full_answers(5, marks=[[max(0, start - 5), end + 5, "wrong"]])) is True
            assert as_expected(item, {"scores": dict.fromkeys(DIMENSIONS), "marks": []}) is False
    rater = make_rater(store, project)
    first = claim(store, project, rater)
    assert first is not None and first.items[0].purpose == "qualification"


def test_a_project_without_facts_says_so(tmp_path: Path) -> None:
    store, project = make_store(tmp_path, 0)
    add_items(store, project, 1, explanation="It sounds like something.")
    with pytest.raises(AnnotateError, match="swapped audibly"):
        make_known_items(store, project, attention=1, qualification=1)


def test_the_instructions_explain_every_point_of_every_scale() -> None:
    assert [scale.name for scale in SCALES] == list(DIMENSIONS)
    texts = [text for scale in SCALES for point in scale.points for text in (point.meaning, point.example, point.because)]
    assert len(texts) == 60 == len(set(texts))


def test_the_worked_examples_of_facts_are_as_true_as_they_say() -> None:
    record = measure_prosody(EXAMPLES / EXAMPLE_CLIP, EXAMPLE_WORDS).to_dict()
    shares = [precision(verify_claims(point.example, record)) for point in BY_NAME["factual_alignment"].points]
    assert shares[0] == 0
    assert shares[1] == pytest.approx(1 / 3)
    assert shares[2] is not None and 0.5 < shares[2] < 1
    assert shares[4] == 1
    for scale in SCALES[1:]:  # the other scales' examples are about other faults: no fact in them is false
        for point in scale.points[2:]:
            assert CONTRADICTED not in [claim.verdict for claim in verify_claims(point.example, record)], point.example
