"""The people that one sentence names: 'a nurse helps a patient stand up' is about two, 'three people walk' about three.

Who gives one prompt and says nothing of how many people there are means those that it names. Each of them gets a
sentence of their own where it can be told what they do, and their class where a noun says it:

    three people walk                              a person walks, three times
    a nurse and a patient walk                     a nurse walks / a patient walks
    a man walks while another person sits down     a man walks / another person sits down
    a nurse walks with a patient                   a nurse walks / a patient walks
    a nurse helps a patient stand up               that sentence for both, as helping was learned
    a patient stands up with the help of a nurse   a nurse helps a patient stand up, for both
    a nurse pushes a patient in a wheelchair       a nurse pushes a wheelchair / a patient sits in a wheelchair ...
    two people walk | 3s: they sit down            a person walks | 3s: a person sits down, twice

In parts the first one names them; a later one says what they do, or names the same people in the same order. This is a
grammar of a dozen rules and no parser: what it does not find stays one person's sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from motion_preprocessing.captions import third_person
from motion_runtime.person_classes import class_named
from motion_runtime.said import GETS_UP
from motion_runtime.timeline import LENGTH
from motion_runtime.verb_forms import PAST, forms
from motion_runtime.who_holds import who_holds, who_wheels

_NUMBERS: Final = {"two": 2, "three": 3, "four": 4, "2": 2, "3": 3, "4": 4}
"""As many as the built-in model knows."""
_THINGS: Final = (
    r"(?:beds?|bedside|chairs?|rooms?|lift|hoist|gowns?|chart|file|station|desk|table|trolley|cart|call (?:bell|button)"
    r"|monitor|seat|ward|area|door|expression|badge|uniform)"
)
# A patient bed is no patient, and someone's bag nobody.
_ONE: Final = (
    r"(?:(?:person|man|woman|adult|child|boy|girl|lady|gentleman|guy|human|nurse(?:['’]s aide)?|doctor|carer|caregiver"
    r"|aide|assistant|helper|therapist|physiotherapist|paramedic|worker|staff member|patient|resident|visitor|guest"
    rf"|relative|friend|colleague|partner|senior)(?!['’\w-]| {_THINGS}\b))"
)
_LIKE: Final = r"(?:(?:old|older|elderly|young|younger|frail|weak|sick|ill|injured|fallen|tall|small|second|third) )*"
_FINITE: Final = (
    r"(?:\w+ly )?(?:is|was|has|does|goes|[a-z]{2,}(?<![ius])s|[a-z]{2,}ed|fell|sat|stood|lay|ran|got|went)\b"
)
# 'Another' alone is somebody only where no noun follows, which it goes with.
_ANOTHER: Final = (
    r"another(?=,|$| (?:up|to|into|onto|in|on|at|out|off|from|along|around|while|as|and|who|stand|sit|get|walk|lie|rise"
    rf"|go|come)\b| {_FINITE})"
)
_SOMEBODY: Final = (
    rf"(?:(?:a|an|the|one|his|her|their|another|the other) {_LIKE}{_ONE}"
    rf"|(?:someone|somebody)(?: else)?(?!['’\w-])|{_ANOTHER})"
)
_MANY: Final = (
    r"(?:people|persons|men|women|adults|children|boys|girls|ladies|guys|humans|nurses|doctors|carers|caregivers|aides"
    r"|assistants|therapists|workers|patients|residents|visitors|guests|friends|colleagues|seniors|others)"
)
_SINGULAR: Final = {
    "people": "person", "men": "man", "women": "woman", "children": "child", "ladies": "lady", "others": "person",
}  # fmt: skip
_COUNTED: Final = re.compile(rf"(two|three|four|[234]) ({_LIKE})({_MANY})\b,? (.+)")
_BOTH: Final = re.compile(rf"({_SOMEBODY}) and ({_SOMEBODY})(?: both)? (?!and\b|,)(.+)")
_CLAUSES: Final = re.compile(
    rf"(?!.* as \w+ as )({_SOMEBODY} .+?)"
    rf"(?:,? and|,? while|,? as(?! {_SOMEBODY} (?:does|did|would)\b)|,? whereas|,? then|[,;])(?: then)?"
    rf" ({_SOMEBODY} {_FINITE}.*)"
)
_WITH: Final = re.compile(
    rf"({_SOMEBODY}) (.+?)(?: together)? (with|beside|next to|alongside) ({_SOMEBODY})((?!,? (?:who|that)\b).*)"
)
# Nobody but the one who does it is there: 'as if somebody pushed them', 'acts like a nurse who helps a patient'.
_NOT_THERE: Final = re.compile(
    r"\b(?:as (?:if|though)|pretend\w*|imitat\w*|mim(?:es?|ing|ics?|icking)|imagin\w*|acts? (?:as|like|out))\b"
)
# 'One foot in front of another': a foot too.
_ONE_OF_THINGS: Final = re.compile(
    r"\b(?:one|a) (?:foot|leg|hand|arm|knee|elbow|side|step|stair|chair|bed)\b.*\banother\b"
    rf"(?! {_LIKE}{_ONE})"
)
_ANYBODY: Final = ("person", "human", "someone", "somebody")
_MAN_OR_WOMAN: Final = ("man", "woman", "boy", "girl", "lady", "gentleman", "guy")
_HELPED: Final = re.compile(
    rf"({_SOMEBODY}) (.+?) with (?:the |some )?(?:help|support|assistance) (?:of|from) ({_SOMEBODY})(.*)"
)
_IN_WHEELCHAIR: Final = re.compile(
    rf"({_SOMEBODY}) (?:pushes|steers|wheels) ({_SOMEBODY}) (?:(?:around )?in|who sits in|sitting in)"
    r" (?:a|the|his|her|their) wheel-?chair\b(.*)"
)
# What people who do it together are as near to each other for as the one sentence of all of them says.
_SHARED: Final = re.compile(
    r"\b(?:danc(?:es?|ing)|salsa|hug(?:s|ging)?|embraces?|each other|one another|hand in hand"
    r"|(?:holds?|holding|shakes?|shaking) hands)\b"
)
_NO_VERB: Final = re.compile(
    r"(?:in|on|at|by|with|near|from|of|one|who|whose|that|and|or|a|an|the|two|three|there|then)\b"
)
_DOING: Final = re.compile(r"(?:\w+ly )?(?!spring)[a-z]{3,}ing\b")
_OTHER: Final = re.compile(rf"^(?:(?:another|the other) (?={_LIKE}{_ONE}\b)|(another)\b|((?:someone|somebody) else)\b)")
_TOGETHER: Final = re.compile(r" (?:together|side by side|next to each other|both|each)\b")
_VERBS: Final = frozenset([
    "walk", "run", "sit", "stand", "lie", "fall", "turn", "jump", "wave", "bend", "reach", "pick", "get", "go",
    "come", "stop", "talk", "look", "dance", "kneel", "squat", "climb", "push", "raise", "lift", "leave", "enter",
    "start", "trip", "slip", "crawl", "hop", "kick", "clap", "point", "step", "stretch", "rest", "wait", "rise",
    "sleep", "roll", "faint", "collapse", "stumble", "stroll", "jog"
])  # fmt: skip
_PAST: Final = frozenset(word for verb in _VERBS for form, word in forms(verb) if form == PAST) - _VERBS
_COUNTS: Final = {number: word for word, number in _NUMBERS.items() if word.isalpha()}
_THEY: Final = re.compile(r"(?:then )?(?:they|both|all|(?:both|all) of them)(?: both| all)? ((?!of\b).+)")
_MODAL: Final = frozenset(["can", "will", "must", "may", "should", "could", "would", "don't", "do", "all", "both"])
"""What is not made one's by an s: the sentence stays as it is."""
_BE: Final = {"are": "is", "were": "was", "have": "has"}


def people_named(prompts: Sequence[str], person_classes: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Prompts and classes of the people that a single prompt names; as they are where several or a class are given.

    Args:
        prompts: What was asked for.
        person_classes: Who they are, as far as that was said.

    Returns:
        A prompt and a class for each person; the arguments where nothing is found.
    """
    as_given = tuple(prompts), tuple(person_classes)
    if len(as_given[0]) != 1 or as_given[1]:
        return as_given
    found = _in_parts(prompts[0].split("|"))
    if len(found) < 2:
        return as_given
    told, who = zip(*found, strict=True)
    # Who is told alone is nobody's other: 'another person walks' would be done with somebody.
    alone = [words if told.count(words) > 1 else _OTHER.sub(_plain_one, words) for words in told]
    return tuple(alone), tuple(map(class_named, who))


def as_named(prompts: Sequence[str], person_classes: Sequence[str]) -> str:
    """How `motion-run` says whom it found in a prompt."""
    each = "; ".join(f"{who}: {told}" for who, told in zip(person_classes, prompts, strict=True))
    return f"{len(prompts)} people, as the prompt names them ({each}); give --person person to make one alone"


def somebody_else(prompts: Sequence[str]) -> str:
    """Whom a single prompt names beside the one who does it, although there is one person alone; '' = nobody."""
    if len(prompts) != 1:
        return ""
    return _two_named(prompts[0].lower())[1]


def not_made(prompts: Sequence[str], persons: int) -> list[str]:
    """A line where a prompt names somebody beside the one person who is made."""
    other = somebody_else(prompts) if persons == 1 else ""
    if persons == 1 and len(prompts) == 1 and "|" in prompts[0]:
        sentences = [_sentence(part)[1] for part in prompts[0].split("|")]
        several = next((sentence for sentence in sentences if len(_people(sentence)) > 1), "")
        if several:
            return [f"'{several:.60}' is about several people, of whom one is made; give a prompt for each"]
        # 'A person walks | a person waves' is about one who is named in every part.
        again = other and class_named(other) == class_named(_two_named(prompts[0].lower())[0])
        if again and not _OTHER.match(other):
            other = next((found for sentence in sentences if (found := _two_named(sentence.lower())[1])), "")
    return [f"the prompt names '{other}' too, who is not made; give a prompt for each"] if other else []


def _in_parts(parts: Sequence[str]) -> list[tuple[str, str]]:
    """Everybody whom the first part names, in all parts: 'they' do what follows, or it names as many; [] otherwise."""
    told: list[str] = []
    who: list[str] = []
    for part in parts:
        length, sentence = _sentence(part)
        if who and (match := _THEY.fullmatch(sentence)):
            if match[1].split()[0] in _MODAL or (match[0].split()[0] in ("both", "all") and not _acts(match[1])):
                return []
            all_do = f"{_COUNTS[len(who)]} people {match[1]}" if len(who) in _COUNTS else sentence
            one_by_one = (found[0] if (found := re.match(_SOMEBODY, one)) else _a(one) for one in who)
            does = [_of_each(one, match[1], all_do) for one in one_by_one]
        else:
            named = _people(sentence)
            classes = [class_named(one) for _, one in named]
            # Who is who is told by their classes: where these are others, or come in another order, by nothing.
            if len(named) < 2 or (who and classes != [class_named(one) for one in who]):
                return []
            does = [does for does, _ in named]
            who = who or [one for _, one in named]
        each = [f"{length}{one}" for one in does]
        told = each if not told else [f"{before} | {one}" for before, one in zip(told, each, strict=True)]
    return list(zip(told, who, strict=True))


def _sentence(part: str) -> tuple[str, str]:
    """The length that a part begins with ('3s: '), '' where there is none, and its sentence, begun in lower case."""
    words = " ".join(part.split()).rstrip(" .")
    length = LENGTH.match(words)
    begin = length.end() if length else 0
    return words[:begin], words[begin : begin + 1].lower() + words[begin + 1 :]


def _acts(does: str) -> bool:
    """Whether words begin with what people do: 'both sit down', but not 'both hands up'."""
    word = does.split()[0]
    return word in _VERBS or word in _BE or word.endswith("ly")


def _people(sentence: str) -> list[tuple[str, str]]:
    """(what they do, who they are) of everybody in a sentence; [] or one where it is about one."""
    if match := _COUNTED.fullmatch(sentence):
        number, like, many, does = match.groups()
        one = f"{like}{_SINGULAR.get(many, many.removesuffix('s'))}"
        return [(_of_each(_a(one), does, sentence), one)] * _NUMBERS[number]
    if match := _IN_WHEELCHAIR.fullmatch(sentence):
        pushes, sits, where = match.groups()
        return [(f"{pushes} pushes a wheelchair{where}", pushes), (f"{sits} sits in a wheelchair that is pushed", sits)]
    if match := _HELPED.fullmatch(sentence):
        return _helped(*match.groups())
    if match := _BOTH.fullmatch(sentence):
        first, second, does = match.groups()
        return [(_of_each(who, does, sentence), who) for who in (first, second)]
    if _ONE_OF_THINGS.search(sentence):
        return []
    if (match := _CLAUSES.fullmatch(sentence)) and not _NOT_THERE.search(match[1]) and not _same(*match.groups()):
        first, rest = match.groups()
        return [(first, first), *(_people(rest) or [(rest, rest)])]
    if _NOT_THERE.search(sentence):
        return []
    if any(does((sentence, sentence), ("staff", "patient"))[0] for does in (who_holds, who_wheels)):
        first, other = _two_named(sentence)
        if other:
            return [(sentence, first), (sentence, other)]
    if match := _WITH.fullmatch(sentence):
        first, does, along, second, more = match.groups()
        pair = class_named(first), class_named(second)
        if along == "with" and pair == ("patient", "staff") and GETS_UP.match(does):
            return _helped(first, does, second, more)
        together = _SHARED.search(does)
        return [(sentence if together else f"{who} {does}{more}", who) for who in (first, second)]
    return []


def _helped(rises: str, does: str, helps: str, more: str) -> list[tuple[str, str]]:
    """Who is helped to do something and who helps, as helping was learned."""
    told = f"{helps} helps {rises} {_base_of(does)}{more}"
    return [(told, helps), (told, rises)]


def _two_named(sentence: str) -> tuple[str, str]:
    """Who does something in a sentence, and somebody else whom it names; '' = nobody."""
    first = re.match(_SOMEBODY, sentence)
    if not first or _ONE_OF_THINGS.search(sentence):
        return "", ""
    others = (match[0] for match in re.finditer(rf"\b(?<!like ){_SOMEBODY}", sentence[first.end() :]))
    return first[0], next((other for other in others if not _same(first[0], other)), "")


def _same(first: str, second: str) -> bool:
    """Whether two that begin with somebody begin with the same one: 'a man walks', 'the man sits down'."""
    one, other = (match[0] if (match := re.match(_SOMEBODY, who)) else "" for who in (first, second))
    if not other.startswith("the ") or re.search(r"\b(?:other|second|third)\b", other):
        return False
    noun, again = one.removesuffix(" else").split()[-1], other.split()[-1]
    if noun == again or class_named(one) == "staff":
        return noun == again
    return again in _ANYBODY or (noun in _ANYBODY and again in _MAN_OR_WOMAN)


def _of_each(one: str, does: str, sentence: str) -> str:
    """What one of several does, or the sentence of them all where they do it with each other or no verb begins it."""
    if _SHARED.search(does) or _NO_VERB.match(does):
        return sentence
    if _DOING.match(does):
        does = f"are {does}"
    return f"{one} {_does(does)}"


def _plain_one(match: re.Match[str]) -> str:
    return "someone" if match[2] else "a person" if match[1] else "a "


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _does(many_do: str) -> str:
    """What many do, of one: 'walk and sit down together' -> 'walks and sits down'."""
    words, first = _TOGETHER.sub("", f" {many_do}").split(), True
    for place, word in enumerate(words):
        before = words[place - 1].strip(",") if place else ""
        follows = before in ("and", "then", "or") or (place > 0 and words[place - 1].endswith(","))
        if first and word.endswith("ly"):
            continue
        if first or (follows and word.strip(",") in _VERBS):
            words[place], first = _third(word), False
    return " ".join(words)


def _third(word: str) -> str:
    verb = word.rstrip(",")
    if verb in _PAST or verb.endswith("ed"):
        return word
    return _BE.get(verb, third_person(verb)) + word[len(verb) :]


def _base_of(does: str) -> str:
    """'stands up' -> 'stand up'."""
    verb, _, more = does.partition(" ")
    candidates = (verb[:-1], verb[:-2], f"{verb[:-3]}y")
    base = next((one for one in candidates if one and third_person(one) == verb), verb)
    return f"{base} {more}".rstrip()
