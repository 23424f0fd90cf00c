"""The record of one person through one capture: what every importer yields and every later step reads.

Camera frame: OpenCV's (x right, y down, z forward), metres; pixels with the origin at the image's top left corner.
Rotations are SMPL's: local to the parent joint, entry 0 the root's orientation in the camera frame (it takes SMPL's
body axes, x left, y up, z forward, to the camera's).

SMPL turns the body about its root JOINT, which is not at `transl`: the pelvis lies at `translation_m` plus the body's
rest pelvis position, unrotated (`pelvis_m`). Who turns the world must therefore turn the pelvis and solve for the
translation, never turn `translation_m` by itself.

A frame without a pose has `present` False; its numbers are finite but mean nothing (identity, zeros), so that arrays
stay whole and a mask, not a NaN, says what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import JOINT_COUNT, REST_OFFSETS_M

Array = NDArray[np.float64]

KEYPOINT_NAMES: Final[tuple[str, ...]] = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
"""COCO's 17 keypoints, in its order."""
KEYPOINT_COUNT: Final = len(KEYPOINT_NAMES)
BETA_COUNT: Final = 10

_TRAILING: Final[dict[str, tuple[int, ...]]] = {
    "present": (),
    "rotations": (JOINT_COUNT, 3, 3),
    "betas": (BETA_COUNT,),
    "translation_m": (3,),
    "box": (4,),
    "keypoints_2d": (KEYPOINT_COUNT, 3),
    "predicted_2d": (JOINT_COUNT, 2),
    "score": (),
}


@dataclass(frozen=True, eq=False)
class PersonTrack:
    """One person in the T frames of a capture, in the frame of the camera."""

    track_id: int
    """Number of the person, the same in every frame of the capture."""
    person_class: str
    """One of `motion_preprocessing.sequence.PERSON_CLASSES`."""
    action: tuple[str, ...]
    """(T,) what the person is annotated to do; '' where nothing is said."""
    frames: NDArray[np.int64]
    """(T,) frame numbers in the capture, rising; a number that is skipped is a frame the person is not seen in."""
    present: NDArray[np.bool_]
    """(T,) whether there is a pose; steps that reject a pose clear this and leave the numbers."""
    rotations: Array
    """(T, 22, 3, 3) local rotations; entry 0 is the root in the camera frame."""
    betas: Array
    """(T, 10) SMPL's shape coefficients."""
    translation_m: Array
    """(T, 3) SMPL's `transl` in the camera frame, metres."""
    box: Array
    """(T, 4) annotated box x0 y0 x1 y1, pixels; zeros where there is no annotation."""
    keypoints_2d: Array
    """(T, 17, 3) annotated COCO keypoints: x, y in pixels, and visibility (0 not annotated, 1 hidden, 2 seen)."""
    predicted_2d: Array
    """(T, 22, 2) the pose's joints in the image, pixels."""
    score: Array = field(repr=False)
    """(T,) the predictor's confidence 0..1; 1 for a pose whose predictor gives none, 0 where there is no pose."""

    def __post_init__(self) -> None:
        count = len(self.frames)
        named = f"track {self.track_id}"
        if np.shape(self.frames) != (count,) or np.any(np.diff(self.frames) <= 0):
            raise InputError(f"expected rising frame numbers (T,), got others for {named}; sort the frames")
        if len(self.action) != count:
            raise InputError(f"expected {count} actions, got {len(self.action)} for {named}; give one a frame")
        for name, trailing in _TRAILING.items():
            shape = np.shape(getattr(self, name))
            if shape != (count, *trailing):
                raise InputError(f"expected shape {(count, *trailing)}, got {shape} for {name} of {named}; reshape it")

    def __len__(self) -> int:
        return len(self.frames)

    @classmethod
    def blank(cls, track_id: int, frames: Sequence[int] | NDArray[Any], person_class: str = "person") -> PersonTrack:
        """Return a track without a single pose or annotation, to be filled with `dataclasses.replace`."""
        count = len(frames)
        return cls(
            track_id=track_id,
            person_class=person_class,
            action=("",) * count,
            frames=np.asarray(frames, dtype=np.int64),
            present=np.zeros(count, dtype=np.bool_),
            rotations=np.broadcast_to(np.eye(3), (count, JOINT_COUNT, 3, 3)).copy(),
            betas=np.zeros((count, BETA_COUNT)),
            translation_m=np.zeros((count, 3)),
            box=np.zeros((count, 4)),
            keypoints_2d=np.zeros((count, KEYPOINT_COUNT, 3)),
            predicted_2d=np.zeros((count, JOINT_COUNT, 2)),
            score=np.zeros(count),
        )

    def at(self, index: slice | NDArray[Any]) -> PersonTrack:
        """Return the track in some of its frames: a slice, a mask (T,) or rising indices."""
        chosen = np.arange(len(self))[index]
        arrays = {f.name: getattr(self, f.name)[index] for f in fields(self) if f.name in (*_TRAILING, "frames")}
        return replace(self, action=tuple(self.action[i] for i in chosen), **arrays)

    def without(self, rejected: NDArray[np.bool_]) -> PersonTrack:
        """Return the track with the poses of the frames `rejected` (T,) marked as missing."""
        return replace(self, present=self.present & ~rejected)

    def pelvis_m(self, offsets_m: NDArray[np.float64] = REST_OFFSETS_M) -> Array:
        """Return the pelvis joint (T, 3) in the camera frame; `offsets_m[0]` is the body's rest pelvis position."""
        return np.asarray(self.translation_m + offsets_m[0])

    def joints_m(self, offsets_m: NDArray[np.float64] = REST_OFFSETS_M) -> Array:
        """Return the joints (T, 22, 3) in the camera frame, metres.

        Args:
            offsets_m: (22, 3) the body at rest: entry 0 is where the pelvis lies for `transl` = 0, the others are
                relative to the parent joint. The project's skeleton has its pelvis at the origin.
        """
        return np.asarray(forward_kinematics(self.rotations, self.pelvis_m(offsets_m), offsets_m)[0])
