"""How the template writer words one cue, and what voices tend to do.

A cue is one measured property of the voice: pitch, range, energy, speed, intonation, stress, pauses. For each cue and
value there are a noun phrase (`np`: "a high pitch"), a clause (`cl`: "the pitch is high"), perhaps a comparison that
may follow (`tail`) and a short way to refer back (`ref`: "the high pitch"), each in several wordings separated by `;`.
`[a|b]` is a free choice; `{d}` is a degree word that follows from the percentile; `<is/are>` follows the number of
words; `{he}`, `{his}`, `{man}`, `{men}`, `{w}`, `{where}` are filled by the writer. Everything here is a fact about the
recording that `emotionthinker.grounding` can find and check, so a new wording needs both.

The expectations follow Juslin & Laukka (2003), Banse & Scherer (1996) and Scherer (2003): tendencies, not rules.
"""

from __future__ import annotations

from emotionthinker.grounding import VERY_FROM_MIDDLE

Wordings = dict[str, tuple[str, ...]]

# Degree words by how far the percentile lies from the middle, |percentile - 50|.
DEGREES: tuple[tuple[float, tuple[str, ...]], ...] = (
    (VERY_FROM_MIDDLE, ("very ", "very ", "markedly ", "clearly ", "strikingly ")),
    (29.0, ("", "", "clearly ", "notably ", "quite ")),
    (0.0, ("", "", "rather ", "fairly ", "somewhat ")),
)


def _wordings(np: str, cl: str, ref: str, tail: str = "") -> Wordings:
    forms = {"np": np, "cl": cl, "ref": ref, "tail": tail}
    return {form: tuple(option.strip() for option in text.split(";") if option.strip()) for form, text in forms.items()}


PHRASES: dict[tuple[str, str], Wordings] = {
    ("pitch", "high"): _wordings(
        np="a {d}high pitch; a {d}high-pitched voice; a {d}raised pitch; a voice pitched {d}high; a {d}high voice",
        cl=(
            "the pitch is {d}high; the pitch sits {d}high; the voice is pitched {d}high; the pitch is {d}raised; "
            "{his} voice is {d}high; the pitch lies {d}high"
        ),
        tail="above what is usual for a {man}; higher than most {men}; well up from the usual pitch",
        ref="the high pitch; the raised pitch; the high voice",
    ),
    ("pitch", "low"): _wordings(
        np="a {d}low pitch; a {d}deep voice; a {d}low-pitched voice; a {d}lowered pitch; a voice pitched {d}low",
        cl=(
            "the pitch is {d}low; the pitch stays {d}low; the voice is pitched {d}low; {his} voice is {d}deep; the "
            "pitch sits {d}low; the pitch lies {d}low"
        ),
        tail="below what is usual for a {man}; lower than most {men}; well down from the usual pitch",
        ref="the low pitch; the deep voice; the lowered pitch",
    ),
    ("pitch", "normal"): _wordings(
        np="a normal pitch; a medium pitch; a pitch near the middle; an ordinary pitch; an average pitch",
        cl=(
            "the pitch is normal; the pitch is medium; the pitch lies near the middle; the pitch is average; the "
            "pitch is ordinary for a {man}; the voice is neither high nor low"
        ),
        tail="about what is usual for a {man}",
        ref="the normal pitch; the medium pitch; the ordinary pitch",
    ),
    ("range", "wide"): _wordings(
        np="a {d}wide pitch range; pitch over a {d}wide range; {d}large pitch movements; a {d}wide spread of pitch",
        cl=(
            "the pitch range is {d}wide; the pitch moves over a {d}wide range; the pitch varies a lot; the pitch "
            "swings widely; the pitch movements are {d}large"
        ),
        tail="more movement than is usual; wider than in most recordings",
        ref="the wide pitch range; the large movement of pitch",
    ),
    ("range", "narrow"): _wordings(
        np=(
            "a {d}narrow pitch range; pitch within a {d}narrow range; {d}small pitch movements; little pitch "
            "movement"
        ),
        cl=(
            "the pitch range is {d}narrow; the pitch moves within a {d}narrow range; the pitch varies little; the "
            "pitch hardly moves; the pitch movements are {d}small"
        ),
        tail="less movement than is usual; narrower than in most recordings",
        ref="the narrow pitch range; the small movement of pitch",
    ),
    ("range", "normal"): _wordings(
        np="a normal pitch range; a medium pitch range; a moderate pitch range; pitch over a medium range",
        cl=(
            "the pitch range is normal; the pitch range is medium; the pitch range is moderate; the pitch moves "
            "over a normal range"
        ),
        tail="neither wide nor narrow",
        ref="the normal pitch range; the medium pitch range",
    ),
    ("energy", "high"): _wordings(
        np=(
            "{d}high energy; a {d}loud voice; a {d}high energy level; {d}strong energy; a {d}powerful voice; a "
            "{d}high volume"
        ),
        cl=(
            "the energy is {d}high; the voice is {d}loud; the volume is {d}high; the loudness is {d}high; {he} "
            "speaks {d}loudly; the energy is {d}strong"
        ),
        tail="louder than most recordings; more than is usual; above the usual level",
        ref="the high energy; the loud voice; the high volume",
    ),
    ("energy", "low"): _wordings(
        np=(
            "{d}low energy; a {d}soft voice; a {d}quiet voice; a {d}low energy level; {d}weak energy; a {d}low "
            "volume"
        ),
        cl=(
            "the energy is {d}low; the voice is {d}quiet; the volume is {d}low; the loudness is {d}low; {he} speaks"
            " {d}softly; the voice is {d}soft"
        ),
        tail="quieter than most recordings; less than is usual; below the usual level",
        ref="the low energy; the soft voice; the low volume",
    ),
    ("energy", "normal"): _wordings(
        np="normal energy; a medium energy level; a normal volume; an average loudness; a moderate volume",
        cl=(
            "the energy is normal; the volume is average; the loudness is medium; the energy is moderate; the voice"
            " is neither loud nor soft"
        ),
        tail="about the usual level",
        ref="the normal energy; the moderate volume; the medium loudness",
    ),
    ("speed", "fast"): _wordings(
        np="a {d}fast pace; {d}fast speech; a {d}quick tempo; a {d}rapid delivery; a {d}high speaking rate",
        cl=(
            "the pace is {d}fast; the speech is {d}quick; {he} speaks {d}quickly; the words come {d}fast; the tempo"
            " is {d}fast; the delivery is {d}rapid"
        ),
        tail="faster than most speakers; quicker than usual",
        ref="the fast pace; the quick tempo; the rapid delivery",
    ),
    ("speed", "slow"): _wordings(
        np="a {d}slow pace; {d}slow speech; a {d}slow tempo; a {d}slow delivery; a {d}low speaking rate",
        cl=(
            "the pace is {d}slow; the speech is {d}slow; {he} speaks {d}slowly; the words come {d}slowly; the tempo"
            " is {d}slow; the delivery is {d}slow"
        ),
        tail="slower than most speakers; slower than usual",
        ref="the slow pace; the slow tempo; the slow delivery",
    ),
    ("speed", "normal"): _wordings(
        np="a normal pace; a medium pace; a moderate tempo; an average speaking rate; an ordinary pace",
        cl=(
            "the pace is normal; the tempo is medium; the pace is moderate; the speaking rate is average; the pace "
            "is neither fast nor slow"
        ),
        tail="about the usual rate",
        ref="the normal pace; the medium tempo; the moderate pace",
    ),
    ("intonation", "rising"): _wordings(
        np="a rising intonation; a rising contour; a melody that rises; a contour that goes up; a rising melody",
        cl=(
            "the intonation rises; the contour rises; the melody goes up; the melody climbs; the intonation is "
            "rising; the contour goes up"
        ),
        ref="the rising contour; the rising melody; the rise in the melody",
    ),
    ("intonation", "falling"): _wordings(
        np=(
            "a falling intonation; a falling contour; a melody that falls; a contour that goes down; a falling "
            "melody"
        ),
        cl=(
            "the intonation falls; the contour falls; the melody goes down; the melody drops; the intonation is "
            "falling; the contour comes down"
        ),
        ref="the falling contour; the falling melody; the fall in the melody",
    ),
    ("intonation", "rising-falling"): _wordings(
        np=(
            "a rising-falling intonation; a contour that rises and then falls; a melody that goes up and then down;"
            " a rising-falling contour"
        ),
        cl=(
            "the intonation rises and then falls; the melody goes up and then down; the contour first rises and "
            "then falls; the melody climbs and then drops; the contour is rising-falling"
        ),
        ref="the rising-falling contour; the rise and fall of the melody",
    ),
    ("intonation", "falling-rising"): _wordings(
        np=(
            "a falling-rising intonation; a contour that falls and then rises; a melody that goes down and then up;"
            " a falling-rising contour"
        ),
        cl=(
            "the intonation falls and then rises; the melody goes down and then up; the contour first falls and "
            "then rises; the melody drops and then climbs; the contour is falling-rising"
        ),
        ref="the falling-rising contour; the fall and rise of the melody",
    ),
    ("intonation", "flat"): _wordings(
        np="a flat intonation; a flat contour; a flat melody; a melody that stays flat",
        cl=(
            "the intonation is flat; the contour is flat; the melody stays flat; the intonation hardly changes; the"
            " contour stays flat"
        ),
        ref="the flat contour; the flat melody; the flat intonation",
    ),
    ("intonation", "expressive"): _wordings(
        np=(
            "an expressive intonation; a lively intonation; a lively melody; an expressive contour; a varied "
            "intonation"
        ),
        cl=(
            "the intonation is expressive; the intonation is lively; the melody is varied; the melody moves up and "
            "down; the contour is lively"
        ),
        ref="the lively melody; the expressive contour; the lively intonation",
    ),
    ("stress", "words"): _wordings(
        np=(
            "stress on {w}{where}; emphasis on {w}{where}; a strong accent on {w}{where}; extra weight on "
            "{w}{where}"
        ),
        cl=(
            "the stress falls on {w}{where}; {w} <is/are> stressed{where}; {w} <carries/carry> the stress{where}; "
            "the emphasis is on {w}{where}; {he} stresses {w}{where}; the accent lies on {w}{where}"
        ),
        ref="the stress on {w}; the emphasis on {w}",
    ),
    ("pauses", "one"): _wordings(
        np="a pause inside the sentence; a pause between the words; a break between words",
        cl=(
            "there is a pause between the words; a pause breaks the sentence; {he} pauses along the way; there is a"
            " break inside the sentence"
        ),
        ref="the pause",
    ),
    ("pauses", "several"): _wordings(
        np="several pauses; pauses between the words; more than one pause",
        cl=(
            "there are several pauses; pauses break the sentence; {he} pauses more than once; the speech is broken "
            "by pauses"
        ),
        ref="the pauses",
    ),
    ("pauses", "none"): _wordings(
        np="no pause between the words; speech without a pause",
        cl="there is no pause; the words run on without a pause; no pause breaks the sentence; {he} does not pause",
        ref="the lack of pauses",
    ),
}

# Emotion -> cue -> (values that fit, values that speak against it). What is in neither says little.
_HIGH, _LOW, _MID = ({"high"}, {"low"}), ({"low"}, {"high"}), ({"normal"}, {"high", "low"})
EXPECTED: dict[str, dict[str, tuple[set[str], set[str]]]] = {
    "angry": {
        "pitch": _HIGH,
        "range": ({"wide"}, {"narrow"}),
        "intonation": ({"expressive", "falling", "rising"}, {"flat"}),
        "energy": _HIGH,
        "speed": ({"fast"}, {"slow"}),
        "stress": ({"words"}, set()),
        "pauses": ({"none"}, set()),
    },
    "fear": {
        "pitch": _HIGH,
        "range": ({"narrow"}, set()),
        "intonation": ({"rising"}, {"falling"}),
        "energy": ({"low", "normal"}, {"high"}),
        "speed": ({"fast"}, {"slow"}),
        "pauses": ({"several"}, set()),
    },
    "happy": {
        "pitch": _HIGH,
        "range": ({"wide"}, {"narrow"}),
        "intonation": ({"expressive", "rising"}, {"flat"}),
        "energy": ({"high", "normal"}, {"low"}),
        "speed": ({"fast"}, {"slow"}),
        "stress": ({"words"}, set()),
    },
    "sad": {
        "pitch": _LOW,
        "range": ({"narrow"}, {"wide"}),
        "intonation": ({"falling", "flat"}, {"expressive", "rising"}),
        "energy": _LOW,
        "speed": ({"slow"}, {"fast"}),
        "pauses": ({"one", "several"}, set()),
    },
    "disgust": {
        "pitch": ({"low", "normal"}, {"high"}),
        "range": ({"normal"}, set()),
        "intonation": ({"falling"}, {"rising"}),
        "energy": ({"low", "normal"}, {"high"}),
        "speed": ({"slow"}, {"fast"}),
        "stress": ({"words"}, set()),
    },
    "contempt": {
        "pitch": _LOW,
        "range": ({"narrow", "normal"}, {"wide"}),
        "intonation": ({"falling", "rising-falling"}, {"rising"}),
        "energy": ({"low", "normal"}, {"high"}),
        "speed": ({"slow"}, {"fast"}),
    },
    "surprise": {
        "pitch": _HIGH,
        "range": ({"wide"}, {"narrow"}),
        "intonation": ({"expressive", "rising", "rising-falling"}, {"falling", "flat"}),
        "energy": _HIGH,
        "speed": ({"fast", "normal"}, {"slow"}),
        "stress": ({"words"}, set()),
    },
    "confused": {
        "pitch": ({"high", "normal"}, {"low"}),
        "range": ({"normal"}, set()),
        "intonation": ({"falling-rising", "rising"}, {"falling"}),
        "energy": ({"normal"}, {"high"}),
        "speed": ({"slow"}, {"fast"}),
        "pauses": ({"one", "several"}, set()),
    },
    "neutral": {
        "pitch": _MID,
        "range": ({"normal"}, {"narrow", "wide"}),
        "intonation": ({"falling", "flat"}, {"expressive", "rising"}),
        "energy": _MID,
        "speed": ({"normal"}, {"fast", "slow"}),
    },
    "whisper": {
        "energy": _LOW,
        "speed": ({"normal", "slow"}, {"fast"}),
        "range": (set(), {"wide"}),
        "intonation": (set(), {"expressive"}),
    },
}

# How the voice comes across, before the emotion is named: never a label, never a measurable cue. One each for a text whose first
# cue lies above what is usual, below it, and neither: the same cues and the same emotion always give the same word, so that a model
# which takes the likeliest word at every step names the emotion it finds likeliest, and not the one with the fewest words for it.
TONES: dict[str, tuple[str, str, str]] = {
    "angry": ("worked up", "tense and pressing", "hard-edged"),
    "fear": ("on edge", "uneasy", "insecure"),
    "happy": ("cheery and open", "pleased", "light-hearted"),
    "sad": ("heavy-hearted", "drained", "weighed down"),
    "disgust": ("repelled", "put off", "full of distaste"),
    "contempt": ("looking down on something", "dismissive", "distant"),
    "surprise": ("taken aback", "caught off guard", "struck by something new"),
    "confused": ("puzzled", "unsure", "searching"),
    "neutral": ("matter-of-fact", "composed", "settled"),
    "whisper": ("secretive", "held back", "private"),
}
OTHER_TONES = ("marked", "coloured", "distinct")
ABOVE_USUAL = {"high", "wide", "fast", "rising", "expressive", "words"}
BELOW_USUAL = {"low", "narrow", "slow", "falling", "flat", "one", "several"}

# Label -> what follows "sounds", and the noun used when it is weighed as an alternative.
SOUNDS: dict[str, str] = {label: label for label in ("angry", "happy", "sad", "neutral", "confused")} | {
    "whisper": "like a whisper",
}
NOUNS: dict[str, str] = {
    "angry": "anger",
    "happy": "happiness",
    "sad": "sadness",
    "neutral": "a neutral mood",
    "confused": "confusion",
    "fear": "fear",
    "disgust": "disgust",
    "surprise": "surprise",
    "contempt": "contempt",
    "contempt or disgust": "contempt or disgust",
}
# Other spellings of labels -> the key of the tables above.
ALIASES = {
    "anger": "angry",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "fearful": "fear",
    "disgusted": "disgust",
    "surprised": "surprise",
    "confusion": "confused",
    "contempt or disgust": "disgust",
}
# Whether an emotion itself is pleasant (1), unpleasant (-1) or neither (0); one that can be both is absent.
VALENCE = {"angry": -1, "fear": -1, "sad": -1, "disgust": -1, "contempt": -1, "happy": 1, "neutral": 0}
