"""Timed events of a motion: the common currency of detectors, words and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from motion_preprocessing.motion_features import Features

SIDES: Final = ("left", "right")


@dataclass(frozen=True)
class Event:
    """Something that happens between two times of a window.

    Kinds and what `amount` means: walk, run (metres of path), turn, twist (degrees, left positive), sit_down, stand_up,
    lie_down, get_up, kneel_down, squat_down (height change in metres), sit, lie, kneel, squat, crawl, stand (0), fall
    (peak downward speed, m/s), roll, cartwheel (0), jump (rise in metres), bend (degrees), pick_up (lowest hand height
    in metres), raise_arm, hold_arm, reach, wave, hand_to_face (0), punch (how many, 0 for one), kick, lift_leg (ankle
    height in metres), climb (metres, negative down), gesture (m/s), lunge (drop of the pelvis in metres).
    """

    kind: str
    start_s: float
    end_s: float
    amount: float = 0.0
    side: str = ""
    """left, right or both for limbs; forward, backward, left, right for ways; prone, supine, left, right for lying;
    straight, circle_left, veer_right ... is in `manner`."""
    manner: str = ""
    """How it is done: for walk the path (straight, circle_left, circle_right, veer_left, veer_right); for lie the
    surface (floor, bed); for get_up and stand_up what one rises from; for climb steps or ladder; for gesture
    stooped; for pick_up passing, where one does not stop; for lift_leg straight."""


def spanning(
    f: Features, kind: str, start: int, stop: int, amount: float = 0.0, side: str = "", manner: str = ""
) -> Event:
    """Make an event of the frames [start, stop)."""
    return Event(kind, start / f.fps, stop / f.fps, float(amount), side, manner)


def way_name(forward: float, left: float) -> str:
    """Name the quadrant of a direction in the facing frame."""
    if abs(forward) >= abs(left):
        return "forward" if forward >= 0 else "backward"
    return "left" if left > 0 else "right"
