"""Every form of an English verb: trip, trips, tripping, tripped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from motion_preprocessing.captions import progressive, third_person

BASE, THIRD, PROGRESSIVE, PAST = "base", "third", "progressive", "past"
_IRREGULAR: Final = {
    "arise": "arose arisen", "be": "was were been", "bend": "bent", "bite": "bit bitten", "catch": "caught",
    "come": "came", "do": "did done", "fall": "fell fallen", "fling": "flung", "freeze": "froze frozen",
    "get": "got gotten", "give": "gave given", "go": "went gone", "have": "had", "hit": "hit", "kneel": "knelt kneeled",
    "leap": "leapt leaped", "let": "let", "lie": "lay lain", "lose": "lost", "make": "made", "meet": "met",
    "rise": "rose risen", "run": "ran", "say": "said", "shake": "shook", "sink": "sank sunk",
    "sit": "sat", "sleep": "slept", "slide": "slid", "speed": "sped", "spin": "spun", "spring": "sprang sprung",
    "stand": "stood", "strike": "struck", "swing": "swung", "take": "took taken", "tear": "tore torn",
    "tread": "trod trodden", "wind": "wound",
}  # fmt: skip
_DOUBLED: Final = frozenset(["bop", "flop", "lob", "nap", "pad", "pat", "plop", "wag"])
"""Verbs that double their last letter, beside those that captions have."""


def forms(verb: str) -> Iterator[tuple[str, str]]:
    """Each form of a verb in its base form, with its name before it; participles count as past."""
    ing = f"{verb}{verb[-1]}ing" if verb in _DOUBLED else progressive(verb)
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
