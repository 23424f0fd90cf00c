"""Prompts for which the model has nothing like it: what is made instead is said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_OUT_OF_WHEELCHAIR: Final = re.compile(
    r"\b(?:falls?|falling|fell|slides?|slid|slips?|slipped|tumbles?|tumbled|rolls?|drops?|topples?)(?: down)?"
    r" (?:out of|from|off) (?:\w+ ){0,2}wheel-?chair\b"
)

_ON_FLOOR: Final = re.compile(
    r"\b(?:sits?|sitting|sat|seated)(?: down| still)?(?: cross-legged)? on the (?:floor|ground)\b"
    r"(?!.*\blies? (?:back|down)\b)"
)


def not_learned(prompts: Sequence[str]) -> list[str]:
    """A line for each prompt in which somebody falls out of a wheelchair, or sits on the floor.

    Args:
        prompts: What each person does.
    """
    lines = []
    for prompt in dict.fromkeys(prompts):
        if match := _OUT_OF_WHEELCHAIR.search(prompt.lower()):
            lines.append(
                f"'{match[0]}' is made as a fall from standing: the model was taught none out of a wheelchair; falls "
                "out of bed ('a person falls out of bed') and while getting up from a chair it was"
            )
        if match := _ON_FLOOR.search(prompt.lower()):
            lines.append(
                f"'{match[0]}' is made as sitting on a seat that is not there: the model was taught little else; what "
                "it was taught on the floor is lying, kneeling, crawling, falling and getting up"
            )
    return lines
