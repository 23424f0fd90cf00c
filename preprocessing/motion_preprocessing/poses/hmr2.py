"""Reads poses that HMR2 (4D-Humans) gave for crops of annotated people, gathered in one .npz.

The arrays are the network's own outputs under their own names; see docs/formats/predictions.md.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.poses.crop_camera import crop_to_camera, hmr_camera, turn_to_ray
from motion_preprocessing.poses.predictions import PosePredictions
from motion_preprocessing.poses.track import BETA_COUNT
from motion_preprocessing.skeleton import JOINT_COUNT, REST_OFFSETS_M

Array = NDArray[np.float64]
Orientation = Literal["camera", "crop"]
ORIENTATIONS: Final = ("camera", "crop")


def read_hmr2(
    path: str | os.PathLike[str],
    camera: Intrinsics,
    *,
    orientation: Orientation | None = None,
    offsets_m: NDArray[np.float64] = REST_OFFSETS_M,
) -> PosePredictions:
    """Read an HMR2 .npz.

    Args:
        path: The file.
        camera: Of the pictures the crops were cut from.
        orientation: What `global_orient` is measured against: 'crop', the ray to the crop, as the network gives it, or
            'camera', the capture's own axes, where somebody has turned it already. None: what the file says, and it has
            to: taken for the other, people at the edge of a wide picture lean by the angle of their ray.
        offsets_m: (22, 3) the body that `predicted_2d` is computed with; entry 0 the pelvis at rest.

    Raises:
        InputError: The file is missing or unreadable, or an array is missing or of another shape.
    """
    path = Path(path)
    arrays = _load(path)
    count = len(arrays["frame"]) if "frame" in arrays else 0
    rotations = np.concatenate(
        [
            _array(arrays, "global_orient", (count, 1, 3, 3), path),
            _body_pose(arrays, count, path),
        ],
        axis=1,
    )
    if orientation is None:
        orientation = _orientation(arrays, path)
    size = _array(arrays, "img_size", (2,), path) if "img_size" in arrays else None
    if size is not None and (int(size[0]), int(size[1])) != (camera.width, camera.height):
        raise InputError(
            f"expected crops of {camera.width} x {camera.height} pictures, got img_size {int(size[0])} x "
            f"{int(size[1])} for {path}; run the estimator on the capture's own pictures"
        )
    return from_crops(
        frames=_integers(arrays, "frame", count, path),
        ids=_integers(arrays, "track_id", count, path),
        rotations=rotations,
        betas=_array(arrays, "betas", (count, BETA_COUNT), path),
        pred_cam=_array(arrays, "pred_cam", (count, 3), path),
        box_center=_array(arrays, "box_center", (count, 2), path),
        box_size=_array(arrays, "box_size", (count,), path),
        score=_array(arrays, "score", (count,), path) if "score" in arrays else np.ones(count),
        camera=camera,
        orientation=orientation,
        offsets_m=offsets_m,
    )


def from_crops(
    *,
    frames: NDArray[np.int64],
    ids: NDArray[np.int64],
    rotations: Array,
    betas: Array,
    pred_cam: Array,
    box_center: Array,
    box_size: Array,
    score: Array,
    camera: Intrinsics,
    orientation: Orientation,
    offsets_m: NDArray[np.float64] = REST_OFFSETS_M,
) -> PosePredictions:
    """Place N poses of crops in the camera and keep those that can be placed; arguments as in `read_hmr2`."""
    if orientation == "camera":
        translation = crop_to_camera(pred_cam, box_center, box_size, camera)
        joints, _ = forward_kinematics(rotations, translation + offsets_m[0], offsets_m)
        pixels = camera.project(joints)
    else:
        # What the network matched to the picture is its projection through its own, very long lens.
        own = hmr_camera(camera.width, camera.height)
        seen = crop_to_camera(pred_cam, box_center, box_size, own)
        pixels = own.project(forward_kinematics(rotations, seen + offsets_m[0], offsets_m)[0])
        root, translation = turn_to_ray(rotations[:, 0], pred_cam, box_center, box_size, offsets_m[0], camera)
        rotations = np.concatenate([root[:, None], rotations[:, 1:]], axis=1)
    return PosePredictions(frames, ids, rotations, betas, translation, pixels, score).usable()


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("a single array")
            return {name: file[name] for name in file.files}
    except OSError as error:
        raise InputError(f"expected an .npz of HMR2, got '{error.strerror or error}' for {path}; check it") from error
    except (ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise InputError(f"expected an .npz of plain arrays, got '{error}' for {path}; write it anew") from error


def _array(arrays: dict[str, NDArray[Any]], name: str, shape: tuple[int, ...], path: Path) -> Array:
    if name not in arrays:
        raise InputError(f"expected an array '{name}', got {', '.join(sorted(arrays)) or 'none'} for {path}; add it")
    value = arrays[name]
    if value.dtype.kind not in "fiub" or value.size != np.prod(shape, dtype=np.int64):
        raise InputError(f"expected numbers {shape}, got {value.dtype} {value.shape} for {name} of {path}; reshape it")
    return np.asarray(value, dtype=np.float64).reshape(shape)


def _integers(arrays: dict[str, NDArray[Any]], name: str, count: int, path: Path) -> NDArray[np.int64]:
    values = _array(arrays, name, (count,), path)
    if not np.array_equal(values, np.rint(values)):
        raise InputError(f"expected whole numbers, got others for {name} of {path}; write integers")
    return values.astype(np.int64)


def _body_pose(arrays: dict[str, NDArray[Any]], count: int, path: Path) -> Array:
    given = arrays.get("body_pose", np.zeros(0)).shape
    # SMPL's 23 body joints end in the two hands, which the 22-joint skeleton has not.
    joints = given[1] if len(given) == 4 and given[1] in (JOINT_COUNT - 1, JOINT_COUNT + 1) else JOINT_COUNT + 1
    return _array(arrays, "body_pose", (count, joints, 3, 3), path)[:, : JOINT_COUNT - 1]


def _orientation(arrays: dict[str, NDArray[Any]], path: Path) -> Orientation:
    if "orientation" not in arrays:
        raise InputError(
            f"expected a text 'orientation', got none for {path}; add 'crop' for the network's own output, "
            "'camera' for orientations that are turned into the camera's axes"
        )
    said = str(arrays["orientation"])
    if said == "camera":
        return "camera"
    if said == "crop":
        return "crop"
    raise InputError(f"expected {' or '.join(ORIENTATIONS)}, got '{said}' for orientation of {path}; correct it")
