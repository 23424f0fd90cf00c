"""Prompts in which somebody lies at the end of a part and walks in the next: how they get up is not said.

The model does what a part says from its first moment on, and has half a second to go over to it: who is told to walk
while they lie on the floor is on their feet within that. People take two to four seconds, as a part of its own gives.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from motion_runtime.said import GETS_UP, GOES, SPRINGS_UP

_DOWN: Final = re.compile(
    r"(?<!nearly )(?<!almost )(?<!not )(?<!who )(?<!which )(?<!what )(?<!that )"
    r"\b(?:(?:falls?|falling|fell)(?! asleep| (?:back )?into)|collaps\w+|faints?|tumbles?|lies|lie|lying"
    r"|lays?(?= down| on)|sleeps?|sleeping)\b"
)
"""Who comes to lie, or does; not who nearly does, nor somebody else 'who lies in bed'."""
_UP: Final = re.compile(
    rf"{GETS_UP.pattern}|{SPRINGS_UP.pattern}"
    r"|\b(?:sits? up|(?:gets?|getting) back|(?:on|to) (?:the|his|her|their) feet)\b"
)
_ON_FEET: Final = re.compile(
    rf"{GOES.pattern}|\b(?:turns?|turning|wav(?:es?|ing)|jumps?|jumping|hops?|bends?|dances?|kicks?|jogs?|picks?|carries"
    r"|climbs?|sits? down|takes? a seat|stands)\b"
)
_LYING: Final = re.compile(
    r"\b(?:crawl\w*|roll\w*|lying|turns? over|into bed"
    r"|on(?:to)? (?:the|his|her|their) (?:floor|ground|back|side|stomach|bed))\b"
)
"""Who does so without getting up."""


def still_down(prompts: Sequence[str]) -> list[str]:
    """A line for each part that begins on feet where the part before ends lying.

    Args:
        prompts: What each person does, as the model reads it.
    """
    found: dict[str, None] = {}
    for prompt in prompts:
        lies = ""
        for part in (part.strip() for part in prompt.split("|")):
            words = part.lower()
            down, up = ([match.start() for match in said.finditer(words)] for said in (_DOWN, _UP))
            if lies and not up and not down and _ON_FEET.search(words) and not _LYING.search(words):
                found[
                    f"expected a part in which somebody gets up, got '{part:.60}' right after '{lies:.60}'; they are "
                    "on their feet in half a second, put '4s: a person gets up' between the two"
                ] = None
                lies = ""
            if max(up, default=-1) > max(down, default=-1):
                lies = ""
            elif down:
                lies = part
    return list(found)
