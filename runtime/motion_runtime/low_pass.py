"""The filter that takes the network's frame-to-frame noise off its pose vectors.

A denoiser that was trained briefly leaves a few millimetres of independent error in every frame, which third
differences magnify tenfold. A Gaussian of 35 ms (0.7 frames at 20 a second) takes it away and leaves what people do: at
2 Hz it keeps 91 % of an amplitude, and an impact stays within one frame. Longer ones would round off falls; `at_rest`
has them for who has come to rest.
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
    if len(offsets) == 1:
        return values
    frames = values.shape[-2]
    result = np.zeros_like(values)
    for offset, weight in zip(offsets, kernel, strict=True):
        result += weight * values[..., np.clip(np.arange(frames) + offset, 0, frames - 1), :]
    return result


def gaussian(sigma_frames: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Offsets in frames and their weights, which sum up to 1; of 0 only the frame itself."""
    reach = int(TRUNCATE * sigma_frames + 0.5)
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / (sigma_frames or 1.0)) ** 2)
    return offsets, kernel / kernel.sum()
