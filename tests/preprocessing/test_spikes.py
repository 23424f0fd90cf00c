from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, WORLD_FROM_BODY
from motion_preprocessing.spikes import acceleration_m_s2, clean

HIP, SHOULDER = JOINT_INDEX["left_hip"], JOINT_INDEX["left_shoulder"]
FPS = 30.0


def swing(count: int = 90) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Legs and arms that swing at 1 Hz while the body glides forward."""
    rotations = np.broadcast_to(np.eye(3), (count, JOINT_COUNT, 3, 3)).copy()
    rotations[:, 0] = WORLD_FROM_BODY
    phase = np.sin(2 * np.pi * np.arange(count) / FPS)
    for joint, amplitude in ((HIP, 0.5), (SHOULDER, -0.6)):
        rotations[:, joint] = Rotation.from_euler("x", amplitude * phase[:, None]).as_matrix()
    root = np.stack([np.arange(count) / FPS, np.zeros(count), np.full(count, 0.9)], axis=1)
    return rotations, root


def joints(rotations: NDArray[np.float64], root: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(forward_kinematics(rotations, root)[0])


def test_acceleration_of_free_fall() -> None:
    t = np.arange(20) / FPS
    path = np.zeros((20, 3, 3))
    path[:, 1, 2] = -0.5 * 9.81 * t**2
    result = acceleration_m_s2(path, FPS)
    np.testing.assert_allclose(result[1:-1], 9.81, rtol=1e-9)
    assert result[0] == result[-1] == 0


def test_a_clean_clip_is_left_alone() -> None:
    rotations, root = swing()
    result = clean(rotations, root, FPS)
    assert result is not None
    assert (result.start, result.mended) == (0, 0)
    np.testing.assert_array_equal(result.local_rotations, rotations)
    np.testing.assert_array_equal(result.root_position_m, root)


def test_a_leg_that_flips_for_a_frame_is_mended() -> None:
    rotations, root = swing()
    broken = rotations.copy()
    broken[40, HIP] = Rotation.from_euler("z", 150, degrees=True).as_matrix() @ broken[40, HIP]
    assert acceleration_m_s2(joints(broken, root), FPS).max() > 500
    result = clean(broken, root, FPS)
    assert result is not None
    assert 1 <= result.mended <= 5
    assert len(result.root_position_m) == 90
    error = np.linalg.norm(joints(result.local_rotations, result.root_position_m) - joints(rotations, root), axis=-1)
    assert error.max() < 0.05


def test_remains_of_the_t_pose_are_cut_off_the_start() -> None:
    rotations, root = swing()
    broken = rotations.copy()
    broken[0, [SHOULDER, HIP]] = Rotation.from_euler("z", 80, degrees=True).as_matrix()
    result = clean(broken, root, FPS)
    assert result is not None
    assert (result.start, result.mended) == (1, 0)
    np.testing.assert_array_equal(result.local_rotations, rotations[1:])


def test_around_a_long_bad_stretch_the_longest_part_is_kept() -> None:
    rotations, root = swing(400)
    broken = rotations.copy()
    for frame in range(100, 116, 2):
        broken[frame, HIP] = Rotation.from_euler("z", 150, degrees=True).as_matrix()
    result = clean(broken, root, FPS)
    assert result is not None
    assert 116 <= result.start <= 120
    assert result.start + len(result.root_position_m) == 400
    np.testing.assert_array_equal(result.local_rotations, rotations[result.start :])


def test_a_hopeless_clip_is_given_up() -> None:
    rotations, root = swing()
    broken = rotations.copy()
    broken[5:85:3, HIP] = Rotation.from_euler("z", 150, degrees=True).as_matrix()
    assert clean(broken, root, FPS) is None
    assert clean(rotations[:2], root[:2], FPS) is None
