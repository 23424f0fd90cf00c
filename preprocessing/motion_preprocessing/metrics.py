"""How plausible a motion is, from its 22 joints alone: no downloaded evaluator, numpy only.

Metres, Z up, the floor is z = 0, `fps` frames a second. One person's joints are (T, 22, 3), a motion's (P, T, 22, 3).
A figure that cannot be measured (too few frames, no second person, no room) is NaN. None of these figures is good or
bad alone: always print the real recordings' own value beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import body_capsules, point_segment_distance, segment_distance
from motion_preprocessing.errors import InputError
from motion_preprocessing.skeleton import BONES, FEET, JOINT_COUNT, JOINT_INDEX, REST_OFFSETS_M

Array = NDArray[np.float64]
AnyArray = NDArray[np.floating[Any]]

CONTACT_HEIGHT_M: Final = 0.05
SKATE_SPEED_M_S: Final = 0.5
SKATE_WINDOW: Final = 5
UPRIGHT_PELVIS_M: Final = 0.4
FLOOR_TOLERANCE_M: Final = 0.005
SCENE_TOLERANCE_M: Final = 0.02
KNEE_LIMITS_DEG: Final = (-5.0, 150.0)
ELBOW_LIMITS_DEG: Final = (-5.0, 155.0)


def foot_skate_ratio(joints_m: AnyArray, fps: float) -> float:
    """Share of frames in which a foot slides over the floor, 0..1 (Karunratanakul et al. 2023, GMD).

    A step is a pair of neighbouring frames. A foot (joints 10, 11) is in contact when it is lower than 5 cm in both
    frames; it skates when in contact with a horizontal speed above 0.5 m/s, both in this step and in the mean of the
    five steps around it (fewer at the ends). A step counts when either foot skates. Steps with the pelvis below 0.4 m
    in either frame are left out: whoever lies or crawls has no stance.

    Args:
        joints_m: (T, 22, 3).
        fps: Frames a second.

    Returns:
        Skating steps / steps with the pelvis up; NaN without such a step.
    """
    joints = np.asarray(joints_m, dtype=np.float64)
    if joints.shape[0] < 2:
        return math.nan
    feet = joints[:, list(FEET)]
    speed = np.linalg.norm(np.diff(feet[..., :2], axis=0), axis=-1) * fps  # (T-1, 2)
    low = feet[..., 2] < CONTACT_HEIGHT_M
    skating = low[:-1] & low[1:] & (speed > SKATE_SPEED_M_S) & (_moving_mean(speed, SKATE_WINDOW) > SKATE_SPEED_M_S)
    up = joints[:, 0, 2] >= UPRIGHT_PELVIS_M
    counted = up[:-1] & up[1:]
    return float(skating.any(axis=1)[counted].mean()) if counted.any() else math.nan


class FloorFit(NamedTuple):
    """How the lowest joint stands to the floor (Yuan et al. 2023, PhysDiff; Tevet et al. 2024, CLoSD)."""

    penetration_mm: float
    """Mean over frames of max(0, -(h + 5 mm)), h the height of the lowest of the 22 joints."""
    float_mm: float
    """Mean over frames of max(0, h - 5 mm). Joints are inside the body: a lying person 'floats' by half its depth."""
    skate_mm: float
    """Mean horizontal shift per frame of the joint that is lowest, over the frames in which it is on the floor
    (h <= 5 mm) and is again in the next one. Depends on the frame rate; NaN if nothing ever rests on the floor."""


def floor_fit(joints_m: AnyArray) -> FloorFit:
    """Measure penetration, float and skate of (T, 22, 3) joints in millimetres; see `FloorFit`."""
    joints = np.asarray(joints_m, dtype=np.float64)
    lowest = np.argmin(joints[..., 2], axis=1)
    height = joints[np.arange(len(joints)), lowest, 2]
    before, after = joints[np.arange(len(joints) - 1), lowest[:-1]], joints[np.arange(1, len(joints)), lowest[:-1]]
    resting = (before[:, 2] <= FLOOR_TOLERANCE_M) & (after[:, 2] <= FLOOR_TOLERANCE_M)
    shift = np.linalg.norm(after[:, :2] - before[:, :2], axis=-1)
    return FloorFit(
        1000 * float(np.maximum(0.0, -(height + FLOOR_TOLERANCE_M)).mean()),
        1000 * float(np.maximum(0.0, height - FLOOR_TOLERANCE_M).mean()),
        1000 * float(shift[resting].mean()) if resting.any() else math.nan,
    )


def jerk_m_s3(joints_m: AnyArray, fps: float) -> Array:
    """Norm of the third difference of position times fps^3, (T-3, 22) in m/s^3, for (T, 22, 3) joints.

    Compare its distribution with real recordings (`quantiles`, `ks_distance`); lower is not better: falls must spike.
    Its maximum over joints and frames is FlowMDM's peak jerk (Barquero et al. 2024).
    """
    third = np.diff(np.asarray(joints_m, dtype=np.float64), n=3, axis=0)
    return np.asarray(np.linalg.norm(third, axis=-1) * fps**3)


def bone_length_drift_percent(joints_m: AnyArray) -> Array:
    """Standard deviation over time / mean length of each of the 21 bones, in percent, (21,); from (T, 22, 3) joints.

    Bodies have no telescopes: 0 for exact kinematics.
    """
    joints = np.asarray(joints_m, dtype=np.float64)
    length = np.linalg.norm(joints[:, [c for _, c in BONES]] - joints[:, [p for p, _ in BONES]], axis=-1)
    mean = length.mean(axis=0)
    return np.asarray(100 * np.divide(length.std(axis=0), mean, out=np.zeros_like(mean), where=mean > 0))


def knee_flexion_deg(joints_m: AnyArray, local_rotations: AnyArray | None = None) -> Array:
    """Angle between thigh and shank about the knee's hinge, degrees, (..., 2) left and right.

    0 is a straight leg, positive bends the heel towards the seat, negative is bent backwards; the rest pose reads 6.

    Args:
        joints_m: (..., 22, 3).
        local_rotations: (..., 22, 3, 3), if known: the hinge is then the thigh's own lateral axis. Else it is guessed
            as that of shank and foot, which a pointed or twisted foot leads astray; where these are parallel within 10
            degrees the bend counts as forward.
    """
    joints = np.asarray(joints_m, dtype=np.float64)
    angles = []
    for side in ("left", "right"):
        hip, knee, ankle, foot = (JOINT_INDEX[f"{side}_{name}"] for name in ("hip", "knee", "ankle", "foot"))
        if local_rotations is not None:
            shank = np.asarray(local_rotations, dtype=np.float64)[..., knee, :, :] @ REST_OFFSETS_M[ankle]
            thigh_rad = math.atan2(-REST_OFFSETS_M[knee][2], -REST_OFFSETS_M[knee][1])
            angles.append(np.arctan2(-shank[..., 2], -shank[..., 1]) - thigh_rad)
            continue
        thigh = _unit(joints[..., knee, :] - joints[..., hip, :])
        shank = _unit(joints[..., ankle, :] - joints[..., knee, :])
        hinge = np.cross(_unit(joints[..., foot, :] - joints[..., ankle, :]), shank)
        bend, cosine = np.cross(thigh, shank), np.sum(thigh * shank, axis=-1)
        unsigned = np.arctan2(np.linalg.norm(bend, axis=-1), cosine)
        signed = np.arctan2(np.sum(bend * _unit(hinge), axis=-1), cosine)
        angles.append(np.where(np.linalg.norm(hinge, axis=-1) > math.sin(math.radians(10)), signed, unsigned))
    return np.asarray(np.degrees(np.stack(angles, axis=-1)))


def elbow_flexion_deg(joints_m: AnyArray, local_rotations: AnyArray | None = None) -> Array:
    """Angle between upper arm and forearm, degrees, (..., 2) left and right; 0 is a straight arm.

    Args:
        joints_m: (..., 22, 3).
        local_rotations: (..., 22, 3, 3), if known: a forearm that leans behind the upper arm, against the way elbows
            bend, then counts negative, by its angle out of the arm's frontal plane. Joint positions alone do not tell
            which way an elbow bends; the angle is then never negative.
    """
    joints = np.asarray(joints_m, dtype=np.float64)
    angles = []
    for side in ("left", "right"):
        shoulder, elbow, wrist = (JOINT_INDEX[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
        upper, fore = joints[..., elbow, :] - joints[..., shoulder, :], joints[..., wrist, :] - joints[..., elbow, :]
        bend = np.linalg.norm(np.cross(upper, fore), axis=-1)
        angle = np.arctan2(bend, np.sum(upper * fore, axis=-1))
        if local_rotations is not None:
            rest = REST_OFFSETS_M[wrist] / np.linalg.norm(REST_OFFSETS_M[wrist])
            turned = np.asarray(local_rotations, dtype=np.float64)[..., elbow, :, :] @ rest
            # In the T-pose elbows bend forwards, which is z in body axes, whichever the side.
            forward = np.arcsin(np.clip(turned[..., 2], -1, 1))
            angle = np.where(forward < 0, forward, angle)
        angles.append(angle)
    return np.asarray(np.degrees(np.stack(angles, axis=-1)))


def joint_limit_share(joints_m: AnyArray, local_rotations: AnyArray | None = None) -> float:
    """Share of frames with a knee outside -5..150 or an elbow outside -5..155 degrees, 0..1.

    Args:
        joints_m: (T, 22, 3).
        local_rotations: (T, 22, 3, 3), if known; see `knee_flexion_deg` and `elbow_flexion_deg`.
    """
    knee, elbow = knee_flexion_deg(joints_m, local_rotations), elbow_flexion_deg(joints_m, local_rotations)
    outside = _outside(knee, KNEE_LIMITS_DEG) | _outside(elbow, ELBOW_LIMITS_DEG)
    return float(outside.any(axis=-1).mean())


def person_penetration_m(a_joints_m: AnyArray, b_joints_m: AnyArray) -> Array:
    """Deepest overlap of two people's capsules in each frame, metres, (T,); 0 where they are apart. Both (T, 22, 3).

    The overlap of two capsules is the sum of their radii less the distance of their segments.
    """
    a, b = body_capsules(a_joints_m), body_capsules(b_joints_m)
    gap = segment_distance(
        a.starts_m[:, :, None], a.ends_m[:, :, None], b.starts_m[:, None], b.ends_m[:, None]
    )  # (T, C, C)
    overlap = a.radii_m[:, None] + b.radii_m[None, :] - gap
    return np.asarray(np.maximum(0.0, overlap.max(axis=(1, 2))))


def scene_penetration_m(joints_m: AnyArray, points_m: AnyArray) -> Array:
    """Depth of the deepest scene point inside the body's capsules in each frame, metres, (T,); 0 where none is.

    Args:
        joints_m: (T, 22, 3).
        points_m: (N, 3) points of furniture, walls and other obstacles in the frame of the joints. Leave the floor out:
            feet stand on it.
    """
    capsules = body_capsules(joints_m)
    points = np.asarray(points_m, dtype=np.float64).reshape(-1, 3)
    low = np.minimum(capsules.starts_m, capsules.ends_m) - capsules.radii_m[:, None]  # (T, C, 3)
    high = np.maximum(capsules.starts_m, capsules.ends_m) + capsules.radii_m[:, None]
    points = _inside_box(points, low.min(axis=(0, 1)), high.max(axis=(0, 1)))
    depth = np.zeros(len(low))
    for frame in range(len(low)):
        near = _inside_box(points, low[frame].min(axis=0), high[frame].max(axis=0))
        for c, radius in enumerate(capsules.radii_m):
            close = _inside_box(near, low[frame, c], high[frame, c])
            if len(close):
                gap = point_segment_distance(close, capsules.starts_m[frame, c], capsules.ends_m[frame, c])
                depth[frame] = max(depth[frame], float(radius - gap.min()))
    return depth


def quantiles(values: AnyArray, at: Iterable[float] = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)) -> dict[str, float]:
    """Quantiles of a sample, interpolated linearly, under names such as 'q95'; NaN for an empty one."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    return {f"q{100 * q:02g}": float(np.quantile(flat, q)) if flat.size else math.nan for q in at}


def ks_distance(sample: AnyArray, reference: AnyArray) -> float:
    """Two-sample Kolmogorov-Smirnov statistic: the largest gap between the two distribution functions, 0..1."""
    a, b = np.sort(np.ravel(sample)), np.sort(np.ravel(reference))
    if not a.size or not b.size:
        return math.nan
    both = np.concatenate([a, b])
    gap = np.searchsorted(a, both, side="right") / a.size - np.searchsorted(b, both, side="right") / b.size
    return float(np.abs(gap).max())


@dataclass(frozen=True)
class MotionMetrics:
    """Every figure of one motion; several people are averaged frame by frame unless said otherwise."""

    people: int
    """Number of people P."""
    frames: int
    """Number of frames T."""
    fps: float
    """Frames a second."""
    foot_skate_ratio: float
    """Share of steps with a skating foot, 0..1, mean over people; see `foot_skate_ratio`."""
    penetration_mm: float
    """How deep the lowest joint is below the floor; see `FloorFit`."""
    float_mm: float
    """How high the lowest joint is above the floor; see `FloorFit`."""
    skate_mm: float
    """How far the lowest joint shifts a frame while on the floor; see `FloorFit`."""
    jerk_mean_m_s3: float
    """Mean over joints and frames; see `jerk_m_s3`."""
    jerk_q50_m_s3: float
    """Median over joints and frames."""
    jerk_q95_m_s3: float
    """95th percentile over joints and frames."""
    jerk_peak_m_s3: float
    """Largest over people, joints and frames."""
    bone_drift_mean_percent: float
    """Mean over people and bones; see `bone_length_drift_percent`."""
    bone_drift_worst_percent: float
    """Largest over people and bones."""
    joint_limit_share: float
    """Share of frames with an impossible knee or elbow, 0..1; see `joint_limit_share`."""
    person_penetration_share: float = math.nan
    """Share of frames in which two people overlap, 0..1; NaN for one person."""
    person_penetration_mean_cm: float = math.nan
    """Mean over frames of the deepest overlap of any two people (0 where they are apart)."""
    person_penetration_worst_cm: float = math.nan
    """Deepest overlap in any frame."""
    scene_penetration_share: float = math.nan
    """Share of frames with a scene point more than 2 cm inside a body, mean over people; NaN without a room."""
    scene_penetration_mean_cm: float = math.nan
    """Mean over frames of the depth of the deepest scene point (0 where none is inside)."""
    scene_penetration_worst_cm: float = math.nan
    """Deepest in any frame of anybody."""
    wall_penetration_share: float = math.nan
    """Share of frames with a point of a wall more than 2 cm inside a body, mean over people; NaN without walls."""

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the figures for JSON, which has no NaN: what was not measured is None."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in values.items()}


def evaluate_motion(
    joints_m: AnyArray,
    fps: float,
    scene_points: AnyArray | None = None,
    *,
    local_rotations: AnyArray | None = None,
    wall_points: AnyArray | None = None,
) -> MotionMetrics:
    """Measure a motion.

    Args:
        joints_m: (P, T, 22, 3) metres, Z up, floor z = 0; at least 4 frames.
        fps: Frames a second.
        scene_points: (N, 3) points of obstacles without the floor, in the same frame; None = no room.
        local_rotations: (P, T, 22, 3, 3), if known: joint limits are then measured about the joints' own axes.
        wall_points: (W, 3) points of walls, in the same frame; None, or none at all = no walls are known.

    Returns:
        All figures of `MotionMetrics`.

    Raises:
        InputError: The joints have another shape, too few frames, or are not finite.
    """
    joints = np.asarray(joints_m, dtype=np.float64)
    if joints.ndim != 4 or joints.shape[2:] != (JOINT_COUNT, 3) or joints.shape[0] < 1 or joints.shape[1] < 4:
        raise InputError(
            f"expected joints (P, T >= 4, {JOINT_COUNT}, 3), got {joints.shape} for the motion to measure; give more "
            "frames, or a motion of this skeleton"
        )
    if not np.isfinite(joints).all() or not (math.isfinite(fps) and fps > 0):
        raise InputError(
            "expected finite joints and a positive frame rate, got others for the motion to measure; make it anew"
        )
    turns = [None] * len(joints) if local_rotations is None else list(np.asarray(local_rotations))
    if len(turns) != len(joints) or any(t is not None and t.shape != (*joints.shape[1:3], 3, 3) for t in turns):
        raise InputError(
            f"expected rotations {(*joints.shape[:3], 3, 3)}, got others for the motion to measure; give its own"
        )
    fits = [floor_fit(person) for person in joints]
    jerk = np.stack([jerk_m_s3(person, fps) for person in joints])
    drift = np.stack([bone_length_drift_percent(person) for person in joints])
    between, scene = [math.nan] * 3, [math.nan] * 3
    if len(joints) > 1:
        overlap = np.max([person_penetration_m(a, b) for a, b in combinations(joints, 2)], axis=0)
        between = [float((overlap > 0).mean()), 100 * float(overlap.mean()), 100 * float(overlap.max())]
    if scene_points is not None:
        depth = np.stack([scene_penetration_m(person, scene_points) for person in joints])
        scene = [float((depth > SCENE_TOLERANCE_M).mean()), 100 * float(depth.mean()), 100 * float(depth.max())]
    walls = math.nan
    if wall_points is not None and len(wall_points):
        walls = _nanmean([(scene_penetration_m(one, wall_points) > SCENE_TOLERANCE_M).mean() for one in joints])
    return MotionMetrics(
        people=joints.shape[0],
        frames=joints.shape[1],
        fps=float(fps),
        foot_skate_ratio=_nanmean([foot_skate_ratio(person, fps) for person in joints]),
        penetration_mm=_nanmean([fit.penetration_mm for fit in fits]),
        float_mm=_nanmean([fit.float_mm for fit in fits]),
        skate_mm=_nanmean([fit.skate_mm for fit in fits]),
        jerk_mean_m_s3=float(jerk.mean()),
        jerk_q50_m_s3=float(np.quantile(jerk, 0.5)),
        jerk_q95_m_s3=float(np.quantile(jerk, 0.95)),
        jerk_peak_m_s3=float(jerk.max()),
        bone_drift_mean_percent=float(drift.mean()),
        bone_drift_worst_percent=float(drift.max()),
        joint_limit_share=_nanmean([joint_limit_share(a, b) for a, b in zip(joints, turns, strict=True)]),
        person_penetration_share=between[0],
        person_penetration_mean_cm=between[1],
        person_penetration_worst_cm=between[2],
        scene_penetration_share=scene[0],
        scene_penetration_mean_cm=scene[1],
        scene_penetration_worst_cm=scene[2],
        wall_penetration_share=walls,
    )


@dataclass(frozen=True)
class Spread:
    """One figure over many motions, each motion counting once."""

    mean: float
    std: float
    q05: float
    median: float
    q95: float
    count: int
    """Motions in which the figure could be measured."""


def summarise(metrics: Iterable[MotionMetrics]) -> Mapping[str, Spread]:
    """Spread of every figure of `MotionMetrics` over many motions; motions where it is NaN are left out of it."""
    rows = list(metrics)
    spread: dict[str, Spread] = {}
    for field in fields(MotionMetrics):
        values = np.array([getattr(row, field.name) for row in rows], dtype=np.float64)
        values = values[~np.isnan(values)]
        if values.size:
            q05, median, q95 = (float(q) for q in np.quantile(values, (0.05, 0.5, 0.95)))
            spread[field.name] = Spread(float(values.mean()), float(values.std()), q05, median, q95, values.size)
        else:
            spread[field.name] = Spread(math.nan, math.nan, math.nan, math.nan, math.nan, 0)
    return spread


def _moving_mean(values: Array, window: int) -> Array:
    """Centred mean of (N, M) over the first axis; windows are cut at the ends."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    centre = np.arange(len(values))
    first, last = np.maximum(0, centre - window // 2), np.minimum(len(values), centre + window // 2 + 1)
    return np.asarray((total[last] - total[first]) / (last - first)[:, None])


def _unit(v: Array) -> Array:
    norm = np.linalg.norm(v, axis=-1, keepdims=True)
    return np.asarray(np.divide(v, norm, out=np.zeros_like(v), where=norm > 1e-12))


def _outside(values: Array, limits: tuple[float, float]) -> NDArray[np.bool_]:
    return np.asarray((values < limits[0]) | (values > limits[1]))


def _inside_box(points: Array, low: Array, high: Array) -> Array:
    return points[((points >= low) & (points <= high)).all(axis=1)]


def _nanmean(values: list[float]) -> float:
    measured = [value for value in values if not math.isnan(value)]
    return float(np.mean(measured)) if measured else math.nan
