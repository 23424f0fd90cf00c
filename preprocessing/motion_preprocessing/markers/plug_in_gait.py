"""The 39 markers of the Plug-in Gait full-body set and where they sit on the project's skeleton.

Places are rough anatomy in metres, body axes (x left, y up, z forward), relative to the joint that carries the marker,
on the T-pose of the project's skeleton with its palms down. They are only where a calibration starts and what it falls
back to: `calibration` moves them by centimetres to where the markers of a subject really sit.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, JOINT_NAMES, PARENTS

_MIDDLE: Final = {
    "C7": ("spine3", (0.0, 0.18, -0.07)),
    "T10": ("spine3", (0.0, -0.05, -0.125)),
    "CLAV": ("spine3", (0.0, 0.09, 0.07)),
    "STRN": ("spine3", (0.0, -0.13, 0.12)),
    "RBAK": ("spine3", (-0.11, 0.09, -0.11)),
}
_LEFT: Final = {
    "FHD": ("head", (0.065, 0.09, 0.08)),
    "BHD": ("head", (0.065, 0.09, -0.08)),
    "SHO": ("left_collar", (0.085, 0.08, -0.01)),
    "UPA": ("left_shoulder", (0.13, 0.05, -0.015)),
    "ELB": ("left_shoulder", (0.255, 0.03, -0.025)),
    "FRM": ("left_elbow", (0.12, 0.045, 0.0)),
    "WRA": ("left_elbow", (0.24, 0.015, 0.035)),
    "WRB": ("left_elbow", (0.24, 0.015, -0.035)),
    "FIN": ("left_wrist", (0.075, 0.025, 0.0)),
    "ASI": ("pelvis", (0.125, 0.0, 0.055)),
    "PSI": ("pelvis", (0.05, 0.03, -0.15)),
    "THI": ("left_hip", (0.11, -0.2, 0.02)),
    "KNE": ("left_hip", (0.09, -0.375, 0.0)),
    "TIB": ("left_knee", (0.05, -0.2, -0.02)),
    "ANK": ("left_knee", (0.035, -0.4, -0.04)),
    "HEE": ("left_ankle", (0.005, -0.03, -0.065)),
    "TOE": ("left_ankle", (0.02, -0.025, 0.115)),
}  # fmt: skip


def _placed() -> dict[str, tuple[str, tuple[float, float, float]]]:
    placed: dict[str, tuple[str, tuple[float, float, float]]] = dict(_MIDDLE)
    for name, (joint, (x, y, z)) in _LEFT.items():
        placed[f"L{name}"] = (joint, (x, y, z))
        placed[f"R{name}"] = (joint.replace("left", "right"), (-x, y, z))
    return placed


_PLACED: Final = _placed()
MARKERS: Final[tuple[str, ...]] = tuple(_PLACED)
"""Names of the 39 markers."""
CARRIER: Final[NDArray[np.intp]] = np.array([JOINT_INDEX[joint] for joint, _ in _PLACED.values()])
"""(39,) joint that carries each marker."""
PLACES_M: Final[NDArray[np.float64]] = np.array([place for _, place in _PLACED.values()])
"""(39, 3) where it sits, relative to that joint."""

_SPREAD_M: Final = {
    "THI": 0.06, "TIB": 0.06, "UPA": 0.05, "FRM": 0.05, "T10": 0.05, "STRN": 0.05, "RBAK": 0.05, "CLAV": 0.03,
    "FHD": 0.04, "BHD": 0.04, "FIN": 0.025, "C7": 0.025,
}  # fmt: skip
SPREAD_M: Final[NDArray[np.float64]] = np.array([_SPREAD_M.get(m, _SPREAD_M.get(m[1:], 0.012)) for m in MARKERS])
"""(39,) how far each marker's place differs from person to person: little on bony landmarks, much along a limb."""

_GROUPS: Final = (
    ("hips", ("hip",)),
    ("thighs", ("knee",)),
    ("shins", ("ankle",)),
    ("feet", ("foot",)),
    ("trunk", ("spine1", "spine2", "spine3", "neck")),
    ("head", ("head",)),
    ("shoulders", ("collar", "shoulder")),
    ("upper arms", ("elbow",)),
    ("forearms", ("wrist",)),
)
GROUPS: Final[tuple[str, ...]] = tuple(name for name, _ in _GROUPS)
"""Bones that are scaled together, both sides alike."""


def _group_of_joint() -> NDArray[np.intp]:
    found = np.zeros(JOINT_COUNT, dtype=np.intp)
    for number, (_, ends) in enumerate(_GROUPS):
        for joint, name in enumerate(JOINT_NAMES):
            if name.removeprefix("left_").removeprefix("right_") in ends:
                found[joint] = number
    return found


GROUP: Final = _group_of_joint()
"""(22,) group of the bone that ends in each joint (of no meaning for the pelvis)."""

MOVED: Final[tuple[int, ...]] = tuple(j for j, n in enumerate(JOINT_NAMES) if n not in ("left_foot", "right_foot"))
"""Joints whose rotation the markers tell; toes stay in line with the foot."""


def chain(joint: int) -> list[int]:
    """Return the joint and all its ancestors, the root first."""
    found = [joint]
    while PARENTS[found[-1]] >= 0:
        found.append(PARENTS[found[-1]])
    return found[::-1]
