"""Sentences to put in the place of a corpus's own words, so that quoting is learned as copying.

Two kinds, half each: plain sentences of a small grammar, some of them with a feeling of their own, and strings of words
drawn from the pronouncing dictionary that ships with pocketsphinx (about 130,000 entries), which no memory can hold. In
training most places of the grammar hold words of the dictionary as well: with a few dozen nouns a decoder learned the frames
by heart, copied strings of strange words well, and turned every "Who took the ladder?" into "Who took the report?" (LOG.md).
"train" and "dev" share no dictionary word and no name, object or place.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

SUBJECTS = {
    "train": (
        "I",
        "We",
        "You",
        "They",
        "My brother",
        "The neighbours",
        "Her teacher",
        "The driver",
        "Our boss",
        "His mother",
        "Nobody",
        "Someone",
    ),
    "dev": ("My aunt", "The plumber", "Their coach", "The nurse", "His uncle"),
}
VERBS = (
    "left",
    "lost",
    "found",
    "broke",
    "painted",
    "forgot",
    "bought",
    "washed",
    "moved",
    "opened",
    "sold",
    "fixed",
    "cleaned",
    "dropped",
    "kept",
)
OBJECTS = {
    "train": (
        "the keys",
        "a letter",
        "the old car",
        "that picture",
        "the blue door",
        "my phone",
        "the tickets",
        "a coat",
        "the report",
        "your dog",
        "the garden",
        "a box of books",
    ),
    "dev": ("the ladder", "a kettle", "their piano", "the green bicycle", "some stamps"),
}
ENDINGS = {
    "train": (
        "",
        "yesterday",
        "this morning",
        "on the way home",
        "last week",
        "again",
        "before lunch",
        "at the station",
        "in the kitchen",
        "without a word",
    ),
    "dev": ("on Tuesday", "near the harbour", "after the concert", "in the attic", "by mistake"),
}
CHARGED = (
    "I love this so much",
    "This is the best day of my life",
    "What a wonderful surprise",
    "I am so proud of you",
    "Thank you, that is really kind",
    "We won the final game",
    "I hate this place",
    "You ruined everything",
    "I never want to see you again",
    "My father died last night",
    "I am scared to go home",
    "This is disgusting",
    "Everything went wrong today",
    "I miss her terribly",
    "Leave me alone",
    "That was a horrible mistake",
    "We are finally free",
    "They cheated us again",
    "It was a beautiful wedding",
    "Nobody cares about me",
)
QUESTIONS = (
    "Where did you put {}",
    "Have you seen {}",
    "Who took {}",
    "Why is {} gone",
    "Can you bring me {}",
    "Did you really buy {}",
)


def sentence_pool(size: int, seed: int, split: str) -> list[str]:
    """`size` sentences of 2 to 12 words, the same for the same seed and split ("train" or "dev")."""
    rng = np.random.default_rng([seed, split == "dev"])
    words = dictionary_words(split)
    return [_marked(_plain(rng, split, words) if rng.random() < 0.5 else _word_string(rng, words), rng, words) for _ in range(size)]


def dictionary_words(split: str) -> list[str]:
    """Words of 3 to 10 letters of pocketsphinx's English dictionary; every tenth belongs to "dev", the rest to "train"."""
    import pocketsphinx

    path = Path(pocketsphinx.get_model_path()) / "en-us" / "cmudict-en-us.dict"
    words = sorted({line.split()[0] for line in path.read_text(encoding="utf-8").splitlines() if line})
    words = [w for w in words if w.isalpha() and w.isascii() and 3 <= len(w) <= 10]
    return [w for i, w in enumerate(words) if (i % 10 == 0) == (split == "dev")]


def _plain(rng: np.random.Generator, split: str, words: list[str]) -> str:
    def draw(options: tuple[str, ...]) -> str:
        return options[int(rng.integers(len(options)))]

    def place(options: tuple[str, ...], before: tuple[str, ...], share: float) -> str:
        """One of the options; in training often a word of the dictionary in its place."""
        if split == "train" and rng.random() < share:
            return f"{draw(before)} {words[int(rng.integers(len(words)))]}"
        return draw(options)

    kind = rng.random()
    if kind < 0.3 and split == "train":
        said = draw(CHARGED).split()
        if rng.random() < 0.5:
            said[int(rng.integers(1, len(said)))] = words[int(rng.integers(len(words)))]
        return " ".join(said) + draw((".", "!", "."))
    thing = place(OBJECTS[split], ("the", "a", "my", "some", "their", "the old"), 0.85)
    if kind < 0.5:
        return draw(QUESTIONS).format(thing) + "?"
    who = place(SUBJECTS[split], ("The", "His", "My", "Her"), 0.6)
    did = place(VERBS, ("just", "never", "has"), 0.4)
    end = place(ENDINGS[split], ("near the", "after the", "in the", "by", "on", "without"), 0.6)
    return " ".join(f"{who} {did} {thing} {end}".split()) + "."


def _marked(sentence: str, rng: np.random.Generator, words: list[str]) -> str:
    """The sentence with what else stands in transcripts, in a quarter of them: a hyphen, an apostrophe, a number, a comma, a name.

    Without these a decoder copied plain words well and lost its way at the first "to-morrow" (LOG.md).
    """
    said = sentence.split()
    if rng.random() >= 0.25 or len(said) < 2:
        return sentence
    place = int(rng.integers(len(said) - 1))  # not the last word, which holds the end of the sentence
    word, other = said[place], words[int(rng.integers(len(words)))]
    first = ("to", "well", "half", "re", "self", word.rstrip(",").lower())[int(rng.integers(6))]
    number = (str(rng.integers(2, 100)), str(rng.integers(1900, 2030)), f"{rng.integers(1, 13)}:{rng.integers(10, 60)}")
    kinds = (f"{first}-{other}", f"{word}'s", f"{word}n't", number[int(rng.integers(3))], f"{word},", word.capitalize())
    said[place] = kinds[int(rng.integers(len(kinds)))]
    return " ".join(said)


def _word_string(rng: np.random.Generator, words: list[str]) -> str:
    text = " ".join(words[int(i)] for i in rng.integers(len(words), size=int(rng.integers(2, 9))))
    return text.capitalize() + (".", "?", "!", "")[int(rng.integers(4))]
