"""From the key frames of a capture to its room: metric depth, fused, coloured and labelled, and the floor in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from motion_preprocessing.camera_floor import find_camera_floor
from motion_preprocessing.captures.read import Capture, KeyFrame
from motion_preprocessing.depth import cloud as clouds
from motion_preprocessing.depth.fit import DisparityFit, fit_disparity
from motion_preprocessing.depth.maps import METRIC_KINDS, DepthMap, load_depth_map
from motion_preprocessing.depth.resize import resize_labels
from motion_preprocessing.errors import InputError
from motion_preprocessing.labels import DEFAULT_LABELS, object_class
from motion_preprocessing.planes import Plane

Array = NDArray[np.float64]

_NUMBER_OF: Final = {name: number for number, name in DEFAULT_LABELS.items()}
FLOOR_LABEL: Final = _NUMBER_OF["floor"]
_FIRST_OBJECT: Final = _NUMBER_OF["bed"] - object_class("bed")
"""The default label table lists the object classes in their order, behind the parts of the room."""


@dataclass(frozen=True, eq=False)
class CapturedRoom:
    """The room without people, in the camera's frame."""

    fused: clouds.FusedRoom
    numbers: tuple[int, ...]
    """Frame numbers of the key frames that have depth."""
    frames: tuple[clouds.KeyFrame, ...]
    """The key frames at the size of their depth."""
    persons: tuple[NDArray[np.int32], ...]
    """(H, W) track of the person seen at each pixel of each key frame, -1 elsewhere."""
    fit: DisparityFit | None
    """How disparity became metres; None where the maps are metric."""
    floor: Plane


def read_room(capture: Capture, *, floor_method: str) -> CapturedRoom:
    """Read depth, masks and pictures of the key frames, fuse them and find the floor.

    Raises:
        InputError: There are no key frames or no depth, a file is bad, or no floor is seen.
    """
    if not capture.key_frames:
        raise InputError(f"expected key frames, got none for {capture.folder}; add masks and depth")
    chosen, depths, fit = _depths(capture)
    frames, persons = [], []
    for key_frame, depth in zip(chosen, depths, strict=True):
        frame, person = _key_frame(key_frame, depth)
        frames.append(frame)
        persons.append(person)
    fused = clouds.fuse_key_frames(frames, capture.camera)
    is_floor = fused.cloud.labels == FLOOR_LABEL
    masked = bool(is_floor.any())
    floor = find_camera_floor(fused.cloud.points_m, is_floor=is_floor if masked else None, method=floor_method)
    numbers = tuple(key_frame.frame for key_frame in chosen)
    return CapturedRoom(fused, numbers, tuple(frames), tuple(persons), fit, floor)


def _depths(capture: Capture) -> tuple[list[KeyFrame], list[Array], DisparityFit | None]:
    """Key frames that have depth, their metric depths (H, W), and the fit if one was made."""
    relative = capture.depth_of_kind("disparity")
    metric = next((d for kind in METRIC_KINDS if (d := capture.depth_of_kind(kind)) is not None), None)
    if metric is None:
        kinds = ", ".join(depth.kind for depth in capture.depth) or "none"
        raise InputError(
            f"expected metric depth ({', '.join(METRIC_KINDS)}), got {kinds} for {capture.folder}; run a metric model"
        )
    found = []
    for key_frame in capture.key_frames:
        metric_file = metric.file(key_frame.frame)
        relative_file = relative.file(key_frame.frame) if relative is not None else None
        if metric_file is not None and (relative is None or relative_file is not None):
            found.append((key_frame, metric_file, relative_file))
    if not found:
        raise InputError(f"expected depth maps of key frames, got none for {capture.folder}; name them by their frame")
    metrics = [load_depth_map(path, metric.kind, unit_m=metric.unit_m) for _, path, _ in found]
    chosen = [key_frame for key_frame, _, _ in found]
    if relative is None:
        return chosen, [depth.metres(capture.camera) for depth in metrics], None
    disparities: list[DepthMap] = [load_depth_map(path, "disparity") for _, _, path in found if path is not None]
    fit = fit_disparity(disparities, metrics, capture.camera)
    return chosen, [fit.metres(depth.disparity()) for depth in disparities], fit


def _key_frame(key_frame: KeyFrame, depth: Array) -> tuple[clouds.KeyFrame, NDArray[np.int32]]:
    height, width = depth.shape
    mask = resize_labels(key_frame.mask(), width, height)
    largest = int(max(mask.max(), 0, *(segment.id for segment in key_frame.segments)))
    labels, instances, tracks = (np.full(largest + 1, -1, dtype=np.int32) for _ in range(3))
    for segment in key_frame.segments:
        if segment.kind == "person":
            tracks[segment.id] = segment.track if segment.track is not None else -1
        elif segment.kind == "furniture":
            number = object_class(segment.name)
            labels[segment.id] = number + _FIRST_OBJECT if number > 0 else -1
            instances[segment.id] = segment.instance
        else:
            labels[segment.id] = _NUMBER_OF[segment.kind]
    image = key_frame.image()
    if image is not None and image.shape[:2] != depth.shape:
        image = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    person = tracks[mask]
    return clouds.KeyFrame(depth, person >= 0, image, labels[mask], instances[mask]), person
