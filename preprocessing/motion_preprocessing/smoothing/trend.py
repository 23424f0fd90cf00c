"""Constant-velocity smoothing with norms that are not squared (equation 5.1 of the source thesis), to its optimum.

For the path y_t in R^C of one joint the smoothed path x minimises

    sum_t |x_t - 2 x_(t-1) + x_(t-2)|_2  +  lambda * sum_(t seen) |x_t - y_t|_2,

since x_t - (x_(t-1) + v_(t-1)) with v_t = x_t - x_(t-1) is the second difference D x. One norm a joint and frame: a
group-lasso trend filter with a robust data term. Unsquared norms let velocity change at few frames and ignore single
wild frames altogether. A frame in which the joint is missing has no data term.

The solver is ADMM on the splitting a = D x, b = x - y with penalties rho and k rho. Its linear system D^T D + k I is
the same for every joint, every sequence and every iteration, so that one banded factor serves them all. It starts from
iteratively reweighted least squares, whose weights are also a first guess of the dual variables, and each path stops
by its own primal and dual residuals (Boyd et al. 2011, section 3.3). The few slow paths of many batches are brought
together again, since a batch of three takes as long as one of fifty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.smoothing.banded import SharedSolver, factor

Array = NDArray[np.float64]

_CHECK_EVERY: Final = 10
_ADAPT_EVERY: Final = 50
_ADAPT_UNTIL: Final = 1000
"""From here on the penalty stays, without which ADMM need not converge."""
_STAGES: Final = (100, 300)
"""Iterations after which the slow paths of all batches are brought together."""


@dataclass(frozen=True)
class SmoothingConfig:
    """How strongly and how exactly paths are smoothed."""

    data_weight: float = 1.0
    """lambda: 1 gives the smallest error on joints with 2 cm of noise and some wild frames; smaller is smoother."""
    tolerance: float = 2e-5
    """Relative size of the primal and dual residuals at which a path is done."""
    max_iterations: int = 5000
    """ADMM iterations at most."""
    warm_start_steps: int = 10
    """Reweighted least-squares steps before ADMM."""
    relaxation: float = 1.7
    """Over-relaxation of ADMM, in [1, 2)."""
    penalty: float = 8.0
    """ADMM's first penalty rho, divided by the path's own scale (median second difference); it adapts from there."""
    penalty_ratio: float = 0.3
    """k: the data term's penalty in parts of rho."""
    batch: int = 256
    """Paths solved together: few enough for the caches, enough to make numpy's calls worth while."""

    def __post_init__(self) -> None:
        if not self.data_weight > 0:
            raise InputError(f"expected a weight above 0, got {self.data_weight} for data_weight; pass a positive one")
        if not 1.0 <= self.relaxation < 2.0:
            raise InputError(f"expected a value in [1, 2), got {self.relaxation} for relaxation; pass such a value")
        if self.max_iterations < 0 or self.warm_start_steps < 1 or self.batch < 1:
            raise InputError("expected max_iterations >= 0, warm_start_steps >= 1, batch >= 1; pass such values")


@dataclass(frozen=True)
class SmoothedPaths:
    """What `smooth_paths` returns for N paths."""

    values: Array
    """(T, C, N) the smoothed paths, missing frames filled; before the first and after the last seen frame they go on
    at constant velocity."""
    objective: Array
    """(N,) value of equation 5.1."""
    iterations: NDArray[np.int64]
    """(N,) ADMM iterations until the path stopped."""
    converged: NDArray[np.bool_]
    """(N,) whether it stopped by its residuals."""


def second_difference(values: Array) -> Array:
    """D x along the first axis."""
    difference: Array = values[2:] - values[1:-1]
    difference -= values[1:-1]
    difference += values[:-2]
    return difference


def add_second_difference_transposed(out: Array, values: Array) -> None:
    """Add D^T values to `out`."""
    out[2:] += values
    out[:-2] += values
    middle = out[1:-1]
    middle -= values
    middle -= values


def objective(smoothed: Array, paths: Array, seen: NDArray[np.bool_], data_weight: float) -> Array:
    """Equation 5.1 for paths (T, C, N) with the frames `seen` (T, N); returns (N,)."""
    velocity_changes = _norm(second_difference(smoothed)).sum(axis=0)
    distances = np.where(seen, _norm(smoothed - np.where(seen[:, None], paths, 0.0)), 0.0).sum(axis=0)
    total: Array = velocity_changes + data_weight * distances
    return total


def smooth_paths(
    paths: NDArray[np.floating[Any]], seen: NDArray[np.bool_] | None = None, config: SmoothingConfig | None = None
) -> SmoothedPaths:
    """Minimise equation 5.1 for each of N paths.

    Args:
        paths: (T, C, N); entries of unseen frames may be anything, NaN too.
        seen: (T, N) which frames have data; all where it is left out.
        config: See `SmoothingConfig`.

    Raises:
        InputError: A path has no seen frame, or a seen value is not finite.
    """
    config = config or SmoothingConfig()
    data = np.asarray(paths, dtype=np.float64)
    if data.ndim != 3:
        raise InputError(f"expected an array (T, C, N), got {data.ndim} axes for paths; add the missing axes")
    length, _, count = data.shape
    mask = np.ones((length, count), dtype=np.bool_) if seen is None else np.asarray(seen, dtype=np.bool_)
    if mask.shape != (length, count):
        raise InputError(f"expected shape {(length, count)}, got {mask.shape} for the seen frames; flag each frame")
    if count and (length == 0 or not mask.any(axis=0).all()):
        empty = count if length == 0 else int(np.count_nonzero(~mask.any(axis=0)))
        raise InputError(f"expected a seen frame in every path, got none for {empty} of {count} paths; leave them out")
    bad = ~np.isfinite(data).all(axis=1) & mask
    if bad.any():
        frame, path = (int(i) for i in np.argwhere(bad)[0])
        raise InputError(f"expected finite values, got others for frame {frame} of path {path}; mark it unseen")
    filled = fill_missing(data, mask)
    values, iterations = filled.copy(), np.zeros(count, dtype=np.int64)
    converged = np.ones(count, dtype=np.bool_)
    # With two seen frames or fewer, the straight line through them is the optimum.
    open_paths = np.flatnonzero(mask.sum(axis=0) > 2)
    if len(open_paths):
        iterations[open_paths], converged[open_paths] = config.max_iterations, config.max_iterations == 0
        _solve(filled, mask, open_paths, config, _Result(values, iterations, converged))
    return SmoothedPaths(values, objective(values, data, mask, config.data_weight), iterations, converged)


def fill_missing(paths: Array, seen: NDArray[np.bool_]) -> Array:
    """Put straight lines into the unseen frames of (T, C, N), with constant velocity beyond the first and last seen.

    Every path must have a seen frame; with a single one it stands still.
    """
    length, _, count = paths.shape
    filled = np.where(seen[:, None], paths, 0.0)
    frames = np.arange(length)
    for path in np.flatnonzero(~seen.all(axis=0)) if length else range(0):
        known = np.flatnonzero(seen[:, path])
        right = np.clip(np.searchsorted(known, frames), 1, max(len(known) - 1, 1))
        if len(known) == 1:
            filled[:, :, path] = paths[known[0], :, path]
            continue
        a, b = known[right - 1], known[right]
        share = ((frames - a) / (b - a))[:, None]
        line = paths[a, :, path] + share * (paths[b, :, path] - paths[a, :, path])
        filled[:, :, path] = np.where(seen[:, path, None], paths[:, :, path], line)
    return filled


@dataclass(frozen=True)
class _Result:
    """Where paths go when they stop; indexed by the path's place in the caller's array."""

    values: Array
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]


def _solve(
    data: Array, seen: NDArray[np.bool_], chosen: NDArray[np.int64], config: SmoothingConfig, result: _Result
) -> None:
    """Warm start and ADMM for the chosen paths."""
    length = len(data)
    shared = SharedSolver(factor(np.ones(length - 2), np.full(length, config.penalty_ratio)))
    batches = (chosen[i : i + config.batch] for i in range(0, len(chosen), config.batch))
    states: Iterator[_Admm] = (_start(data[:, :, batch], seen[:, batch], batch, config, result) for batch in batches)
    first = 1
    for last in (*(limit for limit in _STAGES if limit < config.max_iterations), config.max_iterations):
        left = [slow for state in states if (slow := _iterate(state, shared, config, first, last, result)) is not None]
        if not left:
            return
        states, first = _rebatched(left, config.batch), last + 1


def _start(
    data: Array, seen: NDArray[np.bool_], paths: NDArray[np.int64], config: SmoothingConfig, result: _Result
) -> _Admm:
    """Warm-start one batch of paths."""
    # Paths far from the origin would lose digits in every difference.
    centre = data.mean(axis=0)
    data = data - centre
    scale = _scale(data)
    values, curvature_dual, data_dual = _reweighted(data, seen, scale, config)
    result.values[:, :, paths] = values + centre
    penalty = config.penalty / scale
    data_penalty = config.penalty_ratio * penalty
    weight = np.where(seen, config.data_weight, 0.0)
    curvature = second_difference(values) + curvature_dual / penalty
    distance = values - data + data_dual / data_penalty
    shares = _share(curvature, 1.0 / penalty), _share(distance, weight / data_penalty)
    return _Admm(data, weight, curvature, shares[0], distance, shares[1], penalty, centre, paths)


def _scale(data: Array) -> Array:
    """A length (N,) typical of each path's irregularities: it makes the solver blind to units."""
    changes = _norm(second_difference(data))
    largest = changes.max(axis=0)
    return np.where(largest > 0, np.maximum(np.median(changes, axis=0), 1e-3 * largest), 1.0)


def _reweighted(
    data: Array, seen: NDArray[np.bool_], scale: Array, config: SmoothingConfig
) -> tuple[Array, Array, Array]:
    """Iteratively reweighted least squares; returns the values and the gradients of both norms, (.., C, N) each."""
    values = data.copy()
    steps = config.warm_start_steps
    curvature_weight = np.ones((len(data) - 2, data.shape[2]))
    data_weight = np.where(seen, config.data_weight, 0.0)
    changes, distances = second_difference(values), values - data
    for step in range(steps):
        # A tie to the start in unseen frames keeps the matrix regular; it is gone for all but rounding.
        ridge = np.where(seen, 0.0, 1e-9 * curvature_weight.min(axis=0))
        values = data * data_weight[:, None] + ridge[:, None] * values
        factor(curvature_weight, data_weight + ridge).solve_in_place(values)
        changes, distances = second_difference(values), values - data
        floor = scale * 0.3 ** (1 + step)
        curvature_weight = 1.0 / np.sqrt(_square(changes) + np.square(np.maximum(floor, 1e-4 * scale)))
        data_weight = np.where(seen, config.data_weight / np.sqrt(_square(distances) + np.square(floor)), 0.0)
    return values, changes * curvature_weight[:, None], distances * data_weight[:, None]


@dataclass
class _Admm:
    """ADMM's state for the paths still at work.

    The proximal map of a norm shrinks its argument, so that each split variable and its scaled dual are s * a and
    (1 - s) * a of one stored array a and one factor s a joint and frame.
    """

    data: Array
    weight: Array
    """(T, N) lambda where seen, else 0."""
    curvature: Array
    """(T - 2, C, N) a of the splitting a = D x."""
    curvature_share: Array
    """(T - 2, N) s of it."""
    distance: Array
    """(T, C, N) a of the splitting b = x - y."""
    distance_share: Array
    penalty: Array
    """(N,) rho."""
    centre: Array
    """(C, N) what was subtracted from the data."""
    paths: NDArray[np.int64]
    """(N,) which of the caller's paths these are."""

    def update_shares(self, ratio: float) -> None:
        """Apply both proximal maps."""
        self.curvature_share = _share(self.curvature, 1.0 / self.penalty)
        self.distance_share = _share(self.distance, self.weight / (ratio * self.penalty))

    def keep(self, chosen: NDArray[np.bool_] | slice) -> _Admm:
        """The state of some of the paths."""
        return _Admm(*(np.ascontiguousarray(value[..., chosen]) for value in vars(self).values()))


def _rebatched(states: list[_Admm], size: int) -> Iterator[_Admm]:
    """Join states and split them anew."""
    columns = zip(*(vars(state).values() for state in states), strict=True)
    joined = _Admm(*(np.concatenate(values, axis=-1) for values in columns))
    for start in range(0, len(joined.paths), size):
        yield joined.keep(np.s_[start : start + size])


def _iterate(
    state: _Admm, shared: SharedSolver, config: SmoothingConfig, first: int, last: int, result: _Result
) -> _Admm | None:
    """Run ADMM iterations `first` to `last`; returns what has not converged by then."""
    alpha, ratio = config.relaxation, config.penalty_ratio
    for iteration in range(first, last + 1):
        # x = (D^T D + k I)^-1 (D^T (a - u_a) + k (y + b - u_b))
        x = state.distance * (2.0 * state.distance_share - 1.0)[:, None]
        x += state.data
        x *= ratio
        add_second_difference_transposed(x, state.curvature * (2.0 * state.curvature_share - 1.0)[:, None])
        x = shared.solve(x)
        changes, distances = second_difference(x), x - state.data
        check = iteration % _CHECK_EVERY == 0 or iteration == last
        if check:
            before = state.curvature * state.curvature_share[:, None], state.distance * state.distance_share[:, None]
        state.curvature *= (1.0 - alpha * state.curvature_share)[:, None]
        state.curvature += alpha * changes
        state.distance *= (1.0 - alpha * state.distance_share)[:, None]
        state.distance += alpha * distances
        state.update_shares(ratio)
        if not check:
            continue
        primal, dual = _residuals(state, ratio, changes, distances, *before)
        done = np.maximum(primal, dual) < config.tolerance
        finished = done | (iteration == config.max_iterations)
        if finished.any():
            result.values[:, :, state.paths[finished]] = (x + state.centre)[:, :, finished]
            result.iterations[state.paths[finished]] = iteration
            result.converged[state.paths[done]] = True
            if finished.all():
                return None
            primal, dual = primal[~finished], dual[~finished]
            state = state.keep(~finished)
        if iteration % _ADAPT_EVERY == 0 and iteration <= _ADAPT_UNTIL:
            _adapt(state, primal, dual)
    return state


def _residuals(
    state: _Admm, ratio: float, changes: Array, distances: Array, curvature_before: Array, distance_before: Array
) -> tuple[Array, Array]:
    """Relative primal and dual residuals (N,)."""
    curvature = state.curvature * state.curvature_share[:, None]
    distance = state.distance * state.distance_share[:, None]
    primal = np.sqrt(_total(changes - curvature) + _total(distances - distance))
    size = np.sqrt(np.maximum(_total(changes) + _total(distances), _total(curvature) + _total(distance)))
    # The forces D^T rho u_a and k rho u_b sum to zero at the optimum; rho cancels in the ratio.
    step = ratio * (distance - distance_before)
    add_second_difference_transposed(step, curvature - curvature_before)
    dual_size = ratio * np.sqrt(_total(distance - state.distance))
    tiny = np.finfo(np.float64).tiny
    return primal / np.maximum(size, tiny), np.sqrt(_total(step)) / np.maximum(dual_size, tiny)


def _adapt(state: _Admm, primal: Array, dual: Array) -> None:
    """Balance the residuals by the penalty: a small primal residual means that the dual moves too slowly."""
    ratio = np.sqrt(np.maximum(primal, 1e-12) / np.maximum(dual, 1e-12))
    change = np.where(ratio > 2.0, np.minimum(ratio, 4.0), np.where(ratio < 0.5, np.maximum(ratio, 0.25), 1.0))
    if (change == 1.0).all():
        return
    state.penalty = state.penalty * change
    for name in ("curvature", "distance"):
        share = getattr(state, f"{name}_share")
        # The split variable s a stays; the scaled dual (1 - s) a is divided by the change.
        stretch = share + (1.0 - share) / change
        getattr(state, name)[...] *= stretch[:, None]
        setattr(state, f"{name}_share", share / np.where(stretch > 0, stretch, 1.0))


def _share(values: Array, threshold: Array) -> Array:
    """Factor (T, N) by which the proximal map of `threshold` * norm shrinks values (T, C, N)."""
    norm = _norm(values)
    np.maximum(norm, np.finfo(np.float64).tiny, out=norm)
    np.divide(threshold, norm, out=norm)
    np.subtract(1.0, norm, out=norm)
    return np.maximum(norm, 0.0, out=norm)


def _square(values: Array) -> Array:
    return np.asarray(np.einsum("tcn,tcn->tn", values, values))


def _norm(values: Array) -> Array:
    square = _square(values)
    return np.sqrt(square, out=square)


def _total(values: Array) -> Array:
    return np.asarray(np.einsum("tcn,tcn->n", values, values))
