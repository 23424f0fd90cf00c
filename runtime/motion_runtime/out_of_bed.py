"""Who falls out of bed: by the words of a prompt, and by the pass that makes it of a draft (`editing/rolls_out`).

Somebody who falls out of bed and does nothing else but lie before and after is staged on the mattress, at a side where
there is floor to lie on; a side without is no way out. Who does more is told so to the network, as are all others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import canonical_move, move_pose_vectors
from motion_preprocessing.occupancy import FreeSpace
from motion_preprocessing.room_objects import RoomObject
from motion_preprocessing.scene import Scene
from motion_runtime.approach import beds
from motion_runtime.editing.come_to_rest import seen_from
from motion_runtime.editing.joints import joints_of
from motion_runtime.editing.rolls_out import BESIDE_M, CLEAR_M, as_planned, rolls_out, ways_out
from motion_runtime.editing.windows import Window, in_windows
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import Placement
from motion_runtime.stage import RollsOut
from motion_runtime.timeline import Timeline
from motion_runtime.window_maker import WindowMaker

Array = NDArray[np.float64]

TOLD: Final = "a patient rolls out of bed and falls to the floor"
"""What the model reads, as the training data word it."""
AGAIN: Final = 0.7
"""The draft is gone over from this share of the noise levels on: its plan is left, and its body is the network's."""
_OF: Final = r"(?:(?:the|a|an|his|her|their|hospital|care|nursing|patient's|edge|side|of) )*"
_OUT: Final = re.compile(
    rf"^(?P<before>.*?)\b(?:falls?|rolls?|slides?|slips?|tumbles?|drops?)(?: over)? (?:out of|off|from|over) {_OF}"
    r"(?P<thing>bed|sofa|couch)\b(?P<after>.*)$",
    re.IGNORECASE,
)
_BEFORE: Final = re.compile(
    r"^(?:\w+ ){0,4}?(?:(?:who )?(?:is )?(?:lying|lies|asleep|sleeping|sleeps|resting|rests|turns over)"
    rf"(?: (?:in|on) {_OF}(?:bed|sofa|couch))?(?:,? and|,? then|,)+ )?(?:(?:and|then|\w+ly) )*$",
    re.IGNORECASE,
)
"""Who does nothing before but lie."""
_AFTER: Final = frozenset(
    (
        "and", "then", "falls", "fall", "falling", "drops", "lands", "landing", "hits", "down", "on", "onto", "to",
        "the", "floor", "ground", "hard", "heavily", "beside", "next", "by", "it", "bed", "sofa", "lies", "lying",
        "remains", "stays", "still", "there", "motionless", "a", "his", "her", "their", "back", "side", "stomach",
        "front", "left", "right", "face", "up",
    )
)  # fmt: skip
"""Words of who does nothing after it but lie there."""
_LIES: Final = re.compile(r"\b(?:lies|lying|asleep|sleeps?|sleeping|remains|stays|rests)\b", re.IGNORECASE)
_RISES: Final = re.compile(r"\b(?:up|gets|sits?|stands?|walks?|crawls?)\b", re.IGNORECASE)


def falls_out_of(texts: Sequence[str]) -> tuple[str, int] | None:
    """What somebody falls out of, 'bed' or 'sofa', and in which part of their prompt; None who does something else too.

    Args:
        texts: Of the parts.
    """
    for number, text in enumerate(texts):
        out = _OUT.match(" ".join(text.split()))
        if out is None:
            continue
        others = [*texts[:number], *texts[number + 1 :]]
        after = re.findall(r"[\w'-]+", out["after"].lower())
        only = all(_LIES.search(other) and not _RISES.search(other) for other in others)
        if only and _BEFORE.match(out["before"]) and _AFTER.issuperset(after):
            return ("bed" if out["thing"].lower() == "bed" else "sofa"), number
    return None


def no_way_off(request: GenerationRequest, scene: Scene) -> str | None:
    """What to say where somebody falls out of a bed that has no side to fall to; None where nobody does.

    Args:
        request: What is wanted, staged.
        scene: The room.
    """
    for person, prompt in enumerate(request.prompt_of_each):
        falls = falls_out_of([part.text for part in Timeline.parse(prompt).parts])
        there = falls is not None and any(thing.object_class == falls[0] for thing in scene.furniture)
        if falls is not None and there and not (person < len(request.rolls) and request.rolls[person]):
            return (
                f"expected {BESIDE_M[0] + CLEAR_M:g} m of free floor along a side of the {falls[0]} to fall to, and "
                f"nobody told where to start, got neither for '{prompt:.40}'; who is told so mostly stays on it, write "
                f"'falls beside the {falls[0]}'"
            )
    return None


def ways_off(things: Sequence[RoomObject], name: str, space: FreeSpace) -> list[tuple[RoomObject, RollsOut]]:
    """The ways in which somebody can fall off one of a room's things of a class onto free floor, the widest first."""
    found = []
    for thing in things:
        rests = beds(thing) if thing.object_class == name and thing.level_m is not None else ()
        if rests and thing.level_m is not None:
            found += [(thing, way) for way in ways_out(rests[0], thing.level_m, 0.5 * thing.size_m[1], space)]
    return found


def rolled_out(
    maker: WindowMaker, person: int, way: RollsOut,
    windows_of: Callable[[GenerationRequest, int], list[Window]],
) -> tuple[Array, Placement]:  # fmt: skip
    """Make somebody fall out of bed.

    Args:
        maker: In the room.
        person: Their number.
        way: Where from and where to.
        windows_of: The windows that a person of a request is generated in.

    Returns:
        Their motion (T, 258), and where its canonical frame stands.
    """
    manifest, levels, request = maker.model.bundle.manifest, maker.model.schedule.steps, maker.request
    windows = windows_of(request, person)
    key, counter = np.array([request.seed, request.sample], np.uint64), np.array([0, 0, 0, 2 + person], np.uint64)
    rng = np.random.Generator(np.random.Philox(key=key, counter=counter))
    plan = rolls_out(way, windows[-1].end, manifest.fps, rng)
    first = joints_of(plan)[0]
    yaw, shift = canonical_move(first)
    placement = Placement((float(first[0, 0]), float(first[0, 1])), -yaw)
    again = [step for step in maker.steps if step.t <= AGAIN * levels] or maker.steps[-1:]
    second = replace(
        maker, windows=windows, placement=placement, steps=again,
        draft=np.asarray(move_pose_vectors(plan, yaw, shift), dtype=np.float64)[None],
        before=len(windows) * (len(maker.steps) - len(again)),
    )  # fmt: skip
    made = in_windows(windows, 1, lambda window, _, *rest: second(window, [person], *rest))[0]
    room = Placement()
    return seen_from(placement, as_planned(seen_from(room, made, placement), way, plan, manifest.fps), room), placement
