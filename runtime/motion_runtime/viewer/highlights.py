"""What the page lights up, frame by frame: feet on the floor, feet that slide, bodies inside things or each other.

The thresholds and formulas are those of `motion_preprocessing.metrics`; here they are asked for each frame, and for the
place, where the metrics give one figure for the whole motion.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import Capsules, body_capsules, point_segment_distance, segment_distance
from motion_preprocessing.metrics import (
    CONTACT_HEIGHT_M,
    FLOOR_TOLERANCE_M,
    SCENE_TOLERANCE_M,
    SKATE_SPEED_M_S,
    SKATE_WINDOW,
    UPRIGHT_PELVIS_M,
    person_penetration_m,
    scene_penetration_m,
)
from motion_preprocessing.skeleton import FEET

Array = NDArray[np.float64]
AnyArray = NDArray[np.floating[Any]]

FREE: Final = 0
CONTACT: Final = 1
SKATING: Final = 2


@dataclass(frozen=True)
class Highlights:
    """What happens to P people over T frames."""

    feet: NDArray[np.uint8]
    """(P, T, 2) left and right foot: `FREE`, on the floor (`CONTACT`) or sliding over it (`SKATING`)."""
    scene_hits_m: Array
    """(P, T, 4) the scene point deepest inside the body and its depth; depth 0 where none is over the tolerance."""
    person_hits_m: Array
    """(P, T, 4) a place where two bodies overlap most and by how much; depth 0 where they do not."""
    floor_hits_m: Array
    """(P, T, 4) the lowest joint and how far it is under the floor; depth 0 up to the tolerance for scenes."""

    @property
    def skate_share(self) -> Array:
        """(P,) share of frames with a sliding foot."""
        return np.asarray((self.feet == SKATING).any(axis=-1).mean(axis=-1))


def find_highlights(joints_m: AnyArray, fps: float, obstacles_m: AnyArray | None = None) -> Highlights:
    """Measure (P, T, 22, 3) joints at `fps`, in a room whose furniture and walls are the points (N, 3)."""
    joints = np.asarray(joints_m, dtype=np.float64)
    people, frames = joints.shape[:2]
    scene_hits, person_hits = np.zeros((people, frames, 4)), np.zeros((people, frames, 4))
    if obstacles_m is not None:
        for person in range(people):
            scene_hits[person] = _scene_hits(joints[person], np.asarray(obstacles_m, dtype=np.float64))
    for a, b in combinations(range(people), 2):
        hits = _person_hits(joints[a], joints[b])
        for person in (a, b):
            deeper = hits[:, 3] > person_hits[person, :, 3]
            person_hits[person, deeper] = hits[deeper]
    return Highlights(
        feet=np.stack([_foot_states(person, fps) for person in joints]),
        scene_hits_m=scene_hits,
        person_hits_m=person_hits,
        floor_hits_m=_floor_hits(joints),
    )


def _foot_states(joints: Array, fps: float) -> NDArray[np.uint8]:
    """States (T, 2) of the feet; a sliding step marks the frame that it leads to (`metrics.foot_skate_ratio`)."""
    feet = joints[:, list(FEET)]
    low = feet[..., 2] < CONTACT_HEIGHT_M
    states = np.where(low, CONTACT, FREE).astype(np.uint8)
    if len(joints) < 2:
        return states
    speed = np.linalg.norm(np.diff(feet[..., :2], axis=0), axis=-1) * fps  # (T-1, 2)
    half = SKATE_WINDOW // 2
    around = np.stack([speed[max(0, k - half) : k + half + 1].mean(axis=0) for k in range(len(speed))])
    up = joints[:, 0, 2] >= UPRIGHT_PELVIS_M
    sliding = low[:-1] & low[1:] & (speed > SKATE_SPEED_M_S) & (around > SKATE_SPEED_M_S)
    sliding &= (up[:-1] & up[1:])[:, None]
    states[1:][sliding] = SKATING
    return states


def _floor_hits(joints: Array) -> Array:
    """(P, T, 4); the depth is that of `metrics.FloorFit`, whose few millimetres of every step would only distract."""
    lowest = np.argmin(joints[..., 2], axis=-1)
    place = np.take_along_axis(joints, lowest[..., None, None], axis=2)[:, :, 0]
    depth = np.maximum(0.0, -(place[..., 2:] + FLOOR_TOLERANCE_M))
    return np.concatenate([place, np.where(depth > SCENE_TOLERANCE_M, depth, 0.0)], axis=-1)


def _scene_hits(joints: Array, obstacles: Array) -> Array:
    """(T, 4) of one person: the metric finds the frames, the place is looked up in those alone."""
    hits = np.zeros((len(joints), 4))
    depth = scene_penetration_m(joints, obstacles)
    capsules = body_capsules(joints)
    for frame in np.flatnonzero(depth > SCENE_TOLERANCE_M):
        starts, ends = capsules.starts_m[frame], capsules.ends_m[frame]
        reach = float(capsules.radii_m.max())
        low, high = np.minimum(starts, ends).min(axis=0) - reach, np.maximum(starts, ends).max(axis=0) + reach
        near = obstacles[((obstacles >= low) & (obstacles <= high)).all(axis=1)]
        gap = point_segment_distance(near[:, None], starts, ends)  # (N, C)
        deepest = np.unravel_index(np.argmax(capsules.radii_m - gap), gap.shape)[0]
        hits[frame] = (*near[deepest], depth[frame])
    return hits


def _person_hits(a: Array, b: Array) -> Array:
    """(T, 4) of two people: midway between the two capsules that overlap most."""
    hits = np.zeros((len(a), 4))
    depth = person_penetration_m(a, b)
    first, second = body_capsules(a), body_capsules(b)
    for frame in np.flatnonzero(depth > 0):
        hits[frame] = (*_deepest_overlap(first, second, frame), depth[frame])
    return hits


def _deepest_overlap(first: Capsules, second: Capsules, frame: np.intp) -> Array:
    """A point (3,) of the axis of the first body's capsule nearest the second's: accurate to a few millimetres."""
    a0, a1 = first.starts_m[frame], first.ends_m[frame]
    b0, b1 = second.starts_m[frame], second.ends_m[frame]
    gap = segment_distance(a0[:, None], a1[:, None], b0[None], b1[None])
    i, j = np.unravel_index(np.argmax(first.radii_m[:, None] + second.radii_m - gap), gap.shape)
    along = np.linspace(0.0, 1.0, 65)[:, None]
    on_a, on_b = a0[i] + along * (a1[i] - a0[i]), b0[j] + along * (b1[j] - b0[j])
    p, q = np.unravel_index(np.argmin(np.linalg.norm(on_a[:, None] - on_b[None], axis=-1)), (65, 65))
    return np.asarray((on_a[p] + on_b[q]) / 2)
