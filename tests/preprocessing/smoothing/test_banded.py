"""The banded factor against dense algebra."""

from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.smoothing.banded import SharedSolver, factor


def dense(curvature: np.ndarray, data: np.ndarray) -> np.ndarray:
    difference = np.diff(np.eye(len(data)), n=2, axis=0)
    return difference.T @ np.diag(curvature) @ difference + np.diag(data)


@pytest.mark.parametrize("length", [3, 4, 5, 40, 301])
def test_one_matrix_solves_many_columns(length: int) -> None:
    rng = np.random.default_rng(length)
    curvature, data = rng.uniform(0.1, 2.0, length - 2), rng.uniform(0.0, 2.0, length)
    right = rng.normal(size=(length, 3, 7))
    expected = np.linalg.solve(dense(curvature, data), right.reshape(length, -1)).reshape(right.shape)
    solved = SharedSolver(factor(curvature, data)).solve(right.copy())
    np.testing.assert_allclose(solved, expected, rtol=1e-9, atol=1e-9)


def test_each_column_can_have_its_own_matrix() -> None:
    rng = np.random.default_rng(0)
    curvature, data = rng.uniform(0.1, 2.0, (18, 5)), rng.uniform(0.1, 2.0, (20, 5))
    right = rng.normal(size=(20, 3, 5))
    solved = right.copy()
    factor(curvature, data).solve_in_place(solved)
    for column in range(5):
        expected = np.linalg.solve(dense(curvature[:, column], data[:, column]), right[:, :, column])
        np.testing.assert_allclose(solved[:, :, column], expected, rtol=1e-9, atol=1e-9)
