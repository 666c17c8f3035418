"""Values and cues of several words ("above the average", "rising then falling", "trails off"), as patterns for `claim_links`.

Patterns are held against lower-case text, in the order of the lists, before single words are looked up in `claim_words`. The lexer adds
the word boundaries at both ends.
"""

from __future__ import annotations

from emotionthinker import claim_words as w
from emotionthinker.claim_words import Value, contour, of

_OWNER = r"(?:the |his |her |their |its )"
_END = r"(?:end|close|finish|ending)"

# The course of the pitch.
RISE = (
    r"(?:ris(?:es|ing|e)|rose|climb(?:s|ing|ed)?|go(?:es|ing)? up|went up|mov(?:es|ing) up|upward|ascend(?:s|ing)|"
    r"lift(?:s|ing|ed)|soar(?:s|ing|ed)|upturn)"
)
FALL = (
    r"(?:fall(?:s|ing)?|fell|drop(?:s|ping|ped)?|go(?:es|ing)? down|went down|com(?:es|ing) down|downward|descend(?:s|ing)|"
    r"declin(?:es|ing)|sink(?:s|ing)?|sank|dips?|slid(?:es?|ing) down|glid(?:es?|ing) down|slop(?:es?|ing) down(?:wards?)?|"
    r"plung(?:es?|ing)|plummets?)"
)
_THEN = r"(?:[\s,-]+(?:first|and|then|before|but|it|to|followed|by|slightly|again|a|later|finally))*[\s,-]+"
_MELODY = rf"{_OWNER}?(?:pitch|melody|intonation|contour|voice|tone)|this voice"
# "climbs to a high register", "climbed far above the average" place the voice, they do not draw its course.
_NOT_TO_A_PLACE = r"(?! (?:in)?to (?:a|an|the|her|his|their) (?:\w+ ){0,2}(?:register|pitch|range)\b)(?! (?:\w+ )?(?:above|below)\b)"
_AT_END = rf"(?: (?:at|toward|towards|near|in) (?:the |its )?(?:very )?{_END})"

# How much of something there is.
_LITTLE = (
    r"(?:lacks|lacking|(?:a )?lack of|little|without much|without any|(?:hardly|scarcely|barely) any|(?:next to|almost|virtually) no|"
    r"not much)"
)
_MUCH = r"(?:(?:a )?(?:lot|lots|great deal) of|plenty of|much)"
_FORCE = r"(?:(?:vocal|real) )?(?:energy|volume|intensity|loudness|force|power|strength|vitality|vigou?r)"
_MOVEMENT = r"(?:variation|inflection|modulation|movement)"

# A level that changes within the clip.
_LEVEL_RISES = of("energy_level", "rising", "energy") | of("speed_level", "rising", "speed")
_LEVEL_FALLS = of("energy_level", "falling", "energy") | of("speed_level", "falling", "speed")
_MOVING_SPEECH = ("speed", "speech", "voice", "person")
_HEARD = ("energy", "voice", "speech", "person")
_GETS = r"(?:gets?|getting|got|grows?|growing|grew|becom(?:es?|ing)|became|turns?|turned)(?: (?:slightly|somewhat|a bit|a little|much|steadily))?"
_LOUDER, _SOFTER = r"(?:louder|stronger)", r"(?:quieter|softer|fainter|weaker)"
_STARTS = r"(?:start(?:s|ed)?|beg[iau]ns?|beginning|outset|opening|open(?:s|ed))"
_ENDS = r"(?:end(?:s|ed|ing)?|close[sd]?|finish(?:es|ed)?)"
_AS = r"(?: (?:at|in|near|by|toward|towards|it|he|she|they|the|its|his|her|their|very))*"  # "than it was at the", loosely
_GROWS = Value(alone=("energy_level", "rising"), verb=True)
_FADES = Value(alone=("energy_level", "falling"), verb=True)

# Where a level lies.
_MIDDLE = r"(?:average|usual|normal|norm|norms|typical|mean|middle|midpoint|ordinary)"
_OF_WHOM = r"(?:(?:the|his|her|their|its|what is|most|male|female|speaker|speakers|group|sex)(?:'s)? )*"
_VARIES = r"(?:var(?:y|ies|ied)|chang(?:es?|ed)|mov(?:es?|ed)|fluctuates?)"

# Several words that make one value, tried in this order before single words.
VALUES: list[tuple[str, Value]] = [
    # a change of energy or speed within the clip
    (rf"(?:{_GETS} )?{_LOUDER} and {_LOUDER}", _GROWS),
    (rf"(?:{_GETS} )?{_SOFTER} and {_SOFTER}", _FADES),
    (rf"(?:{_STARTS} )?(?:{_SOFTER}{_AS} than{_AS} {_ENDS}|{_LOUDER}(?:{_AS} {_ENDS})? than{_AS} {_STARTS})", _GROWS),
    (rf"(?:{_STARTS} )?(?:{_LOUDER}{_AS} than{_AS} {_ENDS}|{_SOFTER}(?:{_AS} {_ENDS})? than{_AS} {_STARTS})", _FADES),
    (rf"{_GETS} {_LOUDER}", _GROWS),
    (rf"{_GETS} {_SOFTER}", _FADES),
    (rf"{_GETS} (?:faster|quicker)", Value(alone=("speed_level", "rising"), verb=True)),
    (rf"{_GETS} slower", Value(alone=("speed_level", "falling"), verb=True)),
    (
        r"(?:die[sd]|dying|fad(?:es?|ed|ing)|trail(?:s|ed|ing)?|tail(?:s|ed|ing)?|ebb(?:s|ed)?|drop(?:s|ped)?|fall(?:s|ing)?)"
        r"(?: \w+ly)? (?:away|off)|fad(?:es|ed|ing)|peters out|dwindles|wanes",
        Value(of("energy_level", "falling", *_HEARD), verb=True),
    ),
    (
        r"swell(?:s|ed|ing)?|(?:gain|gather)(?:s|ing)? (?:in )?(?:volume|strength|force)",
        Value(of("energy_level", "rising", *_HEARD), verb=True),
    ),
    (r"increas(?:es|ing)|grows|growing|builds|building", Value(_LEVEL_RISES, verb=True)),
    (r"decreas(?:es|ing)|diminish(?:es|ing)|shrinks|shrinking|lessens", Value(_LEVEL_FALLS, verb=True)),
    (r"quicken(?:s|ing)|accelerat(?:es|ing)|speed(?:s|ing) up|picks up", Value(of("speed_level", "rising", *_MOVING_SPEECH), verb=True)),
    (r"slow(?:s|ing)(?: down)?|decelerates", Value(of("speed_level", "falling", *_MOVING_SPEECH), verb=True)),
    (r"(?:never|does not|doesn't|did not|hardly|barely) changed?", Value(w.STEADY_OF | of(*w.NARROW, "range"), verb=True)),
    # the course of the pitch
    (r"(?:mov\w+|go\w*|swing\w*|bounc\w+|jump\w*) up and down", Value(contour("expressive"), verb=True)),
    (rf"(?:dip|fall|drop) followed by a (?:rise|lift|climb)", Value(alone=("intonation", "falling-rising"), verb=True)),
    (rf"(?:rise|climb) followed by a (?:fall|dip|drop)", Value(alone=("intonation", "rising-falling"), verb=True)),
    (rf"(?:{RISE}{_THEN}(?:{FALL}|down)|rise-fall)", Value(contour("rising-falling"), verb=True)),
    (rf"(?:{FALL}{_THEN}(?:{RISE}|up)|fall-rise)", Value(contour("falling-rising"), verb=True)),
    (r"up[- ]and[- ]down", Value(w.MOVES_OF | of(*w.EXPRESSIVE, "melody"))),
    (r"melodically (?:rich|varied)", Value(alone=w.EXPRESSIVE)),
    (rf"(?:final|terminal|closing) (?:rise|upturn|lift)|(?:rise|upturn|lift){_AT_END}", Value(alone=("intonation", "rising"), verb=True)),
    (rf"(?:final|terminal|closing) (?:fall|drop|descent)|(?:fall|drop|descent){_AT_END}", Value(alone=("intonation", "falling"), verb=True)),
    (rf"{_ENDS} (?:with|on|in) an? (?:\w+ )?(?:rise|upturn|high note|high tone)|{_ENDS} high", Value(alone=("intonation", "rising"), verb=True)),
    (rf"{_ENDS} (?:with|on|in) an? (?:\w+ )?(?:fall|drop|low note|low tone)|{_ENDS} low", Value(alone=("intonation", "falling"), verb=True)),
    (r"rais\w+ (?:his|her|their|the) voice|sp(?:eaks?|eaking|oke) up", Value(alone=w.LOUD, verb=True)),
    (r"lower(?:s|ing|ed)? (?:his|her|their|the) voice", Value(alone=w.SOFT, verb=True)),
    # much and little
    (
        rf"{_LITTLE} {_MOVEMENT}(?: (?:in|of) {_MELODY})?",
        Value(of(*w.NARROW, "voice", "speech", "pitch", "intonation"), w.NARROW, verb=True),
    ),
    (rf"{_LITTLE} {_FORCE}|no {_FORCE}(?! (?:level|peak)s?)", Value(of(*w.SOFT, "voice", "speech"), w.SOFT, verb=True)),
    (rf"{_MUCH} {_FORCE}|with (?:great )?(?:vigou?r|force|power)|more energy", Value(alone=w.LOUD, verb=True)),
    (r"no (?:melody|intonation|inflection)", Value(alone=w.FLAT, verb=True)),
    (rf"much (?:expression|variation) in {_OWNER}(?:intonation|melody)", Value(alone=w.EXPRESSIVE, verb=True)),
    (r"(?:hardly|scarcely|barely) any|(?:next to|almost|virtually) no|not much", Value(w.SCARCE_OF, attributive=True)),
    (_MUCH, Value(w.MUCH_OF, attributive=True)),
    (r"(?:even|level|steady|unvarying|unchanging) tone", Value(alone=w.FLAT, verb=True)),
    (r"in (?:haste|a hurry|a rush)|(?<=no )(?:haste|hurry|rush)|at (?:top|full|great) speed|fl(?:y|ies|ying|ew) (?:by|past)", Value(alone=w.FAST, verb=True)),
    (rf"(?:rushed|tumbled?|poured|spilled|spill|tumbling|pour) out(?: of (?:him|her|them))?|(?:fires?|rattles?|reels?) off", Value(alone=w.FAST, verb=True)),
    (r"tak(?:es|ing) (?:\w+ )?(?:time|long) (?:over|with|on|for)|tak(?:es|ing) (?:his|her|their) time", Value(alone=w.SLOW, verb=True)),
    (r"at the top of (?:his|her|their) (?:voice|lungs)", Value(alone=w.LOUD, verb=True)),
    (r"under (?:his|her|their) breath|(?:barely|hardly|scarcely|nearly|almost) (?:audible|inaudible|to be heard)|barely there", Value(alone=w.SOFT, verb=True)),
    # the course again, of which the longer forms above had to be tried first
    (rf"(?<!give )(?<!gives )(?<!giving ){RISE}{_NOT_TO_A_PLACE}", Value(contour("rising") | _LEVEL_RISES, verb=True)),
    (
        rf"{FALL}(?! (?:within|on(?! (?:top|the last|the final))|upon|into|between|short|near)\b)(?! in (?!{_MELODY})){_NOT_TO_A_PLACE}",
        Value(contour("falling") | _LEVEL_FALLS, verb=True),
    ),
    # how far the pitch moves
    (
        rf"(?:hardly|barely|scarcely|does not|doesn't) (?:change|move|var[iy])\w*|{_VARIES} (?:it )?(?:very )?(?:little|less)|stays the same",
        Value(w.STILL_OF | of(*w.NARROW, "melody"), verb=True),
    ),
    (rf"{_VARIES} (?:it )?(?:a lot|a great deal|much|strongly|considerably|more)", Value(w.MOVES_OF, verb=True)),
    (r"(?:within|over|of|only|just) (?:only |just )?(?:a few|a couple of|two|three) semitones", Value(of(*w.NARROW, "pitch", "range"), verb=True)),
    (
        r"(?:more than|over|some|about|nearly) (?:nine|ten|eleven|twelve|thirteen|fourteen|fifteen|9|1\d|2\d) semitones|(?:a|an|one) (?:full |whole )?octave",
        Value(of(*w.WIDE, "pitch", "range"), verb=True),
    ),
    # where a level lies
    (rf"(?:above|over|beyond|exceeds?|higher than) {_OF_WHOM}{_MIDDLE}(?: range| level)?|above-average|above-normal", Value(w.HIGH_OF, verb=True)),
    (rf"(?:below|under|beneath|lower than) {_OF_WHOM}{_MIDDLE}(?: range| level)?|below-average|below-normal", Value(w.LOW_OF, verb=True)),
    (r"on the high(?:er)? side", Value(w.HIGH_OF, verb=True)),
    (r"on the low(?:er)? side", Value(w.LOW_OF, verb=True)),
    (
        rf"(?:near|around|close to|about|at) the (?:middle|average|norm)|(?:(?:is|lies|sits|stays|lie|sit) |right )(?:right )?in the middle(?! of (?:the|a) (?:sentence|line|phrase|clip))|middle of {_OWNER}|"
        rf"(?:about |much |roughly )?the same as (?:that of )?(?:most|other|others|the average)|(?:similar|comparable) to (?:the average|most|others|other)",
        Value(w.NORMAL_OF, verb=True),
    ),
]
NEGATIONS = [r"rather than", r"instead of", r"as opposed to", r"far from", r"anything but", r"no longer", r"by no means"]

# (pattern, kind of cue), tried in this order before single words.
_MOVES = r"(?:range|span|spread|variations?|variability|movements?|changes|excursions?|swings?|leaps?|jumps?|modulation|contrasts?)"
CUES: list[tuple[str, str]] = [
    (rf"(?:pitch|vocal|melodic|tonal)[- ]{_MOVES}", "range"),
    (rf"{_MOVES} (?:of|in) {_OWNER}?(?:pitch|melody|voice|intonation)", "range"),
    (r"(?:pitch|intonation|melodic)[- ](?:contour|curve|line|pattern|trajectory)", "intonation"),
    (r"(?:speaking|speech|articulation|talking)[- ](?:rate|speed|pace|tempo)|rate of (?:speech|speaking)", "speed"),
    (r"speed[- ]levels?|(?:speech|speaking|talking)[- ]pacing", "speed"),
    (r"energy[- ]levels?|vocal (?:energy|intensity|effort)|sound level|volume[- ]levels?", "energy"),
    (r"pitch[- ]levels?|fundamental frequency|(?<=high )key|(?<=low )key", "pitch"),
    (r"tone of voice", "voice"),
]
