"""Where the camera of a preview stands: three-quarter view, everybody in the picture, little hidden by furniture."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.skeleton import JOINT_INDEX
from motion_runtime.canvas import Camera
from motion_runtime.room_view import RoomView

AnyArray = NDArray[np.floating[Any]]
Cameras = TypeVar("Cameras")
Array = NDArray[np.float64]

ELEVATION_RAD: Final = math.radians(24)
_STEEP_RAD: Final = math.radians(55)
"""Tried where furniture as high as people stands all around them."""
_STEEP_COST: Final = 0.2
_HARDLY_HIDDEN: Final = 0.1
FOCAL_WIDTHS: Final = 1.35
"""Focal length in picture widths: a mild telephoto lens keeps proportions true."""
_AZIMUTHS: Final = 24
_SIDE_RAD: Final = math.radians(52)
_STANDING_M: Final = 1.7
_COARSE_PX: Final = 96
_COARSE_POINTS: Final = 30_000
_COARSE_TILE_POINTS: Final = 10_000
"""Fewer where each direction is looked at from eight places."""


def facing(joints_m: AnyArray) -> Array:
    """Horizontal unit direction (..., 2) that the hips of (..., 22, 3) joints face."""
    joints = np.asarray(joints_m, dtype=np.float64)
    across = joints[..., JOINT_INDEX["left_hip"], :2] - joints[..., JOINT_INDEX["right_hip"], :2]
    forward = np.stack([across[..., 1], -across[..., 0]], axis=-1)
    norm = np.linalg.norm(forward, axis=-1, keepdims=True)
    return np.where(norm > 1e-6, forward / np.maximum(norm, 1e-6), np.array([1.0, 0.0]))


def fit_camera(
    points_m: AnyArray,
    azimuth_rad: float,
    size: tuple[int, int],
    margins_px: tuple[float, float, float, float],
    elevation_rad: float = ELEVATION_RAD,
) -> Camera:
    """Stand where all points (N, 3) are inside the picture less its margins (left, top, right, bottom)."""
    width, height = size
    left, top, right, bottom = margins_px
    focal = FOCAL_WIDTHS * width
    points = np.asarray(points_m, dtype=np.float64)
    target, distance = (points.min(axis=0) + points.max(axis=0)) / 2, 6.0
    for _ in range(12):
        camera = Camera.look_at(target, azimuth_rad, elevation_rad, distance, focal, size)
        view = (points - camera.eye_m) @ camera.axes.T
        x, y = focal * view[:, 0] / view[:, 2], -focal * view[:, 1] / view[:, 2]
        # Pixels by which the points' box is off the middle of what the margins leave, and how much too large it is.
        off_x = (x.max() + x.min()) / 2 - (left - right) / 2
        off_y = (y.max() + y.min()) / 2 - (top - bottom) / 2
        target = target + distance / focal * (off_x * camera.axes[0] - off_y * camera.axes[1])
        scale = max((x.max() - x.min()) / (width - left - right), (y.max() - y.min()) / (height - top - bottom))
        # Everything must stay in front of the camera while it comes closer.
        behind = float(distance - view[:, 2].min())
        distance = max(behind + (distance - behind) * scale, behind + 1.5)
    return Camera.look_at(target, azimuth_rad, elevation_rad, distance, focal, size)


def choose_camera(
    joints_m: AnyArray, room: RoomView | None, size: tuple[int, int], margins_px: tuple[float, float, float, float]
) -> tuple[Camera, float]:
    """Choose the fixed camera of a preview.

    Of 24 directions the one wins that sees people from the front and the side (52 degrees off their facing), shows
    them large, and hides few of their joints behind the room's points. Where all hide many, it may look down on them.

    Args:
        joints_m: (P, T, 22, 3).
        room: What is drawn of the room, if there is one.
        size: Width and height in pixels.
        margins_px: Left, top, right and bottom margins that people keep clear of.

    Returns:
        The camera and its azimuth in radians.
    """
    joints = np.asarray(joints_m, dtype=np.float64)
    sample = joints[:, np.unique(np.linspace(0, joints.shape[1] - 1, 12).astype(np.int64))]
    box = framed_points(sample.reshape(-1, 3), surroundings_m=0.9 if room is not None else 0.35)
    if room is not None:
        room = room.thinned(_COARSE_POINTS)

    def look(azimuth: float, elevation: float) -> tuple[Camera, float, float]:
        camera = fit_camera(box, azimuth, size, margins_px, elevation)
        distance = float((sample.reshape(-1, 3).mean(axis=0) - camera.eye_m) @ camera.axes[2])
        hidden = 0.0 if room is None else hidden_share(sample, room, camera, azimuth)
        return camera, distance, hidden

    return _best(joints, look)


def choose_following_cameras(
    joints_m: AnyArray,
    picked: NDArray[np.integer[Any]],
    room: RoomView | None,
    size: tuple[int, int],
    margins_px: tuple[float, float, float, float],
) -> tuple[list[Camera], float]:
    """Choose the cameras of a contact sheet: one a moment, all of the same direction, moving along with the people.

    The direction wins as in `choose_camera`, by what these cameras see; and no single moment, as that of a fall, is
    to be hidden for the sake of the others.

    Args:
        joints_m: (P, T, 22, 3).
        picked: (K,) frames that are shown.
        room: What is drawn of the room, if there is one.
        size: Width and height in pixels.
        margins_px: Left, top, right and bottom margins that people keep clear of.

    Returns:
        K cameras and their azimuth in radians.
    """
    joints = np.asarray(joints_m, dtype=np.float64)
    moments = joints[:, picked]
    if room is not None:
        room = room.thinned(_COARSE_TILE_POINTS)

    def look(azimuth: float, elevation: float) -> tuple[list[Camera], float, float]:
        cameras = following_cameras(moments, azimuth, size, margins_px, elevation)
        distance = float((moments[:, 0].reshape(-1, 3).mean(axis=0) - cameras[0].eye_m) @ cameras[0].axes[2])
        if room is None:
            return cameras, distance, 0.0
        pairs = zip(cameras, np.moveaxis(moments, 1, 0), strict=True)
        hidden = [hidden_share(people, room, camera, azimuth) for camera, people in pairs]
        return cameras, distance, float(np.mean(hidden)) + 0.5 * max(hidden)

    return _best(joints, look)


def following_cameras(
    joints_m: AnyArray,
    azimuth_rad: float,
    size: tuple[int, int],
    margins_px: tuple[float, float, float, float],
    elevation_rad: float = ELEVATION_RAD,
) -> list[Camera]:
    """One camera for each of T moments (P, T, 22, 3): same direction and scale, moving along the floor with people."""
    joints = np.asarray(joints_m, dtype=np.float64)
    centres = joints[:, :, 0, :2].mean(axis=0)  # (T, 2)
    still = joints - np.concatenate([centres, np.zeros((len(centres), 1))], axis=-1)[None, :, None, :]
    box = framed_points(still.reshape(-1, 3), surroundings_m=0.3)
    base = fit_camera(box, azimuth_rad, size, margins_px, elevation_rad)
    return [
        Camera(base.eye_m + np.array([x, y, 0.0]), base.axes, base.focal_px, base.width, base.height)
        for x, y in centres
    ]


def _best(
    joints: Array, look: Callable[[float, float], tuple[Cameras, float, float]]
) -> tuple[Cameras, float]:
    """The cameras that show people (P, T, 22, 3) best, and their azimuth.

    Args:
        joints: The people.
        look: Gives, for an azimuth and an elevation, cameras, their distance and how much of people is hidden.
    """
    # The first person's facing at the start: whatever follows is seen in relation to it.
    direction = facing(joints[0, : max(1, joints.shape[1] // 5)]).mean(axis=0)
    heading = math.atan2(direction[1], direction[0])
    best: tuple[float, Cameras, float] | None = None
    for elevation, steep in ((ELEVATION_RAD, 0.0), (_STEEP_RAD, _STEEP_COST)):
        least_hidden = math.inf
        for k in range(_AZIMUTHS):
            azimuth = heading + 2 * math.pi * k / _AZIMUTHS
            cameras, distance, hidden = look(azimuth, elevation)
            least_hidden = min(least_hidden, hidden)
            turn = abs(math.remainder(azimuth - heading, 2 * math.pi))
            cost = 0.35 * (1 - math.cos(turn - _SIDE_RAD)) + 0.15 * math.log(distance) + 2.0 * hidden + steep
            if best is None or cost < best[0] - 1e-9:
                best = (cost, cameras, azimuth)
        if least_hidden < _HARDLY_HIDDEN:
            break  # somewhere round the people they are seen: nobody has to look down on them
    assert best is not None
    return best[1], best[2]


def framed_points(joints_m: AnyArray, surroundings_m: float) -> Array:
    """Return the points to keep in the picture: joints (N, 3) grown by a body's flesh and by some floor around.

    A standing person always fits above them, so that a person who lies is not drawn as a giant.
    """
    joints = np.asarray(joints_m, dtype=np.float64)
    flesh = np.array([[0.12, 0, 0.2], [-0.12, 0, 0.2], [0, 0.12, 0.2], [0, -0.12, 0.2]])
    around = surroundings_m * np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
    floor = joints * np.array([1.0, 1.0, 0.0])
    standing = np.concatenate([joints[:, :2], np.full((len(joints), 1), _STANDING_M)], axis=1)
    grown = [(joints[:, None] + flesh).reshape(-1, 3), (floor[:, None] + around).reshape(-1, 3), standing]
    return np.concatenate(grown)


def hidden_share(joints_m: AnyArray, room: RoomView, camera: Camera, azimuth_rad: float) -> float:
    """Share of joints (..., 22, 3) behind a point of the room, on a coarse picture; 0..1."""
    joints = np.asarray(joints_m, dtype=np.float64).reshape(-1, 3)
    towards = (math.cos(azimuth_rad), math.sin(azimuth_rad))
    centre = joints[:, :2].mean(axis=0)
    opened = room.opened(towards, (float(centre[0]), float(centre[1])))
    cell = camera.width / _COARSE_PX
    rows = math.ceil(camera.height / cell)
    depth = np.full((rows, _COARSE_PX), np.inf)
    x, y, z = camera.project(opened.points_m)
    column, row = np.floor(x / cell).astype(np.int64), np.floor(y / cell).astype(np.int64)
    ahead = (z > 0.1) & ~opened.floor
    # A point near the camera stands for more than the cell it falls into.
    wide = camera.focal_px * opened.size_m / np.maximum(z, 0.1) > cell
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            seen = ahead & (wide | (dx == dy == 0))
            seen &= (column >= -dx) & (column < _COARSE_PX - dx) & (row >= -dy) & (row < rows - dy)
            np.minimum.at(depth, (row[seen] + dy, column[seen] + dx), z[seen])
    x, y, z = camera.project(joints)
    column = np.clip(np.floor(x / cell).astype(np.int64), 0, _COARSE_PX - 1)
    row = np.clip(np.floor(y / cell).astype(np.int64), 0, rows - 1)
    # A seat touches who sits on it: only what is clearly nearer hides.
    return float((depth[row, column] < z - 0.25).mean())
