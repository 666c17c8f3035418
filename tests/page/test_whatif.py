"""The section "What if?" without a browser: from a change to what is shown of it."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import sys
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import soundfile

import app
from emotionthinker.audio import Clip, load_clip
from emotionthinker.page import whatif
from emotionthinker.page.engine import EXAMPLES, Engine, Run, Runs
from emotionthinker.page.whatif_story import claims_html, meaning, moved_html, outcome_html, scores_html, verdict
from emotionthinker.probing import ALL_CHANGES, Step, ask_again
from emotionthinker.prosody.record import Prosody, measure_prosody
from emotionthinker.settings import Settings
from tests.rule_explainers import PitchExplainer

pytest.importorskip("pyworld", reason="pyworld-prebuilt is not installed; it takes the voice apart")
PATH = str(EXAMPLES / "angry.flac")
NASTY = '<img src=x onerror="hacked">'


@lru_cache(maxsize=1)
def known() -> tuple[Clip, Prosody, dict[str, Any]]:
    """Clip, record and first explanation, with the pitch-following explainer."""
    clip = load_clip(PATH)
    record = measure_prosody(clip, "I will never do that again.")
    # Whatever the stress network says of this clip: one stressed word, the last, and it is the most prominent.
    words = [{**word, "stressed": word["word"] == "again", "prominence": 0.9 if word["word"] == "again" else 0.1}
             for word in record.words]
    record = dataclasses.replace(record, words=words, stressed_words=["again"])
    return clip, record, PitchExplainer().explain(clip, prosody=record).to_dict()


class Ready(Engine):
    """An engine whose thinker is already there."""

    def __init__(self, thinker: Any) -> None:
        super().__init__(Settings())
        self._thinker = thinker
        self._ready.set()

    def warm_up(self) -> None:
        pass


def outcomes(name: str | None, which: str | None = None, run: Run | None = None, before: Any = ...,
             thinker: Any = None) -> list[Any]:
    _, record, first = known()
    before = first if before is ... else before
    return list(whatif.outcomes(Ready(thinker or PitchExplainer()), run or Run(1), PATH, record, before, name, which, 800))


def test_a_change_is_heard_before_the_answer_comes() -> None:
    changing, asking, done = outcomes("lower")
    assert (changing.changed, changing.html) == (None, "")
    assert asking.changed is not None
    assert asking.html is None
    assert "The answer changed" in done.status
    assert "it sounds <strong><bdi>sad</bdi></strong>, not <strong><bdi>angry</bdi></strong>" in done.html
    assert "still" not in done.html.split("et-whatif-verdict")[1].split("</p>")[0]
    assert "<svg" in done.html
    assert "<td>no longer true: " in done.html
    assert "<td>says something else</td>" in done.html
    assert "The first explanation speaks of pitch" in done.html


def test_the_same_answer_is_called_the_same() -> None:
    *_, done = outcomes("softer")
    assert "it still sounds <strong><bdi>angry</bdi></strong>" in done.html
    assert "The answer stayed" in done.status


@pytest.mark.parametrize(("was", "now", "says"), [
    (None, "sad", "it sounds sad; before, the model named no emotion."),
    ("sad", None, "the model names no emotion; before, it sounded sad."),
    (None, None, "the model still names no emotion."),
    ("sad", "angry", "it sounds angry, not sad."),
    ("sad", "sad", "it still sounds sad."),
])
def test_an_answer_without_an_emotion_is_not_called_one(was: str | None, now: str | None, says: str) -> None:
    _, _, first = known()
    explanation = dataclasses.replace(PitchExplainer().explain(known()[0], prosody=known()[1]), emotion=now)
    step = Step("softer", explanation=explanation, comparison={"answer_changed": was != now})
    assert re.sub("<[^>]+>", "", verdict(first | {"emotion": was}, step)) == f"If it were 6 dB softer, {says}"


def test_what_cannot_be_changed_is_the_sentence_that_says_why() -> None:
    *_, refused = outcomes("no-pauses")
    assert 'data-state="refused"' in refused.status
    assert "no pause" in refused.status


@pytest.mark.parametrize(("name", "before", "says"), [
    (None, ..., "Choose a change"), ("sweeter", ..., "Choose a change"), ("softer", None, "no explanation to compare"),
    ("softer", {"mode": "describe"}, "compares emotions"),
])
def test_nothing_is_asked_without_a_change_or_an_answer(name: str | None, before: Any, says: str) -> None:
    thinker = PitchExplainer()
    only, = outcomes(name, before=before, thinker=thinker)
    assert says in only.status
    assert thinker.heard == []


def test_who_chose_describing_only_is_not_compared_by_emotion() -> None:
    _, record, first = known()
    thinker = PitchExplainer()
    only, = whatif.outcomes(Ready(thinker), Run(1), PATH, record, first, "softer", None, 800, "describe")
    assert "describing only" in only.status
    assert "Infer emotion too" in only.status  # the way out
    own, = whatif.outcomes(Ready(thinker), Run(1), __file__, record, first, "softer", None, 800, "")
    assert "reload the page and choose" in own.status
    described, = whatif.outcomes(Ready(thinker), Run(1), PATH, record, {"mode": "describe"}, "softer", None, 800, "emotion")
    assert "Which emotion, and why" in described.status
    assert thinker.heard == []


def test_the_word_and_the_voice_that_were_chosen_are_taken() -> None:
    thinker = PitchExplainer()
    *_, done = outcomes("another-voice", "sad.flac", thinker=thinker)
    assert "the voice of sad.flac" in done.html
    assert len(thinker.heard[0]) > 40_000
    angry = load_clip(PATH)
    assert whatif.other_voice("../../secret", angry).name == "sad.flac"
    assert whatif.other_voice(None, dataclasses.replace(angry, name="mine.wav")).name == "sad.flac"  # it is told by its sound …
    assert whatif.other_voice(None, Clip(angry.samples[:-1], "angry.flac")).name == "angry.flac"  # … and not by its name
    *_, done = outcomes("destress", "2")
    assert "“never”" in done.html
    *_, usual = outcomes("destress", "none of these")
    assert "“again”" in usual.html


def test_choices_follow_the_change_and_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    _, record, _ = known()
    label, words = whatif.whiches("destress", record)
    assert label == "Which word"
    assert words[0] == ("again ●", "5")
    assert len(words) == 6
    assert [value for _, value in whatif.whiches("another-voice", record)[1]][:2] == ["afraid.flac", "angry.flac"]
    assert whatif.whiches("softer", record) == ("", [])
    assert {name for _, name in whatif.choices()} == set(ALL_CHANGES)
    monkeypatch.setitem(sys.modules, "pyworld", None)
    without = {name for _, name in whatif.choices()}
    assert without == {name for name, change in ALL_CHANGES.items() if not change.needs_world}
    assert "louder" in without


def test_another_question_ends_the_one_before_without_a_word() -> None:
    run = Run(1)
    cancel = run.begin_try()
    run.begin_try()
    assert cancel.is_set()
    runs = Runs()
    first = runs.begin("visitor")
    under_way = first.begin_try()
    runs.begin("visitor")
    assert under_way.is_set()
    assert first.replaced

    class Replaced(PitchExplainer):
        def explain(self, *args: Any, **more: Any) -> Any:
            runs.begin("visitor")  # a new clip while the model thinks
            assert more["cancel"].is_set()
            return super().explain(*args, **more)

    _, asking = outcomes("softer", run=runs.current("visitor"), thinker=Replaced())
    assert "Asking again" in asking.status


def test_stop_is_said() -> None:
    class Stopped(PitchExplainer):
        def explain(self, *args: Any, **more: Any) -> Any:
            run.end()
            return super().explain(*args, **more)

    run = Run(1)
    *_, last = outcomes("softer", run=run, thinker=Stopped())
    assert "Stopped" in last.status


def test_the_model_is_asked_as_it_was_asked_first() -> None:
    run = Run(1)
    run.asked = {"labels": ["sad", "angry"], "question": "Which of {labels} is it?", "temperature": 0.0, "seed": 0,
                 "mode": "emotion", "max_new_tokens": None}
    thinker = PitchExplainer()
    outcomes("softer", run=run, thinker=thinker)
    assert thinker.asked[0].startswith("Which of sad, angry is it?")


def test_texts_of_model_and_people_are_shown_as_text() -> None:
    clip, record, first = known()
    nasty = {**first, "emotion": NASTY, "reasoning": f"The pitch is high. {NASTY}",
             "label_scores": {NASTY: 0.5, "angry": 0.5},
             "claims": [{"attribute": "quote", "stated": NASTY, "text": NASTY, "verdict": "contradicted", "measured": NASTY,
                         "start_char": 0, "end_char": 5}]}
    step = ask_again(PitchExplainer(), "softer", clip, record, first)
    assert step.explanation is not None
    step = dataclasses.replace(step, note=NASTY, explanation=dataclasses.replace(step.explanation, emotion=NASTY, reasoning=NASTY))
    repeated = [{"attribute": "quote", "stated": NASTY, "holds": False, "now": NASTY, "said": "still"}]
    step.comparison["repeated"] = repeated
    html = outcome_html(nasty, step, ("<svg></svg>", NASTY))
    assert "<img" not in html
    assert html.count("&lt;img") >= 6


def test_a_claim_that_is_held_on_to_is_marked() -> None:
    claim = {"attribute": "pitch_level", "stated": "high", "text": "the pitch is high", "verdict": "supported", "measured": "high"}
    item = {"attribute": "pitch_level", "stated": "high", "holds": False, "now": "low, 120 Hz", "said": "still"}
    html = claims_html({"claims": [claim, claim]}, {"claims": [claim]}, [item])
    assert html.count("<tr") == 2  # head, and the claim once
    assert 'class="et-held"' in html
    assert "<td>no longer true: low, 120 Hz</td><td>says it again, though it is no longer true</td>" in html
    wrong = claims_html({"claims": [{**claim, "verdict": "contradicted"}]}, {"claims": []}, [])
    assert "<td>was not true before either</td><td>does not say it</td>" in wrong
    assert "Neither explanation" in claims_html({"claims": []}, {"claims": []}, [])
    fresh = claims_html({"claims": []}, {"claims": [claim]}, [])
    assert "<td></td><td></td><td>new: " in fresh


@pytest.mark.parametrize("name", ALL_CHANGES)
def test_every_change_says_what_an_answer_that_stays_or_moves_tells(name: str) -> None:
    _, _, first = known()
    assert "answer" in meaning(first, Step(name)) or name == "silence"
    unspoken = meaning({**first, "claims": []}, Step(name))
    assert ("does not speak of" in unspoken) is (ALL_CHANGES[name].cue is not None)


def test_scores_before_the_reasoning_are_preferred() -> None:
    after = {"label_scores": {"sad": 1.0, "angry": 0.0}}
    assert "after the reasoning" in scores_html(after, after)
    both = {**after, "first_impression": {"sad": 0.25, "angry": 0.75}}
    assert "0.75 → 0.75" in scores_html(both, both)
    assert "before any reasoning" in scores_html(both, both)
    assert "gives no scores" in scores_html({"label_scores": {}}, after)


def test_leaks_are_told_from_what_was_meant() -> None:
    clip, record, first = known()
    step: Step = ask_again(PitchExplainer(), "lower", clip, record, first)
    # A leak, whatever was measured.
    moved = [dataclasses.replace(item, within=False) if item.cue == "stress" else item for item in step.moved]
    html = moved_html(moved, "pitch")
    assert '<tr class="et-meant"><th scope="row">Pitch</th>' in html
    assert html.count("unchanged") == 4
    assert '<tr class="et-leak"><th scope="row">Stress</th>' in html
    unmeant = moved_html(step.moved, "energy")
    assert "wanted, but hardly changed" in unmeant
    assert moved_html([], None) == ""


def test_a_wav_is_made_for_listening() -> None:
    samples, rate = soundfile.read(io.BytesIO(whatif.wav_bytes(np.array([0.5, 2.0, -2.0], np.float32))))
    assert rate == 16_000
    assert samples == pytest.approx([0.5, 1.0, -1.0], abs=1e-3)


def test_without_pyworld_the_page_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyworld", None)
    page, _ = app.build(Settings())
    config = json.dumps(page.get_config_file(), default=str)
    assert "pip install pyworld-prebuilt" in config
    assert "whispered" not in config
    monkeypatch.undo()
    page, _ = app.build(Settings())
    config = json.dumps(page.get_config_file(), default=str)
    assert "pip install pyworld-prebuilt" not in config
    assert "whispered" in config
