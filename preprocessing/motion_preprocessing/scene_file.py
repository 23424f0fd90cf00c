"""Read the points of a scene file as they are: PLY, OBJ, GLB, .npz or .npy, in the file's own frame and unit.

Meshes are read as points spread evenly over their faces.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError
from motion_preprocessing.gltf import read_glb
from motion_preprocessing.mesh import SURFACE_POINTS, Mesh, check_mesh, sample_surface
from motion_preprocessing.obj import read_obj
from motion_preprocessing.ply import read_ply

_LABELS: Final = ("label", "labels", "class", "class_id", "semantic", "semantic_label", "category")
_INSTANCES: Final = ("instance", "instances", "instance_id", "object_id")
_COLORS: Final = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"))
_LEAST_FINITE: Final = 0.1
"""Clouds of depth cameras have no depth at up to half of their pixels, rarely at more; a file of which less than this
share is finite was not written as it is read."""
_LABEL_COMMENT: Final = re.compile(r"label\s+(-?\d+)\s*[:=]?\s+(\S.*)", re.IGNORECASE)


@dataclass(frozen=True)
class SceneFile:
    """What a scene file holds."""

    points: NDArray[np.float64]
    """(N, 3)"""
    labels: NDArray[np.int64] | None
    """(N,) numbers of the file's own table; negative where the file says nothing."""
    instances: NDArray[np.int32] | None
    colors: NDArray[np.uint8] | None
    label_names: dict[int, str] | None
    """The file's own table; None where it brings none."""
    up: str | None = None
    """The axis that the file's format says is up; None where it says nothing."""
    drawn: bool = False
    """Whether the points come from faces, whose undersides no scanner sees."""
    mesh: Mesh | None = None
    """The faces that the points were taken from."""
    left_out: str = ""
    """What of the file has NaN or infinity for a place and was left out, as '12 of 30,000 points'; '' for nothing."""


def read_scene_file(path: Path) -> SceneFile:
    """Read a scene file.

    Raises:
        InputError: The file cannot be read or does not hold x, y and z.
    """
    try:
        os.stat(path)
    except FileNotFoundError:
        raise InputError(f"expected the file of a room, got none at {path}; check the path") from None
    except (OSError, ValueError):
        pass  # whoever reads it says what is wrong with the name
    suffix = path.suffix.lower()
    readers = {".npz": _read_arrays, ".npy": _read_arrays, ".obj": _read_obj, ".glb": _read_glb}
    content = _finite(readers.get(suffix, _read_ply)(path), path)
    side = path.with_name(f"{path.stem}.labels.json")
    if not os.path.isfile(side):  # unlike the method of `Path`, no error where the name is too long to exist
        return content
    return replace(content, label_names=read_label_table(side))


def _read_ply(path: Path) -> SceneFile:
    ply = read_ply(path, faces=True)
    # Programs disagree on case, and CloudCompare prefixes what it calls scalar fields.
    columns = {name.lower().removeprefix("scalar_"): column for name, column in ply.properties.items()}
    missing = [axis for axis in "xyz" if axis not in columns]
    if missing:
        raise InputError(
            f"expected the vertex properties x, y and z, got no {', '.join(missing)} for {path}; "
            "export it as a point cloud"
        )
    points = np.stack([columns[axis].astype(np.float64) for axis in "xyz"], axis=1)
    label = next((columns[name] for name in _LABELS if name in columns), None)
    instance = next((columns[name] for name in _INSTANCES if name in columns), None)
    rgb = next((names for names in _COLORS if all(name in columns for name in names)), None)
    names = {int(m[1]): m[2].strip() for c in ply.comments if (m := _LABEL_COMMENT.fullmatch(c))}
    content = SceneFile(
        points,
        None if label is None else _whole(label, "label", path),
        None if instance is None else _whole(instance, "instance", path).astype(np.int32),
        None if rgb is None else _bytes_of(np.stack([columns[name] for name in rgb], axis=1)),
        names or None,
    )
    if ply.faces is None or not len(ply.faces):
        return content
    check_mesh(points, ply.faces, path)
    return _spread(content, ply.faces, np.zeros(0, dtype=np.int64), path)


def _read_obj(path: Path) -> SceneFile:
    mesh = read_obj(path)
    content = SceneFile(mesh.vertices, mesh.labels, None, mesh.colors, None)
    return _spread(content, mesh.faces, np.zeros(0, dtype=np.int64), path) if len(mesh.faces) else content


def _read_glb(path: Path) -> SceneFile:
    mesh, lone = read_glb(path)
    content = SceneFile(mesh.vertices, mesh.labels, None, mesh.colors, None, up="y")
    return _spread(content, mesh.faces, lone, path)


def _placed(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) True where a point has a finite place."""
    return np.asarray(np.isfinite(points).all(axis=1))


def _finite(content: SceneFile, path: Path, of: str = "points") -> SceneFile:
    """Leave out what has no finite place: depth cameras and converters write NaN where nothing was measured.

    Raises:
        InputError: Less than `_LEAST_FINITE` is left.
    """
    kept = _placed(content.points)
    if kept.all():
        return content
    left_out = f"{np.count_nonzero(~kept):,} of {len(kept):,} {of}"
    if kept.mean() < _LEAST_FINITE:
        raise InputError(
            f"expected finite coordinates, got {left_out} with NaN or infinity for {path}; export the scan again"
        )
    return replace(
        content,
        points=content.points[kept],
        labels=None if content.labels is None else content.labels[kept],
        instances=None if content.instances is None else content.instances[kept],
        colors=None if content.colors is None else content.colors[kept],
        left_out=left_out,
    )


def _spread(content: SceneFile, faces: NDArray[np.int64], lone: NDArray[np.int64], path: Path) -> SceneFile:
    """Replace vertices by points on the faces between them, and keep the `lone` ones (N,) that have none.

    Faces of vertices without a finite place are left out with these.
    """
    kept = _placed(content.points)
    content = _finite(content, path, "vertices")
    if content.left_out:
        now = np.cumsum(kept) - 1  # the number of each vertex among those that are kept
        faces, lone = now[faces[kept[faces].all(axis=1)]], now[lone[kept[lone]]]
    points, corners = content.points[lone], lone
    if len(faces):
        try:
            surface = sample_surface(content.points, faces, SURFACE_POINTS)
        except InputError as error:
            raise InputError(f"{error} (scene {path})") from error
        points, corners = np.concatenate([surface.points, points]), np.concatenate([surface.corners, lone])
    return replace(
        content,
        drawn=bool(len(faces)),
        mesh=Mesh(content.points, faces, content.colors, content.labels) if len(faces) else None,
        points=points,
        labels=None if content.labels is None else content.labels[corners],
        instances=None if content.instances is None else content.instances[corners],
        colors=None if content.colors is None else content.colors[corners],
    )


def _read_arrays(path: Path) -> SceneFile:
    try:
        with path.open("rb") as stream:  # given a name, numpy leaves a broken archive open
            loaded = np.load(stream, allow_pickle=False)
            arrays = {"points": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"expected a numpy file, got '{reason}' for {path}; save it again with numpy") from error
    points = arrays.get("points", np.zeros(0))
    if points.ndim != 2 or points.shape[1] < 3 or points.dtype.kind not in "fiu":
        raise InputError(
            f"expected numbers called points of shape (N, 3), got {points.shape} of {points.dtype} among "
            f"{sorted(arrays)} for {path}; save x, y and z as columns"
        )
    for name in ("labels", "instances", "colors"):
        if name in arrays and (len(arrays[name]) != len(points) or arrays[name].dtype.kind not in "fiu"):
            raise InputError(
                f"expected one number of {name} a point, got {arrays[name].shape} of {arrays[name].dtype} for {path}; "
                f"save {len(points)} of them"
            )
    colors = arrays.get("colors")
    if colors is not None and (colors.ndim != 2 or colors.shape[1] < 3):
        raise InputError(f"expected colors of shape (N, 3), got {colors.shape} for {path}; save red, green and blue")
    names = arrays.get("label_names")
    return SceneFile(
        points[:, :3].astype(np.float64),
        _whole(arrays["labels"].reshape(-1), "labels", path) if "labels" in arrays else None,
        _whole(arrays["instances"].reshape(-1), "instances", path).astype(np.int32) if "instances" in arrays else None,
        None if colors is None else _bytes_of(colors[:, :3]),
        None if names is None else {index: str(name) for index, name in enumerate(names.reshape(-1))},
    )


def read_label_table(path: Path) -> dict[int, str]:
    """Read what label numbers mean from a file such as {"4": "bed"}, or {"labels": {"4": "bed"}}.

    Raises:
        InputError: The file cannot be read, or is no such table.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        table = content.get("labels", content)
        if not table:
            raise ValueError("no entries")
        if not all(isinstance(name, str) for name in table.values()):
            raise ValueError("a name that is no text")
        return {int(number): name for number, name in table.items()}
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f'expected a table like {{"4": "bed"}}, got \'{reason}\' for {path}; write numbers and their names'
        ) from error


def check_label_table(table: Mapping[Any, Any]) -> dict[int, str]:
    """Return a caller's label table with whole numbers as keys."""
    try:
        return {int(number): str(name) for number, name in table.items()}
    except (TypeError, ValueError) as error:
        raise InputError(f"expected whole numbers as labels, got '{error}' for the label table; mend it") from error


def _whole(column: NDArray[Any], what: str, path: Path) -> NDArray[np.int64]:
    if column.dtype.kind in "iu":
        return column.astype(np.int64)
    known = np.isfinite(column)  # a missing label is NaN in files whose labels are floats
    if np.any(column[known] != np.round(column[known])) or np.any(np.abs(column[known]) > 2**31):
        raise InputError(f"expected whole numbers, got fractions in {what} for {path}; export labels as integers")
    return np.where(known, column, -1).astype(np.int64)


def _bytes_of(colors: NDArray[Any]) -> NDArray[np.uint8]:
    if colors.dtype.kind == "f":
        finite = np.nan_to_num(colors.astype(np.float64))
        scale = 255.0 if finite.size and finite.max() <= 1.0 else 1.0
        return np.clip(np.round(finite * scale), 0, 255).astype(np.uint8)
    if colors.dtype.itemsize == 2 and colors.size and colors.max() > 255:
        colors = colors >> 8
    clipped: NDArray[np.uint8] = np.clip(colors, 0, 255).astype(np.uint8)
    return clipped
