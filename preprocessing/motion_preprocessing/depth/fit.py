"""One scale and offset for the disparities of a capture, from metric depth at low resolution.

Over all key frames at once, alpha and beta minimise

    sum huber(alpha d + beta - 1/m)

with d the disparity, m the metric depth brought to d's size. The residual is one of inverse depth (1/m): that is where
both models' errors are about even. Weighting it by m^2, as a residual in metres would, gives far pixels the say and
biases the result. The metric map is enlarged in 1/m, in which planes are linear over the picture.

The camera stands still and the disparity model's scale is its own, but beta drifts little between frames of one room:
joint estimation is what makes the key frames fit each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.depth.maps import DepthMap
from motion_preprocessing.depth.resize import resize_map
from motion_preprocessing.errors import InputError

Array = NDArray[np.float64]

Z_MAX_M: Final = 20.0
"""Rooms end before; alpha d + beta is held above its inverse, which also keeps the depth positive."""
MAX_PIXELS: Final = 400_000
"""Of all key frames together; more change nothing in two numbers."""
_HUBER: Final = 1.345
"""In standard deviations: 95 % efficiency for normal errors (Huber 1981)."""
_MAD_TO_SIGMA: Final = 1.4826
_SCALE_ROUNDS: Final = 8
_ROUNDS: Final = 100


@dataclass(frozen=True)
class DisparityFit:
    """1/depth = alpha d + beta, and how well it holds."""

    alpha: float
    """1/m per unit of disparity, above zero."""
    beta: float
    """1/m."""
    huber_delta: float
    """1/m; residuals beyond count linearly."""
    pixels: int
    """That were fitted."""
    inliers: float
    """Share of them within `huber_delta`."""
    abs_rel: float
    """Median of |m* - m| / m over them."""

    def metres(self, disparity: Array, *, z_max_m: float = Z_MAX_M) -> Array:
        """Return m* = 1 / max(alpha d + beta, 1 / z_max_m); NaN stays NaN."""
        return 1.0 / np.maximum(self.alpha * np.asarray(disparity, dtype=np.float64) + self.beta, 1.0 / z_max_m)


def fit_disparity(
    disparities: Sequence[DepthMap], metrics: Sequence[DepthMap], camera: Intrinsics, *, max_pixels: int = MAX_PIXELS
) -> DisparityFit:
    """Fit alpha and beta over the key frames.

    Args:
        disparities: K maps of kind 'disparity'.
        metrics: K maps of a metric kind, of the same pictures at any size.
        camera: Of the pictures.
        max_pixels: At most so many, evenly taken, are fitted.

    Raises:
        InputError: A map is of a kind this relation does not hold for, is empty, or alpha is not above zero.
    """
    if len(disparities) != len(metrics) or not disparities:
        raise InputError(
            f"expected a metric map a disparity, got {len(metrics)} and {len(disparities)} for the fit of a capture; "
            "give both for the same key frames"
        )
    share = max(max_pixels // len(disparities), 1)
    samples = [_pairs(d, m, camera, share) for d, m in zip(disparities, metrics, strict=True)]
    x = np.concatenate([pair[0] for pair in samples])
    y = np.concatenate([pair[1] for pair in samples])
    name = disparities[0].name if len(disparities) == 1 else f"{disparities[0].name} and {len(disparities) - 1} more"
    if len(x) < 3 or np.ptp(x) <= 0:
        raise InputError(
            f"expected 3 pixels or more that both maps know, got {len(x)} for {name}; check that they show one picture"
        )
    alpha, beta, delta = huber_line(x, y)
    if not (np.isfinite(alpha) and alpha > 0):
        raise InputError(
            f"expected alpha above 0 (near means a large disparity), got {alpha:.3g} for {name}; the map is no "
            "disparity: name its true kind"
        )
    residual = np.abs(alpha * x + beta - y)
    fitted = DisparityFit(alpha, beta, delta, len(x), float(np.mean(residual <= delta)), 0.0)
    abs_rel = float(np.median(np.abs(fitted.metres(x) * y - 1.0)))
    return DisparityFit(alpha, beta, delta, len(x), fitted.inliers, abs_rel)


def huber_line(x: Array, y: Array) -> tuple[float, float, float]:
    """Fit y = a x + b with Huber's loss.

    The scale of the residuals is estimated by their median absolute deviation in the first rounds and then held, so
    that the result is the minimum of one convex function.

    Returns:
        a, b and the residual from which on the loss is linear.
    """
    middle, spread = float(np.median(x)), float(np.std(x))
    u = (x - middle) / spread
    weight = np.ones_like(y)
    a = b = 0.0
    delta = np.inf
    floor = 1e-12 + 1e-9 * float(np.max(np.abs(y)))
    for round_ in range(_ROUNDS):
        total = weight.sum()
        mean_u, mean_y = (weight @ u) / total, (weight @ y) / total
        centred = u - mean_u
        new_a = float((weight * centred) @ (y - mean_y) / ((weight * centred) @ centred))
        new_b = float(mean_y - new_a * mean_u)
        moved = abs(new_a - a) + abs(new_b - b)
        a, b = new_a, new_b
        residual = np.abs(a * u + b - y)
        if round_ < _SCALE_ROUNDS:
            delta = max(_HUBER * _MAD_TO_SIGMA * float(np.median(residual)), floor)
        elif moved <= 1e-13 * (abs(a) + abs(b)):
            break
        weight = delta / np.maximum(residual, delta)
    return a / spread, b - a * middle / spread, delta


def _pairs(disparity: DepthMap, metric: DepthMap, camera: Intrinsics, limit: int) -> tuple[Array, Array]:
    d = disparity.disparity()
    inverse = resize_map(1.0 / metric.metres(camera), d.shape[1], d.shape[0])
    both = np.flatnonzero(np.isfinite(d) & np.isfinite(inverse))
    # A stride that shares no factor with the width does not walk down a few columns only.
    step = max(-(-len(both) // limit), 1)
    while step > 1 and np.gcd(step, d.shape[1]) != 1:
        step += 1
    chosen = both[::step]
    return d.ravel()[chosen], inverse.ravel()[chosen]
