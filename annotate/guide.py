"""What each point of each scale means, with a worked example: the instruction page, and the wording under the buttons.

All examples speak about one clip that raters can play there: `assets/examples/angry.flac`, a synthetic woman's voice that says
"I will never do that again.": loud (95th percentile), pitch high and moving over a wide range, falling at the end, pace normal,
weight on "again", no pause. A test holds the examples of factual alignment against the measurement of that clip.
"""

from __future__ import annotations

from dataclasses import dataclass

EXAMPLE_CLIP = "angry.flac"
EXAMPLE_WORDS = "I will never do that again."


@dataclass(frozen=True)
class Point:
    """One point of a scale: what it means, a text that deserves it, and why it does."""

    meaning: str
    example: str
    because: str


@dataclass(frozen=True)
class Scale:
    """One of the four scales. `question` is what to ask oneself; `points` from 1 to 5."""

    name: str
    title: str
    question: str
    points: tuple[Point, Point, Point, Point, Point]


SCALES = (
    Scale("factual_alignment", "Facts", "Is what it says about the sound and the words true of this recording?", (
        Point("Most of what it states is wrong for this recording.",
              "A man speaks softly. His pitch is low and his voice is quiet.",
              "Wrong sex, wrong pitch, wrong loudness: nothing that is stated can be heard."),
        Point("More is wrong than right, or one thing is so wrong that the picture is false.",
              "A woman speaks. Her voice is quiet and her pitch is low.",
              "Only the woman is right; loudness and pitch are the opposite of what is heard."),
        Point("Some of it is right, but there is one clear error or something invented.",
              "A woman speaks loudly and her pitch is high, with a long pause in the middle.",
              "There is no pause: one clear invention among true facts."),
        Point("All but right: a detail is doubtful or inexact.",
              "A woman speaks loudly. Her pitch is high and the pace is rather slow.",
              "The pace is close to normal; to call it slow is inexact, and the rest is true."),
        Point("Every fact it states can be heard, or seen in the figure.",
              'A woman speaks loudly. Her pitch is high, moves over a wide range and falls at the end. She says "I will never do '
              'that again".',
              "Each of these can be checked, and each is true."),
    )),
    Scale("interpretative_quality", "Reasoning", "Does the emotion follow from the cues, and are cues against it weighed?", (
        Point("The emotion does not follow from the cues, or no cue is given.",
              "The voice is loud and the pitch is high, so the speaker must be bored.",
              "Loud and high speaks against boredom; the conclusion contradicts its own reasons."),
        Point("A cue is named, but it hardly bears on the emotion.",
              "The speaker is a woman, which suggests that she is angry.",
              "The sex of a speaker says nothing about an emotion."),
        Point("Cues are named and the emotion is fitting, but the link is only asserted.",
              "The voice is loud and the pitch is high. It sounds angry.",
              "True and plausible, but it does not say why these cues mean anger."),
        Point("The cues are tied to the emotion, but what speaks against it is left out.",
              "A loud voice with a wide, steeply falling melody presses each point home, as anger does.",
              "The link is made; joy, which is loud and wide as well, is not considered."),
        Point("Each cue is tied to the emotion, conflicts are weighed, and the conclusion follows.",
              "Loud, high and wide would fit joy as well as anger. But the melody falls instead of lifting, and the words refuse; "
              "so anger is the better reading.",
              "It weighs a second emotion and says what decides."),
    )),
    Scale("caption_completeness", "Completeness", "Is all there that matters: speaker, salient cues, words, and their fit?", (
        Point("Nearly everything that matters is missing.",
              "Somebody says something.",
              "No speaker, no cue, no words."),
        Point("One thing that matters is there, the rest is missing.",
              "The voice is loud.",
              "The loudness stands out most, but speaker, melody and words are left out."),
        Point("About half of what matters is there.",
              "A woman speaks loudly and her pitch is high.",
              "Speaker and two cues; neither the words nor how they fit."),
        Point("All but one thing that matters is there.",
              'A woman speaks loudly, her pitch high and falling at the end, and says "I will never do that again".',
              "It does not say whether the words and the voice agree."),
        Point("Speaker, the cues that stand out, the words and their fit: all there.",
              'A woman speaks loudly; her pitch is high, ranges widely and falls onto "again". She says "I will never do that '
              "again\": the words refuse, and the voice agrees with them.",
              "Nothing that matters for this recording is left out."),
    )),
    Scale("fluency_and_structural_clarity", "Language", "Is it easy to follow, from what is heard to what is concluded?", (
        Point("Hard to follow: broken, repeated or contradictory sentences.",
              "Angry voice loud the loud pitch angry. Loud pitch angry it is is loud.",
              "No sentence holds together."),
        Point("It can be understood with effort: clumsy, or the same thing twice.",
              "It is loud. The loudness is loud. Pitch is high. It is angry because loud. Also pitch is high.",
              "Understandable, but it goes round in circles."),
        Point("Readable, but the order is loose.",
              "It sounds angry. The pitch falls. A woman speaks. She refuses something. It is also loud.",
              "Good sentences in no order: the conclusion comes first and the speaker in the middle."),
        Point("Clear and in order, with a little filler or one awkward sentence.",
              "A woman speaks, and it is worth mentioning here that her voice is loud. The melody falls. All in all it sounds "
              "angry.",
              "In order, but some words say nothing."),
        Point("A clear order from what is heard to the conclusion, without filler.",
              "A woman speaks loudly, her melody falling at the end of each phrase. She refuses something. Voice and words agree: "
              "it sounds angry.",
              "Who, how, what, therefore; every sentence adds something."),
    )),
)
BY_NAME = {scale.name: scale for scale in SCALES}
