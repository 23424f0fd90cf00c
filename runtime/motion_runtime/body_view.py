"""People in pictures as bodies: a mesh moved by the motion, in the colour of each person's class."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.skeleton import PARENTS
from motion_runtime.figure import twins
from motion_runtime.formats.skin import Skin, built_in_skin
from motion_runtime.motion import Motion

Array = NDArray[np.float32]

_WHITENING: Final = 0.06


@cache
def _skin() -> Skin:
    return built_in_skin()


class BodyView:
    """The bodies of a motion, frame by frame."""

    def __init__(self, motion: Motion, skin: Skin | None = None) -> None:
        skin = skin or _skin()
        self.faces = skin.faces.astype(np.int64)
        names = motion.person_classes
        self.colors: list[Array] = [
            (_WHITENING + (1 - _WHITENING) * skin.colors(name, twin)).astype(np.float32)
            for name, twin in zip(names, twins(names), strict=True)
        ]
        self._motion, self._skin = motion, skin
        self._weights = np.zeros((len(skin.vertices_m), len(PARENTS)), dtype=np.float32)
        np.add.at(self._weights, (np.arange(len(skin.joints))[:, None], skin.joints), skin.weights / np.float32(65535))

    def vertices(self, person: int, frame: int) -> Array:
        """Vertices (V, 3) of a person in a frame, in the room: linear blend skinning."""
        rotations = self._motion.local_rotations[person, frame].astype(np.float64)
        rest = self._skin.rest_joints_m
        world = np.empty_like(rotations)
        joints = np.empty_like(rest)
        for joint, parent in enumerate(PARENTS):
            if parent < 0:
                world[joint], joints[joint] = rotations[joint], self._motion.root_position_m[person, frame]
            else:
                world[joint] = world[parent] @ rotations[joint]
                joints[joint] = joints[parent] + world[parent] @ (rest[joint] - rest[parent])
        shift = joints - np.einsum("kij,kj->ki", world, rest)
        affine = (self._weights @ np.concatenate([world.reshape(-1, 9), shift], axis=1).astype(np.float32)).reshape(
            -1, 12
        )
        moved: Array = np.einsum("vij,vj->vi", affine[:, :9].reshape(-1, 3, 3), self._skin.vertices_m)
        return moved + affine[:, 9:]

    def normals(self, vertices_m: Array) -> Array:
        """Unit normals (V, 3)."""
        return _normals(vertices_m, self.faces)


def _normals(vertices: Array, faces: NDArray[np.int64]) -> Array:
    """Means of the faces' normals round each vertex, weighted by area; sums by `bincount` are fast."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    normals = np.stack(
        [
            np.bincount(faces.T.reshape(-1), weights=np.tile(across[:, axis], 3), minlength=len(vertices))
            for axis in range(3)
        ],
        axis=1,
    )
    length = np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return np.asarray(normals / length, dtype=np.float32)
