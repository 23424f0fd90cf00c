"""Which way somebody falls who is not told: one of four, drawn by the seed, each as often as falls of its cause go.

Left to itself the model falls forward. Its answers at high noise are those of classifier-free guidance, which trades
what is possible for what is likeliest (Ho & Salimans 2022, section 4), and of 'a person falls' most ways are possible:
of simulated falls a third go forward, of the model's nearly all. Told which way, it falls that way. So what the words
leave open is drawn before the model is asked, in the proportions of the simulated falls that it has learned from
(`motion-preprocess simulate --kinds falls --seed 2 --count 640`), and then said.

Only of who plainly falls to the floor: a cause that has a way of its own ('trips', 'is pushed'), a way, a thing they
fall off or against, and any other word for where they end leave a sentence as it is.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np

WAYS: Final = ("forward", "backward", "to the left", "to the right")
FALLS: Final = {
    "slips": (0, 35, 20, 27),
    "faints": (37, 14, 8, 12),
    "loses balance": (7, 23, 17, 12),
    "stands up": (28, 4, 12, 13),
    "": (201, 173, 113, 117),
}
"""How many of 604 simulated falls go which of `WAYS`, by what makes them fall; the last: all of them together."""
_CAUSES: Final = {
    "slips": re.compile(r"\bslip(?:s|ped|ping)?\b"),
    "faints": re.compile(r"\b(?:faint(?:s|ed|ing)?|pass(?:es|ing)? out|los\w+ consciousness|collaps\w+|limp)\b"),
    "loses balance": re.compile(r"\b(?:balance|stagger\w*|sway\w*|wobbl\w*)\b"),
    "stands up": re.compile(r"\b(?:st[ao]+nds?|standing|stood|gets?|getting|rises?|rising) (?:\w+ )?up\b|\brises?\b"),
}
_FALLS: Final = re.compile(
    r"(?<!\ba )(?<!\ban )(?<!\bthe )(?<!\bhis )(?<!\bher )(?<!\btheir )(?<!\bof )"
    r"\b(?P<falls>(?:fall(?:s|ing)?|collaps(?:e|es|ing)|toppl(?:e|es|ing)|tumbl(?:e|es|ing))(?: down| over)?)"
    r"(?: (?:on|onto|to) the (?:floor|ground))?"
    r"(?=$| ?[.,;!]| (?:and|then|while|after|before|again|hard|heavily|suddenly|slowly|quickly|in|at|near|beside)\b)"
)
"""Who falls to the floor, and nothing is said of where else; the floor goes without saying where a way is said."""
_SAID: Final = re.compile(
    r"\b(?:(?:for|back|side)wards?|left|right|side|sides|sideways|back|front|face|facing|stomach|belly|chest|knees?|knee"
    r"|hands?|behind|hip|hips|head|headlong|headfirst|trip\w*|stumbl\w*|push\w*|shov\w*|pull\w*|knock\w*|hits?|bump\w*"
    r"|bed|sofa|couch|stairs?|ladder|out|off|from|against|into|asleep|love|apart|ill|silent|almost|nearly|not|never|like"
    r"|without|pretends?|avoid\w*|about to)\b|n't\b"
)
"""What says or implies which way, or that there is no fall."""
_FROM_SEAT: Final = re.compile(
    r"\b(?:up|rises?) from (?:the|a|an|his|her|their) (?:\w+ )?\w*(?:chair|seat|stool|bench)\b"
)
"""Who stands up from there falls all the same."""


def with_ways(prompt: str, seed: int, sample: int, person: int) -> str:
    """A prompt of parts, with a way for each fall that has none; the prompt itself where there is no such fall.

    Args:
        prompt: What one person does, in the words that the model reads.
        seed: Of the motion.
        sample: Its number.
        person: Whose prompt it is.
    """
    parts = prompt.split("|")
    if not any(_open_fall(part) for part in parts):
        return prompt
    # A part of the counter that neither noise nor places reach.
    key, counter = np.array([seed, sample], np.uint64), np.array([0, 0, 1, 2 + person], np.uint64)
    rng = np.random.Generator(np.random.Philox(key=key, counter=counter))
    return "|".join(_with_way(part, float(rng.random())) for part in parts)


def _open_fall(part: str) -> re.Match[str] | None:
    """The last fall of a part, if nothing in it says or implies which way."""
    text = part.lower()
    if _SAID.search(_FROM_SEAT.sub("up", text)):
        return None
    found = list(_FALLS.finditer(text))
    return found[-1] if found else None


def _with_way(part: str, drawn: float) -> str:
    """A part with its fall's way, where that is open."""
    fall = _open_fall(part)
    if fall is None or len(part) != len(part.lower()):
        return part
    cause = next((name for name, said in _CAUSES.items() if said.search(part.lower())), "")
    counts = np.cumsum(FALLS[cause])
    way = WAYS[int(np.searchsorted(counts, drawn * counts[-1], side="right"))]
    return f"{part[: fall.end('falls')]} {way}{part[fall.end() :]}"
