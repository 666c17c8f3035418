import csv
import json

import pytest

from training import corpora
from training.corpora import CorpusError, crema_split, read_corpus, require_trainable


def write_crema_official(root):
    (root / "AudioWAV").mkdir()
    for name in ("1001_DFA_ANG_XX", "1049_IEO_SAD_HI", "1091_TIE_NEU_XX", "1006_TIE_HAP_XX"):
        (root / "AudioWAV" / f"{name}.wav").write_bytes(b"")
    (root / "VideoDemographics.csv").write_text(
        '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","x","y"\n1049,25,"Female","x","y"\n'
        '1091,29,"Female","x","y"\n1006,58,"Female","x","y"\n')
    (root / "processedResults").mkdir()
    (root / "processedResults" / "tabulatedVotes.csv").write_text(
        '"","A","D","F","H","N","S","fileName","numResponses"\n'
        '"100001",6,2,0,0,1,0,"1001_DFA_ANG_XX",9\n'
        '"200001",0,0,0,9,0,0,"1001_DFA_ANG_XX",9\n')  # row 200001: listeners who saw the face and heard nothing


def write_manifest(root, rows):
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


CREMA_ROW = {"path": "audio/1001_DFA_ANG_XX.opus", "emotion": "angry", "speaker": "crema_1001", "sex": "male",
             "age": "51", "text": "Don't forget a jacket.", "split": "train",
             "voice_votes": "angry:6 disgust:2 fear:0 happy:0 neutral:1 sad:0", "usable": "1", "note": ""}


def test_no_speaker_is_in_two_splits_and_all_91_have_one():
    assert not corpora.CREMA_TRAIN & corpora.CREMA_DEV
    assert not corpora.CREMA_TRAIN & corpora.CREMA_TEST
    assert not corpora.CREMA_DEV & corpora.CREMA_TEST
    assert set(range(1001, 1092)) == corpora.CREMA_TRAIN | corpora.CREMA_DEV | corpora.CREMA_TEST
    assert [len(s) for s in (corpora.CREMA_TRAIN, corpora.CREMA_DEV, corpora.CREMA_TEST)] == [56, 18, 17]


@pytest.mark.parametrize("speaker", [1000, "crema_1092", "someone", ""])
def test_unknown_actor_has_no_split(speaker):
    with pytest.raises(CorpusError):
        crema_split(speaker)


def test_official_crema_layout(tmp_path):
    write_crema_official(tmp_path)
    clips = {c.speaker: c for c in read_corpus("crema-d", tmp_path)}
    assert set(clips) == {"crema_1001", "crema_1049", "crema_1091"}  # 1006_TIE_HAP is one of two equal recordings
    angry = clips["crema_1001"]
    assert (angry.transcription, angry.emotion, angry.sex, angry.age) == ("Don't forget a jacket.", "angry", "male", 51)
    assert angry.votes == {"angry": 6, "disgust": 2, "fear": 0, "happy": 0, "neutral": 1, "sad": 0}
    assert clips["crema_1049"].votes is None
    assert [clips[s].split for s in sorted(clips)] == ["train", "dev", "test"]
    assert [c.speaker for c in read_corpus("crema-d", tmp_path, "dev")] == ["crema_1049"]


def test_manifest_gives_the_same_record_as_the_official_layout(tmp_path):
    (tmp_path / "official").mkdir()
    (tmp_path / "folder").mkdir()
    write_crema_official(tmp_path / "official")
    write_manifest(tmp_path / "folder", [CREMA_ROW])
    official = read_corpus("crema-d", tmp_path / "official", "train")[0]
    manifest = read_corpus("crema-d", tmp_path / "folder", "train")[0]
    assert official.audio_path.endswith("AudioWAV/1001_DFA_ANG_XX.wav")
    assert manifest.audio_path == str(tmp_path / "folder/audio/1001_DFA_ANG_XX.opus")
    for field in ("transcription", "emotion", "speaker", "sex", "age", "split", "votes"):
        assert getattr(official, field) == getattr(manifest, field)


def test_manifest_cannot_move_a_speaker_and_unusable_clips_are_dropped(tmp_path):
    write_manifest(tmp_path, [
        CREMA_ROW | {"path": "audio/1049_DFA_ANG_XX.opus", "speaker": "crema_1049", "split": "train"},
        CREMA_ROW | {"usable": "0", "note": "identical audio"},
    ])
    clips = read_corpus("crema-d", tmp_path)
    assert [(c.speaker, c.split) for c in clips] == [("crema_1049", "dev")]


def test_ravdess_is_never_trained_on(tmp_path):
    for name in ("Actor_01/03-01-02-01-01-01-01.wav", "Actor_02/03-01-08-01-02-02-02.wav",
                 "Actor_02/03-02-03-01-02-02-02.wav"):  # the last one is song
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    clips = read_corpus("ravdess", tmp_path)
    assert [(c.emotion, c.sex) for c in clips] == [("calm", "male"), ("surprise", "female")]
    assert {c.split for c in clips} == {"eval-only"}
    with pytest.raises(CorpusError, match="may not be trained on"):
        require_trainable(clips)
    with pytest.raises(CorpusError, match="may not be trained on"):  # a renamed split does not open the door
        require_trainable([{"audio_path": "a.wav", "dataset": "ravdess", "split": "train"}])


def test_trainable_clips_pass_the_guard(tmp_path):
    write_manifest(tmp_path, [CREMA_ROW])
    require_trainable(read_corpus("crema-d", tmp_path))


def test_command_writes_one_record_a_line(tmp_path, capsys):
    write_manifest(tmp_path, [CREMA_ROW])
    out = tmp_path / "in.jsonl"
    argv = ["--corpus", "crema-d", "--root", str(tmp_path), "--split", "train", "--output_path", str(out)]
    assert corpora.main(argv) == 0
    [row] = [json.loads(line) for line in out.read_text().splitlines()]
    assert row["transcription"] == "Don't forget a jacket." and row["split"] == "train"


def test_command_on_a_folder_that_is_no_corpus(tmp_path, capsys):
    assert corpora.main(["--corpus", "crema-d", "--root", str(tmp_path), "--output_path", str(tmp_path / "x")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "VideoDemographics.csv" in error


def test_read_jsonl_ignores_a_line_cut_off_by_a_kill(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1}\n{"a": 2}\n{"a": ')
    assert corpora.read_jsonl(path) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("split", ["dev", "test", "eval-only", "Train"])
def test_only_clips_of_train_are_trained_on(split):
    clip = {"audio_path": "a.wav", "dataset": "crema-d", "split": split}
    with pytest.raises(CorpusError, match=f"split {split}"):
        require_trainable([clip])
    if split == "dev":
        require_trainable([clip], also=["dev"])  # where something is chosen on it
    else:
        with pytest.raises(CorpusError):
            require_trainable([clip], also=["dev"])
    with pytest.raises(CorpusError):
        require_trainable([clip | {"dataset": "ravdess", "split": "dev"}], also=["dev"])
    require_trainable([{"audio_path": "my.wav"}])  # somebody's own clips, without a split


def test_a_manifest_that_says_nothing_of_them_does_not_bring_bad_clips_back(tmp_path):
    rows = [CREMA_ROW | {"path": f"audio/{stem}.opus", "speaker": stem[:4]} for stem in
            ("1076_MTI_SAD_XX", "1006_TIE_HAP_XX", "1006_TIE_NEU_XX", "1001_DFA_ANG_XX")]  # fmt: skip
    write_manifest(tmp_path, [{key: value for key, value in row.items() if key not in ("usable", "note")} for row in rows])
    assert [c.speaker for c in read_corpus("crema-d", tmp_path)] == ["crema_1001"]
    notes = {c.speaker: c.note for c in corpora.read_all("crema-d", tmp_path)}
    assert notes["crema_1076"] == "silent" and notes["crema_1006"].startswith("identical audio to 1006_TIE_")
