"""Puts people where a prompt and a room ask for them: near the furniture that is named, on the way to a goal.

`staged` turns what is said in words into numbers of the request: starts, headings, paths, and what is sat on. Whoever
gives a start or a path keeps it. Equal requests are staged equally; samples of one differ where places are about as
good.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import numpy as np

from motion_runtime.approach import names_others
from motion_runtime.editing.edits import Edits
from motion_runtime.editing.root_path import RootPath
from motion_runtime.goals import goals_of, path_to
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Room, draw
from motion_runtime.room_staging import RoomStaging
from motion_runtime.stage import Start

_OPEN_M: Final = 1.8
"""From neighbour to neighbour where there is no room. Beyond 2.5 m they would not see each other any more."""
_OPEN_DEG: Final = 40.0
"""How far somebody may be turned from facing out of the circle."""


def staged(request: GenerationRequest, room: Room | None, last_s: float) -> GenerationRequest:
    """Give a request its starts, its paths and what people sit or lie on.

    Args:
        request: What is wanted.
        room: The room; None = an empty one.
        last_s: Time of the motion's last frame.

    Raises:
        InputError: A goal is no place and no thing of the room, cannot be reached in time, or contradicts a path.
    """
    if request.staged:
        return request
    prompts = [" , ".join(part.text for part in timeline.parts) for timeline in request.timelines]
    goals = goals_of(request, room, prompts)
    edits = request.edits
    posed = edits is not None and edits.start_pose is not None
    if room is not None and (edits is None or (any(goals) and not posed)):
        request = RoomStaging(request, room, prompts, goals, last_s).fill()
    if room is None and edits is None and not any(goals) and not any(map(names_others, prompts)):
        request = _in_the_open(request)
    if not any(goals):
        return request
    if goals[0] is not None and request.start_m is None and room is None and not posed:
        request = replace(request, start_m=(0.0, 0.0))
    starts = [request.start_m, *(None if start is None else start.place_m for start in request.others)]
    starts += [None] * (request.persons - len(starts))
    paths = [
        RootPath(()) if goal is None else path_to(start, goal, room, last_s)
        for start, goal in zip(starts, goals, strict=False)
    ]
    return replace(request, goals=(), edits=replace(edits or Edits(), paths=tuple(paths)), staged=True)


def _in_the_open(request: GenerationRequest) -> GenerationRequest:
    """Put people who have nothing to do with each other on a circle, facing out, so that none is in another's way.

    Left to the model, they start where its recorded pairs do, within reach of each other, and are pushed apart from
    then on. Who was told where to start stays there, and so does everybody with them.
    """
    if request.persons == 1 or request.start_m is not None or any(request.others):
        return request
    rng = np.random.Generator(np.random.Philox(key=[request.seed, draw(request)]))
    between = 2 * math.pi / request.persons
    radius = _OPEN_M / (2 * math.sin(between / 2))
    first = rng.uniform(-math.pi, math.pi)
    starts = []
    for person in range(request.persons):
        angle = first + between * person
        turn = rng.uniform(-_OPEN_DEG, _OPEN_DEG)
        starts.append(Start((radius * math.cos(angle), radius * math.sin(angle)), math.degrees(angle) + turn))
    heading = starts[0].heading_deg if request.heading_deg is None else request.heading_deg
    return replace(request, start_m=starts[0].place_m, heading_deg=heading, others=tuple(starts[1:]), staged=True)
