"""The first screen says what the law and honesty ask for, with the error rates of the model that is configured."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from emotionthinker.page.consent import may_infer_emotion
from emotionthinker.page.engine import EXAMPLES
from emotionthinker.page.notice import error_rates, not_this_html, notice_html
from emotionthinker.settings import Settings

EVALUATION = {"corpora": [{"name": "CREMA-D dev <speakers>", "classes": 3, "clips": 120, "accuracy": 0.7312, "uar": 0.71,
                           "recall": {"angry": 0.9, "sad": 0.41, "happy": 0.6}}]}


@pytest.mark.parametrize("part", ["sounds", "not what a person feels", "often wrong", "employees, applicants, pupils or students",
                                  "Art. 5(1)(f)", "Art. 50(3)"])
def test_check_14_the_notice_says_it(part: str) -> None:
    assert part in notice_html(Settings())


def test_it_tells_describing_from_inferring_emotion() -> None:
    assert "lets a model describe it. If you allow that too, the model says which emotion" in notice_html(Settings())


def test_without_a_choice_emotion_is_inferred_in_the_examples_alone(tmp_path: Path) -> None:
    copy, own = tmp_path / "copy.flac", tmp_path / "angry.flac"
    copy.write_bytes((EXAMPLES / "angry.flac").read_bytes())
    own.write_bytes((EXAMPLES / "angry.flac").read_bytes()[:-1] + b"x")
    assert may_infer_emotion("emotion", str(own))
    assert may_infer_emotion("", str(copy), str(EXAMPLES / "sad.flac"))
    gone = tmp_path / "gone"
    for level, paths in (("", [own]), ("", [copy, own]), ("", []), ("", [gone]), ("describe", [copy]), ("describe", [own])):
        assert not may_infer_emotion(level, *map(str, paths))


def test_several_tabs_show_it_without_sharing_an_id() -> None:
    one, other = notice_html(Settings()), notice_html(Settings(), "timeline", "Both <sides> agree.")
    ids = [re.findall(r'id="([^"]+)"', html) for html in (one, other)]
    assert set(ids[0]).isdisjoint(ids[1])
    assert "Both &lt;sides&gt; agree." in other


def test_check_14_measured_error_rates_are_told(tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text(json.dumps(EVALUATION))
    settings = Settings(model=str(tmp_path))
    (rate, listeners) = error_rates(settings)
    for part in ("120 clips", "3 emotions", "73 % of clips", "90 % of angry", "only 41 % of sad"):
        assert part in rate
    assert "41 %" in listeners
    for html in (notice_html(settings), not_this_html(settings)):
        assert "73 % of clips" in html
        assert "<speakers>" not in html


@pytest.mark.parametrize("text", ["", "[]", '{"corpora": [{}]}', '{"corpora": [{"name": "x", "recall": {}}]}'])
def test_unreadable_rates_are_said_to_be_unknown(tmp_path: Path, text: str) -> None:
    (tmp_path / "evaluation.json").write_text(text)
    assert "could not be read" in error_rates(Settings(model=str(tmp_path)))[0]


def test_an_endpoint_is_said_to_receive_the_recording() -> None:
    html = notice_html(Settings(endpoint="http://127.0.0.1:1/v1"))
    assert "is sent to the model's server" in html
    assert "was not measured here" in html
