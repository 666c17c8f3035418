"""Items that we know the answer to: explanations with one fact swapped, and explanations in which every fact was checked.

The swap is made and proved by grounding: a claim that the measurement supports is turned into its opposite, and the new text is
taken only if that claim, and no other, is now contradicted. Levels are swapped only where the clip lies far from the middle, so
that the error can be heard. A rater who listens gives such an item 3 or less for factual alignment ("one clear error"), or marks
the sentence as wrong.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from annotate.errors import AnnotateError
from annotate.items import NewItem, add_item
from annotate.records import Item, Project
from annotate.store import Store
from emotionthinker.grounding import CONTRADICTED, SUPPORTED, Claim, distinct_claims, verify_claims

MODEL = "attention check, made by us"  # stands where a model's name would
AUDIBLE = (15.0, 85.0)  # percentiles: a level beyond these is heard as such
KINDS = {"pitch_level": "pitch", "energy_level": "energy", "speed_level": "speed"}
SWAPPED = {"at_most": {"factual_alignment": 3}}
CHECKED = {"at_least": {"factual_alignment": 4}}

_PAIRS = ("high low|higher lower|highest lowest|raised lowered|elevated low|loud quiet|louder quieter|loudly quietly|strong weak|"
          "fast slow|faster slower|quick slow|quickly slowly|rapid slow|rapidly slowly|brisk slow|hurried unhurried")
_BACK = "soft loud|softly loudly|hushed loud|subdued loud|deep high|gentle loud|unhurried hurried|sluggish brisk"
OPPOSITE = {a: b for pair in (_PAIRS + "|" + _BACK).split("|") for a, b in [pair.split()]}
OPPOSITE |= {b: a for pair in _PAIRS.split("|") for a, b in [pair.split()] if b not in OPPOSITE}
_SEXES = "woman man|women men|female male|lady gentleman|girl boy|she he|herself himself|hers his"
SEX = {a: b for pair in _SEXES.split("|") for a, b in [pair.split()]}
SEX |= {b: a for a, b in SEX.items()} | {"her": "his", "his": "her", "him": "her"}
_SEX_WORD = re.compile(rf"\b(?:{'|'.join(SEX)})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Swap:
    """A text with a swapped fact. `stretches`: where it was changed, in characters of the new text; `attribute`: what about."""

    text: str
    attribute: str
    stretches: tuple[tuple[int, int], ...]


def swap_fact(text: str, record: dict[str, Any], other_quotes: Sequence[str] = ()) -> Swap | None:
    """One supported fact of an explanation turned into a false one, or None where no fact can be swapped audibly.

    record: the prosody record of the clip. other_quotes: sentences that nobody says in it, to put into a quotation.
    Tried in this order, the most audible first: speaker's sex, quoted words, energy, speed, pitch.
    """
    claims = verify_claims(text, record)
    for swap in _candidates(text, claims, record, other_quotes):
        if _proved(claims, verify_claims(swap.text, record), swap):
            return swap
    return None


def make_known_items(store: Store, project: Project, *, attention: int, qualification: int) -> tuple[int, int]:
    """Add items with known answers, made from the project's own: how many of each kind are new.

    Qualification items are half swapped, half free of error; the explanations that they are made from leave the work. Each item
    is made from another clip where there are enough.
    Raises AnnotateError where the project holds no explanation that can be used.
    """
    work = [item for item in store.items(project) if item.purpose == "work"]
    quotes = sorted({item.transcript.strip() for item in work if item.transcript and len(item.transcript.split()) >= 3})
    made = {"attention": 0, "qualification": 0}
    seen: Counter[str] = Counter()
    rounds = []  # every clip's first explanation, then every clip's second, and so on
    for item in work:
        rounds.append((seen[item.clip_sha256], item))
        seen[item.clip_sha256] += 1
    taken = {item.swapped_from for item in store.items(project) if item.swapped_from is not None}
    swaps_wanted = {"qualification": (qualification + 1) // 2, "attention": attention}
    checked_wanted = qualification // 2
    for _, item in sorted(rounds, key=lambda pair: (pair[0], pair[1].id)):
        if not any(swaps_wanted.values()) and not checked_wanted:
            break
        if item.id in taken:
            continue
        claims = verify_claims(item.explanation, item.prosody)
        swap = swap_fact(item.explanation, item.prosody, [q for q in quotes if q != (item.transcript or "").strip()])
        if swap is not None and any(swaps_wanted.values()):
            purpose = "qualification" if swaps_wanted["qualification"] else "attention"
            swaps_wanted[purpose] -= 1
            expected = {**SWAPPED, "or_wrong": [list(stretch) for stretch in swap.stretches]}
            made[purpose] += _add(store, project, item, swap.text, purpose, expected)
        elif checked_wanted and _free_of_error(claims):
            checked_wanted -= 1
            made["qualification"] += _add(store, project, item, item.explanation, "qualification", dict(CHECKED))
    if not sum(made.values()):
        raise AnnotateError("No explanation of this project holds a fact that can be swapped audibly or that is wholly checked; "
                            "import more items first.")
    return made["attention"], made["qualification"]


def _add(store: Store, project: Project, item: Item, text: str, purpose: str, expected: dict[str, Any]) -> int:
    if purpose == "qualification":  # everybody meets it while qualifying, so nobody may rate its origin as new
        with store.transaction() as db:
            db.table("items").update(item.id, {"active": 0})
            db.conn.execute("UPDATE pairs SET active = 0 WHERE item_a = ? OR item_b = ?", [item.id, item.id])
    made = NewItem(clip_sha256=item.clip_sha256, prosody=item.prosody, explanation=text, model_id=MODEL, source=f"item {item.id}",
                   transcript=item.transcript, answer=item.answer, speaker=item.speaker, gold_emotion=item.gold_emotion,
                   purpose=purpose, swapped_from=item.id, expected=expected)
    return int(add_item(store, project, made)[1] == "new")


def _free_of_error(claims: Sequence[Claim]) -> bool:
    verdicts = [claim.verdict for claim in distinct_claims(claims)]
    return verdicts.count(SUPPORTED) >= 2 and CONTRADICTED not in verdicts


def _candidates(text: str, claims: Sequence[Claim], record: dict[str, Any], other_quotes: Sequence[str]) -> Iterator[Swap]:
    supported = [claim for claim in claims if claim.verdict == SUPPORTED]
    if any(claim.attribute == "gender" for claim in supported):
        yield _replace(text, "gender", [(m.start(), m.end(), _like(SEX[m[0].lower()], m[0])) for m in _SEX_WORD.finditer(text)])
    for claim in supported:
        if claim.attribute == "quote":
            for quote in other_quotes:
                yield _replace(text, "quote", [(claim.start_char, claim.end_char, quote.rstrip(".!?"))])
    for attribute, kind in reversed(KINDS.items()):
        percentile = ((record.get("levels") or {}).get(kind) or {}).get("percentile")
        if percentile is None or AUDIBLE[0] < percentile < AUDIBLE[1]:
            continue
        for claim in supported:
            if claim.attribute == attribute:
                for match in re.finditer(r"[\w-]+", text[claim.start_char : claim.end_char]):
                    if match[0].lower() in OPPOSITE:
                        start = claim.start_char + match.start()
                        opposite = _like(OPPOSITE[match[0].lower()], match[0])
                        yield _replace(text, attribute, [(start, start + len(match[0]), opposite)])


def _replace(text: str, attribute: str, changes: Sequence[tuple[int, int, str]]) -> Swap:
    parts, stretches, at, length = [], [], 0, 0
    for start, end, new in changes:
        parts += [text[at:start], new]
        length += start - at + len(new)
        stretches.append((length - len(new), length))
        at = end
    return Swap("".join([*parts, text[at:]]), attribute, tuple(stretches))


def _like(word: str, model: str) -> str:
    return word.capitalize() if model[:1].isupper() else word


def _proved(before: Sequence[Claim], after: Sequence[Claim], swap: Swap) -> bool:
    """More of what the swap is about is contradicted than before, and the verdicts on everything else stand as they were."""
    def contradicted(claims: Sequence[Claim]) -> int:
        return sum(claim.attribute == swap.attribute and claim.verdict == CONTRADICTED for claim in claims)

    def others(claims: Sequence[Claim]) -> list[tuple[str, str]]:
        return [(claim.attribute, claim.verdict) for claim in claims if claim.attribute != swap.attribute]

    return contradicted(after) > contradicted(before) and others(before) == others(after)
