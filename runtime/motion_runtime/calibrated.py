"""What the network loses of a movement, frequency by frequency, is given back at every denoising step.

A denoiser that has learned all there is to learn from the squared error answers q = E[x0 | x_t]; then <x0, q> = <q, q>
in whatever part of the motion one looks at. One that was trained briefly answers with too little of what is quick, and
where there is much noise it lets some of it through. In a frequency f and at a noise level t the factor that makes up
for it, with the least squared error, is

    c(f, t) = sum x0(f) q(f) / sum q(f)^2

over held-out motion (`motion_train.calibration` measures it, the bundle's manifest keeps it). The loop feeds its own
answers back, so that what is lost a little in every step is mostly gone at the end: hands that wave come to rest and
falls slow down, as the errors of every step add up (the "exposure bias" of Ning et al. 2024, who scale all of the
predicted noise instead). Arms are quicker than anything else, and raised ones do what others do not, so that each
have factors of their own. Frequencies are those of the DCT-II over a window's frames. What stays as it is has frequency
0 and is not touched; neither is the last step's answer, of which the low pass takes off what is quick.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.pose_vector import POSE_DIM
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX
from motion_runtime.manifest import Calibration, Normaliser
from motion_runtime.sampler import Step

Floats = NDArray[np.float32]


def _numbers_of(joints: list[int]) -> NDArray[np.int64]:
    """Which numbers of a pose vector are about some joints: places, velocities, turns."""
    owner = np.concatenate([np.tile(np.repeat(np.arange(JOINT_COUNT), 3), 2), np.repeat(np.arange(1, JOINT_COUNT), 6)])
    assert len(owner) == POSE_DIM
    return np.flatnonzero(np.isin(owner, joints))


SIDES: Final = ("left", "right")
_HEIGHTS: Final = np.array([3 * JOINT_INDEX[f"{side}_{name}"] + 2 for side in SIDES for name in ("wrist", "elbow")])
"""Heights of wrist and elbow, of the left arm and the right one."""
ARMS: Final = tuple(
    _numbers_of([JOINT_INDEX[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist")]) for side in SIDES
)
"""Numbers of a pose vector that are about the left arm, and about the right one."""
RAISED_M: Final = 0.1
RAISED_SHARE: Final = 0.4
"""An arm whose hand is so far above its elbow in such a share of the frames is raised: whoever waves does it there."""
ADDS_UP: Final = 3.0
"""Power of raised arms' factors above 1: what a step is shown has lost some to the steps before it. With it waves have
78 % of the energy that recorded ones have between 1 and 3 Hz; with 1, 45 %; without any factors, 35 %."""
KEPT: Final = 100
"""Lengths and levels whose matrices are kept, 0.17 MB each for six seconds."""


class Calibrated:
    """Multiplies the frequencies of a network's answers; matrices are worked out once for each length and level."""

    def __init__(self, calibration: Calibration, normaliser: Normaliser, fps: float) -> None:
        """Prepare for motion of so many frames a second, in a model's numbers."""
        self._calibration, self._normaliser, self._fps = calibration, normaliser, fps
        self._kept = lru_cache(KEPT)(self.filters)

    def __call__(self, x0: Floats, step: Step) -> Floats:
        """Return a step's answer (p, t, 258), in the model's numbers, as large as it should be."""
        if step.last:
            return x0
        arms, raised, others = self._kept(x0.shape[-2], step.t)
        result: Floats = others @ x0
        up = raised_arms(x0, self._normaliser)  # (p, 2)
        for side, numbers in enumerate(ARMS):
            result[..., numbers] = np.where(up[:, side, None, None], raised, arms) @ x0[..., numbers]
        return result

    def filters(self, frames: int, level: int) -> tuple[Floats, ...]:
        """Matrices (T, T) of arms, raised arms and all else: back from the DCT, factors, and to it."""
        basis = dct_basis(frames)
        hertz = np.arange(frames) * self._fps / (2 * frames)
        found = []
        for table in (self._calibration.arms, self._calibration.raised_arms, self._calibration.others):
            factors = [np.interp(level, self._calibration.levels, column) for column in zip(*table, strict=True)]
            if table is self._calibration.raised_arms:
                factors = [factor**ADDS_UP if factor > 1 else factor for factor in factors]
            # From nothing at 0 Hz on.
            factor = np.interp(hertz, (0.0, *self._calibration.hertz), (1.0, *factors))
            found.append(((basis.T * factor) @ basis).astype(np.float32))
        return tuple(found)


def raised_arms(x0: Floats, normaliser: Normaliser) -> NDArray[np.bool_]:
    """Whether the left and the right arm are raised, (p, 2), in motions (p, t, 258) in the model's numbers."""
    heights = (x0[..., _HEIGHTS] * normaliser.std[_HEIGHTS] + normaliser.mean[_HEIGHTS]).reshape(
        *x0.shape[:-1], 2, 2
    )  # (side, wrist and elbow)
    return np.asarray((heights[..., 0] - heights[..., 1] > RAISED_M).mean(axis=-2) > RAISED_SHARE)


def dct_basis(frames: int) -> NDArray[np.float64]:
    """The orthonormal DCT-II (T, T): row k has k half periods in so many frames."""
    k, t = np.arange(frames)[:, None], np.arange(frames)
    basis = np.sqrt(2 / frames) * np.cos(np.pi * k * (t + 0.5) / frames)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis)
