"""Rooms that many threads are in: each is worked out once, by the first of them."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock
from typing import Final

from motion_preprocessing.errors import InputError
from motion_preprocessing.scene import Scene
from motion_runtime.placement import Room

KEPT: Final = 4
"""Jobs are made room by room, so that those under way are in few."""


class SharedRooms:
    """The rooms of the last few scenes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rooms: dict[int, Room] = {}

    def of(self, scene: Scene) -> Room:
        """A scene's room, with all that follows from it."""
        with self._lock:
            room = self._rooms.pop(id(scene), None) or _worked_out(scene)
            self._rooms[id(scene)] = room  # the room keeps the scene, and so its id
            if len(self._rooms) > KEPT:
                del self._rooms[next(iter(self._rooms))]
            return room


def _worked_out(scene: Scene) -> Room:
    room = Room(scene)
    # What cannot be worked out is told to whoever asks for it, as of any room.
    with suppress(InputError):
        _ = room.solids
    with suppress(InputError):
        _ = room.free_space.free, room.bounds, room.supports
    _ = scene.objects, scene.furniture
    return room
