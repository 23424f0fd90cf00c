"""Puts people where a prompt and a room ask for them: near the furniture that is named, on the way to a goal.

`staged` turns what is said in words into numbers of the request: a start, a heading and a path. Whoever gives a start
or a path keeps it. Equal requests are staged equally; samples of one differ where places are about as good.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from motion_preprocessing.errors import InputError
from motion_preprocessing.room_objects import SITTABLE, named
from motion_runtime.approach import Spot, Stance, ends_on, spots, stance_of, things_for
from motion_runtime.editing.edits import Edits
from motion_runtime.editing.root_path import RootPath, Waypoint
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Room, draw
from motion_runtime.route import find_route

Place = tuple[float, float]

WALK_M_S: Final = 0.8
"""An easy pace: how far away somebody starts who is to be somewhere at the end."""
_FASTEST_M_S: Final = 4.0
_AWAY_M: Final = (1.0, 3.5)
_ARRIVED: Final = 0.85
"""Part of the motion's time that a way with corners takes; the rest is for what is done at its end."""


def staged(request: GenerationRequest, room: Room | None, last_s: float) -> GenerationRequest:
    """Give a request its start and its paths.

    Args:
        request: What is wanted.
        room: The room; None = an empty one.
        last_s: Time of the motion's last frame.

    Raises:
        InputError: A goal is no place and no thing of the room, cannot be reached in time, or contradicts a path.
    """
    prompts = [" , ".join(part.text for part in timeline.parts) for timeline in request.timelines]
    goals = _goals(request, room, prompts)
    spot = None
    if request.start_m is None and request.edits is None and room is not None:
        target = goals[0][2] if goals and goals[0] is not None else None
        things = [target.thing] if target is not None else things_for(prompts[0], room.scene.furniture)
        request, spot = _at_furniture(request, room, things, prompts[0], last_s, walks=bool(goals and goals[0]))
    if not goals:
        return request
    if goals[0] is not None and request.start_m is None and (request.edits is None or request.edits.start_pose is None):
        request = _within_reach(request, room, goals[0][0], last_s)
    paths = []
    for person, goal in enumerate(goals):
        if goal is None:
            paths.append(RootPath(()))
            continue
        start = request.start_m if person == 0 else None
        paths.append(_path(start, goal[0], goal[1], room, last_s))
    edits = request.edits or Edits()
    return replace(request, goals=(), edits=replace(edits, paths=tuple(paths)))


def _goals(
    request: GenerationRequest, room: Room | None, prompts: Sequence[str]
) -> list[tuple[Place, float | None, Spot | None] | None]:
    """Place, facing (degrees) and spot of each person's goal."""
    if not request.goals:
        return []
    if len(request.goals) > request.persons:
        raise InputError(
            f"expected at most {request.persons} goals, one a person, got {len(request.goals)}; "
            "leave some out, or ask for as many persons with --person"
        )
    if request.edits is not None and request.edits.paths:
        raise InputError("expected a path or a goal, got both; give the goal as the last place of the path")
    found: list[tuple[Place, float | None, Spot | None] | None] = []
    for text, prompt in zip(request.goals, prompts, strict=False):
        if text.strip() == "-":
            found.append(None)
            continue
        place = parse_place(text)
        if place is not None:
            if room is not None:
                room.check_inside(place[:2], "goal", "--goal")
            found.append(((place[0], place[1]), place[2], None))
            continue
        spot = _spot_of(text, request, room)
        on = ends_on(prompt) and spot.thing.object_class in SITTABLE
        facing = spot.seated_rad if on else spot.outward_rad + math.pi
        lies = on and "l" in prompt and any(word in prompt.lower().split() for word in ("lies", "lie", "lays", "lying"))
        at = spot.thing.level_centre_m if lies else spot.on() if on else spot.before()
        found.append((at, None if lies else math.degrees(facing), spot))
    return found


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
    good = spots(things, room.free_space)
    if not good:
        raise InputError(
            f"expected free floor beside the {things[0].name} for the goal, got none; write the place as x,y"
        )
    return good[draw(request) % len(good)]


def _at_furniture(
    request: GenerationRequest, room: Room, things: Sequence[object], prompt: str, last_s: float, *, walks: bool
) -> tuple[GenerationRequest, Spot | None]:
    """Start at the furniture that the prompt names, if it does."""
    chosen = [thing for thing in room.scene.furniture if any(thing is one for one in things)]
    if not chosen:
        return request, None
    good = spots(chosen, room.free_space)
    if not good:
        return request, None
    number = draw(request)
    spot = good[number % len(good)]
    stance = Stance.AWAY if walks else stance_of(prompt)
    if stance is Stance.ON and spot.thing.object_class not in SITTABLE:
        stance = Stance.FACING
    if stance is Stance.AWAY:
        away = _steps_away(room, spot.before(), min(max(WALK_M_S * (last_s - 2.0), _AWAY_M[0]), _AWAY_M[1]), number)
        if away is None:
            return request, None
        start, heading = away
    else:
        start = spot.on() if stance is Stance.ON else spot.before()
        heading = {
            Stance.ON: spot.seated_rad,
            Stance.BACK_TO: spot.outward_rad,
            Stance.FACING: spot.outward_rad + math.pi,
        }[stance]
    asked = request.heading_deg
    turned = math.degrees(heading) % 360.0 if asked is None else asked
    return replace(request, start_m=start, heading_deg=turned), spot


def _steps_away(room: Room, goal: Place, far_m: float, number: int) -> tuple[Place, float] | None:
    """A place on the free floor about `far_m` from a goal, in sight of it if there is one, and the way to face."""
    stands = room.stands()
    gap = np.array(goal) - stands
    distance = np.hypot(gap[:, 0], gap[:, 1])
    yaw = np.arctan2(gap[:, 1], gap[:, 0])
    seen = room.free_space.free_run(stands[:, 0], stands[:, 1], yaw) >= distance - 0.5
    score = -np.abs(distance - far_m) + 1.5 * seen
    score[distance < 0.5] = -np.inf
    if not np.isfinite(score).any():
        return None
    good = np.flatnonzero(score >= score.max() - 0.3)
    chosen = int(good[number % len(good)])
    return (float(stands[chosen, 0]), float(stands[chosen, 1])), float(yaw[chosen])


def _within_reach(request: GenerationRequest, room: Room | None, goal: Place, last_s: float) -> GenerationRequest:
    """Start somewhere from where a goal can be walked to in time, where nothing says where."""
    if room is None:
        return replace(request, start_m=(0.0, 0.0))
    away = _steps_away(room, goal, min(max(WALK_M_S * last_s, _AWAY_M[0]), _AWAY_M[1]), draw(request))
    if away is None:
        return request
    heading = math.degrees(away[1]) % 360.0 if request.heading_deg is None else request.heading_deg
    return replace(request, start_m=away[0], heading_deg=heading)


def _path(start: Place | None, goal: Place, yaw_deg: float | None, room: Room | None, last_s: float) -> RootPath:
    """The way to a goal: its corners at a steady pace, the goal at the end."""
    end = Waypoint(last_s, *goal, yaw_deg)
    if start is None:
        return RootPath((end,))
    corners = np.array([start, goal]) if room is None else find_route(room.free_space, start, goal)
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
