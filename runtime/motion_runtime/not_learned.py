"""Prompts for which the model has nothing like it: what is made instead is said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_OUT_OF_WHEELCHAIR: Final = re.compile(
    r"\b(?:falls?|falling|fell|slides?|slid|slips?|slipped|tumbles?|tumbled|rolls?|drops?|topples?)(?: down)?"
    r" (?:out of|from|off) (?:\w+ ){0,2}wheel-?chair\b"
)


def not_learned(prompts: Sequence[str]) -> list[str]:
    """A line for each prompt in which somebody falls out of a wheelchair: they fall from standing.

    Args:
        prompts: What each person does.
    """
    found = (_OUT_OF_WHEELCHAIR.search(prompt.lower()) for prompt in dict.fromkeys(prompts))
    return [
        f"'{match[0]}' is made as a fall from standing: the model was taught none out of a wheelchair; falls out of "
        "bed ('a person falls out of bed') and while getting up from a chair it was"
        for match in found
        if match
    ]
