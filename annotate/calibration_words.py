"""What the figures mean, in sentences: under each plot, in its alternative text, and on the command line.

Everything here takes the plain JSON of the reports, so that a saved calibration reads as a fresh one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from annotate.calibration_map import apply_map
from annotate.guide import SCALES
from annotate.tables import DIMENSIONS, OVERALL

TITLES = {**{scale.name: scale.title for scale in SCALES}, OVERALL: "Overall, mean of the four"}  # as on the task page
ROWS = {
    "reward": "reward as it comes, against all raters",
    "corrected": "corrected, against all raters",
    "reward_on_others": "reward as it comes, against the others",
    "corrected_on_others": "corrected, against the others",
    "person": "one person as given, against the others",
    "person_corrected": "one person corrected, against the others",
}
FIGURES = {"spearman": "Spearman", "qwk": "weighted kappa", "mae": "mean error", "ece": "calibration error"}
assert list(TITLES) == [*DIMENSIONS, OVERALL]


def estimate(found: dict[str, Any], said: str = "") -> str:
    """An estimate in its JSON form: value and interval, or what is missing and why. said: a reason that stands elsewhere already.

    >>> estimate({"value": -0.5, "low": -0.58, "high": -0.41, "reason": ""})
    '−0.50 [−0.58, −0.41]'
    """
    if found["value"] is None:
        return f"undefined: {found['reason']}"
    value = number(found["value"])
    if found["low"] is None:
        return value if found["reason"] == said else f"{value} (no interval: {found['reason']})"
    return f"{value} [{number(found['low'])}, {number(found['high'])}]"


def shared_reason(estimates: Iterable[dict[str, Any]]) -> str:
    """The reason for which several estimates have no interval, where it is one and the same, to be said once; else nothing."""
    reasons = [found["reason"] for found in estimates if found["value"] is not None and found["low"] is None]
    return reasons[0] if len(reasons) > 1 and len(set(reasons)) == 1 else ""


def number(value: float, digits: int = 2) -> str:
    """A number for people: a real minus sign, and no minus before zero."""
    shown = f"{value:.{digits}f}"
    return shown.lstrip("-") if float(shown) == 0 else shown.replace("-", "−")


def meaning(part: dict[str, Any]) -> str:
    """What one dimension's calibration means, in two or three sentences."""
    if part["map"] is None:
        return part["reason"]
    figures = part["figures"]
    order = figures["reward"]["spearman"]
    if order["value"] is None:
        return f"Nothing can be said about the order: {order['reason']}"
    if order["value"] <= 0 or (order["low"] is not None and order["low"] <= 0):
        first = f"These ratings do not show that the reward model follows people at all (Spearman {estimate(order)})."
    else:
        first = _at_four(part["map"])
    return f"{first} {_against_a_person(figures)} {_error(figures)}"


def _at_four(found: dict[str, Any]) -> str:
    said = float(apply_map(found, [4.0])[0])
    off = 4.0 - said
    if abs(off) < 0.15:
        return f"Where the reward model says 4, people say about {number(said, 1)}: it needs no correction there."
    how = "generous" if off > 0 else "strict"
    return (f"Where the reward model says 4, people say about {number(said, 1)}: it is too {how} by {number(abs(off), 1)} points "
            "there.")


def _against_a_person(figures: dict[str, Any]) -> str:
    reward, person = (figures[row]["spearman"] for row in ("reward_on_others", "person"))
    difference = figures["reward_less_person"]["spearman"]
    if difference["value"] is None or reward["value"] is None or person["value"] is None:
        return "How it orders the explanations cannot be compared with one person."
    beside = f"(Spearman {number(reward['value'])} against {number(person['value'])})"
    if difference["low"] is None:
        return f"Whether it orders them as well as one person does is open {beside}: {difference['reason']}"
    if difference["low"] > 0:
        return f"It orders the explanations better than one person does {beside}."
    if difference["high"] < 0:
        return f"It orders the explanations worse than one person does {beside}."
    return f"It orders them about as well as one person, as far as these ratings can tell {beside}."


def _error(figures: dict[str, Any]) -> str:
    before, after = (number(figures[row]["mae"]["value"]) for row in ("reward", "corrected"))
    beside, person = (number(figures[row]["mae"]["value"]) for row in ("corrected_on_others", "person_corrected"))
    return (f"Its mean error is {before} points as it comes and {after} after correction; held against the other raters of an "
            f"explanation it is {beside}, and one person's {person}.")


def alternative_text(title: str, part: dict[str, Any]) -> str:
    """What a reader who does not see the plot must know: what is drawn, then what it means."""
    n = part["n"]
    return (f"{title}: what people say against what the reward model says, for {n['items']} explanations of {n['speakers']} "
            f"speakers, with both distributions below. {meaning(part)}")


def basis(part: dict[str, Any]) -> str:
    """What the figures rest on."""
    n, found = part["n"], part["map"]
    kind = {"isotonic": "isotonic map", "logistic": "two-parameter map"}[found["kind"]] if found else "no map"
    left = [f"{n['without_reward']} without a reward score"] if n["without_reward"] else []
    left += [f"{n['rated_once']} rated by one person only"] if n["rated_once"] else []
    return (f"{n['items']} explanations, {n['ratings']} ratings by {n['raters']} people, {n['speakers']} speakers; {kind}"
            + (f"; left out: {', '.join(left)}" if left else "") + ".")


def agreement_basis(part: dict[str, Any]) -> str:
    """What the agreement figures of one dimension rest on."""
    single = f"; {part['n_single']} more are rated by one person only and left out" if part["n_single"] else ""
    return (f"{part['n_items']} explanations of {part['n_clips']} clips, {part['n_ratings']} ratings by {part['n_raters']} people"
            f"{single}.")


def raters_sentence(part: dict[str, Any]) -> str:
    """What to know before reading the rater table of one dimension."""
    if part["reason"]:
        return part["reason"]
    said = "Severity: points below the mean of all raters, if all had rated everything."
    if part["parts"] > 1:
        said += (f" The raters fall into {part['parts']} parts that share no explanation, so severity cannot be compared between "
                 "parts: let some explanations be rated across them.")
    return said


def counted(counts: dict[str, int]) -> str:
    """How many ratings count, and how many do not."""
    left = [f"{counts[kind]} {name}" for kind, name in (("attention", "on attention items"), ("qualification", "for qualification"),
                                                        ("flagged", "flagged as not to be judged")) if counts[kind]]
    return f"{counts['ratings']} ratings count" + (f"; left out: {', '.join(left)}." if left else ".")


def whose(counts: dict[str, int]) -> str:
    """Whose ratings these are; empty where all are people's."""
    if not counts["simulated"]:
        return ""
    if counts["simulated"] == counts["ratings"]:
        return "Simulated raters: a program made these ratings. They show how the page works, not what people think."
    return (f"{counts['simulated']} of these {counts['ratings']} ratings are by simulated raters, a program: the figures do not "
            "say what people think.")


def length_meaning(found: dict[str, Any]) -> str:
    """What the length check of one dimension means."""
    difference = found["difference"]
    if difference["value"] is None:
        return difference["reason"]
    said = (f"An explanation with twice as many words gets {number(found['reward']['value'])} points more from the reward model "
            f"and {number(found['people']['value'])} from people")
    if difference["low"] is None:
        return f"{said}; whether that differs is open: {difference['reason']}"
    if difference["low"] > 0:
        return f"{said}: the reward model pays for length."
    if difference["high"] < 0:
        return f"{said}: the reward model undervalues length."
    return f"{said}: no difference that these ratings could show."


def drift_meaning(found: dict[str, Any]) -> str:
    """What the drift of one dimension means."""
    if found["value"] is None:
        return found["reason"]
    said = f"Over 100 items a rater's scores move by {estimate(found)} points"
    if found["low"] is None or found["low"] <= 0 <= found["high"]:
        return f"{said}: no drift that these ratings could show."
    return f"{said}: raters become {'milder' if found['value'] > 0 else 'stricter'} as they go."


def first_meaning(found: dict[str, Any]) -> str:
    """What the position check of one dimension means."""
    if found["value"] is None:
        return found["reason"]
    said = f"The explanation shown first wins {number(100 * found['value'], 0)} % of the decided pairs"
    if found["low"] is None:
        return f"{said}; {found['reason']}"
    said += f" [{number(100 * found['low'], 0)}, {number(100 * found['high'], 0)}]"
    if found["low"] <= 0.5 <= found["high"]:
        return f"{said}: no bias that these choices could show."
    return f"{said}: {'the first' if found['value'] > 0.5 else 'the second'} place is favoured."
