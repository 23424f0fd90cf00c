"""From the marker trials of one subject to motion of the project's skeleton."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.markers.calibration import calibrate
from motion_preprocessing.markers.marker_fit import (
    Body,
    Pose,
    fit_frames,
    place_markers,
    project_leg_share,
    residuals_m,
    start_pose,
)
from motion_preprocessing.markers.plug_in_gait import CARRIER, MOVED
from motion_preprocessing.resample import continuous
from motion_preprocessing.rotations import matrix_from_quaternion, quaternion_from_matrix
from motion_preprocessing.skeleton import JOINT_INDEX, REST_OFFSETS_M

Array = NDArray[np.float64]

CALIBRATION_FRAMES: Final = 200
COARSE_STEP: Final = 6
COARSE_ITERATIONS: Final = 12
FINE_ITERATIONS: Final = 3
SMOOTH_ITERATIONS: Final = 2
MOVED_MARKER_M: Final = 0.015
"""A marker that sits farther from its place throughout a session was put somewhere else."""
MOST_MOVES: Final = 3
SMOOTH_S: Final = 0.06
"""Standard deviation of the weights over time of the motion that the last steps are pulled to."""
SMOOTH_PULL_RAD: Final = 0.1
_HIPS: Final = [JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"]]


@dataclass(frozen=True)
class FittedTrial:
    """One trial on the project's skeleton; the floor is not placed yet."""

    local_rotations: Array
    """(T, 22, 3, 3)."""
    root_position_m: Array
    """(T, 3)."""
    source_joints_m: Array
    """(T, 22, 3) of the subject's own body."""
    scale: float
    """By how much the path through the room was scaled."""
    residual_m: Array
    """(T,) root mean square distance of the markers from the fitted body's."""


def fit_subject(
    trials: Sequence[Array], fps: float, sessions: Sequence[str] | None = None
) -> tuple[Body, list[FittedTrial]]:
    """Calibrate a subject's body and fit it to all of the subject's trials.

    Args:
        trials: (T, 39, 3) markers each, metres, z up, NaN where missing.
        fps: Frames a second.
        sessions: One a trial: markers may have been put on anew between two sessions. None = a single one.
    """
    markers = np.concatenate(trials)
    picked = np.unique(np.linspace(0, len(markers) - 1, CALIBRATION_FRAMES).astype(np.int64))
    body = calibrate(markers[picked])
    sessions = sessions or [""] * len(trials)
    fitted: dict[int, FittedTrial] = {}
    for session in dict.fromkeys(sessions):
        members = [i for i, name in enumerate(sessions) if name == session]
        fitted |= zip(members, _fit_session([trials[i] for i in members], body, fps), strict=True)
    return body, [fitted[i] for i in range(len(trials))]


def _fit_session(trials: list[Array], body: Body, fps: float) -> list[FittedTrial]:
    lengths = [len(trial) for trial in trials]
    markers = np.concatenate(trials)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    nearest = np.concatenate(
        [start + COARSE_STEP * (np.arange(n) // COARSE_STEP) for start, n in zip(starts[:-1], lengths, strict=True)]
    )
    coarse, index = np.unique(nearest, return_inverse=True)
    there = markers[coarse]
    pose = fit_frames(there, body, start_pose(there, body), iterations=COARSE_ITERATIONS)
    for _ in range(MOST_MOVES):
        moved = _marker_moves(there, pose, body)
        if not moved.any():
            break
        body = replace(body, places_m=body.places_m + moved)
        pose = fit_frames(there, body, pose, iterations=FINE_ITERATIONS)
    pose = Pose(pose.local_rotations[index], pose.root_m[index])
    pose = fit_frames(markers, body, pose, iterations=FINE_ITERATIONS)
    cut = [slice(a, b) for a, b in zip(starts[:-1], starts[1:], strict=True)]
    centre = np.concatenate([smoothed(pose.local_rotations[s], fps) for s in cut])
    pull = np.full(len(MOVED), SMOOTH_PULL_RAD)
    pose = fit_frames(markers, body, pose, iterations=SMOOTH_ITERATIONS, centre=centre, pull_rad=pull)
    residual = np.sqrt(np.nanmean(residuals_m(markers, pose, body) ** 2, axis=1))
    _, joints, _ = place_markers(pose, body)
    scale = project_leg_share(body)
    root = _project_root(pose, joints, scale)
    return [FittedTrial(pose.local_rotations[s], root[s], joints[s], scale, residual[s]) for s in cut]


def _marker_moves(markers_m: Array, pose: Pose, body: Body) -> Array:
    """How far (39, 3) each marker sits from its place all session long, 0 for those that hardly moved."""
    model, _, world = place_markers(pose, body)
    away = np.einsum("bmji,bmj->bmi", world[:, CARRIER], markers_m - model)
    seen = np.isfinite(away).all(axis=(0, 2)) | (np.isfinite(away).all(axis=2).mean(axis=0) > 0.5)
    median = np.where(seen[:, None], np.nanmedian(np.where(seen[:, None], away, 0.0), axis=0), 0.0)
    return np.asarray(median * (np.linalg.norm(median, axis=-1, keepdims=True) > MOVED_MARKER_M))


def _project_root(pose: Pose, joints_m: Array, scale: float) -> Array:
    """Place the project's pelvis so that its hips' middle is the subject's, scaled by the legs' ratio."""
    own_middle = REST_OFFSETS_M[_HIPS].mean(axis=0)
    return np.asarray(scale * joints_m[:, _HIPS].mean(axis=1) - pose.local_rotations[:, 0] @ own_middle)


def smoothed(rotations: Array, fps: float) -> Array:
    """Smooth rotations (T, J, 3, 3) over time with Gaussian weights; the ends see the end frames."""
    half = max(1, int(np.ceil(3 * SMOOTH_S * fps)))
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / (SMOOTH_S * fps)) ** 2)
    quaternions = continuous(np.asarray(quaternion_from_matrix(rotations)))
    padded = np.concatenate([quaternions[:1].repeat(half, 0), quaternions, quaternions[-1:].repeat(half, 0)])
    total = sum(w * padded[k : k + len(quaternions)] for k, w in enumerate(weights))
    return np.asarray(matrix_from_quaternion(total))
