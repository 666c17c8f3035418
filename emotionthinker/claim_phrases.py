"""Values and cues of several words ("above the average", "rising then falling", "trails off"), as patterns for `claim_links`.

Patterns are held against lower-case text, in the order of the lists, before single words are looked up in `claim_words`;
so a longer form stands before the shorter one that it contains. The lexer adds the word boundaries at both ends.
"""

from __future__ import annotations

from emotionthinker import claim_words as w
from emotionthinker.claim_words import Stated, Value, contour, of


def _alone(stated: Stated) -> Value:
    return Value(alone=stated, verb=True)


def _said(*kinds: dict[str, Stated]) -> Value:
    return Value({kind: stated for kind_of in kinds for kind, stated in kind_of.items()}, verb=True)


_OWNER = r"(?:the |his |her |their |its )"
_MELODY = rf"{_OWNER}?(?:pitch|melody|intonation|contour|voice|tone)|this voice"
_END = r"(?:at|toward|towards|near|in) (?:the |its )?(?:very )?(?:end|close|finish|ending)"
_BARELY = r"(?:hardly|barely|scarcely)"

# The course of the pitch.
RISE = (
    r"(?:ris(?:es|ing|e)|rose|climb(?:s|ing|ed)?|go(?:es|ing)? up|went up|mov(?:es|ing) up|upwards?|ascend(?:s|ing)|"
    r"lift(?:s|ing|ed)|soar(?:s|ing|ed)|upturn|(?:heads?|turns?|tips?) up(?:wards?)?)"
)
FALL = (
    r"(?:fall(?:s|ing)?|fell|drop(?:s|ping|ped)?|go(?:es|ing)? down|went down|com(?:es|ing) down|downwards?|descend(?:s|ing)|"
    r"declin(?:es|ing)|sink(?:s|ing)?|sank|dips?|slid(?:es?|ing) down|glid(?:es?|ing) down|slop(?:es?|ing) down(?:wards?)?|"
    r"plung(?:es?|ing)|plummets?|(?:heads?|turns?|drifts?) down(?:wards?)?)"
)
_THEN = r"(?:[\s,-]+(?:first|and|then|before|but|it|to|followed|by|slightly|again|a|later|finally|midway|briefly))*[\s,-]+"
# "climbs to a high register", "climbed far above the average" place the voice, they do not draw its course.
_MOVES_ON = (
    r"(?! (?:in)?to (?:a|an|the|her|his|their) (?:\w+ ){0,2}(?:register|pitch|range)\b)(?! (?:\w+ )?(?:above|below)\b)"
)
# "falls within a narrow range", "falls on 'never'", "falls short": nothing falls.
_FALLS_ON = rf"(?! (?:within|on(?! (?:top|the last|the final))|upon|into|between|short|near)\b)(?! in (?!{_MELODY}))"
_RISING, _FALLING = ("intonation", "rising"), ("intonation", "falling")
_RISE_FALL, _FALL_RISE = ("intonation", "rising-falling"), ("intonation", "falling-rising")

# A level that changes within the clip.
_LEVEL_RISES = of("energy_level", "rising", "energy") | of("speed_level", "rising", "speed")
_LEVEL_FALLS = of("energy_level", "falling", "energy") | of("speed_level", "falling", "speed")
_HEARD = ("energy", "voice", "speech", "person")
_MOVING = ("speed", "speech", "voice", "person")
_GROWS, _FADES = _alone(("energy_level", "rising")), _alone(("energy_level", "falling"))
_GETS = (
    r"(?:gets?|getting|got|grows?|growing|grew|becom(?:es?|ing)|became|turns?|turned)"
    r"(?: (?:slightly|somewhat|a bit|a little|much|steadily))?"
)
_LOUDER, _SOFTER = r"(?:louder|stronger)", r"(?:quieter|softer|fainter|weaker)"
_STARTS = r"(?:start(?:s|ed)?|beg[iau]ns?|beginning|outset|opening|open(?:s|ed))"
_ENDS = r"(?:end(?:s|ed|ing)?|close[sd]?|finish(?:es|ed)?)"
_AS = r"(?: (?:at|in|near|by|toward|towards|it|he|she|they|the|its|his|her|their|very))*"  # "than it was at the", loosely
_FIRST = r"in the (?:first|opening) (?:half|part)"
_LATER = r"in the (?:second|last|latter|final) (?:half|part)"

# How much of something there is.
_LITTLE = (
    rf"(?:lacks|lacking|(?:a )?lack of|little|without much|without any|{_BARELY} any|(?:next to|almost|virtually) no|not much)"
)
_MUCH = r"(?:(?:a )?(?:lot|lots|great deal) of|plenty of|much)"
_FORCE = r"(?:(?:vocal|real) )?(?:energy|volume|intensity|loudness|force|power|strength|vitality|vigou?r)"
_MOVEMENT = r"(?:variation|inflection|modulation|movement)"

# Where a level lies.
_AVERAGE = r"(?:average|usual|normal|norm|norms|typical|mean|middle|midpoint|ordinary)(?: range| level)?"
_WHOSE = r"(?:(?:the|his|her|their|its|what is|most|male|female|speaker|speakers|group|sex)(?:'s)? )*"
_WITHIN = r"of (?:the|his|her|their|its) (?:\w+ )?(?:range|register|scale|voice)"
_OTHERS = (
    r"(?:most|other|the average|those of most|that of most)(?: male| female)? (?:voices|men|women|speakers|people)"
)
_VARIES = r"(?:var(?:y|ies|ied)|chang(?:es?|ed)|mov(?:es?|ed)|fluctuates?)"
_LEAPS = r"(?:jump|leap|wander|roam|swing|bounce|range|hop)(?:s|ed)?"

_ROWS: list[tuple[Value, *tuple[str, ...]]] = [
    # a change of energy or speed within the clip
    (_GROWS, rf"(?:{_GETS} )?{_LOUDER} and {_LOUDER}", rf"{_LOUDER} {_LATER}", rf"{_SOFTER} {_FIRST}"),
    (_FADES, rf"(?:{_GETS} )?{_SOFTER} and {_SOFTER}", rf"{_SOFTER} {_LATER}", rf"{_LOUDER} {_FIRST}"),
    (_GROWS, rf"(?:{_STARTS} )?{_SOFTER}{_AS} than{_AS} {_ENDS}", rf"{_LOUDER}(?:{_AS} {_ENDS})? than{_AS} {_STARTS}"),
    (_FADES, rf"(?:{_STARTS} )?{_LOUDER}{_AS} than{_AS} {_ENDS}", rf"{_SOFTER}(?:{_AS} {_ENDS})? than{_AS} {_STARTS}"),
    (_GROWS, rf"{_GETS} {_LOUDER}"),
    (_FADES, rf"{_GETS} {_SOFTER}"),
    (_alone(("speed_level", "rising")), rf"{_GETS} (?:faster|quicker)"),
    (_alone(("speed_level", "falling")), rf"{_GETS} slower"),
    (
        _said(of("energy_level", "falling", *_HEARD)),
        r"(?:die[sd]|dying|fad(?:es?|ed|ing)|drop(?:s|ped)?|fall(?:s|ing)?)(?: \w+ly)? (?:away|off)",
        r"(?:trail|tail|ebb)(?:s|ed|ing)?(?: \w+ly)? (?:away|off)",
        r"fad(?:es|ed|ing)|peters out|dwindles|wanes|thin(?:s|ned)? out",
    ),
    (
        _said(of("energy_level", "rising", *_HEARD)),
        r"swell(?:s|ed|ing)?|(?:gain|gather)(?:s|ing)? (?:in )?(?:volume|strength|force)",
    ),
    (_said(_LEVEL_RISES), r"increas(?:es|ing)|grows|growing|builds|building"),
    (_said(_LEVEL_FALLS), r"decreas(?:es|ing)|diminish(?:es|ing)|shrinks|shrinking|lessens"),
    (_said(of("speed_level", "rising", *_MOVING)), r"quicken(?:s|ing)|accelerat(?:es|ing)|speed(?:s|ing) up|picks up"),
    (_said(of("speed_level", "falling", *_MOVING)), r"slow(?:s|ing)(?: down)?|decelerates"),
    (_said(w.STEADY_OF, of(*w.NARROW, "range")), rf"(?:never|does not|doesn't|did not|{_BARELY}) changed?"),
    # the course of the pitch
    (_said(contour("expressive")), r"(?:mov\w+|go\w*|swing\w*|bounc\w+|jump\w*|hop\w*) up and down"),
    (_alone(_FALL_RISE), r"(?:dip|fall|drop) followed by a (?:rise|lift|climb)", r"fall-rise"),
    (_alone(_RISE_FALL), r"(?:rise|climb) followed by a (?:fall|dip|drop)", r"rise-fall"),
    (_said(contour("rising-falling")), rf"{RISE}{_THEN}(?:{FALL}|down)", r"(?:peak|hump|arch) in the middle"),
    (
        _said(contour("falling-rising")),
        rf"{FALL}{_THEN}(?:{RISE}|up|recovers|comes back|rebounds)",
        r"(?:valley|dip|trough) in the middle",
    ),
    (_said(contour("flat")), r"straight line"),
    (_said(w.MOVES_OF, of(*w.EXPRESSIVE, "melody")), r"up[- ]and[- ]down"),
    (Value(alone=w.EXPRESSIVE), r"melodically (?:rich|varied)"),
    (
        _alone(_RISING),
        r"(?:final|terminal|closing|concluding) (?:rise|upturn|lift)",
        rf"(?:rise|upturn|lift) {_END}",
        rf"{_ENDS} (?:with|on|in) an? (?:\w+ )?(?:rise|upturn|high note|high tone)",
        rf"{_ENDS} high",
    ),
    (
        _alone(_FALLING),
        r"(?:final|terminal|closing|concluding) (?:fall|drop|descent)",
        rf"(?:fall|drop|descent) {_END}",
        rf"{_ENDS} (?:with|on|in) an? (?:\w+ )?(?:fall|drop|low note|low tone)",
        rf"{_ENDS} low",
    ),
    # idioms of loudness and speed
    (
        _alone(w.LOUD),
        r"(?:with|at) (?:full|all (?:his|her|their)) (?:force|volume|power|strength|voice)",
        r"above conversational (?:loudness|volume|level)",
        r"at the top of (?:his|her|their) (?:voice|lungs)",
    ),
    (
        _alone(w.SOFT),
        rf"{_BARELY} any sound|(?:{_BARELY}|no) louder than",
        r"under (?:his|her|their) breath|barely there",
        rf"(?:{_BARELY}|nearly|almost) (?:audible|inaudible|to be heard)",
    ),
    (
        _alone(w.FAST),
        r"in (?:haste|a hurry|a rush)|(?<=no )(?:haste|hurry|rush)",
        r"at (?:top|full|great) speed|fl(?:y|ies|ying|ew) (?:by|past)|(?:fires?|rattles?|reels?) off",
        r"(?:rushed|tumbled?|poured|spilled|spill|tumbling|pour) out(?: of (?:him|her|them))?",
    ),
    (
        _alone(w.SLOW),
        r"without (?:haste|hurry)|takes? forever|(?:one|word) at a time",
        r"tak(?:es|ing) (?:\w+ )?(?:time|long) (?:over|with|on|for)|tak(?:es|ing) (?:his|her|their) time",
    ),
    (_alone(w.FLAT), r"(?:even|level|steady|unvarying|unchanging) tone"),
    # much and little
    (_alone(w.LOUD), r"rais\w+ (?:his|her|their|the) voice", r"sp(?:eaks?|eaking|oke) up"),
    (_alone(w.SOFT), r"lower(?:s|ing|ed)? (?:his|her|their|the) voice"),
    (
        Value(of(*w.NARROW, "voice", "speech", "pitch", "intonation"), w.NARROW, verb=True),
        rf"{_LITTLE} {_MOVEMENT}(?: (?:in|of) {_MELODY})?",
    ),
    (Value(of(*w.SOFT, "voice", "speech"), w.SOFT, verb=True), rf"{_LITTLE} {_FORCE}", rf"no {_FORCE}(?! (?:level|peak)s?)"),
    (_alone(w.LOUD), rf"{_MUCH} {_FORCE}", r"with (?:great )?(?:vigou?r|force|power)", r"more energy"),
    (_alone(w.SOFT), r"(?:low|short) (?:in|on) (?:energy|volume|power)"),
    (_alone(w.LOUD), r"(?:high|big|strong) (?:in|on) (?:energy|volume|power)"),
    (_alone(w.FLAT), r"no (?:melody|intonation|inflection|ups and downs)"),
    (_said(w.STILL_OF, of(*w.NARROW, "voice", "speech")), rf"no (?:\w+ )?{_MOVEMENT}"),
    (Value(w.SCARCE_OF, attributive=True), rf"(?:less|fewer)(?= (?:\w+ )?(?:{_MOVEMENT}|{_FORCE})\b)"),
    (Value(w.MUCH_OF, attributive=True), rf"more(?= (?:\w+ )?(?:{_MOVEMENT}|{_FORCE})\b)", r"plenty of"),
    (_alone(w.EXPRESSIVE), rf"much (?:expression|variation) in {_OWNER}(?:intonation|melody)"),
    (Value(w.SCARCE_OF, attributive=True), rf"{_BARELY} any|(?:next to|almost|virtually) no|not much"),
    (Value(w.MUCH_OF, attributive=True), _MUCH),
    # the course again, of which the longer forms above had to be tried first
    (
        Value(contour("rising") | _LEVEL_RISES, verb=True),
        rf"(?<!give )(?<!gives )(?<!giving ){RISE}{_MOVES_ON}",
    ),
    (Value(contour("falling") | _LEVEL_FALLS, verb=True), rf"{FALL}{_FALLS_ON}{_MOVES_ON}"),
    # how far the pitch moves
    (
        _said(w.STILL_OF),
        rf"(?:{_BARELY}|does not|doesn't|never) (?:change|move|var[iy]|stray|budge|depart|deviate)\w*",
        rf"{_VARIES} (?:it )?(?:very )?(?:little|less)|stays the same",
    ),
    (
        _said(w.MOVES_OF),
        rf"{_LEAPS}(?: around| about)? (?:a lot|widely|far|freely)",
        rf"{_VARIES} (?:it )?(?:a lot|a great deal|much|strongly|considerably|more)",
    ),
    (
        _said(of(*w.NARROW, "pitch", "range")),
        r"(?:within|over|of|only|just) (?:only |just )?(?:a few|a couple of|two|three) semitones",
    ),
    (
        _said(of(*w.WIDE, "pitch", "range")),
        r"(?:more than|over|some|about|nearly) (?:nine|ten|eleven|twelve|thirteen|fourteen|fifteen|9|1\d|2\d) semitones",
        r"(?:an|one) (?:full |whole )?octave",
    ),
    # where a level lies
    (_said(w.HIGH_OF), rf"(?:above|over|beyond|exceeds?|higher than) {_WHOSE}{_AVERAGE}", r"above-(?:average|normal)"),
    (_said(w.LOW_OF), rf"(?:below|under|beneath|lower than) {_WHOSE}{_AVERAGE}", r"below-(?:average|normal)"),
    (
        Value(w.HIGH_OF, w.HIGH, verb=True),
        rf"(?:in|at|near|around|towards?) the (?:upper|high|higher|top) (?:region|part|end|half|third) {_WITHIN}",
    ),
    (
        Value(w.LOW_OF, w.LOW, verb=True),
        rf"(?:in|at|near|around|towards?) the (?:lower|low|bottom) (?:region|part|end|half|third) {_WITHIN}",
    ),
    (Value(w.HIGH_OF | of(*w.HIGH, "voice"), w.HIGH, verb=True), rf"higher than {_OTHERS}"),
    (Value(w.LOW_OF | of(*w.LOW, "voice"), w.LOW, verb=True), rf"lower than {_OTHERS}"),
    (_said(w.HIGH_OF), r"on the high(?:er)? side"),
    (_said(w.LOW_OF), r"on the low(?:er)? side"),
    (
        _said(w.NORMAL_OF),
        rf"(?:near|around|close to|about|at) the (?:middle|average|norm)|middle of {_OWNER}",
        r"(?:(?:is|lies|sits|stays|lie|sit) |right )(?:right )?in the middle(?! of (?:the|a) (?:sentence|line|phrase|clip))",
        r"(?:about |much |roughly )?the same as (?:that of )?(?:most|other|others|the average)",
        r"(?:similar|comparable) to (?:the average|most|others|other)",
    ),
]
VALUES: list[tuple[str, Value]] = [(pattern, value) for value, *patterns in _ROWS for pattern in patterns]
NEGATIONS = [r"rather than", r"instead of", r"as opposed to", r"far from", r"anything but", r"no longer", r"by no means"]

_MOVES = (
    r"(?:range|span|spread|variations?|variability|movements?|changes|excursions?|swings?|leaps?|jumps?|modulation|contrasts?|"
    r"fluctuations?)"
)
# (pattern, kind of cue), tried in this order before single words.
CUES: list[tuple[str, str]] = [
    (rf"(?:pitch|vocal|melodic|tonal)[- ]{_MOVES}(?! (?:around|about|up|down|over|widely|freely|a lot|much)\b)", "range"),
    (rf"(?:change|life) (?:of|in) {_OWNER}?(?:intonation|melody)|melodic life", "melody"),
    (rf"{_MOVES} (?:of|in) {_OWNER}?(?:pitch|melody|voice|intonation)", "range"),
    (r"(?:pitch|intonation|melodic)[- ](?:contour|curve|line|pattern|trajectory)", "intonation"),
    (r"(?:speaking|speech|articulation|talking)[- ](?:rate|speed|pace|tempo|pacing)", "speed"),
    (r"rate of (?:speech|speaking)|words per minute|speed[- ]levels?", "speed"),
    (r"energy[- ]levels?|vocal (?:energy|intensity|effort)|sound level|volume[- ]levels?", "energy"),
    (r"voice (?:level|volume)|(?:his|her|their) level(?! of)", "energy"),
    (r"pitch[- ]levels?|fundamental frequency|(?<=high )key|(?<=low )key", "pitch"),
    (r"tone of voice", "voice"),
]
