"""A small ray caster: depth, segments and colours of a room of boxes with people of capsules.

Rays have z = 1 in camera axes, so the distance along a ray IS the depth. Each primitive is cast only through the pixels
that it can cover.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import Capsules
from motion_preprocessing.captures.camera import Intrinsics

Array = NDArray[np.float64]

_LIGHT: Final = np.array([0.3, -0.5, 0.81])
"""Where the light comes from, world axes."""
_NEAR_M: Final = 0.05


@dataclass(frozen=True)
class Box:
    """An upright box turned about z."""

    low: Array
    """(3,) corner in the object's own frame."""
    high: Array
    """(3,)."""
    place: Array
    """(2,) where the object's origin stands, metres."""
    yaw_rad: float
    segment: int
    """What it is called in the mask."""
    color: tuple[int, int, int]


@dataclass(frozen=True)
class View:
    """What a camera sees."""

    depth_m: Array
    """(H, W) along the optical axis."""
    segments: NDArray[np.uint16]
    """(H, W)."""
    colors: NDArray[np.uint8]
    """(H, W, 3)."""


@dataclass(frozen=True)
class Room:
    """An empty room, x and y from 0."""

    size_m: tuple[float, float, float]
    """Along x, y and z."""
    floor: int = 1
    """Segment of the floor."""
    wall: int = 2
    ceiling: int = 3


def cast_room(camera: Intrinsics, world_from_camera: Array, room: Room, boxes: list[Box]) -> View:
    """See the room and its furniture; the camera must be inside.

    Args:
        camera: Its intrinsics.
        world_from_camera: (4, 4).
        room: The shell.
        boxes: What stands in it.
    """
    rotation, eye = world_from_camera[:3, :3], world_from_camera[:3, 3]
    rays = camera.rays() @ rotation.T  # (H, W, 3)
    safe = np.where(np.abs(rays) < 1e-12, 1e-12, rays)
    ends = (np.where(safe > 0, np.array(room.size_m), 0.0) - eye) / safe
    axis = np.argmin(ends, axis=-1)
    depth = np.min(ends, axis=-1)
    segments = np.full(depth.shape, room.wall, dtype=np.uint16)
    segments[(axis == 2) & (rays[..., 2] < 0)] = room.floor
    segments[(axis == 2) & (rays[..., 2] > 0)] = room.ceiling
    colors = np.zeros((*depth.shape, 3))
    for segment, color in ((room.floor, (150, 120, 90)), (room.wall, (205, 205, 195)), (room.ceiling, (235, 235, 235))):
        colors[segments == segment] = color
    # Tiles, so that a picture shows where the floor runs.
    floor = eye + rays * depth[..., None]
    dark = (segments == room.floor) & ((np.floor(floor[..., 0] * 2) + np.floor(floor[..., 1] * 2)) % 2 > 0)
    colors[dark] *= 0.85
    colors *= np.where(axis == 0, 0.9, np.where(axis == 1, 0.8, 1.0))[..., None]
    for box in boxes:
        _cast_box(camera, rotation, eye, rays, box, depth, segments, colors)
    return View(depth, segments, np.clip(colors, 0, 255).astype(np.uint8))


def _cast_box(
    camera: Intrinsics, rotation: Array, eye: Array, rays: Array, box: Box, depth: Array, segments: Any, colors: Array
) -> None:
    c, s = np.cos(box.yaw_rad), np.sin(box.yaw_rad)
    world_from_box = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    origin = np.append(box.place, 0.0)
    corners = np.array([[(box.low, box.high)[i][0], (box.low, box.high)[j][1], (box.low, box.high)[k][2]]
                        for i in (0, 1) for j in (0, 1) for k in (0, 1)])  # fmt: skip
    window = _window(camera, (corners @ world_from_box.T + origin - eye) @ rotation, 0.0)
    if window is None:
        return
    own = rays[window] @ world_from_box
    own = np.where(np.abs(own) < 1e-12, 1e-12, own)
    start = (eye - origin) @ world_from_box
    a, b = (box.low - start) / own, (box.high - start) / own
    near, far = np.minimum(a, b), np.maximum(a, b)
    enter, leave = near.max(axis=-1), far.min(axis=-1)
    hit = (enter <= leave) & (enter > _NEAR_M) & (enter < depth[window])
    axis = near.argmax(axis=-1)
    normal = world_from_box[:, axis] * -np.sign(np.take_along_axis(own, axis[..., None], axis=-1)[..., 0])
    light = 0.65 + 0.35 * np.clip(np.einsum("i,i...->...", _LIGHT, normal), -0.5, 1.0)
    depth[window][hit] = enter[hit]
    segments[window][hit] = box.segment
    colors[window][hit] = np.array(box.color) * light[hit][:, None]


def cast_people(
    view: View, camera: Intrinsics, world_from_camera: Array, people: list[tuple[Capsules, int, tuple[int, int, int]]]
) -> View:
    """Put people in front of what is behind them.

    Args:
        view: The room as seen without them.
        camera: Its intrinsics.
        world_from_camera: (4, 4).
        people: Capsules (C) in the WORLD, segment and colour of each.
    """
    rotation, eye = world_from_camera[:3, :3], world_from_camera[:3, 3]
    rays = camera.rays()
    depth, segments, colors = view.depth_m.copy(), view.segments.copy(), view.colors.astype(np.float64)
    light = _LIGHT @ rotation
    for capsules, segment, color in people:
        starts, ends = (capsules.starts_m - eye) @ rotation, (capsules.ends_m - eye) @ rotation
        for start, end, radius in zip(starts, ends, capsules.radii_m, strict=True):
            window = _window(camera, np.stack([start, end]), float(radius))
            if window is None:
                continue
            enter = hit_capsules(rays[window], start, end, float(radius))
            hit = enter < depth[window]
            points = rays[window][hit] * enter[hit][:, None]
            along = end - start
            fraction = np.clip((points - start) @ along / max(float(along @ along), 1e-12), 0.0, 1.0)
            normal = (points - start - fraction[:, None] * along) / radius
            depth[window][hit] = enter[hit]
            segments[window][hit] = segment
            colors[window][hit] = np.array(color) * (0.65 + 0.35 * np.clip(normal @ light, -0.5, 1.0))[:, None]
    return View(depth, segments, np.clip(colors, 0, 255).astype(np.uint8))


def hit_capsules(rays: Array, starts: Array, ends: Array, radii: Array | float) -> Array:
    """Return how far along rays (..., 3) from the origin capsules are entered; infinity where they are missed.

    All arguments broadcast: ends (..., 3), radii (...). The distance counts in lengths of the ray.
    """
    along = ends - starts
    length = np.linalg.norm(along, axis=-1)
    unit = along / np.where(length > 1e-9, length, 1.0)[..., None]
    # The cylinder: distance r from the axis, between its ends.
    ray_axis = np.sum(rays * unit, axis=-1)
    start_axis = -np.sum(starts * unit, axis=-1)
    ray_off = rays - ray_axis[..., None] * unit
    start_off = -starts - start_axis[..., None] * unit
    t = _first_root(
        np.sum(ray_off * ray_off, axis=-1),
        np.sum(ray_off * start_off, axis=-1),
        np.sum(start_off * start_off, axis=-1) - np.square(radii),
    )
    with np.errstate(invalid="ignore"):
        place = start_axis + t * ray_axis
        t = np.where((place >= 0) & (place <= length), t, np.inf)
    square = np.sum(rays * rays, axis=-1)
    for centre in (starts, ends):
        cap = _first_root(square, -np.sum(rays * centre, axis=-1), np.sum(centre * centre, axis=-1) - np.square(radii))
        t = np.minimum(t, cap)
    return t


def _first_root(a: Array, half_b: Array, c: Array) -> Array:
    """Smaller root of a t^2 + 2 half_b t + c = 0; infinity where there is none ahead of the camera."""
    inside = half_b * half_b - a * c
    good = (inside >= 0) & (a > 1e-15)
    t = (-half_b - np.sqrt(np.where(good, inside, 0.0))) / np.where(good, a, 1.0)
    return np.where(good & (t > 0), t, np.inf)


def _window(camera: Intrinsics, points: Array, radius: float) -> tuple[slice, slice] | None:
    """Pixels that a hull of camera-frame points, grown by `radius`, can cover; None if none."""
    if points[:, 2].max() + radius < _NEAR_M:
        return None
    if points[:, 2].min() - radius < 0.2:
        return slice(0, camera.height), slice(0, camera.width)
    pixels = camera.project(points)
    margin = 1.5 * radius * max(camera.fx, camera.fy) / (float(points[:, 2].min()) - radius) + 1.0
    x0, y0 = np.floor(pixels.min(axis=0) - margin).astype(int)
    x1, y1 = np.ceil(pixels.max(axis=0) + margin).astype(int)
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, camera.width), min(y1, camera.height)
    return (slice(y0, y1), slice(x0, x1)) if x1 > x0 and y1 > y0 else None
