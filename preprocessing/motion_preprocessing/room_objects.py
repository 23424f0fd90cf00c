"""The single things in a room, by the file's labels and instances or, without these, by their shape.

What is left of a scan without floor, walls and ceiling falls into parts that hang together. A part is taken for a seat,
a bed or a table where its largest level surface, its extents and what is above and below that surface leave little
doubt; all others stay unknown. Things that touch are one part, so that a chair pushed under a table is lost in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.components import connected_parts, thin
from motion_preprocessing.head_end import head_direction
from motion_preprocessing.labels import OBJECT_CLASSES, WALL, named_classes, object_class

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene

Array = NDArray[np.float64]

SITTABLE: Final = frozenset({"bed", "chair", "sofa", "stool", "wheelchair", "toilet"})
"""Classes that people sit or lie on."""
_CELL_M: Final = 0.08
"""Width of the cells that surfaces are measured in."""
_APART_M: Final = 0.06
"""Things are told apart where a gap of about this width, or twice as much in a sparse scan, lies between them."""
_MIN_POINTS: Final = 30
_MIN_SIZE_M: Final = 0.2
"""Length and height of the smallest thing worth a name."""
_STRAY_SHARE: Final = 0.05
"""Parts of one labelled thing that are smaller than this are strays of it."""
_WALL_FROM_M: Final = 1.4
"""Points without a label that are higher are of walls, as far as beds are concerned."""
_LEVELS_M: Final = np.arange(0.2, 1.3, 0.02)
_THICK_M: Final = 0.06
_ABOVE_M: Final = 0.18
"""Points this far above a surface are not of it: a back, a pillow's height and more."""


@dataclass(frozen=True, eq=False)
class RoomObject:
    """One thing, in the room's frame."""

    number: int
    """1, 2 ... in the order of their size."""
    name: str
    """'chair', 'chair 2', 'object 3': what it is asked for by."""
    object_class: str
    """One of `OBJECT_CLASSES`."""
    labelled: bool
    """Whether the file says what it is; else it was taken for that by its shape, or is unknown."""
    members: NDArray[np.int64]
    """Indices of its points in the scene."""
    centre_m: tuple[float, float]
    """Of its box."""
    size_m: tuple[float, float, float]
    """Length, width (the shorter one) and the height of its top above the floor."""
    yaw_rad: float
    """Direction of its length, counter-clockwise from +x; a half turn is the same."""
    level_m: float | None
    """Height of its largest level surface: seat, mattress, table top; None where it has none."""
    level_centre_m: tuple[float, float]
    """Middle of that surface."""
    back_m: tuple[float, float]
    """From there to what stands above it, as the back of a chair does; zero where nothing does."""
    head_m: tuple[float, float] = (0.0, 0.0)
    """Unit vector towards the end of a bed at which heads lie; zero for all else, and where nothing tells."""

    def corners(self, grown_m: float = 0.0) -> Array:
        """Corners (4, 2) of its box, counter-clockwise."""
        along, across = self.axes
        half_l, half_w = self.size_m[0] / 2 + grown_m, self.size_m[1] / 2 + grown_m
        signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
        return np.asarray(np.array(self.centre_m) + signs[:, :1] * half_l * along + signs[:, 1:] * half_w * across)

    def gap_m(self, xy_m: Array) -> Array:
        """Distance (N,) from places (N, 2) to its box, 0 inside."""
        own = np.abs((xy_m - np.array(self.centre_m)) @ self.axes.T) - np.array(self.size_m[:2]) / 2
        return np.asarray(np.linalg.norm(np.maximum(own, 0.0), axis=1))

    @property
    def axes(self) -> Array:
        """(2, 2) unit vectors along its length and its width."""
        return _axes(self.yaw_rad)


def _axes(yaw_rad: float) -> Array:
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    return np.array([[c, s], [-s, c]])


def find_objects(scene: Scene, loose: NDArray[np.int64]) -> tuple[RoomObject, ...]:
    """Find the things of a room, the largest first.

    Args:
        scene: The room.
        loose: Indices of the points without a label that may belong to things.
    """
    found: list[tuple[str | None, NDArray[np.int64]]] = [(None, part) for part in _parts(scene, loose)]
    for index, label in enumerate(scene.label_names):
        members = np.flatnonzero((scene.labels == index) & ~scene.structure)
        if len(members):
            found += [(OBJECT_CLASSES[object_class(label)], one) for one in _instances(scene, members)]
    measured = [(name, members, _Shape.of(scene.points_m[members])) for name, members in found]
    measured.sort(key=lambda item: (-item[2].length * item[2].width, item[2].centre))
    seen: dict[str, int] = {}
    objects = []
    walls: Array | None = None
    for number, (known, members, shape) in enumerate(measured, 1):
        kind = guess_class(shape) if known is None else known
        seen[kind] = seen.get(kind, 0) + 1
        head = (0.0, 0.0)
        if kind == "bed" and shape.level is not None:
            walls = _walls(scene) if walls is None else walls
            size = np.array([shape.length, shape.width])
            axes = _axes(shape.yaw)
            head = head_direction(
                scene.points_m[members], np.array(shape.centre), axes, size, shape.level, walls
            )
        name = f"object {number}" if kind in ("unknown", "other") else kind + (f" {seen[kind]}" * (seen[kind] > 1))
        objects.append(
            RoomObject(
                number,
                name,
                kind,
                known is not None,
                members,
                shape.centre,
                (shape.length, shape.width, shape.top),
                shape.yaw,
                shape.level,
                shape.level_centre,
                shape.back,
                head,
            )  # fmt: skip
        )
    return tuple(objects)


def _walls(scene: Scene) -> Array:
    """Points (W, 3) of walls: labelled, or what reaches higher than beds do in a scan without labels."""
    labelled = scene.labelled(WALL)
    if not labelled.any():
        labelled = (scene.labels < 0) & (scene.points_m[:, 2] > _WALL_FROM_M)
    return scene.points_m[labelled].astype(np.float64)


def named(objects: tuple[RoomObject, ...], text: str) -> list[RoomObject]:
    """Things that a few words stand for: one for 'chair 2' or 'object 3', all of the class for 'chair' or 'seat'."""
    words = " ".join(text.lower().split())
    exact = [thing for thing in objects if words in (thing.name, f"object {thing.number}")]
    base, _, number = words.rpartition(" ")
    if number.isdigit():
        classes = named_classes(base)
        of_class = [thing for thing in objects if thing.object_class in classes]
        return exact or of_class[int(number) - 1 : int(number)] * (int(number) > 0)
    classes = named_classes(words)
    return [thing for thing in objects if thing.object_class in classes] or exact


@dataclass(frozen=True)
class _Shape:
    """What is measured of a part."""

    centre: tuple[float, float]
    length: float
    width: float
    top: float
    yaw: float
    level: float | None
    level_centre: tuple[float, float]
    fill: float
    """Part of the box that the level covers."""
    above: float
    """Part of the level's cells with something standing on them."""
    below: float
    """Cells with something between floor and level, beside the level's."""
    back: tuple[float, float]

    @classmethod
    def of(cls, points_m: NDArray[np.floating[Any]]) -> _Shape:
        points = thin(np.asarray(points_m, dtype=np.float64), 0.03)
        centre, length, width, yaw = _box(points[:, :2])
        top = float(np.percentile(points[:, 2], 99))
        cells = np.unique(np.floor(points[:, :2] / _CELL_M).astype(np.int64), axis=0, return_inverse=True)
        places, cell = cells[0], cells[1].reshape(-1)
        level, on = _largest_level(points[:, 2], cell, len(places))
        if level is None:
            return cls(centre, length, width, top, yaw, None, centre, 0.0, 0.0, 0.0, (0.0, 0.0))
        over, under = (
            np.bincount(cell[mask], minlength=len(places)) > 0
            for mask in (
                points[:, 2] > level + _ABOVE_M,
                (points[:, 2] > 0.12) & (points[:, 2] < level - 0.12),
            )
        )
        middle = (places[on].mean(axis=0) + 0.5) * _CELL_M
        back = (0.0, 0.0)
        if over.any():
            offset = (places[over].mean(axis=0) + 0.5) * _CELL_M - middle
            back = (float(offset[0]), float(offset[1]))
        count = max(int(on.sum()), 1)
        return cls(
            centre, length, width, top, yaw, level, (float(middle[0]), float(middle[1])),
            float(on.sum()) * _CELL_M**2 / max(length * width, _CELL_M**2),
            float(over.sum()) / count, float(under.sum()) / count, back,
        )  # fmt: skip


def guess_class(shape: _Shape) -> str:
    """What a part may be by its shape: bed, sofa, chair, table or 'unknown'. Sizes of usual furniture, in metres."""
    level, long, wide = shape.level, shape.length, shape.width
    if level is None or shape.fill < 0.35:
        return "unknown"
    back = float(np.hypot(*shape.back))
    hollow = shape.below < 0.45
    if level >= 0.62 and hollow and long >= 0.45 and wide >= 0.3 and shape.above < 0.5:
        return "table"
    if 1.6 <= long <= 2.5 and 0.7 <= wide <= 2.3 and 0.25 <= level <= 0.85 and shape.top < 1.6:
        if wide < 1.2 and level < 0.53 and 0.2 <= shape.above < 0.8 and back > 0.12 and _across(shape) > 0.7:
            return "sofa"
        return "bed" if shape.above < 0.35 and wide < 2.3 else "unknown"
    if 0.36 <= long <= 1.1 and wide >= 0.33 and 0.33 <= level <= 0.62 and shape.top < 1.4:
        return "chair" if 0.08 <= shape.above < 0.85 and back > 0.1 and shape.top > level + 0.2 else "unknown"
    if 0.35 <= level <= 0.62 and hollow and 0.6 <= long <= 1.8 and wide <= 1.3 and shape.above < 0.15:
        return "table"  # what is larger is a bed that hangs together with what stands beside it
    return "unknown"


def _across(shape: _Shape) -> float:
    """1 where what stands above the level stands along a long side, 0 where at a short one."""
    length = float(np.hypot(*shape.back))
    along = abs(shape.back[0] * math.cos(shape.yaw) + shape.back[1] * math.sin(shape.yaw))
    return 1.0 - along / max(length, 1e-9)


def _largest_level(height: Array, cell: NDArray[np.int64], cells: int) -> tuple[float | None, NDArray[np.bool_]]:
    """Height of the layer that covers most cells, and which (cells,); of near equals the upper one."""
    best, best_count, best_on = None, 0.0, np.zeros(cells, dtype=np.bool_)
    for low in _LEVELS_M:
        inside = (height >= low) & (height < low + _THICK_M)
        if np.count_nonzero(inside) < 4:
            continue
        on = np.bincount(cell[inside], minlength=cells) > 0
        if on.sum() > 1.02 * best_count:
            best, best_count, best_on = float(np.median(height[inside])), float(on.sum()), on
    return best, best_on


def _box(xy: Array) -> tuple[tuple[float, float], float, float, float]:
    """Centre, length, width and direction of a small rectangle round most of the points (N, 2), close to its edges.

    Of a cupboard in a corner two fronts are seen: the smallest rectangle round these would lie askew.
    """
    best: tuple[float, tuple[float, float], float, float, float] | None = None
    for yaw in np.radians(np.arange(0, 90, 3)):
        turn = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
        turned = xy @ turn.T
        low, high = np.percentile(turned, [0.5, 99.5], axis=0)
        size = np.maximum(high - low, 1e-3)
        inside = np.minimum(np.abs(turned - low), np.abs(high - turned)).min(axis=1).mean() / (0.5 * size.min())
        cost = float(size[0] * size[1] * (0.2 + inside))
        if best is None or cost < best[0] - 1e-6:
            middle = turn.T @ ((low + high) / 2)
            long = int(np.argmax(size))
            best = (
                cost, (float(middle[0]), float(middle[1])), float(size[long]), float(size[1 - long]),
                float(yaw + long * np.pi / 2),
            )  # fmt: skip
    assert best is not None
    return best[1:]


def _parts(scene: Scene, loose: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Split points (N,) without labels into things."""
    cloud = scene.points_m[loose].astype(np.float64)
    if not len(cloud):
        return []
    # Twice the usual distance of neighbours must not be a gap: a cell holds some points of each surface in it.
    area = len(thin(cloud, 0.1)) * 0.01
    cell = float(np.clip(2.5 * math.sqrt(area / len(cloud)), _APART_M, 2 * _APART_M))
    parts = connected_parts(cloud, cell)
    things = []
    for part in np.flatnonzero(np.bincount(parts) >= _MIN_POINTS):
        inside = parts == part
        extent = np.subtract(*np.percentile(cloud[inside], [98, 2], axis=0))
        if max(extent[0], extent[1]) >= _MIN_SIZE_M and extent[2] >= _MIN_SIZE_M:
            things.append(loose[inside])
    return things


def _instances(scene: Scene, members: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Split the points of one label into things: by the file's instances, else by what hangs together."""
    numbers = scene.instances[members]
    if scene.instances.min() != scene.instances.max() and (numbers >= 0).any():
        return [members[numbers == number] for number in np.unique(numbers[numbers >= 0])]
    parts = connected_parts(scene.points_m[members], 0.15)
    counts = np.bincount(parts)
    return [members[parts == part] for part in np.flatnonzero(counts >= max(_STRAY_SHARE * counts.max(), 5))]
