"""The output filter against scipy's and against the Gaussian's transfer function."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from motion_runtime.low_pass import low_pass, sharp_low_pass


@pytest.mark.parametrize("sigma", [0.3, 0.7, 1.0, 2.5])
def test_agrees_with_scipy(sigma):
    x = np.random.default_rng(0).normal(size=(2, 40, 5))
    np.testing.assert_allclose(low_pass(x, sigma), gaussian_filter1d(x, sigma, axis=1, mode="nearest"), atol=1e-12)


@pytest.mark.parametrize("hertz", [0.5, 2.0, 4.0])
def test_sine_keeps_what_the_transfer_function_says(hertz):
    wave = np.sin(2 * np.pi * hertz * np.arange(400) / 20.0)[:, None]
    once = np.exp(-0.5 * (2 * np.pi * hertz / 20.0 * 0.9) ** 2)
    for filtered, expected in ((low_pass, once), (sharp_low_pass, 2 * once - once**2)):
        middle = filtered(wave, 0.9)[50:350]
        kept = (middle * wave[50:350]).sum() / (wave[50:350] ** 2).sum()
        assert kept == pytest.approx(expected, abs=1e-3)


def test_the_sharp_one_leaves_a_cubic_as_it_is():
    """Twicing takes the second moment out of a kernel; its third is 0 as the kernel is even."""
    t = np.linspace(-1, 1, 60)
    cubic = np.polynomial.polynomial.polyval(t, [0.3, -1.0, 2.0, 4.0])[:, None]
    inner = slice(12, -12)  # where ends, which are held on, do not reach
    # The Gaussian is sampled and cut off, and has its second moment but for 3 in a thousand.
    np.testing.assert_allclose(sharp_low_pass(cubic, 0.9)[inner], cubic[inner], atol=1e-5)
    assert np.abs(low_pass(cubic, 0.9) - cubic)[inner].max() > 1e-3


def test_a_speed_that_changes_at_once_is_rounded_less():
    """Somebody hits the floor: from a constant speed to rest within a frame."""
    way = np.minimum(np.arange(60) - 30.0, 0.0)[:, None]
    rounded = [np.abs(filtered(way, sigma) - way).max() for filtered, sigma in ((low_pass, 0.7), (sharp_low_pass, 0.9))]
    assert rounded[1] < 0.75 * rounded[0]


def test_constants_stay_and_zero_is_off():
    x = np.full((1, 10, 3), 2.5, dtype=np.float32)
    y = np.random.default_rng(1).normal(size=(1, 10, 3))
    for filtered in (low_pass, sharp_low_pass):
        np.testing.assert_allclose(filtered(x, 1.0), x, atol=1e-12)
        np.testing.assert_array_equal(filtered(y, 0.0), y)
