"""Equation 5.1 against a conic solver, closed forms and its own optimality conditions."""

from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.errors import InputError
from motion_preprocessing.smoothing.trend import SmoothingConfig, objective, smooth_paths


def noisy_paths(length: int, count: int, seed: int, dimensions: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Piecewise straight walks (T, C, N), clean and with 2 cm of noise and 3 % of frames 30 cm off."""
    rng = np.random.default_rng(seed)
    knots = np.cumsum(rng.normal(scale=0.15, size=(length // 10 + 2, dimensions, count)), axis=0)
    at = np.linspace(0, len(knots) - 1.001, length)
    share = (at - np.floor(at))[:, None, None]
    clean = knots[at.astype(int)] * (1 - share) + knots[at.astype(int) + 1] * share
    wild = rng.random((length, 1, count)) < 0.03
    return clean, clean + rng.normal(scale=0.02, size=clean.shape) + wild * rng.normal(scale=0.17, size=clean.shape)


def conic_optimum(path: np.ndarray, seen: np.ndarray, data_weight: float) -> tuple[np.ndarray, float]:
    cvxpy = pytest.importorskip("cvxpy")
    variable = cvxpy.Variable(path.shape)
    changes = np.diff(np.eye(len(path)), n=2, axis=0) @ variable
    distances = variable[seen] - path[seen]
    total = cvxpy.sum(cvxpy.norm(changes, 2, axis=1)) + data_weight * cvxpy.sum(cvxpy.norm(distances, 2, axis=1))
    value = cvxpy.Problem(cvxpy.Minimize(total)).solve(solver=cvxpy.CLARABEL)
    return variable.value, float(value)


@pytest.mark.parametrize("data_weight", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("missing", [0.0, 0.25])
def test_reaches_the_optimum_of_a_conic_solver(data_weight: float, missing: float) -> None:
    _, noisy = noisy_paths(60, 4, seed=1)
    rng = np.random.default_rng(2)
    seen = rng.random((60, 4)) >= missing
    if missing:
        seen[20:28] = False
    result = smooth_paths(noisy, seen, SmoothingConfig(data_weight=data_weight))
    assert result.converged.all()
    for path in range(4):
        values, best = conic_optimum(noisy[:, :, path], seen[:, path], data_weight)
        assert result.objective[path] == pytest.approx(best, rel=1e-4)
        assert result.objective[path] >= best * (1 - 1e-6)
        # Inside gaps the optimum is not unique; where there is data the paths agree.
        assert np.abs(result.values[:, :, path] - values)[seen[:, path]].max() < 2e-3


def test_more_iterations_close_the_gap() -> None:
    _, noisy = noisy_paths(50, 2, seed=4)
    result = smooth_paths(noisy, None, SmoothingConfig(tolerance=1e-8, max_iterations=20_000))
    for path in range(2):
        best = conic_optimum(noisy[:, :, path], np.ones(50, dtype=bool), 1.0)[1]
        assert result.objective[path] == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("length", [100, 320])
def test_the_dual_certifies_the_optimum(length: int) -> None:
    """Without another solver: any p with |p_t| <= 1 and |(D^T p)_t| <= lambda bounds the optimum by <p, D y>."""
    _, noisy = noisy_paths(length, 6, seed=5)
    smoothed = smooth_paths(noisy)
    values = smoothed.values
    difference = np.diff(np.eye(length), n=2, axis=0)
    for path in range(6):
        # Directions of the velocity changes where there are any; the others follow from the data term's directions.
        residual = values[:, :, path] - noisy[:, :, path]
        norm = np.linalg.norm(residual, axis=1)
        pull = np.where(norm[:, None] > 1e-4, residual / np.maximum(norm, 1e-12)[:, None], np.nan)
        changes = difference @ values[:, :, path]
        size = np.linalg.norm(changes, axis=1)
        fixed = size > 1e-4
        known = ~np.isnan(pull[:, 0])
        direction = np.where(fixed[:, None], changes / np.maximum(size, 1e-12)[:, None], 0.0)
        # Stationarity D^T p + q = 0 in the frames whose pull is known, solved for the free p by least squares.
        free = np.linalg.lstsq(
            difference.T[known][:, ~fixed], -pull[known] - difference.T[known][:, fixed] @ direction[fixed], rcond=None
        )[0]
        dual = direction.copy()
        dual[~fixed] = free
        scale = max(np.linalg.norm(dual, axis=1).max(), np.linalg.norm(difference.T @ dual, axis=1).max(), 1.0)
        bound = np.sum(dual / scale * (difference @ noisy[:, :, path]))
        assert bound <= smoothed.objective[path] * (1 + 1e-9)
        assert bound > 0.97 * smoothed.objective[path]


def test_removes_noise_better_than_squared_norms_and_ignores_wild_frames() -> None:
    clean, noisy = noisy_paths(100, 60, seed=6)
    smooth = smooth_paths(noisy).values

    def error_mm(values: np.ndarray) -> float:
        return 1000 * float(np.linalg.norm(values - clean, axis=1).mean())

    difference = np.diff(np.eye(100), n=2, axis=0)
    systems = [weight * difference.T @ difference + np.eye(100) for weight in (0.3, 1.0, 3.0, 10.0, 30.0)]
    squared = min(error_mm(np.linalg.solve(s, noisy.reshape(100, -1)).reshape(noisy.shape)) for s in systems)
    assert error_mm(smooth) < 0.9 * squared
    assert error_mm(smooth) < 0.55 * error_mm(noisy)


def test_constant_velocity_is_kept_exactly_and_a_single_wild_frame_does_not_move_it() -> None:
    line = (np.arange(40)[:, None] * [0.03, -0.01, 0.002] + [100.0, 5.0, 1.0])[:, :, None]
    np.testing.assert_allclose(smooth_paths(line).values, line, atol=1e-9)
    wild = line.copy()
    wild[17] += 0.8
    result = smooth_paths(wild)
    np.testing.assert_allclose(result.values, line, atol=1e-4)
    assert result.objective[0] == pytest.approx(0.8 * np.sqrt(3), rel=1e-4)


def test_units_and_turns_do_not_matter() -> None:
    _, noisy = noisy_paths(60, 5, seed=7)
    metres = smooth_paths(noisy).values
    np.testing.assert_allclose(smooth_paths(1000 * noisy).values, 1000 * metres, rtol=1e-7, atol=1e-6)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turned = smooth_paths(np.einsum("ij,tjn->tin", turn, noisy)).values
    np.testing.assert_allclose(turned, np.einsum("ij,tjn->tin", turn, metres), atol=1e-5)


def test_paths_do_not_depend_on_their_company() -> None:
    _, noisy = noisy_paths(60, 40, seed=8)
    together = smooth_paths(noisy, None, SmoothingConfig(batch=16))
    for path in (0, 17, 39):
        alone = smooth_paths(noisy[:, :, path : path + 1])
        np.testing.assert_allclose(together.values[:, :, path], alone.values[:, :, 0], atol=1e-9)
        assert together.iterations[path] == alone.iterations[0]
    assert len(set(together.iterations)) > 1


def test_missing_frames_are_filled_whatever_stands_there() -> None:
    line = (np.arange(30)[:, None] * [0.02, 0.0, 0.01])[:, :, None]
    path = line.copy()
    seen = np.ones((30, 1), dtype=bool)
    seen[10:16] = False
    path[10:16] = np.nan
    np.testing.assert_allclose(smooth_paths(path, seen).values, line, atol=1e-6)


@pytest.mark.parametrize("seen_frames", [[4], [2, 7], [0, 1]])
def test_two_seen_frames_or_fewer_make_a_straight_line(seen_frames: list[int]) -> None:
    path = np.random.default_rng(3).normal(size=(9, 3, 1))
    seen = np.zeros((9, 1), dtype=bool)
    seen[seen_frames] = True
    result = smooth_paths(path, seen)
    np.testing.assert_allclose(np.diff(result.values, n=2, axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(result.values[seen_frames], path[seen_frames], atol=1e-12)
    assert result.objective[0] == pytest.approx(0.0, abs=1e-11)
    assert result.converged.all()


@pytest.mark.parametrize("length", [1, 2])
def test_one_and_two_frames_stay(length: int) -> None:
    path = np.random.default_rng(3).normal(size=(length, 3, 4))
    result = smooth_paths(path)
    np.testing.assert_allclose(result.values, path, atol=1e-12)
    np.testing.assert_array_equal(result.iterations, 0)


def test_the_objective_is_equation_5_1() -> None:
    rng = np.random.default_rng(9)
    smoothed, path = rng.normal(size=(2, 8, 3, 1))
    seen = np.array([1, 1, 0, 1, 1, 1, 0, 1], dtype=bool)[:, None]
    total = 0.0
    for t in range(2, 8):
        velocity = smoothed[t - 1, :, 0] - smoothed[t - 2, :, 0]
        total += np.linalg.norm(smoothed[t, :, 0] - (smoothed[t - 1, :, 0] + velocity))
    total += 0.7 * sum(np.linalg.norm(smoothed[t, :, 0] - path[t, :, 0]) for t in range(8) if seen[t, 0])
    assert objective(smoothed, path, seen, 0.7)[0] == pytest.approx(total)


def test_an_unfinished_path_says_so() -> None:
    _, noisy = noisy_paths(60, 3, seed=1)
    result = smooth_paths(noisy, None, SmoothingConfig(max_iterations=10))
    assert not result.converged.any()
    np.testing.assert_array_equal(result.iterations, 10)
    assert (result.objective < objective(noisy, noisy, np.ones((60, 3), bool), 1.0)).all()


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match=r"expected an array \(T, C, N\), got 2 axes"):
        smooth_paths(np.zeros((4, 3)))
    with pytest.raises(InputError, match=r"expected shape \(4, 2\), got \(4,\) for the seen frames"):
        smooth_paths(np.zeros((4, 3, 2)), np.ones(4, dtype=bool))
    with pytest.raises(InputError, match="expected a seen frame in every path, got none for 1 of 2 paths"):
        smooth_paths(np.zeros((4, 3, 2)), np.array([[1, 0]] * 4, dtype=bool))
    with pytest.raises(InputError, match="got none for 2 of 2 paths"):
        smooth_paths(np.zeros((0, 3, 2)))
    broken = np.zeros((4, 3, 2))
    broken[2, 1, 1] = np.nan
    with pytest.raises(InputError, match="for frame 2 of path 1"):
        smooth_paths(broken)
    for wrong in ({"data_weight": 0.0}, {"data_weight": np.nan}, {"relaxation": 2.0}, {"batch": 0}):
        with pytest.raises(InputError, match="expected"):
            SmoothingConfig(**wrong)
