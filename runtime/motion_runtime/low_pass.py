"""Filters along time: a Gaussian, and a sharper one that takes the network's noise off its pose vectors.

A denoiser that was trained briefly leaves a few millimetres of independent error in every frame, which third
differences magnify tenfold. A Gaussian H that takes it away also slows down what people do: an impact, a foot that
stops. So what it takes off is passed through it once more and put back ("twicing", Tukey 1977): the transfer function
is 2 H - H^2, which leaves out of slow motion the fourth power of frequency instead of the second. With 45 ms (0.9
frames at 20 a second) 98 % of an amplitude at 2 Hz is kept, and 4 % of what alternates from frame to frame; a Gaussian
of 35 ms keeps 91 and 9 %. `at_rest` has wider ones for who has come to rest.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

TRUNCATE: Final = 4.0
"""Standard deviations after which the kernel is cut off."""


def low_pass(x: NDArray[np.floating[Any]], sigma_frames: float) -> NDArray[np.float64]:
    """Convolve (..., T, D) along T with a Gaussian; the ends are continued by their last value.

    Args:
        x: Values a frame.
        sigma_frames: Standard deviation in frames; 0 returns the values as they are.
    """
    values = np.asarray(x, dtype=np.float64)
    offsets, kernel = gaussian(sigma_frames)
    if len(offsets) == 1 or values.shape[-2] == 0:
        return values
    frames, reach = values.shape[-2], len(offsets) // 2
    continued = values[..., np.clip(np.arange(-reach, frames + reach), 0, frames - 1), :]
    result = np.zeros_like(values)
    for first, weight in enumerate(kernel):
        result += weight * continued[..., first : first + frames, :]
    return result


def sharp_low_pass(x: NDArray[np.floating[Any]], sigma_frames: float) -> NDArray[np.float64]:
    """Filter (..., T, D) along T as `low_pass` does, twice: 2 G x - G G x; arguments are the same."""
    once = low_pass(x, sigma_frames)
    return once + low_pass(x - once, sigma_frames)


def gaussian(sigma_frames: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Offsets in frames and their weights, which sum up to 1; of 0 only the frame itself."""
    reach = int(TRUNCATE * sigma_frames + 0.5)
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / (sigma_frames or 1.0)) ** 2)
    return offsets, kernel / kernel.sum()
