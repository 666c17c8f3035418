"""One run per visitor; a model that is missing is a sentence, not a crash."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from emotionthinker.errors import EmotionThinkerError
from emotionthinker.page.engine import Engine, Runs
from emotionthinker.page.health import health
from emotionthinker.settings import Settings


def test_a_new_run_ends_the_one_before_of_the_same_visitor_only() -> None:
    runs = Runs()
    mine, yours = runs.begin("me"), runs.begin("you")
    again = runs.begin("me")
    assert (mine.cancel.is_set(), mine.replaced) == (True, True)
    assert (yours.cancel.is_set(), yours.replaced) == (False, False)
    assert runs.current("me") is again
    assert len({mine.number, yours.number, again.number}) == 3


def test_a_run_knows_its_clip_and_hands_it_on() -> None:
    runs = Runs()
    assert runs.begin("me").path == ""
    assert runs.begin("me", "first.wav").path == "first.wav"
    assert runs.begin("me").path == "first.wav"  # asked again about the same clip
    assert runs.begin("me", "").path == ""  # the clip was taken away
    assert runs.begin("you").path == ""


def test_stop_keeps_the_run_on_the_page_and_leaving_does_not() -> None:
    runs = Runs()
    run = runs.begin("me")
    runs.stop("me")
    assert (run.cancel.is_set(), run.replaced) == (True, False)
    runs.forget("me")
    assert run.replaced
    assert runs.current("me") is not run
    runs.stop("nobody")
    runs.forget("nobody")


def test_a_missing_model_is_told_to_everyone_who_waits(tmp_path: Path) -> None:
    engine = Engine(Settings(model=str(tmp_path / "nothing")))
    for _ in range(2):
        with pytest.raises(EmotionThinkerError, match="nothing"):
            engine.wait()
    assert engine.ready
    assert engine.problem
    assert "nothing" in engine.problem


def test_the_page_comes_before_the_model_unless_somebody_asks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, alone = (Engine(Settings(model=str(tmp_path / "nothing"))) for _ in range(2))
    monkeypatch.setattr("emotionthinker.page.engine.PAGE_FIRST_S", 60.0)
    asked.warm_up_soon()
    assert asked._thread is None and not asked.ready
    with pytest.raises(EmotionThinkerError, match="nothing"):
        asked.wait()
    monkeypatch.setattr("emotionthinker.page.engine.PAGE_FIRST_S", 0.1)
    alone.warm_up_soon()
    assert alone._ready.wait(20)  # by itself


@pytest.mark.parametrize("files", [{}, {"config.json": "{"}, {"config.json": '{"model_type": "qwen2_5_omni_thinker"}'}])
def test_visitors_are_not_told_where_the_models_lie(tmp_path: Path, files: dict[str, str]) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    engine = Engine(Settings(model=str(folder)))
    with pytest.raises(EmotionThinkerError) as refused:
        engine.wait()
    assert "mine" in str(refused.value)
    assert str(tmp_path) not in str(refused.value) + str(engine.problem)


@pytest.mark.parametrize("model", ["private/models/mine", "./private/models/mine", "private/mine", "../private/models/mine"])
@pytest.mark.parametrize("files", [None, {}, {"config.json": "{"}])
def test_nor_by_a_path_that_is_not_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str,
                                            files: dict[str, str] | None) -> None:
    (tmp_path / "here" / "private").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    if files is not None:
        Path(model).mkdir(parents=True)
        for name, text in files.items():
            (Path(model) / name).write_text(text)
    engine = Engine(Settings(model=model))
    with pytest.raises(EmotionThinkerError, match="mine") as refused:
        engine.wait()
    told = str(refused.value) + str(health(engine)["problem"])
    assert "private" not in told and str(tmp_path) not in told


def test_a_hub_id_stays_whole() -> None:
    engine = Engine(Settings(model="nobody-here/no-such-model"))
    assert engine._without_path("The model nobody-here/no-such-model cannot be loaded.") == (
        "The model nobody-here/no-such-model cannot be loaded.")


def test_waiting_for_the_model_can_be_stopped() -> None:
    engine = Engine(Settings())
    engine.warm_up = lambda: None  # type: ignore[method-assign]  # a model that never comes
    cancel = threading.Event()
    cancel.set()
    assert engine.wait(cancel) is None


TWO_AT_ONCE = """
import sys, threading
from emotionthinker.loading import load_model
sys.setswitchinterval(1e-5)
start, said = threading.Barrier(8), []
def load():
    start.wait()
    try: load_model(sys.argv[1], "mine", {})
    except Exception as error: said.append(f"{type(error).__name__} {error}")
threads = [threading.Thread(target=load) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("\\n".join(said))
"""


def test_models_that_are_loaded_at_once_do_not_meet_a_half_imported_library(tmp_path: Path) -> None:
    """In a process of its own, as only the first import of one is open to it."""
    (tmp_path / "config.json").write_text("{")
    command = [sys.executable, "-c", TWO_AT_ONCE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.count("not a valid JSON file") == 8
