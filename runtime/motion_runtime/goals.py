"""Goals: where people are to end, read from what is said of them, and the way there.

A goal is a place or a thing of the room. The way to it goes round the furniture, its corners at a steady pace.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from motion_preprocessing.errors import InputError
from motion_preprocessing.room_objects import SITTABLE, named
from motion_runtime.approach import Spot, ends_on, good, lies, spots
from motion_runtime.editing.root_path import RootPath, Waypoint
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Room, draw
from motion_runtime.route import find_route
from motion_runtime.stage import Place

_FASTEST_M_S: Final = 4.0
_ARRIVED: Final = 0.85
"""Part of the motion's time that a way with corners takes; the rest is for what is done at its end."""


@dataclass(frozen=True)
class Goal:
    """Where somebody is to end."""

    place_m: Place
    yaw_deg: float | None
    spot: Spot | None
    """At the thing that was named; None for a place."""


def goals_of(request: GenerationRequest, room: Room | None, prompts: Sequence[str]) -> list[Goal | None]:
    """Each person's goal.

    Args:
        request: What is wanted.
        room: The room; None = an empty one.
        prompts: What each person does, the parts of a timeline as one sentence.

    Raises:
        InputError: A goal is no place and no thing of the room, or there is a path too, or there are too many.
    """
    if not request.goals:
        return [None] * request.persons
    if len(request.goals) > request.persons:
        raise InputError(
            f"expected at most {request.persons} goals, one a person, got {len(request.goals)}; "
            "leave some out, or ask for as many persons with --person"
        )
    if request.edits is not None and request.edits.paths:
        raise InputError("expected a path or a goal, got both; give the goal as the last place of the path")
    found: list[Goal | None] = []
    for text, prompt in zip(request.goals, prompts, strict=False):
        if text.strip() == "-":
            found.append(None)
            continue
        place = parse_place(text)
        if place is not None:
            if room is not None:
                room.check_inside(place[:2], "goal", "--goal")
            found.append(Goal((place[0], place[1]), place[2], None))
            continue
        spot = _spot_of(text, request, room)
        if not (ends_on(prompt) and spot.thing.object_class in SITTABLE):
            found.append(Goal(spot.before(), math.degrees(spot.outward_rad + math.pi), spot))
        elif lies(prompt):
            found.append(Goal(spot.thing.level_centre_m, None, spot))
        else:
            found.append(Goal(spot.on(), math.degrees(spot.seated_rad), spot))
    return found + [None] * (request.persons - len(found))


def parse_place(text: str) -> tuple[float, float, float | None] | None:
    """Read 'x,y' or 'x,y,yaw'; None where the text is no numbers."""
    words = text.split(",")
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return None
    if len(numbers) not in (2, 3) or not all(map(math.isfinite, numbers)):
        raise InputError(f"expected x,y or x,y,yaw as metres and degrees, got '{text:.40}' for a place; write 1.5,2")
    return numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else None


def _spot_of(text: str, request: GenerationRequest, room: Room | None) -> Spot:
    """The best place at the thing that a goal names."""
    if room is None:
        raise InputError(f"expected a room for the goal '{text:.40}', got none; give one with --scene, or write x,y")
    things = named(room.scene.furniture, text)
    if not things:
        there = ", ".join(thing.name for thing in room.scene.furniture[:12]) or "nothing"
        raise InputError(
            f"expected a place x,y or one of {there} for the goal, got '{text:.40}'; "
            "motion-run inspect ROOM shows what was found"
        )
    found = good(spots(things, room.free_space))
    if not found:
        raise InputError(
            f"expected free floor beside the {things[0].name} for the goal, got none; write the place as x,y"
        )
    return found[draw(request) % len(found)]


def path_to(start: Place | None, goal: Goal, room: Room | None, last_s: float) -> RootPath:
    """The way to a goal: its corners at a steady pace, the goal at the end.

    Args:
        start: Where it begins; None = left to the model.
        goal: Where it ends.
        room: What it goes round; None = an empty room.
        last_s: Time of the motion's last frame.

    Raises:
        InputError: The goal cannot be reached in time.
    """
    end = Waypoint(last_s, *goal.place_m, goal.yaw_deg)
    if start is None:
        return RootPath((end,))
    corners = np.array([start, goal.place_m]) if room is None else find_route(room.free_space, start, goal.place_m)
    lengths = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    if float(lengths.sum()) > _FASTEST_M_S * last_s:
        raise InputError(
            f"expected a goal within {_FASTEST_M_S * last_s:.1f} m of way, got {float(lengths.sum()):.1f} m for "
            f"{last_s:.1f} s; ask for more --seconds, or start nearer"
        )
    share = np.cumsum(lengths)[:-1] / max(float(lengths.sum()), 1e-9)
    between = [
        Waypoint(float(s) * _ARRIVED * last_s, float(x), float(y))
        for s, (x, y) in zip(share, corners[1:-1], strict=True)
    ]
    return RootPath((Waypoint(0.0, *start), *between, end))
