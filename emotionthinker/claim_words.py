"""The words in which explanations speak about a voice: cues, values, negations, as tables for `claim_links`.

A *cue* is what is spoken about ("pitch", "pace"); a *value* is what is said of it ("high", "slower"). Which attribute a
value states follows from its cue: a high pitch is `pitch_level`, a high rate is `speed_level`. Values that need no cue
("loudly") name their attribute themselves. Values and cues of several words are in `claim_phrases`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Stated = tuple[str, str]  # attribute, value


@dataclass(frozen=True)
class Value:
    """What a word states: per kind of cue (attribute, value), and `alone` where no cue is needed.

    `note`: what it states as an item of its own, in the notes of people ("loud, fast, sounds furious") and before "than".
    `attributive`: counts only before its cue ("little movement"). `verb`: may be followed by anything; an adjective that
    is followed by a noun that is no cue ("a low mood") states nothing about the voice.
    """

    of: dict[str, Stated] = field(default_factory=dict)
    alone: Stated | None = None
    verb: bool = False
    attributive: bool = False
    note: Stated | None = None


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


def of(attribute: str, value: str, *kinds: str) -> dict[str, Stated]:
    """The same statement for several kinds of cue."""
    return dict.fromkeys(kinds, (attribute, value))


def _of_each(pitch: str, pitch_range: str, energy: str, speed: str) -> dict[str, Stated]:
    return {
        "pitch": ("pitch_level", pitch),
        "range": ("pitch_range", pitch_range),
        "energy": ("energy_level", energy),
        "speed": ("speed_level", speed),
    }


HIGH, LOW = ("pitch_level", "high"), ("pitch_level", "low")
LOUD, SOFT = ("energy_level", "high"), ("energy_level", "low")
FAST, SLOW = ("speed_level", "fast"), ("speed_level", "slow")
WIDE, NARROW = ("pitch_range", "wide"), ("pitch_range", "narrow")
FLAT, EXPRESSIVE = ("intonation", "flat"), ("intonation", "expressive")

LOW_OF = _of_each("low", "narrow", "low", "slow")
HIGH_OF = _of_each("high", "wide", "high", "fast")
NORMAL_OF = _of_each("normal", "normal", "normal", "normal")
WIDE_OF = of(*WIDE, "range", "pitch", "intonation", "melody")
NARROW_OF = of(*NARROW, "range", "pitch", "intonation", "melody")
LOUD_OF = of(*LOUD, "energy", "voice", "speech", "person")
SOFT_OF = of(*SOFT, "energy", "voice", "speech")
QUIET_OF = SOFT_OF | of(*SOFT, "person")
FAST_OF = of(*FAST, "speed", "speech", "voice", "person")
SLOW_OF = of(*SLOW, "speed", "speech", "voice", "person")
MOVES_OF = of(*EXPRESSIVE, "intonation", "melody") | of(*WIDE, "pitch", "range")
STILL_OF = of(*FLAT, "intonation", "melody") | of(*NARROW, "pitch", "range")
STEADY_OF = (
    of(*FLAT, "intonation", "melody", "pitch") | of("energy_level", "steady", "energy") | of("speed_level", "steady", "speed")
)
MUCH_OF = of(*LOUD, "energy", "force") | of(*WIDE, "range") | of(*EXPRESSIVE, "melody")
SCARCE_OF = of(*SOFT, "energy", "force") | of(*NARROW, "range") | of(*FLAT, "melody")


def contour(value: str) -> dict[str, Stated]:
    """A course of the pitch. Of a "line" or "phrase" it may be said only of its end (`claim_links` sees to it)."""
    return of("intonation", value, "intonation", "pitch", "voice", "melody", "speech")


def _table(rows: list[tuple[str, Value]]) -> dict[str, Value]:
    return {word: value for listed, value in rows for word in listed.split()}


VALUES: dict[str, Value] = _table(
    [
        ("high higher highest elevated heightened upper highish ↑", Value(HIGH_OF | of(*HIGH, "voice"), note=HIGH)),
        ("raised", Value(HIGH_OF | of(*LOUD, "voice"))),
        ("increased", Value(HIGH_OF)),
        ("low lower lowest lowish ↓", Value(LOW_OF | of(*LOW, "voice"), note=LOW)),
        ("lowered", Value(LOW_OF | of(*SOFT, "voice"))),
        ("reduced decreased diminished", Value(LOW_OF)),
        ("deep deeper", Value(of(*LOW, "pitch", "voice"), note=LOW)),
        ("bass baritone", Value(of(*LOW, "pitch", "voice"), LOW)),
        ("shrill squeaky", Value(of(*HIGH, "pitch", "voice"), note=HIGH)),
        ("treble soprano falsetto", Value(of(*HIGH, "pitch", "voice"), HIGH, verb=True)),
        ("high-pitched higher-pitched", Value(of(*HIGH, "voice", "speech", "person"), HIGH, verb=True)),
        ("low-pitched lower-pitched deep-voiced", Value(of(*LOW, "voice", "speech", "person"), LOW, verb=True)),
        (
            "normal medium moderate average ordinary mid standard mid-range mid-level balanced regular middling "
            "unremarkable typical",
            Value(NORMAL_OF),
        ),
        ("neutral usual customary", Value(NORMAL_OF, attributive=True)),
        ("wide wider widely broad broader widened wide-ranging expanded extended", Value(WIDE_OF)),
        (
            "large larger big bigger great considerable generous ample extensive vast rich dramatic sweeping",
            Value(of(*WIDE, "range")),
        ),
        ("narrow narrower narrowed limited restricted compressed confined restrained", Value(NARROW_OF)),
        ("small smaller slight tiny cramped", Value(of(*NARROW, "range"))),
        ("minimal", Value(of(*NARROW, "range") | of(*SOFT, "energy"))),
        ("modest", Value(of(*SOFT, "energy") | of(*NARROW, "range"))),
        ("little", Value(SCARCE_OF, attributive=True)),
        ("lively livelier", Value(MOVES_OF | of(*FAST, "speed"))),
        ("varied variable animated dynamic expressive modulated colourful colorful", Value(MOVES_OF)),
        ("melodic melodious", Value(MOVES_OF | of(*EXPRESSIVE, "voice"), note=EXPRESSIVE)),
        ("sing-song singsong lilting", Value(contour("expressive"), EXPRESSIVE)),
        ("flat flatter flattened", Value(contour("flat"), note=FLAT)),
        ("level", Value(of(*FLAT, "intonation", "melody", "pitch"))),
        ("even steady constant stable unchanging unvarying unchanged consistent uniform", Value(STEADY_OF)),
        ("monotone monotonous monotonously monotonic", Value(contour("flat"), FLAT)),
        ("uninflected unmodulated toneless tonelessly", Value(contour("flat"), FLAT)),
        (
            "strong stronger powerful intense vigorous energetic forceful robust thunderous booming resounding",
            Value(of(*LOUD, "energy", "voice") | of(*WIDE, "range")),
        ),
        ("weak weaker faint feeble muted low-key", Value(of(*SOFT, "energy", "voice"), note=SOFT)),
        ("loud louder loudest loudly deafening", Value(LOUD_OF, LOUD)),
        ("forcefully powerfully vigorously full-voiced full-throated", Value(alone=LOUD)),
        ("quiet quieter quietly hushed softly", Value(QUIET_OF, SOFT)),
        ("inaudible inaudibly", Value(of(*SOFT, "energy", "voice", "person"), SOFT)),
        ("faintly feebly whispery softness quietness", Value(QUIET_OF, SOFT)),
        ("soft-spoken softly-spoken", Value(QUIET_OF, SOFT, verb=True)),
        ("gently", Value(of(*SOFT, "speech", "person"), verb=True)),
        ("breathed", Value(of(*SOFT, "speech"))),
        ("soft softer subdued gentle", Value(SOFT_OF, note=SOFT)),
        (
            "shouts shouting shouted yells yelling yelled screams screaming screamed bellows bellowing bellowed roars "
            "roaring roared hollers hollering hollered",
            Value(alone=LOUD, verb=True),
        ),
        (
            "whispers whispering whispered whisper murmurs murmuring murmured murmur mumbles mumbling mumbled mutters "
            "muttering muttered",
            Value(of(*SOFT, "energy", "voice"), alone=SOFT, verb=True),
        ),
        ("fast faster fastest quick quicker rapid brisk swift hurried rushed hasty speedy rapid-fire", Value(FAST_OF, note=FAST)),
        ("quickly rapidly hurriedly briskly swiftly hastily speedily", Value(FAST_OF, FAST)),
        ("hurries hurrying hurry rushes rushing races racing", Value(of(*FAST, "speech", "voice", "person", "speed"), verb=True)),
        ("accelerated", Value(of(*FAST, "speed"))),
        ("slow slower slowest sluggish unhurried leisurely slowish slowed", Value(SLOW_OF, note=SLOW)),
        ("deliberate relaxed draggy dragging languid plodding ponderous lethargic", Value(of(*SLOW, "speed"))),
        ("measured", Value(of("speed_level", "normal/slow", "speed"))),
        ("slowly unhurriedly sluggishly slowness", Value(SLOW_OF, SLOW)),
        ("creeps creeping crept crawls crawling crawled", Value(of(*SLOW, "speech", "voice", "person", "speed"), verb=True)),
        ("drags drag drawls drawl", Value(of(*SLOW, "speech", "voice", "person", "speed"), verb=True)),
    ]
)

CUES: dict[str, str] = {
    word: kind
    for listed, kind in (
        ("pitch pitched f0 register", "pitch"),
        ("range variation variations fluctuation fluctuations excursions", "bare range"),
        ("intonation contour inflection inflections note tune", "intonation"),
        ("melody melodies", "melody"),
        ("energy volume loudness intensity amplitude vitality vigour vigor", "energy"),
        ("power force strength", "force"),
        ("pace paced pacing tempo speed rate rhythm cadence", "speed"),
        (
            "speech delivery words speaks speak speaking spoken spoke talks talk talking talked says said delivered uttered "
            "sentence utterance line phrase question statement manner way bursts",
            "speech",
        ),
        ("voice voices vocal tone tones timbre", "voice"),
        ("speaker talker man woman male female person he she they caller girl boy lady gentleman guy", "person"),
    )
    for word in listed.split()
}
# An "energy" or "intensity" that is not one of sound.
NOT_OF_SOUND = words("emotional emotion nervous negative positive mental")

NEGATIONS = words("not no never without nor neither lack lacks lacking absence cannot hardly nothing isn't none")
# What is said of someone else's tempo or energy, "the tempo of events", is not; of these it is.
OF_VOICE = words("speech speaking delivery words voice sentence utterance recording clip audio him her his")
DOUBTS = words("possibly perhaps maybe probably apparently")
HEDGES = words("slightly somewhat mildly bit slight marginally moderately relatively rather fairly roughly shade touch")
# Words that state more than the level: "very high", "remarkably slow". "Clearly" says how sure the
# level is, and "so" what followed from it ("so softly that they leaned in") …
INTENSIFIERS = words(
    """very extremely exceptionally exceedingly extraordinarily remarkably strikingly markedly unusually uncommonly abnormally
    incredibly unbelievably tremendously immensely intensely enormously hugely massively overwhelmingly excessively profoundly
    terribly awfully insanely painfully particularly especially highly really super ultra"""
)
# … and those that do so before a comparison: "much louder", "a lot faster", "far above the average".
FURTHER = words("much far way lot vastly dramatically drastically")
DEGREES = INTENSIFIERS | words("so too quite pretty kinda more less most much clearly")
# Words that may stand between a value and the cue it describes ("a low and very even overall pitch").
BETWEEN = (HEDGES - {"slight", "touch", "shade"}) | words(
    """very quite clearly markedly notably strikingly overall vocal and or but yet to more less little trembling calm
    clear general emphatic shaky tense extremely unusually noticeably too so talking - ,"""
)
# What may follow an adjective that is said of a cue before it ("the pitch is high for a man"); so may any adverb in -ly.
AFTER_PREDICATE = words(
    """and or but yet for in at with throughout then which that as than while when where to from near on overall enough
    end side level levels here too also by so because though although toward towards nor band part half during across over
    again is are was if even rather well compared against before after like since both without not still only indicating
    suggesting conveying giving making reflecting showing creating what whereas whose more most who until once above
    below about comes goes can marks shapes stands stand meets paired together next one until unless i imo"""
)
# Verbs that pass from what is heard to what it means: what follows them is no longer said of the cue before …
JUDGING = words(
    """suggest suggests suggesting indicate indicates indicating convey conveys conveying imply implies implying reflect
    reflects reflecting express expresses point points pointing hint hints hinting make makes making give gives giving
    showing mean means sounding seeming"""
)
# … and those that may also say what is heard, right after the cue ("the voice sounds loud").
SEEMING = words("sound sounds seem seems seemed feel feels feeling appear appears")
COPULAS = words("is are was were be been being remains stays isn't aren't wasn't weren't")
# An expectation, not an observation ("anger would have a high pitch").
EXPECTING = words("would wouldn't expect expected expects typically usually normally if often tends tend")
DEFINITE = words("the this these his her their its such that both")
