"""A room: points in metres, Z up, floor at z = 0, with what is known about each.

The horizontal place of the points is the file's: the axes are mapped so that up is z, the rest is the smallest rotation
that makes the floor level, then a shift along z and nothing else. What a scene file may hold: docs/formats/scene.md.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.components import cell_keys, connected_parts, thin
from motion_preprocessing.errors import InputError
from motion_preprocessing.floor import Floor, find_floor
from motion_preprocessing.labels import (
    DEFAULT_LABELS,
    OBJECT_CLASSES,
    STRUCTURE,
    UNLABELLED,
    WALL,
    object_class,
    plain_name,
)
from motion_preprocessing.mesh import Mesh
from motion_preprocessing.planes import Plane, find_planes
from motion_preprocessing.room_objects import RoomObject, find_objects
from motion_preprocessing.room_parts import is_foreign, part_of
from motion_preprocessing.scene_file import SceneFile, check_label_table, read_scene_file

__all__ = ["OBJECT_CLASSES", "Scene", "load_scene", "object_points", "wall_planes"]

MIN_POINTS: Final = 100
MAX_POINTS: Final = 400_000
"""More points than these are thinned out when a file is read."""
_FINEST_M: Final = 0.008
_THICKEST_SLAB_M: Final = 0.6
_SLAB_COVER: Final = 0.9
"""Part of the ground that the upper side of a drawn floor covers, at least."""
_MAX_DISTANCE_M: Final = 10_000.0
_LOW_M, _HIGH_M = 0.08, 2.0
"""Without labels, objects are what lies between these heights."""
_WALL_M: Final = 0.08
_MIN_PART: Final = 10
"""Without labels, fewer points that hang together are strays."""

_FROM_UP: Final[dict[str, tuple[tuple[int, int, int], ...]]] = {
    "z": ((1, 0, 0), (0, 1, 0), (0, 0, 1)), "-z": ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "y": ((1, 0, 0), (0, 0, -1), (0, 1, 0)), "-y": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    "x": ((0, 0, -1), (0, 1, 0), (1, 0, 0)), "-x": ((0, 0, 1), (0, 1, 0), (-1, 0, 0)),
}  # fmt: skip
"""Rotations by right angles that take each axis to z."""


@dataclass(frozen=True)
class Scene:
    """A room in the project's frame."""

    points_m: NDArray[np.float32]
    """(N, 3) metres, Z up, floor z = 0."""
    labels: NDArray[np.int32]
    """(N,) index into `label_names`; -1 where unknown."""
    instances: NDArray[np.int32]
    """(N,) the file's instance numbers; -1 where unknown."""
    colors: NDArray[np.uint8] | None
    """(N, 3) red, green, blue."""
    label_names: tuple[str, ...]
    world_from_file: NDArray[np.float64]
    """(4, 4): p_world = world_from_file @ [p_file, 1], scale to metres included."""
    floor: Floor | None = None
    """How the floor was found, in the file's frame."""
    mesh: Mesh | None = None
    """The faces that the points were taken from, in the same frame, with labels like `labels`; None for a cloud."""
    left_out: str = ""
    """What of the file has NaN or infinity for a place and was left out, as '12 of 30,000 points'; '' for nothing."""

    def __len__(self) -> int:
        return len(self.points_m)

    @cached_property
    def structure(self) -> NDArray[np.bool_]:
        """(N,) True where the label says floor, wall, ceiling, door or window."""
        return self.labelled(STRUCTURE)

    @cached_property
    def loose(self) -> NDArray[np.int64]:
        """Indices of points without a label that look like objects: see `object_points`."""
        open_points = np.flatnonzero(self.labels < 0)
        return open_points[_looks_like_object(self.points_m, open_points)] if len(open_points) else open_points

    @cached_property
    def furniture(self) -> tuple[RoomObject, ...]:
        """The single things in the room, the largest first, worked out once."""
        return find_objects(self, self.loose)

    @cached_property
    def objects(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """What `object_points` returns, worked out once; read-only."""
        points, classes = _object_points(self)
        points.setflags(write=False)
        classes.setflags(write=False)
        return points, classes

    @cached_property
    def wall_points_m(self) -> NDArray[np.float32]:
        """(W, 3) points of walls: as labelled, or without labels what lies on the outer walls or behind them."""
        walls = self.labelled(WALL)
        if not walls.any():
            height = self.points_m[:, 2]
            upright = (self.labels < 0) & (height > _LOW_M) & (height < _HIGH_M)
            for plane in wall_planes(self.points_m) if upright.any() else []:
                walls |= upright & (plane.distances(self.points_m) <= _WALL_M)
        return self.points_m[walls]

    def labelled(self, names: frozenset[str], labels: NDArray[np.integer[Any]] | None = None) -> NDArray[np.bool_]:
        """Return (N,) True where the name of a point's label, or of one of `labels` like these, is one of `names`."""
        hit = np.array([plain_name(name) in names for name in self.label_names] + [False])
        return hit[self.labels if labels is None else labels]  # -1 reads the last entry


def load_scene(
    path: str | os.PathLike[str],
    *,
    up: str = "auto",
    units: str = "auto",
    labels: Mapping[int, str] | Literal["ignore"] | None = None,
) -> Scene:
    """Read a scene file, find its floor and bring it into the project's frame.

    Args:
        path: A .ply file (ASCII or binary), .obj or .glb mesh, or .npz / .npy points. Meshes are sampled, and of more
            than `MAX_POINTS` points one a small cell is kept.
        up: 'auto' (for .glb: y, as that format has it), or the file axis that points up: z, y, x, -z, -y, -x.
        units: 'auto', or m, cm, mm, ft, in.
        labels: What the label numbers mean; None takes the file's own table (comments 'label 4 bed', a side file
            NAME.labels.json, `label_names` of an .npz) or else `DEFAULT_LABELS`; 'ignore' drops the labels.

    Raises:
        InputError: The file cannot be read, holds too few points, hardly any finite one, labels without a name, or no
            floor.
    """
    path = Path(path)
    content = read_scene_file(path)
    points = content.points
    if len(points) < MIN_POINTS:
        raise InputError(
            f"expected {MIN_POINTS} points or more, got {len(points)} for {path}; a scene is a scan of a whole room"
        )
    numbers = np.full(len(points), -1, dtype=np.int32)
    names: tuple[str, ...] = ()
    if content.labels is not None and labels != "ignore":
        table = content.label_names or dict(DEFAULT_LABELS) if labels is None else check_label_table(labels)
        numbers, names = _name_labels(content.labels, table, path)
    is_floor = np.isin(numbers, [i for i, name in enumerate(names) if plain_name(name) in {"floor", "ground"}])
    up = content.up or up if up == "auto" else up
    try:
        # Of a drawn floor both sides are labelled: its geometry has to tell them apart.
        floor = find_floor(points, up=up, units=units, is_floor=None if content.drawn else is_floor)
    except InputError as error:
        raise InputError(f"{error} (scene {path})") from error
    world_from_file = _alignment(floor)
    aligned = points @ world_from_file[:3, :3].T + world_from_file[:3, 3]
    if content.drawn:
        lift = _slab_m(aligned)
        world_from_file[2, 3] -= lift
        aligned[:, 2] -= lift
    farthest = float(np.abs(np.median(aligned, axis=0)).max())
    if farthest > _MAX_DISTANCE_M:
        raise InputError(
            f"expected a room within {_MAX_DISTANCE_M / 1000:.0f} km of the origin, got {farthest / 1000:.0f} km for "
            f"{path}; subtract the map offset, or name the unit with --units"
        )
    instances = np.full(len(points), -1, dtype=np.int32) if content.instances is None else content.instances
    kept = _thinned(aligned)
    names = _told_by_place(names, numbers[kept], aligned[kept])
    colors = None if content.colors is None else content.colors[kept]
    return Scene(
        aligned[kept].astype(np.float32),
        numbers[kept],
        instances[kept],
        colors,
        names,
        world_from_file,
        floor,
        _placed(content, numbers, world_from_file),
        content.left_out,
    )


def _placed(content: SceneFile, numbers: NDArray[np.int32], world_from_file: NDArray[np.float64]) -> Mesh | None:
    """Bring a file's mesh into the project's frame, its labels to what `numbers` (N,) says of the file's points."""
    mesh = content.mesh
    if mesh is None:
        return None
    labels = None
    if mesh.labels is not None and content.labels is not None:
        used, first = np.unique(content.labels, return_index=True)
        at = np.minimum(np.searchsorted(used, mesh.labels), len(used) - 1)
        # A vertex of faces too small for any point may have a label that no point has.
        labels = np.where(used[at] == mesh.labels, numbers[first][at], -1).astype(np.int64)
    vertices = mesh.vertices @ world_from_file[:3, :3].T + world_from_file[:3, 3]
    return Mesh(vertices, mesh.faces, mesh.colors, labels)


def _slab_m(points_m: NDArray[np.float64]) -> float:
    """Height of a drawn floor's upper side over the side that was taken for the floor, 0 where there is no other.

    Floors of drawings often are slabs, and their undersides the lowest plane of all. The upper side covers the same
    ground, and nothing but the slab's rim is between the two.
    """
    cells = np.floor(points_m[:, :2] / 0.2).astype(np.int64)
    cells -= cells.min(axis=0)
    key = cells[:, 0] * (int(cells[:, 1].max()) + 1) + cells[:, 1]
    ground = np.unique(key[np.abs(points_m[:, 2]) < 0.02])
    for low in np.arange(0.03, _THICKEST_SLAB_M, 0.01):
        above = (points_m[:, 2] >= low) & (points_m[:, 2] < low + 0.02)
        if np.isin(ground, key[above]).mean() > _SLAB_COVER:
            return float(np.median(points_m[above, 2]))
    return 0.0


def _thinned(points_m: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of at most `MAX_POINTS` points, one a cubic cell: what is scanned densely loses most."""
    if len(points_m) <= MAX_POINTS:
        return np.arange(len(points_m))
    cell = _FINEST_M
    while True:
        kept = np.sort(np.unique(cell_keys(points_m, cell), return_index=True)[1])
        if len(kept) <= MAX_POINTS:
            return kept
        points_ratio = len(kept) / MAX_POINTS
        cell *= max(1.1, math.sqrt(points_ratio))  # points lie on surfaces: their number falls with the square


def _name_labels(
    raw: NDArray[np.int64], table: Mapping[int, str], path: Path
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Turn a file's label numbers into indices of a tuple of names; negative numbers and 'unlabelled' become -1."""
    used, position = np.unique(raw, return_inverse=True)
    unknown = [int(number) for number in used if number >= 0 and number not in table]
    if unknown:
        shown = ", ".join(map(str, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
        raise InputError(
            f"expected labels {min(table)} to {max(table)} of the table, got {shown} for {path}; name each in a PLY "
            f"line 'comment label {unknown[0]} NAME', in {path.stem}.labels.json or in a table given with --labels"
        )
    names = tuple(name for _, name in sorted(table.items()) if plain_name(name) not in UNLABELLED)
    index_of = {name: index for index, name in reversed(list(enumerate(names)))}
    indices = [index_of.get(table[int(n)], -1) if int(n) in table else -1 for n in used]
    return np.array(indices, dtype=np.int32)[position.reshape(-1)], names


def _told_by_place(
    names: tuple[str, ...], numbers: NDArray[np.int32], points_m: NDArray[np.float64]
) -> tuple[str, ...]:
    """The names of labels, but 'floor', 'wall' or 'ceiling' where a name says nothing and its points lie there."""
    foreign = [index for index in np.unique(numbers[numbers >= 0]) if is_foreign(names[index])]
    if not foreign:
        return names
    walls = wall_planes(points_m)
    told = {index: part_of(points_m[numbers == index], points_m, walls) for index in foreign}
    return tuple(told.get(index) or name for index, name in enumerate(names))


def _alignment(floor: Floor) -> NDArray[np.float64]:
    mapped = np.array(_FROM_UP[floor.up], dtype=np.float64)
    normal = mapped @ floor.plane.normal
    rotation = _smallest_rotation_to_z(normal) @ mapped
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * floor.metres_per_unit
    matrix[2, 3] = floor.plane.offset * floor.metres_per_unit
    return matrix


def _smallest_rotation_to_z(normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rodrigues' rotation of a unit vector of the upper half space onto (0, 0, 1)."""
    x, y, z = normal
    # R = I + [v]x + [v]x^2 / (1 + c) with v = normal x e_z = (y, -x, 0) and c = z.
    cross = np.array([[0.0, 0.0, -x], [0.0, 0.0, -y], [x, y, 0.0]])
    rotation: NDArray[np.float64] = np.eye(3) + cross + cross @ cross / (1.0 + z)
    return rotation


def wall_planes(points_m: NDArray[np.floating[Any]]) -> list[Plane]:
    """Find the outer walls of an aligned room; their normals point into it.

    A wall is upright, reaches as high as the scan does, is a metre wide or more, and has nearly all of the room on one
    side: the front of a wardrobe is none.
    """
    cloud = np.asarray(points_m, dtype=np.float64)
    even = thin(cloud, 0.05)
    top = float(np.percentile(even[:, 2], 98.0))
    walls = []
    for found in find_planes(even, 0.05, count=20):
        plane = found.plane
        if abs(plane.normal[2]) > 0.1 or min(found.above, found.below) > 0.08:
            continue
        on_wall = even[np.abs(plane.distances(even)) < 0.05]
        along = on_wall[:, :2] @ np.array([-plane.normal[1], plane.normal[0]])
        reaches = np.percentile(on_wall[:, 2], 95.0) > 0.85 * min(top, 2.6)
        if reaches and np.subtract(*np.percentile(along, [95.0, 5.0])) > 0.9:
            walls.append(plane if found.above >= found.below else plane.flipped())
    return walls


def object_points(scene: Scene) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the points (M, 3) of objects and their classes (M,), indices into `OBJECT_CLASSES`.

    Labelled points are objects unless they belong to the room itself (floor, wall, ceiling, door, window). Points
    without a label are objects where they lie 8 cm to 2 m above the floor, in front of the outer walls, and hang
    together with others: of the class that `room_objects` takes them for by their shape, mostly 0. Worked out once a
    scene; the arrays are read-only.
    """
    return scene.objects


def _object_points(scene: Scene) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    classes_of = np.array([object_class(name) for name in scene.label_names] + [0], dtype=np.int64)
    keep = (scene.labels >= 0) & ~scene.structure
    keep[scene.loose] = True
    classes = classes_of[scene.labels]
    for thing in scene.furniture:
        if not thing.labelled:
            classes[thing.members] = OBJECT_CLASSES.index(thing.object_class)
    return scene.points_m[keep], classes[keep]


def _looks_like_object(points_m: NDArray[np.float32], candidates: NDArray[np.int64]) -> NDArray[np.bool_]:
    cloud = points_m[candidates]
    keep = (cloud[:, 2] > _LOW_M) & (cloud[:, 2] < _HIGH_M)
    for wall in wall_planes(points_m):
        keep &= wall.distances(cloud) > _WALL_M
    parts = connected_parts(cloud[keep], 0.1)
    if len(parts):
        keep[keep] = np.bincount(parts)[parts] >= _MIN_PART
    return keep
