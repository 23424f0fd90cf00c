from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from motion_preprocessing.resample import continuous, cubic, resample


def test_cubic_is_exact_for_parabolas_inside_and_lines_at_the_ends() -> None:
    frames = np.arange(12.0)
    times = np.linspace(1, 10, 61)
    values = np.stack([3 - 2 * frames + 0.5 * frames**2, 7 * frames - 1], axis=1)
    expected = np.stack([3 - 2 * times + 0.5 * times**2, 7 * times - 1], axis=1)
    np.testing.assert_allclose(cubic(values, times), expected, atol=1e-12)
    ends = np.array([0.0, 0.3, 10.8, 11.0])
    np.testing.assert_allclose(cubic(values[:, 1], ends), 7 * ends - 1, atol=1e-12)


@pytest.mark.parametrize(
    ("count", "fps", "new_fps", "expected"), [(31, 30, 20, 21), (30, 30, 20, 20), (1, 30, 20, 1), (7, 30, 60, 13)]
)
def test_length_and_first_frame(count: int, fps: float, new_fps: float, expected: int) -> None:
    rotations = np.broadcast_to(np.eye(3), (count, 22, 3, 3)).copy()
    root = np.arange(count, dtype=float)[:, None] + [1.0, 2.0, 3.0]
    new_rotations, new_root = resample(rotations, root, fps, new_fps)
    assert len(new_rotations) == len(new_root) == expected
    np.testing.assert_allclose(new_root[:, 0], 1 + np.arange(expected) * fps / new_fps, atol=1e-12)


def test_constant_angular_velocity_against_scipys_slerp() -> None:
    # 2.5 turns a second, past the sign change of the quaternion; 12 frames a turn.
    axis = np.array([2.0, -1, 3]) / np.sqrt(14)
    frames = np.arange(25)
    turning = Rotation.from_rotvec(axis * (frames[:, None] * 2 * np.pi / 12))
    rotations = np.broadcast_to(turning.as_matrix()[:, None], (25, 22, 3, 3)).copy()
    result, _ = resample(rotations, np.zeros((25, 3)), 30, 20)
    times = np.arange(len(result)) * 1.5
    expected = Slerp(frames, turning)(times)
    error = (Rotation.from_matrix(result[:, 5]) * expected.inv()).magnitude()
    inside = (times >= 1) & (times <= 23)
    assert np.degrees(error[inside].max()) < 0.05
    np.testing.assert_allclose(result[::2], rotations[::3], atol=1e-12)  # the frames both rates share


def test_a_smooth_curve_comes_out_nearer_than_by_straight_lines() -> None:
    frames, times = np.arange(60), np.arange(1.5, 57, 1.5)
    wave = np.sin(2 * np.pi * 2 * frames / 30)  # 2 Hz at 30 frames a second
    truth = np.sin(2 * np.pi * 2 * times / 30)
    by_cubic = np.abs(cubic(wave, times) - truth).max()
    by_lines = np.abs(np.interp(times, frames, wave) - truth).max()
    assert by_cubic < 0.15 * by_lines


def test_signs_are_made_continuous() -> None:
    rng = np.random.default_rng(5)
    steps = Rotation.from_rotvec(np.cumsum(rng.normal(scale=0.2, size=(80, 3)), axis=0))
    given = steps.as_quat(canonical=True)
    result = continuous(given)
    assert np.all(np.sum(result[1:] * result[:-1], axis=-1) > 0)
    np.testing.assert_allclose(np.abs(result), np.abs(given), atol=0)
