"""The second pass: a finished motion is put on its seats (`come_to_rest`) and the network goes over it again.

It begins with noise that leaves the plan of the motion and takes its steps: what slid is stepped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_runtime.approach import lies
from motion_runtime.editing.come_to_rest import come_to_rest
from motion_runtime.editing.grips import Grip
from motion_runtime.editing.windows import Frame, Window, in_windows
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Placement, Room
from motion_runtime.window_maker import WindowMaker

Array = NDArray[np.float64]

AGAIN: Final = 0.6
"""A draft is gone over again from this share of the noise levels on: it stays what it is, its steps are made anew."""
AGAIN_UNLEARNED: Final = 0.2
"""From this one where the draft was told in parts that nobody asked for: what the model has not learned as a whole, as
walking to a bed and lying down, it would make worse from farther off than a smooth draft has it."""


def gone_over(
    whole: Array, first: WindowMaker, request: GenerationRequest, room: Room | None,
    windows_of: Callable[[GenerationRequest], list[Window]], begin: Sequence[tuple[list[int], Frame]] | None,
) -> tuple[Array, Placement, list[Grip]]:  # fmt: skip
    """Put who comes to a seat on it, and go over the motion again where anybody does.

    Args:
        whole: What the first pass has made, (P, T, 258) in the first window's canonical frame.
        first: What made it.
        request: What is wanted, staged.
        room: The room.
        windows_of: The windows that a request is generated in.
        begin: As of `in_windows`, of the first pass.

    Returns:
        The motion, where its canonical frame stands by now, and whose hands hold whom in it; unchanged where nobody
        walks to a seat.
    """
    manifest, levels = first.model.bundle.manifest, first.model.schedule.steps
    again = [step for step in first.steps if step.t <= AGAIN * levels]
    come = come_to_rest(whole, request.uses, room, first.placement, manifest.fps) if again else None
    if come is None:
        return whole, first.placement, first.grips
    draft, placement = come
    retold = bool(request.retold)
    if retold or (request.told and "|" in request.told[0] and "|" not in request.prompts[0]):
        # Parts that are not the request's: the draft says what happens when, the model is told it in one.
        request = replace(request, told=request.retold)
        if not retold or any(map(lies, request.retold)):
            again = [step for step in again if step.t <= AGAIN_UNLEARNED * levels] or again[-1:]
    windows = windows_of(request)
    if len(windows) > 1 and retold:
        # Where windows meet, what each makes of a draft in actions does not: it is taken as it is.
        return draft, placement, first.grips
    second = replace(
        first, request=request, windows=windows, placement=placement, room=room, steps=again, draft=draft,
        before=len(first.windows) * len(first.steps),
    )  # fmt: skip
    return in_windows(windows, request.persons, second, begin), placement, second.grips
