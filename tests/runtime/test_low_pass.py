"""The output filter against scipy's and against the Gaussian's transfer function."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from motion_runtime.low_pass import low_pass


@pytest.mark.parametrize("sigma", [0.3, 0.7, 1.0, 2.5])
def test_agrees_with_scipy(sigma):
    x = np.random.default_rng(0).normal(size=(2, 40, 5))
    np.testing.assert_allclose(low_pass(x, sigma), gaussian_filter1d(x, sigma, axis=1, mode="nearest"), atol=1e-12)


def test_sine_keeps_what_the_transfer_function_says():
    frames = np.arange(400) / 20.0
    wave = np.sin(2 * np.pi * 2.0 * frames)[:, None]
    kept = np.abs(low_pass(wave, 0.7)[50:350]).max() / np.abs(wave[50:350]).max()
    assert kept == pytest.approx(np.exp(-0.5 * (2 * np.pi * 2.0 / 20.0 * 0.7) ** 2), abs=0.005)


def test_constants_stay_and_zero_is_off():
    x = np.full((1, 10, 3), 2.5, dtype=np.float32)
    np.testing.assert_allclose(low_pass(x, 1.0), x, atol=1e-12)
    y = np.random.default_rng(1).normal(size=(1, 10, 3))
    np.testing.assert_array_equal(low_pass(y, 0.0), y)
