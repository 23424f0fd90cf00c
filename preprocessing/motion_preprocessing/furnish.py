"""Furniture for motions that were recorded without any: a front to `furnishing`, for one motion and its points.

Whoever wants to know what was placed and how it is used calls `furnishing.furnisher.furnish_people`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.furnishing.boxes import Furniture, make
from motion_preprocessing.furnishing.furnisher import furnish_people
from motion_preprocessing.furnishing.library import FurnitureLibrary

__all__ = ["Furniture", "furnish", "make"]


def furnish(
    joints_m: NDArray[np.floating[Any]],
    rng: np.random.Generator,
    free_objects: int = 4,
    reach_m: float = 3.5,
    *,
    fps: float = 20.0,
    library: FurnitureLibrary | None = None,
    seated: bool = False,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Furnish the surroundings of a motion.

    Args:
        joints_m: (T, 22, 3) of one person or (P, T, 22, 3) of several, in the frame the points are wanted in.
        rng: Source of every choice.
        free_objects: How many objects are tried where nobody comes.
        reach_m: How far from the start they may stand.
        fps: Frames a second.
        library: Modelled furniture to use beside what is made by rule.
        seated: Whether the motion is known to use a seat.

    Returns:
        Object points (M, 3), metres, and their classes (M,) as indices into OBJECT_CLASSES.
    """
    joints = np.asarray(joints_m)
    people = joints if joints.ndim == 4 else joints[None]
    done = furnish_people(
        people, rng, fps=fps, library=library, free_objects=free_objects, reach_m=reach_m, seated=seated
    )
    return done.points_m, done.classes
