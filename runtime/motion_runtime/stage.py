"""What staging works out for each person: where they start, and what they sit or lie on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Place = tuple[float, float]
"""x, y in the room, metres."""


@dataclass(frozen=True)
class Start:
    """Where somebody starts."""

    place_m: Place
    heading_deg: float
    """Where they face: 0 = +x, 90 = +y."""


@dataclass(frozen=True)
class Rest:
    """Where on a seat or a mattress a pelvis may come to be: a rectangle, and how the body then faces."""

    centre_m: Place
    half_m: tuple[float, float]
    """Half its extents, along the facing and across it."""
    facing_rad: float
    """Where somebody faces who sits there; the way from head to foot of who lies."""

    def nearest(self, xy_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """The place in it that is nearest to a place (2,)."""
        c, s = math.cos(self.facing_rad), math.sin(self.facing_rad)
        axes, half = np.array([[c, s], [-s, c]]), np.array(self.half_m)
        own = np.clip(axes @ (xy_m - np.array(self.centre_m)), -half, half)
        return np.asarray(np.array(self.centre_m) + own @ axes)


@dataclass(frozen=True)
class Use:
    """What somebody sits or lies on."""

    level_m: float
    """Height of the seat or the mattress."""
    seat: Rest
    """Where they may sit."""
    beds: tuple[Rest, ...]
    """Where they may lie, head this way or that, the likelier first; empty where they cannot."""
    start_free: bool
    """Whether their start was chosen for its sake, and may be moved with the motion."""
    bent: bool = False
    """Whether the walk there is bent so that it ends there, since where it begins is given."""
    since_s: float = 0.0
    """From when on they go there: the start of the motion, or the end of what they used before."""
    until_s: float = math.inf
    """When they are to leave it."""
    falls: bool = False
    """Whether they fall off it then, rather than get up."""
    head_known: bool = False
    """Whether the first of `beds` has the head where it belongs, and the others are the wrong way round."""

    def rests(self, *, lies: bool) -> tuple[Rest, ...]:
        """Where somebody may be who lies, or else sits."""
        return self.beds if lies and self.beds else (self.seat,)


@dataclass(frozen=True)
class RollsOut:
    """How somebody falls out of bed."""

    place_m: Place
    """The middle of the mattress, as far along it as they lie."""
    foot_rad: float
    """The way from head to foot."""
    side: float
    """1 = over the edge to the left of that way, -1 = to the right."""
    level_m: float
    """Height of the mattress."""
    edge_m: float
    """From its middle to its edge."""
    beside_m: float
    """From the edge to where they come to lie."""
    since_s: float | None = None
    """When they begin to; None = before long."""

    @property
    def out(self) -> NDArray[np.float64]:
        """(2,) the direction from the middle to the edge."""
        return self.side * np.array([-math.sin(self.foot_rad), math.cos(self.foot_rad)])

    @property
    def lands_m(self) -> Place:
        """Where the pelvis comes to lie."""
        x, y = np.array(self.place_m) + (self.edge_m + self.beside_m) * self.out
        return float(x), float(y)
