"""Cameras that see hardly anything: of the floor, before any work is done, and of people, when it is.

A camera file may be wrong and yet have something of the room in each picture: a camera that looks at the ceiling, or at
the back of the wall that it is fixed to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from motion_preprocessing.counted import counted
from motion_runtime.views.sight import VISIBLE, View, coarse_size, distances, room_distance
from motion_runtime.views.view_camera import ViewCamera

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene

HARDLY_M2: Final = 1.0
HARDLY_SHARE: Final = 0.2
"""Less floor than both is hardly any: a camera at a bed sees little, one in a cupboard most of its own."""
HARDLY_FRAMES: Final = 0.05
"""A camera that shows nobody in more of the frames sees hardly anybody."""
KEYPOINTS: Final = 5
"""Of COCO's 17: who shows fewer is not seen."""
_FLOOR_M: Final = 0.08
_CELL_M: Final = 0.25
_AHEAD_M: Final = 0.5
"""A floor far away is seen at a flat angle, where the points before it are drawn over it."""


def hardly_any_floor(cameras: Iterable[ViewCamera], scene: Scene | None) -> list[str]:
    """What to warn of before a motion is made: each camera that sees hardly any of the room's floor."""
    if scene is None:
        return []
    warnings = []
    for camera in cameras:
        seen_m2, whole_m2 = floor_seen_m2(camera, scene)
        if seen_m2 < min(HARDLY_M2, HARDLY_SHARE * whole_m2):
            warnings.append(f"camera '{camera.name}' sees {seen_m2:.2g} of {whole_m2:.2g} m2 of the floor")
    return warnings


def floor_seen_m2(camera: ViewCamera, scene: Scene) -> tuple[float, float]:
    """How much of the scanned floor is in a camera's picture with nothing before it, and how much there is."""
    floor = scene.points_m[np.abs(scene.points_m[:, 2]) < _FLOOR_M]
    pixels, _ = camera.project(floor)
    inside = camera.holds(pixels)
    width, height = coarse_size(camera)
    column, row = (pixels[inside] * (width / camera.width, height / camera.height)).astype(np.int64).T
    away = room_distance(camera, (width, height), scene)[row, column]
    seen = floor[inside][distances(camera, floor[inside]) < away + _AHEAD_M]
    of_seen, of_all = (len(np.unique(np.floor(part[:, :2] / _CELL_M), axis=0)) for part in (seen, floor))
    return of_seen * _CELL_M**2, of_all * _CELL_M**2


@dataclass
class _Count:
    frames: int = 0
    with_somebody: int = 0
    people: int = 0
    seen: int = 0


class WhoIsSeen:
    """Counts whom cameras see in the motions of a run."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], _Count] = {}

    def add(self, views: Sequence[View], file: str = "") -> None:
        """Count what cameras see of a motion.

        Args:
            views: A view a camera.
            file: The cameras' file where a run has several of them.
        """
        for view in views:
            there = (view.coco.visibility == VISIBLE).sum(axis=2) >= KEYPOINTS  # (P, T)
            count = self._counts.setdefault((file, view.camera.name), _Count())
            count.frames += there.shape[1]
            count.with_somebody += int(there.any(axis=0).sum())
            count.people += there.shape[0]
            count.seen += int(there.any(axis=1).sum())

    def add_all(self, other: WhoIsSeen) -> None:
        """Count what another has counted."""
        for key, more in other._counts.items():
            count = self._counts.setdefault(key, _Count())
            for name, value in vars(more).items():
                setattr(count, name, getattr(count, name) + value)

    def warnings(self) -> list[str]:
        """What to warn of: each camera that sees hardly anybody."""
        return [
            f"camera '{name}'{f' of {file}' if file else ''} sees {count.seen} of {counted(count.people, 'person')}, "
            f"in {count.with_somebody} of {counted(count.frames, 'frame')}; "
            "motion-run inspect ROOM --cameras FILE draws what it sees of the room"
            for (file, name), count in self._counts.items()
            if count.with_somebody < HARDLY_FRAMES * count.frames
        ]
