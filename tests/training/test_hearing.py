"""A cue goes into a text only where it was measured and is heard as clearly; margins are chosen by what was right on dev."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from emotionthinker.prosody.levels import Reference
from training.hearing import FEWEST, GOAL, Heard, Margins, _least_certainty, _smallest, audible, hear_cues
from training.tower_training import CUES, INTONATIONS, Heads

REFERENCE = Reference.from_file()
ANY = dict.fromkeys(CUES, 6.0)
MARGINS = Margins(outer=ANY, middle=dict.fromkeys(CUES, 4.0), intonation=0.6, sex=0.9)


def value_at(kind: str, percentile: float, gender: str = "Female") -> float:
    """The value that lies at a percentile of the reference."""
    groups = REFERENCE.table["measures"][kind]["groups"]
    quantiles = groups.get("all", groups.get(gender))["quantiles"]
    return float(np.interp(percentile, np.linspace(0, 100, len(quantiles)), quantiles))


def record(**percentiles: float) -> dict:
    """A label record whose cues lie at these percentiles; the others in the middle."""
    levels = {}
    for kind in CUES:
        value = value_at(kind, percentiles.get(kind, 50.0))
        found = REFERENCE.level(kind, value, "Female")
        levels[kind] = {"value": value, "level": found.level, "percentile": found.percentile}
    return {"levels": levels, "gender": "Female", "intonation": "falling", "contour_confidence": 0.9}


def heard(female: float = 0.97, falling: float = 0.8, **percentiles: float) -> Heard:
    values = {kind: value_at(kind, percentiles.get(kind, 50.0)) for kind in CUES}
    contour = dict.fromkeys(INTONATIONS, (1 - falling) / 5) | {"falling": falling}
    return Heard(values, contour, female, 0)


def stated(facts: dict) -> dict[str, str | None]:
    return {kind: entry["level"] for kind, entry in facts["levels"].items()}


def test_measured_and_heard_alike_is_stated() -> None:
    kept = audible(record(pitch=90, energy=10), heard(pitch=80, energy=12), MARGINS, REFERENCE)
    assert stated(kept) == {"pitch": "high", "energy": "low", "speed": "normal", "range": "normal"}
    assert (kept["gender"], kept["intonation"]) == ("Female", "falling")


def test_far_out_is_said_only_where_it_is_heard_so() -> None:
    both = record(pitch=95, energy=3)
    kept = audible(both, heard(pitch=97, energy=20), MARGINS, REFERENCE)["levels"]
    assert kept["pitch"] == both["levels"]["pitch"]
    assert (kept["energy"]["level"], kept["energy"]["percentile"]) == ("low", 13.0)  # 38 points from the middle are "very"
    assert both["levels"]["energy"]["percentile"] == pytest.approx(3, abs=0.5)


@pytest.mark.parametrize(
    ("measured", "said"),
    [(90, 50), (90, 10), (90, 70), (50, 90), (30, 60)],
    ids=["heard as normal", "heard as low", "heard too near to the cut", "measured as normal", "measured as low"],
)
def test_otherwise_it_is_left_out_and_nothing_else_is(measured: float, said: float) -> None:
    kept = audible(record(pitch=measured), heard(pitch=said), MARGINS, REFERENCE)
    assert stated(kept) == {"pitch": None, "energy": "normal", "speed": "normal", "range": "normal"}
    assert kept["levels"]["pitch"]["value"] == record(pitch=measured)["levels"]["pitch"]["value"]


def test_no_margin_means_never() -> None:
    never = dataclasses.replace(MARGINS, outer=ANY | {"range": None}, intonation=None, sex=None)
    kept = audible(record(range=99), heard(range=99), never, REFERENCE)
    assert stated(kept)["range"] is None
    assert (kept["gender"], kept["intonation"]) == (None, None)


def test_unsure_of_contour_or_sex_says_neither() -> None:
    kept = audible(record(), heard(female=0.6, falling=0.4), MARGINS, REFERENCE)
    assert (kept["gender"], kept["intonation"]) == (None, None)
    vague = record() | {"contour_confidence": 0.3}
    assert audible(vague, heard(), MARGINS, REFERENCE)["intonation"] is None


def test_the_smallest_margin_that_is_right_often_enough_is_chosen() -> None:
    rng = np.random.default_rng(0)
    measured = rng.uniform(0, 100, 4000)
    said = np.clip(measured + rng.normal(0, 12, 4000), 0, 100)
    pairs = list(zip(said.tolist(), measured.tolist(), strict=True))
    margin, figures = _smallest(pairs, (6, 10, 14, 18, 22, 26, 30), bands=(0, 2))
    assert margin is not None and figures["right"] >= GOAL
    smaller, _ = _smallest(pairs, (margin - 4,), bands=(0, 2))
    assert margin == 6 or smaller is None
    blind = list(zip(rng.permutation(said).tolist(), measured.tolist(), strict=True))
    assert _smallest(blind, (6, 18, 30), bands=(0, 2))[0] is None
    assert _smallest(pairs[: FEWEST - 1], (6,), bands=(0, 1, 2))[0] is None  # too few to judge by


def test_certainty_is_chosen_the_same_way() -> None:
    sure = [({"Female": 0.96, "Male": 0.04}, "Female")] * 40
    unsure = [({"Female": 0.7, "Male": 0.3}, "Male")] * 40
    assert _least_certainty(sure + unsure, 0.95)[0] == 0.8
    assert _least_certainty(unsure, 0.95)[0] is None


def test_heads_answer_in_the_units_of_the_record(tmp_path: Path) -> None:
    torch.manual_seed(0)
    heads = Heads(8, 6).eval()
    heads.answer["cues"].weight.data.zero_()
    heads.answer["cues"].bias.data = torch.tensor([0.0, 1.0, 0.0, 0.0])
    one, two = hear_cues(heads, [torch.randn(5, 8), torch.randn(9, 8)])
    assert one.values["pitch"] == pytest.approx(2**7.4)
    assert one.values["energy"] == pytest.approx(-18.0)
    assert (one.values["speed"], one.values["range"]) == (pytest.approx(12.0), pytest.approx(9.0))
    assert sum(two.intonation.values()) == pytest.approx(1.0)
    assert 0 < two.female < 1
    MARGINS.save(tmp_path / "margins.json")
    assert Margins.from_file(tmp_path / "margins.json") == MARGINS
