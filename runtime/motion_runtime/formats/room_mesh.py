"""The room's own triangles as other tools get them: few enough, edges sharp, the floor facing up.

Outer walls and the ceiling face into the room whatever the file says, so that seen from outside they need not be drawn.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.components import cell_keys
from motion_preprocessing.errors import InputError
from motion_preprocessing.labels import CEILING, WALL
from motion_preprocessing.mesh import Mesh
from motion_preprocessing.scene import Scene, wall_planes
from motion_runtime.formats.room import Room
from motion_runtime.room_view import CEILING_FROM_M, lightened, plain_colors, structure_of

Array = NDArray[np.float64]

MAX_FACES: Final = 200_000
"""More triangles than these are merged in cells of space: a page or an animation tool has no use for them."""
_SAME_M: Final = 1e-4
"""Vertices of one such cell are one place: files with flat shading repeat them for every face."""
_CREASE: Final = math.cos(math.radians(40))
"""Faces that meet at a larger angle keep a sharp edge between them."""
_FLOOR_M: Final = 0.05
_ALONG: Final = 0.7
"""Cosine of the angle between a wall's or ceiling's plane and a triangle that belongs to it, at least."""
_WALL_M: Final = (-0.4, 0.1)
"""Where the triangles of a wall lie about its inner side: beyond it as far as a wall is thick."""
_ON_WALL_M: Final = 0.03
_ROUGH: Final = 0.3
"""So near to the plane, this cosine is enough: small triangles of a scan tilt with its noise."""
_STEPS: Final = 127
"""Steps of a normal's components from 0 to 1 within which two corners of a vertex share it."""


def room_of_mesh(scene: Scene, mesh: Mesh, most: int = MAX_FACES) -> Room:
    """Take a room's faces with the colours of their vertices, or with those that the pictures give them.

    Args:
        scene: The room.
        mesh: Its mesh.
        most: Number of triangles to keep at most.
    """
    mesh = merged(mesh, most)
    normals, areas = _face_normals(mesh.vertices, mesh.faces)
    kept = areas > 0
    faces, normals, areas = mesh.faces[kept], normals[kept], areas[kept]
    if _floor_faces_down(mesh.vertices, faces, normals, areas):
        faces, normals = faces[:, ::-1], -normals
    labels = np.full(len(faces), -1) if mesh.labels is None else np.sort(mesh.labels[faces], axis=1)[:, 1]
    high = mesh.vertices[faces, 2].min(axis=1) > CEILING_FROM_M
    inward = _walls_inward(scene, mesh.vertices[faces].mean(axis=1), normals, labels)
    walls = np.asarray(inward.any(axis=1))
    ceiling = (scene.labelled(CEILING, labels) | ((labels < 0) & high)) & ~walls
    inward[ceiling & (np.abs(normals[:, 2]) > _ALONG)] = (0.0, 0.0, -1.0)
    away = np.einsum("ij,ij->i", normals, inward) < 0
    faces, normals = np.where(away[:, None], faces[:, ::-1], faces), np.where(away[:, None], -normals, normals)
    corner_normals = _corner_normals(mesh.vertices, faces, normals, areas)
    vertex, split, unit = _split(faces, corner_normals)
    if mesh.colors is not None:
        colors = mesh.colors[vertex] / 255.0
    else:
        colors = _mean_of_faces(_face_colors(scene, mesh.vertices[faces].mean(axis=1), labels), split, len(vertex))
    points = mesh.vertices[vertex].astype(np.float32)
    return Room(points, colors, ceiling, split.astype(np.uint32), unit.astype(np.float32), walls)


def merged(mesh: Mesh, most: int) -> Mesh:
    """Return a mesh of at most `most` triangles: vertices of one cubic cell become one in their middle.

    Raises:
        InputError: There are more, and none of them has an area that would say how large cells should be.
    """
    if len(mesh.faces) <= most:
        return mesh
    _, areas = _face_normals(mesh.vertices, mesh.faces)
    if not areas.any():
        raise InputError(
            f"expected triangles with an area, got {len(mesh.faces)} without for the room's mesh; "
            "export it again, or give its points as .ply"
        )
    cell = math.sqrt(2 * float(areas.sum()) / most)  # two triangles for each cell that a surface passes through
    while True:
        _, first, cluster = np.unique(cell_keys(mesh.vertices, cell), return_index=True, return_inverse=True)
        faces = cluster.reshape(-1)[mesh.faces]
        whole = faces[(faces != np.roll(faces, 1, axis=1)).all(axis=1)]
        _, once = np.unique(np.sort(whole, axis=1), axis=0, return_index=True)
        if len(once) <= most:
            break
        cell *= max(1.1, math.sqrt(len(once) / most))  # triangles fill surfaces: their number falls with the square
    count = np.bincount(cluster, minlength=len(first))

    def means(values: NDArray[Any]) -> Array:
        return np.stack([np.bincount(cluster, weights=column) / count for column in values.T], axis=1)

    colors = None if mesh.colors is None else np.round(means(mesh.colors)).astype(np.uint8)
    labels = None if mesh.labels is None else mesh.labels[first]
    return Mesh(means(mesh.vertices), whole[np.sort(once)], colors, labels)


def _face_normals(vertices: Array, faces: NDArray[np.int64]) -> tuple[Array, Array]:
    """Unit normals (F, 3) and areas (F,) of triangles; a triangle without area has neither."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    length = np.linalg.norm(across, axis=1)
    return np.divide(across, length[:, None], out=np.zeros_like(across), where=length[:, None] > 0), length / 2


def _floor_faces_down(vertices: Array, faces: NDArray[np.int64], normals: Array, areas: Array) -> bool:
    """Whether the file winds its triangles the other way round: seen from inside the room they are clockwise."""
    height = vertices[faces, 2]
    level = np.abs(height).max(axis=1) < _FLOOR_M
    # A floor may be a slab: its upper side counts more than its underside, which faces the other way.
    above = height[level].mean(axis=1) + _FLOOR_M
    return float(np.sum(normals[level, 2] * areas[level] * above)) < 0


def _walls_inward(scene: Scene, centres_m: Array, normals: Array, labels: NDArray[np.integer[Any]]) -> Array:
    """Which way into the room is (F, 3) from triangles of outer walls; 0 for all others."""
    inward = np.zeros_like(normals)
    free = (labels < 0) | scene.labelled(WALL, labels)
    for plane in wall_planes(scene.points_m):
        distance = plane.distances(centres_m)
        near = (distance > _WALL_M[0]) & (distance < _WALL_M[1])
        enough = np.where(np.abs(distance) < _ON_WALL_M, _ROUGH, _ALONG)
        inward[free & near & (np.abs(normals @ plane.normal) > enough)] = plane.normal
    return inward


def _corner_normals(vertices: Array, faces: NDArray[np.int64], normals: Array, areas: Array) -> Array:
    """Unit normals (F, 3 corners, 3): each face's own and its neighbours' that meet it without a crease, by area."""
    place = np.unique(cell_keys(vertices, _SAME_M), return_inverse=True)[1].reshape(-1)[faces].reshape(-1)
    order = np.argsort(place, kind="stable")
    place, face = place[order], (np.arange(3 * len(faces)) // 3)[order]
    weighted = normals * areas[:, None]
    total = weighted[face]
    apart, first = 1, np.arange(len(order) - 1)
    # Corners of one place follow each other: pairs that are 1, 2, 3 ... apart, until no place has so many corners.
    while len(first := first[first + apart < len(order)]):
        first = first[place[first] == place[first + apart]]
        one, other = face[first], face[first + apart]
        smooth = np.einsum("ij,ij->i", normals[one], normals[other]) > _CREASE
        total[first[smooth]] += weighted[other[smooth]]
        total[first[smooth] + apart] += weighted[one[smooth]]
        apart += 1
    corners = np.empty_like(total)
    corners[order] = total / np.linalg.norm(total, axis=1, keepdims=True)
    return corners.reshape(-1, 3, 3)


def _split(faces: NDArray[np.int64], corner_normals: Array) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Give a vertex to each of a vertex's normals: which vertex each was (V',), faces (F, 3), and normals (V', 3)."""
    flat = corner_normals.reshape(-1, 3)
    steps = np.rint(_STEPS * (flat + 1)).astype(np.int64)
    key = ((faces.reshape(-1) * 256 + steps[:, 0]) * 256 + steps[:, 1]) * 256 + steps[:, 2]
    _, first, split = np.unique(key, return_index=True, return_inverse=True)
    return faces.reshape(-1)[first], split.reshape(-1, 3), flat[first]


def _face_colors(scene: Scene, centres_m: Array, labels: NDArray[np.integer[Any]]) -> Array:
    wall, floor = structure_of(scene, centres_m, labels)
    return np.asarray(lightened(plain_colors(centres_m, labels, scene.label_names, wall, floor)), dtype=np.float64)


def _mean_of_faces(values: Array, faces: NDArray[np.int64], count: int) -> Array:
    """Mean (V, 3) of what the faces (F, 3) at each vertex have."""
    flat, repeated = faces.reshape(-1), np.repeat(values, 3, axis=0)
    share = np.bincount(flat, minlength=count)
    return np.stack([np.bincount(flat, weights=column, minlength=count) / share for column in repeated.T], axis=1)
