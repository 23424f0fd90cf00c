"""One piece of furniture as a cloud of surface points, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Item:
    """Furniture in its own frame: front towards +x (a bed's foot end), z up, the floor at z = 0, metres."""

    object_class: str
    """Name in OBJECT_CLASSES."""
    points_m: Floats
    """(M, 3) points of its surface."""
    low_m: Floats
    """(3,) least corner of its box."""
    high_m: Floats
    """(3,) greatest corner."""
    support_m: float | None = None
    """Height of its seat, mattress or top, where it has one."""
    source: str = ""
    """Id of the library's item; '' for a procedural one."""
    boxes: tuple[tuple[float, float, float, float, float, float], ...] = ()
    """What it is made of, x0, x1, y0, y1, z0, z1; empty where that is not known."""

    @property
    def rectangle(self) -> tuple[float, float, float, float]:
        """Outline x0, x1, y0, y1."""
        return float(self.low_m[0]), float(self.high_m[0]), float(self.low_m[1]), float(self.high_m[1])


@dataclass(frozen=True)
class Placed:
    """An item in the room."""

    object_class: str
    origin_m: tuple[float, float]
    """Where the item's origin stands: under the pelvis for a seat in use."""
    yaw_rad: float
    """Direction of its front, counter-clockwise from +x; a bed's foot end."""
    rectangle_m: tuple[float, float, float, float]
    """Outline x0, x1, y0, y1 in the item's own frame."""
    height_m: float
    """Highest point."""
    support_m: float | None
    """Height of seat, mattress, top or step."""
    source: str = ""
    """Id of the library's item; '' for a procedural one."""
    boxes: tuple[tuple[float, float, float, float, float, float], ...] = ()
    """What it is made of, in the item's own frame; empty where that is not known."""

    @property
    def corners_m(self) -> NDArray[np.float64]:
        """(4, 2) corners of the outline in the room, in order around it."""
        x0, x1, y0, y1 = self.rectangle_m
        own = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
        return np.asarray(to_world(own, self.yaw_rad, np.array(self.origin_m)), dtype=np.float64)


def to_world(points: Floats, yaw_rad: float, origin_xy: Floats) -> Floats:
    """Turn points (..., 2 or 3) about z, then shift them to `origin_xy`."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    result = np.array(points)
    result[..., 0] = c * points[..., 0] - s * points[..., 1] + origin_xy[0]
    result[..., 1] = s * points[..., 0] + c * points[..., 1] + origin_xy[1]
    return result


def to_item(points: Floats, yaw_rad: float, origin_xy: Floats) -> Floats:
    """Undo `to_world`."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    x, y = points[..., 0] - origin_xy[0], points[..., 1] - origin_xy[1]
    result = np.array(points)
    result[..., 0] = c * x + s * y
    result[..., 1] = c * y - s * x
    return result


def place(item: Item, origin_xy: Floats, yaw_rad: float) -> tuple[Placed, Floats]:
    """Put an item into the room; also return its points there."""
    placed = Placed(
        item.object_class, (float(origin_xy[0]), float(origin_xy[1])), float(yaw_rad), item.rectangle,
        float(item.high_m[2]), item.support_m, item.source, item.boxes,
    )  # fmt: skip
    return placed, to_world(item.points_m, yaw_rad, origin_xy)
