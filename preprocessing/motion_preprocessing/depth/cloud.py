"""Coloured, labelled point clouds from depth maps of a camera that stands still.

Key frames are fused before they are back-projected: each pixel takes the median of the depths at which it shows the
room and not a person. That averages noise along the ray, where it lies, and fills in what people hid in one frame.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.components import cell_keys
from motion_preprocessing.errors import InputError, MissingExtraError
from motion_preprocessing.ply import write_ply

Array = NDArray[np.float64]

EDGE: Final = 0.15
"""Second difference of inverse depth, relative to it, from which a pixel hangs between two surfaces."""
VOXEL_M: Final = 0.02
NEIGHBOURS: Final = 16
DEVIATIONS: Final = 2.5


@dataclass(frozen=True, eq=False)
class PointCloud:
    """N points in one frame, with what is known about each."""

    points_m: Array
    """(N, 3) metres."""
    colors: NDArray[np.uint8]
    """(N, 3) red, green, blue."""
    labels: NDArray[np.int32]
    """(N,) number of a class; -1 where unknown."""
    instances: NDArray[np.int32]
    """(N,) number of a thing; -1 where unknown."""

    def __post_init__(self) -> None:
        count = len(self.points_m)
        if any(len(getattr(self, f.name)) != count for f in fields(self)):
            raise InputError(f"expected {count} rows everywhere, got others for a point cloud; pass equal lengths")

    def __len__(self) -> int:
        return len(self.points_m)

    def take(self, index: NDArray[Any]) -> PointCloud:
        """Return some of the points: a mask (N,) or indices."""
        return PointCloud(*(getattr(self, f.name)[index] for f in fields(self)))

    def moved(self, rotation: Array, shift_m: Array) -> PointCloud:
        """Return the cloud in another frame: rotation @ p + shift."""
        return replace(self, points_m=self.points_m @ rotation.T + shift_m)


@dataclass(frozen=True, eq=False)
class KeyFrame:
    """What one key frame says of the room, at the size of its depth map."""

    depth_m: Array
    """(H, W) metres along the optical axis; NaN where unknown."""
    hidden: NDArray[np.bool_]
    """(H, W) where a person stands in front of the room."""
    image: NDArray[np.uint8] | None = None
    """(H, W, 3)."""
    labels: NDArray[np.int32] | None = None
    """(H, W) class numbers, -1 unknown."""
    instances: NDArray[np.int32] | None = None
    """(H, W) numbers of things, -1 unknown."""

    def __post_init__(self) -> None:
        shape = self.depth_m.shape
        for name in ("hidden", "image", "labels", "instances"):
            value = getattr(self, name)
            if value is not None and value.shape[:2] != shape:
                raise InputError(
                    f"expected {shape[1]} x {shape[0]} pixels, got {value.shape[1]} x {value.shape[0]} for the {name} "
                    "of a key frame; bring it to the size of the depth map"
                )


@dataclass(frozen=True, eq=False)
class FusedRoom:
    """The room without people, as seen by the camera."""

    depth_m: Array
    """(H, W) NaN where no key frame shows the room."""
    seen: NDArray[np.int64]
    """(H, W) number of key frames that do."""
    spread: Array
    """(H, W) median absolute deviation over depth between the key frames; NaN where fewer than two."""
    cloud: PointCloud


def hanging_pixels(depth_m: Array, threshold: float = EDGE) -> NDArray[np.bool_]:
    """Return which pixels (H, W) lie at a jump of depth, where estimators bridge near and far with points in the air.

    1/z of a plane is linear over the picture, however obliquely it is seen: its second difference is zero on floors and
    walls, and large only at jumps.
    """
    depth = np.asarray(depth_m, dtype=np.float64)
    inverse = 1.0 / np.where(depth > 0, depth, np.nan)
    bend = np.zeros_like(inverse)
    for axis in (0, 1):
        if inverse.shape[axis] > 2:
            second = np.abs(np.diff(inverse, n=2, axis=axis))
            middle = [slice(None), slice(None)]
            middle[axis] = slice(1, -1)
            bend[tuple(middle)] = np.fmax(bend[tuple(middle)], second)
    return np.asarray(bend > threshold * np.where(np.isfinite(inverse), inverse, np.inf))


def back_project(
    depth_m: Array,
    camera: Intrinsics,
    *,
    keep: NDArray[np.bool_] | None = None,
    image: NDArray[np.uint8] | None = None,
    labels: NDArray[np.int32] | None = None,
    instances: NDArray[np.int32] | None = None,
) -> PointCloud:
    """Turn the pixels of a depth map (H, W) into points in the camera's frame.

    Args:
        depth_m: Metres along the optical axis; pixels that are not finite and above zero give no point.
        camera: Of the picture, at any size.
        keep: (H, W) the pixels to take; all by default.
        image: (H, W, 3) colours; grey by default.
        labels: (H, W); unknown by default.
        instances: (H, W); unknown by default.

    Raises:
        InputError: No pixel has a depth, or a picture or mask has another size.
    """
    # The key frame checks the sizes.
    hidden = np.zeros(depth_m.shape, np.bool_) if keep is None else ~keep
    frame = KeyFrame(depth_m, hidden, image, labels, instances)
    known = np.isfinite(depth_m) & (np.nan_to_num(depth_m) > 0)
    if not known.any():
        raise InputError("expected depths above 0, got none for a depth map; run the model anew")
    chosen = known & ~frame.hidden
    count = int(np.count_nonzero(chosen))
    unknown = np.full(count, -1, dtype=np.int32)
    return PointCloud(
        camera.backproject(np.where(known, depth_m, np.nan))[chosen],
        np.full((count, 3), 128, dtype=np.uint8) if image is None else np.asarray(image[chosen], dtype=np.uint8),
        unknown if labels is None else labels[chosen].astype(np.int32),
        unknown.copy() if instances is None else instances[chosen].astype(np.int32),
    )


def fuse_key_frames(frames: Sequence[KeyFrame], camera: Intrinsics, *, edge: float = EDGE) -> FusedRoom:
    """Fuse key frames of one camera into the room without people.

    Args:
        frames: All of one size.
        camera: Of the pictures, at any size.
        edge: See `hanging_pixels`; those of the fused map give no points.
    """
    if not frames or any(frame.depth_m.shape != frames[0].depth_m.shape for frame in frames):
        sizes = sorted({frame.depth_m.shape for frame in frames})
        raise InputError(f"expected key frames of one size, got {sizes} for the fusion; resize them to one")
    depth = np.stack([frame.depth_m for frame in frames])
    valid = np.isfinite(depth) & (np.nan_to_num(depth) > 0) & ~np.stack([frame.hidden for frame in frames])
    seen = valid.sum(axis=0)
    fused = _masked_median(depth, valid)
    spread = _masked_median(np.abs(depth - fused), valid) / fused
    first = frames[0]
    image = labels = instances = None
    if first.image is not None:
        stack = np.stack([_present(frame.image, "image") for frame in frames]).astype(np.float64)
        colour = np.stack([_masked_median(stack[..., channel], valid) for channel in range(3)], axis=-1)
        image = np.rint(np.nan_to_num(colour)).astype(np.uint8)
    if first.labels is not None:
        labels = _majority(np.stack([_present(frame.labels, "labels") for frame in frames]), valid)
    if first.instances is not None:
        instances = _majority(np.stack([_present(frame.instances, "instances") for frame in frames]), valid)
    keep = (seen > 0) & ~hanging_pixels(fused, edge)
    cloud = back_project(fused, camera, keep=keep, image=image, labels=labels, instances=instances)
    return FusedRoom(fused, seen, np.where(seen > 1, spread, np.nan), cloud)


def join(clouds: Sequence[PointCloud]) -> PointCloud:
    """Return all points of several clouds of one frame."""
    return PointCloud(*(np.concatenate([getattr(c, f.name) for c in clouds]) for f in fields(PointCloud)))


def voxel_downsample(cloud: PointCloud, voxel_m: float = VOXEL_M) -> PointCloud:
    """Return one point a cubic cell: mean place and colour, the most frequent label and instance (the lower of two)."""
    if not voxel_m > 0:
        raise InputError(f"expected a voxel above 0 metres, got {voxel_m} for the down-sampling; correct it")
    if len(cloud) == 0:
        return cloud
    _, cell = np.unique(cell_keys(cloud.points_m, voxel_m), return_inverse=True)
    cell = cell.reshape(-1)
    number = np.bincount(cell)

    def mean(columns: NDArray[Any]) -> Array:
        return np.stack([np.bincount(cell, weights=c) for c in columns.T], axis=1) / number[:, None]

    return PointCloud(
        mean(cloud.points_m),
        np.rint(mean(cloud.colors)).astype(np.uint8),
        _most_frequent(cell, cloud.labels),
        _most_frequent(cell, cloud.instances),
    )


def remove_outliers(
    cloud: PointCloud, *, neighbours: int = NEIGHBOURS, deviations: float = DEVIATIONS
) -> tuple[PointCloud, NDArray[np.bool_]]:
    """Drop points that lie alone.

    A point goes when its mean distance to its nearest neighbours exceeds the cloud's mean of that distance by more than
    `deviations` standard deviations.

    Returns:
        The cloud, and which points (N,) of the old one stayed.
    """
    if len(cloud) <= neighbours:
        return cloud, np.ones(len(cloud), dtype=np.bool_)
    try:
        from scipy.spatial import cKDTree
    except ImportError as error:
        raise MissingExtraError.for_extra("scipy", "preprocess") from error
    # The nearest neighbour of a point is itself.
    distances, _ = cKDTree(cloud.points_m).query(cloud.points_m, k=neighbours + 1)
    mean = distances[:, 1:].mean(axis=1)
    stay = mean <= mean.mean() + deviations * mean.std()
    return cloud.take(stay), stay


def write_cloud(path: str | os.PathLike[str], cloud: PointCloud, label_names: Sequence[str] = ()) -> None:
    """Write a cloud as a scene file (.ply) with colours, labels and instances; see docs/formats/scene.md."""
    points = cloud.points_m.astype(np.float32)
    properties: dict[str, NDArray[Any]] = dict(zip("xyz", points.T, strict=True))
    properties |= dict(zip(("red", "green", "blue"), cloud.colors.T, strict=True))
    properties |= {"label": cloud.labels, "instance": cloud.instances}
    comments = [f"label {number} {name}" for number, name in enumerate(label_names)]
    write_ply(Path(path), {name: np.ascontiguousarray(column) for name, column in properties.items()}, comments)


def _masked_median(values: Array, valid: NDArray[np.bool_]) -> Array:
    """Median over the first axis of what is valid; NaN where nothing is."""
    ordered = np.sort(np.where(valid, values, np.inf), axis=0)
    count = valid.sum(axis=0)
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, len(values) - 1)
    middle = 0.5 * (np.take_along_axis(ordered, low[None], 0)[0] + np.take_along_axis(ordered, high[None], 0)[0])
    return np.where(count > 0, middle, np.nan)


def _majority(values: NDArray[np.int32], valid: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Most frequent number over the first axis of what is valid and known (>= 0); the lower of two; -1 without any."""
    votes = valid & (values >= 0)
    # K is a handful of key frames: each value is compared with all others.
    counts = ((values[:, None] == values[None]) & votes[None]).sum(axis=1)
    best = np.where(votes, counts, 0).max(axis=0)
    winners = np.where(votes & (counts == best) & (best > 0), values, np.iinfo(np.int32).max).min(axis=0)
    return np.where(best > 0, winners, -1).astype(np.int32)


def _most_frequent(cell: NDArray[np.int64], values: NDArray[np.int32]) -> NDArray[np.int32]:
    pairs, counts = np.unique(np.stack([cell, values.astype(np.int64)], axis=1), axis=0, return_counts=True)
    # Within a cell the most frequent comes first, and of two equally frequent ones the lower.
    order = np.lexsort((pairs[:, 1], -counts, pairs[:, 0]))
    first = np.unique(pairs[order, 0], return_index=True)[1]
    winners: NDArray[np.int32] = pairs[order][first, 1].astype(np.int32)
    return winners


def _present(value: NDArray[Any] | None, name: str) -> NDArray[Any]:
    if value is None:
        raise InputError(f"expected {name} in all key frames or in none, got some for the fusion; add what is missing")
    return value
