"""One person's motion on its way into a window: mirrored, or put beside others so that nobody is in another's way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import move_points
from motion_preprocessing.mirror import mirror_motion, mirror_text
from motion_preprocessing.rotations import about_z

FloatArray = NDArray[np.floating[Any]]

MIN_DISTANCE_M: Final = 0.65
"""Composed persons' pelves keep at least this far apart over the whole window."""
TRIES: Final = 12
"""Places looked at before a motion is given up, and motions drawn for each person that is wanted."""


@dataclass(frozen=True)
class Part:
    """One person's motion before it is put into a window."""

    rotations: FloatArray
    """(T, 22, 3, 3)."""
    root: FloatArray
    """(T, 3)."""
    captions: tuple[str, ...]
    person_class: str
    actions: frozenset[str]


def mirrored(part: Part) -> Part:
    """Reflect the motion, and the sides in its words."""
    rotations, root = mirror_motion(part.rotations, part.root)
    return replace(
        part, rotations=rotations, root=root, captions=tuple(mirror_text(sentence) for sentence in part.captions)
    )


def beside(part: Part, others: Sequence[Part], rng: np.random.Generator) -> Part | None:
    """Move a person to where their path keeps clear of the others', near the first; None where that fails."""
    if not others:
        return part
    for attempt in range(TRIES):
        distance = rng.uniform(0.8, 1.8 + 0.3 * attempt)
        angle, yaw = rng.uniform(-np.pi, np.pi), rng.uniform(-np.pi, np.pi)
        place = others[0].root[0, :2] + distance * np.array([np.cos(angle), np.sin(angle)])
        turned = move_points(part.root, yaw, np.zeros(2))
        root = turned + np.array([*(place - turned[0, :2]), 0.0], dtype=turned.dtype)
        if min(_gap(root[:, :2], other.root[:, :2]) for other in others) > MIN_DISTANCE_M:
            rotations = np.array(part.rotations)
            rotations[:, 0] = about_z(np.asarray(yaw)) @ rotations[:, 0]
            return replace(part, rotations=rotations, root=root)
    return None


def _gap(a: FloatArray, b: FloatArray) -> float:
    """Smallest distance of two paths (T, 2) at equal times, as long as both go on."""
    frames = min(len(a), len(b))
    return float(np.sqrt(((a[:frames] - b[:frames]) ** 2).sum(axis=1)).min())
