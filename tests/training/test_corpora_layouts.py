"""Every corpus in its official naming scheme, on small folders: fields, labels, and no speaker on two sides."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from emotionthinker.prompt import PUBLISHED_LABELS
from training.corpora import CorpusClip, CorpusError, keep_apart, main, read_all, read_corpus, require_trainable, shared_speakers
from training.corpora.acted import EMODB_SPEAKERS, EXPRESSO_SPEAKERS, SAVEE_SPLITS, TESS_SPEAKERS, ears_split
from training.corpora.conversations import iemocap_speaker, meld_speaker
from training.corpora.emotioncot import speaker_of
from training.corpora.labels import TABLES
from training.corpora.records import hashed_split


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def table(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def crema(root: Path) -> None:
    touch(root, *(f"AudioWAV/{actor}_IEO_SAD_HI.wav" for actor in (1001, 1002, 1049, 1091)))
    rows = [{"ActorID": a, "Age": 30, "Sex": "Female"} for a in (1001, 1002, 1049, 1091)]
    table(root / "VideoDemographics.csv", rows)


def ravdess(root: Path) -> None:
    touch(root, "Actor_01/03-01-02-01-01-01-01.wav", "Actor_02/03-01-08-01-02-02-02.wav", "Actor_02/03-02-03-01-02-02-02.wav")


def iemocap(root: Path) -> None:
    for session in range(1, 6):
        name = f"Ses0{session}F_impro01"
        base = root / f"Session{session}"
        labels = (
            "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
            f"[6.2901 - 8.2357]\t{name}_F000\tneu\t[2.5000, 2.5000, 2.5000]\nC-E2:\tNeutral;\t()\n\n"
            f"[10.0100 - 11.3925]\t{name}_M003\texc\t[2.5000, 2.5000, 2.5000]\nC-E2:\tExcited;\t()\n\n"
            f"[12.0100 - 13.3925]\t{name}_M004\txxx\t[2.5000, 2.5000, 2.5000]\n\n"
        )
        touch(base, *(f"sentences/wav/{name}/{name}_{turn}.wav" for turn in ("F000", "M003", "M004")))
        for folder, text in (("EmoEvaluation", labels), ("transcriptions", f"{name}_M003 [010.0100-011.3925]: Excuse me: yes.\n")):
            (base / "dialog" / folder).mkdir(parents=True)
            (base / "dialog" / folder / f"{name}.txt").write_text(text)
        (base / "dialog" / "EmoEvaluation" / f"._{name}.txt").write_bytes(b"\0\xff")  # what macOS leaves in the archive


def meld(root: Path) -> None:
    folders = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
    for split, folder in folders.items():  # the same people in all three, as in the release
        people = ["Joey", "Phoebe", "Ross", "Dr. Green", "Joey and Ross"]
        rows = [{"Sr No.": i, "Utterance": "It\x92s me", "Speaker": who, "Emotion": ("joy", "anger")[i % 2], "Sentiment": "x",
                 "Dialogue_ID": 0, "Utterance_ID": i} for i, who in enumerate(people)]  # fmt: skip
        rows.append({**rows[0], "Utterance_ID": 7})  # no sound file
        table(root / f"{split}_sent_emo.csv", rows)
        touch(root, *(f"{folder}/dia0_utt{i}.{'wav' if split == 'dev' else 'mp4'}" for i in range(5)))


def msp(root: Path) -> None:
    rows = [("0001_0001", "A", "7", "Train"), ("0001_0002", "X", "7", "Train"), ("0002_0001", "U", "8", "Development"),
            ("0003_0001", "C", "9", "Test1"), ("0003_0002", "H", "9", "Train"), ("0004_0001", "S", "Unknown", "Train"),
            ("0005_0001", "O", "11", "Train")]  # fmt: skip
    table(root / "Labels" / "labels_consensus.csv",
          [{"FileName": f"MSP-PODCAST_{n}.wav", "EmoClass": e, "EmoAct": 3, "SpkrID": s, "Gender": "Female", "Split_Set": p}
           for n, e, s, p in rows])  # fmt: skip
    touch(root, *(f"Audios/MSP-PODCAST_{n}.wav" for n, *_ in rows))
    (root / "Transcripts").mkdir()
    (root / "Transcripts" / "MSP-PODCAST_0001_0001.txt").write_text("I never said that.\n")


def expresso(root: Path) -> None:
    touch(root, *(f"audio_48khz/read/{s}/confused/base/{s}_confused_00001.wav" for s in ("ex01", "ex02", "ex03", "ex04")),
          "audio_48khz/read/ex01/default/base/ex01_default_emphasis_00010.wav",
          "audio_48khz/read/ex01/default/longform/ex01_default_longform_00001.wav",
          "audio_48khz/conversational/ex04-ex01/laughing/ex04-ex01_laughing_001.wav")  # fmt: skip
    (root / "read_transcriptions.txt").write_text("ex01_confused_00001\tWhat?\nex01_default_emphasis_00010\tI *never* said so.\n")


def mead(root: Path) -> None:
    people = ["M003", "M005", "M011", "M013", "M019", "M030", "W009", "W014", "W016", "W021", "W029", "W036"]
    touch(root, *(f"{p}/audio/{e}/level_1/001.m4a" for p in people for e in ("angry", "contempt")))
    touch(root, "M003/video/front/angry/level_1/001.mp4")


def ears(root: Path) -> None:
    people = ("p001", "p099", "p100", "p101", "p102", "p107")
    kinds = ("emo_anger_sentences", "emo_extasy_freeform", "rainbow_01_whisper", "rainbow_01_loud", "vegetative_eating")
    touch(root, *(f"{p}/{kind}.wav" for p in people for kind in kinds))
    (root / "speaker_statistics.json").write_text(json.dumps({p: {"gender": "male", "age": "36-45"} for p in people[:2]}))
    (root / "transcripts.json").write_text(json.dumps({"emo_anger_sentences": "I'm so mad."}))


def savee(root: Path) -> None:
    touch(root, *(f"AudioData/{s}/{name}.wav" for s in ("DC", "JE", "JK", "KL") for name in ("a01", "sa15", "su02")), "Info.wav")


def savee_flat(root: Path) -> None:
    touch(root, *(f"{s}_{name}.wav" for s in ("DC", "JE", "JK", "KL") for name in ("a01", "sa15", "su02")))


def tess(root: Path) -> None:
    touch(root, "OAF_angry/OAF_back_angry.wav", "OAF_Pleasant_surprise/OAF_dog_ps.wav", "YAF_sad/YAF_bite_sad.wav",
          "OAF_neutral/OA_bite_neutral.wav")  # fmt: skip


def emodb(root: Path) -> None:
    touch(root, *(f"wav/{number}a01{letter}{v}.wav" for number in EMODB_SPEAKERS for letter, v in (("W", "a"), ("L", "b"))))


def emotioncot(root: Path) -> None:
    rows = [
        {"audio_path": "IEMOCAP/Ses05F_impro01_M003.wav", "text": "Excuse me.", "gt": "happy", "gender_new": "Male",
         "cot_analysis": "A man …"},
        {"audio_path": "IEMOCAP/Ses01F_impro01_F000.wav", "transcription": "Hi.", "emotion": "anger"},
        {"audio_path": "EARS/p101/emo_disgust_sentences.wav", "transcription": "Yuck.", "emotion": "contempt or disgust"},
        {"audio_path": "Expresso/ex03_whisper_00001.wav", "transcription": "Psst.", "emotion": "whisper"},
        {"audio_path": "MEAD/M003/audio/angry/level_1/001.m4a", "transcription": "No.", "emotion": "angry"},
        {"audio_path": "MELD/dia0_utt0.wav", "transcription": "Hey.", "emotion": "neutral", "dataset": "MELD", "speaker": "Joey"},
        {"audio_path": "MELD/dia0_utt1.wav", "transcription": "Hey.", "emotion": "neutral", "dataset": "MELD"},
    ]  # fmt: skip
    touch(root, *(row["audio_path"] for row in rows))
    (root / "emotioncot.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


BUILDERS: dict[str, tuple[str, Callable[[Path], None], set[str]]] = {  # name -> corpus, folder, the splits that it has
    "crema-d": ("crema-d", crema, {"train", "dev", "test"}),
    "ravdess": ("ravdess", ravdess, {"eval-only"}),
    "iemocap": ("iemocap", iemocap, {"train", "dev", "test"}),
    "meld": ("meld", meld, {"train", "dev", "test"}),
    "msp-podcast": ("msp-podcast", msp, {"train", "dev", "test"}),
    "expresso": ("expresso", expresso, {"train", "dev", "test"}),
    "mead": ("mead", mead, {"train", "dev", "test"}),
    "ears": ("ears", ears, {"train", "dev", "test"}),
    "savee": ("savee", savee, {"train", "dev", "test"}),
    "savee, one folder": ("savee", savee_flat, {"train", "dev", "test"}),
    "tess": ("tess", tess, {"train", "dev"}),
    "emodb": ("emodb", emodb, {"train", "dev", "test"}),
    "emotioncot": ("emotioncot", emotioncot, {"train", "dev", "test"}),
}


@pytest.fixture(params=list(BUILDERS))
def built(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, set[str]]:
    corpus, build, splits = BUILDERS[request.param]
    build(tmp_path)
    return corpus, tmp_path, splits


def by_name(corpus: str, root: Path) -> dict[str, CorpusClip]:
    return {str(Path(clip.audio_path).relative_to(root)): clip for clip in read_corpus(corpus, root)}


def test_no_speaker_is_on_two_sides(built: tuple[str, Path, set[str]]) -> None:
    corpus, root, splits = built
    clips = read_corpus(corpus, root)
    assert shared_speakers(clips) == set()
    assert {clip.split for clip in clips} == splits
    for clip in clips:
        assert Path(clip.audio_path).is_file() and clip.usable and clip.emotion
        assert clip.label is None or clip.label in PUBLISHED_LABELS
        assert [c.speaker for c in read_corpus(corpus, root, clip.split)].count(clip.speaker)
        if clip.split != "train":
            others = {c.speaker for c in clips if c.split != clip.split}
            assert clip.speaker not in others


def test_every_speaker_of_the_fixed_tables_has_one_side() -> None:
    assert {split for _, split in EXPRESSO_SPEAKERS.values()} == {"train", "dev", "test"} == set(SAVEE_SPLITS.values())
    assert len(EMODB_SPEAKERS) == 10 and len(TESS_SPEAKERS) == 2
    ears_sides = [ears_split(f"p{n:03d}") for n in range(1, 108)]
    assert [ears_sides.count(split) for split in ("train", "dev", "test")] == [99, 2, 6]
    # Whoever wears the markers, the letter before the number speaks.
    for session in "12345":
        assert iemocap_speaker(f"Ses0{session}F_script01_1_M000b"[:-1]) == iemocap_speaker(f"Ses0{session}M_impro02_M001")


def test_shared_speakers_are_found_and_parted() -> None:
    def clip(path: str, split: str) -> CorpusClip:
        return CorpusClip(path, None, "sad", "x", "anna", None, None, split, None)

    clips = [clip("a", "train"), clip("b", "dev"), clip("c", "test")]
    assert shared_speakers(clips) == {"anna"}
    parted = keep_apart(clips)
    assert [(c.usable, c.note) for c in parted] == [
        (False, "the speaker is also in test"), (False, "the speaker is also in test"), (True, "")]  # fmt: skip


@pytest.mark.parametrize("corpus", list(TABLES))
def test_label_tables_name_one_of_the_nine_or_none(corpus: str) -> None:
    for code, (word, label) in TABLES[corpus].items():
        assert word and word == word.lower(), code
        assert label is None or label in PUBLISHED_LABELS


def test_ravdess_stays_evaluation_only(tmp_path: Path) -> None:
    ravdess(tmp_path)
    clips = read_corpus("ravdess", tmp_path)
    assert [(c.emotion, c.label) for c in clips] == [("calm", None), ("surprise", "surprise")]
    with pytest.raises(CorpusError, match="RAVDESS"):
        require_trainable(clips)


def test_iemocap_turns(tmp_path: Path) -> None:
    iemocap(tmp_path)
    clips = by_name("iemocap", tmp_path)
    assert len(clips) == 10  # the turns without agreement are left out
    excited = clips["Session4/sentences/wav/Ses04F_impro01/Ses04F_impro01_M003.wav"]
    assert (excited.speaker, excited.sex, excited.split) == ("iemocap_Ses04M", "male", "dev")
    assert (excited.emotion, excited.label, excited.transcription) == ("excited", "happy", "Excuse me: yes.")
    assert sum(c.note == "the raters did not agree" for c in read_all("iemocap", tmp_path)) == 5


def test_meld_is_split_by_speaker_and_keeps_its_own_split(tmp_path: Path) -> None:
    meld(tmp_path)
    clips = read_corpus("meld", tmp_path)
    joey = [c for c in clips if c.speaker == "meld_joey"]
    assert {c.split for c in joey} == {"test"} and {c.official_split for c in joey} == {"train", "dev", "test"}
    assert joey[0].transcription == "It’s me" and (joey[0].emotion, joey[0].label) == ("happy", "happy")
    assert {c.speaker for c in clips if c.sex is None} == {"meld_dr-green"}
    notes = [c.note for c in read_all("meld", tmp_path) if not c.usable]
    assert sorted(set(notes)) == ["several people speak", "the sound file is missing"] and len(notes) == 6
    assert meld_speaker("All") is None and meld_speaker("Ross & Rachel") is None and meld_speaker("Andy") is not None


def test_msp_podcast_leaves_out_who_is_unknown_or_on_two_sides(tmp_path: Path) -> None:
    msp(tmp_path)
    clips = by_name("msp-podcast", tmp_path)
    angry = clips["Audios/MSP-PODCAST_0001_0001.wav"]
    assert (angry.speaker, angry.split, angry.sex, angry.transcription) == ("msp_7", "train", "female", "I never said that.")
    assert clips["Audios/MSP-PODCAST_0003_0001.wav"].label == "contempt or disgust"
    assert clips["Audios/MSP-PODCAST_0005_0001.wav"].label is None
    notes = {Path(c.audio_path).stem[-9:]: c.note for c in read_all("msp-podcast", tmp_path) if not c.usable}
    assert notes == {"0001_0002": "the raters did not agree", "0003_0002": "the speaker is also in test",
                     "0004_0001": "the speaker is unknown"}  # fmt: skip


def test_acted_corpora_by_their_names(tmp_path: Path) -> None:
    for build in (expresso, mead, ears, savee, tess, emodb):
        (tmp_path / build.__name__).mkdir()
        build(tmp_path / build.__name__)
    clips = by_name("expresso", tmp_path / "expresso")
    assert len(clips) == 6  # the dialogue of two speakers is not among them
    assert clips["audio_48khz/read/ex01/confused/base/ex01_confused_00001.wav"].transcription == "What?"
    emphasis = clips["audio_48khz/read/ex01/default/base/ex01_default_emphasis_00010.wav"]
    assert (emphasis.transcription, emphasis.label) == ("I never said so.", "neutral")
    clips = by_name("mead", tmp_path / "mead")
    assert len(clips) == 24 and clips["W009/audio/contempt/level_1/001.m4a"].sex == "female"
    assert clips["M003/audio/contempt/level_1/001.m4a"].label == "contempt or disgust"
    clips = by_name("ears", tmp_path / "ears")
    assert len(clips) == 18  # neither the loud reading nor the eating
    anger = clips["p001/emo_anger_sentences.wav"]
    assert (anger.transcription, anger.sex) == ("I'm so mad.", "male")
    assert clips["p001/emo_extasy_freeform.wav"].label is None and clips["p102/rainbow_01_whisper.wav"].label == "whisper"
    clips = by_name("savee", tmp_path / "savee")
    assert [c.emotion for name, c in sorted(clips.items()) if "/KL/" in name] == ["angry", "sad", "surprise"]
    clips = by_name("tess", tmp_path / "tess")
    assert clips["OAF_neutral/OA_bite_neutral.wav"].speaker == "tess_OAF"
    assert clips["OAF_Pleasant_surprise/OAF_dog_ps.wav"].emotion == "surprise"
    assert clips["YAF_sad/YAF_bite_sad.wav"].transcription == "Say the word bite."
    clips = by_name("emodb", tmp_path / "emodb")
    assert len(clips) == 20 and clips["wav/03a01Wa.wav"].language == "de" and clips["wav/03a01Lb.wav"].label is None
    assert clips["wav/16a01Wa.wav"].split == "test"


def test_emotioncot_has_the_sides_of_the_corpora_it_names(tmp_path: Path) -> None:
    emotioncot(tmp_path)
    clips = {Path(c.audio_path).name: c for c in read_corpus("emotioncot", tmp_path)}
    man = clips["Ses05F_impro01_M003.wav"]
    assert (man.dataset, man.speaker, man.split) == ("iemocap", "iemocap_Ses05M", "test")
    assert (man.emotion, man.explanation, man.sex, man.transcription) == ("happy", "A man …", "male", "Excuse me.")
    assert clips["Ses01F_impro01_F000.wav"].label == "angry"
    assert clips["dia0_utt0.wav"].split == meld_speaker("Joey")[2]
    assert "dia0_utt1.wav" not in clips  # nothing says who speaks
    assert read_corpus("emotioncot", tmp_path / "emotioncot.jsonl") == read_corpus("emotioncot", tmp_path)
    (tmp_path / "emotioncot.jsonl").write_text("[]\n")
    with pytest.raises(CorpusError, match="Line 1"):
        read_corpus("emotioncot", tmp_path)


@pytest.mark.parametrize(("row", "path", "found"), [
    ({"dataset": "crema-d", "speaker": "1049"}, "a.wav", ("crema-d", "crema_1049", None, "dev")),
    ({"dataset": "CREMA_D", "speaker": "crema_1049"}, "a.wav", ("crema-d", "crema_1049", None, "dev")),
    ({"dataset": "my mix", "speaker": "1049"}, "wav/1049_IEO_SAD_HI.wav", ("crema-d", "crema_1049", None, "dev")),
    ({"dataset": "SAVEE", "speaker": "KL"}, "a.wav", ("savee", "savee_KL", "male", "test")),
    ({}, "JK_sa01.wav", ("savee", "savee_JK", "male", "dev")),
    ({"dataset": "tess", "speaker": "OA"}, "a.wav", ("tess", "tess_OAF", "female", "dev")),
    ({"dataset": "Emo-DB", "speaker": "16"}, "a.wav", ("emodb", "emodb_16", "female", "test")),
    ({"dataset": "emodb", "speaker": "3"}, "a.wav", ("emodb", "emodb_03", "male", "train")),
    ({"dataset": "ravdess", "speaker": "Actor_02"}, "a.wav", ("ravdess", "ravdess_02", "female", "eval-only")),
    ({"dataset": "x", "speaker": "y"}, "03-01-02-01-01-01-01.wav", ("ravdess", "ravdess_01", "male", "eval-only")),
    ({"dataset": "iemocap", "speaker": "Ses05M"}, "a.wav", ("iemocap", "iemocap_Ses05M", "male", "test")),
    ({"dataset": "expresso", "speaker": "ex03"}, "a.wav", ("expresso", "expresso_ex03", "male", "dev")),
    ({"dataset": "crema-d", "speaker": "2001"}, "a.wav", None),
    ({"dataset": "savee", "speaker": "anna"}, "a.wav", None),
    ({"dataset": "my own", "speaker": "anna"}, "a.wav", ("my own", "my own_anna", None, hashed_split("my own_anna"))),
])  # fmt: skip
def test_a_line_of_emotioncot_has_its_corpus_own_speaker_and_side(row: dict, path: str, found: tuple | None) -> None:
    assert speaker_of(row, Path(path)) == found


def test_the_names_of_clips_in_emotioncot_are_those_that_the_readers_find(tmp_path: Path) -> None:
    """The same recording, read by its corpus' reader and by its name alone."""
    for build in (crema, ravdess, expresso, mead, ears, savee, tess, emodb, iemocap):
        root = tmp_path / build.__name__
        root.mkdir()
        build(root)
        clips = read_corpus({"crema": "crema-d"}.get(build.__name__, build.__name__), root)
        for clip in clips:
            named = speaker_of({"dataset": clip.dataset, "speaker": clip.speaker}, Path(clip.audio_path))
            assert named is not None and (named[0], named[1], named[3]) == (clip.dataset, clip.speaker, clip.split)
            again = speaker_of({"dataset": clip.dataset, "speaker": clip.speaker}, Path("renamed.wav"))
            assert again == named, clip


def test_a_broken_table_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meld(tmp_path)
    (tmp_path / "dev_sent_emo.csv").write_bytes(b"Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID\n\xff\xfe,Joey,joy,0,0\n")
    argv = ["--corpus", "meld", "--root", str(tmp_path), "--output_path", str(tmp_path / "out.jsonl")]
    assert main(argv) == 2 and "not as meld was released" in capsys.readouterr().err
    (tmp_path / "dev_sent_emo.csv").write_text("Utterance,Speaker\nHi,Joey\n")
    assert main(argv) == 2 and "lacks the columns" in capsys.readouterr().err


def test_the_command_says_what_it_left_out_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    msp(tmp_path)
    out = tmp_path / "out.jsonl"
    assert main(["--corpus", "msp-podcast", "--root", str(tmp_path), "--output_path", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "4 clips written" in printed and "1 clips left out: the speaker is unknown" in printed
    assert main(["--corpus", "tess", "--root", str(tmp_path / "none"), "--output_path", str(out)]) == 2
    assert main(["--corpus", "tess", "--root", str(tmp_path), "--output_path", str(out)]) == 2
    assert "No tess clip was found" in capsys.readouterr().err
