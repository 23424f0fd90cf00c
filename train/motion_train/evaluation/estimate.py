"""A figure with its 95 % interval, by half-samples.

A replication computes the figure on half of the motions, drawn without replacement. For a mean, the standard deviation
over such halves equals the standard error of the whole (the delete-half jackknife, Shao and Wu 1989), and unlike a
bootstrap it never repeats a motion, which would be its own nearest neighbour. Replications: 20; the interval is the
figure on all motions -+ Student's quantile of 19 degrees times that deviation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
_FEWEST: int = 4
"""Fewer motions have no interval."""


@dataclass(frozen=True)
class Estimate:
    """A figure."""

    value: float
    """On all motions; NaN where it cannot be measured."""
    low: float
    """Lower end of the interval; NaN where there are too few motions for one."""
    high: float
    """Upper end."""
    count: int
    """Motions it was measured on, of the first sample."""

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the figures for JSON, which has no NaN."""
        named = {"value": self.value, "low": self.low, "high": self.high}
        return {**{name: v if math.isfinite(v) else None for name, v in named.items()}, "count": self.count}


def estimate(
    statistic: Callable[..., float],
    sizes: Sequence[int],
    rng: np.random.Generator,
    replications: int = 20,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """Measure a figure and its interval.

    Args:
        statistic: Rows of each sample -> the figure.
        sizes: How many motions each sample has.
        rng: Draws the halves.
        replications: How many.
        limits: The figure's least and greatest value, where the interval is cut.
    """
    from scipy.stats import t as student

    if min(sizes) == 0:
        return Estimate(math.nan, math.nan, math.nan, sizes[0])
    value = float(statistic(*[np.arange(size) for size in sizes]))
    if min(sizes) < _FEWEST or not math.isfinite(value) or replications < 2:
        return Estimate(value, math.nan, math.nan, sizes[0])
    halves = [size // 2 for size in sizes]
    again = [
        float(statistic(*[np.sort(rng.permutation(size)[:half]) for size, half in zip(sizes, halves, strict=True)]))
        for _ in range(replications)
    ]
    measured = np.array([figure for figure in again if math.isfinite(figure)])
    if measured.size < 2:
        return Estimate(value, math.nan, math.nan, sizes[0])
    # Half of an odd number leaves a smaller or larger rest: the deviation of a part of m out of n is corrected for it.
    scale = math.sqrt(halves[0] / (sizes[0] - halves[0]))
    reach = float(student.ppf(0.975, measured.size - 1)) * float(measured.std(ddof=1)) * scale
    low, high = max(limits[0], value - reach), min(limits[1], value + reach)
    return Estimate(value, low, high, sizes[0])


def mean_of(
    values: Sequence[float] | NDArray[np.floating[Any]],
    rng: np.random.Generator,
    replications: int = 20,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """Mean of one value a motion; motions where it is NaN are left out."""
    measured = np.asarray(values, dtype=np.float64).reshape(-1)
    measured = measured[np.isfinite(measured)]
    return estimate(lambda rows: float(measured[rows].mean()), [measured.size], rng, replications, limits)


def share_of(values: Sequence[bool] | NDArray[np.bool_], rng: np.random.Generator, replications: int = 20) -> Estimate:
    """Share of the motions of which something is true."""
    return mean_of(np.asarray(values, dtype=np.float64), rng, replications, (0.0, 1.0))
