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

from motion_runtime.plain_words import SUBJECTS
from motion_runtime.prompt_words import PEOPLE
from motion_runtime.timeline import LENGTH

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
    "faints": re.compile(r"\b(?:faint(?:s|ed|ing)?|pass(?:es|ing)? out|los\w+ consciousness|collaps\w+|go\w+ limp)\b"),
    "loses balance": re.compile(r"\b(?:balance(?! beam)|stagger\w*|sway\w*|wobbl\w*)\b"),
    "stands up": re.compile(r"\b(?:st[ao]+nds?|standing|stood|gets?|getting|rises?|rising) (?:\w+ )?up\b|\brises?\b"),
}
_FALLS: Final = re.compile(
    r"(?<!\ba )(?<!\ban )(?<!\bthe )(?<!\bhis )(?<!\bher )(?<!\btheir )(?<!\bof )"
    r"\b(?P<falls>(?:fall(?:s|ing)?|collaps(?:e|es|ing)|toppl(?:e|es|ing)|tumbl(?:e|es|ing))(?: down| over)?)"
    r"(?: (?:on|onto|to) the (?:floor|ground))?"
    r"(?=$| ?[.,;!]| (?:and|then|while|after|before|again|hard|heavily|suddenly|slowly|quickly|in|at|near|beside)\b)"
)
"""Who falls to the floor, and nothing is said of where else; the floor goes without saying where a way is said."""
_LEADS: Final = frozenset(["and", "then", "is", "are", "was", "were", "both", "all", "again", ""])
_LEADS_TO: Final = (SUBJECTS | _LEADS) - {"one", "another"}
"""Words right before the fall of somebody, beside adverbs and commas: things fall as well, and 'fall' is a noun."""
_WHO: Final = PEOPLE - {"old", "older", "elderly", "elder", "senior", "young"}
"""Of two who are named one falls and the other does something with them, or to them: such sentences were learned so."""
_SAID: Final = re.compile(
    r"\b(?:(?:for|back|side)wards?|left|right|sides?|sideways|back|front|face|facing|stomach|belly|chest|knees?|prone"
    r"|supine|bottom|bum|buttocks|rear|elbows?|shoulders?|wrists?|hands?|behind|hips?|head|headlong|headfirst|direction"
    r"|angle|reverse|diagonal\w*|trip\w*|stumbl\w*|push\w*|shov\w*|pull\w*|knock\w*|hits?|bump\w*|miss\w*|tackl\w*"
    r"|kick\w*|punch\w*|struck|thrown|dragg\w*|div(?:es?|ing)|lean\w*|slid\w*|bike|bicycle|bed|sofa|couch|\w*stairs?"
    r"|steps|ladder|out|off|from|against|into|asleep|love|apart|ill|silent|in (?:line|step|a \w*chair)|hard for"
    r"|over and over|almost|nearly|hardly|barely|not|never|nobody|no one|like|as if|without|seems?|pretend\w*|imitat\w*"
    r"|mim(?:es?|ing)|hugs?|hugging|together|each other|avoid\w*|about to|catch\w*)\b|n't\b"
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
    falls = [_open_fall(part) for part in parts]
    if not any(falls):
        return prompt
    # A part of the counter that neither noise nor places reach.
    key, counter = np.array([seed, sample], np.uint64), np.array([0, 0, 1, 2 + person], np.uint64)
    rng = np.random.Generator(np.random.Philox(key=key, counter=counter))
    # A number for each such fall, not for each part: in a room people are told more parts than their prompt has.
    each = zip(parts, falls, strict=True)
    return "|".join(part if fall is None else _with_way(part, fall, float(rng.random())) for part, fall in each)


def _open_fall(part: str) -> re.Match[str] | None:
    """The last fall of a part, if nothing in it says or implies which way."""
    text = part.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    if len(text) != len(part) or _SAID.search(_FROM_SEAT.sub("up", text)) or len(_WHO.intersection(text.split())) > 1:
        return None
    found = [fall for fall in _FALLS.finditer(text) if _somebody_falls(text[: fall.start()])]
    return found[-1] if found else None


def _somebody_falls(before: str) -> bool:
    """Whether what stands before a fall leads to that of somebody."""
    before = before.strip()
    length = LENGTH.match(before)
    words = before[length.end() if length else 0 :].split()
    last = words[-1] if words else ""
    return last.endswith(("ly", ",")) or last in _LEADS_TO


def _with_way(part: str, fall: re.Match[str], drawn: float) -> str:
    """A part with its fall's way."""
    # What makes somebody fall comes before, or is the fall's own word.
    cause = next((name for name, said in _CAUSES.items() if said.search(part[: fall.end("falls")].lower())), "")
    counts = np.cumsum(FALLS[cause])
    way = WAYS[int(np.searchsorted(counts, drawn * counts[-1], side="right"))]
    return f"{part[: fall.end('falls')]} {way}{part[fall.end() :]}"
