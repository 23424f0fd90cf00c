"""A walking skeleton before a camera, every joint of which is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.poses.matching import SHARED
from motion_preprocessing.poses.track import KEYPOINT_NAMES, PersonTrack
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.skeleton import JOINT_INDEX, REST_OFFSETS_M

Array = NDArray[np.float64]

CAMERA = Intrinsics(900.0, 900.0, 640.0, 360.0, 1280, 720)
UPRIGHT = np.diag([1.0, -1.0, -1.0])
"""A body that stands upright and faces a level camera: its up is the camera's -y, its front the camera's -z."""


def _person(
    track_id: int, path_m: Array, rng: np.random.Generator, camera: Intrinsics = CAMERA, spread_rad: float = 0.3
) -> PersonTrack:
    """A person whose pelvis takes `path_m` (T, 3) in the camera frame; annotation and pose both true."""
    count = len(path_m)
    blank = PersonTrack.blank(track_id, np.arange(count))
    rotations = np.asarray(matrix_from_rotation_vector(rng.normal(0.0, spread_rad, (count, 22, 3))))
    rotations[:, 0] = UPRIGHT @ rotations[:, 0]
    track = replace(
        blank,
        rotations=rotations,
        translation_m=path_m - REST_OFFSETS_M[0],
        present=np.ones(count, dtype=np.bool_),
        score=np.ones(count),
    )
    pixels = camera.project(track.joints_m())
    keypoints = np.zeros((count, len(KEYPOINT_NAMES), 3))
    for name in SHARED:
        keypoints[:, KEYPOINT_NAMES.index(name), :2] = pixels[:, JOINT_INDEX[name]]
        keypoints[:, KEYPOINT_NAMES.index(name), 2] = 2
    box = np.concatenate([pixels.min(axis=1), pixels.max(axis=1)], axis=1)
    return replace(track, predicted_2d=pixels, keypoints_2d=keypoints, box=box)


@pytest.fixture
def person() -> Callable[..., PersonTrack]:
    return _person


@pytest.fixture
def camera() -> Intrinsics:
    return CAMERA
