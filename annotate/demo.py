"""A database to try everything on: the example clips, explanations of known quality, and simulated raters.

The clips are the synthetic voices of `assets/examples`; the model is the embedded one, once as it answers and several times
sampled; what it wrote is then spoilt in known ways. The raters are programs with a known severity, and the reward scores are made
up as well. Project, raters, banner and every export say so.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from annotate import roster
from annotate.assignment import claim
from annotate.attention import make_known_items, swap_fact
from annotate.items import NewItem, add_item, keep_clip
from annotate.rating import set_heard, show_text, submit
from annotate.records import DIMENSIONS, Item, Project, Rater
from annotate.sentences import sentences
from annotate.settings import ProjectSettings
from annotate.store import Store
from emotionthinker.audio import Clip
from emotionthinker.grounding import CONTRADICTED, coverage, distinct_claims, precision, verify_claims
from emotionthinker.page.engine import EXAMPLES

PROJECT = "demonstration"
GOLD = {"angry": "angry", "sad": "sad", "happy": "happy", "afraid": "fear", "flat": "neutral"}  # of the clips that were made so
SAMPLED = 4  # explanations per clip beside the likeliest one
SEVERITIES = (-0.8, -0.4, 0.0, 0.0, 0.4, 0.9)  # points that a rater takes off
SPREAD = 0.6  # standard deviation of a rater's own noise, in points
REWARD_SPREAD = 0.5

TOLD = 50  # ratings between two lines of progress

Explain = Callable[[Clip, str, int | None], dict[str, Any]]  # clip, words, seed (None: the likeliest) -> `explain --json`


def make_demo(store: Store, explain: Explain, *, ratings_per_item: int = 4, seed: int = 0,
              tell: Callable[[str], None] = lambda line: None) -> Project:
    """Fill a database with the demonstration, the same one for the same seed and texts.

    tell: is called with a line at each step, since the model takes minutes.

    Raises AnnotateError where there is one already.
    """
    rng = random.Random(seed)
    settings = ProjectSettings(ratings_per_item=ratings_per_item, attention_rate=0.1, seed=seed, simulated=True)
    project = roster.create_project(store, PROJECT, settings)
    items = 0
    for item in _items(store, explain, rng, tell):
        items += add_item(store, project, item)[1] == "new"
    tell(f"Made {items} items of these; looking for facts to swap …")
    attention, _ = make_known_items(store, project, attention=6, qualification=0)
    tell(f"Made {attention} attention items.")
    quality = {item.id: _quality(item) for item in store.items(project)}
    raters = [_join(store, project, f"Simulated rater {number}", rng.randrange(2**31))
              for number in range(1, len(SEVERITIES) + 1)]
    working = list(zip(raters, SEVERITIES, strict=True))
    done, wanted = 0, ratings_per_item * items
    tell(f"{len(raters)} simulated raters begin; {items} items need {ratings_per_item} ratings each.")
    while working:
        rater, severity = working[rng.randrange(len(working))]
        work = claim(store, project, rater)
        if work is None:
            working.remove((rater, severity))
            continue
        set_heard(store, project, rater, work.lease_id, work.items[0].prosody["duration_s"])
        answers = _simulated(work.items[0], quality[work.items[0].id], severity, rng)
        show_text(store, project, rater, work.lease_id, answers["heard_emotion"])
        submit(store, project, rater, work.lease_id, f"simulated-{work.lease_id}", answers, rng.uniform(10, 60))
        done += 1
        if done % TOLD == 0:
            tell(f"Simulated ratings: {done} of about {wanted}.")
    tell(f"Simulated ratings: {done}, all done.")
    return project


def _join(store: Store, project: Project, name: str, order_seed: int) -> Rater:
    """A rater who has agreed to all; order_seed decides what they are given when, which is drawn for people."""
    rater, _ = roster.invite(store, project, name, simulated=True)
    with store.transaction() as db:
        db.conn.execute("UPDATE raters SET order_seed = ? WHERE id = ?", [order_seed, rater.id])
    for what in ("consented", "instructed"):
        roster.agree(store, rater, what)
    return store.rater(rater.id)


def _items(store: Store, explain: Explain, rng: random.Random, tell: Callable[[str], None]) -> Iterator[NewItem]:
    """Per clip: the likeliest explanation and sampled ones, each as it is, with a swapped fact, shortened and shuffled."""
    examples = json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))
    quotes = [example["text"] for example in examples]
    asked, wanted = 0, len(examples) * (SAMPLED + 1)
    for example in examples:
        kept = keep_clip(store, EXAMPLES / example["file"])
        for number in range(SAMPLED + 1):
            asked += 1
            tell(f"Explaining clip {example['name']!r}: {asked} of {wanted} explanations …")
            found = explain(kept.clip, example["text"], None if number == 0 else number)
            spans = [found["reasoning"][start:end] for start, end in sentences(found["reasoning"])]
            swap = swap_fact(found["reasoning"], found, [quote for quote in quotes if quote != example["text"]])
            versions = {"": found["reasoning"], ", shortened": " ".join(spans[: max(1, len(spans) // 2)]),
                        ", shuffled": " ".join(rng.sample(spans, len(spans)))}
            if swap is not None:
                versions[", a fact swapped"] = swap.text
            for how, text in versions.items():
                if not text.strip():
                    continue
                model = found["model"] + (" sampled" if number else "") + how
                made = NewItem(kept.sha256, found, text, model, "demonstration: rewards are simulated", example["text"],
                               found["emotion"], f"synthetic voice {example['name']}", GOLD.get(example["name"]))
                rewards = {name: round(min(max(score + rng.gauss(0, REWARD_SPREAD), 1), 5), 2)
                           for name, score in _quality(made).items()}
                yield NewItem(**{**made.__dict__, "reward_scores": rewards})


def _quality(item: Item | NewItem) -> dict[str, float]:
    """How good an explanation is, 1 to 5 on each scale, by what can be computed: the truth behind the simulated ratings."""
    claims = verify_claims(item.explanation, item.prosody)
    true, there = precision(claims), coverage(claims, item.prosody)
    whole = not any(word in item.model_id for word in ("shortened", "shuffled"))
    wrong = sum(claim.verdict == CONTRADICTED for claim in distinct_claims(claims))
    facts = 1 + 4 * (0.5 if true is None else true)
    if wrong:  # the anchors: one clear error among true facts is a 3
        facts = min(facts, max(4 - wrong, 1))
    names_it = item.answer is not None and item.answer.casefold() in item.explanation.casefold()
    return {
        "factual_alignment": facts,
        "interpretative_quality": 1.5 + 1.5 * names_it + 1.5 * whole,
        "caption_completeness": 1 + 4 * (0.5 if there is None else there),
        "fluency_and_structural_clarity": 4.5 if whole else 3.5 if "shortened" in item.model_id else 2.0,
    }


def _simulated(item: Item, quality: dict[str, float], severity: float, rng: random.Random) -> dict[str, Any]:
    scores = {name: min(max(round(quality[name] - severity + rng.gauss(0, SPREAD)), 1), 5) for name in DIMENSIONS}
    heard = item.gold_emotion if item.gold_emotion and rng.random() < 0.7 else rng.choice(ProjectSettings().emotions)
    right = "unsure" if item.answer is None else "yes" if item.answer == heard else "no"
    return {"scores": scores, "heard_emotion": heard, "answer_right": right, "comment": "", "flags": [], "marks": []}
