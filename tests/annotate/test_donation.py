"""Clips that visitors give: never without the tick, not in the work before a lead accepts, gone when the code says so."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import soundfile

from annotate import donation, roster
from annotate.assignment import claim
from annotate.attention import make_known_items
from annotate.errors import AnnotateError
from annotate.exporting import export, rows
from annotate.importing import import_lines, pair_up
from annotate.rating import submit
from annotate.records import DIMENSIONS, Project, Rater
from annotate.service import Service
from annotate.serving import clip_for, clip_url
from annotate.settings import ProjectSettings
from annotate.store import Store
from annotate.ui import open_service
from annotate.ui_donate import donation_section, give_clip, take_clip_back
from emotionthinker.audio import Limits, open_recording
from emotionthinker.page.engine import EXAMPLES
from tests.annotate.filling import full_answers, listen, make_rater, make_store, write_clip
from tests.annotate.test_importing import explained, write
from tests.annotate.test_withdrawal import on_disk, whole
from tests.page.records import DURATION_S
from tests.sounds import encode

WORDS = "quokkas never do again"


@pytest.fixture
def desk(tmp_path: Path) -> tuple[Store, Project, Rater, Service]:
    store, project = make_store(tmp_path, 0, donations=True)
    with store.transaction() as db:  # the helper keeps two clips
        db.conn.execute("DELETE FROM clips")
    for path in store.clips.iterdir():
        path.unlink()
    lead = make_rater(store, project, "Lead", "lead")
    return store, project, lead, open_service(store)[0]


def gift(folder: Path, seed: int = 5, **changes: Any) -> tuple[Path, dict[str, Any]]:
    """A clip as an upload lies there, and what `explain` gave about it."""
    (folder / "upload").mkdir(exist_ok=True)
    text = "A woman speaks, and the pitch is high. It sounds angry."
    result = explained(**{"transcription": WORDS, "reasoning": text, **changes})
    result.pop("audio_path")
    return write_clip(folder / "upload" / f"Ada Lovelace {seed}.wav", seed), result


def clips_in(store: Store) -> list[str]:
    return sorted(path.name for path in store.clips.iterdir())


def test_check_12_nothing_is_kept_without_the_tick_or_where_no_project_takes_clips(desk: Any, tmp_path: Path) -> None:
    store, project, _, service = desk
    path, result = gift(tmp_path)
    example = str(EXAMPLES / "angry.flac")
    for ticked, clip, found, said in [(False, path, result, "Tick"), (None, path, result, "Tick"), ("true", path, result, "Tick"),
                                      (1, path, result, "Tick"), (True, None, result, "nothing to give"),
                                      (True, path, None, "nothing to give"), (True, example, result, "own examples")]:
        with pytest.raises(gr.Error, match=said):
            give_clip(service, ticked, None if clip is None else str(clip), found)
    assert donation_section(None) is None and donation_section(service) is not None
    for changes in ({"donations": False}, {"closed": True}):
        roster.change_settings(store, project, **changes)
        assert donation_section(service) is None
        with pytest.raises(gr.Error, match="No clips are taken"):
            give_clip(service, True, str(path), result)
        roster.change_settings(store, project, donations=True, closed=False)
    assert ProjectSettings().donations is False
    assert clips_in(store) == [] and store.rows("SELECT 1 FROM donations UNION SELECT 1 FROM clips") == []


def test_what_cannot_be_rated_or_fits_no_clip_leaves_nothing_behind(desk: Any, tmp_path: Path) -> None:
    store, _, _, service = desk
    path, result = gift(tmp_path)
    (tmp_path / "text.wav").write_text("no sound")
    for clip, found in [(path, result | {"duration_s": 9.0}), (path, result | {"reasoning": " "}), (path, result | {"warnings": 5}),
                        (tmp_path / "text.wav", result), (tmp_path / "gone.wav", result)]:
        with pytest.raises(gr.Error):
            give_clip(service, True, str(clip), found)
    assert clips_in(store) == [] and store.rows("SELECT 1 FROM clips") == []


@pytest.mark.parametrize(("container", "codec", "suffix"), [("wav", "pcm_s16le", "wav"), ("mp3", "libmp3lame", "mp3"),
                                                            ("ipod", "aac", "m4a")])
def test_of_the_file_only_the_sound_is_kept(desk: Any, tmp_path: Path, container: str, codec: str, suffix: str) -> None:
    store, project, _, _ = desk
    rate = 44_100
    sound = 0.1 * np.random.default_rng(3).normal(size=(int(DURATION_S * rate), 2))
    path = tmp_path / f"upload.{suffix}"
    path.write_bytes(encode(sound, rate, container, codec, {"artist": "Ada Lovelace", "comment": "51.5074 N at home"}))
    assert b"Ada Lovelace" in path.read_bytes() and b"51.5074 N" in path.read_bytes()
    donation.give(store, path, gift(tmp_path)[1])
    (kept,) = store.clips.iterdir()
    assert b"Ada" not in kept.read_bytes() and b"51.5074" not in kept.read_bytes()
    assert soundfile.SoundFile(kept).copy_metadata() == {}
    limits = Limits()
    with open_recording(path, limits) as given, open_recording(kept, limits) as there:
        assert (there.rate, there.channels) == (given.rate, given.channels) == (rate, 2)
        before, after = (np.concatenate(list(one.blocks)) for one in (given, there))
    assert before.shape == after.shape and np.abs(np.clip(before, -1, 1) - after).max() <= 2.0**-15  # one step of 16 bits
    assert donation.sound_alone(kept)[0] == kept.read_bytes()  # the same sound gives the same file
    with pytest.raises(AnnotateError, match="given already"):
        donation.give(store, path, gift(tmp_path)[1])
    assert donation.waiting(store, project, 1)[0].item.clip_sha256 == kept.stem


def test_a_sound_that_would_fill_the_disk_is_refused(desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _, _, _ = desk
    noise = np.random.default_rng(3).normal(size=16_000 * 20) * 0.1
    (tmp_path / "long.mp3").write_bytes(encode(noise, 16_000, "mp3", "libmp3lame"))
    monkeypatch.setenv("ET_MAX_MB", "0.3")  # the mp3 is under it, its sound alone is not
    assert (tmp_path / "long.mp3").stat().st_size < 300_000
    with pytest.raises(AnnotateError, match=r"more than 0\.3 MB"):
        donation.give(store, tmp_path / "long.mp3", gift(tmp_path)[1])
    assert clips_in(store) == []


def test_a_gift_waits_out_of_everybodys_sight_until_the_lead_accepts(desk: Any, tmp_path: Path) -> None:
    store, project, lead, service = desk
    token = roster.new_token(store, lead)
    lead = store.rater(lead.id)
    rater = make_rater(store, project, "Ada")
    path, result = gift(tmp_path)
    # What the page's state could be made to hold beside the explanation does not come in.
    code = donation.give(store, path, result | {"purpose": "attention", "expected": {"at_most": {"factual_alignment": 1}},
                                                "gold_emotion": "sad", "speaker": "Ada Lovelace", "reward_scores": {"overall": 5}})
    (wait,) = donation.waiting(store, project, 9)
    clip = wait.item.clip_sha256
    assert (wait.item.purpose, wait.item.speaker, wait.item.gold_emotion, wait.item.reward_scores) == ("work", None, None, None)
    assert on_disk(store, "Ada Lovelace", code, code.replace("-", "")) == []  # neither the file's name nor the code itself
    assert claim(store, project, rater) is None and list(store.items(project)) == []
    export(store, project, tmp_path / "out", "jsonl", clips=True)
    assert "quokkas" not in (tmp_path / "out" / "items.jsonl").read_text() and list((tmp_path / "out" / "clips").iterdir()) == []
    with pytest.raises(AnnotateError, match="No explanation"):
        make_known_items(store, project, attention=1, qualification=0)
    with pytest.raises(AnnotateError, match="not served"):
        clip_for(store, rater.id, clip, clip_url(store, rater, clip).split("/")[-1])
    assert clip_for(store, lead.id, clip, clip_url(store, lead, clip).split("/")[-1]).is_file()
    board = service.call("open", token, {})["html"]
    assert "1 clip waits" in board and WORDS in board and f'data-gift="{wait.id}"' in board
    with pytest.raises(AnnotateError, match="given already"):
        donation.give(store, path, result)
    assert clips_in(store) == [f"{clip}.flac"]  # the second try did not delete the first's sound
    assert "Given by visitors" not in service.call("gift", token, {"gift": wait.id, "take": True})["html"]
    assert service.call("gift", token, {"gift": wait.id, "take": True})["kind"] == "AnnotateError"  # a double click
    work = claim(store, project, rater)
    assert work is not None and work.items[0].transcript == WORDS
    assert [row["source"] for row in rows(store, project, "items")] == [donation.SOURCE]


@pytest.mark.parametrize("accepted", [False, True])
def test_the_code_deletes_everything_that_was_made_of_the_clip(desk: Any, tmp_path: Path, accepted: bool) -> None:
    store, project, lead, service = desk
    write_clip(tmp_path / "clip.wav")
    import_lines(store, project, write(tmp_path / "other.jsonl", explained()))
    path, result = gift(tmp_path)
    code = donation.give(store, path, result)
    second = donation.give(store, *gift(tmp_path, model="another", reasoning="The voice is loud and angry."))
    other = donation.give(store, *gift(tmp_path, seed=6))
    (first, *_), clip = donation.waiting(store, project, 9), donation.waiting(store, project, 1)[0].item.clip_sha256
    if accepted:
        item = donation.accept(store, project, lead, first.id)
        make_known_items(store, project, attention=2, qualification=0)
        donation.accept(store, project, lead, first.id + 1)  # the same clip, explained by another model
        assert pair_up(store, project) == 1
        service.figure(clip, item, 600)
        rater = make_rater(store, project, "Ada")
        while (work := claim(store, project, rater)) is not None:
            listen(store, project, rater, work.lease_id)
            submit(store, project, rater, work.lease_id, f"press-{work.lease_id}", full_answers(comment="of item"), 2.0)
        assert len(store.ratings(project)) >= 3
        service.call("adjudicate", roster.new_token(store, lead), {"item": item, "scores": dict.fromkeys(DIMENSIONS, 3),
                                                                   "comment": "quokka decided"})
    for typed in (code.lower(), code.replace("-", " ")):
        with pytest.raises(gr.Error, match="not known"):
            take_clip_back(service, typed[:-1])
    assert "Deleted" in take_clip_back(service, f" {code.lower().replace('-', ' – ')} ")
    with pytest.raises(gr.Error, match="deleted already"):
        take_clip_back(service, code)
    whole(store)
    assert on_disk(store, "quokka decided") == []
    assert f"{clip}.flac" in clips_in(store)  # the other explanation of it is still there
    take_clip_back(service, second)
    take_clip_back(service, other)
    whole(store)
    assert on_disk(store, WORDS) == []
    assert len(clips_in(store)) == 1 and f"{clip}.flac" not in clips_in(store)
    assert [item.transcript for item in store.items(project) if item.purpose == "work"] == ["I never do again."]
    assert clip not in json.dumps([list(key) for key in service._figures])
    assert {rating.clip_sha256 for rating in store.ratings(project)} <= {item.clip_sha256 for item in store.items(project)}


def test_a_refused_gift_is_deleted_and_the_queue_is_bounded(desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, project, lead, service = desk
    monkeypatch.setattr(donation, "MAX_WAITING", 2)
    codes = [donation.give(store, *gift(tmp_path, seed)) for seed in (5, 6)]
    with pytest.raises(AnnotateError, match="Very many"):
        donation.give(store, *gift(tmp_path, 7))
    first = donation.waiting(store, project, 1)[0]
    token = roster.new_token(store, lead)
    assert "1 clip waits" in service.call("gift", token, {"gift": first.id, "take": False})["html"]
    assert len(clips_in(store)) == 1
    with pytest.raises(AnnotateError, match="deleted already"):
        donation.take_back(store, codes[0])
    with pytest.raises(AnnotateError, match="does not wait"):
        donation.accept(store, project, lead, first.id)
    donation.give(store, *gift(tmp_path, 7))
    assert len(set(itertools.chain(codes, [donation.LETTERS]))) == 3 and all(len(code) == 19 for code in codes)


def test_only_a_lead_of_that_project_decides(desk: Any, tmp_path: Path) -> None:
    store, project, _, service = desk
    donation.give(store, *gift(tmp_path))
    rater, token = roster.invite(store, project, "Ada")
    other = roster.create_project(store, "other", ProjectSettings())
    _, stranger = roster.invite(store, other, "Stranger", "lead")
    number = donation.waiting(store, project, 1)[0].id
    for who in (token, stranger):
        for take in (True, False):
            assert "error" in service.call("gift", str(who), {"gift": number, "take": take}), rater
    assert donation.count_waiting(store, project) == 1
