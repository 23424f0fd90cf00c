"""People who do nothing with each other are made one by one, each as if alone among the ways of those before.

Shown to each other, the model has them do what the others were told. Made by themselves, each has windows of their own,
cut where their own prompt changes, and may walk to a seat or a bed as somebody alone does (`second_pass`). Who uses
something comes first: a seat stays where it is, and the others can give way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from motion_runtime.corrections import of_whole
from motion_runtime.editing.come_to_rest import seen_from
from motion_runtime.editing.joints import joints_of
from motion_runtime.editing.stay_inside import ways_of
from motion_runtime.editing.windows import Window, in_windows
from motion_runtime.motion import GenerationRequest
from motion_runtime.out_of_bed import rolled_out
from motion_runtime.placement import Placement
from motion_runtime.second_pass import gone_over
from motion_runtime.stage import Use
from motion_runtime.starting_places import out_of_the_way
from motion_runtime.window_maker import WindowMaker

Array = NDArray[np.float64]


def one_by_one(
    maker: WindowMaker, windows_of: Callable[[GenerationRequest, int], list[Window]]
) -> tuple[Array, Placement]:
    """Make everybody.

    Args:
        maker: Of a request whose people all start somewhere, or of one person's.
        windows_of: The windows that a person of a request is generated in.

    Returns:
        Pose vectors (P, T, 258) in the first person's canonical frame, and where that stands.
    """
    request = maker.request
    people = range(request.persons)
    uses = [request.uses[person] if person < len(request.uses) else () for person in people]
    starts = [maker.placement, *(Placement(start.place_m, math.radians(start.heading_deg)) for start in request.others
                                 if start is not None)]  # fmt: skip
    waits = {  # who does not start somewhere for the sake of a thing stays at least until they are made
        person: np.tile(np.array(starts[person].start_m), (maker.windows[-1].end, 1, 1))
        for person in people
        if not any(use.start_free for use in uses[person])
    }
    made: dict[int, tuple[Array, Placement]] = {}
    ways: dict[int, Array] = {}
    for count, person in enumerate(sorted(people, key=lambda one: not uses[one])):
        others = {**waits, **ways} if uses[person] else ways
        if person in request.strays and maker.room is not None:
            heading = request.heading_deg if person == 0 else None
            facing = None if heading is None else math.radians(heading)
            starts[person] = out_of_the_way(maker.room, starts[person], list(others.values()), facing)
        own = replace(
            maker, windows=windows_of(request, person), placement=starts[person], counted=person,
            passed=[way for one, way in others.items() if one != person],
            progress=None if maker.progress is None else partial(_told, maker.progress, count, request.persons),
        )  # fmt: skip
        x, placement = _made(own, person, uses[person], windows_of)
        made[person] = x, placement
        ways[person] = ways_of(placement.to_room(joints_of(x)))
    first = made[0][1]
    if request.persons == 1:
        return made[0][0][None], first
    return np.stack([seen_from(first, *made[person]) for person in people]), first


def _made(
    maker: WindowMaker, person: int, uses: tuple[Use, ...],
    windows_of: Callable[[GenerationRequest, int], list[Window]],
) -> tuple[Array, Placement]:  # fmt: skip
    """One person's motion (T, 258), and where its canonical frame stands."""
    rolls = maker.request.rolls[person] if person < len(maker.request.rolls) else None
    if rolls is not None:
        return rolled_out(maker, person, rolls, windows_of)
    draft = maker
    if any(use.bent for use in uses):
        # A draft whose ways are bent afterwards is shown neither the room nor those in it.
        draft = replace(maker, request=replace(maker.request, ground=False), room=None, passed=())
    whole = in_windows(maker.windows, 1, lambda window, _, *rest: draft(window, [person], *rest))
    whole, placement = gone_over(whole, maker, person, windows_of)
    if uses:
        fps = maker.model.bundle.manifest.fps
        for correction in of_whole(placement, maker.request, maker.room, fps, [person], maker.passed):
            whole = correction(whole)
    return whole[0], placement


def _told(progress: Callable[[int, int], None], count: int, persons: int, done: int, steps: int) -> None:
    """Tell how much is done of all when so many of one person's steps are, and so many people are made."""
    progress(count * steps + done, persons * steps)
