"""The room as pictures need it: coloured points, opened up towards the camera like a doll's house."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene

AnyArray = NDArray[np.floating[Any]]

MAX_POINTS: Final = 150_000
"""More points than these are thinned out: at the size of a preview they cover each other."""

CEILING_FROM_M: Final = 2.15
_FLOOR_BELOW_M: Final = 0.06
_SHELL_M: Final = 0.25
_BINS: Final = 72
_WHITENING: Final = 0.28
_GREYING: Final = 0.30
"""How much the room's colours are lightened and drained, so that people stand out from it."""

_LABEL_COLORS: Final[tuple[tuple[float, float, float], ...]] = (
    (0.62, 0.66, 0.72), (0.55, 0.68, 0.86), (0.86, 0.70, 0.52), (0.72, 0.60, 0.82), (0.80, 0.74, 0.50),
    (0.58, 0.74, 0.62), (0.84, 0.60, 0.62), (0.52, 0.74, 0.78), (0.76, 0.66, 0.60),
)  # fmt: skip
_SHELL_NAMES: Final = ("wall", "ceiling", "window", "door")
_NO_NAMES: Final = ("", "unlabelled", "unknown")
_FLOOR_COLOR: Final = (0.82, 0.835, 0.86)
_WALL_COLOR: Final = (0.80, 0.81, 0.83)


@dataclass(frozen=True)
class RoomView:
    """Points of a room, floor at z = 0, ceiling taken off."""

    points_m: NDArray[np.float64]
    """(N, 3)."""
    colors: NDArray[np.float32]
    """(N, 3) RGB in 0..1, lightened."""
    shell: NDArray[np.bool_]
    """(N,) walls and what belongs to them."""
    floor: NDArray[np.bool_]
    """(N,) points of the floor."""
    spacing_m: float
    """Typical distance of neighbouring points, the size to draw them at."""

    def opened(self, towards: tuple[float, float], centre_m: tuple[float, float]) -> RoomView:
        """Take away the walls on the side of `centre_m` that the direction `towards` points to."""
        ahead = (self.points_m[:, :2] - np.asarray(centre_m)) @ np.asarray(towards)
        keep = ~self.shell | (ahead < 0)
        return RoomView(self.points_m[keep], self.colors[keep], self.shell[keep], self.floor[keep], self.spacing_m)

    def thinned(self, most: int) -> RoomView:
        """Keep at most about `most` points, evenly picked."""
        step = math.ceil(len(self.points_m) / most) or 1
        pick = slice(None, None, step)
        return RoomView(
            self.points_m[pick], self.colors[pick], self.shell[pick], self.floor[pick], self.spacing_m * math.sqrt(step)
        )

    def obstacles(self) -> NDArray[np.float64]:
        """Points (M, 3) that are not floor."""
        return self.points_m[~self.floor]


def room_view(scene: Scene) -> RoomView:
    """Choose what of a room is drawn, and in which colours: its own, else its labels', else by height."""
    points = np.asarray(scene.points_m, dtype=np.float64)
    names = _names(scene)
    keep = (points[:, 2] < CEILING_FROM_M) & (names != "ceiling") & np.isfinite(points).all(axis=1)
    chosen = np.flatnonzero(keep)
    chosen = chosen[:: math.ceil(len(chosen) / MAX_POINTS) or 1]
    points, names = points[chosen], names[chosen]
    floor = (names == "floor") | ((np.abs(points[:, 2]) < _FLOOR_BELOW_M) & np.isin(names, _NO_NAMES))
    shell = np.isin(names, _SHELL_NAMES) if (names == "wall").any() else _outline(points) & ~floor
    colors: NDArray[np.floating[Any]]
    if scene.colors is not None:
        colors = np.asarray(scene.colors)[chosen, :3] / np.float32(255)
    else:
        colors = _label_colors(points, names, shell, floor)
    grey = colors.mean(axis=1, keepdims=True)
    drained = colors + _GREYING * (grey - colors)
    light = (drained + _WHITENING * (1 - drained)).astype(np.float32)
    return RoomView(points, light, shell, floor, _spacing(points))


def _names(scene: Scene) -> NDArray[np.str_]:
    """Label name of each point, '' where it has none."""
    table = np.array([*(name.lower() for name in scene.label_names), ""], dtype=np.str_)
    labels = np.asarray(scene.labels, dtype=np.int64)
    return table[np.where((labels >= 0) & (labels < len(table) - 1), labels, len(table) - 1)]


def _outline(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Points within 25 cm of the room's outline as seen from its middle: the walls of a room without labels."""
    if not len(points):
        return np.zeros(0, dtype=np.bool_)
    offset = points[:, :2] - (np.quantile(points[:, :2], 0.02, axis=0) + np.quantile(points[:, :2], 0.98, axis=0)) / 2
    radius = np.hypot(offset[:, 0], offset[:, 1])
    sector = ((np.arctan2(offset[:, 1], offset[:, 0]) / (2 * np.pi) + 0.5) * _BINS).astype(np.int64) % _BINS
    reach = np.zeros(_BINS)
    for s in range(_BINS):
        inside = radius[sector == s]
        reach[s] = np.quantile(inside, 0.9) if inside.size else 0.0
    return np.asarray(radius > reach[sector] - _SHELL_M)


def _label_colors(
    points: NDArray[np.float64], names: NDArray[np.str_], shell: NDArray[np.bool_], floor: NDArray[np.bool_]
) -> NDArray[np.float32]:
    unique, index = np.unique(names, return_inverse=True)
    palette = np.array([_LABEL_COLORS[sum(map(ord, str(name))) % len(_LABEL_COLORS)] for name in unique])
    colors = palette[index]
    unlabelled = np.isin(names, _NO_NAMES)
    height = np.clip(points[:, 2] / CEILING_FROM_M, 0, 1)[:, None]
    by_height = (1 - height) * np.array([0.50, 0.60, 0.74]) + height * np.array([0.80, 0.80, 0.82])
    colors[unlabelled] = by_height[unlabelled]
    colors[shell & ~unlabelled] = _WALL_COLOR
    colors[floor] = _FLOOR_COLOR
    return colors.astype(np.float32)


def _spacing(points: NDArray[np.float64]) -> float:
    """Distance of neighbouring points on surfaces, from the number of 10 cm cells they fill; 1 to 5 cm."""
    if not len(points):
        return 0.02
    cells = len(np.unique(np.floor(points / 0.1).astype(np.int64), axis=0))
    # A surface through a cell has about 1.2 times the area of one of its faces.
    return float(np.clip(math.sqrt(1.2 * 0.01 * cells / len(points)), 0.01, 0.05))
