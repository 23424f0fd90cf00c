"""What the model reads of a prompt: its words, said plainly where it does not know what to make of them.

The text tower was taught few words by motion: of 'keels over' and of 'fell' it makes no fall. `plain_phrases` says
which phrases stand for which plain ones; here they are found in every form of their verb, and the plain ones put into
the same form: 'slowly keeling over backwards' is read as 'slowly falling backwards'. Who does it, how, where and on
what stay.

Better too little than too much: a word stays where what is around it may make it another one ('a slip of paper', 'hands
over', 'passes out the cards'), and of who only nearly falls, or is said to fall anyway, no fall is told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from motion_preprocessing.captions import inflect
from motion_runtime.plain_phrases import PAST_VERBS, RULES, Rule
from motion_runtime.prompt_words import PEOPLE
from motion_runtime.verb_forms import BASE, PAST, PROGRESSIVE, THIRD, forms


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KEPT: Final = 4096
"""Parts of prompts whose plain words are kept: jobs share theirs."""
SUBJECTS: Final = PEOPLE | _words(
    "he she they i we you both each everybody everyone somebody someone who"
    " grandma grandpa granny grandmother grandfather gran grandad mother father mum dad aunt uncle wife husband"
    " client guest pensioner worker cleaner paramedic physician surgeon victim student actor"
)
"""Who does things; other things than people fall and go down too."""
_JOINS: Final = _words("and then who while before after as or but when")
_BEFORE_BASE: Final = _words(
    "they we you i people persons patients residents men women children nurses carers doctors adults kids guys ladies"
    " visitors and then to will would can could may might must should please or"
)
"""After these, 'trip' is no noun."""
_BEFORE_NOUNS: Final = _words(
    "a an the his her their its this that these those my your our no some any one two three four five several many few"
    " of for with first second third next last another each every"
)
_PASSED_OVER: Final = _words("just also suddenly again now still all both is are was were being keeps starts begins")
"""What may stand between who does something and what they do, beside adverbs in -ly."""
_PLACES: Final = _words(
    "in on onto to into off out from over against forward forwards backward backwards back sideways left right down"
    " across through along around round ahead towards toward up past away about"
)
"""What says where, or which way."""
_GOES_ON: Final = (_PLACES - _words("up out about")) | _words(
    "and then while as because after before when with without again at near next beside by hard heavily fast like for"
    " until till between behind due under inside outside two three four five six seven eight nine ten half all twice"
    " once several very too straight suddenly during where or but unconscious dead so since home outdoors indoors alone"
    " together upstairs clockwise anticlockwise counterclockwise counter"
)
"""What goes on after a verb without an object."""
_ENDS: Final = _words("and then while as because after before when again but or until suddenly")
_DETERMINERS: Final = _words(
    "the a an his her their its some something someone somebody this that one two both another"
)

_UNTRUE: Final = re.compile(
    r"(?:\b(?:not|never|almost|nearly|without|about to|avoids?|avoiding|instead of)|n't)(?: \w+){0,2} ?$"
)
_TOLD: Final = re.compile(
    r"\b(?:fall\w*|fell|collaps\w*|tumbl\w*|toppl\w*|crash\w*|drop\w* limply|but|recover\w*|regain\w*|stead\w+"
    r"|stagger\w*|catch\w* (?:him|her|them)sel\w+|sway\w*|grabs?|grabbing|keeps?|to the (?:floor|ground)|helps?"
    r"|helped|caught|supported)\b"
)
"""What tells of a fall by itself, or that there was none ..."""
_LAIN: Final = re.compile(r"\b(?:lies|lying|asleep|sleeps?|sleeping)\b")
"""... where it stands before ..."""
_SEATED: Final = re.compile(r"\b(?:sits?|sitting)\b")
"""... or after what may be one."""
_ABED: Final = ("*be lying on the bed", "*lie down on the bed")
"""What nobody does who sits down before."""
_LEGS: Final = re.compile(
    r"\b(?:(?P<whose>his|her|their)|(?P<who>[a-z]+)'s?) (?:legs?|knees?) (?:just |suddenly )?"
    r"(?:(?:give|gives|giving|gave) (?:way|out|in)|buckles?|buckled|folds?|folded|fails?|failed)"
    r"(?: (?:from )?(?:under|beneath|underneath) (?:him|her|them))?\b",
    re.IGNORECASE,
)
_OWNERS: Final = {"his": "he", "her": "she", "their": "they"}
_HOW: Final = r"(?: (?P<{}>\w+ly))?"
_SELF: Final = r"(?:him|her|them|it|one|your|my)sel(?:f|ves)" + _HOW.format("late")
_HIS: Final = r"(?:his|her|their|its|one's|the)"

_WORD: Final = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*")
_BEFORE: Final = re.compile(r"[a-z]+(?:[-'][a-z]+)*|[^\sa-z]")
_NEXT: Final = re.compile(r"\s*([A-Za-z'-]+|[^\sA-Za-z]|$)")
_VERBS: Final = re.compile(r"\*(?:\(\?:([a-z|]+)\)|([a-z-]+))")
_HAS: Final = re.compile(r"\b(?:has|have|had) (?:just |suddenly )?$", re.IGNORECASE)
_WAS: Final = re.compile(r"\b(?:was|were) (?=$|\w+ly $)", re.IGNORECASE)
_PASSIVE: Final = re.compile(r"\b(?:is|are|was|were|be|been|being|gets?|got) (?:\w+ly )?$")


@dataclass(frozen=True)
class _Phrase:
    """A phrase in one form of its verb, which comes first."""

    verb: str
    """In its base form."""
    form: str
    rest: re.Pattern[str]
    """What follows the verb."""
    rule: Rule | None
    """None = the verb by itself, told in the past."""


def in_plain_words(prompt: str) -> str:
    """What the model reads of a prompt, part by part; the prompt itself where it knows all of it."""
    parts = prompt.split("|")
    plain = [_plainly(part) for part in parts]
    return prompt if plain == parts else "|".join(plain)


@lru_cache(_KEPT)
def _plainly(part: str) -> str:
    """One part in plain words; the part itself, spaces and all, where nothing is replaced."""
    text = " ".join(part.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
    said = text if _TOLD.search(_LEGS.sub("", text).lower()) else _LEGS.sub(_owner_falls, text)
    found: list[str] = []
    done = 0
    for match in _WORD.finditer(said):
        replaced = _replaced(said, match, done) if match.start() >= done else None
        if replaced is not None:
            start, end, words = replaced
            found += [said[done:start], words]
            done = end
    plain = "".join([*found, said[done:]])
    return part if plain == text else f"{' ' * part.startswith(' ')}{plain}{' ' * part.endswith(' ')}"


def _owner_falls(match: re.Match[str]) -> str:
    """'Her legs give way' as 'she falls to the floor'."""
    who = _OWNERS[match["whose"].lower()] if match["whose"] else match["who"]
    return f"{who} {inflect('*fall to the floor', BASE if who == 'they' else THIRD)}"


def _replaced(text: str, match: re.Match[str], done: int) -> tuple[int, int, str] | None:
    """What is read in place of the longest phrase that begins with a word, if one does.

    Args:
        text: A part of a prompt.
        match: The word.
        done: Where what comes after the phrase before begins.

    Returns:
        Where the phrase starts and ends, and what is read instead.
    """
    longest: tuple[_Phrase, re.Match[str]] | None = None
    for phrase in _phrases().get(match.group().lower(), ()):
        rest = phrase.rest.match(text, match.end())
        if rest is None or (longest is not None and rest.end() <= longest[1].end()):
            continue
        if _is_meant(text[: match.start()].lower(), text[rest.end() :].lower(), phrase):
            longest = phrase, rest
    if longest is None:
        return None
    phrase, rest = longest
    start, form, auxiliary = match.start(), phrase.form, ""
    has, was = (pattern.search(text, done, start) for pattern in (_HAS, _WAS))
    if form == PAST:
        form, start = THIRD, has.start() if has else start
    elif form == PROGRESSIVE and was:
        auxiliary, start = f"is {text[was.end() : start]}", was.start()
    plain = _in_form(phrase, form, _next(text[rest.end() :].lower()))
    how = [adverb for adverb in rest.groupdict().values() if adverb]
    return start, rest.end(), f"{auxiliary}{' '.join([*how, plain])}"


def _in_form(phrase: _Phrase, form: str, following: str) -> str:
    """What is read of a phrase, in a form, before a word."""
    rule = phrase.rule
    if rule is None:
        return inflect(f"*{phrase.verb}", form)
    plain = rule.placed if rule.placed and following in _PLACES else rule.reads
    if form == PROGRESSIVE and plain.startswith("*be "):
        return plain.removeprefix("*be ")  # the 'is' before it serves
    return inflect(plain, form)


def _is_meant(before: str, after: str, phrase: _Phrase) -> bool:
    """Whether a phrase between two texts is what the table means by it, and goes on as it may."""
    rule, form, last = phrase.rule, phrase.form, _last(before)
    if _UNTRUE.search(before):
        return False
    told = _TOLD.search(f"{before} , {after}") or _LAIN.search(before) or _SEATED.search(after)
    if told and rule is not None and rule.falls:
        return False
    if form == PAST and (_PASSIVE.search(before) or _next(after) == "by" or last == "who"):
        return False
    if rule is not None and rule.reads in _ABED and _SEATED.search(before):
        return False  # 'sits down and falls asleep'
    if form == BASE and rule is not None and rule.reads.startswith("*be "):
        return False  # 'goes to sleep'
    if form == BASE:
        meant = last in _BEFORE_BASE or not last.isalpha()
    elif form == PAST and _HAS.search(before):
        meant = True
    elif rule is None or rule.strict:
        meant = last in SUBJECTS | _JOINS or not last.isalpha()
    else:
        meant = last not in _BEFORE_NOUNS
    return meant and (rule is None or _goes_on(rule, _next(after)))


def _goes_on(rule: Rule, following: str) -> bool:
    """Whether a phrase that goes on with a word is still what the table means."""
    if rule.takes:
        return following in _DETERMINERS
    after = _ENDS if rule.ends else _GOES_ON
    return not following.isalpha() or following in after or following.endswith("ly")


def _next(after: str) -> str:
    """The first word or mark of a text, '' of none."""
    match = _NEXT.match(after)
    return match[1] if match else ""


def _last(before: str) -> str:
    """The last word or mark of a text that may say who does something, '' of none."""
    words = _BEFORE.findall(before)
    while words and (words[-1] in _PASSED_OVER or (words[-1].endswith("ly") and words[-1] not in PEOPLE)):
        words.pop()
    return str(words[-1]).removesuffix("'s") if words else ""


@cache
def _phrases() -> dict[str, list[_Phrase]]:
    """Phrases by the verb that they begin with, in each of its forms."""
    found: dict[str, list[_Phrase]] = {}
    table: list[tuple[str, Rule | None]] = [(phrase, rule) for rule in RULES for phrase in rule.says]
    for phrase, rule in (*table, *((phrase, None) for phrase in PAST_VERBS)):
        match = _VERBS.match(phrase)
        assert match is not None, phrase
        rest = phrase[match.end() :].replace("_self", _SELF).replace("_his", _HIS)
        early = f"{_HOW.format('early')}?" if rest.startswith(" ") else ""
        pattern = re.compile(rf"{early}{rest}(?![\w'-])", re.IGNORECASE)
        for verb in (match[1] or match[2]).split("|"):
            for form, word in forms(verb):
                if rule is not None or form == PAST:
                    found.setdefault(word, []).append(_Phrase(verb, form, pattern, rule))
    return found
