"""The reply parser: never raises, and finds no label where an honest reply has none (these are reward hacks too)."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotionthinker.prompt import PUBLISHED_LABELS as LABELS
from emotionthinker.response import TAGS, ResponseParser, parse_response

GOOD = "<think> The voice is loud and high. </think><answer> angry </answer>"

# Strings made of what a reply is made of, so that most examples come close to being well formed.
fragments = st.sampled_from(
    [*TAGS, "<", "</", ">", "<thi", "nk>", " ", "\n", "angry", "happy", "a loud voice", "é", "\x00"]
)
replies = st.one_of(st.text(), st.lists(fragments | st.text(max_size=5), max_size=12).map("".join))
modes = st.sampled_from(["emotion", "describe"])


def feed_in_pieces(text: str, cuts: list[int], mode: str):
    parser = ResponseParser(LABELS, mode)
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    pieces = [piece for a, b in pairwise(edges) for piece in parser.feed(text[a:b])]
    pieces += parser.flush()
    return pieces, parser.finish()


@given(text=replies, cuts=st.lists(st.integers(0, 200), max_size=20), mode=modes)
def test_the_cut_of_the_pieces_changes_nothing(text, cuts, mode):
    pieces, result = feed_in_pieces(text, cuts, mode)
    assert result == parse_response(text, LABELS, mode)
    assert "".join(piece for section, piece in pieces if section == "think") == result.reasoning
    assert "".join(piece for section, piece in pieces if section == "answer") == result.answer
    if result.well_formed:
        assert not any(tag in result.reasoning + "|" + result.answer for tag in TAGS)


@given(text=replies)
def test_check_04_a_label_means_exactly_one_complete_reply(text):
    result = parse_response(text, LABELS)
    if result.emotion is None:
        return
    assert result.well_formed
    assert all(text.count(tag) == 1 for tag in TAGS)
    assert text.strip().startswith("<think>")
    assert text.strip().endswith("</answer>")
    assert result.emotion in LABELS


@settings(max_examples=30)
@given(text=replies)
def test_check_04_every_prefix_is_survived(text):
    for end in range(len(text) + 1):
        parse_response(text[:end], LABELS)


def test_check_04_only_the_whole_reply_has_a_label():
    assert parse_response(GOOD, LABELS).emotion == "angry"
    for end in range(len(GOOD)):
        assert parse_response(GOOD[:end], LABELS).emotion is None, GOOD[:end]


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("<think>x</think><answer>angry</answer>", "angry"),
        ("\n<think>\nx\n</think>\n<answer>\nAngry.\n</answer>\n", "angry"),
        ("<think>x</think> <answer>anger</answer>", "angry"),
        ("<think>x</think><answer>disgust</answer>", "contempt or disgust"),
        ("<think>5 < 6 and <b>x</b></think><answer>fear</answer>", "fear"),
    ],
)
def test_honest_replies(text, emotion):
    assert parse_response(text, LABELS).emotion == emotion


@pytest.mark.parametrize(
    "text",
    [
        "",
        "angry",
        "<answer>angry</answer>",
        "<think>x</think>angry",
        "<think>x</think><answer>",
        "<think>x</think><answer>angry",
        "<think>x</think><answer>angry</answer",
        "<think>x</think><answer></answer>",
        "<think>x</think><answer> \n </answer>",
        "<think></think><answer>angry</answer>",
        "<think>x<answer>angry</answer></think>",
        "<think>x <answer>angry</answer></think><answer>sad</answer>",
        "<think>angry</think><answer>I cannot say</answer>",
        "<think>x</think><answer>angry, sad</answer>",
        "<think>x</think><answer>" + ", ".join(LABELS) + "</answer>",
        "<think>x</think><answer>angry or sad</answer>",
        "<think>x</think><answer>not angry</answer>",
        "<think>x</think><answer>angry</answer><answer>sad</answer>",
        "<think>x</think><answer>angry</answer><answer>angry</answer>",
        "<think>x</think><think>y</think><answer>angry</answer>",
        "<think><think>x</think></think><answer>angry</answer>",
        "<think>x</think><answer><answer>angry</answer></answer>",
        "<answer>angry</answer><think>x</think>",
        "Sure! <think>x</think><answer>angry</answer>",
        "<think>x</think> so <answer>angry</answer>",
        "<think>x</think><answer>angry</answer> or sad",
        "<think>x</think><answer>angry</answer><",
        "<Think>x</Think><Answer>angry</Answer>",
        "<think >x</think ><answer >angry</answer >",
        "&lt;think&gt;x&lt;/think&gt;&lt;answer&gt;angry&lt;/answer&gt;",
        "<think>x</think><answer>\u202eangry</answer>",
    ],
)
def test_check_04_dishonest_or_broken_replies_have_no_label(text):
    result = parse_response(text, LABELS)
    assert result.emotion is None
    # A well-formed reply may still name no label, and then says so in its answer.
    assert not result.well_formed or result.answer


def test_text_streams_before_its_section_ends():
    parser = ResponseParser(LABELS)
    assert parser.feed("<think> The voice") == [("think", "The voice")]
    assert parser.feed(" is loud. </thi") == [("think", " is loud.")]
    assert parser.feed("nk><answer> an") == [("answer", "an")]
    assert parser.feed("gry </answer>") == [("answer", "gry")]


@pytest.mark.parametrize(
    ("text", "answer", "well_formed"),
    [
        ("<answer> A man speaks fast. </answer>", "A man speaks fast.", True),
        ("<think>listen</think><answer>A man.</answer>", "A man.", True),
        ("A man speaks fast.", "A man speaks fast.", False),
        ("<answer>angry</answer>", "angry", True),
    ],
)
def test_a_caption_needs_no_reasoning_and_has_no_label(text, answer, well_formed):
    result = parse_response(text, LABELS, mode="describe")
    assert (result.answer, result.emotion, result.well_formed) == (answer, None, well_formed)
