"""The words in which explanations speak about a voice: cues, values, negations, as tables for `claims`.

A *cue* is what is spoken about ("pitch", "pace"); a *value* is what is said of it ("high", "slower"). Which attribute a
value states follows from its cue: a high pitch is `pitch_level`, a high rate is `speed_level`. Values that need no cue
("loudly") name their attribute themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Value:
    """What a word states: per kind of cue (attribute, value), and `alone` where no cue is needed.

    `attributive`: counts only before its cue ("little movement"). `verb`: may be followed by anything; an adjective that
    is followed by a noun that is no cue ("a low mood") states nothing about the voice.
    """

    of: dict[str, tuple[str, str]] = field(default_factory=dict)
    alone: tuple[str, str] | None = None
    verb: bool = False
    attributive: bool = False


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _of(attribute: str, value: str, *kinds: str) -> dict[str, tuple[str, str]]:
    return dict.fromkeys(kinds, (attribute, value))


def _of_each(pitch: str, pitch_range: str, energy: str, speed: str) -> dict[str, tuple[str, str]]:
    return {
        "pitch": ("pitch_level", pitch),
        "range": ("pitch_range", pitch_range),
        "energy": ("energy_level", energy),
        "speed": ("speed_level", speed),
    }


LOW_OF = _of_each("low", "narrow", "low", "slow")
HIGH_OF = _of_each("high", "wide", "high", "fast")
NORMAL_OF = _of_each("normal", "normal", "normal", "normal")
WIDE_OF = _of("pitch_range", "wide", "range", "pitch", "intonation")
NARROW_OF = _of("pitch_range", "narrow", "range", "pitch", "intonation")
LOUD_OF = _of("energy_level", "high", "energy", "voice", "speech", "person")
SOFT_OF = _of("energy_level", "low", "energy", "voice", "speech")
QUIET_OF = SOFT_OF | _of("energy_level", "low", "person")
FAST_OF = _of("speed_level", "fast", "speed", "speech", "voice", "person")
SLOW_OF = _of("speed_level", "slow", "speed", "speech", "voice", "person")
MOVES_OF = _of("intonation", "expressive", "intonation") | _of("pitch_range", "wide", "pitch", "range")
STILL_OF = _of("intonation", "flat", "intonation") | _of("pitch_range", "narrow", "pitch", "range")


def _contour(value: str) -> dict[str, tuple[str, str]]:
    return _of("intonation", value, "intonation", "pitch", "voice")


def _table(rows: list[tuple[str, Value]]) -> dict[str, Value]:
    return {word: value for words, value in rows for word in words.split()}


VALUES: dict[str, Value] = _table(
    [
        ("high higher highest elevated heightened upper", Value(HIGH_OF | _of("pitch_level", "high", "voice"))),
        ("raised", Value(HIGH_OF | _of("energy_level", "high", "voice"))),
        ("increased increases", Value(HIGH_OF)),
        ("low lower lowest", Value(LOW_OF | _of("pitch_level", "low", "voice"))),
        ("lowered", Value(LOW_OF | _of("energy_level", "low", "voice"))),
        ("reduced decreased diminished", Value(LOW_OF)),
        ("deep deeper", Value(_of("pitch_level", "low", "pitch", "voice"))),
        ("shrill squeaky", Value(_of("pitch_level", "high", "pitch", "voice"))),
        ("high-pitched higher-pitched", Value(_of("pitch_level", "high", "voice", "speech"), ("pitch_level", "high"))),
        ("low-pitched lower-pitched", Value(_of("pitch_level", "low", "voice", "speech"), ("pitch_level", "low"))),
        (
            "normal medium moderate average ordinary mid standard mid-range mid-level balanced regular middling "
            "unremarkable",
            Value(NORMAL_OF),
        ),
        ("neutral typical", Value(NORMAL_OF, attributive=True)),
        ("wide wider widely broad broader widened", Value(WIDE_OF)),
        ("large larger big great considerable", Value(_of("pitch_range", "wide", "range"))),
        ("narrow narrower narrowed limited restricted compressed", Value(NARROW_OF)),
        ("small smaller minimal", Value(_of("pitch_range", "narrow", "range"))),
        ("little", Value(_of("pitch_range", "narrow", "range"), attributive=True)),
        ("lively livelier", Value(MOVES_OF | _of("speed_level", "fast", "speed"))),
        ("varied variable animated dynamic expressive melodic modulated", Value(MOVES_OF)),
        ("sing-song singsong", Value(_contour("expressive"), ("intonation", "expressive"))),
        ("flat flatter flattened", Value(_contour("flat") | _of("intonation", "flat", "speech"))),
        ("even steady level constant stable unchanging unvarying", Value(_of("intonation", "flat", "intonation", "pitch"))),
        ("monotone monotonous monotonously monotonic", Value(_contour("flat"), ("intonation", "flat"))),
        ("strong stronger powerful intense vigorous energetic forceful", Value(_of("energy_level", "high", "energy", "voice"))),
        ("weak weaker faint feeble", Value(_of("energy_level", "low", "energy", "voice"))),
        ("loud louder loudest loudly", Value(LOUD_OF, ("energy_level", "high"))),
        ("quiet quieter quietly hushed softly", Value(QUIET_OF, ("energy_level", "low"))),
        ("soft softer subdued gentle", Value(SOFT_OF)),
        ("shouts shouting shouted yells yelling yelled", Value(alone=("energy_level", "high"), verb=True)),
        ("whispers whispering whispered", Value(alone=("energy_level", "low"), verb=True)),
        ("fast faster fastest quick quicker rapid brisk swift hurried rushed", Value(FAST_OF)),
        ("quickly rapidly hurriedly briskly swiftly", Value(FAST_OF, ("speed_level", "fast"))),
        ("quickens speeds accelerates hurries rushes", Value(FAST_OF, verb=True)),
        ("slows slowing", Value(SLOW_OF, verb=True)),
        ("slow slower slowest sluggish unhurried leisurely", Value(SLOW_OF)),
        ("slowly unhurriedly sluggishly", Value(SLOW_OF, ("speed_level", "slow"))),
    ]
)

RISE = r"(?:ris(?:es|ing|e)|rose|climb(?:s|ing|ed)?|go(?:es|ing)? up|went up|upward|ascend(?:s|ing)|lift(?:s|ing))"
FALL = (
    r"(?:fall(?:s|ing)?|fell|drop(?:s|ping|ped)?|go(?:es|ing)? down|went down|com(?:es|ing) down|downward|descend(?:s|ing)"
    r"|declin(?:es|ing)|sink(?:s|ing)?|dips?)"
)
_THEN = r"(?:[\s,-]+(?:first|and|then|before|but|it|to|followed|by|slightly|again|a|later|finally))*[\s,-]+"
_MELODY = r"(?:the |his |her |their |its )?(?:pitch|melody|intonation|contour|voice|tone)|this voice"
_SCARCE = r"(?:lacks|lacking|lack of|little|without much|without any)"
# A level that changes within the clip: found, but one value for the clip cannot check it.
_LEVEL_RISES = _of("energy_level", "rising", "energy") | _of("speed_level", "rising", "speed")
_LEVEL_FALLS = _of("energy_level", "falling", "energy") | _of("speed_level", "falling", "speed")
# "climbs to a high register" places the voice, it does not draw its course.
_NOT_TO_A_PLACE = r"(?! (?:in)?to (?:a|an|the|her|his|their) (?:\w+ ){0,2}(?:register|pitch|range)\b)"
_STATIC = r"(?:hardly|barely|scarcely|does not|doesn't)"

# Several words that make one value, tried in this order before single words.
VALUE_PHRASES: list[tuple[str, Value]] = [
    (rf"{RISE}{_THEN}(?:{FALL}|down)", Value(_contour("rising-falling"), verb=True)),
    (rf"{FALL}{_THEN}(?:{RISE}|up)", Value(_contour("falling-rising"), verb=True)),
    (r"(?:mov\w+|go\w*|swing\w*|bounc\w+) up and down", Value(_contour("expressive"), verb=True)),
    (r"rais\w+ (?:his|her|their|the) voice", Value(alone=("energy_level", "high"), verb=True)),
    (r"lower(?:s|ing|ed)? (?:his|her|their|the) voice", Value(alone=("energy_level", "low"), verb=True)),
    (
        rf"{_SCARCE} (?:energy|volume|intensity|loudness|force)",
        Value(_of("energy_level", "low", "voice", "speech"), ("energy_level", "low"), verb=True),
    ),
    (
        rf"{_SCARCE} (?:variation|inflection|modulation|movement)(?: (?:in|of) {_MELODY})?",
        Value(_of("pitch_range", "narrow", "voice", "speech", "pitch", "intonation"), ("pitch_range", "narrow"), verb=True),
    ),
    (rf"(?<!give )(?<!gives )(?<!giving ){RISE}{_NOT_TO_A_PLACE}", Value(_contour("rising") | _LEVEL_RISES, verb=True)),
    (
        rf"{FALL}(?! (?:within|on(?! top)|upon|into|between|short|near)\b)(?! in (?!{_MELODY})){_NOT_TO_A_PLACE}",
        Value(_contour("falling") | _LEVEL_FALLS, verb=True),
    ),
    (
        rf"{_STATIC} (?:change|move|var[iy])\w*|(?:changes|moves|varies) (?:very )?little|stays the same",
        Value(STILL_OF, verb=True),
    ),
    (r"(?:changes|moves|varies) (?:a lot|a great deal|much|strongly|considerably)", Value(MOVES_OF, verb=True)),
    (r"above (?:the )?(?:average|usual|normal)(?: range| level)?", Value(HIGH_OF, verb=True)),
    (r"below (?:the )?(?:average|usual|normal)(?: range| level)?", Value(LOW_OF, verb=True)),
    (r"(?:near|around|close to) the (?:middle|average)|middle of (?:the|its|his|her|their)", Value(NORMAL_OF, verb=True)),
]
NEGATION_PHRASES = [r"rather than", r"instead of", r"as opposed to", r"far from", r"anything but", r"no longer"]

# (pattern, kind of cue), tried in this order before single words.
CUE_PHRASES: list[tuple[str, str]] = [
    (r"pitch[- ](?:range|span|variation|variations|variability|movements?|excursions?|spread|swings?|modulation)", "range"),
    (
        r"(?:range|spread|variation|movements?|variability|span|modulation) (?:of|in) (?:the |his |her |their |its )?"
        r"(?:pitch|melody|voice)",
        "range",
    ),
    (r"(?:vocal|melodic|tonal) (?:range|variation)", "range"),
    (r"(?:pitch|intonation|melodic)[- ](?:contour|curve|line|pattern|trajectory)", "intonation"),
    (r"(?:speaking|speech|articulation|talking)[- ](?:rate|speed|pace|tempo)|rate of (?:speech|speaking)", "speed"),
    (r"energy[- ]levels?|vocal (?:energy|intensity|effort)|sound level", "energy"),
    (r"pitch[- ]levels?|fundamental frequency", "pitch"),
    (r"volume[- ]levels?", "energy"),
]
CUES: dict[str, str] = {
    word: kind
    for words, kind in (
        ("pitch pitched f0 register", "pitch"),
        ("range variation variations fluctuation fluctuations excursions", "bare range"),
        ("intonation contour melody inflection note", "intonation"),
        ("energy volume loudness intensity amplitude", "energy"),
        ("pace paced tempo speed rate", "speed"),
        ("speech delivery words speaks speak speaking spoken talks talk talking says said delivered uttered", "speech"),
        ("voice vocal tone timbre", "voice"),
            ("speaker talker man woman male female person he she they", "person"),
    )
    for word in words.split()
}
# An "energy" or "intensity" that is not one of sound.
NOT_OF_SOUND = _words("emotional emotion nervous negative positive mental")

NEGATIONS = _words("not no never without nor neither lack lacks lacking absence cannot hardly nothing")
HEDGES = _words("slightly somewhat mildly bit slight marginally moderately relatively rather fairly")
# Words that may stand between a value and the cue it describes ("a low and very even overall pitch").
BETWEEN = HEDGES | _words(
    """very quite clearly markedly notably strikingly overall vocal and or but yet to more less little trembling calm
    clear general emphatic shaky tense extremely unusually noticeably too so - ,"""
)
# What may follow an adjective that is said of a cue before it ("the pitch is high for a man"); so may any adverb in -ly.
AFTER_PREDICATE = _words(
    """and or but yet for in at with throughout then which that as than while when where to from near on of overall enough
    end side level levels here too also by so because though although toward towards nor band part half during across over
    again is are was if even rather well compared against before after like since both without not still only indicating
    suggesting conveying giving making reflecting showing creating what whereas whose more most who until once above
    below about comes goes can marks shapes stands stand meets paired together next one"""
)
# Verbs that pass from what is heard to what it means: what follows them is no longer said of the cue before …
JUDGING = _words(
    """suggest suggests suggesting indicate indicates indicating convey conveys conveying imply implies implying reflect
    reflects reflecting express expresses point points pointing hint hints hinting make makes making give gives giving show
    shows showing mean means sounding seeming"""
)
# … and those that may also say what is heard, right after the cue ("the voice sounds loud").
SEEMING = _words("sound sounds seem seems seemed feel feels feeling appear appears")
# An expectation, not an observation ("anger would have a high pitch").
EXPECTING = _words("would wouldn't expect expected expects typically usually normally if often tends tend")
DEFINITE = _words("the this these his her their its such that both")

SEX: dict[str, str] = {
    **dict.fromkeys(("man", "male", "gentleman", "guy", "boy"), "Male"),
    **dict.fromkeys(("woman", "female", "lady", "girl"), "Female"),
}
# (pattern, age levels it allows); the first that matches at a place counts.
AGES: list[tuple[str, tuple[str, ...]]] = [
    (r"young(?:er)?[- ](?:adult|adulthood)", ("Young Adult",)),
    (r"middle[- ]aged?|midlife", ("Middle-aged",)),
    (r"elderly|senior|aged (?:man|woman|speaker|voice)|old (?:man|woman|lady|person|speaker)", ("Elderly",)),
    (r"older[- ](?:adult|man|woman|lady|person|speaker|male|female|voice)", ("Middle-aged", "Elderly")),
    (r"teen(?:age|ager|aged)?s?\b|adolescent", ("Teenager",)),
    (r"child(?:ish|like)?\b|kid\b|little (?:boy|girl)", ("Child",)),
    (r"(?:early|mid|late)?[- ]?(?:twenties|20s)|(?:early)[- ](?:thirties|30s)", ("Young Adult",)),
    (r"(?:mid|late)?[- ]?(?:thirties|30s|forties|40s|fifties|50s)", ("Middle-aged",)),
    (r"(?:sixties|60s|seventies|70s|eighties|80s)", ("Elderly",)),
    (r"young(?:er)?[- ](?:man|woman|lady|person|speaker|male|female|voice|girl|boy)", ("Teenager", "Young Adult")),
    (r"adult", ("Young Adult", "Middle-aged", "Elderly")),
]
