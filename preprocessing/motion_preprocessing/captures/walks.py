"""People's motions for synthetic captures: procedural walks, and windows of a processed dataset."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing import pose_vector
from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import about_z, matrix_from_rotation_vector
from motion_preprocessing.skeleton import FEET, JOINT_COUNT, JOINT_INDEX, WORLD_FROM_BODY

Array = NDArray[np.float64]

_STRIDE_M = 1.25
_FULL_PACE_M_S = 0.9
_LEG_M = 0.8


class Motion(NamedTuple):
    """A motion somewhere on the floor z = 0."""

    local_rotations: Array
    """(T, 22, 3, 3); entry 0 the root's orientation in the world."""
    root_position_m: Array
    """(T, 3) pelvis."""
    action: str
    """What the person does."""


def procedural_walk(rng: np.random.Generator, frames: int, fps: float) -> Motion:
    """Make somebody walk a rounded way at a changing pace, with a stop now and then."""
    time = np.arange(frames) / fps
    pace = rng.uniform(0.5, 1.1) * np.clip(0.65 + 0.9 * np.sin(time * rng.uniform(0.4, 0.8) + rng.uniform(0, 6)), 0, 1)
    turn = rng.uniform(0.25, 0.7) * rng.choice([-1.0, 1.0]) * (1 + 0.5 * np.sin(time * rng.uniform(0.3, 0.6)))
    # Turns with the way, not with time: nobody spins while standing.
    yaw = np.concatenate([[0.0], np.cumsum(turn[:-1] * pace[:-1]) / fps])
    step = np.stack([np.cos(yaw), np.sin(yaw)], axis=-1) * pace[:, None] / fps
    place = np.concatenate([np.zeros((1, 2)), np.cumsum(step[:-1], axis=0)])
    # Slow steps are short ones: the stride shrinks with the pace, so that its rhythm and the planted foot are kept.
    size = np.clip(pace / _FULL_PACE_M_S, 0.02, 1.0)
    phase = np.concatenate([[0.0], np.cumsum(2 * np.pi * pace[:-1] / (fps * _STRIDE_M * size[:-1]))])
    bend = np.zeros((frames, JOINT_COUNT, 3))
    # Body axes: x to the left. A positive turn about x takes the hanging leg backwards.
    for side, sign in (("left", 1.0), ("right", -1.0)):
        cycle = phase + (0.0 if sign > 0 else np.pi)
        hip = -np.arcsin(np.clip(_STRIDE_M / 4 * size * _foot_ahead(cycle) / _LEG_M, -0.9, 0.9))
        knee = 0.7 * size * np.clip(np.cos(cycle), 0.0, 1.0) ** 2
        bend[:, JOINT_INDEX[f"{side}_hip"], 0] = hip - knee / 2
        bend[:, JOINT_INDEX[f"{side}_knee"], 0] = knee
        bend[:, JOINT_INDEX[f"{side}_ankle"], 0] = -hip - knee / 2  # the sole stays level
        swing = 0.4 * size * np.sin(cycle)
        bend[:, JOINT_INDEX[f"{side}_shoulder"], 2] = -sign * 1.25  # arms hang
        bend[:, JOINT_INDEX[f"{side}_shoulder"], 0] = 0.9 * swing
        bend[:, JOINT_INDEX[f"{side}_elbow"], 1] = -sign * (0.25 + 0.3 * np.abs(swing))
    bend[:, JOINT_INDEX["spine2"], 1] = 0.15 * np.sin(phase)
    bend[:, JOINT_INDEX["neck"], 1] = 0.3 * np.sin(0.9 * time + rng.uniform(0, 6))
    rotations = np.asarray(matrix_from_rotation_vector(bend))
    rotations[:, 0] = np.asarray(about_z(yaw)) @ WORLD_FROM_BODY
    root = np.concatenate([place, np.zeros((frames, 1))], axis=-1)
    joints, _ = forward_kinematics(rotations, root)
    root[:, 2] = -joints[:, list(FEET), 2].min(axis=1)
    return Motion(rotations, root, "walk")


def _foot_ahead(cycle: Array) -> Array:
    """Where a foot is relative to the pelvis, +1 ahead to -1 behind: back evenly while it stands, ahead in a swing."""
    turn = np.mod(cycle / np.pi - 0.5, 2.0)
    return np.where(turn < 1, 1 - 2 * turn, -np.cos(np.pi * (turn - 1)))


class MotionSource:
    """Draws motions: windows of a dataset where one is given, else procedural walks."""

    def __init__(self, dataset: Path | None = None) -> None:
        self._dataset = MotionDataset.open(dataset) if dataset is not None else None

    def draw(self, rng: np.random.Generator, frames: int, fps: float) -> Motion:
        """Draw a motion of `frames` frames at `fps`.

        Raises:
            InputError: The dataset has no sequence of that length.
        """
        if self._dataset is None:
            return procedural_walk(rng, frames, fps)
        data = self._dataset
        step = data.fps / fps
        need = int(np.ceil((frames - 1) * step)) + 1
        for index in rng.permutation(len(data)):
            record = data[int(index)]
            if len(record.pose) < need:
                continue
            first = int(rng.integers(0, len(record.pose) - need + 1))
            chosen = first + np.round(np.arange(frames) * step).astype(np.int64)
            pose = pose_vector.decode(np.asarray(record.pose[chosen], dtype=np.float64))
            return Motion(np.asarray(pose.local_rotations), np.asarray(pose.joints_m[:, 0]), record.action)
        raise InputError(
            f"expected a sequence of {need} frames or more, got shorter ones for {data.folder}; ask for fewer frames"
        )


def move(motion: Motion, yaw_rad: float, shift_xy: Array, scale: float = 1.0) -> Motion:
    """Turn a motion about z, shift it over the floor, and make the body and its way `scale` times as large."""
    turn = np.asarray(about_z(np.asarray(yaw_rad)))
    rotations = motion.local_rotations.copy()
    rotations[:, 0] = turn @ rotations[:, 0]
    return Motion(rotations, scale * motion.root_position_m @ turn.T + np.append(shift_xy, 0.0), motion.action)
