"""Wheelchairs in pictures, pages and files: a simple one about whoever is pushed in one, which goes where they go.

Motions hold people alone. Who sits in a wheelchair is told by the prompts, as it is when hands are laid on its handles;
a wheelchair that was scanned with the room is drawn there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import about_z
from motion_preprocessing.skeleton import JOINT_INDEX
from motion_runtime.editing.grips import find_handles
from motion_runtime.low_pass import low_pass
from motion_runtime.motion import Motion
from motion_runtime.who_holds import who_wheels

if TYPE_CHECKING:
    from motion_preprocessing.scene import Scene

Array = NDArray[np.float64]
AnyArray = NDArray[np.floating[Any]]
Mesh = tuple[AnyArray, AnyArray, NDArray[np.integer[Any]], NDArray[np.float32]]
"""Vertices, their normals, faces and colours, as `Canvas.draw_bodies` takes them."""

RADIUS_M: Final = 0.4
"""Of its shadow."""
_IN_ONE: Final = re.compile(r"\b(?:in|into) (?:a|the|his|her|their) wheel-?chair\b", re.IGNORECASE)
_ON_FLOOR_M, _STANDING_M = 0.3, 0.8
"""Pelves of people who sit in one are between those who sit on the floor and those who stand, ..."""
_UPRIGHT: Final = 0.6
"""... and their trunks no farther from upright than the angle with this cosine."""
_LEAST_S: Final = 0.5
_STEADY_S: Final = 0.3
"""A chair does not sway with who sits in it."""
_SEAT_M: Final = 0.1
"""Under the pelvis."""
_WHEEL_PARTS: Final = 20
_FRAME: Final = (0.36, 0.39, 0.44)
_CLOTH: Final = (0.20, 0.22, 0.27)


class Wheelchair:
    """One wheelchair over the time of a motion."""

    def __init__(self, root: Array, pelvis_m: Array, sits: NDArray[np.bool_], fps: float) -> None:
        """Put it under who sits in it, by root orientations (T, 3, 3) and pelves (T, 3).

        While they do not it stands where they have left it, or are going to sit down.
        """
        seated = np.flatnonzero(sits)
        nearest = seated[np.abs(np.arange(len(sits))[:, None] - seated).argmin(axis=1)]
        self.yaw_rad: Array = low_pass(np.unwrap(heading_rad(root))[nearest, None], _STEADY_S * fps)[:, 0]
        """(T,) where it faces, without jumps."""
        self.places_m: Array = low_pass(pelvis_m[nearest, :2], _STEADY_S * fps)
        """(T, 2) of the seat's middle on the floor."""
        self.parts: Mesh = _chair(round(float(np.median(pelvis_m[seated, 2])) - _SEAT_M, 2))
        """The chair where it faces +x, its seat's middle above the origin."""

    def mesh(self, frame: int) -> Mesh:
        """What there is to be drawn in a frame."""
        vertices, normals, faces, colors = self.parts
        turn = np.asarray(about_z(self.yaw_rad[frame]))
        return vertices @ turn.T + [*self.places_m[frame], 0.0], normals @ turn.T, faces, colors


def wheelchairs_of(motion: Motion, scene: Scene | None = None) -> list[Wheelchair]:
    """The wheelchairs that people sit in and the room does not show."""
    rotations, root_m = motion.local_rotations.astype(np.float64), motion.root_position_m.astype(np.float64)
    joints, world = (np.asarray(each) for each in forward_kinematics(rotations, root_m))
    pushed = {grip.other for grip in find_handles(joints, world, who_wheels(motion.prompts, motion.person_classes))}
    scanned = scene is not None and any(thing.object_class == "wheelchair" for thing in scene.furniture)
    own = {person for person, said in enumerate(motion.prompts) if _IN_ONE.search(said) and not scanned}
    chairs = []
    for person in sorted(pushed | own):
        trunk = joints[person, :, JOINT_INDEX["neck"]] - joints[person, :, 0]
        upright = trunk[:, 2] > _UPRIGHT * np.linalg.norm(trunk, axis=-1)
        pelvis_m = joints[person, :, 0, 2]
        sits = (pelvis_m > _ON_FLOOR_M) & (pelvis_m < _STANDING_M) & upright
        if sits.sum() >= min(_LEAST_S * motion.fps, motion.frames):
            chairs.append(Wheelchair(world[person, :, 0], joints[person, :, 0], sits, motion.fps))
    return chairs


@cache
def _chair(seat_m: float) -> Mesh:
    """A wheelchair that faces +x, its seat at a height above the origin."""
    knee_m, lap_m = 0.5 * (seat_m + 0.1), seat_m + 0.2
    boxes = [
        _box((0.05, 0.0, seat_m - 0.03), (0.24, 0.21, 0.03), _CLOTH),
        _box((-0.21, 0.0, seat_m + 0.22), (0.02, 0.21, 0.22), _CLOTH),
    ]
    for side in (-1.0, 1.0):
        boxes += [
            _box((-0.21, 0.24 * side, 0.5 * (seat_m + 0.95)), (0.015, 0.015, 0.5 * (0.95 - seat_m)), _FRAME),
            _box((-0.32, 0.24 * side, 0.95), (0.12, 0.018, 0.018), _CLOTH),  # a handle
            _box((0.0, 0.25 * side, lap_m), (0.18, 0.03, 0.015), _CLOTH),  # an armrest
            _box((0.15, 0.25 * side, lap_m - 0.1), (0.015, 0.015, 0.1), _FRAME),
            _box((0.3, 0.18 * side, knee_m), (0.015, 0.015, seat_m - knee_m), _FRAME),
            _box((0.38, 0.12 * side, 0.09), (0.11, 0.08, 0.01), _FRAME),  # a foot rest
            *_wheel((-0.06, 0.3 * side), 0.3),
            *_wheel((0.22, 0.24 * side), 0.09),
        ]
    vertices, normals, faces, colors = zip(*boxes, strict=True)
    shifted = [part + 24 * number for number, part in enumerate(faces)]
    return np.concatenate(vertices), np.concatenate(normals), np.concatenate(shifted), np.concatenate(colors)


def _wheel(place_m: tuple[float, float], radius_m: float) -> Iterable[Mesh]:
    """A ring on the floor, of boxes."""
    rim = radius_m - 0.02
    for angle in np.linspace(0.0, 2 * np.pi, _WHEEL_PARTS, endpoint=False):
        c, s = np.cos(angle), np.sin(angle)
        turn = np.array([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])
        half = (0.02, 0.015, radius_m * np.tan(np.pi / _WHEEL_PARTS))
        yield _box((place_m[0] + rim * c, place_m[1], radius_m + rim * s), half, _FRAME, turn)


def _box(
    centre_m: tuple[float, float, float],
    half_m: tuple[float, float, float],
    color: tuple[float, float, float],
    turn: Array | None = None,
) -> Mesh:
    """A box of half sizes along the axes, turned about its centre."""
    vertices: list[Array] = []
    normals: list[Array] = []
    faces: list[tuple[int, int, int]] = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            one, two = np.eye(3)[(axis + 1) % 3], sign * np.eye(3)[(axis + 2) % 3]  # counter-clockwise from outside
            normal = sign * np.eye(3)[axis]
            start = 4 * len(normals)
            vertices += [normal - one - two, normal + one - two, normal + one + two, normal - one + two]
            normals.append(normal)
            faces += [(start, start + 1, start + 2), (start, start + 2, start + 3)]
    rotation = np.eye(3) if turn is None else turn
    corners = (np.array(vertices) * half_m) @ rotation.T + centre_m
    return (
        corners,
        np.repeat(normals, 4, axis=0) @ rotation.T,
        np.array(faces),
        np.tile(np.array(color, np.float32), (24, 1)),
    )
