"""A way over the floor: where the pelvis is, and optionally where the body faces, at some times.

Written 'TIME:X,Y' or 'TIME:X,Y,YAW' with blanks between, seconds, metres in the room and degrees (0 = +x, 90 = +y):
'0:1,2 3:2.5,2 5:3,3,90'. Between the times the way is the model's own, led from one place to the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from motion_preprocessing.errors import InputError
from motion_runtime.motion import MAX_START_M

MAX_SPEED_M_S: Final = 12.0
"""Nobody has run faster on their own feet."""
_ADVICE: Final = "write TIME:X,Y or TIME:X,Y,YAW with blanks between, such as '0:1,2 3:2.5,2'"


@dataclass(frozen=True)
class Waypoint:
    """One place of a path."""

    time_s: float
    """Seconds from the start of the motion."""
    x_m: float
    """In the room."""
    y_m: float
    """In the room."""
    yaw_deg: float | None = None
    """Where the body faces, 0 = +x, 90 = +y; None = the model's choice."""


@dataclass(frozen=True)
class RootPath:
    """One person's way, by at least one place; no places = this person goes where the model wants."""

    waypoints: tuple[Waypoint, ...]
    """In order of time."""

    def __post_init__(self) -> None:
        for point in self.waypoints:
            values = (point.time_s, point.x_m, point.y_m, point.yaw_deg or 0.0)
            if not all(math.isfinite(value) for value in values) or point.time_s < 0:
                raise InputError(f"expected finite numbers and times from 0 on, got {values} for the path; {_ADVICE}")
            if max(abs(point.x_m), abs(point.y_m)) > MAX_START_M:
                raise InputError(
                    f"expected places within {MAX_START_M:g} m, got {point.x_m:g},{point.y_m:g} for the path; "
                    "coordinates are metres in the room"
                )
        for before, after in pairwise(self.waypoints):
            if after.time_s <= before.time_s:
                raise InputError(
                    f"expected ascending times, got {after.time_s:g} s after {before.time_s:g} s for the path; "
                    "sort the places by time"
                )
            speed = math.hypot(after.x_m - before.x_m, after.y_m - before.y_m) / (after.time_s - before.time_s)
            if speed > MAX_SPEED_M_S:
                raise InputError(
                    f"expected at most {MAX_SPEED_M_S:g} m/s, got {speed:.1f} m/s from {before.time_s:g} to "
                    f"{after.time_s:g} s for the path; allow more time"
                )

    @classmethod
    def parse(cls, text: str) -> RootPath:
        """Read 'TIME:X,Y[,YAW] ...'; '-' is a person without a path.

        Raises:
            InputError: The text reads otherwise.
        """
        if text.strip() == "-":
            return cls(())
        points = []
        for word in text.split():
            time, _, place = word.partition(":")
            try:
                numbers = [float(number) for number in (time, *place.split(","))]
            except ValueError:
                numbers = []
            if len(numbers) not in (3, 4):
                raise InputError(f"expected places in time, got '{word:.40}' for the path; {_ADVICE}")
            points.append(Waypoint(*numbers))
        if not points:
            raise InputError(f"expected places in time, got nothing for the path; {_ADVICE}")
        return cls(tuple(points))
