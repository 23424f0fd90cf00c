"""Files of what cameras see: COCO's keypoint JSON, and the two-dimensional pickle of PYSKL and MMAction2."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.describe import ACTIONS
from motion_runtime.formats.action_segments import frame_actions
from motion_runtime.formats.keypoints import COCO_BONES, COCO_NAMES, NTU_BONES, NTU_NAMES
from motion_runtime.formats.label_files import write_text
from motion_runtime.formats.skeleton_files import pyskl_annotation, write_pickle
from motion_runtime.motion import Motion
from motion_runtime.views.sight import HIDDEN, OUTSIDE, VISIBLE, Seen, View

Array = NDArray[np.float64]

SCORES: Final = {OUTSIDE: 0.0, HIDDEN: 0.5, VISIBLE: 1.0}
"""What stands for visibility where an estimator of keypoints would give a score."""
_PERSON: Final = 1
_NOWHERE: Final = [0.0, 0.0, 0.0, 0.0]


def write_coco_2d(path: Path, motion: Motion, name: str, views: Sequence[View]) -> None:
    """Write COCO's 17 keypoints in every camera's pictures as COCO's JSON.

    Raises:
        OutputError: The file could not be written.
    """
    _write(path, _content(motion, name, views, [view.coco for view in views], COCO_NAMES, COCO_BONES))


def write_ntu_2d(path: Path, motion: Motion, name: str, views: Sequence[View]) -> None:
    """Write the 25 joints of NTU RGB+D likewise.

    Raises:
        OutputError: The file could not be written.
    """
    _write(path, _content(motion, name, views, [view.ntu for view in views], NTU_NAMES, NTU_BONES))


def write_pyskl_2d(path: Path, motion: Motion, name: str, views: Sequence[View]) -> None:
    """Write the pickle that PYSKL and MMAction2 read, layout coco: an annotation a camera, pixels and scores.

    Raises:
        OutputError: The file could not be written.
    """
    annotations = []
    for view in views:
        there = view.coco.visibility != OUTSIDE
        shape = (view.camera.height, view.camera.width)
        annotations.append(
            pyskl_annotation(motion, f"{name}_{view.camera.name}", np.where(there[..., None], view.coco.pixels, 0.0))
            | {
                "keypoint_score": np.vectorize(SCORES.get, otypes=[np.float32])(view.coco.visibility),
                "img_shape": shape,
                "original_shape": shape,
                "camera": view.camera.name,
            }
        )
    names = [annotation["frame_dir"] for annotation in annotations]
    write_pickle(path, {"split": {"train": names}, "annotations": annotations})


def _write(path: Path, content: dict[str, Any]) -> None:
    write_text(path, json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n")


def _content(
    motion: Motion,
    name: str,
    views: Sequence[View],
    seen: Sequence[Seen],
    names: tuple[str, ...],
    bones: tuple[tuple[int, int], ...],
) -> dict[str, Any]:
    """COCO's keys, and a few of our own that its readers leave alone. Numbers of images and annotations start at 1."""
    actions = frame_actions(motion)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for view, points in zip(views, seen, strict=True):
        camera = view.camera
        for frame in range(motion.frames):
            images.append(
                {
                    "id": len(images) + 1,
                    "file_name": f"{name}/{camera.name}/{frame:06d}.png",
                    "width": camera.width,
                    "height": camera.height,
                    "camera": camera.name,
                    "frame": frame,
                    "time_s": round(frame / motion.fps, 4),
                }
            )
            for person in range(motion.persons):
                annotation = _annotation(view, points, person, frame)
                if annotation is not None:
                    annotations.append(
                        {"id": len(annotations) + 1, "image_id": len(images), "category_id": _PERSON, "iscrowd": 0}
                        | annotation
                        | {
                            "track_id": person + 1,
                            "person_class": motion.person_classes[person],
                            "action": ACTIONS[actions[person, frame]],
                        }
                    )
    # COCO counts the keypoints of a bone from 1.
    skeleton = [[a + 1, b + 1] for a, b in bones]
    category = {"id": _PERSON, "name": "person", "supercategory": "person", "keypoints": names, "skeleton": skeleton}
    info = {"description": name, "fps": motion.fps, "prompts": motion.prompts, "seed": int(motion.seed)}
    return {"info": info, "licenses": [], "images": images, "annotations": annotations, "categories": [category]}


def _annotation(view: View, seen: Seen, person: int, frame: int) -> dict[str, Any] | None:
    """What COCO says of a person in a picture; None where nothing of the person is in it."""
    visibility = seen.visibility[person, frame]
    there = visibility != OUTSIDE
    visible, whole = view.visible[person, frame], view.whole[person, frame]
    if np.isnan(visible[0]) and not there.any():
        return None
    size = (view.camera.width, view.camera.height)
    # Of whom nothing is seen, the box is where they are.
    box = visible if not np.isnan(visible[0]) else np.clip(whole, 0, np.tile(size, 2))
    keypoints = np.zeros((len(there), 3))
    keypoints[there, :2] = seen.pixels[person, frame, there].round(2)
    keypoints[:, 2] = visibility
    flat: list[float] = keypoints.reshape(-1).tolist()
    flat[2::3] = visibility.tolist()  # whole numbers, as in COCO
    return {
        "keypoints": flat,
        "num_keypoints": int(there.sum()),
        "keypoints_depth_m": seen.depth_m[person, frame].round(4).tolist(),
        "bbox": _corner_and_size(box),
        "area": round(float(view.area_px[person, frame]), 1),
        "whole_bbox": _corner_and_size(whole),
        "visible_share": round(float(view.share[person, frame]), 4),
    }


def _corner_and_size(box: Array) -> list[float]:
    """Left, top, width and height of left, top, right and bottom."""
    if np.isnan(box[0]):
        return _NOWHERE
    return [round(float(value), 2) for value in (*box[:2], *(box[2:] - box[:2]))]
