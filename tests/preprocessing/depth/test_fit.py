"""Scale and offset of disparities: recovered from maps that are computed, compared with scipy's minimiser."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.depth.fit import fit_disparity, huber_line
from motion_preprocessing.depth.maps import DepthMap
from motion_preprocessing.depth.resize import resize_map
from motion_preprocessing.errors import InputError

CAMERA = Intrinsics(300.0, 300.0, 160.0, 120.0, 320, 240)
ALPHA, BETA = 0.037, 0.061


def _room(shift: float = 0.0) -> NDArray[np.float64]:
    """Depth (240, 320) of a floor, a back wall and a box."""
    rays = CAMERA.rays()
    with np.errstate(divide="ignore"):
        floor = np.where(rays[..., 1] > 0.02, 1.6 / rays[..., 1], np.inf)
    depth = np.minimum(floor, 6.0)
    depth[100:170, 60 + int(shift) : 120 + int(shift)] = 2.5
    return depth


def _maps(
    rng: np.random.Generator, noise: float, outliers: float, frames: int = 5
) -> tuple[list[DepthMap], list[DepthMap], list[NDArray[np.float64]]]:
    disparities, metrics, truth = [], [], []
    for frame in range(frames):
        depth = _room(10.0 * frame)
        disparity = (1 / depth - BETA) / ALPHA
        small = resize_map(1 / depth, 128, 96) ** -1 * (1 + noise * rng.standard_normal((96, 128)))
        bad = rng.random(small.shape) < outliers
        small[bad] *= rng.choice([0.5, 0.7, 1.5, 3.0], bad.sum())
        disparities.append(DepthMap(disparity, "disparity"))
        metrics.append(DepthMap(small, "metric"))
        truth.append(depth)
    return disparities, metrics, truth


def test_exact_maps_give_the_exact_line() -> None:
    disparities, metrics, truth = _maps(np.random.default_rng(0), 0.0, 0.0)
    exact = [DepthMap(t, "metric") for t in truth]
    fitted = fit_disparity(disparities, exact, CAMERA)
    assert fitted.alpha == pytest.approx(ALPHA, rel=1e-9)
    assert fitted.beta == pytest.approx(BETA, rel=1e-9)
    np.testing.assert_allclose(fitted.metres(disparities[0].values), truth[0], rtol=1e-9)
    # At low resolution only the rims of the box differ.
    fitted = fit_disparity(disparities, metrics, CAMERA)
    assert fitted.alpha == pytest.approx(ALPHA, rel=2e-3)


def test_the_room_is_recovered_through_noise_and_outliers_where_plain_least_squares_is_not() -> None:
    disparities, metrics, truth = _maps(np.random.default_rng(1), 0.05, 0.10)
    fitted = fit_disparity(disparities, metrics, CAMERA)
    recovered = np.stack([fitted.metres(d.values) for d in disparities])
    true = np.stack(truth)
    assert np.mean(np.abs(recovered - true) / true) < 0.012
    x = np.concatenate([d.values.ravel() for d in disparities])
    y = np.concatenate([resize_map(1 / m.values, 320, 240).ravel() for m in metrics])
    # What the thesis leaves open: residuals in metres, which is what a weight of m squared makes of them.
    weight = 1 / y**2
    slope, offset = np.polyfit(x, y, 1, w=weight)
    squared = 1 / np.maximum(slope * np.stack([d.values for d in disparities]) + offset, 1 / 20)
    assert np.mean(np.abs(squared - true) / true) > 3 * np.mean(np.abs(recovered - true) / true)


def test_the_line_is_the_minimum_of_hubers_loss() -> None:
    rng = np.random.default_rng(2)
    x = rng.uniform(100.0, 130.0, 4000)
    y = 0.02 * x - 1.5 + 0.01 * rng.standard_normal(4000)
    y[:600] += rng.exponential(0.3, 600)
    a, b, delta = huber_line(x, y)

    def loss(p: NDArray[np.float64]) -> float:
        r = np.abs(p[0] * (x - 115.0) + p[1] - y)
        return float(np.where(r <= delta, 0.5 * r * r, delta * (r - 0.5 * delta)).sum())

    best = minimize(loss, [0.0, 0.0], method="BFGS", options={"gtol": 1e-10})
    assert loss(np.array([a, b + 115.0 * a])) <= best.fun * (1 + 1e-9)
    np.testing.assert_allclose([a, b + 115.0 * a], best.x, rtol=1e-5)


def test_one_fit_for_all_key_frames_counts_each_alike() -> None:
    disparities, metrics, _ = _maps(np.random.default_rng(3), 0.03, 0.0)
    few = fit_disparity(disparities, metrics, CAMERA, max_pixels=5000)
    all_ = fit_disparity(disparities, metrics, CAMERA)
    assert few.pixels <= 5000 < all_.pixels
    assert few.alpha == pytest.approx(all_.alpha, rel=0.02)


def test_far_pixels_are_held_at_the_end_of_the_room() -> None:
    disparities, metrics, _ = _maps(np.random.default_rng(4), 0.0, 0.0)
    fitted = fit_disparity(disparities, metrics, CAMERA)
    far = fitted.metres(np.array([-50.0, -BETA / ALPHA, np.nan]), z_max_m=12.0)
    np.testing.assert_allclose(far, [12.0, 12.0, np.nan])


def test_what_must_not_be_fitted_is_refused() -> None:
    disparities, metrics, truth = _maps(np.random.default_rng(5), 0.01, 0.0, frames=2)
    depth_as_disparity = [DepthMap(t, "disparity", name="room/000040.npy") for t in truth]
    message = r"expected alpha above 0 .*, got -.* for room/000040\.npy and 1 more"
    with pytest.raises(InputError, match=message) as refused:
        fit_disparity(depth_as_disparity, metrics, CAMERA)
    assert "\n" not in str(refused.value)
    for kind in ("depth", "metric", "focal_metric"):
        with pytest.raises(InputError, match=f"got kind '{kind}'"):
            fit_disparity([DepthMap(t, kind) for t in truth], metrics, CAMERA)
    with pytest.raises(InputError, match="expected a map in metres .* got kind 'depth'"):
        fit_disparity(disparities, [DepthMap(m.values, "depth") for m in metrics], CAMERA)
    with pytest.raises(InputError, match="only NaN"):
        fit_disparity([DepthMap(np.full((9, 9), np.nan), "disparity")], metrics[:1], CAMERA)
    with pytest.raises(InputError, match="expected depths above 0"):
        fit_disparity(disparities[:1], [DepthMap(np.zeros((9, 9)), "metric")], CAMERA)
    with pytest.raises(InputError, match="got 2 and 1 for the fit"):
        fit_disparity(disparities[:1], metrics, CAMERA)
    half = np.full((240, 320), np.nan)
    half[:, :100] = disparities[0].values[:, :100]
    other = np.full((240, 320), np.nan)
    other[:, 200:] = 3.0
    with pytest.raises(InputError, match="pixels or more that both maps know, got 0"):
        fit_disparity([DepthMap(half, "disparity")], [DepthMap(other, "metric")], CAMERA)
