"""Where in the room a motion takes place, and the frames it is seen in.

The model works in the canonical frame: at the start the first person stands over the origin and faces +x. A placement
stands that frame in the room: turned by the heading about z, then moved to the start. Heights are the same in both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import move_points
from motion_preprocessing.errors import InputError
from motion_preprocessing.groups import SceneTokens, scene_tokens
from motion_preprocessing.occupancy import FreeSpace
from motion_preprocessing.rotations import about_z
from motion_preprocessing.scene import OBJECT_CLASSES, object_points
from motion_runtime.motion import GenerationRequest
from motion_runtime.room_bounds import RoomBounds, Supports
from motion_runtime.room_solids import Solids

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene

Array = NDArray[np.float64]

HEADINGS: Final = 16
"""Directions that are tried."""
NEIGHBOUR_M: Final = 1.25
"""Further persons start 1 to 1.5 m from the first: about this far, on any side."""
NEARLY_BEST: Final = 0.85
"""The place is drawn among those that reach this share of the best score, so that samples differ."""
_MAX_STANDS: Final = 2000
_SIDES: Final = 8


@dataclass(frozen=True)
class Placement:
    """Where the canonical frame stands in the room."""

    start_m: tuple[float, float] = (0.0, 0.0)
    """Its origin on the floor (x, y)."""
    heading_rad: float = 0.0
    """Direction of its +x axis, counter-clockwise from the room's +x."""

    @property
    def rotation(self) -> Array:
        """(3, 3) of `room_from_canonical`."""
        return np.asarray(about_z(np.asarray(self.heading_rad)))

    @property
    def room_from_canonical(self) -> Array:
        """(4, 4) rigid transform."""
        transform = np.eye(4)
        transform[:3, :3] = self.rotation
        transform[:2, 3] = self.start_m
        return transform

    def to_room(self, points: NDArray[np.floating[Any]]) -> Array:
        """Move canonical points (..., 3) into the room."""
        return np.asarray(move_points(np.asarray(points, np.float64), self.heading_rad, np.array(self.start_m)))

    def to_canonical(self, points: NDArray[np.floating[Any]]) -> Array:
        """Move points (..., 3) of the room into the canonical frame."""
        start = np.array([*self.start_m, 0.0])
        return np.asarray(move_points(np.asarray(points, np.float64) - start, -self.heading_rad, np.zeros(2)))


class Room:
    """A scene and what follows from it, worked out once for all samples."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    @cached_property
    def free_space(self) -> FreeSpace:
        """Grid of the free floor."""
        return FreeSpace.from_scene(self.scene)

    @cached_property
    def bounds(self) -> RoomBounds:
        """What keeps people in the room."""
        return RoomBounds.from_scene(self.scene, self.free_space)

    @cached_property
    def supports(self) -> Supports:
        """What can carry people."""
        return Supports.from_scene(self.scene, self.free_space)

    @cached_property
    def solids(self) -> Solids:
        """What bodies cannot be inside of."""
        try:
            floor_m = self.free_space.bounds_m
        except InputError:  # no floor was seen, of which nothing but a chosen start has need
            floor_m = None
        return Solids.from_scene(self.scene, floor_m)

    def stands(self) -> Array:
        """Places (N, 2) where a body has room to stand.

        Raises:
            InputError: There is none.
        """
        space = self.free_space
        cells = np.argwhere(space.free)
        if len(cells) == 0:
            raise InputError(
                f"expected free floor {2 * space.body_radius_m:g} m wide in the room, got none for the start; "
                "give a place with --start, or scan the floor around the furniture too"
            )
        places: Array = np.array(space.origin_m) + space.cell_m * cells[:: -(-len(cells) // _MAX_STANDS)]
        return places

    def score(self, stands: Array, headings: Array, persons: int) -> Array:
        """Rate starts (N, 2) with headings (H,) as (N, H): metres of free way ahead, and room to all sides.

        Three metres of way weigh as much as a metre of elbow room, for motions that turn or fall, or as much as a
        place on every side for the further persons: where they stand is the model's choice.
        """
        space = self.free_space
        x, y = stands[:, :1], stands[:, 1:]
        elbow_room = np.minimum(space.clearance(*stands.T), 1.0)
        angle = np.arange(_SIDES) * (2 * np.pi / _SIDES)
        around = space.clearance(x + NEIGHBOUR_M * np.cos(angle), y + NEIGHBOUR_M * np.sin(angle))
        company = (around >= space.body_radius_m).mean(axis=1) if persons > 1 else 0.0
        score: Array = space.free_run(x, y, headings) + 3.0 * (elbow_room + company)[:, None]
        return score

    def tokens(
        self, placement: Placement, object_classes: tuple[str, ...], max_tokens: int, radius_m: float
    ) -> SceneTokens:
        """Scene tokens around the start, in the canonical frame; classes are rows of the model's own table."""
        points, classes = object_points(self.scene)
        rows = np.array([object_classes.index(name) if name in object_classes else 0 for name in OBJECT_CLASSES])
        return scene_tokens(placement.to_canonical(points), rows[classes], max_tokens=max_tokens, radius_m=radius_m)

    def check_inside(self, start_m: tuple[float, float], what: str = "start", option: str = "--start") -> None:
        """Refuse a place that is not over the room's points."""
        low, high = self.scene.points_m[:, :2].min(axis=0), self.scene.points_m[:, :2].max(axis=0)
        if (np.array(start_m) < low).any() or (np.array(start_m) > high).any():
            raise InputError(
                f"expected a {what} inside the room, x {low[0]:z.1f} to {high[0]:z.1f} m and y {low[1]:z.1f} to "
                f"{high[1]:z.1f} m, got {start_m[0]:g},{start_m[1]:g}; choose {option} there or leave it out"
            )


def choose_placement(request: GenerationRequest, room: Room | None) -> Placement:
    """Choose start and heading where the request leaves them open: free floor, a free way ahead, room for all persons.

    Equal requests get equal places; samples of one request get different ones.

    Raises:
        InputError: The start is not in the room, or there is no free floor.
    """
    start = request.start_m
    heading_rad = None if request.heading_deg is None else math.radians(request.heading_deg)
    if room is None:
        return Placement(start or (0.0, 0.0), heading_rad or 0.0)
    if start is not None:
        room.check_inside(start)
        if heading_rad is not None:
            return Placement(start, heading_rad)
    stands = room.stands() if start is None else np.array([start])
    headings = np.arange(HEADINGS) * (2 * math.pi / HEADINGS) if heading_rad is None else np.array([heading_rad])
    score = room.score(stands, headings.astype(np.float64), request.persons)  # (N, H)
    best = float(score.max())
    good = np.flatnonzero(score >= best - (1 - NEARLY_BEST) * abs(best))
    stand, turn = np.unravel_index(good[draw(request) % len(good)], score.shape)
    return Placement((float(stands[stand, 0]), float(stands[stand, 1])), float(headings[turn]))


def draw(request: GenerationRequest) -> int:
    """A number that depends on seed and sample alone, from a part of the counter that the noise never reaches."""
    key, counter = np.array([request.seed, request.sample], np.uint64), np.array([0, 0, 0, 1], np.uint64)
    return int(np.random.Philox(key=key, counter=counter).random_raw())
