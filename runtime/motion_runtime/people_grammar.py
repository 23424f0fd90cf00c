"""How sentences name people: the nouns, counts and turns of phrase that `people_named` goes by."""

from __future__ import annotations

import re
from typing import Final

from motion_runtime.verb_forms import PAST, forms

NUMBERS: Final = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "twenty": 20, "a couple of": 2, "a pair of": 2, "a dozen": 12,
}  # fmt: skip
"""More than a model knows too: the bundle says how many those are, as it does of people who are given."""
THINGS: Final = (
    r"(?:beds?|bedside|chairs?|rooms?|lift|hoist|gowns?|chart|file|station|desk|table|trolley|cart|call (?:bell|button)"
    r"|monitor|seat|ward|area|door|expression|badge|uniform)"
)
# A patient bed is no patient, and someone's bag nobody.
ONE: Final = (
    r"(?:(?:person|man|woman|adult|child|boy|girl|lady|gentleman|guy|human|nurse(?:['’]s aide)?|doctor|carer|caregiver"
    r"|aide|assistant|helper|therapist|physiotherapist|paramedic|physician|surgeon|medic"
    r"|orderly|porter|employee|worker|staff member|member of staff|patient|resident|visitor|guest"
    rf"|relative|friend|colleague|partner|senior)(?!['’\w-]| {THINGS}\b))"
)
LIKE: Final = (
    r"(?:(?:old|older|elderly|young|younger|frail|weak|sick|ill|injured|fallen|tall|small|second|third|confused|dizzy"
    r"|tired|drunk|blind|female|male) )*"
)
FINITE: Final = (
    r"(?:\w+ly )?(?:is|was|has|does|goes|[a-z]{2,}(?<![ius])s|[a-z]{2,}ed|fell|sat|stood|lay|ran|got|went)\b"
)
# 'Another' alone is somebody only where no noun follows, which it goes with.
ANOTHER: Final = (
    r"another(?=,|$| (?:up|to|into|onto|in|on|at|out|off|from|along|around|while|as|and|who|stand|sit|get|walk|lie|rise"
    rf"|go|come)\b| {FINITE})"
)
SOMEBODY: Final = (
    rf"(?:(?:a|an|the|one|his|her|their|another|the other) {LIKE}{ONE}"
    rf"|(?:someone|somebody)(?: else)?(?!['’\w-])|{ANOTHER})"
)
MANY: Final = (
    r"(?:people|persons|men|women|adults|children|boys|girls|ladies|gentlemen|guys|humans|nurses|doctors|carers"
    r"|caregivers|aides|assistants|helpers|therapists|physiotherapists|paramedics|workers|staff members|patients"
    r"|residents|visitors|guests|relatives|friends|colleagues|seniors|others)(?!['’\w-])"
)
SINGULAR: Final = {
    "people": "person", "men": "man", "women": "woman", "children": "child", "ladies": "lady",
    "gentlemen": "gentleman", "others": "person",
}  # fmt: skip
COUNT: Final = (
    rf"(?:(?:the|these|those) )?(?P<number>{'|'.join(NUMBERS)}|[2-9]|[1-9]\d)(?: other| more)?"
    rf" (?P<like>{LIKE})(?P<many>{MANY})"
)
COUNTED: Final = re.compile(COUNT)
COUNT_OF: Final = re.sub("[?]P<[a-z]+>", "?:", COUNT)
SOME: Final = rf"(?:{COUNT_OF}|{SOMEBODY})"
LISTED: Final = rf"{SOME}(?:, {SOME})*,? and {SOME}"
SEVERAL: Final = rf"(?:{LISTED}|{SOME})"
NO_VERB: Final = r"(?:in|on|at|by|with|near|from|of|one|who|whose|that|and|or|a|an|the|two|three|there|then)\b"
SUBJECT: Final = re.compile(rf"({SEVERAL})(?: both| all(?! the\b))?[,:]? (?!and\b|,)(.+)")
NAMELY: Final = re.compile(rf"({COUNT_OF})[,:] ({LISTED}),? ")
JOINED: Final = r"(?:,? and|,? while|,? whereas|,? but|,? then|[,;:])(?: then)?"
CLAUSES: Final = re.compile(
    rf"(?!.* as \w+ as )({SEVERAL} .+?)"
    rf"(?:{JOINED}|,? as(?! {SOMEBODY} (?:does|did|would)\b))"
    rf" ((?:{SOMEBODY} {FINITE}|(?!{SOMEBODY} ){SEVERAL} (?!{NO_VERB})\w).*)"
)
OF_THEM: Final = (
    r"(?:(?P<rest>the (?:others?|rest)(?: of them| one)?(?= [a-z]))"
    rf"|(?P<some>one|two|three) of (?:them|whom|(?:the|these|those) (?:\w+ )?(?P<of>{MANY}))"
    rf"|(?:one|the (?P<place>first|second|third)(?: one| person)?)(?= {FINITE})"
    rf"|(?:the(?: other)?|one) {LIKE}(?P<who>{ONE}|{MANY})) "
)
"""Some of those who were named before."""
EACH_OF_THEM: Final = re.compile(rf"(?:^|(?:{JOINED}|,? (?:until|as)) (?:only )?){OF_THEM}")
NO_VERB_FIRST: Final = re.compile(NO_VERB)
ONE_BY_ONE: Final = re.compile(SOME)
ONE_OF_SO_MANY: Final = re.compile(rf"^one of ({COUNT_OF})")
ONE_OF_MANY: Final = re.compile(rf"\bone of (?:the|these|those|their) (?P<like>{LIKE})(?P<many>{MANY})")
WITH: Final = re.compile(
    rf"(.+?)(?: together)? (with|beside|next to|alongside) ({SEVERAL})((?!,? (?:who|that)\b).*)"
)
# Nobody but the one who does it is there: 'as if somebody pushed them', 'acts like a nurse who helps a patient'.
NOT_THERE: Final = re.compile(
    r"\b(?:as (?:if|though)|pretend\w*|imitat\w*|mim(?:es?|ing|ics?|icking)|imagin\w*|acts? (?:as|like|out))\b"
)
# 'One foot in front of another': a foot too.
ONE_OF_THINGS: Final = re.compile(
    r"\b(?:one|a) (?:foot|leg|hand|arm|knee|elbow|side|step|stair|chair|bed)\b.*\banother\b"
    rf"(?! {LIKE}{ONE})"
)
FIRST: Final = re.compile(
    r"(?:(?:in|on|at|near|beside|by) (?:the|a|an|his|her|their) \w+,? |\w+ly,? |then )*"
    r"(?:(?:a|an|the|one|his|her|their|my|our|this|that|another) (?:[a-z-]+ ){0,2}?)?"
    rf"({LIKE}(?:{ONE}|{MANY}))"
)
"""Whoever a prompt begins with: 'in the hall a rather confused patient'."""
CROWD: Final = re.compile(
    r"(?:(?:a|the) (?:\w+ )?(?:crowd|group|couple|pair|family|team|bunch)\b"
    rf"|(?:(?:several|many|some|a few|lots of|all|most|both) )?(?:the )?{LIKE}{MANY}|every(?:body|one)\b"
    rf"|{COUNT_OF}$)"
)
"""More people than one, of whom it is not said how many, or not what they do."""
NOT_TOLD_APART: Final = re.compile(r"\b(?:one|two|some|none|neither) of (?:them|whom)\b")
ANYBODY: Final = ("person", "human", "someone", "somebody")
MAN_OR_WOMAN: Final = ("man", "woman", "boy", "girl", "lady", "gentleman", "guy")
HELPED: Final = re.compile(
    rf"({SEVERAL}) (.+?) with (?:the |some )?(?:help|support|assistance) (?:of|from) ({SEVERAL})(.*)"
)
IN_WHEELCHAIR: Final = re.compile(
    rf"({SEVERAL}) (?:push(?:es)?|steers?|wheels?) ({SOMEBODY}) (?:(?:around )?in|who sits in|sitting in)"
    r" (?:a|the|his|her|their) wheel-?chair\b(.*)"
)
# What people who do it together are as near to each other for as the one sentence of all of them says.
SHARED: Final = re.compile(
    r"\b(?:danc(?:es?|ing)|salsa|hug(?:s|ging)?|embraces?|each other|one another|hand in hand"
    r"|(?:holds?|holding|shakes?|shaking) hands)\b"
)
DOING: Final = re.compile(r"(?:\w+ly )?(?!spring)[a-z]{3,}ing\b")
OTHER: Final = re.compile(rf"^(?:(?:another|the other) (?={LIKE}{ONE}\b)|(another)\b|((?:someone|somebody) else)\b)")
TOGETHER: Final = re.compile(r" (?:together|side by side|next to each other|(?:both|all) of them|both|each)\b")
VERBS: Final = frozenset([
    "walk", "run", "sit", "stand", "lie", "fall", "turn", "jump", "wave", "bend", "reach", "pick", "get", "go",
    "come", "stop", "talk", "look", "dance", "kneel", "squat", "climb", "push", "raise", "lift", "leave", "enter",
    "start", "trip", "slip", "crawl", "hop", "kick", "clap", "point", "step", "stretch", "rest", "wait", "rise",
    "sleep", "roll", "faint", "collapse", "stumble", "stroll", "jog"
])  # fmt: skip
PASTS: Final = frozenset(word for verb in VERBS for form, word in forms(verb) if form == PAST) - VERBS
COUNTS: Final = {number: word for word, number in NUMBERS.items() if word.isalpha()}
PLACES: Final = ("first", "second", "third")
THEY: Final = re.compile(r"(?:then )?(?:they|both|all|(?:both|all) of them)(?: both| all)? ((?!of\b).+)")
MODAL: Final = frozenset(["can", "will", "must", "may", "should", "could", "would", "don't", "do", "all", "both"])
"""What is not made one's by an s: the sentence stays as it is."""
BE: Final = {"are": "is", "were": "was", "have": "has"}
