"""The benchmark of step counts: which count is found, and intervals that hold what they promise."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def modules(benchmark_script: Callable[[str], ModuleType]) -> tuple[ModuleType, ModuleType]:
    return benchmark_script("steps"), benchmark_script("motion_figures")


def test_a_lucky_count_between_two_that_fail_is_not_found(modules: tuple[ModuleType, ModuleType]) -> None:
    steps, _ = modules
    assert steps.smallest({5: True, 10: False, 20: True, 30: True, 50: True}) == 20
    assert steps.smallest({5: False, 20: False, 50: True}) == 50
    assert steps.smallest({5: True, 50: False}) is None
    assert steps.smallest({10: True, 50: True, 100: False}) == 10  # more than the reference's do not count


def test_a_difference_is_relative_paired_and_knows_what_is_too_little(modules: tuple[ModuleType, ModuleType]) -> None:
    _, figures = modules
    rng = np.random.default_rng(0)
    reference = rng.gamma(2.0, size=400)
    exact = figures.difference(1.1 * reference, reference)
    # Pairs move together, so a constant factor has no uncertainty however much motions differ.
    assert (exact.relative, exact.low, exact.high) == pytest.approx((0.1, 0.1, 0.1))
    assert not exact.within(0.02)
    assert exact.within(0.11)
    noisy = figures.difference(reference * rng.normal(1.0, 0.5, 400), reference)
    assert noisy.low < 0 < noisy.high
    assert not noisy.shown_within(0.02)
    tiny = figures.difference(np.array([0.05, 0.05]), np.array([0.01, 0.02]), 0.1)
    assert tiny.negligible
    assert tiny.within(0.02)
    assert np.isfinite(figures.difference(np.array([1.0, np.nan]), np.array([1.0, 2.0])).relative)


def test_figures_that_recordings_were_not_measured_by_are_left_open(modules: tuple[ModuleType, ModuleType]) -> None:
    steps, figures = modules
    real = steps.real_means()
    assert {"foot_skate_ratio", "jerk_mean_m_s3"} <= set(real) <= set(figures.FIGURES)
    assert all(np.isfinite(value) for value in real.values())


def test_coming_nearer_to_recordings_is_no_loss(modules: tuple[ModuleType, ModuleType]) -> None:
    steps, figures = modules

    def setting(seen: float, **values: float) -> object:
        shown = {"foot_skate_ratio": 0.1, "penetration_mm": 1.0, "float_mm": 40.0, "jerk_mean_m_s3": 40.0} | values
        wanted = np.arange(100) < 100 * seen
        return figures.Setting({name: np.full(100, value) for name, value in shown.items()}, wanted, 1.0, 1.0)

    real = {"foot_skate_ratio": 0.08, "penetration_mm": 1.0, "float_mm": 40.0, "jerk_mean_m_s3": 60.0}
    reference = setting(0.8)
    assert steps.no_worse(reference, reference, real)
    assert steps.no_worse(setting(0.8, jerk_mean_m_s3=75.0, foot_skate_ratio=0.07), reference, real)
    assert not steps.no_worse(setting(0.8, jerk_mean_m_s3=81.0), reference, real)
    assert not steps.no_worse(setting(0.8, foot_skate_ratio=0.103), reference, real)
    assert steps.no_worse(setting(0.79), reference, real)
    assert not steps.no_worse(setting(0.77), reference, real)


def test_intervals_hold_the_truth_as_often_as_they_say(modules: tuple[ModuleType, ModuleType]) -> None:
    _, figures = modules
    rng, hits = np.random.default_rng(1), 0
    for trial in range(60):
        reference = rng.gamma(4.0, size=60)
        values = 1.2 * reference * rng.lognormal(-0.5 * 0.2**2, 0.2, 60)
        found = figures.difference(values, reference, seed=trial)
        hits += found.low <= 0.2 <= found.high
    assert 50 <= hits <= 60  # 95 % of 60 is 57, three deviations 5
