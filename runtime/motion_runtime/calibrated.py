"""What the network loses of a movement, frequency by frequency, is given back at every denoising step.

A denoiser that has learned all there is to learn from the squared error answers q = E[x0 | x_t]; then <x0, q> = <q, q>
in whatever part of the motion one looks at. One that was trained briefly answers with too little of what is quick, and
where there is much noise it lets some of it through. In a frequency f and at a noise level t the factor that makes up
for it, with the least squared error, is

    c(f, t) = sum x0(f) q(f) / sum q(f)^2

over held-out motion (`motion_train.calibration` measures it, the bundle's manifest keeps it). The loop feeds its own
answers back, so that what is lost a little in every step is mostly gone at the end: hands that wave come to rest and
falls slow down, as the errors of every step add up (the "exposure bias" of Ning et al. 2024, who scale all of the
predicted noise instead). Frequencies are those of the DCT-II over a window's frames. What stays as it is has frequency
0 and is not touched; neither is the last step's answer, of which the low pass takes off what is quick.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.pose_vector import POSE_DIM
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX
from motion_runtime.manifest import Calibration
from motion_runtime.sampler import Step

Floats = NDArray[np.float32]


def _numbers_of(joints: list[int]) -> NDArray[np.int64]:
    """Which numbers of a pose vector are about some joints: places, velocities, turns."""
    owner = np.concatenate([np.tile(np.repeat(np.arange(JOINT_COUNT), 3), 2), np.repeat(np.arange(1, JOINT_COUNT), 6)])
    assert len(owner) == POSE_DIM
    return np.flatnonzero(np.isin(owner, joints))


ARMS: Final = _numbers_of(
    [JOINT_INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("shoulder", "elbow", "wrist")]
)
"""Numbers of a pose vector that are about arms, which are quicker than anything else."""
KEPT: Final = 100
"""Lengths and levels whose matrices are kept, a tenth of a megabyte each for six seconds."""


class Calibrated:
    """Multiplies the frequencies of a network's answers; matrices are worked out once for each length and level."""

    def __init__(self, calibration: Calibration, fps: float) -> None:
        """Prepare for motion of so many frames a second."""
        self._calibration, self._fps = calibration, fps
        self._kept = lru_cache(KEPT)(self.filters)

    def __call__(self, x0: Floats, step: Step) -> Floats:
        """Return a step's answer (p, t, 258), in the model's numbers, as large as it should be."""
        if step.last:
            return x0
        arms, others = self._kept(x0.shape[-2], step.t)
        result: Floats = others @ x0
        result[..., ARMS] = arms @ x0[..., ARMS]
        return result

    def filters(self, frames: int, level: int) -> tuple[Floats, Floats]:
        """Matrices (T, T) that arms, and all else, are multiplied by: back from the DCT, factors, and to it."""
        basis = dct_basis(frames)
        hertz = np.arange(frames) * self._fps / (2 * frames)
        found = []
        for table in (self._calibration.arms, self._calibration.others):
            factors = [np.interp(level, self._calibration.levels, column) for column in zip(*table, strict=True)]
            # From nothing at 0 Hz on.
            factor = np.interp(hertz, (0.0, *self._calibration.hertz), (1.0, *factors))
            found.append(((basis.T * factor) @ basis).astype(np.float32))
        return found[0], found[1]


def dct_basis(frames: int) -> NDArray[np.float64]:
    """The orthonormal DCT-II (T, T): row k has k half periods in so many frames."""
    k, t = np.arange(frames)[:, None], np.arange(frames)
    basis = np.sqrt(2 / frames) * np.cos(np.pi * k * (t + 0.5) / frames)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis)
