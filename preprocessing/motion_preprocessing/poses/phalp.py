"""Reads the tracks that PHALP writes (`results/*.pkl`), without running the pickle.

The file is a dict of frame name -> dict of lists, one entry a track. `camera_bbox` is s, tx, ty of the crop whose
middle and size stand in `center` and `scale`; `2d_joints` counts from 0 to 1 over the picture padded to a square. A
track that the picture did not confirm (`tracked_time` above 0) is the tracker's guess and is dropped.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.errors import InputError
from motion_preprocessing.poses.hmr2 import Orientation, from_crops
from motion_preprocessing.poses.pickle_data import read_pickle_data
from motion_preprocessing.poses.predictions import PosePredictions
from motion_preprocessing.poses.track import BETA_COUNT
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, REST_OFFSETS_M

_KEYS: Final = ("tid", "tracked_time", "smpl", "camera_bbox", "center", "scale", "size")
_OPENPOSE: Final[tuple[str, ...]] = (
    "", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist", "pelvis",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
)  # fmt: skip
"""SMPL's names of the first of the 45 joints, which stand in OpenPose's order."""


def read_phalp(
    path: str | os.PathLike[str],
    camera: Intrinsics,
    *,
    orientation: Orientation = "crop",
    first_frame: int = 0,
    offsets_m: NDArray[np.float64] = REST_OFFSETS_M,
) -> PosePredictions:
    """Read a PHALP result; its ids are the tracker's own (see `matching.match_ids`).

    Args:
        path: The .pkl file.
        camera: Of the pictures.
        orientation: What the orientations are measured against; see `read_hmr2`.
        first_frame: Frame of the capture that PHALP's first frame is.
        offsets_m: (22, 3) the body that pixels are computed with where the file has none.

    Raises:
        InputError: The file is missing, damaged, holds anything but data, or is of another layout or picture.
    """
    path = Path(path)
    frames = read_pickle_data(path)
    if not isinstance(frames, dict) or not all(isinstance(frame, dict) for frame in frames.values()):
        raise InputError(f"expected frames as PHALP writes them, got another layout for {path}; give results/*.pkl")
    names = ("frame", "id", "pose", "betas", "cam", "center", "size", "conf")
    rows: dict[str, list[Any]] = {name: [] for name in names}
    pixels: list[NDArray[np.float64] | None] = []
    ghosts = 0
    for index, name in enumerate(sorted(frames)):
        entry = frames[name]
        number = first_frame + int(entry.get("time", index))
        for key in _KEYS:
            if key not in entry or len(entry[key]) != len(entry.get("tid", ())):
                raise InputError(
                    f"expected a list '{key}' as long as 'tid', got another for frame {name} of {path}; give a PHALP "
                    "result with HMR2 poses"
                )
        for track in range(len(entry["tid"])):
            if int(entry["tracked_time"][track]) > 0:
                ghosts += 1
                continue
            height, width = (int(n) for n in entry["size"][track])
            if (width, height) != (camera.width, camera.height):
                raise InputError(
                    f"expected pictures of {camera.width} x {camera.height}, got {width} x {height} for frame {name} "
                    f"of {path}; run PHALP on the capture's own pictures"
                )
            smpl = entry["smpl"][track]
            try:
                root = np.asarray(smpl["global_orient"], dtype=np.float64).reshape(1, 3, 3)
                body = np.asarray(smpl["body_pose"], dtype=np.float64).reshape(-1, 3, 3)[: JOINT_COUNT - 1]
                rows["pose"].append(np.concatenate([root, body]).reshape(JOINT_COUNT, 3, 3))
                rows["betas"].append(np.asarray(smpl["betas"], dtype=np.float64).reshape(-1)[:BETA_COUNT])
                rows["cam"].append(np.asarray(entry["camera_bbox"][track], dtype=np.float64).reshape(3))
                rows["center"].append(np.asarray(entry["center"][track], dtype=np.float64).reshape(2))
                rows["size"].append(float(np.max(np.asarray(entry["scale"][track], dtype=np.float64))))
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(
                    f"expected SMPL poses of HMR2, got '{error}' for frame {name} of {path}; give a PHALP result"
                ) from error
            rows["frame"].append(number)
            rows["id"].append(int(entry["tid"][track]))
            confidence = entry.get("conf", ())
            rows["conf"].append(float(np.max(confidence[track])) if len(confidence) == len(entry["tid"]) else 1.0)
            joints = entry.get("2d_joints", ())
            pixels.append(_unpadded(joints[track], width, height) if len(joints) == len(entry["tid"]) else None)
    count = len(rows["frame"])
    # The pixels are put in afterwards; a pose that cannot be placed is dropped by its number.
    numbers = np.arange(count)
    poses = from_crops(
        frames=numbers,
        ids=np.array(rows["id"], dtype=np.int64),
        rotations=np.array(rows["pose"]).reshape(count, JOINT_COUNT, 3, 3),
        betas=np.array(rows["betas"]).reshape(count, BETA_COUNT),
        pred_cam=np.array(rows["cam"]).reshape(count, 3),
        box_center=np.array(rows["center"]).reshape(count, 2),
        box_size=np.array(rows["size"], dtype=np.float64),
        score=np.array(rows["conf"], dtype=np.float64),
        camera=camera,
        orientation=orientation,
        offsets_m=offsets_m,
    )
    predicted = poses.predicted_2d.copy()
    for row, number in enumerate(poses.frames):
        own = pixels[number]
        if own is not None:
            for joint, name in enumerate(_OPENPOSE):
                if name:
                    predicted[row, JOINT_INDEX[name]] = own[joint]
    kept = PosePredictions(
        np.array(rows["frame"], dtype=np.int64)[poses.frames], poses.ids, poses.rotations, poses.betas,
        poses.translation_m, predicted, poses.score, poses.body, poses.dropped + ghosts,
    )  # fmt: skip
    return kept.usable()


def _unpadded(joints: Any, width: int, height: int) -> NDArray[np.float64]:
    """Turn places 0..1 on the padded square into pixels (N, 2) of the picture."""
    side = max(width, height)
    square = np.asarray(joints, dtype=np.float64).reshape(-1, 2) * side
    return np.asarray(square - ((side - width) // 2, (side - height) // 2))
