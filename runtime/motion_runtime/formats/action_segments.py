"""Action labels of people, frame by frame and as stretches, in OmniFall's 16 classes."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.describe import ACTIONS, action_labels
from motion_runtime.motion import Motion

FALL: Final = ACTIONS.index("fall")
_STATES: Final = frozenset(ACTIONS.index(name) for name in ("standing", "sitting", "lying", "kneeling", "squatting"))
"""What one does while nothing happens: a clip is named after these only where it holds nothing else."""
_OTHER: Final = ACTIONS.index("other")
HAPPENINGS: Final = frozenset(
    ACTIONS.index(name) for name in ("fall", "sit_down", "lie_down", "stand_up", "kneel_down", "squat_down", "jump")
)
"""Changes from one state to another; they take a second or so."""


class Segment(NamedTuple):
    """Frames [start, stop) in which a person does one thing."""

    person: int
    action: int
    start: int
    stop: int


def frame_actions(motion: Motion) -> NDArray[np.int64]:
    """Class of every person and frame (P, T), as the detectors measure it."""
    return np.stack([action_labels(motion.joints_m[person], motion.fps) for person in range(motion.persons)])


def segments(motion: Motion) -> list[Segment]:
    """Stretches of equal class that cover everybody's every frame, person by person."""
    found = []
    for person, actions in enumerate(frame_actions(motion)):
        edges = [0, *(np.flatnonzero(np.diff(actions)) + 1).tolist(), len(actions)]
        for start, stop in zip(edges[:-1], edges[1:], strict=True):
            found.append(Segment(person, int(actions[start]), start, stop))
    return found


def clip_action(motion: Motion) -> int:
    """One class for the whole clip: a fall if anybody falls, else what takes longest, doing before resting."""
    counts = np.bincount(frame_actions(motion).reshape(-1), minlength=len(ACTIONS))
    if counts[FALL]:
        return FALL
    doing = counts.copy()
    doing[[*_STATES, _OTHER]] = 0
    return int(np.argmax(doing)) if doing.any() else int(np.argmax(counts))
