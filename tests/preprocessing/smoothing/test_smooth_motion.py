"""Smoothing of joints, rotations and motions: what it recovers, and that it commutes with turning the world."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import geodesic_angle
from motion_preprocessing.smoothing.motion import smooth_joints, smooth_motion, smooth_rotations
from motion_preprocessing.smoothing.trend import smooth_paths


def turns(count: int, degrees_a_frame: float, joints: int, seed: int) -> np.ndarray:
    """Turns at constant angular velocity (T, J, 3, 3), each joint about its own axis."""
    rng = np.random.default_rng(seed)
    axes = rng.normal(size=(joints, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    angles = np.radians(degrees_a_frame) * np.arange(count)
    start = Rotation.random(joints, rng=rng).as_matrix()
    return start @ Rotation.from_rotvec((angles[:, None, None] * axes).reshape(-1, 3)).as_matrix().reshape(
        count, joints, 3, 3
    )


def shaken(rotations: np.ndarray, degrees: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(scale=np.radians(degrees) / np.sqrt(3), size=(*rotations.shape[:-2], 3))
    return rotations @ Rotation.from_rotvec(noise.reshape(-1, 3)).as_matrix().reshape(rotations.shape)


def angles_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(np.asarray(geodesic_angle(a, b)))


@pytest.mark.parametrize("degrees_a_frame", [2.0, 25.0])
def test_constant_turns_are_kept_and_wild_frames_and_gaps_mended(degrees_a_frame: float) -> None:
    clean = turns(40, degrees_a_frame, 3, seed=1)
    broken = clean.copy()
    broken[9] = broken[9] @ Rotation.from_euler("x", 140, degrees=True).as_matrix()
    broken[25, 1] = broken[25, 1] @ Rotation.from_euler("yz", [90, 60], degrees=True).as_matrix()
    seen = np.ones(40, dtype=bool)
    seen[14:18] = False
    broken[14:18] = np.nan
    smooth = smooth_rotations(broken, seen)
    assert angles_deg(smooth, clean).max() < 0.5
    np.testing.assert_allclose(smooth @ np.swapaxes(smooth, -1, -2) - np.eye(3), 0.0, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(smooth), 1.0, atol=1e-9)


def test_noise_of_rotations_is_more_than_halved() -> None:
    clean = turns(100, 6.0, 5, seed=2)
    noisy = shaken(clean, 6.0, seed=3)
    assert angles_deg(smooth_rotations(noisy), clean).mean() < 0.5 * angles_deg(noisy, clean).mean()


def test_matrix_entries_alone_would_cut_the_corners_of_fast_turns() -> None:
    clean = turns(60, 35.0, 2, seed=4)
    noisy = shaken(clean, 3.0, seed=5)
    entries = smooth_paths(noisy.reshape(60, 2, 9).transpose(0, 2, 1)).values.transpose(0, 2, 1).reshape(noisy.shape)
    u, _, vt = np.linalg.svd(entries)
    assert angles_deg(smooth_rotations(noisy), clean).mean() < 0.7 * angles_deg(u @ vt, clean).mean()


def test_smoothing_commutes_with_turning_the_world_and_the_bodys_axes() -> None:
    noisy = shaken(turns(30, 8.0, 2, seed=6), 8.0, seed=7)
    world, body = Rotation.random(2, rng=np.random.default_rng(8)).as_matrix()
    smooth = smooth_rotations(noisy)
    assert angles_deg(smooth_rotations(world @ noisy @ body), world @ smooth @ body).max() < 0.02


def test_joints_of_several_sequences_are_smoothed_each_by_itself() -> None:
    rng = np.random.default_rng(9)
    joints = rng.normal(size=(2, 30, 4, 3))
    seen = rng.random((2, 30)) < 0.8
    smooth = smooth_joints(joints, seen)
    assert smooth.shape == joints.shape
    for sequence in range(2):
        for joint in range(4):
            alone = smooth_paths(joints[sequence, :, joint, :, None], seen[sequence, :, None]).values[:, :, 0]
            np.testing.assert_allclose(smooth[sequence, :, joint], alone, atol=1e-9)
    own = np.broadcast_to(seen[..., None], (2, 30, 4))
    np.testing.assert_array_equal(smooth_joints(joints, own), smooth)


def test_a_motion_keeps_its_bones_and_loses_the_ends_without_a_pose() -> None:
    rng = np.random.default_rng(10)
    rotations = shaken(turns(50, 1.5, 22, seed=11), 4.0, seed=12)
    root = np.arange(50)[:, None] * [0.04, 0.0, 0.0] + rng.normal(scale=0.02, size=(50, 3))
    seen = np.ones(50, dtype=bool)
    seen[:3] = seen[20:24] = seen[45:] = False
    motion = smooth_motion(rotations, root, seen)
    assert motion.start == 3
    assert motion.rotations.shape == (42, 22, 3, 3)
    straight = np.arange(3, 45)[:, None] * [0.04, 0.0, 0.0]
    errors = np.linalg.norm(motion.root_position_m - straight, axis=1)
    assert errors.mean() < 0.7 * np.linalg.norm(root[3:45] - straight, axis=1).mean()
    joints = np.asarray(forward_kinematics(motion.rotations, motion.root_position_m)[0])
    lengths = np.linalg.norm(joints[:, 4] - joints[:, 1], axis=-1)
    np.testing.assert_allclose(lengths, lengths[0], rtol=1e-9)


def test_bad_input_is_named() -> None:
    rotations, root = np.broadcast_to(np.eye(3), (6, 22, 3, 3)), np.zeros((6, 3))
    with pytest.raises(InputError, match="expected 2 seen frames or more, got 1 for a motion"):
        smooth_motion(rotations, root, np.arange(6) == 2)
    with pytest.raises(InputError, match="expected rotations, positions and flags of the same frames"):
        smooth_motion(rotations, root[:5])
    with pytest.raises(InputError, match=r"expected an array \(..., T, J, 3\), got shape \(6, 3\)"):
        smooth_joints(root)
    with pytest.raises(InputError, match=r"expected an array \(..., T, J, 3, 3\)"):
        smooth_rotations(root)
    with pytest.raises(InputError, match="for the seen frames; reshape it"):
        smooth_joints(np.zeros((6, 2, 3)), np.ones(5, dtype=bool))
