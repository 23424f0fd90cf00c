"""What is known of a motion before it is made: places of joints, turns of joints, and a way over the floor.

Every request for an edit (keyframes, a start or end pose, a held body part, a path) ends up in these four arrays over
persons and frames, each with its mask. Metres and radians, Z up; in the room's frame until `in_frame` moves them into
the frame that a window of the motion is generated in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import geodesic_angle
from motion_preprocessing.skeleton import JOINT_COUNT, PARENTS
from motion_runtime.placement import Placement

Array = NDArray[np.float64]
AnyArray = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Constraints:
    """Known values of P persons over T frames; where a mask is False the value is 0 (rotations: the identity)."""

    positions_m: Array
    """(P, T, 22, 3) places of joints."""
    position_mask: Mask
    """(P, T, 22)."""
    rotations: Array
    """(P, T, 22, 3, 3) turns relative to the parent joint; entry 0 is the body's orientation."""
    rotation_mask: Mask
    """(P, T, 22)."""
    floor_m: Array
    """(P, T, 2) where the pelvis is over the floor; holds for known pelvis positions too."""
    floor_mask: Mask
    """(P, T)."""
    yaw_rad: Array
    """(P, T) direction that the body faces, counter-clockwise from +x."""
    yaw_mask: Mask
    """(P, T)."""

    @classmethod
    def none(cls, persons: int, frames: int) -> Constraints:
        """Nothing is known."""
        lead = (persons, frames)
        return cls(
            positions_m=np.zeros((*lead, JOINT_COUNT, 3)),
            position_mask=np.zeros((*lead, JOINT_COUNT), np.bool_),
            rotations=np.tile(np.eye(3), (*lead, JOINT_COUNT, 1, 1)),
            rotation_mask=np.zeros((*lead, JOINT_COUNT), np.bool_),
            floor_m=np.zeros((*lead, 2)),
            floor_mask=np.zeros(lead, np.bool_),
            yaw_rad=np.zeros(lead),
            yaw_mask=np.zeros(lead, np.bool_),
        )

    @property
    def empty(self) -> bool:
        """Whether nothing is known."""
        masks = (self.position_mask, self.rotation_mask, self.floor_mask, self.yaw_mask)
        return not any(bool(mask.any()) for mask in masks)

    def set_positions(self, person: int, frame: int, positions_m: Array, mask: Mask) -> None:
        """Know joints (22, 3) where `mask` (22,) says so; later calls win."""
        self.positions_m[person, frame, mask] = positions_m[mask]
        self.position_mask[person, frame] |= mask
        if mask[0]:
            self.set_floor(person, frame, positions_m[0, :2])

    def set_rotations(self, person: int, frame: int, rotations: Array, mask: Mask) -> None:
        """Know rotations (22, 3, 3) where `mask` (22,) says so; later calls win."""
        self.rotations[person, frame, mask] = rotations[mask]
        self.rotation_mask[person, frame] |= mask
        if mask[0]:
            self.set_yaw(person, frame, float(heading_rad(rotations[0])))

    def set_pose(self, person: int, frame: int, rotations: Array, root_m: Array) -> None:
        """Know a whole pose: rotations (22, 3, 3), pelvis (3,) and what follows from them."""
        everything = np.ones(JOINT_COUNT, np.bool_)
        self.set_rotations(person, frame, rotations, everything)
        self.set_positions(person, frame, np.asarray(forward_kinematics(rotations, root_m)[0]), everything)

    def set_floor(self, person: int, frame: int, xy_m: Array) -> None:
        """Know where the pelvis is over the floor."""
        self.floor_m[person, frame] = xy_m
        self.floor_mask[person, frame] = True

    def set_yaw(self, person: int, frame: int, yaw_rad: float) -> None:
        """Know where the body faces."""
        self.yaw_rad[person, frame] = yaw_rad
        self.yaw_mask[person, frame] = True

    def completed(self) -> Constraints:
        """The same with the places that follow: of joints down to which every turn is known, from the pelvis on."""
        pelvis = self.positions_m[..., 0, :]
        joints = np.asarray(forward_kinematics(self.rotations, pelvis)[0])
        turned = self.rotation_mask.copy()  # whether the turn in the room is known
        placed = self.position_mask & (np.arange(JOINT_COUNT) == 0)
        for joint, parent in enumerate(PARENTS):
            if parent >= 0:
                placed[..., joint] = placed[..., parent] & turned[..., parent]
                turned[..., joint] &= turned[..., parent]
        new = placed & ~self.position_mask
        return replace(
            self,
            positions_m=np.where(new[..., None], joints, self.positions_m),
            position_mask=self.position_mask | new,
        )

    def window(self, first: int, end: int) -> Constraints:
        """The same of frames first .. end - 1."""
        return self._part((slice(None), slice(first, end)))

    def of(self, people: list[int]) -> Constraints:
        """The same of some persons."""
        return self._part((people,))

    def _part(self, part: tuple[Any, ...]) -> Constraints:
        return Constraints(
            self.positions_m[part], self.position_mask[part], self.rotations[part], self.rotation_mask[part],
            self.floor_m[part], self.floor_mask[part], self.yaw_rad[part], self.yaw_mask[part],
        )  # fmt: skip

    def in_frame(self, placement: Placement) -> Constraints:
        """The same in the canonical frame that stands at `placement`."""
        turn = placement.rotation.T
        rotations = self.rotations.copy()
        rotations[..., 0, :, :] = turn @ rotations[..., 0, :, :]
        floor = np.concatenate([self.floor_m, np.zeros((*self.floor_m.shape[:2], 1))], axis=-1)
        return replace(
            self,
            positions_m=placement.to_canonical(self.positions_m),
            rotations=rotations,
            floor_m=placement.to_canonical(floor)[..., :2],
            yaw_rad=self.yaw_rad - placement.heading_rad,
        )


@dataclass(frozen=True)
class Miss:
    """How far a motion is from what was asked, at worst."""

    position_m: float
    """Of joints and of the way over the floor."""
    angle_rad: float
    """Of rotations and facing."""

    def as_dict(self) -> dict[str, float]:
        """As run.json has it."""
        return {"position_m": round(self.position_m, 5), "angle_deg": round(math.degrees(self.angle_rad), 3)}


def worst_miss(constraints: Constraints, rotations: AnyArray, root_m: AnyArray) -> Miss:
    """Measure a motion, rotations (P, T, 22, 3, 3) and pelvis (P, T, 3), against what is known of it."""
    c = constraints
    rotations, root_m = np.asarray(rotations, np.float64), np.asarray(root_m, np.float64)
    joints = np.asarray(forward_kinematics(rotations, root_m)[0])
    places = np.linalg.norm(joints - c.positions_m, axis=-1)[c.position_mask]
    way = np.linalg.norm(root_m[..., :2] - c.floor_m, axis=-1)[c.floor_mask]
    turns = np.asarray(geodesic_angle(rotations, c.rotations))[c.rotation_mask]
    facing = np.abs(wrapped(heading_rad(rotations[..., 0, :, :]) - c.yaw_rad))[c.yaw_mask]
    return Miss(
        float(np.concatenate([places, way]).max(initial=0.0)), float(np.concatenate([turns, facing]).max(initial=0.0))
    )


def wrapped(angle_rad: Array) -> Array:
    """The same angle within half a turn of zero."""
    return np.asarray((angle_rad + np.pi) % (2 * np.pi) - np.pi)
