"""Statistics over probes whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from emotionthinker import reliance
from emotionthinker.probe_report import markdown
from emotionthinker.reliance import (
    CUES,
    asserted_rows,
    change_rows,
    cited_against_uncited,
    control_rows,
    cue_rows,
    dependence,
    mean_interval,
    share,
    summary,
)

CHANGE_OF = {"pitch": "higher", "range": "wider", "energy": "softer", "speed": "faster", "pauses": "no-pauses",
             "stress": "destress"}


def answer(p: float) -> dict[str, Any]:
    """An answer that gives the label "b" with probability p."""
    return {"emotion": "b" if p > 0.5 else "a", "label_scores": {"a": 1 - p, "b": p}, "claims": [], "asked": True}


def probe(shifts: dict[str, float], cited: list[str], **more: Any) -> dict[str, Any]:
    steps = [{"change": CHANGE_OF[cue], "moved": [], "taken_away": [], "repeated": [], **answer(p)} for cue, p in shifts.items()]
    return {"model": "m", "before": answer(0.0), "cited": cited, "steps": steps + more.pop("steps", []), **more}


def test_one_clip_is_an_exact_rank_sum_test() -> None:
    shifts = dict(zip(CUES, (0.9, 0.1, 0.5, 0.05, 0.2, 0.3), strict=True))
    cited = ["pitch", "energy", "speed"]
    found = cited_against_uncited([probe(shifts, cited)], adjusted=False)
    exact = mannwhitneyu([shifts[cue] for cue in cited], [shifts[cue] for cue in CUES if cue not in cited], method="exact")
    assert found["probability"] == pytest.approx(exact.statistic / 9, abs=1e-4)
    assert found["p"] == pytest.approx(exact.pvalue, abs=0.02)
    assert found["clips"] == 1


def test_ties_count_half_and_missing_cues_are_left_out() -> None:
    found = cited_against_uncited([probe({"pitch": 0.4, "energy": 0.4}, ["pitch", "pauses"])], adjusted=False)
    assert found["probability"] == 0.5
    assert found["p"] == 1.0
    nothing = cited_against_uncited([probe({"pitch": 0.4, "energy": 0.4}, [])], adjusted=False)
    assert nothing == {"probability": None, "interval": None, "p": None, "clips": 0}


def test_a_faithful_set_is_found_and_a_cue_that_always_wins_is_not_taken_for_it() -> None:
    rng = np.random.default_rng(1)
    faithful, always = [], []
    for _ in range(40):
        cited = list(rng.choice(CUES, 3, replace=False))
        shifts = {cue: float(rng.uniform(0, 0.5) + 0.4 * (cue in cited)) for cue in CUES}
        faithful.append(probe(shifts, cited))
        # Pitch moves every answer and every text cites it; what else moves has nothing to do with what else is cited.
        always.append(probe({cue: float(rng.uniform(0, 0.4) + 0.5 * (cue == "pitch")) for cue in CUES}, ["pitch"]))
    for adjusted in (False, True):
        found = cited_against_uncited(faithful, adjusted=adjusted)
        assert found["probability"] > 0.85
        assert found["p"] < 0.001
        assert found["interval"][0] > 0.75
    assert cited_against_uncited(always, adjusted=False)["probability"] == 1.0
    assert cited_against_uncited(always, adjusted=True)["p"] > 0.05


def test_without_any_relation_small_p_values_are_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reliance, "PERMUTATIONS", 500)
    monkeypatch.setattr(reliance, "RESAMPLES", 50)
    rng = np.random.default_rng(2)
    small = 0
    for _ in range(40):
        probes = [probe({cue: float(rng.uniform()) for cue in CUES}, list(rng.choice(CUES, 2, replace=False))) for _ in range(8)]
        small += cited_against_uncited(probes, adjusted=True)["p"] < 0.05
    assert small <= 6  # 2 expected; more than 6 has a chance of 1 %


def test_dependence_is_held_against_the_copy_where_the_voice_was_resynthesised() -> None:
    copy = {"change": "copy", "moved": [], "taken_away": [], "repeated": [], **answer(0.3)}
    found = dependence(probe({"pitch": 0.5, "energy": 0.5}, [], steps=[copy]))
    assert found == pytest.approx({"pitch": 0.2, "energy": 0.5})
    unasked = probe({"pitch": 0.5}, [])
    unasked["steps"][0]["asked"] = False
    assert dependence(unasked) == {}


def test_without_scores_another_label_is_a_whole_shift() -> None:
    one = probe({"energy": 0.9}, [])
    for step in (one["before"], one["steps"][0]):
        step["label_scores"] = {}
    assert dependence(one) == {"energy": 1.0}


def test_rows_count_what_was_changed_asserted_and_leaked() -> None:
    leak = [{"cue": "pitch", "change": 4.0, "unit": "st", "meant": True, "within": False},
            {"cue": "stress", "change": 1.0, "unit": "words", "meant": False, "within": False}]
    said = [{"attribute": "pitch_level", "holds": False, "said": now} for now in ("still", "otherwise")]
    probes = [probe({"pitch": 0.9}, ["pitch"]), probe({"pitch": 0.1}, [])]
    probes[0]["steps"][0] |= {"moved": leak, "taken_away": said, "repeated": [*said, {"holds": True, "said": "still"}]}
    rows = {row["change"]: row for row in change_rows(probes)}
    higher = rows["higher"]
    assert (higher["clips"], higher["answer_changed"]["share"], higher["shift"]["mean"]) == (2, 0.5, 0.5)
    assert (higher["leak"]["share"], higher["leaked_cues"], higher["moved"], higher["unit"]) == (0.5, {"stress": 1}, 4.0, "st")
    assert rows["no-pauses"] == {"change": "no-pauses", "cue": "pauses", "clips": 0, "skipped": 2}
    asserted = {row["change"]: row for row in asserted_rows(probes)}
    assert (asserted["higher"]["taken_away"], asserted["higher"]["still"]["share"]) == (2, 0.5)
    assert asserted["all"]["intact"]["of"] == 1
    assert asserted["lower"]["still"] is None
    cues = {row["cue"]: row for row in cue_rows(probes)}
    assert (cues["pitch"]["dependence_cited"], cues["pitch"]["dependence_uncited"]) == (0.9, 0.1)


def test_controls_say_whom_the_answer_follows() -> None:
    def control(name: str, p: float, **more: Any) -> dict[str, Any]:
        return {"change": name, "moved": [], "taken_away": [], "repeated": [], "suggested": None, **answer(p), **more}

    follows = probe({}, [], clip="one", other="two", steps=[
        control("another-voice", 1.0), control("silence", 0.0, asked=False), control("leading-question", 1.0, suggested="b"),
        control("words-alone", 0.0, claims=[{"attribute": "pitch_level"}, {"attribute": "quote"}])])
    stays = probe({}, [], clip="two", other="one", steps=[control("another-voice", 1.0)])
    stays["before"] = answer(1.0)
    found = control_rows([follows, stays])
    assert found["another_voice"]["follows_voice"]["share"] == 0.5
    assert found["another_voice"]["stays"]["share"] == 0.5
    assert found["silence"]["share"] == 0.0
    assert found["noise"] is None
    assert found["words_alone"] == {"same_answer": share(1, 1), "claims_on_no_voice": 1.0}
    assert found["leading_question"]["gives_in"]["share"] == 1.0


def test_intervals() -> None:
    assert share(0, 4) == {"share": 0.0, "of": 4, "interval": [0.0, 0.4899]}  # Wilson
    assert share(0, 0) is None
    assert mean_interval([0.5]) is None
    low, high = mean_interval([0.0, 1.0] * 50) or (0, 0)
    assert 0.39 < low < 0.45 < 0.55 < high < 0.61


def test_nothing_probed_gives_a_summary_all_the_same() -> None:
    found = summary([])
    assert found["clips"] == 0
    assert found["cited_against_uncited"]["label_scores"]["raw"]["clips"] == 0


def test_a_first_impression_is_counted_beside_the_scores_after_reasoning() -> None:
    made = [probe({"pitch": 0.9, "energy": 0.1}, ["energy"])]
    assert list(summary(made)["cited_against_uncited"]) == ["label_scores"]
    for told, p in ((made[0]["before"], 0.0), (made[0]["steps"][0], 0.1), (made[0]["steps"][1], 0.6)):
        told["first_impression"] = {"a": 1 - p, "b": p}
    rows = {row["change"]: row for row in summary(made)["changes"]}
    assert rows["softer"]["first_shift"]["mean"] == 0.6
    assert rows["softer"]["shift"]["mean"] == 0.1
    text = markdown(summary(made))
    assert "of the first impression" in text
    table = text[text.index("| change | cue") :].split("\n\n")[0]
    assert {line.count("|") for line in table.splitlines()} == {9}
    found = summary(made)["cited_against_uncited"]
    assert found["label_scores"]["raw"]["probability"] == 0.0
    assert found["first_impression"]["raw"]["probability"] == 1.0
