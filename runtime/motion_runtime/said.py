"""The words of prompts for going, getting up, resting and falling: once, for all that read them."""

from __future__ import annotations

import re
from typing import Final

GOES: Final = re.compile(
    r"\b(?:walk\w*|goes|go|run\w*|approach\w*|stroll\w*|comes?|hurr\w+|limps?|shuffl\w+|wanders?|steps? to)\b"
    r"(?! (?:back )?to sleep\b)"
)
"""Who goes somewhere; nobody does who goes to sleep."""
GETS_UP: Final = re.compile(
    r"\b(?:stands? up|standing up|(?:gets?|getting) (?:up|out|off)|climbs? (?:out|off)"
    r"|rises?|wakes? up|leaves?)\b"
)
"""Who gets up from what they are on, or leaves it."""
SPRINGS_UP: Final = re.compile(r"\b(?:jumps?|springs?) up\b")
"""Who gets up too, if they are on something."""
FALLS: Final = re.compile(
    r"\b(?:(?:falls?|rolls?|slides?|slips?|drops?|tumbles?)(?: down)?"
    r" (?:out of|off|from|(?:on ?to|to|on) the (?:floor|ground))|(?:falls?|tumbles?) down|collaps\w+|faints?)\b"
)
"""Who falls from what they are on."""
RESTS: Final = re.compile(
    r"(?<!from )\b(?:sits?|sitting|seated|lies|lie|lying|lays?|laying|takes? a seat|sleeps?|rests?|flops?)\b(?! up\b)"
)
"""Who sits or lies, or comes to."""
IS_ON: Final = re.compile(
    r"\b(?:wakes?|sleeps?|rests?|sits? up|(?:falls?|rolls?|slides?|slips?) (?:out|off|from)"
    r"|(?:is|are|while|starts?) (?:seated|sitting|lying)|sitting|lying|seated"
    r"|lies (?:in|on) (?:\w+ )?(?:bed|sofa|couch)(?: on (?:\w+ ){1,2}side)?(?:,| and)(?: \w+){0,2}"
    r" (?:sits|gets|stands) up)\b"
)
"""Who is on something to begin with."""
GOES_DOWN: Final = re.compile(
    r"\b(?:sits?|lies|lie|lays?|takes? a seat|flops?|drops? (?:on|in)\w*|(?:go|goes) (?:back )?to sleep)\b"
)
"""Who comes to be on something."""
