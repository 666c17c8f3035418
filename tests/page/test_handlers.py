"""From a clip to the parts of the page, without a browser."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.page import handlers
from emotionthinker.page.engine import EXAMPLES, Engine, Run
from emotionthinker.page.handlers import View
from emotionthinker.settings import Settings
from tests.rule_explainers import PitchExplainer

CLIP = str(EXAMPLES / "angry.flac")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(Settings())


def facts_without_words(html: str) -> str:
    return "".join(re.findall(r'<tr class="et-fact[^>]*data-row="(?:pitch|range|melody|energy|pauses|sex|age)".*?</tr>', html))


def test_the_figure_comes_before_the_words(engine: Engine) -> None:
    first, second = handlers.measure(engine, Run(1), CLIP, View())
    assert first.prosody is not None
    assert first.prosody.words == []
    assert "listening for the words" in (first.facts or "")
    assert second.transcript
    assert "never" in second.transcript
    assert (second.figure or "").count('<button type="button" class="et-word') == 6
    assert facts_without_words(first.facts or "") == facts_without_words(second.facts or "")


def test_a_run_that_ended_measures_no_further(engine: Engine) -> None:
    run = Run(1)
    run.cancel.set()
    assert len(list(handlers.measure(engine, run, CLIP, View()))) == 1


def test_correcting_the_words_keeps_the_sound(engine: Engine) -> None:
    *_, measured = handlers.measure(engine, Run(1), CLIP, View())
    assert measured.prosody is not None
    corrected = handlers.correct_words(engine, CLIP, "I will never do it again", measured.prosody, View())
    assert corrected.prosody is not None
    assert corrected.prosody.transcription == "I will never do it again"
    assert corrected.prosody.f0_median_hz == measured.prosody.f0_median_hz
    assert facts_without_words(corrected.facts or "") == facts_without_words(measured.facts or "")
    emptied = handlers.correct_words(engine, CLIP, "  ", measured.prosody, View())
    assert '<button type="button" class="et-word' not in (emptied.figure or "")


def test_a_refused_clip_is_the_sentence_of_its_error(engine: Engine, tmp_path: Path) -> None:
    broken = tmp_path / "<b>.wav"
    broken.write_bytes(b"RIFF")
    (screen,) = handlers.measure(engine, Run(1), str(broken), View())
    assert 'data-state="refused"' in (screen.status or "")
    assert "<b>" not in (screen.status or "") + (screen.figure or "")
    assert screen.prosody is None


def test_where_the_recogniser_lies_is_told_to_the_log_alone(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                            caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("ET_RECOGNISER", str(tmp_path / "private"))
    *_, screen = handlers.measure(engine, Run(1), CLIP, View())
    assert "cannot be recognised on this server" in (screen.status or "") and "measured" in (screen.facts or "").lower()
    assert "private" not in repr(screen) and "faster-whisper" not in repr(screen)
    assert str(tmp_path) in caplog.text


def test_an_unforeseen_error_tells_nothing_of_the_machine(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise RuntimeError("/secret/path and a transcript")
    except RuntimeError as error:
        said = handlers.sentence(error)
    assert "secret" not in said + caplog.text
    assert "RuntimeError at test_handlers.py" in caplog.text
    assert handlers.sentence(EmotionThinkerError("Too long.")) == "Too long."


def test_a_clip_without_speech_gets_one_message(engine: Engine, tmp_path: Path) -> None:
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(2 * 16_000, np.float32), 16_000)
    *_, measured = handlers.measure(engine, Run(1), str(silent), View())
    assert measured.prosody is not None
    ready = Engine(Settings())
    ready._thinker = PitchExplainer()
    ready._ready.set()
    *_, last = handlers.explain(ready, Run(1), str(silent), measured.prosody, handlers.Options())
    for part in (last.status, last.reasoning):
        assert "o speech was found" in (part or "")
        assert "the model was not asked" in (part or "")
    shown = "".join(part or "" for part in (last.status, last.reasoning, last.answer))
    for other in ("Done in", "no reasoning", "no emotion named", "makes no claim"):
        assert other not in shown
    assert last.result is not None
    assert last.result["raw"] == ""


def test_waiting_for_the_model_is_not_called_done(engine: Engine) -> None:
    *_, measured = handlers.measure(engine, Run(1), CLIP, View())
    assert 'data-state="waiting"' in (measured.status or "")
    assert "Waiting for the model" in (measured.status or "")
    assert 'data-state="waiting"' in (handlers.asking_screen().reasoning or "")
