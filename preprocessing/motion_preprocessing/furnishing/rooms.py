"""Rooms that no training ever saw, with a chair, a bed or both, and the truth about their seats and mattresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.body_capsules import NAMES, RADII_M, body_capsules
from motion_preprocessing.furnishing.item import Item, Placed, place, to_item, to_world
from motion_preprocessing.furnishing.library import FurnitureLibrary
from motion_preprocessing.furnishing.procedural import MAKERS
from motion_preprocessing.furnishing.scan import visible_from
from motion_preprocessing.furnishing.surroundings import draw_item
from motion_preprocessing.furnishing.sweep import lattice
from motion_preprocessing.labels import OBJECT_CLASSES
from motion_preprocessing.occupancy import FreeSpace
from motion_preprocessing.scene import Scene

Floats = NDArray[np.floating[Any]]

ROOMS: Final = 20
_KEY: Final = 0x526F6F6D
"""Training draws its furniture from other streams of random numbers."""
LABELS: Final = ("floor", "wall", *OBJECT_CLASSES[1:])
_CONTENTS: Final = (("chair",), ("bed",), ("chair", "bed"), ("wheelchair", "bed"), ("sofa",))
_REST: Final = {
    "table": 4, "cabinet": 4, "nightstand": 2, "desk": 2, "shelf": 2, "plant": 1, "lamp": 1, "tv": 1, "other": 1,
    "walker": 1,
}  # fmt: skip
_FRONT_M: Final = 0.9
"""Depth of the floor that is kept free in front of a seat and along a bed."""
_CELL_M: Final = 0.05


@dataclass(frozen=True)
class Support:
    """A seat or a mattress."""

    object_class: str
    kind: Literal["seat", "mattress"]
    centre_m: tuple[float, float]
    """Middle of its surface."""
    height_m: float
    yaw_rad: float
    """Where somebody who sits there faces; of a mattress the way from head to foot."""
    corners_m: NDArray[np.float64]
    """(4, 2) of the surface."""
    approach_m: tuple[float, float]
    """Free floor in front of the seat or beside the bed."""
    instance: int
    """Of its points in the scene."""

    def gap_m(self, joints_m: Floats) -> NDArray[np.float64]:
        """Height (...) of the body's underside over the surface, negative where it sinks in; inf beside it.

        Of a seat the underside of pelvis and hips counts, of a mattress that of the trunk; the pelvis must be over
        the surface. Joints are (..., 22, 3).
        """
        starts, ends, _ = body_capsules(joints_m)
        parts = _HIPS if self.kind == "seat" else _TRUNK
        low = (np.minimum(starts[..., 2], ends[..., 2]) - RADII_M)[..., parts].min(axis=-1)
        own = to_item(np.asarray(joints_m[..., 0, :2], dtype=np.float64), self.yaw_rad, np.array(self.centre_m))
        half = np.abs(to_item(self.corners_m, self.yaw_rad, np.array(self.centre_m))).max(axis=0)
        inside = np.all(np.abs(own) <= half + 0.05, axis=-1)
        return np.asarray(np.where(inside, low - self.height_m, np.inf))


def _parts(*endings: str) -> list[int]:
    return [k for k, name in enumerate(NAMES) if name.removeprefix("left_").removeprefix("right_") in endings]


_HIPS: Final = _parts("hip")
_TRUNK: Final = _parts("hip", "spine1", "spine2", "spine3")


@dataclass(frozen=True)
class HeldOutRoom:
    """A room for evaluation."""

    scene: Scene
    supports: tuple[Support, ...]
    placed: tuple[Placed, ...]
    """All objects; instance k + 1 of the scene is placed[k]."""
    size_m: tuple[float, float]

    def support(self, kind: str) -> Support | None:
        """Return the first seat or mattress."""
        return next((support for support in self.supports if support.kind == kind), None)


def held_out_room(index: int, library: FurnitureLibrary | None = None) -> HeldOutRoom:
    """Make room `index`, the same in every process.

    The floor is z = 0, the room's middle the origin. They hold in turn a chair, a bed, both, a wheelchair and a bed, a
    sofa; every seat and bed can be walked up to.

    Args:
        index: Number of the room.
        library: Items of the validation or test split to use beside procedural ones, which no training draws.
    """
    for attempt in range(200):
        rng = np.random.Generator(np.random.Philox(key=[_KEY, 1000 * index + attempt]))
        room = _try_room(_CONTENTS[index % len(_CONTENTS)], rng, library)
        if room is not None:
            return room
    raise RuntimeError(f"room {index} came out without free floor 200 times")


def _try_room(
    contents: tuple[str, ...], rng: np.random.Generator, library: FurnitureLibrary | None
) -> HeldOutRoom | None:
    size = np.array([rng.uniform(3.6, 5.4), rng.uniform(3.6, 5.4)])
    cells = np.ceil(size / _CELL_M).astype(int)
    taken, kept_free = np.zeros(cells, dtype=np.bool_), np.zeros(cells, dtype=np.bool_)
    found: list[tuple[Placed, Floats]] = []
    supports: list[Support] = []
    wanted: list[str | None] = [*contents, *[None] * int(rng.integers(2, 6))]
    for name in wanted:
        item, surface = _draw(name, rng, library)
        if surface is not None and not _sensible(item, surface):
            return None
        done = False
        for _ in range(30):
            origin, yaw = _against_wall(item, size, rng) if rng.uniform() < 0.75 else _anywhere(size, rng)
            outline = to_world(lattice(item.rectangle, _CELL_M), yaw, origin)
            if not _inside(outline, size) or (taken | kept_free)[_cells(outline, size, cells)].any():
                continue
            if surface is None:
                done = True
            else:
                done = _claim(item, surface, origin, yaw, size, cells, taken, kept_free, supports, len(found) + 1, rng)
            if done:
                taken[_cells(outline, size, cells)] = True
                found.append(place(item, origin, yaw))
                break
        if not done and name is not None:
            return None
    scene = _scan(found, size, rng)
    free = FreeSpace.from_scene(scene)
    reachable = all(_near_free(free, np.array(support.approach_m)) for support in supports)
    if not reachable or np.count_nonzero(free.free) * free.cell_m**2 < 1.5:
        return None
    return HeldOutRoom(scene, tuple(supports), tuple(p for p, _ in found), (float(size[0]), float(size[1])))


def _draw(
    name: str | None, rng: np.random.Generator, library: FurnitureLibrary | None
) -> tuple[Item, NDArray[np.float64] | None]:
    """Draw an object and, for one that must be used, its surface x, y (2, 2)."""
    per_m2 = float(rng.uniform(150, 400))
    if name is None:
        return draw_item(dict(_REST), rng, library, per_m2), None
    models = [m for m in library.by_class.get(name, []) if m.support_m is not None] if library is not None else []
    if models:
        model = models[int(rng.integers(len(models)))]
        factors = rng.uniform(0.95, 1.05, size=3)
        return model.scaled(factors, rng, per_m2), model.contact_m * factors[:2]
    shape = MAKERS[name](rng)
    assert shape.support_m is not None
    x0, x1, y0, y1 = next(box for box in shape.boxes if abs(box[5] - shape.support_m) < 1e-9)[:4]
    return shape.item(rng, per_m2), np.array([[x0, y0], [x1, y1]])


def _sensible(item: Item, surface: NDArray[np.float64]) -> bool:
    least, low, high = (0.75, 0.3, 0.8) if item.object_class == "bed" else (0.3, 0.36, 0.56)
    assert item.support_m is not None
    return bool((surface[1] - surface[0]).min() > least and low < item.support_m < high)


def _against_wall(item: Item, size: Floats, rng: np.random.Generator) -> tuple[Floats, float]:
    wall = int(rng.integers(4))
    yaw = (0.0, np.pi / 2, np.pi, -np.pi / 2)[wall]
    along = rng.uniform(-0.5, 0.5) * size[1 - wall % 2]
    deep = size[wall % 2] / 2 + item.rectangle[0] - rng.uniform(0.02, 0.12)
    inward = np.array([np.cos(yaw), np.sin(yaw)])
    return -deep * inward + along * np.array([-inward[1], inward[0]]), yaw


def _anywhere(size: Floats, rng: np.random.Generator) -> tuple[Floats, float]:
    return rng.uniform(-0.5, 0.5, size=2) * size, float(rng.uniform(-np.pi, np.pi))


def _inside(xy: Floats, size: Floats) -> bool:
    return bool(np.all(np.abs(xy) < size / 2 - 0.01))


def _cells(xy: Floats, size: Floats, cells: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    index = np.clip(((xy + size / 2) / _CELL_M).astype(np.int64), 0, cells - 1)
    return index[..., 0], index[..., 1]


def _claim(
    item: Item, surface: NDArray[np.float64], origin: Floats, yaw: float, size: Floats, cells: NDArray[np.int64],
    taken: NDArray[np.bool_], kept_free: NDArray[np.bool_], supports: list[Support], instance: int,
    rng: np.random.Generator,
) -> bool:  # fmt: skip
    """Keep the floor free from which a seat or a bed is used; False where there is none."""
    x0, x1, y0, y1 = item.rectangle
    (sx0, sy0), (sx1, sy1) = surface
    middle = surface.mean(axis=0)
    if item.object_class == "bed":
        areas = [((sx0 + 0.4, sx1, y1 + 0.03, y1 + _FRONT_M)), ((sx0 + 0.4, sx1, y0 - _FRONT_M, y0 - 0.03))]
        rng.shuffle(areas)
    else:
        areas = [(x1 + 0.03, x1 + _FRONT_M, middle[1] - 0.4, middle[1] + 0.4)]
    for area in areas:
        floor = to_world(lattice(area, _CELL_M), yaw, origin)
        if not _inside(floor, size) or taken[_cells(floor, size, cells)].any():
            continue
        kept_free[_cells(floor, size, cells)] = True
        own = np.array([[sx0, sy0], [sx1, sy0], [sx1, sy1], [sx0, sy1]])
        stand = to_world(np.array([(area[0] + area[1]) / 2, (area[2] + area[3]) / 2]), yaw, origin)
        centre = to_world(middle, yaw, origin)
        assert item.support_m is not None
        supports.append(
            Support(
                item.object_class,
                "mattress" if item.object_class == "bed" else "seat",
                (float(centre[0]), float(centre[1])),
                item.support_m,
                yaw,
                np.asarray(to_world(own, yaw, origin), dtype=np.float64),
                (float(stand[0]), float(stand[1])),
                instance,
            )
        )
        return True
    return False


def _near_free(free: FreeSpace, spot: Floats) -> bool:
    """Whether a body can stand within .35 m of a spot on the floor that hangs together."""
    cells = np.argwhere(free.free) * free.cell_m + np.array(free.origin_m)
    return bool(len(cells)) and float(np.linalg.norm(cells - spot, axis=1).min()) < 0.35


def _scan(found: list[tuple[Placed, Floats]], size: Floats, rng: np.random.Generator) -> Scene:
    """See the room from two of its corners."""
    half = size / 2
    count = int(500 * size[0] * size[1])
    floor = np.column_stack([rng.uniform(-half, half, size=(count, 2)), np.zeros(count)])
    clouds, labels, instances = [floor], [np.zeros(count, dtype=np.int64)], [np.zeros(count, dtype=np.int64)]
    for axis, sign in ((0, -1), (0, 1), (1, -1), (1, 1)):
        wall = np.zeros((int(250 * size[1 - axis] * 2.4), 3))
        wall[:, axis] = sign * half[axis]
        wall[:, 1 - axis] = rng.uniform(-half[1 - axis], half[1 - axis], size=len(wall))
        wall[:, 2] = rng.uniform(0.0, 2.4, size=len(wall))
        clouds.append(wall)
        labels.append(np.full(len(wall), 1))
        instances.append(np.zeros(len(wall), dtype=np.int64))
    for k, (placed, points) in enumerate(found):
        clouds.append(points)
        labels.append(np.full(len(points), LABELS.index(placed.object_class)))
        instances.append(np.full(len(points), k + 1))
    points, label, instance = np.concatenate(clouds), np.concatenate(labels), np.concatenate(instances)
    seen = np.zeros(len(points), dtype=np.bool_)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    for eye in rng.permutation(0.9 * corners * half)[:2]:
        seen |= visible_from(points, np.append(eye, rng.uniform(1.5, 2.3)), 0.008)
    noise = rng.uniform(0.001, 0.006) * np.clip(rng.standard_normal((int(seen.sum()), 3)), -3, 3)
    return Scene(
        (points[seen] + noise).astype(np.float32),
        label[seen].astype(np.int32),
        instance[seen].astype(np.int32),
        None,
        LABELS,
        np.eye(4),
    )
