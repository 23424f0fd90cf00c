"""The body as 45 hinges: which axes each joint turns about, how far, and with what strength.

Hinge axes are x forward, y left, z up in the T-pose. With H_j a joint's world orientation in these axes and W the
skeleton's WORLD_FROM_BODY, the project's world orientation is R_j = H_j W, so its local rotations are W^T H W. The
angles of one joint are applied in the order they stand in, each about an axis that the ones before it have turned.

Signs: hips and shoulders bend forward with negative y, knees bend and toes point
down with positive y. Left-side limits are written down;
about x and z the right side is their mirror image.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, PARENTS, REST_OFFSETS_M, WORLD_FROM_BODY

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Hinge:
    """One axis of one joint."""

    name: str
    """Joint, axis and a stroke for a second turn about the same axis, such as left_shoulder_y'."""
    joint: int
    """Index of the joint it turns."""
    axis: int
    """0, 1 or 2 for x, y or z."""
    low_rad: float
    """Lower limit."""
    high_rad: float
    """Upper limit."""
    stiffness: float
    """Proportional gain at full tone, Nm / rad."""
    torque_nm: float
    """Largest torque at full tone."""


# part: axes as (axis, low, high in degrees of the left side, stiffness, torque)
_PARTS: Final[dict[str, tuple[tuple[str, float, float, float, float], ...]]] = {
    "hip": (("y", -125, 25, 500, 220), ("x", -25, 45, 500, 180), ("z", -40, 40, 250, 100)),
    "knee": (("y", -2, 150, 400, 200),),
    "ankle": (("y", -25, 50, 300, 130), ("x", -25, 25, 150, 60)),
    "foot": (("y", -60, 30, 20, 15),),
    "spine1": (("y", -10, 30, 600, 200), ("x", -15, 15, 600, 200), ("z", -15, 15, 600, 200)),
    "spine2": (("y", -10, 30, 600, 200), ("x", -15, 15, 600, 200), ("z", -15, 15, 600, 200)),
    "spine3": (("y", -10, 30, 600, 200), ("x", -15, 15, 600, 200), ("z", -15, 15, 600, 200)),
    "neck": (("y", -30, 30, 80, 35), ("x", -20, 20, 80, 35), ("z", -35, 35, 80, 35)),
    "head": (("y", -30, 30, 80, 35), ("x", -20, 20, 80, 35), ("z", -35, 35, 80, 35)),
    "collar": (("x", -10, 30, 200, 80), ("z", -20, 20, 200, 80)),
    "shoulder": (("y", -170, 60, 150, 70), ("x", -130, 80, 150, 70), ("y'", -90, 90, 60, 40)),
    "elbow": (("z", -150, 2, 100, 50),),
    "wrist": (("y", -80, 80, 15, 10), ("x", -80, 80, 15, 10)),
}
_ORDER: Final = (
    "left_hip", "left_knee", "left_ankle", "left_foot", "right_hip", "right_knee", "right_ankle", "right_foot",
    "spine1", "spine2", "spine3", "neck", "head", "left_collar", "left_shoulder", "left_elbow", "left_wrist",
    "right_collar", "right_shoulder", "right_elbow", "right_wrist",
)  # fmt: skip


def _hinges() -> tuple[Hinge, ...]:
    found = []
    for joint in _ORDER:
        for label, low, high, stiffness, torque in _PARTS[joint.split("_")[-1]]:
            axis = "xyz".index(label[0])
            if joint.startswith("right") and axis != 1:
                low, high = -high, -low
            limits = (float(np.radians(low)), float(np.radians(high)))
            found.append(Hinge(f"{joint}_{label}", JOINT_INDEX[joint], axis, *limits, stiffness, torque))
    return tuple(found)


HINGES: Final = _hinges()
HINGE_COUNT: Final = len(HINGES)
HINGE_INDEX: Final[dict[str, int]] = {hinge.name: index for index, hinge in enumerate(HINGES)}
LOW_RAD: Final[Array] = np.array([hinge.low_rad for hinge in HINGES])
HIGH_RAD: Final[Array] = np.array([hinge.high_rad for hinge in HINGES])
OFFSETS_M: Final[Array] = REST_OFFSETS_M @ WORLD_FROM_BODY.T
"""(22, 3) rest offsets in hinge axes."""
DOF: Final = 6 + HINGE_COUNT
"""Root position, root turn, hinges."""

_OF_JOINT: Final = tuple(tuple(i for i, h in enumerate(HINGES) if h.joint == joint) for joint in range(JOINT_COUNT))


def _moves() -> NDArray[np.bool_]:
    table = np.zeros((JOINT_COUNT, HINGE_COUNT), dtype=bool)
    for joint in range(JOINT_COUNT):
        at = joint
        while at >= 0:
            table[joint, list(_OF_JOINT[at])] = True
            at = PARENTS[at]
    return table


MOVES: Final = _moves()
"""(22, 45): whether a hinge turns what hangs on a joint."""
_ANCHOR: Final = np.array([hinge.joint for hinge in HINGES])


class Pose(NamedTuple):
    """T frames of the body in hinge angles."""

    root_m: Array
    """(T, 3) pelvis."""
    root: Array
    """(T, 3, 3) the pelvis' orientation H: the identity stands upright and faces +x."""
    angles: Array
    """(T, 45) radians."""


class Chain(NamedTuple):
    """Where a pose puts the body."""

    joints_m: Array
    """(T, 22, 3)."""
    turns: Array
    """(T, 22, 3, 3) world orientations H_j."""
    axes: Array
    """(T, 45, 3) the hinges' axes in the world."""


def chain(pose: Pose) -> Chain:
    """Forward kinematics of the hinge tree."""
    frames = len(pose.root_m)
    joints, turns = np.empty((frames, JOINT_COUNT, 3)), np.empty((frames, JOINT_COUNT, 3, 3))
    axes = np.empty((frames, HINGE_COUNT, 3))
    cosine, sine = np.cos(pose.angles), np.sin(pose.angles)
    for joint, parent in enumerate(PARENTS):
        if parent < 0:
            joints[:, joint], turns[:, joint] = pose.root_m, pose.root
            continue
        joints[:, joint] = joints[:, parent] + turns[:, parent] @ OFFSETS_M[joint]
        turn = turns[:, parent].copy()
        for hinge in _OF_JOINT[joint]:
            axis = HINGES[hinge].axis
            axes[:, hinge] = turn[..., axis]
            after, last = (axis + 1) % 3, (axis + 2) % 3
            c, s = cosine[:, hinge, None], sine[:, hinge, None]
            a, b = turn[..., after].copy(), turn[..., last].copy()
            turn[..., after], turn[..., last] = c * a + s * b, c * b - s * a
        turns[:, joint] = turn
    return Chain(joints, turns, axes)


def point_jacobian(body: Chain, points_m: Array, on: NDArray[np.int64]) -> Array:
    """Return how points (T, C, 3) that hang on joints `on` (C,) move with root shift, root turn and hinges.

    Returns:
        (T, C, 3, 51).
    """
    frames, count = points_m.shape[:2]
    result = np.zeros((frames, count, 3, DOF))
    result[..., 0:3] = np.eye(3)
    arm = points_m - body.joints_m[:, :1]
    # e_i x arm, the columns of minus the cross-product matrix.
    result[..., 0, 4], result[..., 0, 5] = arm[..., 2], -arm[..., 1]
    result[..., 1, 3], result[..., 1, 5] = -arm[..., 2], arm[..., 0]
    result[..., 2, 3], result[..., 2, 4] = arm[..., 1], -arm[..., 0]
    lever = points_m[:, :, None] - body.joints_m[:, None, _ANCHOR]
    a = body.axes[:, None]
    mask = MOVES[on]
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        result[..., i, 6:] = (a[..., j] * lever[..., k] - a[..., k] * lever[..., j]) * mask
    return result


def local_rotations(pose: Pose) -> Array:
    """Return the project's local rotations (T, 22, 3, 3) of a pose; entry 0 is the root's world orientation."""
    turns = chain(pose).turns
    local = np.empty_like(turns)
    local[:, 0] = turns[:, 0] @ WORLD_FROM_BODY
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            inner = np.swapaxes(turns[:, parent], -1, -2) @ turns[:, joint]
            local[:, joint] = WORLD_FROM_BODY.T @ inner @ WORLD_FROM_BODY
    return local


def angles_of(named_deg: Mapping[str, float], base: Any = None) -> Array:
    """Write named angles in degrees, left values, into a vector (45,) in radians.

    'knee' bends both knees, 'knee_l' and 'knee_r' one; the axis follows after a dot: 'hip.y_l', 'shoulder.x'. Single
    hinges need no axis. About x and z the right side takes the mirrored sign. 'spine.y' is shared out to spine1..3.
    """
    result = np.zeros(HINGE_COUNT) if base is None else np.array(base, dtype=np.float64)
    for name, value in named_deg.items():
        stem, _, tail = name.partition("_")
        part, _, axis = stem.partition(".")
        axis = axis or _PARTS[part][0][0]
        if part == "spine":
            for joint in ("spine1", "spine2", "spine3"):
                result[HINGE_INDEX[f"{joint}_{axis}"]] = np.radians(value / 3)
        elif part in JOINT_INDEX:
            result[HINGE_INDEX[f"{part}_{axis}"]] = np.radians(value)
        else:
            for side in {"l": ("left",), "r": ("right",), "": ("left", "right")}[tail]:
                sign = -1.0 if side == "right" and axis[0] != "y" else 1.0
                result[HINGE_INDEX[f"{side}_{part}_{axis}"]] = sign * np.radians(value)
    return result


def _mirror_table() -> tuple[NDArray[np.int64], Array]:
    index, sign = [], []
    for hinge in HINGES:
        name = hinge.name
        other = name.replace("left", "right") if name.startswith("left") else name.replace("right", "left")
        index.append(HINGE_INDEX[other])
        sign.append(1.0 if hinge.axis == 1 else -1.0)
    return np.array(index), np.array(sign)


_MIRROR_INDEX, _MIRROR_SIGN = _mirror_table()


def mirrored_angles(angles: Array) -> Array:
    """Swap left and right of angles (..., 45)."""
    return np.asarray(angles[..., _MIRROR_INDEX] * _MIRROR_SIGN)
