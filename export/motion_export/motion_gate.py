"""Does a reduced precision make the same motion? Figures of 64 motions beside those of fp32 from the same noise.

Tensor differences do not tell whether feet begin to slide: a precision goes into a bundle only if its motions' mean
figures stay within `LIMITS` of fp32's (or below, where less is no fault) and their jerk has the same distribution
within `JERK_KS`; with an evaluator at hand, so must their embeddings, within `FEATURES` (Frechet distance, Heusel et
al. 2017, eq. 6). One person for `SECONDS`, the bundle's own sampler and guidance, `STEPS` steps at most: fewer steps
mend less of an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from motion_preprocessing.errors import ParityError
from motion_preprocessing.metrics import evaluate_motion, jerk_m_s3, ks_distance
from motion_runtime.bundle import Bundle
from motion_runtime.generator import Generator
from motion_runtime.manifest import FP32
from motion_runtime.motion import GenerationRequest, Motion
from motion_runtime.session import Provider

MOTIONS: Final = 64
STEPS: Final = 20
SECONDS: Final = 3.0
LIMITS: Final = {
    "foot_skate_ratio": (0.02, 0.005),
    "skate_mm": (0.02, 0.1),
    "penetration_mm": (0.02, 0.1),
    "jerk_mean_m_s3": (0.02, 0.5),
    "jerk_q95_m_s3": (0.02, 0.5),
}
"""Figure -> how far its mean may lie from fp32's: this share of it, or this much where that is more."""
FAULTS: Final = frozenset({"foot_skate_ratio", "skate_mm", "penetration_mm"})
"""Figures of which less is no fault; less jerk may be motion that was blunted."""
JERK_KS: Final = 0.02
"""Largest Kolmogorov-Smirnov distance between the distributions of jerk."""
FEATURES: Final = 0.02
"""Largest Frechet distance between embeddings, as a share of the variance of fp32's: both are squared lengths."""
Embed = Callable[[Sequence[Motion]], np.ndarray]
"""Motions of one person -> embeddings (N, D)."""
PROMPTS: Final = (
    "a person walks forward",
    "a person walks backward",
    "a person turns left",
    "a person sits down on a chair",
    "a person stands up from a chair",
    "a person lies down",
    "a person falls to the floor",
    "a person bends over and picks something up",
    "a person waves with the right hand",
    "a person jumps up",
    "a person runs forward",
    "a person stands still",
    "a person climbs a step",
    "a person reaches up with both hands",
    "a person kneels down",
    "a person walks in a circle",
)


@dataclass(frozen=True)
class MotionFigures:
    """What a precision's motions measure."""

    means: dict[str, float]
    """Mean of each figure in `LIMITS` over the motions in which it can be measured; NaN where it never can."""
    jerk: np.ndarray
    """Jerk of every joint and frame, m/s^3."""
    joints_m: tuple[np.ndarray, ...]
    """(P, T, 22, 3) of each motion."""
    features: np.ndarray | None = None
    """(N, D) embeddings of the motions; None without an evaluator."""


def measure_motion(
    bundle: Bundle, provider: Provider, motions: int = MOTIONS, embed: Embed | None = None
) -> MotionFigures:
    """Generate motions in the provider's precision and measure them.

    Args:
        bundle: Holds graphs for the precision.
        provider: Where to run them.
        motions: How many; prompts and seeds are the same for every precision.
        embed: An evaluator's embedding, if there is one.
    """
    generator = Generator(bundle, provider)
    manifest = bundle.manifest
    made: list[Motion] = []
    for index in range(motions):
        request = GenerationRequest(
            prompts=(PROMPTS[index % len(PROMPTS)],),
            seconds=min(SECONDS, max(manifest.frames) / manifest.fps),
            steps=min(STEPS, manifest.default.steps),
            seed=index,
        )
        made.append(generator.generate(request))
    rows = [
        evaluate_motion(motion.joints_m, motion.fps, local_rotations=motion.local_rotations).as_dict()
        for motion in made
    ]
    means = {name: _mean([row[name] for row in rows]) for name in LIMITS}
    jerk = np.concatenate([jerk_m_s3(person, motion.fps).ravel() for motion in made for person in motion.joints_m])
    features = embed(made) if embed is not None else None
    return MotionFigures(means, jerk, tuple(motion.joints_m for motion in made), features)


def compare(found: MotionFigures, exact: MotionFigures) -> dict[str, Any]:
    """Lay a precision's figures beside fp32's, as the manifest keeps them."""
    figures = {}
    for name, (share, least) in LIMITS.items():
        here, there = found.means[name], exact.means[name]
        figures[name] = {
            FP32: _rounded(there),
            "found": _rounded(here),
            "limit": _rounded(max(share * abs(there), least)) if np.isfinite(there) else None,
        }
    distance = [np.linalg.norm(a - b, axis=-1).mean() for a, b in zip(found.joints_m, exact.joints_m, strict=True)]
    result = {
        "motions": len(found.joints_m),
        "figures": figures,
        "jerk_ks": {"found": _rounded(float(ks_distance(found.jerk, exact.jerk))), "limit": JERK_KS},
        "joints_apart_mm": {
            "mean": _rounded(1000 * float(np.mean(distance))),
            "worst motion": _rounded(1000 * float(np.max(distance))),
        },
    }
    if found.features is not None and exact.features is not None:
        from motion_train.evaluation.distribution import frechet_distance

        result["feature_distance"] = {
            "found": _rounded(frechet_distance(found.features, exact.features)),
            "limit": _rounded(FEATURES * float(exact.features.var(axis=0, ddof=1).sum())),
        }
    return result


def check(precision: str, comparison: dict[str, Any]) -> None:
    """Refuse a precision whose motions differ.

    Raises:
        ParityError: With every figure that is beyond its limit.
    """
    beyond: list[str] = []
    for name, row in comparison["figures"].items():
        here, there, limit = row["found"], row[FP32], row["limit"]
        if limit is None and here is None:
            continue  # measurable in neither
        if limit is None or here is None:
            beyond.append(f"{name} {here} instead of {there}")
        elif here - there > limit or (name not in FAULTS and there - here > limit):
            beyond.append(f"{name} {here} instead of {there} {'+' if name in FAULTS else '+-'} {limit}")
    if comparison["jerk_ks"]["found"] > comparison["jerk_ks"]["limit"]:
        beyond.append(f"jerk_ks {comparison['jerk_ks']['found']} above {comparison['jerk_ks']['limit']}")
    features = comparison.get("feature_distance")
    if features is not None and not features["found"] <= features["limit"]:
        beyond.append(f"feature_distance {features['found']} above {features['limit']}")
    if beyond:
        raise ParityError(
            f"expected {precision} to move like fp32 over {comparison['motions']} motions, got {', '.join(beyond)}; "
            f"leave {precision} out of --precisions"
        )


def _mean(values: Sequence[float | None]) -> float:
    known = np.array([np.nan if value is None else value for value in values], np.float64)
    known = known[np.isfinite(known)]
    return float(known.mean()) if known.size else float("nan")


def _rounded(value: float) -> float | None:
    """Five digits; None for what could not be measured: JSON has no NaN."""
    return float(f"{value:.5g}") if np.isfinite(value) else None
