"""Corrections in the loop: what reaches the sampler, and what is left as it is."""

from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.pose_vector import POSE_DIM
from motion_runtime.calibrated import Calibrated
from motion_runtime.editing.impose import in_the_loop
from motion_runtime.manifest import Calibration, Normaliser
from motion_runtime.sampler import Step

RNG = np.random.default_rng(3)
NORMALISER = Normaliser(RNG.normal(size=POSE_DIM).astype(np.float32), RNG.uniform(0.5, 2, POSE_DIM).astype(np.float32))
X0 = RNG.normal(size=(1, 2, 30, POSE_DIM)).astype(np.float32)
"""One person of two, and 20 frames of 30, are the request's."""
STEP = Step(200, a=0.5, b=0.5, c=0.0, s=0.1)


def test_who_needs_no_correction_is_handed_back_bit_by_bit() -> None:
    correct = in_the_loop([lambda x: x, lambda x: x], NORMALISER, 1, 20)
    assert correct(X0, STEP) is X0
    assert in_the_loop([], NORMALISER, 1, 20)(X0, STEP) is X0
    assert in_the_loop([], NORMALISER, 1, 20, lambda x0, step: x0)(X0, STEP) is X0


def test_corrections_see_metres_and_leave_padding_alone() -> None:
    correct = in_the_loop([lambda x: x + 1.0, lambda x: 2.0 * x], NORMALISER, 1, 20)
    result = correct(X0, STEP)
    metres = X0[0, :1, :20].astype(np.float64) * NORMALISER.std + NORMALISER.mean
    expected = (2 * (metres + 1) - NORMALISER.mean) / NORMALISER.std
    np.testing.assert_allclose(result[0, :1, :20], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(result[0, 1], X0[0, 1])
    np.testing.assert_array_equal(result[0, 0, 20:], X0[0, 0, 20:])
    assert result is not X0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_number_is_not_corrected_and_no_warning(value: float) -> None:
    broken = X0.copy()
    broken[0, 0, 3] = value
    factors = ((1.0, 2.0),)
    calibrated = Calibrated(Calibration((1.0, 5.0), (100,), factors, factors, factors), NORMALISER, 20.0)
    for first in (None, calibrated):
        correct = in_the_loop([lambda x: x + 1.0], NORMALISER, 1, 20, first)
        np.testing.assert_array_equal(correct(broken, STEP), broken)


def test_what_is_calibrated_comes_first_and_in_the_models_numbers() -> None:
    seen: list[Step] = []

    def doubled(x0: np.ndarray, step: Step) -> np.ndarray:
        seen.append(step)
        return 2 * x0

    alone = in_the_loop([], NORMALISER, 1, 20, doubled)(X0, STEP)
    np.testing.assert_array_equal(alone[0, 0, :20], 2 * X0[0, 0, :20])
    np.testing.assert_array_equal(alone[0, 0, 20:], X0[0, 0, 20:])
    followed = in_the_loop([lambda x: x + 1.0], NORMALISER, 1, 20, doubled)(X0, STEP)
    np.testing.assert_allclose(followed[0, 0, :20], 2 * X0[0, 0, :20] + 1 / NORMALISER.std, rtol=1e-4, atol=1e-4)
    assert seen == [STEP, STEP]
