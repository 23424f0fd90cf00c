"""Who of several people has the hands on another, or on the wheelchair that they sit in, by what their prompts say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_VERBS: Final = (
    r"(?:helps?|helping|assists?|assisting|supports?|supporting|holds?|holding|lifts?|lifting|raises?|raising"
    r"|catch(?:es)?|catching|pulls?|pulling|carr(?:y|ies)|carrying|stead(?:y|ies)|steadying|grabs?|grabbing"
    r"|hugs?|hugging|embraces?|embracing|leads?|leading|guides?|guiding)"
)
_BETWEEN: Final = (
    r"(?:(?:up|a|an|the|one|other|his|her|their|old|older|elderly|young|frail|weak|sick|ill|injured|fallen|falling|seated"
    r"|sitting|standing|lying|(?:hands?|arms?|elbows?|shoulders?|waist)(?: of)?) )*"
)
_SOMEBODY: Final = (
    r"(?:patients?|persons?|people|somebody|someone|m[ae]n|wom[ae]n|child|boy|girl|lady|gentleman|carer|caregiver|nurse"
    r"|resident|colleague|friend|partner|visitor|each other|one another|others|him|them"
    # 'The other' may be a limb of one's own.
    r"|(?:another|other)(?! (?:hands?|arms?|elbows?|legs?|knees?|foot|feet|side)\b)"
    # 'Her' alone may be whose the thing is that is held.
    r"|her(?= (?:up|to|stand|sit|get|walk|rise|out|from|by|on|onto|into|and|while|as|upright|steady)\b| *(?:[.,;]|$))"
    r")\b"
)
_HOLDS: Final = re.compile(rf"\b{_VERBS} {_BETWEEN}{_SOMEBODY}")
_EACH: Final = re.compile(r"\b(?:each other|one another)\b")


_WHEELS: Final = re.compile(
    r"\b(?:push(?:es|ing)?|steer(?:s|ing)?)\b(?: (?!and\b|then\b|while\b)[\w-]+){0,6}? wheel-?chair\b"
    r"|\bwheel(?:s|ing)? (?:an?|the|another|him|her|them|somebody|someone)\b"
)


def who_wheels(prompts: Sequence[str]) -> list[bool]:
    """Whether each of several people pushes a wheelchair; who sits in one that is pushed does not.

    Args:
        prompts: What each one does at a time.
    """
    return [bool(_WHEELS.search(" ".join(prompt.lower().split()))) for prompt in prompts]


def who_holds(prompts: Sequence[str], person_classes: Sequence[str]) -> list[bool]:
    """Whether each of several people holds another.

    Of people who share a sentence, as one prompt for everybody makes them, the staff does, or else the first of them;
    all of them do where they hold each other.

    Args:
        prompts: What each one does at a time.
        person_classes: Who they are.
    """
    if len(prompts) < 2:
        return [False] * len(prompts)
    holds = []
    for person, prompt in enumerate(prompts):
        told = bool(_HOLDS.search(" ".join(prompt.lower().split())))
        if told and not _EACH.search(prompt.lower()):
            alike = [other for other, words in enumerate(prompts) if words == prompt]
            staff = [other for other in alike if person_classes[other] == "staff"]
            told = person in (staff or alike[:1])
        holds.append(told)
    return holds
