"""Fits a body to markers: damped Gauss-Newton over rotations, for many frames at once.

Each frame's unknowns are the root's shift and a rotation a moved joint; a joint's rotation R grows by exp(w) R, with w
in the parent's axes, so that a marker x on the joint or below it moves by (P w) x (x - p) with the parent's world
rotation P and the joint's place p. Missing markers have weight 0, outliers little (Geman and McClure). What
markers do not show (how a trunk's bend is shared out by its joints, the twist of a straight limb) is held by a weak
pull of every rotation to a centre: the T-pose at first, then the motion smoothed over time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.markers.plug_in_gait import CARRIER, GROUP, MARKERS, MOVED, PLACES_M, chain
from motion_preprocessing.rotations import (
    fit_rotation,
    matrix_from_rotation_vector,
    rotation_vector_from_matrix,
)
from motion_preprocessing.skeleton import (
    JOINT_COUNT,
    JOINT_INDEX,
    JOINT_NAMES,
    PARENTS,
    REST_OFFSETS_M,
    WORLD_FROM_BODY,
)

Array = NDArray[np.float64]

MARKER_M: Final = 0.01
"""Standard deviation of a marker: skin moves over the bone."""
OUTLIER_M: Final = 0.06
LONGEST_STEP_RAD: Final = 0.6
DAMPING: Final = 1e-3
UNKNOWNS: Final = 3 + 3 * len(MOVED)
CHUNK: Final = 256

_PULL_RAD: Final = {"spine1": 0.4, "spine2": 0.4, "spine3": 0.4, "neck": 0.5, "head": 0.5, "collar": 0.25, "wrist": 0.6}
"""Standard deviation of a joint about the centre; the limbs', which the markers tell well, is 3."""
_PULLS: Final[Array] = np.array(
    [_PULL_RAD.get(JOINT_NAMES[j].removeprefix("left_").removeprefix("right_"), 3.0) for j in MOVED]
)
_TRUNK: Final = [m for m, joint in enumerate(CARRIER) if JOINT_NAMES[joint] in ("pelvis", "spine3")]

_PAIRS: Final = [(m, k) for m, joint in enumerate(CARRIER) for k, j in enumerate(MOVED) if j in chain(int(joint))]
_PAIR_MARKER: Final = np.array([m for m, _ in _PAIRS])
_PAIR_MOVED: Final = np.array([k for _, k in _PAIRS])
_MOVED: Final = np.array(MOVED)


@dataclass(frozen=True)
class Body:
    """One subject: how long the bones are and where the markers sit."""

    scales: Array
    """(9,) of the bone groups, relative to the project's skeleton."""
    places_m: Array
    """(39, 3) of the markers relative to their joints, body axes."""

    @property
    def offsets_m(self) -> Array:
        """(22, 3) rest offsets of the subject."""
        return np.asarray(REST_OFFSETS_M * self.scales[GROUP][:, None])


@dataclass(frozen=True)
class Pose:
    """Frames of a body."""

    local_rotations: Array
    """(B, 22, 3, 3)."""
    root_m: Array
    """(B, 3)."""


STANDARD_BODY: Final = Body(np.ones(int(GROUP.max()) + 1), PLACES_M)


@dataclass(frozen=True)
class Linear:
    """The equations of one step."""

    residual_m: Array
    """(B, 39, 3) marker minus model, 0 where there is no marker."""
    weight: Array
    """(B, 39) of each marker."""
    jacobian: Array
    """(B, 39, 3, UNKNOWNS) of the model."""
    world: Array
    """(B, 22, 3, 3) world rotations."""


def start_pose(markers_m: Array, body: Body) -> Pose:
    """Place the T-pose by a rigid fit to the markers of the trunk (B, 39, 3), NaN where missing."""
    count = len(markers_m)
    rest = np.broadcast_to(np.eye(3), (1, JOINT_COUNT, 3, 3))
    joints, _ = forward_kinematics(rest, np.zeros((1, 3)), body.offsets_m)
    model = (np.asarray(joints)[0, CARRIER] + body.places_m)[_TRUNK]
    seen = np.asarray(np.isfinite(markers_m[:, _TRUNK]).all(axis=-1))[..., None]
    total = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    there = np.where(seen, markers_m[:, _TRUNK], 0.0)
    here = np.where(seen, model[None], 0.0)
    there_mean, here_mean = there.sum(1, keepdims=True) / total, here.sum(1, keepdims=True) / total
    turn = np.asarray(fit_rotation(np.where(seen, here - here_mean, 0.0), np.where(seen, there - there_mean, 0.0)))
    # Fewer than three markers: face +x, upright.
    turn = np.where((seen.sum(axis=(1, 2)) >= 3)[:, None, None], turn, WORLD_FROM_BODY)
    local = np.broadcast_to(np.eye(3), (count, JOINT_COUNT, 3, 3)).copy()
    local[:, 0] = turn
    root = there_mean[:, 0] - np.einsum("bij,bj->bi", turn, here_mean[:, 0])
    return Pose(local, root)


def place_markers(pose: Pose, body: Body) -> tuple[Array, Array, Array]:
    """Return the model's markers (B, 39, 3), joints (B, 22, 3) and world rotations (B, 22, 3, 3)."""
    joints, world = forward_kinematics(pose.local_rotations, pose.root_m, body.offsets_m)
    markers = joints[:, CARRIER] + np.einsum("bmij,mj->bmi", world[:, CARRIER], body.places_m)
    return np.asarray(markers), np.asarray(joints), np.asarray(world)


def linearise(markers_m: Array, pose: Pose, body: Body) -> Linear:
    """Set up the equations of a step for frames (B, 39, 3)."""
    model, joints, world = place_markers(pose, body)
    seen = np.asarray(np.isfinite(markers_m).all(axis=-1))
    residual = np.where(seen[..., None], markers_m - model, 0.0)
    weight = seen / (1 + np.sum(residual**2, axis=-1) / OUTLIER_M**2) ** 2 / MARKER_M**2
    count = len(model)
    jacobian = np.zeros((count, len(MARKERS), 3, UNKNOWNS))
    jacobian[..., :3] = np.eye(3)
    rotations = jacobian[..., 3:].reshape(count, len(MARKERS), 3, len(MOVED), 3)
    parents = np.array([max(PARENTS[j], 0) for j in MOVED])
    axes = world[:, parents]
    axes[:, 0] = np.eye(3)
    arm = model[:, _PAIR_MARKER] - joints[:, _MOVED[_PAIR_MOVED]]
    axis = axes[:, _PAIR_MOVED]  # (B, pairs, 3, 3), columns are the axes
    turned = np.empty((count, len(_PAIRS), 3, 3))
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        turned[:, :, i] = axis[:, :, j] * arm[..., k, None] - axis[:, :, k] * arm[..., j, None]
    rotations[:, _PAIR_MARKER, :, _PAIR_MOVED] = np.swapaxes(turned, 0, 1)
    jacobian[..., 3:] = rotations.reshape(count, len(MARKERS), 3, -1)
    return Linear(residual, weight, jacobian, world)


def normal_equations(linear: Linear, pose: Pose, centre: Array, pull_rad: Array) -> tuple[Array, Array]:
    """Return J'WJ (B, U, U) and J'Wr (B, U) with the pull towards local rotations `centre` (B, 22, 3, 3).

    Args:
        linear: The equations.
        pose: Where they were set up.
        centre: Local rotations to stay near.
        pull_rad: (B, moved) or (moved,) standard deviation of each joint about it; infinity for none.
    """
    count = len(pose.root_m)
    scaled = (linear.jacobian * np.sqrt(linear.weight)[..., None, None]).reshape(count, -1, UNKNOWNS)
    residual = (linear.residual_m * np.sqrt(linear.weight)[..., None]).reshape(count, -1, 1)
    transposed = np.swapaxes(scaled, 1, 2)
    square, right = transposed @ scaled, (transposed @ residual)[..., 0]
    away = pose.local_rotations[:, _MOVED] @ np.swapaxes(centre[:, _MOVED], -1, -2)
    vector = np.asarray(rotation_vector_from_matrix(away)).reshape(count, -1)
    pull = np.repeat(np.broadcast_to(1 / pull_rad**2, (count, len(MOVED))), 3, axis=1)
    diagonal = np.arange(3, UNKNOWNS)
    square[:, diagonal, diagonal] += pull
    right[:, 3:] -= pull * vector
    return square, right


def moved_by(pose: Pose, step: Array) -> Pose:
    """Take a step (B, U); joints turn by at most .6 rad."""
    count = len(step)
    turn = step[:, 3:].reshape(count, len(MOVED), 3)
    length = np.linalg.norm(turn, axis=-1, keepdims=True)
    turn = turn * np.minimum(1.0, LONGEST_STEP_RAD / np.maximum(length, 1e-9))
    local = pose.local_rotations.copy()
    local[:, _MOVED] = np.asarray(matrix_from_rotation_vector(turn)) @ local[:, _MOVED]
    return Pose(local, pose.root_m + step[:, :3])


def rest_pull() -> Array:
    """(moved,) pull towards the T-pose; the pelvis is free."""
    pull = _PULLS.copy()
    pull[MOVED.index(0)] = np.inf
    return pull


def fit_frames(
    markers_m: Array, body: Body, start: Pose, *, iterations: int, centre: Array | None = None,
    pull_rad: Array | None = None,
) -> Pose:  # fmt: skip
    """Fit frames (B, 39, 3) one by one from `start`; without a centre they are pulled to the T-pose."""
    parts = []
    for first in range(0, len(markers_m), CHUNK):
        inside = slice(first, first + CHUNK)
        pose = Pose(start.local_rotations[inside], start.root_m[inside])
        there = markers_m[inside]
        rest = np.broadcast_to(np.eye(3), pose.local_rotations.shape)
        middle = rest if centre is None else centre[inside]
        pull = rest_pull() if pull_rad is None else pull_rad
        for _ in range(iterations):
            square, right = normal_equations(linearise(there, pose, body), pose, middle, pull)
            diagonal = np.arange(UNKNOWNS)
            square[:, diagonal, diagonal] *= 1 + DAMPING
            square[:, diagonal, diagonal] += 1e-6
            step = np.asarray(np.linalg.solve(square, right[..., None])[..., 0], dtype=np.float64)
            pose = moved_by(pose, step)
        parts.append(pose)
    return Pose(np.concatenate([p.local_rotations for p in parts]), np.concatenate([p.root_m for p in parts]))


def residuals_m(markers_m: Array, pose: Pose, body: Body) -> Array:
    """Distance of every marker (B, 39) from the model's, NaN where it is missing."""
    return np.asarray(np.linalg.norm(markers_m - place_markers(pose, body)[0], axis=-1))


def project_leg_share(body: Body) -> float:
    """Ratio of the project's leg to the subject's: the scale of the path through the room."""
    legs = [JOINT_INDEX["left_knee"], JOINT_INDEX["left_ankle"]]
    own = np.linalg.norm(REST_OFFSETS_M[legs], axis=-1).sum()
    return float(own / np.linalg.norm(body.offsets_m[legs], axis=-1).sum())
