"""Intervals against the closed form of a mean's standard error."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from motion_train.evaluation.estimate import estimate, mean_of, share_of


@pytest.mark.parametrize("size", [40, 41, 200])
def test_the_interval_of_a_mean_is_its_standard_error(size: int) -> None:
    values = np.random.default_rng(size).standard_normal(size)
    found = mean_of(values, np.random.default_rng(1), replications=4000)
    expected = stats.t.ppf(0.975, 3999) * values.std(ddof=1) / math.sqrt(size)
    assert found.value == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(expected, rel=0.04)
    assert found.count == size


def test_what_cannot_be_measured_is_left_out() -> None:
    found = mean_of([1.0, math.nan, 3.0, 1.0, 3.0], np.random.default_rng(0))
    assert found.value == 2.0
    assert found.count == 4


def test_few_motions_have_no_interval() -> None:
    found = share_of([True, False], np.random.default_rng(0))
    assert found.value == 0.5
    assert math.isnan(found.low)
    assert math.isnan(mean_of([], np.random.default_rng(0)).value)
    assert found.as_dict() == {"value": 0.5, "low": None, "high": None, "count": 2}


def test_a_share_stays_between_none_and_all() -> None:
    found = share_of([True] * 19 + [False], np.random.default_rng(0))
    assert found.value == 0.95
    assert 0.0 < found.low < 0.95 < found.high <= 1.0


def test_two_samples_are_halved_each() -> None:
    seen: list[tuple[int, int]] = []

    def statistic(a: np.ndarray, b: np.ndarray) -> float:
        seen.append((len(set(a)), len(set(b))))
        return float(len(a))

    estimate(statistic, [10, 7], np.random.default_rng(0), replications=3)
    assert seen == [(10, 7), (5, 3), (5, 3), (5, 3)]
