"""Reads the motion that GVHMR writes (`hmr4d_results.pt`), without torch and without running its pickle.

The file is torch's zip archive: `smpl_params_incam` and `smpl_params_global` are SMPL-X parameters (`global_orient`
(F, 3), `body_pose` (F, 63), `transl` (F, 3), `betas` (F, 10)) in the camera and in a world with y up, `K_fullimg`
(F, 3, 3) the camera that GVHMR assumed. It holds one person, frame by frame from the first of the video.
"""

from __future__ import annotations

import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.poses.pickle_data import MAX_BYTES, PickleData, as_input_error
from motion_preprocessing.poses.predictions import PosePredictions
from motion_preprocessing.poses.track import BETA_COUNT
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.skeleton import JOINT_COUNT, REST_OFFSETS_M

Array = NDArray[np.float64]
_WIDTHS: Final = {"global_orient": 3, "body_pose": 63, "transl": 3, "betas": BETA_COUNT}


@dataclass(frozen=True, eq=False)
class WorldMotion:
    """GVHMR's motion in its own world: y up, metres, the start arbitrary."""

    rotations: Array
    """(F, 22, 3, 3) local; entry 0 the root in the world."""
    translation_m: Array
    """(F, 3) SMPL-X' `transl`."""
    betas: Array
    """(F, 10)."""


def read_gvhmr(
    path: str | os.PathLike[str],
    camera: Intrinsics,
    *,
    track_id: int,
    first_frame: int = 0,
    offsets_m: NDArray[np.float64] = REST_OFFSETS_M,
) -> PosePredictions:
    """Read the person in the camera; `body` is 'smplx'.

    The distance goes with the focal length: where the capture's differs from GVHMR's, the pelvis keeps its pixel and
    the body its size in the picture.

    Args:
        path: The .pt file, or an .npz with `incam/transl` and so on, and `K_fullimg`.
        camera: Of the pictures.
        track_id: The annotated person that the file is of.
        first_frame: Frame of the capture that the file starts with.
        offsets_m: (22, 3) the body that pixels are computed with; entry 0 the pelvis at rest.

    Raises:
        InputError: The file is missing, damaged, holds anything but data, or is of another layout.
    """
    path = Path(path)
    content = _read(path)
    rotations, translation, betas = _parameters(content, "incam", path)
    count = len(translation)
    intrinsic = np.asarray(content.get("K_fullimg", np.zeros(0)), dtype=np.float64)
    if intrinsic.size not in (9, 9 * count):
        raise InputError(f"expected K_fullimg ({count}, 3, 3), got {intrinsic.shape} for {path}; write GVHMR's anew")
    own = _camera(intrinsic.reshape(-1, 3, 3)[0], camera, path)
    joints, _ = forward_kinematics(rotations, translation + offsets_m[0], offsets_m)
    pixels = own.project(joints)
    depth = joints[:, 0, 2:] * np.sqrt(camera.fx * camera.fy / (own.fx * own.fy))
    at = (pixels[:, 0] - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    return PosePredictions(
        frames=first_frame + np.arange(count),
        ids=np.full(count, track_id, dtype=np.int64),
        rotations=rotations,
        betas=betas,
        translation_m=np.concatenate([at * depth, depth], axis=1) - offsets_m[0],
        predicted_2d=pixels,
        score=np.ones(count),
        body="smplx",
    ).usable()


def read_gvhmr_world(path: str | os.PathLike[str]) -> WorldMotion:
    """Read the person in GVHMR's own world (`smpl_params_global`)."""
    path = Path(path)
    return WorldMotion(*_parameters(_read(path), "global", path))


def _camera(intrinsic: Array, camera: Intrinsics, path: Path) -> Intrinsics:
    try:
        return Intrinsics(
            float(intrinsic[0, 0]), float(intrinsic[1, 1]), float(intrinsic[0, 2]), float(intrinsic[1, 2]),
            camera.width, camera.height,
        )  # fmt: skip
    except InputError as error:
        raise InputError(f"expected a camera, got {intrinsic.tolist()} for K_fullimg of {path}; correct it") from error


def _parameters(content: dict[str, Any], frame: str, path: Path) -> tuple[Array, Array, Array]:
    group = content.get(f"smpl_params_{frame}")
    if not isinstance(group, dict):
        held = ", ".join(sorted(map(str, content))) or "nothing"
        raise InputError(f"expected 'smpl_params_{frame}', got {held} for {path}; give GVHMR's hmr4d_results.pt")
    arrays = {}
    count = np.asarray(group.get("transl", np.zeros(0))).size // 3
    for name, width in _WIDTHS.items():
        value = np.asarray(group.get(name, np.zeros(0)))
        if value.dtype.kind not in "fiu" or value.size != count * width or count == 0:
            raise InputError(
                f"expected numbers ({count}, {width}), got {value.dtype} {value.shape} for {name} of {path}; write "
                "GVHMR's result anew"
            )
        arrays[name] = value.astype(np.float64).reshape(count, width)
    vectors = np.concatenate([arrays["global_orient"], arrays["body_pose"]], axis=1).reshape(count, JOINT_COUNT, 3)
    return np.asarray(matrix_from_rotation_vector(vectors)), arrays["transl"], arrays["betas"]


def _read(path: Path) -> dict[str, Any]:
    if path.suffix.lower() == ".npz":
        return _read_npz(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entry = next((n for n in archive.namelist() if n.endswith("/data.pkl")), None)
            if entry is None:
                raise InputError(f"expected torch's archive, got another .zip for {path}; give hmr4d_results.pt")
            root = entry[: -len("data.pkl")]

            def storage(key: str, dtype: str, count: int) -> NDArray[Any]:
                size = count * np.dtype(dtype).itemsize
                info = archive.getinfo(f"{root}data/{key}")
                if info.file_size > MAX_BYTES or info.file_size < size:
                    raise ValueError(f"a storage of {info.file_size} bytes")
                return np.frombuffer(archive.read(info), dtype=dtype, count=count)

            content = PickleData(io.BytesIO(archive.read(entry)), storage).load()
    except OSError as error:
        raise InputError(f"expected a GVHMR result, got '{error.strerror or error}' for {path}; check it") from error
    except zipfile.BadZipFile as error:
        raise InputError(f"expected torch's archive (.pt), got '{error}' for {path}; give hmr4d_results.pt") from error
    except Exception as error:
        raise as_input_error(error, path) from error
    if not isinstance(content, dict):
        raise InputError(f"expected a dict, got {type(content).__name__} for {path}; give GVHMR's hmr4d_results.pt")
    return content


def _read_npz(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            content: dict[str, Any] = {"smpl_params_incam": {}, "smpl_params_global": {}}
            for name in file.files:
                group, _, key = name.partition("/")
                if key:
                    content.setdefault(f"smpl_params_{group}", {})[key] = file[name]
                else:
                    content[name] = file[name]
            return content
    except OSError as error:
        raise InputError(f"expected a GVHMR result, got '{error.strerror or error}' for {path}; check it") from error
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        raise InputError(f"expected an .npz of plain arrays, got '{error}' for {path}; write it anew") from error
