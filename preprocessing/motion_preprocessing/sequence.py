"""One person's motion on the project's skeleton, with what is known about it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing import labels

SPLITS = ("train", "validation", "test")
PERSON_CLASSES = labels.PERSON_CLASSES[1:]
"""Who a recorded person can be: of everybody something is known."""


@dataclass(frozen=True)
class Event:
    """Something that happens at one moment of a sequence."""

    name: str
    """For falls: onset (balance is lost) and impact (pelvis, trunk or thigh meets the floor)."""
    time_s: float
    """Seconds from the first frame."""


@dataclass(frozen=True)
class MotionSequence:
    """Motion in the canonical world: z up, floor z = 0, metres."""

    name: str
    """Unique name."""
    fps: float
    """Frames a second."""
    local_rotations: NDArray[np.float32]
    """(T, 22, 3, 3); entry 0 is the root's orientation in the world."""
    root_position_m: NDArray[np.float32]
    """(T, 3) pelvis."""
    captions: tuple[str, ...]
    """Sentences about the whole of it; may be empty."""
    action: str
    """Coarse action: walk, run, jump, climb, sit, daily, dance, exercise, fall or other."""
    person_class: str
    """One of PERSON_CLASSES."""
    subject: str
    """Who moved."""
    split: str
    """One of SPLITS."""
    pair: str
    """Key shared by the people of one take, who share one world; '' for one person alone."""
    source: str
    """Where it comes from: collection and file."""
    licence: str
    """Licence terms of the source."""
    label: str = ""
    """The source's own short label."""
    events: tuple[Event, ...] = field(default=())
    """Moments worth naming, in order of time."""
    scene: str = ""
    """Scene file of the room that it moves in, relative to the dataset's folder, in the same world; '' for none."""
    body_scale: float = 1.0
    """Size of the body that moved relative to the project's skeleton, which it is written with; 1 where unknown."""
    frame_labels: NDArray[np.int64] | None = None
    """(T,) OmniFall's class of every frame where the source knows it, as `frame_labels.ACTIONS` numbers them; None has
    them found by rule when a dataset is written."""
