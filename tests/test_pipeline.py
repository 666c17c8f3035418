"""The whole way from a real file: measured, heard, explained, checked; from Python and from the command line."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from emotionthinker.__main__ import main
from emotionthinker.audio import load_clip
from emotionthinker.errors import AudioError, EmotionThinkerError
from emotionthinker.events import ClaimsReady
from emotionthinker.pipeline import ClaimChecker, open_explainer
from emotionthinker.remote import Remote
from emotionthinker.settings import Settings, threads_from_env
from emotionthinker.thinker import EmotionThinker
from tests.conftest import make_record, synthetic_voice
from tests.rule_explainers import PitchExplainer

CLIP = Path(__file__).resolve().parent.parent / "assets" / "examples" / "angry.flac"
WORDS = "I will never do that again."


@pytest.fixture(scope="module")
def thinker(tiny_omni_folder):
    return EmotionThinker.from_pretrained(tiny_omni_folder)


def test_a_real_clip_with_its_words(thinker):
    result = thinker.explain(CLIP, transcript=WORDS)
    assert result.emotion == "angry"
    assert result.prosody.transcription == WORDS
    assert [word["word"] for word in result.prosody.words] == ["I", "will", "never", "do", "that", "again"]
    first, last = result.prosody.segments[0][0], result.prosody.segments[-1][1]
    assert result.span_s[0] == pytest.approx(max(0, first - 0.25))
    assert result.span_s[1] == pytest.approx(min(result.prosody.duration_s, last + 0.25))
    assert result.warnings == result.prosody.warnings


def test_corrected_words_keep_the_measured_sound(thinker):
    record = thinker.explain(CLIP, transcript=WORDS).prosody
    corrected = thinker.explain(load_clip(CLIP), prosody=record, transcript="I will never do this again.").prosody
    assert corrected.transcription == "I will never do this again."
    assert corrected.f0 == record.f0
    same = thinker.explain(CLIP, prosody=record, transcript=WORDS).prosody
    assert same is record


def test_a_model_is_told_only_the_words_that_it_heard():
    """A minute of speech, of which the model hears ten seconds."""
    explainer = PitchExplainer()
    explainer.style = replace(explainer.style, max_audio_s=10.0)
    sound = (synthetic_voice(60.0), 16_000)
    placed = [{"word": f"word{i}", "start": i + 0.1, "end": i + 0.9, "stressed": False, "prominence": 0.0} for i in range(60)]
    text = " ".join(word["word"] for word in placed)
    record = make_record([[0.0, 60.0]], 60.0, words=placed, transcription=text)
    assert not any("told none" in warning for warning in explainer.explain(sound, prosody=record).warnings)
    assert "Words: word0 " in explainer.asked[-1] and "word12" not in explainer.asked[-1]

    # Ten minutes of talk without times: more than a prompt may hold, and no word of it is known to be heard.
    unplaced = make_record([[0.0, 60.0]], 60.0, words=[], transcription=f"{text} " * 30)
    assert "told none of them" in explainer.explain(sound, prosody=unplaced).warnings[-1]
    assert "Words:" not in explainer.asked[-1]

    whole = make_record([[0.0, 9.0]], 60.0, words=[], transcription="all of it was heard")
    explainer.explain(sound, prosody=whole)
    assert "Words: all of it was heard" in explainer.asked[-1]


def test_a_label_that_was_not_to_choose_from_is_named():
    explainer = PitchExplainer()  # says angry of this clip, whatever is asked
    result = explainer.explain(CLIP, transcript=WORDS, labels=["sad", "happy"])
    assert (result.emotion, result.answer) == (None, "angry")
    assert "names angry, which was not among the labels to choose from" in result.warnings[-1]


def test_no_tokens_are_not_the_models_own_number_of_them(thinker):
    with pytest.raises(EmotionThinkerError, match="0 new tokens were asked for, but 1 to 4096 are allowed"):
        thinker.explain(CLIP, transcript=WORDS, max_new_tokens=0)


def test_a_broken_clip_is_refused(thinker, tmp_path):
    file = tmp_path / "text.wav"
    file.write_text("no sound")
    with pytest.raises(AudioError):
        thinker.explain(file)


# --- claims while streaming -----------------------------------------------------------------------------------------


def claims_after(checker: ClaimChecker, piece: str) -> list[str] | None:
    """Attributes of the claims that this piece brought, None where nothing new came."""
    events = list(checker.feed(piece))
    assert all(isinstance(event, ClaimsReady) for event in events)
    return [claim.attribute for claim in events[-1].claims] if events else None


def test_claims_come_when_their_sentence_has_ended():
    checker = ClaimChecker(make_record([[0.0, 1.0]], 1.0), "emotion")
    assert claims_after(checker, "The voice is loud") is None
    assert claims_after(checker, ".") is None  # perhaps the point of a number
    assert claims_after(checker, " The pace") == ["energy_level"]
    assert claims_after(checker, " is fast") is None
    rest = [claim.attribute for event in checker.finish() for claim in event.claims]
    assert rest == ["energy_level", "speed_level"]
    assert list(checker.finish()) == []


def test_a_caption_is_checked_in_its_answer():
    assert ClaimChecker(make_record([[0.0, 1.0]], 1.0), "describe").section == "answer"


# --- the command line -----------------------------------------------------------------------------------------------


def test_explain_prints_one_json_object(tiny_omni_folder, capsys):
    code = main(["explain", str(CLIP), "--model", str(tiny_omni_folder), "--transcript", WORDS, "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (printed["emotion"], printed["transcription"], printed["model"]) == ("angry", WORDS, "Tiny")
    assert sum(printed["label_scores"].values()) == pytest.approx(1, abs=1e-4)
    assert {claim["verdict"] for claim in printed["claims"]} <= {"supported", "contradicted", "not checkable"}
    assert printed["grounding"]["precision"] in (0.0, 0.5, 1.0)  # of "loud" and "fast"
    assert 0 <= printed["grounding"]["coverage"] <= 1


def test_explain_for_people(tiny_omni_folder, capsys):
    code = main(["explain", str(CLIP), "--model", str(tiny_omni_folder), "--transcript", WORDS])
    printed = capsys.readouterr().out
    assert code == 0
    assert printed.startswith("The voice is loud. The pace is fast.\n\nangry\n")
    assert "sounds: angry\nscores: angry 0." in printed
    assert "\ngrounding: " in printed and " of 2 checkable claims supported · mentions " in printed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no-such-clip.wav"], "no-such-clip.wav"),
        ([str(CLIP), "--transcript", WORDS, "--model", "/no/such/folder"], "There is no folder '/no/such/folder'"),
        ([str(CLIP), "--transcript", WORDS, "--endpoint", "nowhere"], "no http or https address"),
    ],
)
def test_faults_are_one_line_and_exit_code_2(capsys, arguments, sentence):
    assert main(["explain", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err.splitlines()[-1]


def test_unknown_labels_on_the_command_line(tiny_omni_folder, capsys):
    arguments = ["--model", str(tiny_omni_folder), "--transcript", WORDS, "--labels", "sad,bored"]
    assert main(["explain", str(CLIP), *arguments]) == 2
    assert "'bored' are not known to this model" in capsys.readouterr().err
    assert main(["explain", str(CLIP), *arguments[:-1], "sad, angry,", "--json"]) == 0  # as the page reads them
    assert json.loads(capsys.readouterr().out)["labels"] == ["sad", "angry"]


# --- settings -------------------------------------------------------------------------------------------------------


def test_settings_come_from_the_environment():
    env = {"ET_MODEL": "m", "ET_ENDPOINT": "http://h/v1", "ET_API_KEY": "secret", "ET_TIMEOUT_S": "5", "ET_4BIT": "1"}
    settings = Settings.from_env(env)
    assert (settings.model, settings.endpoint, settings.timeout_s, settings.load_in_4bit) == ("m", "http://h/v1", 5.0, True)
    assert "secret" not in repr(settings)
    assert Settings.from_env({"ET_MODEL": "", "ET_TIMEOUT_S": ""}) == Settings.from_env({})
    limited = Settings.from_env({"ET_MAX_SECONDS": "30", "ET_LONG_MAX_MB": "7"})
    assert (limited.limits.max_seconds, limited.long_limits.max_bytes) == (30.0, 7_000_000)


@pytest.mark.parametrize(
    "env", [{"ET_TIMEOUT_S": "soon"}, {"ET_TIMEOUT_S": "0"}, {"ET_TIMEOUT_S": "inf"}, {"ET_4BIT": "yes"}, {"ET_DTYPE": "int8"}]
)
def test_settings_that_cannot_be_used_are_named(env):
    with pytest.raises(EmotionThinkerError, match=f"{next(iter(env))} is '{next(iter(env.values()))}'"):
        Settings.from_env(env)


def test_a_model_named_on_the_command_line_runs_here():
    settings = Settings(model="m", endpoint="http://h/v1")
    assert settings.naming(None, None) == settings
    assert settings.naming("own", None) == Settings(model="own")
    assert settings.naming(None, "http://other/v1") == Settings(model="m", endpoint="http://other/v1")


def test_threads(monkeypatch):
    monkeypatch.delenv("ET_THREADS", raising=False)
    assert threads_from_env() is None
    monkeypatch.setenv("ET_THREADS", "2")
    assert threads_from_env() == 2
    monkeypatch.setenv("ET_THREADS", "two")
    with pytest.raises(EmotionThinkerError, match="ET_THREADS is 'two'"):
        threads_from_env()


def test_settings_open_the_model_they_name(tiny_omni_folder):
    remote = open_explainer(Settings(endpoint="http://127.0.0.1:9/v1", model="omni"))
    assert isinstance(remote, Remote) and remote.name == "omni"
    local = open_explainer(Settings(model=str(tiny_omni_folder)))
    assert isinstance(local, EmotionThinker) and local.name == "Tiny"


def test_a_cancel_before_the_start_still_finishes(thinker):
    cancel = threading.Event()
    cancel.set()
    result = thinker.explain(CLIP, transcript=WORDS, cancel=cancel)
    assert (result.emotion, result.raw) == (None, "")
    assert result.prosody.speech_s > 0
