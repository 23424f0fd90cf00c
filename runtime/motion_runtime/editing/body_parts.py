"""Body parts by name, and how a motion's part is held while the rest is made anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.resample import resample
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX
from motion_runtime.motion import Motion

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_LIMBS: Final = {
    "arm": ("collar", "shoulder", "elbow", "wrist"),
    "leg": ("hip", "knee", "ankle", "foot"),
}


def _parts() -> dict[str, tuple[str, ...]]:
    parts = {f"{side}_{limb}": tuple(f"{side}_{n}" for n in names) for limb, names in _LIMBS.items()
             for side in ("left", "right")}  # fmt: skip
    parts["arms"] = parts["left_arm"] + parts["right_arm"]
    parts["legs"] = parts["left_leg"] + parts["right_leg"]
    parts["trunk"] = ("spine1", "spine2", "spine3")
    parts["head"] = ("neck", "head")
    parts["upper_body"] = parts["trunk"] + parts["head"] + parts["arms"]
    parts["lower_body"] = ("pelvis", *parts["legs"])
    return parts


BODY_PARTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(_parts())
"""Joints whose turns a part holds. 'lower_body' has the pelvis: its place and orientation in the room are held too."""


@dataclass(frozen=True, eq=False)
class Pose:
    """One pose of P persons in the room."""

    rotations: Array
    """(P, 22, 3, 3); entry 0 is the body's orientation in the room."""
    root_m: Array
    """(P, 3) pelvis."""

    @classmethod
    def of(cls, motion: Motion, time_s: float | None = None) -> Pose:
        """Take the pose of a motion at a time, by default the last one.

        Raises:
            InputError: The motion is shorter.
        """
        frame = motion.frames - 1 if time_s is None else frame_at(time_s, motion.frames, motion.fps, "the pose")
        return cls(
            motion.local_rotations[:, frame].astype(np.float64), motion.root_position_m[:, frame].astype(np.float64)
        )


@dataclass(frozen=True, eq=False)
class Hold:
    """A body part that moves as in another motion, or stays as in a pose."""

    part: str
    """One of `BODY_PARTS`."""
    rotations: Array
    """(P, T, 22, 3, 3); T = 1 is held throughout, else frame by frame as far as it goes."""
    root_m: Array
    """(P, T, 3) pelvis in the room."""
    fps: float
    """Frames a second."""

    def __post_init__(self) -> None:
        if self.part not in BODY_PARTS:
            known = ", ".join(BODY_PARTS)
            raise InputError(f"expected one of {known}, got '{self.part}' for the body part to hold; choose one")
        persons, frames = self.root_m.shape[:2]
        if self.rotations.shape != (persons, frames, JOINT_COUNT, 3, 3) or self.root_m.shape[2:] != (3,):
            raise InputError(
                f"expected (P, T, {JOINT_COUNT}, 3, 3), got {self.rotations.shape} for what is held; "
                "give rotations and pelvis positions of one motion"
            )
        if not (np.isfinite(self.rotations).all() and np.isfinite(self.root_m).all()):
            raise InputError("expected finite numbers, got NaN or infinity for what is held; make the motion anew")

    @classmethod
    def of(cls, part: str, motion: Motion, time_s: float | None = None) -> Hold:
        """Hold a part as in a motion: all along it, or as it is at one time."""
        which = slice(None)
        if time_s is not None:
            frame = frame_at(time_s, motion.frames, motion.fps, f"holding the {part}")
            which = slice(frame, frame + 1)
        rotations, root = motion.local_rotations[:, which], motion.root_position_m[:, which]
        return cls(part, rotations.astype(np.float64), root.astype(np.float64), motion.fps)

    @property
    def joints(self) -> Mask:
        """(22,) joints that are held."""
        mask = np.zeros(JOINT_COUNT, np.bool_)
        mask[[JOINT_INDEX[name] for name in BODY_PARTS[self.part]]] = True
        return mask

    def frames(self, fps: float, count: int) -> tuple[Array, Array]:
        """Rotations (P, T, 22, 3, 3) and pelvis (P, T, 3) at another frame rate, T at most `count`."""
        if self.root_m.shape[1] == 1:
            return np.repeat(self.rotations, count, axis=1), np.repeat(self.root_m, count, axis=1)
        if abs(self.fps - fps) > 1e-6:
            people = [resample(r, p, self.fps, fps) for r, p in zip(self.rotations, self.root_m, strict=True)]
            rotations, root = (np.stack(parts) for parts in zip(*people, strict=True))
            return rotations[:, :count], root[:, :count]
        return self.rotations[:, :count], self.root_m[:, :count]


def frame_at(time_s: float, frames: int, fps: float, what: str) -> int:
    """Frame at a time; the very end of a motion is its last frame.

    Raises:
        InputError: The time is before the start or beyond the end.
    """
    seconds = frames / fps
    if not 0 <= time_s <= seconds + 1e-6:
        raise InputError(
            f"expected times from 0 to {seconds:g} s, got {time_s:g} s for {what}; the motion is {seconds:g} s long"
        )
    return min(round(time_s * fps), frames - 1)
