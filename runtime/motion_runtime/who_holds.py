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
    r"\b(?:push(?:es|ing)?|steer(?:s|ing)?)\b"
    # Not who wheels themselves, who rises from a wheelchair, or whose wheelchair nobody sits in.
    r"(?: (?!and\b|then\b|while\b|\w+sel(?:f|ves)\b|own\b|up\b|off\b|from\b|against\b|empty\b|wheels\b)"
    r"[\w-]+){0,6}? wheel-?chair\b"
    rf"|\bwheel(?:s|ing)? {_BETWEEN}"
    rf"(?:{_SOMEBODY}(?!'s)|her\b(?= (?:along|around|away|back|down|forward|over|through)\b))"
)


def who_holds(prompts: Sequence[str], person_classes: Sequence[str]) -> list[bool]:
    """Whether each of several people holds another.

    Of people who share a sentence, as one prompt for everybody makes them, the staff does, or else the first of them;
    all of them do where they hold each other.

    Args:
        prompts: What each one does at a time.
        person_classes: Who they are.
    """
    return _who(_HOLDS, prompts, person_classes)


def who_wheels(prompts: Sequence[str], person_classes: Sequence[str]) -> list[bool]:
    """Whether each of several people pushes another in a wheelchair; arguments, and who shares a sentence, as above."""
    return _who(_WHEELS, prompts, person_classes)


def _who(does: re.Pattern[str], prompts: Sequence[str], person_classes: Sequence[str]) -> list[bool]:
    if len(prompts) < 2:
        return [False] * len(prompts)
    found = []
    for person, prompt in enumerate(prompts):
        told = bool(does.search(" ".join(prompt.lower().split())))
        if told and not _EACH.search(prompt.lower()):
            alike = [other for other, words in enumerate(prompts) if words == prompt]
            staff = [other for other in alike if person_classes[other] == "staff"]
            told = person in (staff or alike[:1])
        found.append(told)
    return found
