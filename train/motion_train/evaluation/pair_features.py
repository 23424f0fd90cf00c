"""What two people do with each other, as numbers that do not depend on place, way or side.

A mirrored pair measures alike: somebody is helped from the left as from the right. Four of the series over time are of
the pair, the same whoever is named first; two change their sign with it. The others come twice, once as each sees them:
own_x of one is other_x of the other.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import point_segment_distance
from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.pose_vector import root_orientation
from motion_preprocessing.skeleton import JOINT_INDEX

Floats = NDArray[np.floating[Any]]
Series = NDArray[np.float64]
OF_PAIR: Final = ("apart", "nearest", "same_way", "drift")
"""Series that are the same whoever is named first."""
OF_EACH: Final = ("ahead", "aside", "trunk_near", "trunk_far", "arm_near", "arm_far", "hand")
"""Series that each has: with `own_` before the name, of the one who is named first."""
OPPOSED: Final = ("above", "head_above")
"""Series that change their sign with who is named first."""
HAND_ON_M: Final = 0.25
"""A palm so near to the axis of a trunk or an arm touches the body, clothes and the roundness of it included."""
_PALM_M: Final = 0.08
"""Middle of the palm, beyond the wrist."""
_PELVIS, _NECK, _HEAD = (JOINT_INDEX[name] for name in ("pelvis", "neck", "head"))
_SHOULDERS, _ELBOWS, _WRISTS = (
    [JOINT_INDEX[f"{side}_{part}"] for side in ("left", "right")] for part in ("shoulder", "elbow", "wrist")
)
_COURSE: Final = 8


def pair_series(own_m: Floats, other_m: Floats, fps: float) -> dict[str, Series]:
    """What goes on between two people (T, 22, 3), each (T,).

    `apart`: horizontal distance of the pelves. `nearest`: of any two joints. `same_way`: cosine between the ways that
    they face. `drift`: speed of one pelvis as seen from the other, m/s. `above`, `head_above`: how much higher the own
    pelvis or head is. Of each: `ahead`, `aside`: where the other one's pelvis is, before the body and to a side of it;
    `trunk_near`, `trunk_far`, `arm_near`, `arm_far`: distance of the palms to the other one's trunk or arms, of the
    nearer one and of the farther one; `hand`: of the nearer one to what it is nearest to.
    """
    own, other = (np.asarray(joints, dtype=np.float64) for joints in (own_m, other_m))
    way = [heading_rad(root_orientation(joints)) for joints in (own, other)]
    between = other[:, _PELVIS] - own[:, _PELVIS]
    found = {
        "apart": np.hypot(between[:, 0], between[:, 1]),
        "nearest": np.linalg.norm(own[:, :, None] - other[:, None], axis=-1).min(axis=(1, 2)),
        "same_way": np.cos(way[1] - way[0]),
        "drift": np.linalg.norm(np.gradient(between, axis=0), axis=-1) * fps,
        "above": -between[:, 2],
        "head_above": own[:, _HEAD, 2] - other[:, _HEAD, 2],
    }
    for who, one, another, facing, offset in (
        ("own", own, other, way[0], between), ("other", other, own, way[1], -between),
    ):  # fmt: skip
        c, s = np.cos(facing), np.sin(facing)
        to_trunk, to_arms = _hands(one, another)
        found |= {
            f"{who}_ahead": c * offset[:, 0] + s * offset[:, 1],
            f"{who}_aside": np.abs(c * offset[:, 1] - s * offset[:, 0]),
            f"{who}_trunk_near": to_trunk.min(axis=1),
            f"{who}_trunk_far": to_trunk.max(axis=1),
            f"{who}_arm_near": to_arms.min(axis=1),
            f"{who}_arm_far": to_arms.max(axis=1),
            f"{who}_hand": np.minimum(to_trunk, to_arms).min(axis=1),
        }
    return found


def _hands(one: Series, another: Series) -> tuple[Series, Series]:
    """Distances of both palms (T, 2) to another's trunk and to the nearest part of their arms."""
    fore = one[:, _WRISTS] - one[:, _ELBOWS]
    palms = one[:, _WRISTS] + _PALM_M * fore / np.maximum(np.linalg.norm(fore, axis=-1, keepdims=True), 1e-9)
    trunk = point_segment_distance(palms, another[:, None, _PELVIS], another[:, None, _NECK])
    starts, ends = _SHOULDERS + _ELBOWS, _ELBOWS + _WRISTS
    arms = point_segment_distance(palms[:, :, None], another[:, None, starts], another[:, None, ends])
    return trunk, arms.min(axis=-1)


def raised_m(height_m: Floats, hand_m: Floats) -> float:
    """How far somebody rises in all while a hand of the other one is on them; both (T,)."""
    on = np.asarray(hand_m) < HAND_ON_M
    return float(np.maximum(np.diff(height_m), 0.0)[on[1:] & on[:-1]].sum())


def pair_features(own_m: Floats, other_m: Floats, fps: float) -> NDArray[np.float32]:
    """Statistics (F,) of `pair_series` over a window, and how the most telling of them go."""
    found = pair_series(own_m, other_m, fps)
    series = np.stack(list(found.values()), axis=1)  # (T, C)
    at = np.linspace(0, len(series) - 1, _COURSE).round().astype(int)
    rises = [
        raised_m(body[:, joint, 2], found[f"{who}_hand"])
        for who, body in (("own", other_m), ("other", own_m))
        for joint in (_PELVIS, _HEAD)
    ]
    parts = [
        np.quantile(series, (0.1, 0.5, 0.9), axis=0),
        series.std(axis=0),
        series[-1] - series[0],
        *(found[name][at] for name in ("apart", "above", "head_above", "own_hand", "other_hand")),
        [float((found[f"{who}_hand"] < HAND_ON_M).mean()) for who in ("own", "other")],
        rises,
    ]
    return np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in parts]).astype(np.float32)
