"""What the model is asked for: held-out captions, twelve actions, rooms that no training saw, and company."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from motion_preprocessing.furnishing.rooms import HeldOutRoom, Support
from motion_runtime.motion import GenerationRequest

SECONDS: Final = 6.0

ACTIONS: Final[dict[str, tuple[str, ...]]] = {
    "walk": ("a person walks forward",),
    "turn": ("a person turns around",),
    "sit_down": ("a person sits down on a chair",),
    "stand_up": ("a person stands up from a chair",),
    "lie_down": ("a person lies down on the bed",),
    "get_up": ("a person gets up from the floor",),
    "fall": ("a person falls to the floor",),
    "reach": ("a person reaches out with the right hand",),
    "bend": ("a person bends forward",),
    "wave": ("a person waves with the right hand",),
    "help": ("a nurse helps a patient stand up", "a patient stands up from a chair with the help of a nurse"),
    "wheelchair": ("a nurse pushes a wheelchair", "a patient sits in a wheelchair that is pushed"),
}
"""Prompt of each person, by action; the first one does it."""
CLASSES: Final[dict[str, tuple[str, ...]]] = {"help": ("staff", "patient"), "wheelchair": ("staff", "patient")}
"""Who they are, where that matters."""
COMPANY: Final[tuple[tuple[str, ...], ...]] = (
    ("a person walks forward", "a person stands and waves", "a person sits down on a chair", "a person turns around"),
    ("a person walks forward", "a person walks forward", "a person stands", "a person bends forward"),
    ("a person falls to the floor", "a person walks forward", "a person stands", "a person turns around"),
)
"""Of each row the first two, three or four persons."""
SIT: Final = "a person sits on the chair"
LIE: Final = "a person lies on the bed"
WALK: Final = "a person walks through the room"


@dataclass(frozen=True)
class Wanted:
    """One motion to be made."""

    part: str
    """captions, actions, rooms, no_tokens, no_rooms or company."""
    name: str
    """Unique within the part; says what it is."""
    request: GenerationRequest
    row: int = 0
    """Caption or room number."""
    tokens: bool = True
    """False = the network is shown no room, while what is corrected knows it."""


def for_captions(captions: Sequence[str], seconds: Sequence[float], seed: int) -> list[Wanted]:
    """One motion a caption, as long as the recording that has it."""
    return [
        Wanted("captions", f"{i:04d}", GenerationRequest((caption,), seconds=length, seed=seed, sample=i), i)
        for i, (caption, length) in enumerate(zip(captions, seconds, strict=True))
    ]


def for_actions(samples: int, seed: int) -> list[Wanted]:
    """So many motions of each action, in an empty room."""
    return [
        Wanted(
            "actions",
            f"{action}_{k:03d}",
            GenerationRequest(prompts, CLASSES.get(action, ()), seconds=SECONDS, seed=seed, sample=k),
            k,
        )
        for action, prompts in ACTIONS.items()
        for k in range(samples)
    ]


def for_company(groups: int, most: int, seed: int) -> list[Wanted]:
    """Two, three and four persons, so many times each, in an empty room."""
    return [
        Wanted(
            "company",
            f"{people}_{k:03d}",
            GenerationRequest(COMPANY[k % len(COMPANY)][:people], seconds=SECONDS, seed=seed + 1, sample=k),
            people,
        )
        for people in range(2, most + 1)
        for k in range(groups)
    ]


def for_room(index: int, room: HeldOutRoom, seed: int) -> list[Wanted]:
    """Walking, and sitting and lying where the room has a seat or a bed.

    One starts in front of it, facing away, as whoever sits down does; another wherever the generator chooses to.
    """
    base = GenerationRequest((WALK,), seconds=SECONDS, scene=room.scene, seed=seed, sample=index)
    found = [Wanted("rooms", f"{index:02d}_walk", base, index)]
    for kind, prompt in (("seat", SIT), ("mattress", LIE)):
        support = room.support(kind)
        if support is None:
            continue
        asked = replace(base, prompts=(prompt,))
        before = replace(asked, start_m=support.approach_m, heading_deg=away_deg(support))
        found += [Wanted("rooms", f"{index:02d}_{kind}_before", before, index)]
        found += [Wanted("rooms", f"{index:02d}_{kind}_anywhere", asked, index)]
    return found


def away_deg(support: Support) -> float:
    """Way that somebody faces whose back is to a seat or a bed."""
    if support.kind == "seat":
        return math.degrees(support.yaw_rad)
    way = support.approach_m[0] - support.centre_m[0], support.approach_m[1] - support.centre_m[1]
    # Square to the bed's long side: one steps out of it there.
    across = support.yaw_rad + math.pi / 2
    side = math.copysign(1.0, way[0] * math.cos(across) + way[1] * math.sin(across))
    return math.degrees(across if side > 0 else across + math.pi)


def without_room(wanted: Wanted, start_m: tuple[float, float], heading_deg: float) -> Wanted:
    """The same noise at the same place, but the model does not see the room."""
    blind = replace(wanted.request, scene=None, start_m=start_m, heading_deg=heading_deg)
    return replace(wanted, part="no_rooms", request=blind)


def without_tokens(wanted: Wanted) -> Wanted:
    """The same request in the same room, but the network reads no scene token; corrections are as usual."""
    return replace(wanted, part="no_tokens", tokens=False)
