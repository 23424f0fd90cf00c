"""What somebody sits and lies on in the parts of a prompt, one thing after the other, and what the model reads of it.

'sits on the chair | stands up and walks to the bed and lies down' is two errands: the chair until the second part
begins, then the bed. The model knows each of these actions and not their sequence: told to stand up, walk and lie down
it stays on the chair. So it reads them as parts of their own, each as long as it takes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from motion_preprocessing.room_objects import SITTABLE, RoomObject
from motion_runtime.approach import Stance, lies, sits_anywhere, stance_of, things_for, worded_leaving
from motion_runtime.editing.windows import OVERLAP_S
from motion_runtime.said import FALLS, GETS_UP, GOES, RESTS, SPRINGS_UP
from motion_runtime.timeline import LEAST_PART_S, Part

_LEAVES: Final = (GETS_UP, SPRINGS_UP, FALLS, GOES)
_LEFT: Final = re.compile(r"\b(?:from|out of|off|leaves?)(?: of)?(?: (?:the|a|an|his|her|their|hospital|care))* \w+")
"""What somebody gets up from, so that it is not taken for where they go."""
_LAIN_ON: Final = ("bed", "sofa")
_AT_TABLE_M: Final = 1.2
"""Who sits down at a table takes a seat this near to it, if there is one."""
PACE_M_S: Final = 1.0
"""Of who walks from one thing to another."""
_RISES_S: Final = 1.6
_SITS_DOWN_S: Final = 4.0
"""How long the model takes to sit down; then it sits."""
_LEAST_REST_S: Final = 2.2
"""Nobody sits down or lies down in less."""
_AGAIN_S: Final = 5.0
"""How much of a motion the model goes over in one piece, beside what it overlaps with what was before."""
_FREE_WALK_S: Final = 2.0
"""How long somebody walks whose start is chosen for the sake of the thing."""


@dataclass(frozen=True)
class Errand:
    """A thing that somebody sits or lies on for a time."""

    things: tuple[RoomObject, ...]
    """Which ones may be meant; empty = none of the room's."""
    lies: bool
    part: int
    """Part of the prompt in which they come to be on it."""
    since: int
    """First part of the way there; they are on what they used before until it begins."""
    until: int | None = None
    """Part in which they leave it; None = they stay."""
    falls: bool = False
    """Whether they fall off it then."""


def errands(texts: Sequence[str], furniture: tuple[RoomObject, ...]) -> list[Errand]:
    """What somebody uses in the parts of a prompt.

    Args:
        texts: Of the parts.
        furniture: Things of the room.
    """
    found: list[Errand] = []
    since, on = 0, False
    for part, said in enumerate(texts):
        text = said.lower()
        leaves = [match.start() for pattern in _LEAVES for match in pattern.finditer(text)]
        rests = [match.start() for match in RESTS.finditer(text)]
        stays = bool(rests) and max(rests) > max(leaves, default=-1)
        if part == 0 and stance_of(text) is Stance.ON and leaves and GETS_UP.search(text):
            first = GOES.search(text)
            start = text[: first.start()] if first else text
            found.append(Errand(tuple(things_used(start, furniture)), "bed" in start or lies(start), 0, 0))
            on = True
        if leaves and on:
            found[-1] = replace(found[-1], until=part, falls=bool(FALLS.search(text)))
            since, on = part, False
        if not stays:
            continue
        aim = _LEFT.sub("", text[max(leaves) :]) if leaves else text
        before = [] if on else [_LEFT.sub("", one.lower()) for one in texts[since:part]]
        things = tuple(_meant(aim, before, furniture))
        if on and (not things or _holds(found[-1], things, aim, furniture)):
            continue
        if on:
            found[-1] = replace(found[-1], until=part)
            since = part
        found.append(Errand(things, lies(aim), part, since))
        on = True
    return found


def _meant(aim: str, before: Sequence[str], furniture: tuple[RoomObject, ...]) -> list[RoomObject]:
    """Things that are sat or lain on: where none is named, those that parts `before` led to ('walks to bed | lies')."""
    if not things_for(aim, furniture):
        for text in reversed(before):
            things = things_used(f"{text}, {aim}", furniture) if things_for(text, furniture) else []
            if any(thing.object_class in SITTABLE for thing in things):
                return things
    return things_used(aim, furniture)


def _holds(one: Errand, things: Sequence[RoomObject], aim: str, furniture: tuple[RoomObject, ...]) -> bool:
    """Whether somebody goes on using what they are on: nobody goes to a chair to sleep who is in bed."""
    if not one.things or things[0].object_class == one.things[0].object_class:
        return True
    on = one.things[0].object_class
    return not things_for(aim, furniture) and (on in _LAIN_ON or not lies(aim))


def things_used(text: str, furniture: tuple[RoomObject, ...]) -> list[RoomObject]:
    """Things that a sentence names; what may be sat or lain on where somebody does without saying on what."""
    named = things_for(text, furniture)
    if any(thing.object_class in SITTABLE for thing in named):
        return named
    seats = sits_anywhere(text, furniture)
    near = [seat for seat in seats for thing in named if _gap_m(thing, seat) < _AT_TABLE_M]
    return near or named or seats


def phases(
    parts: Sequence[tuple[str, float]], wanted: Sequence[Errand], ways_m: Sequence[float | None]
) -> tuple[list[Part], list[Part]]:
    """What the model reads: each part that ends on a thing as rising, walking and resting.

    Args:
        parts: Text and length of each part.
        wanted: The errands.
        ways_m: How far it is to each thing; None = the start is chosen for its sake.

    Returns:
        What it reads for a draft, one action after the other, and what it reads when it goes over that again: there
        the end of the way and the rest are one, for where two parts meet is a seam.
    """
    draft: list[Part] = []
    again: list[Part] = []
    for number, (text, seconds) in enumerate(parts):
        left = next((one for one in wanted if one.until == number and one.things), None)
        found = [Part(text if left is None else worded_leaving(text, left.things[0]), seconds)]
        whole = found
        index = next((k for k, one in enumerate(wanted) if one.part == number and one.until != number), None)
        if index is not None and wanted[index].things:
            left = wanted[index - 1] if index > 0 and wanted[index - 1].until == number else None
            found, whole = _phases_of(text, seconds, wanted[index], left, ways_m[index], first=number == 0)
        draft += found
        again += whole
    return draft, again


def _phases_of(
    text: str, seconds: float, one: Errand, left: Errand | None, way_m: float | None, *, first: bool
) -> tuple[list[Part], list[Part]]:
    """One part's phases, twice as of `phases`; the part itself where there is no time for them."""
    rises, walks = 0.0, 0.0
    before: list[Part] = []
    if left is not None:
        rises = _RISES_S
        before = [Part("a patient gets up from the bed" if left.lies else "a person stands up from a chair", rises)]
    if left is not None or GOES.search(text.lower()):
        walks = _FREE_WALK_S if way_m is None else way_m / PACE_M_S
        walks = round(max(min(walks, seconds - _LEAST_REST_S - rises), LEAST_PART_S), 1)
    rests = round(seconds - rises - walks, 3)
    if rests < _LEAST_REST_S - 0.05:
        return [Part(text, seconds)], [Part(text, seconds)]
    stays = rests - _SITS_DOWN_S if walks and rests - _SITS_DOWN_S >= LEAST_PART_S else 0.0
    rests -= stays
    # Told of a bed, the model has people lie on it.
    place = "the bed" if one.lies else "a chair"
    does = "a patient lies on the bed" if one.lies else "a person sits down on a chair"
    after = [Part("a patient lies on the bed" if one.lies else "a person sits on a chair", stays)] if stays else []
    walk = [Part("a person walks forward", walks)] if walks else []
    longest = _AGAIN_S + (0.0 if before or not first else OVERLAP_S)
    whole = [Part(does, rests)]
    if walks:
        goes = f"a person walks to {place} and {'lies' if one.lies else 'sits'} down"
        ahead = max(walks + rests - longest, LEAST_PART_S) if walks + rests > longest + 1e-6 else 0.0
        whole = [*([Part("a person walks forward", ahead)] if ahead else []), Part(goes, walks + rests - ahead)]
    return [*before, *walk, Part(does, rests), *after], [*before, *whole, *after]


def as_prompt(parts: Sequence[Part]) -> str:
    """Parts as one text."""
    return " | ".join(f"{round(part.seconds or 0.0, 3):g}s: {part.text}" for part in parts)


def _gap_m(thing: RoomObject, seat: RoomObject) -> float:
    return float(thing.gap_m(np.array([seat.centre_m]))[0])
