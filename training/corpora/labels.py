"""What each corpus calls its emotions: its code -> (plain word, the one of the nine published labels or None).

A word that is none of the nine keeps its clip: prosody can be labelled and levels be calibrated with it, but nothing is
taught under a label that the corpus did not give. The word is narrower than the label where the corpus is ("disgust" and
"contempt" are one label), so that a model with other labels can choose by it.
"""

from __future__ import annotations

from emotionthinker.prompt import PUBLISHED_LABELS, canonical_label

Labels = dict[str, tuple[str, str | None]]

NEUTRAL, HAPPY, SAD, ANGRY = ("neutral", "neutral"), ("happy", "happy"), ("sad", "sad"), ("angry", "angry")
DISGUST, CONTEMPT = ("disgust", "contempt or disgust"), ("contempt", "contempt or disgust")
CONFUSED, WHISPER, SURPRISE, FEAR = ("confused", "confused"), ("whisper", "whisper"), ("surprise", "surprise"), ("fear", "fear")

# Cao et al. 2014, IEEE Trans. Affective Computing 5(4); file names of the release.
CREMA: Labels = {"NEU": NEUTRAL, "HAP": HAPPY, "SAD": SAD, "ANG": ANGRY, "DIS": DISGUST, "FEA": FEAR}
# Livingstone & Russo 2018, PLoS ONE 13(5), table 1. Calm is none of the nine.
RAVDESS: Labels = {"01": NEUTRAL, "02": ("calm", None), "03": HAPPY, "04": SAD, "05": ANGRY, "06": FEAR, "07": DISGUST,
                   "08": SURPRISE}  # fmt: skip
# Busso et al. 2008, Lang. Resources & Evaluation 42, sec. 5; the turns' label after majority vote. Excited goes with happy,
# as in the four-class protocol that nearly all results on the corpus follow; frustrated is none of the nine.
IEMOCAP: Labels = {"neu": NEUTRAL, "hap": HAPPY, "exc": ("excited", "happy"), "sad": SAD, "ang": ANGRY, "dis": DISGUST,
                   "fea": FEAR, "sur": SURPRISE, "fru": ("frustrated", None), "oth": ("other", None)}  # fmt: skip
# Poria et al. 2019, ACL, table 2; column Emotion.
MELD: Labels = {"neutral": NEUTRAL, "joy": HAPPY, "sadness": SAD, "anger": ANGRY, "disgust": DISGUST, "fear": FEAR,
                "surprise": SURPRISE}  # fmt: skip
# Lotfian & Busso 2019, IEEE Trans. Affective Computing 10(4); column EmoClass. X is no agreement and has no word.
MSP_PODCAST: Labels = {"N": NEUTRAL, "H": HAPPY, "S": SAD, "A": ANGRY, "U": SURPRISE, "F": FEAR, "D": DISGUST, "C": CONTEMPT,
                       "O": ("other", None)}  # fmt: skip
# Nguyen et al. 2023, Interspeech, table 1: the styles of the read part. Laughing speech is a style, not said to be happy;
# enunciated, narration and the emphasis sentences of "default" are neutral readings.
EXPRESSO: Labels = {"default": NEUTRAL, "happy": HAPPY, "sad": SAD, "confused": CONFUSED, "whisper": WHISPER,
                    "enunciated": ("enunciated", None), "laughing": ("laughing", None), "narration": ("narration", None),
                    "singing": ("singing", None)}  # fmt: skip
# Wang et al. 2020, ECCV; folders of the release.
MEAD: Labels = {"neutral": NEUTRAL, "happy": HAPPY, "sad": SAD, "angry": ANGRY, "disgusted": DISGUST, "contempt": CONTEMPT,
                "fear": FEAR, "surprised": SURPRISE}  # fmt: skip
# Richter et al. 2024, Interspeech; `emo_*` of transcripts.json (its spelling). Which of the 22 are one of the nine is our
# reading of the prompts: amazement is admiring there ("you're so impressive"), so it is not surprise; extasy and amusement
# are kept out of happy, whose voice they do not share.
EARS: Labels = {
    "neutral": NEUTRAL, "anger": ANGRY, "confusion": CONFUSED, "disgust": DISGUST, "fear": FEAR, "sadness": SAD,
    **{name: (name, None) for name in (
        "adoration", "amazement", "amusement", "contentment", "cuteness", "desire", "disappointment", "distress", "embarassment",
        "extasy", "guilt", "interest", "pain", "pride", "realization", "relief", "serenity")},
}  # fmt: skip
# Haq & Jackson 2010 (Info.txt of the release).
SAVEE: Labels = {"n": NEUTRAL, "h": HAPPY, "sa": SAD, "a": ANGRY, "d": DISGUST, "f": FEAR, "su": SURPRISE}
# Pichora-Fuller & Dupuis 2020; ps is pleasant surprise.
TESS: Labels = {"neutral": NEUTRAL, "happy": HAPPY, "sad": SAD, "angry": ANGRY, "disgust": DISGUST, "fear": FEAR, "ps": SURPRISE}
# Burkhardt et al. 2005, Interspeech; sixth letter of the name, from the German words (Wut, Langeweile, Ekel, Angst, Freude,
# Trauer). Boredom is none of the nine.
EMODB: Labels = {"N": NEUTRAL, "F": HAPPY, "T": SAD, "W": ANGRY, "E": DISGUST, "A": FEAR, "L": ("bored", None)}

TABLES: dict[str, Labels] = {
    "crema-d": CREMA, "ravdess": RAVDESS, "iemocap": IEMOCAP, "meld": MELD, "msp-podcast": MSP_PODCAST, "expresso": EXPRESSO,
    "mead": MEAD, "ears": EARS, "savee": SAVEE, "tess": TESS, "emodb": EMODB,
}  # fmt: skip


def published_label(word: str) -> str | None:
    """The one of the nine that a plain word of the tables means; None where none does."""
    return canonical_label(word, PUBLISHED_LABELS)
