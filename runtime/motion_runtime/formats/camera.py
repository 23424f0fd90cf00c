"""The still camera through which label files see a motion: level, in front of where the first person faces.

Camera axes as Kinect's: x to the camera's left, y up, z where it looks; metres, right-handed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_runtime.motion import Motion
from motion_runtime.views.view_camera import ViewCamera

Array = NDArray[np.float64]

WIDTH: Final = 1920
HEIGHT: Final = 1080
FOCAL_PX: Final = 1081.4
"""Kinect's colour camera, as NTU RGB+D was recorded with."""
_HEIGHT_M: Final = 1.1
_NEAREST_M: Final = 3.0
_MARGIN: Final = 1.15


@dataclass(frozen=True, eq=False)
class StillCamera:
    """A level pinhole camera of 1920 x 1080 pixels."""

    position_m: Array
    """(3,) in the room."""
    yaw_rad: float
    """Where it looks: 0 = +x, counter-clockwise from above."""

    def from_room(self, points_m: NDArray[np.floating[Any]]) -> Array:
        """Points (..., 3) of the room in camera axes."""
        c, s = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        # Rows: the camera's left, up and forward in the room.
        rows = np.array([[-s, c, 0.0], [0.0, 0.0, 1.0], [c, s, 0.0]])
        return np.asarray((np.asarray(points_m, dtype=np.float64) - self.position_m) @ rows.T)

    def as_dict(self) -> dict[str, Any]:
        """What camera.json says: pixels of the room's points by any program that knows a pinhole camera."""
        # Axes of computer vision, x right and y down, in place of Kinect's.
        rows = self.from_room(self.position_m + np.eye(3)).T * [[-1.0], [-1.0], [1.0]]
        camera_from_room = np.eye(4)
        camera_from_room[:3] = np.column_stack([rows, -rows @ self.position_m])
        return {
            "format_version": 1,
            "width": WIDTH,
            "height": HEIGHT,
            "frame": "room",
            "intrinsics": [[FOCAL_PX, 0.0, 0.5 * WIDTH], [0.0, FOCAL_PX, 0.5 * HEIGHT], [0.0, 0.0, 1.0]],
            "camera_from_room": np.round(camera_from_room, 9).tolist(),
        }

    def as_view(self) -> ViewCamera:
        """The same camera as one of those that people give."""
        pose = self.as_dict()["camera_from_room"]
        return ViewCamera(
            "front", WIDTH, HEIGHT, FOCAL_PX, FOCAL_PX, 0.5 * WIDTH, 0.5 * HEIGHT, tuple(map(tuple, pose))
        )

    def project(self, points_m: NDArray[np.floating[Any]]) -> Array:
        """Pixels (..., 2) of points (..., 3) of the room: right and down from the top left corner."""
        x, y, z = np.moveaxis(self.from_room(points_m), -1, 0)
        ahead = np.maximum(z, 0.05)  # behind the camera there is no picture; the caller keeps people before it
        return np.stack([0.5 * WIDTH - FOCAL_PX * x / ahead, 0.5 * HEIGHT - FOCAL_PX * y / ahead], axis=-1)


def camera_for(motion: Motion) -> StillCamera:
    """Place the camera so that everybody is in the picture throughout."""
    joints = motion.joints_m.astype(np.float64)
    low, high = joints.min(axis=(0, 1, 2)), joints.max(axis=(0, 1, 2))
    centre = 0.5 * (low + high)
    # The first person's forward axis at the start; lying bodies face up or down, then any direction does.
    forward = (motion.local_rotations[0, 0, 0].astype(np.float64) @ np.array([0.0, 0.0, 1.0]))[:2]
    facing = math.atan2(forward[1], forward[0]) if np.hypot(*forward) > 0.3 else 0.0
    yaw = facing + math.pi
    camera = StillCamera(np.array([centre[0], centre[1], _HEIGHT_M]), yaw)
    x, y, z = np.moveaxis(camera.from_room(joints), -1, 0)
    # A point is in the picture when f |x| / (z + d) is at most half its width, so for the distance d:
    needed = max(
        float(np.max(FOCAL_PX * np.abs(x) * _MARGIN / (0.5 * WIDTH) - z)),
        float(np.max(FOCAL_PX * np.abs(y) * _MARGIN / (0.5 * HEIGHT) - z)),
        _NEAREST_M - float(z.min()),
    )
    back = needed * np.array([math.cos(yaw), math.sin(yaw), 0.0])
    return StillCamera(camera.position_m - back, yaw)
