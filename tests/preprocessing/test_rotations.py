"""Rotations against scipy, against group axioms, and numpy against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.transform import Rotation

from motion_preprocessing import rotations as rot

VECTORS = hnp.arrays(np.float64, (3,), elements=st.floats(-4, 4, allow_nan=False))
NEAR_IDENTITY = hnp.arrays(np.float64, (3,), elements=st.floats(-1e-7, 1e-7, allow_nan=False))
HALF_TURNS = st.tuples(VECTORS, st.floats(-1e-6, 1e-6)).map(
    lambda v: v[0] / max(float(np.linalg.norm(v[0])), 1e-3) * (np.pi + v[1])
)


@given(st.one_of(VECTORS, NEAR_IDENTITY, HALF_TURNS))
@settings(max_examples=200, deadline=None)
def test_conversions_agree_with_scipy(vector):
    truth = Rotation.from_rotvec(vector)
    matrix = rot.matrix_from_rotation_vector(vector)
    np.testing.assert_allclose(matrix, truth.as_matrix(), atol=1e-12)
    quaternion = rot.quaternion_from_matrix(matrix)
    expected = truth.as_quat(scalar_first=True)
    assert min(np.abs(quaternion - expected).max(), np.abs(quaternion + expected).max()) < 1e-9
    np.testing.assert_allclose(rot.matrix_from_quaternion(quaternion), matrix, atol=1e-12)
    back = rot.rotation_vector_from_matrix(matrix)
    np.testing.assert_allclose(rot.matrix_from_rotation_vector(back), matrix, atol=1e-9)
    np.testing.assert_allclose(rot.matrix_from_6d(rot.matrix_to_6d(matrix)), matrix, atol=1e-12)


@given(VECTORS, VECTORS)
@settings(max_examples=100, deadline=None)
def test_geodesic_angle_agrees_with_scipy(a, b):
    first, second = Rotation.from_rotvec(a), Rotation.from_rotvec(b)
    expected = (first.inv() * second).magnitude()
    got = rot.geodesic_angle(first.as_matrix(), second.as_matrix())
    assert abs(float(got) - expected) < 1e-6


@given(hnp.arrays(np.float64, (4, 6), elements=st.floats(-10, 10, allow_nan=False)))
@example(np.full((4, 6), 1.14e-161))
@settings(max_examples=200, deadline=None)
def test_any_six_numbers_give_a_proper_rotation(six):
    matrix = rot.matrix_from_6d(six)
    np.testing.assert_allclose(matrix @ matrix.swapaxes(-1, -2), np.broadcast_to(np.eye(3), (4, 3, 3)), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(matrix), 1.0, atol=1e-6)


def test_degenerate_six_numbers_give_a_proper_rotation():
    for six in ([0.0] * 6, [1.0, 0, 0, 2.0, 0, 0], [0, 3.0, 0, 0, 0, 0], [0, 1.0, 0, 0, -1.0, 0]):
        matrix = rot.matrix_from_6d(np.array(six))
        np.testing.assert_allclose(matrix.T @ matrix, np.eye(3), atol=1e-12)
        assert np.linalg.det(matrix) == pytest.approx(1.0)


@given(VECTORS, VECTORS)
@settings(max_examples=100, deadline=None)
def test_between_vectors_turns_one_into_the_other(a, b):
    if np.linalg.norm(a) < 1e-3 or np.linalg.norm(b) < 1e-3:
        return
    matrix = rot.between_vectors(a, b)
    np.testing.assert_allclose(matrix @ (a / np.linalg.norm(a)), b / np.linalg.norm(b), atol=1e-6)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(3), atol=1e-9)


def test_between_opposite_vectors_is_a_half_turn():
    matrix = rot.between_vectors(np.array([1.0, 0, 0]), np.array([-1.0, 0, 0]))
    np.testing.assert_allclose(matrix @ [1.0, 0, 0], [-1.0, 0, 0], atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1.0)


def test_fit_rotation_recovers_and_never_reflects():
    rng = np.random.default_rng(0)
    source = rng.normal(size=(50, 6, 3))
    truth = Rotation.from_rotvec(rng.normal(size=(50, 3))).as_matrix()
    target = source @ truth.swapaxes(-1, -2)
    np.testing.assert_allclose(rot.fit_rotation(source, target), truth, atol=1e-10)
    mirrored = rot.fit_rotation(source, target * np.array([-1.0, 1.0, 1.0]))
    np.testing.assert_allclose(np.linalg.det(mirrored), 1.0, atol=1e-10)
    expected, _ = Rotation.align_vectors(target[0] + 0.1, source[0])
    np.testing.assert_allclose(rot.fit_rotation(source[0], target[0] + 0.1), expected.as_matrix(), atol=1e-10)


@given(VECTORS, VECTORS, st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_slerp_moves_along_the_geodesic(a, b, fraction):
    qa, qb = rot.quaternion_from_rotation_vector(a), rot.quaternion_from_rotation_vector(b)
    middle = rot.matrix_from_quaternion(rot.quaternion_slerp(qa, qb, np.asarray(fraction)))
    ra, rb = Rotation.from_rotvec(a), Rotation.from_rotvec(b)
    whole = (ra.inv() * rb).magnitude()
    if whole > np.pi - 1e-3:
        return  # the shorter arc is not unique
    part = (ra.inv() * Rotation.from_matrix(middle)).magnitude()
    assert abs(part - fraction * whole) < 1e-4


def test_numpy_and_torch_agree():
    rng = np.random.default_rng(1)
    vector = rng.normal(size=(7, 3))
    six = rng.normal(size=(7, 6))
    for function, argument in (
        (rot.matrix_from_rotation_vector, vector),
        (rot.matrix_from_6d, six),
        (rot.quaternion_from_rotation_vector, vector),
        (rot.about_z, vector[:, 0]),
    ):
        np.testing.assert_allclose(function(torch.from_numpy(argument)).numpy(), function(argument), atol=1e-14)
    matrix = rot.matrix_from_rotation_vector(vector)
    for function in (rot.quaternion_from_matrix, rot.rotation_vector_from_matrix, rot.matrix_to_6d, rot.transpose):
        np.testing.assert_allclose(function(torch.from_numpy(matrix)).numpy(), function(matrix), atol=1e-14)


def test_dtype_is_kept():
    six = np.ones((2, 6), dtype=np.float32)
    assert rot.matrix_from_6d(six).dtype == np.float32
    assert rot.matrix_from_6d(torch.ones(2, 6)).dtype == torch.float32
