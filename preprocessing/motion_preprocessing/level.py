"""Levels captures whose floor is tilted, and finds the floor's height.

In some capture sessions the floor rises by up to 2 cm a metre: after a walk of 4 m the feet stand 8 cm too high. The
slope g of a session is fitted to its stances, places where a foot rests. A foot's heights are compared only with those
of the same foot in the same clip,

    z = c(clip, foot) + g . (x, y)

because left and right feet rest up to 2 cm apart (shoes, markers, the T-pose), which a straight walk could not tell
from a lateral slope. The fit is robust (Geman and McClure's weights, their width narrowing from 10 to 1.5 cm), so that
a raised foot or a step onto a box does not count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.rotations import between_vectors
from motion_preprocessing.skeleton import FEET, JOINT_INDEX

Array = NDArray[np.float64]
Stances = tuple[Array, ...]
"""Places (N, 3) where the left and where the right foot of one clip rested, metres."""

FLOOR_PERCENTILE: Final = 5.0
_FEET_AND_ANKLES: Final = (*FEET, JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"])

STANCE_SPEED_M_S: Final = 0.25
STANCE_S: Final = 0.1
RAISED_M: Final = 0.08
MIN_COVERED_M: Final = 1.5
"""A clip whose stances lie closer together has no say: over 1 m, 1 cm of a raised heel passes for a slope of 0.6
degrees."""
MIN_SPREAD_M: Final = 0.5
"""The stances' least standard deviation along a horizontal direction in which a slope is looked for."""
MIN_REDUNDANCY: Final = 2
"""Stances beyond the unknowns of the fit."""
TILT_DEG: Final = (0.25, 6.0)
"""Less is no worse than the spread between stances on a level floor, more is a ramp or stairs."""
MIN_EXPLAINED: Final = 0.6
MIN_EXPLAINED_ALONE: Final = 0.85
"""The same where a single clip has a say: its few stances fit some plane by chance."""
MIN_INLIERS: Final = 0.75
MIN_AGREEING: Final = 2 / 3
"""Share of the clips that the plane must suit better than a level floor."""
_WIDTHS_M: Final = np.repeat(np.geomspace(0.1, 0.015, 12), 3)
_INLIER_M: Final = 0.03


@dataclass(frozen=True)
class FloorTilt:
    """How the floor of a session rises."""

    slope: tuple[float, float]
    """Rise per metre along x and y."""
    explained: float
    """Share of the weighted variance of stance heights that the slope explains, 0..1."""

    @property
    def angle_deg(self) -> float:
        """Angle between the floor and the horizontal."""
        return math.degrees(math.atan(math.hypot(*self.slope)))

    def level(self, local_rotations: Array, root_position_m: Array) -> tuple[Array, Array]:
        """Turn a motion as one rigid whole, by the smallest rotation after which the floor is horizontal.

        Args:
            local_rotations: (T, 22, 3, 3), entry 0 the root's orientation in the world.
            root_position_m: (T, 3).

        Returns:
            The same two; the height of the floor is still to be taken off.
        """
        normal = np.array([-self.slope[0], -self.slope[1], 1.0])
        turn = between_vectors(normal, np.array([0.0, 0.0, 1.0]))
        rotations = local_rotations.copy()
        rotations[:, 0] = turn @ local_rotations[:, 0]
        return rotations, np.asarray(root_position_m @ turn.T)


def floor_height_m(joints_m: Array, which: tuple[int, ...] = _FEET_AND_ANKLES) -> float:
    """Height of the floor under joints (T, 22, 3): the 5th percentile over time of the lowest of `which`.

    Toes dip for moments when a foot rolls off, so the lowest value of all lies 1 to 3 cm under the height at which a
    standing foot rests. Who climbs stands on the ground for more than a twentieth of the clip, or the lowest rung
    becomes the floor.
    """
    lowest = joints_m[:, list(which), 2].min(axis=1)
    return float(np.percentile(lowest, FLOOR_PERCENTILE))


def find_stances(joints_m: Array, fps: float) -> Stances:
    """Find where each foot of (T, 22, 3) joints rests: slower than 0.25 m/s for 0.1 s or longer.

    The toe's joint is looked at: it stays where it is while the heel lifts. A foot that is 8 cm higher than the other
    is held up, however still. Each stance counts once, however long.
    """
    feet = []
    for foot, other in zip(FEET, FEET[::-1], strict=True):
        path = joints_m[:, foot]
        slow = np.zeros(len(path), dtype=np.int8)
        slow[1:-1] = np.linalg.norm(path[2:] - path[:-2], axis=-1) * fps / 2 < STANCE_SPEED_M_S
        slow[path[:, 2] > joints_m[:, other, 2] + RAISED_M] = 0
        edges = np.flatnonzero(np.diff(np.concatenate([[0], slow, [0]])))
        runs = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= max(3, STANCE_S * fps)]
        feet.append(np.array([np.median(path[a:b], axis=0) for a, b in runs]).reshape(-1, 3))
    return tuple(feet)


def fit_floor_tilt(clips: Sequence[Stances]) -> FloorTilt | None:
    """Fit one slope to the clips of a session.

    Args:
        clips: Stances of each; without those who climb or walk on uneven ground.

    Returns:
        The tilt, or None where the floor is level, too little ground is covered, the stances do not lie on one plane
        or the clips do not agree.
    """
    voters = [clip for clip in clips if _covered_m(clip) >= MIN_COVERED_M]
    groups = [foot for clip in voters for foot in clip if len(foot) > 1]
    if not groups:
        return None
    points, group = np.concatenate(groups), np.repeat(np.arange(len(groups)), [len(g) for g in groups])
    centred, weight, slope, free = _robust_slope(points, group)
    if len(points) - len(groups) - free < MIN_REDUNDANCY:
        return None
    residual = centred[:, 2] - centred[:, :2] @ slope
    before, after = np.sum(weight * centred[:, 2] ** 2), np.sum(weight * residual**2)
    tilt = FloorTilt((float(slope[0]), float(slope[1])), float(1 - after / before) if before > 0 else 0.0)
    enough = MIN_EXPLAINED if len(voters) > 1 else MIN_EXPLAINED_ALONE
    flat = tilt.explained >= enough and float(np.mean(np.abs(residual) < _INLIER_M)) >= MIN_INLIERS
    if not flat or not TILT_DEG[0] <= tilt.angle_deg <= TILT_DEG[1]:
        return None
    agreeing = [_misfit(clip, slope) < _misfit(clip, np.zeros(2)) for clip in voters]
    return tilt if np.mean(agreeing) >= MIN_AGREEING else None


def _covered_m(clip: Stances) -> float:
    """Largest distance between stances along the horizontal direction in which they spread most."""
    places = np.concatenate(clip)[:, :2]
    if len(places) < 3:
        return 0.0
    _, axes = np.linalg.eigh(np.cov(places.T))
    return float(np.ptp(places @ axes[:, -1]))


def _robust_slope(points: Array, group: NDArray[np.intp]) -> tuple[Array, Array, Array, int]:
    """Return points less the weighted mean of their group, weights, slope and its number of free directions."""
    count = int(group.max()) + 1
    slope, free = np.zeros(2), 0
    height = np.array([np.median(points[group == g, 2]) for g in range(count)])
    centred, weight = points, np.ones(len(points))
    for width in _WIDTHS_M:
        residual = points[:, 2] - height[group] - points[:, :2] @ slope
        weight = 1 / (1 + (residual / width) ** 2) ** 2
        total = np.bincount(group, weight, count)
        mean = np.stack([np.bincount(group, weight * column, count) / total for column in points.T], axis=-1)
        centred = points - mean[group]
        scatter = (weight[:, None] * centred[:, :2]).T @ centred[:, :2]
        variance, axes = np.linalg.eigh(scatter / weight.sum())
        axes = axes[:, variance >= MIN_SPREAD_M**2]
        free = axes.shape[1]
        if not free:
            return centred, weight, np.zeros(2), 0
        target = (weight[:, None] * centred[:, :2]).T @ centred[:, 2]
        slope = axes @ np.linalg.solve(axes.T @ scatter @ axes, axes.T @ target)
        height = mean[:, 2] - mean[:, :2] @ slope
    return centred, weight, slope, free


def _misfit(clip: Stances, slope: Array) -> float:
    """Mean absolute distance of stance heights from the median of their foot, once the slope is taken off."""
    heights = [foot[:, 2] - foot[:, :2] @ slope for foot in clip if len(foot) > 1]
    return float(np.mean(np.concatenate([np.abs(h - np.median(h)) for h in heights]))) if heights else 0.0
