"""What a rater's form holds, checked: as a draft (anything may be missing) and as a submission (nothing may).

A form arrives as JSON from a browser and is trusted in nothing. Of one explanation:

    {"scores": {dimension: 1..5}, "heard_emotion": text, "answer_right": "yes" | "no" | "unsure", "comment": text,
     "flags": ["bad_audio", ...], "marks": [[start_char, end_char, "supported" | "wrong" | "not checkable"], ...]}

Of a pair: `{"choices": {dimension: "left" | "right" | "tie" | "both bad"}, "comment": text, "flags": [...]}`.
"""

from __future__ import annotations

import json
from typing import Any

from annotate.errors import AnnotateError, NotComplete
from annotate.guide import SCALES
from annotate.records import DIMENSIONS, FLAGS, MARKS, UNSCORED_FLAGS, Item
from annotate.sentences import sentences

MAX_COMMENT = 2000  # characters
MAX_MARKS = 400
NAMES = {scale.name: scale.title for scale in SCALES}  # as the form calls them
SIDES = ("left", "right", "tie", "both bad")
ANSWER_RIGHT: dict[str, bool | None] = {"yes": True, "no": False, "unsure": None}


def single_answers(raw: Any, item: Item, emotions: tuple[str, ...]) -> dict[str, Any]:
    """The form of one explanation in its normal shape: every key there, unanswered ones None or empty.

    Raises AnnotateError for anything that the page would not send.
    """
    form = _form(raw, ("scores", "heard_emotion", "answer_right", "comment", "flags", "marks"))
    scores = _object(form.get("scores"), "scores")
    for name, score in scores.items():
        if name not in DIMENSIONS or (score is not None and (type(score) is not int or not 1 <= score <= 5)):
            raise AnnotateError("A score must be a whole number from 1 to 5, on one of the four scales.")
    heard = form.get("heard_emotion")
    if heard is not None and heard not in emotions:
        raise AnnotateError(f"The emotion heard must be one of {', '.join(emotions)}.")
    right = form.get("answer_right")
    if right is not None and right not in list(ANSWER_RIGHT):  # a list, as what came may not be hashable
        raise AnnotateError("Whether the answer is right must be yes, no or unsure.")
    spans = sentences(item.explanation)
    marks = form.get("marks") or []
    if not isinstance(marks, list) or len(marks) > MAX_MARKS:
        raise AnnotateError("The marks must be a list of [start, end, mark].")
    clean_marks: dict[tuple[int, int], str] = {}
    for mark in marks:
        known = isinstance(mark, list) and len(mark) == 3 and mark[2] in MARKS and (mark[0], mark[1]) in spans
        if not known:
            raise AnnotateError(f"A mark must name a sentence of the explanation and be one of {', '.join(MARKS)}.")
        clean_marks[int(mark[0]), int(mark[1])] = mark[2]
    return {
        "scores": {name: scores.get(name) for name in DIMENSIONS},
        "heard_emotion": heard,
        "answer_right": right,
        "comment": _comment(form),
        "flags": _flags(form),
        "marks": [[start, end, mark] for (start, end), mark in sorted(clean_marks.items())],
    }


def pair_answers(raw: Any) -> dict[str, Any]:
    """The form of a pair in its normal shape. Raises AnnotateError."""
    form = _form(raw, ("choices", "comment", "flags"))
    choices = _object(form.get("choices"), "choices")
    for name, choice in choices.items():
        if name not in DIMENSIONS or (choice is not None and choice not in SIDES):
            raise AnnotateError(f"A choice must be one of {', '.join(SIDES)}, on one of the four scales.")
    return {"choices": {name: choices.get(name) for name in DIMENSIONS}, "comment": _comment(form), "flags": _flags(form)}


def require_complete(answers: dict[str, Any], has_answer: bool) -> None:
    """Raises NotComplete with the sentence that says what is missing. With a flag that forbids judging, nothing is."""
    if set(answers["flags"]) & set(UNSCORED_FLAGS):
        return
    missing = [NAMES[name] for name, given in (answers.get("scores") or answers["choices"]).items() if given is None]
    if "scores" in answers:
        missing += ["the emotion you hear"] if answers["heard_emotion"] is None else []
        missing += ["whether the answer is right"] if has_answer and answers["answer_right"] is None else []
    if missing:
        raise NotComplete(f"Still missing: {', '.join(missing)}. Answer it, or flag the item if it cannot be judged.")


def normal_text(answers: dict[str, Any]) -> str:
    """The same answers give the same text, whatever order they came in."""
    return json.dumps(answers, ensure_ascii=False, allow_nan=False, sort_keys=True)


def storable(text: str) -> str:
    """A text without what no database keeps: halves of characters become "?", NUL goes."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")


def _form(raw: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    form = _object(raw, "form")
    if set(form) - set(keys):
        raise AnnotateError(f"The form holds something else than {', '.join(keys)}; reload the page.")
    return form


def _object(value: Any, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise AnnotateError(f"The {what} must be an object of names and values; reload the page.")
    return value


def _comment(form: dict[str, Any]) -> str:
    comment = form.get("comment") or ""
    if not isinstance(comment, str) or len(comment) > MAX_COMMENT:
        raise AnnotateError(f"The comment may have at most {MAX_COMMENT} characters; shorten it.")
    return storable(comment)


def _flags(form: dict[str, Any]) -> list[str]:
    flags = form.get("flags") or []
    if not isinstance(flags, list) or not all(isinstance(flag, str) and flag in FLAGS for flag in flags):
        raise AnnotateError(f"A flag must be one of {', '.join(FLAGS)}.")
    return sorted(set(flags))
