"""A local thinker on a tiny model in both layouts: load, reply, stream, cancel, two users at once, label scores."""

from __future__ import annotations

import json
import shutil
import threading

import pytest
import torch
from safetensors.torch import load_file, save_file

from emotionthinker.errors import EmotionThinkerError, ModelError, ModelNotFound
from emotionthinker.events import AnswerPiece, AnswerReady, ClaimsReady, Finished, ProsodyReady, ReasoningPiece
from emotionthinker.pipeline import ReplyOptions
from emotionthinker.prompt import PUBLISHED_LABELS, messages
from emotionthinker.thinker import EmotionThinker, _gumbel_sampler, answer_candidates
from tests.conftest import TAUGHT_LABELS, TAUGHT_REPLY, make_record, make_tokenizer, synthetic_voice

REASONING = "The voice is loud. The pace is fast."


@pytest.fixture(scope="module")
def thinker(tiny_omni_folder):
    return EmotionThinker.from_pretrained(tiny_omni_folder)


def reply_text(thinker, voice, cancel=None, **options) -> str:
    chat = messages(thinker.style, thinker.style.labels)
    options = {"max_new_tokens": 60, **options}
    return "".join(thinker._reply(voice, chat, ReplyOptions(**options), cancel or threading.Event()))


def test_the_events_of_an_explanation(thinker, record, voice):
    events = list(thinker.stream((voice, 16_000), prosody=record))
    assert isinstance(events[0], ProsodyReady) and events[0].prosody is record
    assert "".join(e.text for e in events if isinstance(e, ReasoningPiece)) == REASONING
    assert "".join(e.text for e in events if isinstance(e, AnswerPiece)) == "angry"
    assert isinstance(events[-2], AnswerReady) and isinstance(events[-1], Finished)
    result = events[-1].explanation
    assert (result.emotion, result.reasoning, result.well_formed) == ("angry", REASONING, True)
    assert (result.raw, result.model) == (TAUGHT_REPLY.format(label="angry"), "Tiny")
    assert result.warnings == []
    assert result.span_s == pytest.approx((0.15, 1.45))


def test_claims_come_while_the_reply_is_written(thinker, record, voice):
    events = list(thinker.stream((voice, 16_000), prosody=record))
    kinds = [type(event) for event in events]
    assert kinds.index(ClaimsReady) < len(kinds) - 1 - kinds[::-1].index(ReasoningPiece)
    result = events[-1].explanation
    assert {claim.attribute: claim.verdict for claim in result.claims} == {
        "energy_level": "supported",
        "speed_level": "supported",
    }
    for claim in result.claims:
        assert result.reasoning[claim.start_char : claim.end_char] == claim.text


def test_the_json_of_an_explanation(thinker, record, voice):
    printed = json.loads(json.dumps(thinker.explain((voice, 16_000), prosody=record).to_dict(), allow_nan=False))
    assert set(record.to_dict()) <= set(printed)
    assert printed["emotion"] == "angry"
    assert printed["claims"][0].keys() >= {"text", "start_char", "end_char", "attribute", "stated", "measured", "verdict"}
    assert printed["span_s"] == [0.15, 1.45]


def test_a_model_that_was_not_taught_to_answer_at_once_has_no_first_impression(thinker, record, voice):
    assert thinker.style.quick_question is None
    assert thinker.explain((voice, 16_000), prosody=record).first_impression == {}


# --- label scores ---------------------------------------------------------------------------------------------------


def test_label_scores_are_the_models_own_probabilities(thinker, record, voice):
    scores = thinker.explain((voice, 16_000), prosody=record).label_scores
    assert list(scores) == list(thinker.style.labels)
    assert sum(scores.values()) == pytest.approx(1)
    for label in scores:  # one label is written in one token, another in many
        assert scores[label] == pytest.approx(TAUGHT_LABELS.get(label, 0.0), abs=0.03)


def test_label_scores_equal_a_plain_forward_pass(thinker, voice):
    labels, tokenizer = thinker.style.labels, thinker.processor.tokenizer
    chat = messages(thinker.style, labels)
    reply = thinker._reply(voice, chat, ReplyOptions(60), threading.Event())
    list(reply)
    scores = reply.label_scores(labels)
    log_p = []
    for label in labels:
        ids = tokenizer.encode(TAUGHT_REPLY.format(label=label), add_special_tokens=False)
        inputs = dict(thinker._reply(voice, chat, ReplyOptions(1), threading.Event())._inputs)
        inputs["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([ids])], 1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        with torch.no_grad():
            logits = thinker.model(**inputs).logits[0, -len(ids) - 1 : -1].log_softmax(-1)
        log_p.append(logits[range(len(ids)), ids].sum())
    expected = torch.stack(log_p).softmax(0)
    assert list(scores.values()) == pytest.approx(expected.tolist(), abs=1e-4)


def test_a_reply_without_an_answer_has_no_scores(thinker, record, voice):
    result = thinker.explain((voice, 16_000), prosody=record, max_new_tokens=4)
    assert (result.emotion, result.label_scores) == (None, {})
    assert "limit of 4 tokens" in result.warnings[-1]


@pytest.mark.parametrize(
    "reply",
    [
        "<think> é 語 x </think><answer> angry </answer>",
        "<think>x</think><answer>angry</answer>",
        "<think>x</think><answer>\nangry\n</answer>",
        "<think>x</think><answer>",
        "<think>x</think><answer> ang",
    ],
)
def test_label_candidates_continue_the_reply_in_its_own_form(reply):
    tokenizer = make_tokenizer()
    ids = tokenizer.encode(reply, add_special_tokens=False)
    kept, candidates = answer_candidates(tokenizer, ids, ["angry", "sad"])
    angry, sad = (tokenizer.decode(ids[:kept] + candidate) for candidate in candidates)
    whole = reply if reply.endswith("</answer>") else "<think>x</think><answer> angry </answer>"
    assert angry == whole
    assert sad == whole.replace("angry", "sad")


def test_no_candidates_without_an_answer_tag():
    tokenizer = make_tokenizer()
    assert answer_candidates(tokenizer, tokenizer.encode("<think> angry"), ["angry", "sad"]) is None


# --- options --------------------------------------------------------------------------------------------------------


def test_a_part_of_the_labels(thinker, record, voice):
    result = thinker.explain((voice, 16_000), prosody=record, labels=["sadness", "angry"])
    assert result.labels == ("sad", "angry")
    assert set(result.label_scores) == {"sad", "angry"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"labels": ["angry", "bored"]}, "'bored' are not known to this model; choose from neutral"),
        ({"mode": "rate"}, "must be one of emotion, describe"),
        ({"max_new_tokens": -1}, "1 to 4096 are allowed"),
        ({"max_new_tokens": 5000}, "1 to 4096 are allowed"),
        ({"temperature": -0.1}, "0 \\(no sampling\\) to 2 is allowed"),
        ({"temperature": float("nan")}, "0 \\(no sampling\\) to 2 is allowed"),
        ({"seed": -1}, "a whole number from 0"),
    ],
)
def test_wrong_options_are_refused_before_anything_runs(thinker, voice, options, sentence):
    with pytest.raises(EmotionThinkerError, match=sentence):
        thinker.stream((voice, 16_000), **options)


def test_describe_gives_a_caption_and_no_label(thinker, record, voice):
    result = thinker.explain((voice, 16_000), prosody=record, mode="describe", max_new_tokens=30)
    assert (result.mode, result.emotion, result.label_scores) == ("describe", None, {})


def test_a_free_question_reaches_the_model(thinker, voice):
    chat = messages(thinker.style, thinker.style.labels, question="How fast is it?")
    inputs = thinker._reply(voice, chat, ReplyOptions(1), threading.Event())._inputs
    assert "How fast is it?" in thinker.processor.decode(inputs["input_ids"][0])


def test_sampling_is_repeatable_by_its_seed(thinker, voice):
    def sample(seed):
        return reply_text(thinker, voice, temperature=1.5, seed=seed)

    replies = [sample(seed) for seed in range(3)]
    assert replies == [sample(seed) for seed in range(3)]
    assert len(set(replies)) > 1
    assert reply_text(thinker, voice) == reply_text(thinker, voice, seed=3) == TAUGHT_REPLY.format(label="angry")


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_sampling_follows_the_models_probabilities(temperature):
    scores = torch.tensor([2.0, 1.0, 0.0, float("-inf")]).log_softmax(-1)
    noisy = _gumbel_sampler(temperature, seed=0)(None, scores.repeat(20_000, 1))
    shares = torch.bincount(noisy.argmax(-1), minlength=4) / 20_000
    torch.testing.assert_close(shares, (scores / temperature).softmax(-1), atol=0.015, rtol=0)


def test_media_tokens_are_never_written(thinker, voice):
    lm_head = thinker.model.get_output_embeddings()
    audio_id = thinker.processor.audio_token_id

    def prefer_audio_token(module, args, logits):
        logits[..., audio_id] = 1e4
        return logits

    hook = lm_head.register_forward_hook(prefer_audio_token)
    try:
        assert reply_text(thinker, voice) == TAUGHT_REPLY.format(label="angry")
    finally:
        hook.remove()


# --- what the model hears -------------------------------------------------------------------------------------------


def test_check_02_a_long_clip_is_cut_and_says_so(thinker):
    voice = synthetic_voice(14.0)  # the tiny model hears 10 s
    words = [{"word": "one", "start": 1.0, "end": 1.5, "stressed": False, "prominence": 0.1}]
    words += [{"word": "two", "start": 12.0, "end": 12.5, "stressed": False, "prominence": 0.1}]
    record = make_record([[0.5, 5.0], [6.0, 13.5]], 14.0, words=words, transcription="One, two.")
    result = thinker.explain((voice, 16_000), prosody=record)
    start, end = result.span_s
    assert end - start == pytest.approx(10)
    assert "left out" in result.warnings[-1] and f"{start:.1f} s to {end:.1f} s" in result.warnings[-1]


def test_without_speech_the_model_is_not_asked(thinker, voice):
    events = list(thinker.stream((voice, 16_000), prosody=make_record([], 1.5)))
    result = events[-1].explanation
    assert (result.emotion, result.raw, result.label_scores) == (None, "", {})
    assert "No speech was found" in result.warnings[-1]


# --- cancelling and several users -----------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["event", "close"])
def test_check_11_cancelling_frees_the_model(thinker, record, voice, how):
    cancel = threading.Event()
    # At this temperature it writes noise until the limit of 4,096 tokens, unless it is stopped.
    stream = thinker.stream(
        (voice, 16_000), prosody=record, temperature=2.0, seed=1, max_new_tokens=4096, cancel=cancel,
        question="Say anything",
    )  # fmt: skip
    for event in stream:
        if isinstance(event, ReasoningPiece | AnswerPiece):
            break
    if how == "event":
        cancel.set()
        rest = list(stream)
        assert isinstance(rest[-1], Finished)
        assert rest[-1].explanation.warnings == ["The reply was stopped before it was complete."]
        assert rest[-1].explanation.label_scores == {}
    else:
        stream.close()
    # Uncancelled it would hold the model for a minute.
    assert thinker.lock.acquire(timeout=1)
    thinker.lock.release()


def test_one_who_waits_for_the_model_can_cancel(thinker, record, voice):
    cancel = threading.Event()
    with thinker.lock:  # somebody else's reply
        threading.Timer(0.3, cancel.set).start()
        result = thinker.explain((voice, 16_000), prosody=record, cancel=cancel)
    assert result.warnings == ["The reply was stopped before it was complete."]


def test_check_11_two_users_do_not_hear_each_other(thinker):
    """Different clips, seeds and lengths at once give what they give one after the other."""
    jobs = [(synthetic_voice(0.5 + 0.4 * i, 100 + 30 * i, seed=i), 10 + i) for i in range(4)]

    def run(job):
        voice, seed = job
        return reply_text(thinker, voice, temperature=1.7, seed=seed)

    alone = [run(job) for job in jobs]
    together = [""] * len(jobs)

    def work(i):
        together[i] = run(jobs[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert together == alone
    assert len(set(alone)) == len(alone)


def test_a_failure_while_writing_is_one_sentence_and_frees_the_model(thinker, record, voice):
    def fail(*args, **kwargs):
        raise RuntimeError("out of memory")

    hook = thinker.model.get_output_embeddings().register_forward_pre_hook(fail)
    try:
        with pytest.raises(ModelError, match="failed while it wrote; try again") as failed:
            thinker.explain((voice, 16_000), prosody=record)
    finally:
        hook.remove()
    assert "out of memory" in failed.value.whole and "out of memory" not in str(failed.value)
    assert thinker.explain((voice, 16_000), prosody=record).emotion == "angry"


# --- loading --------------------------------------------------------------------------------------------------------


def test_the_published_layout_loads_through_the_same_lines(thinker, published_omni_folder, record, voice):
    published = EmotionThinker.from_pretrained(published_omni_folder)
    ours, theirs = thinker.model.state_dict(), published.model.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert published.style.labels == PUBLISHED_LABELS
    assert published.style.max_audio_s == 300
    events = list(published.stream((voice, 16_000), prosody=record, max_new_tokens=12))
    assert isinstance(events[-1], Finished)
    # Asked in the tiny model's own words it answers as that one does.
    chat = messages(thinker.style, thinker.style.labels)
    text = "".join(published._reply(voice, chat, ReplyOptions(60), threading.Event()))
    assert text == TAUGHT_REPLY.format(label="angry")


def test_half_precision_weights_run_in_float32_on_a_cpu(tiny_omni_folder, tmp_path, record, voice):
    folder = tmp_path / "half"
    shutil.copytree(tiny_omni_folder, folder)
    half = {name: value.half() for name, value in load_file(folder / "model.safetensors").items()}
    save_file(half, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "dtype": "float16"}))
    thinker = EmotionThinker.from_pretrained(folder, device="cpu")
    assert thinker.model.dtype == torch.float32
    assert thinker.explain((voice, 16_000), prosody=record).emotion == "angry"


def test_a_missing_folder_and_an_unreachable_id():
    with pytest.raises(ModelNotFound, match="no folder '/no/such/folder'"):
        EmotionThinker.from_pretrained("/no/such/folder")
    with pytest.raises(ModelNotFound, match="nobody/nothing cannot be loaded"):
        EmotionThinker.from_pretrained("nobody/nothing")


def broken_config(folder):
    (folder / "config.json").write_text("{")


def other_model(folder):
    (folder / "config.json").write_text('{"model_type": "bert"}')


def no_config(folder):
    (folder / "config.json").unlink()


def no_weights(folder):
    (folder / "model.safetensors").unlink()


def cut_weights(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])


def missing_tensor(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def pickled_weights(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def no_tokenizer(folder):
    (folder / "tokenizer.json").unlink()


FAULTS = [broken_config, other_model, no_config, no_weights, cut_weights, missing_tensor, pickled_weights, no_tokenizer]


@pytest.mark.parametrize("spoil", FAULTS)
def test_a_broken_folder_is_refused_with_a_sentence(tiny_omni_folder, tmp_path, spoil):
    folder = tmp_path / "broken"
    shutil.copytree(tiny_omni_folder, folder)
    spoil(folder)
    with pytest.raises(ModelNotFound) as caught:
        EmotionThinker.from_pretrained(folder)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what a machine without GPU answers")
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"load_in_4bit": True}, "needs an NVIDIA GPU"),
        ({"device": "cuda"}, "this machine has none"),
        ({"device": "tpu9"}, "must be cpu, cuda"),
        ({"dtype": "int3"}, "must be one of auto, float32"),
    ],
)
def test_what_this_machine_cannot_do_is_said(tiny_omni_folder, options, sentence):
    with pytest.raises(ModelError, match=sentence):
        EmotionThinker.from_pretrained(tiny_omni_folder, **options)
