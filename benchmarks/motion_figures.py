"""What a setting of the sampler does to the motion: the figures of one setting, and how far two settings differ.

The same prompts and seeds are generated with each setting, so differences are between pairs that share their noise.
Intervals are bootstrap percentiles (Efron 1979) over motions, resampled in pairs: 95 % of them cover the difference
that endless motions would show.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.describe import describe
from motion_preprocessing.metrics import evaluate_motion
from motion_preprocessing.motion_features import runs
from motion_preprocessing.skeleton import FEET
from motion_runtime.editing.feet_carry import stances

if TYPE_CHECKING:  # comparing settings needs no bundle and no ONNX Runtime
    from motion_runtime import GenerationRequest, Generator

FIGURES: Final = {
    "foot_skate_ratio": ("foot-skate ratio", 0.001),
    "penetration_mm": ("penetration, mm", 0.1),
    "float_mm": ("float, mm", 0.1),
    "jerk_mean_m_s3": ("jerk, m/s^3", 0.0),
    "drift_cm": ("drift of a standing foot, cm", 0.05),
}
"""Name, and what is too little to count: two per cent of a tenth of a millimetre means nothing."""
RESAMPLES: Final = 2000


@dataclass(frozen=True)
class Setting:
    """Everything measured of one setting, one row a motion."""

    figures: dict[str, NDArray[np.float64]]
    """Figure -> (N,); NaN where it cannot be measured."""
    seen: NDArray[np.bool_]
    """(N,) whether the event detectors found what the prompt asked for."""
    cpu_s: float
    """Mean CPU time of a motion's generation."""
    branches: float
    """Mean number of passes of one conditioning branch through the network, a motion."""


@dataclass(frozen=True)
class Difference:
    """A figure's mean against the reference's."""

    relative: float
    """Mean / reference mean - 1."""
    low: float
    """2.5th percentile."""
    high: float
    """97.5th percentile."""
    negligible: bool
    """The means differ by less than counts, whatever the ratio."""

    def within(self, share: float) -> bool:
        """Whether the difference measured is at most `share`."""
        return self.negligible or abs(self.relative) <= share

    def shown_within(self, share: float) -> bool:
        """Whether the whole interval is: as many motions as were made suffice to say so."""
        return -share <= self.low and self.high <= share


def measure(
    generator: Generator,
    requests: Sequence[tuple[GenerationRequest, Callable[[int, object], bool]]],
    branches: float,
) -> Setting:
    """Generate every request and measure it.

    Args:
        generator: The model.
        requests: Requests, each with a function (person, events) -> whether that person did what was asked.
        branches: See `Setting.branches`.
    """
    rows: dict[str, list[float]] = {name: [] for name in FIGURES}
    seen, spent = [], 0.0
    rng = np.random.default_rng(0)
    for request, did in requests:
        started = time.process_time()
        motion = generator.generate(request)
        spent += time.process_time() - started
        metrics = evaluate_motion(motion.joints_m, motion.fps, local_rotations=motion.local_rotations)
        drift = np.array([drift_cm(joints, motion.fps) for joints in motion.joints_m])
        known = {"drift_cm": mean(drift) if np.isfinite(drift).any() else np.nan}
        for name, values in rows.items():
            values.append(known[name] if name in known else getattr(metrics, name))
        seen.append(all(did(p, describe(joints, motion.fps, rng).events) for p, joints in enumerate(motion.joints_m)))
    figures = {name: np.array(values) for name, values in rows.items()}
    return Setting(figures, np.array(seen), spent / len(requests), branches)


def stances_of(joints_m: NDArray[np.floating[Any]], fps: float) -> list[NDArray[np.float64]]:
    """Places (N, 2) of the ball of a foot, in metres, over each of its stances (`feet_carry.stances`)."""
    joints = np.asarray(joints_m, dtype=np.float64)
    standing = stances(joints, fps)
    return [joints[first:last, ball, :2] for ball, on in zip(FEET, standing.T, strict=True) for first, last in runs(on)]


def drift_cm(joints_m: NDArray[np.floating[Any]], fps: float) -> float:
    """How far feet go while they stand, in centimetres; NaN for joints (T, 22, 3) without a stance.

    Mean over the stances of the longer side of the box that the ball of the foot stays in.
    """
    sides = [np.ptp(places, axis=0).max() for places in stances_of(joints_m, fps)]
    return 100 * float(np.mean(sides)) if sides else float("nan")


def difference(
    values: NDArray[np.float64], reference: NDArray[np.float64], too_little: float = 0.0, seed: int = 0
) -> Difference:
    """Compare the means of two paired samples (N,); pairs with NaN are left out."""
    both = np.stack([values, reference])
    both = both[:, np.isfinite(both).all(axis=0)]
    mean = both.mean(axis=1)
    picks = np.random.default_rng(seed).integers(0, both.shape[1], (RESAMPLES, both.shape[1]))
    resampled = both[:, picks].mean(axis=2)  # (2, R)
    ratio = resampled[0] / np.maximum(resampled[1], 1e-12) - 1
    low, high = np.quantile(ratio, (0.025, 0.975))
    return Difference(
        float(mean[0] / max(mean[1], 1e-12) - 1), float(low), float(high), bool(abs(mean[0] - mean[1]) <= too_little)
    )


def differences(setting: Setting, reference: Setting) -> dict[str, Difference]:
    """Every figure's difference."""
    return {
        name: difference(setting.figures[name], reference.figures[name], too_little)
        for name, (_, too_little) in FIGURES.items()
    }


def mean(values: NDArray[np.float64]) -> float:
    """Mean of what could be measured."""
    return float(np.nanmean(values))


def cell(value: float, d: Difference | None) -> str:
    """A figure and, in brackets, the interval of its relative difference."""
    return f"{value:.3g}" + ("" if d is None else f" ({100 * d.low:+.0f} .. {100 * d.high:+.0f} %)")
