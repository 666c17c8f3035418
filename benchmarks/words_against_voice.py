"""Whom does a model follow when the words say one thing and the voice another?

    python -m benchmarks.words_against_voice [--model FOLDER_OR_ID] [--crema-d DIR] [--clips 60] [--output FILE.json]

Two sets, both made when the command runs:
- *synthetic*: friendly, unhappy and plain sentences, each spoken by two voices of flite in a happy and in a sad way (the recipes of
  the page's examples, `training.example_clips`). Nobody's own feeling is in them, and the words are really spoken.
- *CREMA-D* (with `--crema-d`, the corpus folder): dev clips whose feeling most listeners heard as it was meant, half of them
  pleasant, each asked about with its own plain words, with a friendly sentence and with an unhappy one given as its transcript.

An answer follows the voice or the words if it lies on their side: happy is pleasant; sad, angry, disgust and fear are unpleasant;
any other answer, and none, follows neither. Where both agree the row says how often the answer lies on their side. A row of
conflict means something only as far as the row of the same voice under plain words shows that this voice is heard as it was meant;
a model that calls a voice sad under any words does not follow sad words. Below the table stands how far the answer
(P(pleasant) − P(unpleasant)) moves when only the words change and when only the voice does. Intervals are 95 %: Wilson for shares,
bootstrap over pairs of clips for movements; clips of one speaker count as independent.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from emotionthinker.audio import Clip, load_clip
from emotionthinker.pipeline import Explainer
from emotionthinker.reliance import mean_interval, share
from emotionthinker.words_voice import label_valence, voice_valence

FRIENDLY = (
    "What a lovely morning this turned out to be",
    "Your lovely letter made me smile all day",
    "I am delighted that you could come",
    "The children laughed and had great fun",
    "It is a pleasure to work with such kind people",
    "Congratulations on winning the prize",
    "I enjoyed the concert, it was fantastic",
    "They were so happy with the gift",
)
UNHAPPY = (
    "The whole evening was a terrible disaster",
    "I feel lonely and sad in this house",
    "She cried because her dog is dead",
    "It hurts to think of that awful day",
    "He failed badly and is in despair",
    "They were angry and treated us badly",
    "I am afraid that the pain is getting worse",
    "Nobody helped us and it was miserable",
)
PLAIN = (
    "The bus stops at the next corner",
    "She put the book on the shelf",
    "We ordered two chairs and a lamp",
    "The office is on the second floor",
)
SIDES = {1: "pleasant", -1: "unpleasant", 0: "plain"}
VOICES = ("slt", "rms")  # flite's female and male voice that the examples use
FOLLOWS = ("voice", "words", "both", "neither")
MANNERS = {1: "happy", -1: "sad"}  # names of recipes


@dataclasses.dataclass(frozen=True)
class Item:
    """A clip with its words. `voice`, `words`: +1 pleasant, −1 unpleasant, 0 plain. `pair`: equal for items that differ in one of
    the two alone."""

    source: str
    name: str
    clip: Clip
    text: str
    voice: int
    words: int
    pair: str


def synthetic_items(voices: Sequence[str] = VOICES, per_side: int | None = None) -> Iterator[Item]:
    """Every sentence in both manners by each voice; `per_side`: only so many sentences of each kind. Needs flite and pyworld."""
    from training.example_clips import RECIPES, bend

    recipes = {recipe.name: recipe for recipe in RECIPES}
    for words, sentences in ((1, FRIENDLY), (-1, UNHAPPY), (0, PLAIN)):
        for number, text in enumerate(sentences[:per_side]):
            for speaker in voices:
                for voice, manner in MANNERS.items():
                    recipe = dataclasses.replace(recipes[manner], text=text + ".", voice=speaker, stressed=())
                    name = f"{SIDES[words]} {number} by {speaker}, {manner}"
                    yield Item("synthetic", name, load_clip(bend(recipe)), text + ".", voice, words, f"{speaker} {number}")


def crema_items(root: Path, n: int) -> Iterator[Item]:
    """n clips with their own words, a friendly and an unhappy sentence each; the same for the same corpus."""
    from emotionthinker.probe_set import draw
    from training.corpora import read_corpus
    from training.evaluate import heard_label

    rows = [dataclasses.asdict(clip) for clip in read_corpus("crema-d", root, "dev")]
    clear = [row for row in rows if heard_label(row) == row["emotion"] and label_valence(row["emotion"])]
    half = {side: [row for row in clear if label_valence(row["emotion"]) == side] for side in (1, -1)}
    chosen = [row for pair in zip(draw(half[1], (n + 1) // 2), draw(half[-1], (n + 1) // 2), strict=False) for row in pair][:n]
    for number, row in enumerate(chosen):
        clip, voice = load_clip(row["audio_path"]), label_valence(row["emotion"])
        for words, text in ((0, row["transcription"]), (1, FRIENDLY[number // 2 % 8] + "."), (-1, UNHAPPY[number // 2 % 8] + ".")):
            yield Item("CREMA-D", f"{clip.name}, {SIDES[words]} words", clip, text, voice, words, clip.name)


def ask(explainer: Explainer, items: Sequence[Item]) -> list[dict[str, Any]]:
    """The answer to each item: its sides, the label and the valence of the scores."""
    answers = []
    for number, item in enumerate(items, 1):
        found = explainer.explain(item.clip, transcript=item.text)
        # Before the reasoning where the model tells: after it, it is nearly sure of what it has argued for.
        scores = found.first_impression or found.label_scores or ({found.emotion: 1.0} if found.emotion else {})
        answers.append({"source": item.source, "name": item.name, "pair": item.pair, "voice": item.voice, "words": item.words,
                        "text": item.text, "emotion": found.emotion, "valence": round(voice_valence(scores), 4)})
        print(f"{number} of {len(items)}", end="\r", file=sys.stderr, flush=True)
    return answers


def follows(answer: dict[str, Any]) -> str:
    """voice, words, both (where they agree) or neither."""
    side = label_valence(answer["emotion"]) if answer["emotion"] else 0
    hits = [name for name in ("voice", "words") if side and answer[name] == side]
    return "both" if len(hits) == 2 else hits[0] if hits else "neither"


def summary(answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Rows by source, side of the voice and side of the words; and how far words and voice each move the answer."""
    rows, moves = [], []
    for source in dict.fromkeys(answer["source"] for answer in answers):
        own = [answer for answer in answers if answer["source"] == source]
        for voice in (1, -1):
            for words in (-voice, voice, 0):
                part = [follows(answer) for answer in own if (answer["voice"], answer["words"]) == (voice, words)]
                if part:
                    rows.append({"source": source, "voice": SIDES[voice], "words": SIDES[words], "clips": len(part),
                                 "follows": {name: share(part.count(name), len(part)) for name in FOLLOWS}})
        moves.append({"source": source, "words_move": _words_move(own), "voice_moves": _voice_moves(own)})
    return {"rows": rows, "moves": moves}


def _words_move(answers: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Mean change of the valence from unhappy to friendly words, for the same voice (the same recording, or speaker and manner)."""
    by_words: dict[tuple[str, int], dict[int, list[float]]] = {}
    for answer in answers:
        by_words.setdefault((answer["pair"], answer["voice"]), {}).setdefault(answer["words"], []).append(answer["valence"])
    return _mean([sum(group[1]) / len(group[1]) - sum(group[-1]) / len(group[-1])
                  for group in by_words.values() if 1 in group and -1 in group])


def _voice_moves(answers: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Mean change of the valence from an unpleasant to a pleasant voice, for the same kind of words. Pairs where there are any (one
    sentence in two manners), else clips in the order in which they were drawn."""
    sides: dict[tuple[int, int], list[float]] = {}
    for answer in answers:
        sides.setdefault((answer["words"], answer["voice"]), []).append(answer["valence"])
    return _mean([one - other for words in (1, -1, 0)
                  for one, other in zip(sides.get((words, 1), []), sides.get((words, -1), []), strict=False)])


def _mean(values: Sequence[float]) -> dict[str, Any] | None:
    if not values:
        return None
    return {"mean": round(sum(values) / len(values), 4), "interval": mean_interval(values), "pairs": len(values)}


def markdown(found: dict[str, Any], model: str) -> str:
    """The summary as a table, with the two movements below it."""
    lines = [f"Model {model}. Intervals: 95 %.", "",
             "| set | voice | words | clips | follows voice | follows words | both | neither |",
             "|---|---|---|---|---|---|---|---|"]
    for row in found["rows"]:
        agree = ("both", "neither")
        possible = {"plain": ("voice", "neither"), row["voice"]: agree}.get(row["words"], ("voice", "words", "neither"))
        cells = " | ".join(_cell(row["follows"][name]) if name in possible else "–" for name in FOLLOWS)
        lines.append(f"| {row['source']} | {row['voice']} | {row['words']} | {row['clips']} | {cells} |")
    lines += ["", "Read a row of conflict beside the rows of the same voice with plain and with agreeing words: if the answer lies "
              "on a side there too, it does not follow the words to it.", ""]
    for move in found["moves"]:
        words, voice = _moved(move["words_move"]), _moved(move["voice_moves"])
        lines.append(f"{move['source']}: the answer (−1 unpleasant … +1 pleasant) moves by {words} when only the words go from "
                     f"unhappy to friendly, and by {voice} when the voice goes from unpleasant to pleasant.")
    return "\n".join(lines)


def _cell(found: dict[str, Any]) -> str:
    low, high = found["interval"]
    return f"{100 * found['share']:.0f} % [{100 * low:.0f}, {100 * high:.0f}]"


def _moved(found: dict[str, Any] | None) -> str:
    if found is None:
        return "an unknown amount (no pairs)"
    interval = "" if found["interval"] is None else f" [{found['interval'][0]:+.2f}, {found['interval'][1]:+.2f}]"
    return f"{found['mean']:+.2f}{interval}".replace("-", "−")


def main() -> None:
    """Print whom the model follows, and write the report where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="folder or hub id; default: the embedded Nano")
    parser.add_argument("--crema-d", type=Path, metavar="DIR", help="corpus folder, official layout or with a manifest.csv")
    parser.add_argument("--clips", type=int, default=60, help="how many CREMA-D clips")
    parser.add_argument("--output", type=Path, help="write answers and summary as JSON")
    args = parser.parse_args()

    from emotionthinker.thinker import EmotionThinker

    items = list(synthetic_items()) + (list(crema_items(args.crema_d, args.clips)) if args.crema_d else [])
    thinker = EmotionThinker.from_pretrained(args.model)
    answers = ask(thinker, items)
    found = summary(answers)
    if args.output:
        args.output.write_text(json.dumps({"model": thinker.name, **found, "answers": answers}, indent=1) + "\n", encoding="utf-8")
    print(markdown(found, thinker.name))


if __name__ == "__main__":
    main()
