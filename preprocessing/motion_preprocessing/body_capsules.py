"""The body as capsules around its bones: what metrics and pictures take for flesh.

A capsule is the set of points within `radius_m` of a segment. One stands on each of the 21 bones; head, hands and toes
reach past their last joint along the bone that leads there. The radii are the project's own rounded figures for an
adult of 1.7 m: thinner than flesh, so that what overlaps here overlaps in truth.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.skeleton import BONES, JOINT_INDEX

Array = NDArray[np.float64]

_RADII_M: Final[dict[str, float]] = {
    "hip": 0.09, "spine1": 0.11, "knee": 0.068, "spine2": 0.11, "ankle": 0.048, "spine3": 0.11, "foot": 0.035,
    "neck": 0.08, "collar": 0.08, "head": 0.06, "shoulder": 0.06, "elbow": 0.043, "wrist": 0.034,
}  # fmt: skip
"""Radius of the bone that ENDS in the joint."""

# joint the extension starts at, joints whose direction it takes, length, radius
_EXTENSIONS: Final[tuple[tuple[str, tuple[str, str], float, float], ...]] = (
    ("head", ("spine3", "head"), 0.10, 0.09),
    ("left_wrist", ("left_elbow", "left_wrist"), 0.12, 0.03),
    ("right_wrist", ("right_elbow", "right_wrist"), 0.12, 0.03),
    ("left_foot", ("left_ankle", "left_foot"), 0.05, 0.03),
    ("right_foot", ("right_ankle", "right_foot"), 0.05, 0.03),
)

NAMES: Final[tuple[str, ...]] = tuple(
    next(name for name, index in JOINT_INDEX.items() if index == child) for _, child in BONES
) + tuple(f"{start}_end" for start, *_ in _EXTENSIONS)
"""Name of each capsule: the joint its bone ends in, then the extensions."""

CAPSULE_COUNT: Final = len(NAMES)

SPHERES: Final = 4
"""Spheres a capsule, where a body is taken for a row of these: both ends and between."""

RADII_M: Final[Array] = np.array(
    [_RADII_M[name.split("_")[-1]] for name in NAMES[: len(BONES)]] + [radius for *_, radius in _EXTENSIONS]
)
"""(C,) metres."""


class Capsules(NamedTuple):
    """C capsules in each pose."""

    starts_m: Array
    """(..., C, 3)."""
    ends_m: Array
    """(..., C, 3)."""
    radii_m: Array
    """(C,)."""


def body_capsules(joints_m: NDArray[np.floating[Any]]) -> Capsules:
    """Put capsules around the bones of (..., 22, 3) joints in metres."""
    joints = np.asarray(joints_m, dtype=np.float64)
    starts = [joints[..., parent, :] for parent, _ in BONES]
    ends = [joints[..., child, :] for _, child in BONES]
    for start, (tail, tip), length, _ in _EXTENSIONS:
        direction = joints[..., JOINT_INDEX[tip], :] - joints[..., JOINT_INDEX[tail], :]
        norm = np.linalg.norm(direction, axis=-1, keepdims=True)
        unit = np.divide(direction, norm, out=np.zeros_like(direction), where=norm > 1e-9)
        starts.append(joints[..., JOINT_INDEX[start], :])
        ends.append(joints[..., JOINT_INDEX[start], :] + length * unit)
    return Capsules(np.stack(starts, axis=-2), np.stack(ends, axis=-2), RADII_M)


def body_spheres(joints_m: NDArray[np.floating[Any]]) -> tuple[Array, Array]:
    """Centres (T, N, 3) and radii (N,) of the spheres that a body's capsules hold; joints are (T, 22, 3)."""
    capsules = body_capsules(joints_m)
    along = np.linspace(0.0, 1.0, SPHERES)[:, None]
    centres = capsules.starts_m[:, :, None] * (1 - along) + capsules.ends_m[:, :, None] * along  # (T, C, K, 3)
    return centres.reshape(len(centres), -1, 3), np.repeat(capsules.radii_m, SPHERES)


def point_segment_distance(points: Array, starts: Array, ends: Array) -> Array:
    """Return the distances (...) of points (..., 3) to the segments from `starts` to `ends` (..., 3), broadcasting."""
    along = ends - starts
    length2 = np.sum(along * along, axis=-1)
    # A segment of no length is a point: every fraction along it is right.
    fraction = np.sum((points - starts) * along, axis=-1) / np.where(length2 > 0, length2, 1.0)
    nearest = starts + np.clip(fraction, 0.0, 1.0)[..., None] * along
    return np.asarray(np.linalg.norm(points - nearest, axis=-1))


def segment_distance(a0: Array, a1: Array, b0: Array, b1: Array) -> Array:
    """Return the distances (...) between the segments a0-a1 and b0-b1 (..., 3), broadcasting.

    The squared distance is convex in the two fractions along the segments: its minimum over the unit square is either
    the unconstrained one, where that lies inside, or on an edge, where one point is an end of a segment.
    """
    u, v, w = a1 - a0, b1 - b0, a0 - b0
    uu, uv, vv = np.sum(u * u, axis=-1), np.sum(u * v, axis=-1), np.sum(v * v, axis=-1)
    uw, vw = np.sum(u * w, axis=-1), np.sum(v * w, axis=-1)
    determinant = uu * vv - uv * uv
    # Parallel segments have no single inner minimum, and the edges hold one of theirs.
    crossing = determinant > 1e-12 * uu * vv
    divisor = np.where(crossing, determinant, 1.0)
    s, t = (uv * vw - vv * uw) / divisor, (uu * vw - uv * uw) / divisor
    inside = crossing & (s >= 0) & (s <= 1) & (t >= 0) & (t <= 1)
    inner = np.linalg.norm(w + s[..., None] * u - t[..., None] * v, axis=-1)
    edges = np.minimum(
        np.minimum(point_segment_distance(a0, b0, b1), point_segment_distance(a1, b0, b1)),
        np.minimum(point_segment_distance(b0, a0, a1), point_segment_distance(b1, a0, a1)),
    )
    return np.asarray(np.where(inside, np.minimum(inner, edges), edges))
