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

This is a grammar of a dozen rules and no parser: what it does not find stays one person's sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from motion_preprocessing.captions import third_person
from motion_runtime.person_classes import class_named
from motion_runtime.verb_forms import PAST, forms
from motion_runtime.who_holds import who_holds, who_wheels

MOST: Final = 4
"""People that sentences with a number are read for: as many as the built-in model knows."""
_NUMBERS: Final = {"two": 2, "three": 3, "four": 4, "2": 2, "3": 3, "4": 4}
_ONE: Final = (
    r"(?:person|man|woman|adult|child|boy|girl|lady|gentleman|guy|human|nurse|doctor|carer|caregiver|aide|assistant|helper"
    r"|therapist|physiotherapist|paramedic|worker|staff member|patient|resident|visitor|guest|relative|friend|colleague"
    r"|partner|senior)"
)
_LIKE: Final = r"(?:(?:old|older|elderly|young|younger|frail|weak|sick|ill|injured|fallen|tall|small|second|third) )*"
_SOMEBODY: Final = (
    rf"(?:(?:a|an|the|one|his|her|their|another|the other) {_LIKE}{_ONE}\b|(?:someone|somebody)(?: else)?\b|another\b)"
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
_FINITE: Final = (
    r"(?:\w+ly )?(?:is|was|has|does|goes|[a-z]{2,}(?<![ius])s|[a-z]{2,}ed|fell|sat|stood|lay|ran|got|went)\b"
)
_CLAUSES: Final = re.compile(
    rf"({_SOMEBODY} .+?)(?:,? and|,? while|,? as|,? whereas|,? then|[,;])(?: then)? ({_SOMEBODY} {_FINITE}.*)"
)
_WITH: Final = re.compile(rf"({_SOMEBODY}) (.+?)(?: together)? (?:with|beside|next to|alongside) ({_SOMEBODY})(.*)")
_HELPED: Final = re.compile(
    rf"({_SOMEBODY}) (.+?) with (?:the |some )?(?:help|support|assistance) (?:of|from) ({_SOMEBODY})(.*)"
)
_IN_WHEELCHAIR: Final = re.compile(
    rf"({_SOMEBODY}) (?:pushes|steers|wheels) ({_SOMEBODY}) (?:(?:around )?in|who sits in|sitting in)"
    r" (?:a|the|his|her|their) wheel-?chair\b(.*)"
)
# What people who do it together are as near to each other for as the one sentence of all of them says.
_SHARED: Final = re.compile(
    r"\b(?:dance|dancing|salsa|hug|hugging|embrace|each other|one another|hold hands|shake hands)\b"
)
_OTHER: Final = re.compile(rf"^(?:(?:another|the other) (?={_LIKE}{_ONE}\b)|(another)\b|((?:someone|somebody) else)\b)")
_TOGETHER: Final = re.compile(r" (?:together|side by side|next to each other|both|each)\b")
_VERBS: Final = frozenset([
    "walk", "run", "sit", "stand", "lie", "fall", "turn", "jump", "wave", "bend", "reach", "pick", "get", "go",
    "come", "stop", "talk", "look", "dance", "kneel", "squat", "climb", "push", "raise", "lift", "leave", "enter",
    "start", "trip", "slip", "crawl", "hop", "kick", "clap", "point", "step", "stretch", "rest", "wait", "rise",
    "sleep", "roll", "faint", "collapse", "stumble", "stroll", "jog"
])  # fmt: skip
_PAST: Final = frozenset(word for verb in _VERBS for form, word in forms(verb) if form == PAST) - _VERBS
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
    if len(as_given[0]) != 1 or as_given[1] or "|" in prompts[0]:
        return as_given
    sentence = " ".join(prompts[0].split()).rstrip(" .")
    found = _people(sentence[:1].lower() + sentence[1:])
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
    first = re.match(_SOMEBODY, prompts[0].lower())
    other = re.search(rf"\b(?<!like ){_SOMEBODY}", prompts[0].lower()[first.end() :]) if first else None
    return other[0] if other else ""


def _people(sentence: str) -> list[tuple[str, str]]:
    """(what they do, who they are) of everybody in a sentence; [] or one where it is about one."""
    if match := _COUNTED.fullmatch(sentence):
        number, like, many, does = match.groups()
        one = f"{like}{_SINGULAR.get(many, many.removesuffix('s'))}"
        told = sentence if _SHARED.search(does) else f"{_a(one)} {_does(does)}"
        return [(told, one)] * _NUMBERS[number]
    if match := _IN_WHEELCHAIR.fullmatch(sentence):
        pushes, sits, where = match.groups()
        return [(f"{pushes} pushes a wheelchair{where}", pushes), (f"{sits} sits in a wheelchair that is pushed", sits)]
    if match := _HELPED.fullmatch(sentence):
        rises, does, helps, more = match.groups()
        told = f"{helps} helps {rises} {_base_of(does)}{more}"
        return [(told, helps), (told, rises)]
    if match := _BOTH.fullmatch(sentence):
        first, second, does = match.groups()
        if _SHARED.search(does):
            return [(sentence, first), (sentence, second)]
        return [(f"{who} {_does(does)}", who) for who in (first, second)]
    if match := _CLAUSES.fullmatch(sentence):
        first, rest = match.groups()
        others = _people(rest) or [(rest, rest)]
        return [(first, first), *others][:MOST]
    pair = ("staff", "patient")
    if any(does((sentence, sentence), pair)[0] for does in (who_holds, who_wheels)):
        match = re.match(_SOMEBODY, sentence)
        other = re.search(rf"\b{_SOMEBODY}", sentence[match.end() :]) if match else None
        if match and other:
            return [(sentence, match[0]), (sentence, other[0])]
    if match := _WITH.fullmatch(sentence):
        first, does, second, more = match.groups()
        return [(f"{who} {does}{more}", who) for who in (first, second)]
    return []


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
