"""Where on the free floor of a room people start, each clear of those who were put there before.

Where several places are about as good, samples of one request differ in which of them is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.room_objects import RoomObject
from motion_runtime.editing.constraints import wrapped
from motion_runtime.motion import GenerationRequest
from motion_runtime.placement import NEIGHBOUR_M, Placement, Room, choose_placement
from motion_runtime.stage import Place, Start

_PEOPLE_M: Final = 0.8
"""Nobody starts nearer to somebody else."""
_HELD_M: Final = (0.55, 0.95)
_HELD_RAD: Final = math.radians(80)
"""Who helps somebody up from a chair stands so far away, and so far aside of where that one faces: nine of ten do in
the training data, 0.57 to 1 m away and 20 to 70 degrees aside."""
_BESIDE_M: Final = (0.35, 1.5)
"""How far from a thing's outline somebody stands for whom there is no place at it."""
_WAYS_M: Final = 1.1
"""Who may start anywhere starts as far from where others go, and from there on has as much way of their own."""
_LONG_WAY: Final = 0.5
"""Score of a place that is a metre farther from where somebody was put first."""


class StartingPlaces:
    """A room's free floor, and who starts where on it."""

    def __init__(self, room: Room, number: int) -> None:
        """Begin with nobody.

        Args:
            room: The room.
            number: Of the draw: which of several places that are about as good is taken.
        """
        self._room, self._number = room, number
        self.starts: dict[int, Start] = {}
        """By person; whoever is put somewhere by other rules is entered here too."""
        self.kept: list[Place] = []
        """Where people come to later: nobody starts there."""

    def put(self, person: int, place: NDArray[np.float64], yaw_rad: float) -> None:
        """Somebody starts there."""
        self.starts[person] = Start((float(place[0]), float(place[1])), math.degrees(yaw_rad) % 360.0)

    def apart(self, place: Place) -> bool:
        """Whether a place keeps clear of everybody."""
        return all(math.dist(place, start.place_m) >= _PEOPLE_M for start in self.starts.values())

    def free(self) -> NDArray[np.float64]:
        """Free floor (N, 2) that keeps clear of everybody."""
        if not self._room.free_space.free.any():
            return np.zeros((0, 2))
        stands = self._room.stands()
        for place in (*(start.place_m for start in self.starts.values()), *self.kept):
            stands = stands[np.linalg.norm(stands - place, axis=1) >= _PEOPLE_M]
        return stands

    def steps_away(self, goal: Place, far_m: float) -> Start | None:
        """A place on the free floor about `far_m` from a goal, in sight of it if there is one, and the way to face."""
        stands = self.free()
        gap = np.array(goal) - stands
        distance = np.hypot(gap[:, 0], gap[:, 1])
        yaw = np.arctan2(gap[:, 1], gap[:, 0])
        seen = self._room.free_space.free_run(stands[:, 0], stands[:, 1], yaw) >= distance - 0.5
        score = -np.abs(distance - far_m) + 1.5 * seen
        score[distance < 0.5] = -np.inf
        if not np.isfinite(score).any():
            return None
        best = np.flatnonzero(score >= score.max() - 0.3)
        chosen = int(best[self._number % len(best)])
        return Start((float(stands[chosen, 0]), float(stands[chosen, 1])), math.degrees(float(yaw[chosen])) % 360.0)

    def beside(self, person: int, things: Sequence[RoomObject]) -> None:
        """Stand near a thing whose places are taken, and face it."""
        stands = self.free()
        if not len(stands):
            return
        gap = np.stack([thing.gap_m(stands) for thing in things])  # (things, N)
        nearest = gap.min(axis=0)
        near = np.flatnonzero((nearest >= _BESIDE_M[0]) & (nearest <= _BESIDE_M[1]))
        if not len(near):
            near = np.argsort(nearest, kind="stable")[:1]
        near = near[nearest[near] <= nearest[near].min() + 0.2]
        chosen = int(near[self._number % len(near)])
        x, y = np.array(things[int(gap[:, chosen].argmin())].centre_m) - stands[chosen]
        self.put(person, stands[chosen], math.atan2(y, x))

    def at_hand(self, person: int, held: Start) -> bool:
        """Stand before somebody who is to be helped or held, and face them; whether there is room for it."""
        stands = self._room.stands() if self._room.free_space.free.any() else np.zeros((0, 2))
        for other in self.starts.values():
            if other is not held:
                stands = stands[np.linalg.norm(stands - other.place_m, axis=1) >= _PEOPLE_M]
        away = stands - held.place_m
        gap = np.linalg.norm(away, axis=1)
        aside = np.abs(wrapped(np.arctan2(away[:, 1], away[:, 0]) - math.radians(held.heading_deg or 0.0)))
        near = np.flatnonzero((gap >= _HELD_M[0]) & (gap <= _HELD_M[1]) & (aside <= _HELD_RAD))
        if not len(near):
            return False
        chosen = int(near[self._number % len(near)])
        x, y = -away[chosen]
        self.put(person, stands[chosen], math.atan2(y, x))
        return True

    def anywhere(self, person: int, request: GenerationRequest) -> None:
        """Start on the free floor, further people near the first, all with a way ahead."""
        if person == 0 and not self.starts:
            placement = choose_placement(request, self._room)
            self.put(0, np.array(placement.start_m), placement.heading_rad)
            return
        stands = self.free()
        if not len(stands):
            return
        headings = np.arange(8, dtype=np.float64) * (math.pi / 4)
        if person == 0 and request.heading_deg is not None:
            headings = np.array([math.radians(request.heading_deg)])
        score = self._room.score(stands, headings, 1)
        near = np.min([np.linalg.norm(stands - one.place_m, axis=1) for one in self.starts.values()], axis=0)
        score -= 2.0 * np.maximum(near - 2 * NEIGHBOUR_M, 0.0)[:, None]
        best = np.flatnonzero(score >= score.max() - 0.3)
        stand, turn = np.unravel_index(best[self._number % len(best)], score.shape)
        self.put(person, stands[stand], float(headings[turn]))


def no_free_floor(request: GenerationRequest, room: Room) -> list[str]:
    """One line, or none, for who is told where to start in a room without free floor, where anybody else is refused.

    They may start on a bed or a chair, but beside it there is nowhere to go.
    """
    try:
        free = room.free_space.free.any()
    except InputError:  # no floor was seen, of which who is told where to start has no need
        return []
    if free or (request.start_m is None and request.edits is None):
        return []
    return [
        f"the room has no free floor {2 * room.free_space.body_radius_m:g} m wide: whoever is not on a thing is put "
        "inside one; scan the floor around the furniture too, or take another room"
    ]


def out_of_the_way(
    room: Room, start: Placement, ways: Sequence[NDArray[np.float64]], heading_rad: float | None = None
) -> Placement:
    """Where somebody starts who may start anywhere, now that it is known where others go.

    Args:
        room: The room.
        start: Where they were put, which they keep if nobody comes near.
        ways: Where others go, (T, K, 2) each in the room.
        heading_rad: Where they are to face; None = anywhere.
    """
    met = np.concatenate([way.reshape(-1, 2) for way in ways] or [np.zeros((0, 2))])
    met = np.unique(np.round(met, 1), axis=0)
    if not len(met) or float(_gap_m(np.array([start.start_m]), met)[0]) >= _WAYS_M:
        return start
    stands = room.stands()
    headings = np.arange(8, dtype=np.float64) * (math.pi / 4)
    if heading_rad is not None:
        headings = np.array([heading_rad])
    ahead = stands[:, None] + _WAYS_M * np.stack([np.cos(headings), np.sin(headings)], axis=1)  # (N, H, 2)
    score = room.score(stands, headings, 1) - _LONG_WAY * np.linalg.norm(stands - start.start_m, axis=1)[:, None]
    # A place in somebody's way is worse than any that is not, whatever room it has.
    score += 20.0 * np.minimum(_gap_m(stands, met), _WAYS_M)[:, None]
    score += 3.0 * np.minimum(_gap_m(ahead, met), _WAYS_M)
    stand, turn = np.unravel_index(int(score.argmax()), score.shape)
    return Placement((float(stands[stand, 0]), float(stands[stand, 1])), float(headings[turn]))


def _gap_m(places: NDArray[np.float64], met: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance (...) of places (..., 2) to the nearest of (M, 2)."""
    flat = places.reshape(-1, 2)
    parts = np.array_split(flat, len(flat) // 256 + 1)  # for memory
    found = [np.linalg.norm(part[:, None] - met, axis=-1).min(axis=1) for part in parts]
    return np.concatenate(found).reshape(places.shape[:-1])
