"""What a person looks like in pictures: bones, joints and head in the colour of the person's class.

The body's left is lighter, its right darker, so that legs that cross can be told apart; a nose shows where the person
faces.
"""

from __future__ import annotations

import colorsys
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.skeleton import BONES, JOINT_INDEX, JOINT_NAMES

Array = NDArray[np.float64]
AnyArray = NDArray[np.floating[Any]]

CLASS_COLORS: Final[dict[str, tuple[float, float, float]]] = {
    "person": (0.20, 0.46, 0.86),
    "staff": (0.10, 0.62, 0.47),
    "patient": (0.90, 0.45, 0.17),
}
_OTHER_COLOR: Final = (0.58, 0.40, 0.80)

_BONE_RADIUS_M: Final[dict[str, float]] = {
    "hip": 0.080, "spine1": 0.095, "knee": 0.060, "spine2": 0.095, "ankle": 0.044, "spine3": 0.100, "foot": 0.036,
    "neck": 0.050, "collar": 0.065, "head": 0.050, "shoulder": 0.055, "elbow": 0.041, "wrist": 0.034,
}  # fmt: skip
_HEAD_RADIUS_M: Final = 0.105
_HEAD_ABOVE_JOINT_M: Final = 0.07


class Figure(NamedTuple):
    """Capsules of one person in one frame, ready for `Canvas.draw_capsules`."""

    starts_m: Array
    ends_m: Array
    radii_m: Array
    colors: Array


def person_color(person_class: str, twin: int = 0) -> tuple[float, float, float]:
    """Colour of a class; the second, third ... person of one class (`twin` 1, 2 ...) gets a neighbouring hue."""
    hue, light, saturation = colorsys.rgb_to_hls(*CLASS_COLORS.get(person_class, _OTHER_COLOR))
    shift = (0.0, 0.075, -0.075, 0.13)[twin % 4]
    return colorsys.hls_to_rgb((hue + shift) % 1.0, light + (0.06 if shift else 0.0), saturation)


def twins(person_classes: tuple[str, ...]) -> list[int]:
    """How many people of the same class stand before each person in the list."""
    return [person_classes[:i].count(name) for i, name in enumerate(person_classes)]


def figure(joints_m: AnyArray, color: tuple[float, float, float]) -> Figure:
    """Build a person's capsules from joints (22, 3) in metres."""
    joints = np.asarray(joints_m, dtype=np.float64)
    tint = {"left": _mix(color, (1, 1, 1), 0.42), "right": _mix(color, (0, 0, 0), 0.26)}
    starts, ends, radii, colors = [], [], [], []

    def add(start: Array, end: Array, radius: float, shade: Array) -> None:
        starts.append(start)
        ends.append(end)
        radii.append(radius)
        colors.append(shade)

    for parent, child in BONES:
        side, _, part = JOINT_NAMES[child].rpartition("_")
        # Trunk, hips and collars keep one colour: a striped chest reads as noise.
        shade = tint[side] if side and part not in ("hip", "collar") else np.array(color)
        add(joints[parent], joints[child], _BONE_RADIUS_M[part], shade)
        if part in ("knee", "ankle", "elbow", "wrist"):
            # A slightly thicker, darker joint keeps bent and straight limbs apart.
            add(joints[child], joints[child], _BONE_RADIUS_M[part] * 1.12, _mix(shade, (0, 0, 0), 0.22))
    for side in ("left", "right"):
        for tail, tip, length, radius in (("elbow", "wrist", 0.13, 0.036), ("ankle", "foot", 0.06, 0.032)):
            start = joints[JOINT_INDEX[f"{side}_{tip}"]]
            add(start, start + length * _unit(start - joints[JOINT_INDEX[f"{side}_{tail}"]]), radius, tint[side])
    chest, across = joints[JOINT_INDEX["spine3"]], joints[JOINT_INDEX["left_hip"]] - joints[JOINT_INDEX["right_hip"]]
    for share in (-0.28, 0.28):
        # Two pillars beside the spine give the trunk its width, so that its turning is seen.
        add(joints[JOINT_INDEX["pelvis"]] + share * across, chest + 1.25 * share * across, 0.085, np.array(color))
    neck, head = joints[JOINT_INDEX["neck"]], joints[JOINT_INDEX["head"]]
    # The head joint lies before the neck: the line from the chest up is the head's own axis.
    axis = _unit(_unit(head - joints[JOINT_INDEX["spine3"]]) + 0.3 * _unit(head - neck))
    middle = head + _HEAD_ABOVE_JOINT_M * axis
    add(middle, middle + 0.03 * axis, _HEAD_RADIUS_M, _mix(color, (1, 1, 1), 0.15))
    across = joints[JOINT_INDEX["left_shoulder"]] - joints[JOINT_INDEX["right_shoulder"]]
    face = _unit(np.cross(across, axis))
    nose = middle + 0.9 * _HEAD_RADIUS_M * face
    add(nose, nose + 0.04 * face, 0.024, _mix(color, (0, 0, 0), 0.30))
    return Figure(np.stack(starts), np.stack(ends), np.array(radii), np.stack(colors))


def _mix(color: Any, other: Any, share: float) -> Array:
    return np.asarray((1 - share) * np.asarray(color, dtype=np.float64) + share * np.asarray(other, dtype=np.float64))


def _unit(v: Array) -> Array:
    norm = float(np.linalg.norm(v))
    return v / norm if norm > 1e-9 else np.zeros_like(v)
