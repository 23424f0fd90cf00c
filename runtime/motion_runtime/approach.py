"""Where people are about a piece of furniture: before its front, on it, or some steps away from it.

What the prompt says first decides. Who sits down stands before the seat with the back to it; who stands up from it is
on it and faces its front; who walks to it starts some steps away and faces it; everybody else stands before it and
looks at it. Which side is the front follows from what stands above the seat, as a back does, and from the free floor.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.labels import named_classes
from motion_preprocessing.occupancy import FreeSpace
from motion_preprocessing.room_objects import SITTABLE, RoomObject
from motion_runtime.said import GETS_UP, GOES, GOES_DOWN, IS_ON
from motion_runtime.stage import Place, Rest, Use
from motion_runtime.timeline import LEAST_PART_S

Array = NDArray[np.float64]


class Stance(Enum):
    """How somebody starts."""

    ON = "on it"
    BACK_TO = "with the back to it"
    FACING = "facing it"
    AWAY = "some steps away"


_FIRST: Final[tuple[tuple[Stance, re.Pattern[str]], ...]] = (
    (Stance.ON, GETS_UP),
    (Stance.ON, IS_ON),
    (Stance.AWAY, GOES),
    (Stance.BACK_TO, GOES_DOWN),
)
_LEAVES: Final = re.compile(r"\b(away from|leaves?|from)\b")
_ENDS_ON: Final = re.compile(r"\b(sits?|sitting|lies|lie|lying|lays?|takes? a seat)\b")
_LIES: Final = re.compile(r"\b(lies|lie|lying|lays?|laying)\b")
_RESTS_ON: Final = re.compile(
    r"\b(sits?|sitting|seated|lies|lie|lying|lays?|laying|takes? a seat|stands? up|standing up|gets? up|getting up"
    r"|gets? (?:out|off)|getting (?:out|off)|climbs? out|rises?|sleeps?|rests?|flops?|drops? (?:on|in)\w*)\b"
)
_SITS_DOWN: Final = re.compile(r"\b(sits?|sitting|seated|takes? a seat|lies|lie|lying|lays?(?: down)|laying|sleeps?)\b")
_RISES: Final = re.compile(r"^\W*(?:\w+\s+){0,3}(?:stands up|stand up|rises)\b")
"""Who gets up before anything else sat on something."""
_ELSEWHERE: Final = re.compile(
    r"\b(floor|ground|carpet|rug|mat|grass|stairs?|on the steps|knees?|heels|all fours|cross[- ]legged|fall\w*|fell"
    r"|collaps\w*|faint\w*|trip\w*|stumbl\w*|slip\w*|slid\w*|squat\w*|kneel\w*|crouch\w*|crawl\w*|push-?ups?|sit-?ups?)\b"
)
_OUT_OF_BED: Final = re.compile(
    r"\b(?:falls?|rolls?|slides?|slips?|drops?) (?:out of|off|from)(?: of)?(?: \w+)? bed\b"
    r"(?:(?: and (?:falls?|drops?|lands?))?(?: down)? (?:on ?to|to|on) the (?:floor|ground)| and (?:falls?|drops?))?",
    re.IGNORECASE,
)
_TOLD_OUT_OF_BED: Final = "rolls out of bed and falls to the floor"
"""As the training data word it: shorter, and the model has people lie down on a bed that they are to fall out of."""
_OF_BED: Final = r"(?: (?:the|a|an|his|her|their|hospital|care|nursing|patient's|edge|side|of))* bed"
_FALLS_BESIDE: Final = re.compile(
    r"(?P<falls>\b(?:falls?|falling|fell|(?:collaps|stumbl|tumbl|toppl|crumpl)(?:es?|ed|ing)|faint(?:s|ed|ing)?"
    r"|(?:trip|slip)(?:s|ped|ping)?)(?: (?!asleep\b|and\b|then\b|while\b)\w+){0,6}?)"
    r" (?:right |just )?(?:beside|alongside|next to|near|close to|by|in front of|at the (?:side|edge|foot|end|head) of)"
    r" (?:(?:the|a|an|his|her|their|hospital|care|nursing|patient's|side|edge|foot|end|of) )*"
    r"(?:\w*bed|\w*chair|sofa|couch|stool)\b",
    re.IGNORECASE,
)
"""Who falls beside something, up to its name, which says where they start: the model, told of it, has them lie."""
_UP_FROM_BED: Final = re.compile(
    r"\b(?:(?:is )?getting|(?:is )?standing|gets?|stands?|rises?|climbs?)(?: up)?(?: \w+ly)?"
    rf" (?:up )?(?:from|out of|off){_OF_BED}\b",
    re.IGNORECASE,
)
_TOLD_UP: Final = "stands up from a chair"
"""Of who sits on the edge of a bed, which is where they start: two hundred recordings and more are worded so. To stand
up from a bed takes eight seconds in the training data, from lying on; in six, the model lies down instead."""
_HIGHEST_CHAIR_M: Final = 0.55
"""On higher beds nobody sits as on a chair."""
_TO_BED: Final = re.compile(
    r"(?P<who>(?:\w+ ){1,3}?\w+)"
    r" (?:(?:walks?|goes|strolls?|comes?|steps?)(?: \w+ly| over| up)* (?:to|towards?)|approaches)"
    rf"{_OF_BED}\W*(?:\b(?:and|then)\b\W*)*(?P<then>\w.*)?",
    re.IGNORECASE,
)
_BRISK_M_S: Final = 1.3
"""The pace of who is told to walk forward ..."""
_SLOWS_S: Final = 0.7
"""... who takes so much longer to stop ..."""
_STANDS_S: Final = 1.5
"""... and stands so long at least."""
_STOPS_M: Final = 0.25
"""Nobody walks to a bed as near as who sits down on it."""
_LEAST_WAY_M: Final = 0.3
_SITS_ON_BED: Final = re.compile(
    r"\b(?:sit|sits|sitting|seated|tak(?:es?|ing) a seat|perch(?:es|ed|ing)?)(?: (?:down|\w+ly|back))*"
    rf" (?:on ?to|on|at){_OF_BED}\b",
    re.IGNORECASE,
)
_LYING_UP: Final = re.compile(
    r"^.*?\b(?:lies|lying|asleep|sleeps?|wakes?(?: up)?|sits up)\b.*?"
    rf"\b(?:gets|stands|rises|climbs)(?: (?:up|out|off))*(?: (?:from|out of|off|of){_OF_BED})?(?=[ ,.]|$)",
    re.IGNORECASE,
)
"""Who lies on a bed at first, up to where they stand."""
_SITS_UP_IN_BED: Final = re.compile(
    r"\b(?:sits?|sitting) up(?: \w+ly)*(?: (?:in|on|at)(?: \w+){0,4}? bed)?(?: \w+ly)*\W*$", re.IGNORECASE
)
"""Who sits up, and does no more."""
_TOLD_LYING: Final = "a person is lying on the bed, sits up on the edge of the bed"
_SITS_UP: Final = 0.6
"""Share of the time that this takes, as much as ..."""
_SITS_UP_S: Final = 3.0
"""... this at least ..."""
_STANDS_UP_S: Final = 2.0
"""... if that leaves as much for standing up."""
_SITS_UP_HALF_S: Final = 2.5
"""Sitting up takes half of the time where that is as long as this."""
ROLLS: Final = re.compile(r"\b(?:push(?:es|ed|ing)?|rid(?:es?|ing))\b")
_SEATS: Final = re.compile(r"\b(wheelchair|sofa|couch|settee|loveseat|bench)\b", re.IGNORECASE)
# 'Her' is another person where no noun can follow: not in 'her bed'.
_OTHERS: Final = re.compile(
    r"\b(together|each other|one another|another|others?|somebody|someone else|both|two (?:people|persons)"
    r"|helps?|helping|helped|carer|hands? (?:over|to)|hugs?|with help|him|them|couple|salsa"
    r"|her(?= (?:a|an|the|some\w*|up|down|to|in|into|on|onto|out|off|from|by|at|back|over|and|with|while|towards?)\b"
    r"| *(?:[,.;|]|$))"
    r"|push(?:es|ed|ing)?|rid(?:es?|ing) in a wheelchair)\b"
)

SEATS: Final = ("chair", "wheelchair", "stool", "sofa")
"""What somebody sits on who does not say on what."""
_STANDS_IN: Final = {
    "chair": ("wheelchair", "stool", "sofa"), "stool": ("chair",), "sofa": ("chair",), "wheelchair": ("chair",),
}  # fmt: skip
"""What is meant where there is none of what is named."""

_SEAT_GAP_M: Final = 0.18
"""From the seat's edge to the pelvis of somebody who is about to sit down. With `_DEEP_M` it is the 0.38 m that a
pelvis moves back while it sits down in the training data (benchmarks/furniture.py --data)."""
_DEEP_M: Final = 0.2
"""From the seat's edge to the pelvis of who sits, more or less by `_DEEPER_M`."""
_DEEPER_M: Final = 0.07
_WALKS_S: Final = 2.0
"""How long somebody walks to a bed ..."""
_LIES_DOWN_S: Final = 2.5
"""... if there is as much time for lying down."""
_MANY_M: Final = 1.2
"""Several people sit beside each other on what is longer."""
_HEAD_M: Final = 0.8
_FEET_M: Final = 0.95
"""From the ends of a mattress to the pelvis of who lies on it, at least."""
_WITHIN_M: Final = 0.25
"""From its sides likewise."""
_OTHER_GAP_M: Final = 0.38
_CLEAR_M: Final = 0.15
"""Least clearance half a step before the edge: a side without it cannot be reached."""
_LONG_M: Final = 1.5
"""Longer things are used at three places of a side."""
_BACKED_M: Final = 0.08
"""A back this far from the middle of a seat tells where its front is."""
_NEARLY: Final = 0.6
"""Places this much worse than the best are as good."""


@dataclass(frozen=True)
class Spot:
    """A place at a piece of furniture."""

    thing: RoomObject
    edge_m: Place
    """On its edge."""
    outward_rad: float
    """Direction away from it there."""
    score: float

    def before(self) -> Place:
        """Where the pelvis of somebody is who stands before it."""
        gap = _SEAT_GAP_M if self.thing.object_class in SITTABLE else _OTHER_GAP_M
        return self.step(gap)

    def step(self, distance_m: float) -> Place:
        """The place so far out from the edge, or in where negative."""
        x, y = self.edge_m
        return x + distance_m * math.cos(self.outward_rad), y + distance_m * math.sin(self.outward_rad)

    @property
    def seated_rad(self) -> float:
        """Where somebody faces who sits on it: away from its back, or to where they came from."""
        x, y = self.thing.back_m
        if math.hypot(x, y) < _BACKED_M or self.thing.size_m[0] > _LONG_M:
            return self.outward_rad
        # A seat is square to its box, whatever few points show of its back.
        turns = [self.thing.yaw_rad + quarter * math.pi / 2 for quarter in range(4)]
        return max(turns, key=lambda turn: -x * math.cos(turn) - y * math.sin(turn))

    def on(self) -> Place:
        """Where the pelvis of somebody is who sits on it."""
        return self.step(-min(_DEEP_M, 0.5 * self.thing.size_m[1]))

    def use(self, *, start_free: bool) -> Use | None:
        """How somebody sits or lies on it; None where it has no level to do so."""
        thing = self.thing
        if thing.object_class not in SITTABLE or thing.level_m is None:
            return None
        aside = 0.5 * thing.size_m[0] - _WITHIN_M if thing.size_m[0] > _MANY_M else 0.0
        # Only the places beside this one: the spots of a long seat are a quarter of it apart.
        seat = Rest(self.on(), (_DEEPER_M, max(0.02, min(aside, 0.12 * thing.size_m[0]))), self.seated_rad)
        return Use(thing.level_m, seat, beds(thing), start_free, head_known=any(thing.head_m))


def beds(thing: RoomObject) -> tuple[Rest, ...]:
    """Where somebody lies on a thing: along it, the head first where it belongs, or else where something stands up."""
    length, width = thing.size_m[0], thing.size_m[1]
    if length < _LONG_M or thing.object_class not in ("bed", "sofa"):
        return ()
    head = float(np.array(thing.head_m if any(thing.head_m) else thing.back_m) @ thing.axes[0]) > 0
    half = max(0.02, length / 2 - (_HEAD_M + _FEET_M) / 2), max(0.02, width / 2 - _WITHIN_M)
    found = []
    for yaw in (thing.yaw_rad + math.pi * head, thing.yaw_rad + math.pi * (not head)):
        x, y = thing.level_centre_m
        nearer = (_FEET_M - _HEAD_M) / 2
        found.append(Rest((x - nearer * math.cos(yaw), y - nearer * math.sin(yaw)), half, yaw))
    return tuple(found)


def stance_of(prompt: str) -> Stance:
    """How somebody starts who is to do what the prompt says."""
    text = prompt.lower()
    first: tuple[int, Stance] | None = None
    for stance, pattern in _FIRST:
        match = pattern.search(text)
        if match and (first is None or match.start() < first[0]):
            first = match.start(), stance
    if first is None:
        # Who trips facing a bed falls onto it.
        return Stance.BACK_TO if _FALLS_BESIDE.search(text) else Stance.FACING
    if first[1] is Stance.AWAY and _LEAVES.search(text):
        return Stance.BACK_TO
    return first[1]


def ends_on(prompt: str) -> bool:
    """Whether the last thing that somebody does is to sit or to lie."""
    last = re.split(r"[|,]|\band\b|\bthen\b", prompt.lower())[-1]
    return bool(_ENDS_ON.search(last)) and not re.search(r"\bup\b", last)


def lies(prompt: str) -> bool:
    """Whether somebody lies, rather than sits."""
    return bool(_LIES.search(prompt.lower()))


def rests_on(prompt: str) -> bool:
    """Whether somebody sits or lies at some time."""
    return bool(_RESTS_ON.search(prompt.lower()))


def worded(prompt: str, thing: RoomObject, seconds: float, *, alone: bool = True) -> str:
    """What the model is to read of somebody who uses a thing: what it knows how to do.

    It has seen people walk to chairs and sit down, but not to wheelchairs, sofas and beds, and whoever it lets lie down
    after a walk lies on the floor. It has seen people roll out of bed, and sit up in bed, but no one get out soon.
    """
    prompt = _FALLS_BESIDE.sub(r"\g<falls>", prompt)
    if thing.object_class == "bed":
        prompt = _sits_on_bed(prompt)
        prompt = _up_from_bed(_OUT_OF_BED.sub(_TOLD_OUT_OF_BED, prompt), thing, seconds, alone=alone)
    if not alone or stance_of(prompt) is not Stance.AWAY or not rests_on(prompt):
        return prompt
    if not lies(prompt):
        return _SEATS.sub("chair", prompt) if thing.object_class in ("wheelchair", "sofa") else prompt
    rest = seconds - _WALKS_S
    if "|" in prompt or rest < _LIES_DOWN_S or thing.object_class not in ("bed", "sofa"):
        return prompt
    return f"{_WALKS_S:g}s: a person walks forward | {rest:g}s: a patient lies on the bed"


def worded_walk(prompt: str, seconds: float, way_m: float) -> str:
    """What the model is to read of somebody who walks to a bed and does not rest on it.

    Told of a bed, it has people go down long before they are there: they crouch, and some fall. So it is told of a walk
    as long as the way, and then of what they do there.
    """
    match = _TO_BED.fullmatch(prompt)
    way_m = max(way_m - _STOPS_M, _LEAST_WAY_M)
    walks = round(min(max(way_m / _BRISK_M_S, LEAST_PART_S) + _SLOWS_S, seconds - _STANDS_S), 1)
    if match is None or walks < LEAST_PART_S or rests_on(prompt) or names_others(prompt):
        return prompt
    then = f"{match['who']} {match['then']}" if match["then"] else "a person stands"
    return f"{walks:g}s: {match['who']} walks {way_m:.1f} metres forward | {round(seconds - walks, 3):g}s: {then}"


def worded_leaving(text: str, thing: RoomObject) -> str:
    """What the model is to read of somebody in the part of a prompt in which they leave what they are on."""
    if thing.object_class != "bed":
        return text
    return _UP_FROM_BED.sub(_TOLD_UP, _OUT_OF_BED.sub(_TOLD_OUT_OF_BED, text))


def _sits_on_bed(prompt: str) -> str:
    """What the model is to read of somebody who sits on a bed and does not lie: told of a bed, it has people lie."""
    if lies(prompt) or names_others(prompt) or not _SITS_ON_BED.search(prompt):
        return prompt
    said = _SITS_ON_BED.sub(lambda match: match[0].replace(" down", ""), prompt)
    return re.sub(_OF_BED + r"\b", " a chair", said, flags=re.IGNORECASE)


def sits_up(prompt: str) -> bool:
    """Whether somebody who lies sits up, and does no more."""
    return "|" not in prompt and bool(_SITS_UP_IN_BED.search(prompt))


def _up_from_bed(prompt: str, bed: RoomObject, seconds: float, *, alone: bool) -> str:
    """What the model is to read of somebody who gets up from a bed that they start on."""
    if stance_of(prompt) is not Stance.ON:
        return prompt
    half = round(0.5 * seconds, 2)
    if sits_up(prompt) and alone and half >= _SITS_UP_HALF_S:
        return f"{half:g}s: {_TOLD_LYING} | {round(seconds - half, 2):g}s: a person sits on a chair"
    lying = _LYING_UP.search(prompt)
    if lying is None and (bed.level_m or 0.0) > _HIGHEST_CHAIR_M:
        lying = _UP_FROM_BED.search(prompt)
    first = round(max(_SITS_UP * seconds, _SITS_UP_S), 2)
    rest = round(seconds - first, 2)
    if lying and alone and "|" not in prompt and rest >= _STANDS_UP_S and not _ELSEWHERE.search(lying[0].lower()):
        return f"{first:g}s: {_TOLD_LYING} | {rest:g}s: a person {_TOLD_UP}{prompt[lying.end() :]}"
    return _UP_FROM_BED.sub(_TOLD_UP, prompt)


def sits_anywhere(prompt: str, objects: tuple[RoomObject, ...]) -> list[RoomObject]:
    """Things for somebody who sits or lies down without saying on what, or at what: the seats or else the beds.

    Who names the floor, falls, or stands up from something else than a seat rests on none.
    """
    text = prompt.lower()
    if not (_SITS_DOWN.search(text) or _RISES.search(text)) or _ELSEWHERE.search(text) or names_others(text):
        return []
    mattresses = [thing for thing in objects if thing.object_class == "bed"]
    if lies(text):
        return mattresses
    return [thing for thing in objects if thing.object_class in SEATS and thing.level_m is not None] or mattresses


def seats_one(thing: RoomObject) -> bool:
    """Whether one person at a time sits there."""
    return thing.object_class in SITTABLE and thing.size_m[0] <= _MANY_M


def names_others(prompt: str) -> bool:
    """Whether what somebody does is done with others: then where they are follows from these."""
    return bool(_OTHERS.search(prompt.lower()))


def things_for(prompt: str, objects: tuple[RoomObject, ...]) -> list[RoomObject]:
    """Things of the room that a prompt names, of the class it names first among those that are there, or a like one.

    A wheelchair that is pushed goes along with people: it is none of those that stood still while the room was scanned.
    """
    for number in re.findall(r"\bobject (\d+)\b", prompt.lower()):
        if 0 < int(number) <= len(objects):
            return [objects[int(number) - 1]]
    rolls = ROLLS.search(prompt.lower())
    names = [name for name in named_classes(prompt) if not (rolls and name == "wheelchair")]
    for name in (*names, *(like for one in names for like in _STANDS_IN.get(one, ()))):
        found = [thing for thing in objects if thing.object_class == name]
        if found:
            return found
    return []


def spots(things: list[RoomObject], space: FreeSpace) -> list[Spot]:
    """Places at which the things can be reached, the best first."""
    found = [spot for thing in things for spot in _sides(thing, space)]
    return sorted(found, key=lambda s: (-s.score, s.edge_m))


def good(found: list[Spot]) -> list[Spot]:
    """Those of some places that are not much worse than the best of them."""
    best = max((spot.score for spot in found), default=0.0)
    return [spot for spot in found if spot.score >= best - _NEARLY]


def _sides(thing: RoomObject, space: FreeSpace) -> list[Spot]:
    along, across = thing.axes
    length, width = thing.size_m[0], thing.size_m[1]
    back = np.array(thing.back_m)
    backed = min(float(np.linalg.norm(back)) / 0.12, 1.0) if thing.object_class in SITTABLE else 0.0
    back = back / max(float(np.linalg.norm(back)), 1e-9)
    found = []
    for direction, half, side in (
        (along, length / 2, across),
        (-along, length / 2, across),
        (across, width / 2, along),
        (-across, width / 2, along),
    ):
        reach = length if side is along else width
        shares = (-0.25, 0.0, 0.25) if reach > _LONG_M else (0.0,)
        for share in shares:
            edge = np.array(thing.centre_m) + half * direction + share * reach * side
            clear = float(space.clearance(*(edge + 0.45 * direction)))
            if clear < _CLEAR_M:
                continue
            yaw = math.atan2(direction[1], direction[0])
            x, y = edge + 0.45 * direction
            run = float(space.free_run(x, y, yaw))
            score = min(clear, 0.6) + 0.3 * min(run, 2.0) - 1.5 * backed * float(back @ direction)
            if length > _LONG_M and side is across:
                score -= 1.0  # the ends of beds and sofas are not where one gets on
            found.append(Spot(thing, (float(edge[0]), float(edge[1])), yaw, score - 0.1 * abs(share)))
    return found
