"""Rooms of jobs: each file loaded once for all jobs in a row that share it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from motion_preprocessing.scene import Scene, load_scene
from motion_runtime.room_units import label_table, load_room

KEPT_ROOMS: Final = 4
"""Rooms in memory at a time; jobs are sorted by room, so that a few are enough."""

RoomKey = tuple[str, str, str, str]
"""Scene file, up axis, unit and labels, as `Job.room` gives them."""


class Rooms:
    """The last few rooms."""

    def __init__(self) -> None:
        self._kept: dict[RoomKey, Scene] = {}
        self._loaded: set[RoomKey] = set()

    def get(self, room: RoomKey | None) -> Scene | None:
        """The room of a job, None for none.

        Raises:
            InputError: The file is no scene.
        """
        if room is None:
            return None
        scene = self._kept.pop(room, None)
        if scene is None:
            path, up, units, labels = room
            table = label_table(labels or None)
            if room in self._loaded:  # what is unclear about it was said the first time
                scene = load_scene(path, up=up, units=units, labels=table)
            else:
                says = "the field 'units'"
                scene = load_room(Path(path), up=up, units=units, labels=table, ask=False, said_with=says)
            self._loaded.add(room)
        self._kept[room] = scene  # the last is the newest
        while len(self._kept) > KEPT_ROOMS:
            del self._kept[next(iter(self._kept))]
        return scene
