"""The second pass: a finished motion is put on its seats (`come_to_rest`) and the network goes over it again.

It begins with noise that leaves the plan of the motion and takes its steps: what slid is stepped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_runtime.approach import lies
from motion_runtime.editing.come_to_rest import come_to_rest
from motion_runtime.editing.windows import Window, in_windows
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Placement
from motion_runtime.window_maker import WindowMaker

Array = NDArray[np.float64]

AGAIN: Final = 0.6
"""A draft is gone over again from this share of the noise levels on: it stays what it is, its steps are made anew."""
AGAIN_UNLEARNED: Final = 0.2
"""From this one where the draft was told in parts that nobody asked for: what the model has not learned as a whole, as
walking to a bed and lying down, it would make worse from farther off than a smooth draft has it."""


def gone_over(
    whole: Array, maker: WindowMaker, person: int, windows_of: Callable[[GenerationRequest, int], list[Window]]
) -> tuple[Array, Placement]:
    """Put who comes to a seat on it, and go over their motion again.

    Args:
        whole: What the first pass has made of them, (1, T, 258) in the first window's canonical frame.
        maker: Of the first pass, in the room.
        person: Their number.
        windows_of: The windows that a person of a request is generated in.

    Returns:
        The motion, and where its canonical frame stands by now; unchanged for who walks to no seat.
    """
    manifest, levels, request = maker.model.bundle.manifest, maker.model.schedule.steps, maker.request
    again = [step for step in maker.steps if step.t <= AGAIN * levels]
    uses = request.uses[person] if again and person < len(request.uses) else ()
    come = come_to_rest(whole[0], uses, maker.room, maker.placement, manifest.fps, maker.passed)
    if come is None:
        return whole, maker.placement
    draft, placement = come[0][None], come[1]
    said = request.prompt_of_each[person]
    told, retold = (words[person] if words else said for words in (request.told, request.retold))
    in_parts = retold != said
    if in_parts or ("|" in told and "|" not in said):
        # Parts that are not the request's: the draft says what happens when, the model is told it in one.
        request = replace(request, told=request.retold)
        if not in_parts or lies(retold):
            again = [step for step in again if step.t <= AGAIN_UNLEARNED * levels] or again[-1:]
    windows = windows_of(request, person)
    if len(windows) > 1 and in_parts:
        # Where windows meet, what each makes of a draft in actions does not: it is taken as it is.
        return draft, placement
    second = replace(
        maker, request=request, windows=windows, placement=placement, steps=again, draft=draft,
        before=len(maker.windows) * len(maker.steps),
    )  # fmt: skip
    return in_windows(windows, 1, lambda window, _, *rest: second(window, [person], *rest)), placement
