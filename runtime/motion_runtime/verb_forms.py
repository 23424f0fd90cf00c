"""Every form of an English verb: trip, trips, tripping, tripped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from motion_preprocessing.captions import progressive, third_person

BASE, THIRD, PROGRESSIVE, PAST = "base", "third", "progressive", "past"
_IRREGULAR: Final = {
    "arise": "arose arisen", "be": "was were been", "become": "became become", "begin": "began begun", "bend": "bent",
    "bite": "bit bitten", "catch": "caught", "come": "came", "creep": "crept", "cut": "cut", "do": "did done",
    "drink": "drank drunk", "eat": "ate eaten", "fall": "fell fallen", "fling": "flung", "freeze": "froze frozen",
    "get": "got gotten", "give": "gave given", "go": "went gone", "have": "had", "hit": "hit", "hold": "held",
    "keep": "kept", "kneel": "knelt kneeled", "lay": "laid", "leap": "leapt leaped", "let": "let", "lie": "lay lain",
    "lose": "lost", "make": "made", "meet": "met", "outrun": "outran outrun", "overlie": "overlay overlain",
    "put": "put", "read": "read", "ride": "rode ridden", "rise": "rose risen", "run": "ran", "say": "said",
    "set": "set", "shake": "shook", "shoot": "shot", "sink": "sank sunk", "sit": "sat", "sleep": "slept",
    "slide": "slid", "slink": "slunk", "speed": "sped", "spin": "spun", "spring": "sprang sprung", "stand": "stood",
    "stride": "strode", "strike": "struck", "sweep": "swept", "swim": "swam swum", "swing": "swung",
    "take": "took taken", "tear": "tore torn", "throw": "threw thrown", "tread": "trod trodden", "wake": "woke woken",
    "wind": "wound",
}  # fmt: skip


def forms(verb: str) -> Iterator[tuple[str, str]]:
    """Each form of a verb in its base form, with its name before it; participles count as past."""
    ing = progressive(verb)
    yield BASE, verb
    yield THIRD, third_person(verb)
    yield PROGRESSIVE, ing
    if verb in _IRREGULAR:
        for past in _IRREGULAR[verb].split():
            yield PAST, past
    elif verb.endswith("e"):
        yield PAST, f"{verb}d"
    elif verb.endswith("y") and verb[-2] not in "aeiou":
        yield PAST, f"{verb[:-1]}ied"
    else:
        yield PAST, f"{ing.removesuffix('ing')}ed"
