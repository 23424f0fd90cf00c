"""Poses that meet contacts: damped Gauss-Newton over root and hinges, many frames at once.

Every frame minimises  sum w_c |p_c - target_c|^2 + w_com |com - balance|^2 + sum push^2 + |prior terms|^2  on its own,
where `push` is how deep a point of the flesh is inside the floor or a piece of furniture.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.rotations import matrix_from_rotation_vector, rotation_vector_from_matrix
from motion_preprocessing.simulation.hinges import (
    DOF,
    HIGH_RAD,
    HINGES,
    LOW_RAD,
    Array,
    Chain,
    Pose,
    chain,
    point_jacobian,
)
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, JOINT_NAMES

_MASS_SHARE: Final[dict[str, float]] = {
    "pelvis": 0.142, "spine1": 0.07, "spine2": 0.07, "spine3": 0.186, "collar": 0.014, "neck": 0.017, "head": 0.064,
    "shoulder": 0.028, "elbow": 0.016, "wrist": 0.006, "hip": 0.1, "knee": 0.0465, "ankle": 0.0115, "foot": 0.0035,
}  # fmt: skip
"""Share of the body's mass that moves with a joint (rounded from Winter's and de Leva's tables)."""
_CENTRE_M: Final[dict[str, tuple[float, float, float]]] = {
    "spine3": (0.0, 0.0, 0.1), "shoulder": (0.0, 0.115, 0.0), "elbow": (0.0, 0.11, 0.0), "wrist": (0.0, 0.07, 0.0),
    "hip": (0.0, 0.0, -0.165), "knee": (0.0, 0.0, -0.17), "ankle": (0.05, 0.0, -0.03), "head": (0.02, 0.0, 0.06),
    "collar": (0.0, 0.05, 0.0), "neck": (0.01, 0.0, 0.04),
}  # fmt: skip


def part_of(joint: str) -> str:
    """Return a joint's name without its side."""
    return joint.split("_")[-1]


MASS_SHARES: Final[Array] = np.array([_MASS_SHARE[part_of(name)] for name in JOINT_NAMES])
"""(22,) sums to 1."""


def _sided(table: dict[str, tuple[float, float, float]], name: str) -> Array:
    offset = np.array(table.get(part_of(name), (0.0, 0.0, 0.0)))
    return offset * [1.0, -1.0, 1.0] if name.startswith("right") else offset


MASS_CENTRES_M: Final[Array] = np.stack([_sided(_CENTRE_M, name) for name in JOINT_NAMES])
"""(22, 3) centre of mass of each part from its joint, hinge axes."""

# joint, offset from it (hinge axes, left side), radius of the flesh around the point
_FLESH: Final[tuple[tuple[str, tuple[float, float, float], float], ...]] = (
    ("pelvis", (0.0, 0.0, 0.0), 0.10), ("hip", (-0.02, 0.02, 0.0), 0.085), ("spine1", (0.0, 0.0, 0.0), 0.10),
    ("spine2", (0.0, 0.0, 0.03), 0.10), ("spine3", (0.0, 0.06, 0.1), 0.09), ("spine3", (0.0, -0.06, 0.1), 0.09),
    ("neck", (0.0, 0.0, 0.0), 0.06), ("head", (0.0, 0.0, 0.03), 0.085), ("head", (0.03, 0.0, 0.1), 0.08),
    ("shoulder", (0.0, 0.0, 0.0), 0.06), ("elbow", (0.0, 0.0, 0.0), 0.042), ("shoulder", (0.0, 0.13, 0.0), 0.042),
    ("wrist", (0.0, 0.0, 0.0), 0.03), ("wrist", (0.0, 0.14, 0.0), 0.02), ("elbow", (0.0, 0.125, 0.0), 0.035),
    ("hip", (0.0, 0.0, -0.2), 0.065), ("knee", (0.0, 0.0, 0.0), 0.055), ("knee", (0.0, 0.0, -0.2), 0.045),
    ("ankle", (-0.05, 0.0, -0.03), 0.03), ("ankle", (0.0, 0.0, 0.0), 0.045), ("foot", (0.0, 0.0, 0.0), 0.01),
    ("foot", (0.06, 0.0, 0.005), 0.01),
)  # fmt: skip


def _flesh() -> tuple[NDArray[np.int64], Array, Array]:
    on, offsets, radii = [], [], []
    for part, offset, radius in _FLESH:
        for name in JOINT_NAMES:
            if part_of(name) == part:
                sign = -1.0 if name.startswith("right") else 1.0
                on.append(JOINT_INDEX[name])
                offsets.append((offset[0], sign * offset[1], offset[2]))
                radii.append(radius)
    return np.array(on), np.array(offsets), np.array(radii)


FLESH_ON, FLESH_OFFSETS_M, FLESH_RADII_M = _flesh()


@dataclass(frozen=True)
class Box:
    """A piece of furniture that the body may not sink into: an upright box, turned about the vertical."""

    name: str
    """Class of object, such as chair or bed."""
    centre_m: tuple[float, float]
    """Middle of its outline."""
    half_m: tuple[float, float]
    """Half its size along its own x and y."""
    top_m: float
    """Height of its top."""
    yaw_rad: float = 0.0
    """How it is turned."""
    bottom_m: float = 0.0
    """Height of its lower side."""
    give_m: float = 0.0
    """How far flesh and upholstery give way together."""


@dataclass(frozen=True)
class Goals:
    """What T frames have to meet."""

    on: NDArray[np.int64]
    """(C,) joints that the points hang on."""
    offsets_m: Array
    """(C, 3) the points from their joints, hinge axes."""
    targets_m: Array
    """(T, C, 3) where they belong."""
    weights: Array
    """(T, C, 3) how strongly, along each axis; 0 leaves them free."""
    prior: Pose
    """What the poses otherwise look like."""
    angle_weight: Array
    """(45,) pull to the prior's angles."""
    root_weight: tuple[float, float] = (0.3, 1.0)
    """Pull to the prior's root position (1 / m) and turn (1 / rad)."""
    balance_m: Array | None = None
    """(T, 2) where the centre of mass should stand; NaN leaves it free."""
    balance_weight: float = 3.0
    """How strongly."""
    boxes: tuple[Box, ...] = field(default=())
    """Furniture."""
    push_weight: float = 12.0
    """How strongly flesh is kept out of floor and furniture."""


def _pushes(points: Array, boxes: tuple[Box, ...]) -> tuple[Array, Array]:
    """Depth (T, F) of flesh points in whatever they are deepest in, and the way out (T, F, 3)."""
    depth = np.maximum(FLESH_RADII_M - points[..., 2], 0.0)
    way = np.zeros_like(points)
    way[..., 2] = 1.0
    for box in boxes:
        c, s = np.cos(box.yaw_rad), np.sin(box.yaw_rad)
        rel = points[..., :2] - np.array(box.centre_m)
        x, y = c * rel[..., 0] + s * rel[..., 1], c * rel[..., 1] - s * rel[..., 0]
        radius = np.maximum(FLESH_RADII_M - box.give_m, 0.005)
        outs = np.stack(
            [
                box.top_m + radius - points[..., 2],
                box.half_m[0] + radius - np.abs(x),
                box.half_m[1] + radius - np.abs(y),
                points[..., 2] + radius - box.bottom_m,
            ],
            axis=-1,
        )
        inside = (outs > 0).all(axis=-1)
        # Nothing leaves through the lower side.
        face = np.argmin(outs[..., :3], axis=-1)
        out = np.where(inside, np.take_along_axis(outs, face[..., None], axis=-1)[..., 0], 0.0)
        signs = np.stack([np.sign(x) * (face == 1), np.sign(y) * (face == 2)], axis=-1)
        ways = np.stack(
            [c * signs[..., 0] - s * signs[..., 1], s * signs[..., 0] + c * signs[..., 1], (face == 0) * 1.0], axis=-1
        )
        deeper = out > depth
        depth = np.where(deeper, out, depth)
        way = np.where(deeper[..., None], ways, way)
    return depth, way


def points_of(body: Chain, on: NDArray[np.int64], offsets_m: Array) -> Array:
    """World positions (T, C, 3) of points that hang on joints."""
    return np.asarray(body.joints_m[:, on] + np.einsum("tcij,cj->tci", body.turns[:, on], offsets_m))


def centre_of_mass(body: Chain) -> Array:
    """Centre of mass (T, 3)."""
    every = np.arange(JOINT_COUNT)
    return np.asarray(np.einsum("c,tci->ti", MASS_SHARES, points_of(body, every, MASS_CENTRES_M)))


_LIMIT_WEIGHT: Final = 6.0


def solve(start: Pose, goals: Goals, iterations: int = 12, damping: float = 0.02) -> Pose:
    """Improve poses (T frames) until they meet their goals as far as these agree.

    Args:
        start: First guess.
        goals: What to meet.
        iterations: Gauss-Newton steps.
        damping: Levenberg's constant, against steps where nothing holds a hinge.
    """
    pose = start
    for _ in range(iterations):
        pose = _step(pose, goals, damping)
    return replace_angles(pose, np.clip(pose.angles, LOW_RAD, HIGH_RAD))


def replace_angles(pose: Pose, angles: Array) -> Pose:
    """Return the pose with other angles."""
    return Pose(pose.root_m, pose.root, angles)


def _step(pose: Pose, goals: Goals, damping: float) -> Pose:
    body = chain(pose)
    frames = len(pose.root_m)
    rows, misses = [], []
    points = points_of(body, goals.on, goals.offsets_m)
    if len(goals.on):
        rows.append((point_jacobian(body, points, goals.on) * goals.weights[..., None]).reshape(frames, -1, DOF))
        misses.append(((goals.targets_m - points) * goals.weights).reshape(frames, -1))
    flesh = points_of(body, FLESH_ON, FLESH_OFFSETS_M)
    depth, way = _pushes(flesh, goals.boxes)
    hit = np.flatnonzero((depth > 0).any(axis=0))
    if hit.size:
        pushed = point_jacobian(body, flesh[:, hit], FLESH_ON[hit])
        active = goals.push_weight * (depth[:, hit] > 0)
        rows.append(np.einsum("tci,tcid->tcd", way[:, hit], pushed) * active[..., None])
        misses.append(goals.push_weight * depth[:, hit])
    if goals.balance_m is not None:
        every = np.arange(JOINT_COUNT)
        centres = points_of(body, every, MASS_CENTRES_M)
        jacobian = np.einsum("c,tcid->tid", MASS_SHARES, point_jacobian(body, centres, every))[:, :2]
        miss = goals.balance_m - np.einsum("c,tci->ti", MASS_SHARES, centres)[:, :2]
        known = np.isfinite(miss)
        rows.append(goals.balance_weight * jacobian * known[..., None])
        misses.append(goals.balance_weight * np.where(known, miss, 0.0))
    normal = np.zeros((frames, DOF, DOF))
    right = np.zeros((frames, DOF))
    if rows:
        jacobian = np.concatenate(rows, axis=1)
        miss = np.concatenate(misses, axis=1)
        transposed = np.swapaxes(jacobian, 1, 2)
        normal = transposed @ jacobian
        right = (transposed @ miss[..., None])[..., 0]
    pull = np.zeros((frames, DOF))
    pull[:, :3], pull[:, 3:6] = goals.root_weight[0] ** 2, goals.root_weight[1] ** 2
    pull[:, 6:] = goals.angle_weight**2
    away = np.empty((frames, DOF))
    away[:, :3] = goals.prior.root_m - pose.root_m
    away[:, 3:6] = rotation_vector_from_matrix(goals.prior.root @ np.swapaxes(pose.root, -1, -2))
    away[:, 6:] = goals.prior.angles - pose.angles
    right += pull * away
    over = np.clip(pose.angles, LOW_RAD, HIGH_RAD) - pose.angles
    beyond = _LIMIT_WEIGHT**2 * (over != 0)
    pull[:, 6:] += beyond
    right[:, 6:] += beyond * over
    index = np.arange(DOF)
    normal[:, index, index] += pull + damping**2
    change = np.linalg.solve(normal, right[..., None])[..., 0]
    # A step of more than half a radian leaves the neighbourhood that the derivatives speak of.
    largest = np.abs(change[:, 3:]).max(axis=1, keepdims=True)
    change *= np.minimum(1.0, 0.5 / np.maximum(largest, 1e-12))
    root = matrix_from_rotation_vector(change[:, 3:6]) @ pose.root
    return Pose(pose.root_m + change[:, :3], root, pose.angles + change[:, 6:])


def even_weight(default: float, **parts: float) -> Array:
    """Return a pull (45,) to the prior's angles: `default`, others for the named parts (spine for all three)."""
    weights = np.full(len(HINGES), default)
    for index, hinge in enumerate(HINGES):
        part = part_of(hinge.name.rsplit("_", 1)[0])
        key = "spine" if part.startswith("spine") else part
        weights[index] = parts.get(key, default)
    return weights


def still(goals: Goals, frames: slice) -> Goals:
    """Return the goals of some of the frames."""
    prior = Pose(goals.prior.root_m[frames], goals.prior.root[frames], goals.prior.angles[frames])
    balance = None if goals.balance_m is None else goals.balance_m[frames]
    return replace(
        goals,
        targets_m=goals.targets_m[frames],
        weights=goals.weights[frames],
        prior=prior,
        balance_m=balance,
    )
