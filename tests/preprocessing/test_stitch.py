"""Joined motions go on where they stopped; incompatible ones are not joined."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.pose_vector import encode
from motion_preprocessing.skeleton import JOINT_INDEX, WORLD_FROM_BODY
from motion_preprocessing.stitch import BLEND, join, unpack

FPS = 20.0


def stride(frames: int, yaw_deg: float, start_xy: tuple[float, float], phase: float = 0.0, speed: float = 1.2):
    """A body that swings its thighs at 1 Hz and glides along its heading."""
    time = np.arange(frames) / FPS
    local = np.broadcast_to(np.eye(3), (frames, 22, 3, 3)).copy()
    yaw = Rotation.from_euler("z", yaw_deg, degrees=True)
    local[:, 0] = yaw.as_matrix() @ WORLD_FROM_BODY
    swing = 25 * np.sin(2 * np.pi * time + phase)
    local[:, JOINT_INDEX["left_hip"]] = Rotation.from_euler("x", swing[:, None], degrees=True).as_matrix()
    local[:, JOINT_INDEX["right_hip"]] = Rotation.from_euler("x", -swing[:, None], degrees=True).as_matrix()
    root = np.array([*start_xy, 0.93]) + yaw.apply(np.stack([speed * time, 0 * time, 0 * time], axis=1))
    return local, root


def test_a_walk_goes_on_without_a_jump():
    first, second = stride(40, 30, (1, 2)), stride(60, -100, (5, -3), phase=1.0)
    joined = join(*first, *second)
    assert joined is not None
    rotations, root = joined
    assert len(root) > 60
    # The first part is untouched, headings agree after the join, and no joint jumps.
    np.testing.assert_allclose(root[:10], first[1][:10])
    assert np.degrees(np.abs(np.unwrap(heading_rad(rotations[:, 0])) - np.radians(30))).max() < 1.0
    joints, _ = forward_kinematics(rotations, root)
    step = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=1)
    alone, _ = forward_kinematics(*first)
    own = np.linalg.norm(np.diff(alone, axis=0), axis=-1).max()
    assert step.max() < 1.8 * own
    # It keeps walking: the way is as long as the time it takes.
    assert abs(np.linalg.norm(root[-1] - root[0]) - 1.2 * (len(root) - 1) / FPS) < 0.15
    # Blended rotations are rotations.
    gram = rotations @ rotations.swapaxes(-1, -2)
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(3), gram.shape), atol=1e-9)


def test_poses_that_differ_are_not_joined():
    first = stride(40, 0, (0, 0))
    rotations, root = stride(40, 0, (0, 0))
    rotations[:, 0] = Rotation.from_euler("y", 90, degrees=True).as_matrix() @ rotations[:, 0]  # lying
    root[:, 2] = 0.1
    assert join(*first, rotations, root) is None


def test_standing_is_not_joined_to_running():
    assert join(*stride(40, 0, (0, 0), speed=0.0), *stride(40, 0, (0, 0), speed=6.0)) is None


def test_too_short_motions_are_left_alone():
    assert join(*stride(4, 0, (0, 0)), *stride(40, 0, (0, 0))) is None
    assert join(*stride(40, 0, (0, 0)), *stride(2 * BLEND, 0, (0, 0))) is None


def test_unpack_inverts_encode():
    rotations, root = stride(12, 77, (3, 4))
    got_rotations, got_root = unpack(encode(rotations, root, FPS))
    np.testing.assert_allclose(got_rotations, rotations, atol=1e-9)
    np.testing.assert_allclose(got_root, root)
