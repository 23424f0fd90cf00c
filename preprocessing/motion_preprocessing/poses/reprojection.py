"""How far a pose lies from its annotation in the picture, and which poses lie too far to be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.poses.matching import keypoint_distances
from motion_preprocessing.poses.track import PersonTrack

Array = NDArray[np.float64]

MAX_RELATIVE: Final = 0.10
"""Mean distance over the diagonal of the annotated box; keypoints are placed to about 2 %, COCO's hips and shoulders
lie a few percent from SMPL's, and a pose of a wrong limb or person is off by 15 % and more."""


def reprojection_error_px(track: PersonTrack) -> Array:
    """Return the mean distance (T,) in pixels between annotation and pose; NaN where either is missing."""
    error = keypoint_distances(track.keypoints_2d[:, None], track.predicted_2d[:, None])[:, 0, 0]
    return np.where(track.present, error, np.nan)


def relative_error(track: PersonTrack) -> Array:
    """Return `reprojection_error_px` over the diagonal (T,) of the annotated box, or of the keypoints without one."""
    size = np.hypot(track.box[:, 2] - track.box[:, 0], track.box[:, 3] - track.box[:, 1])
    known = track.keypoints_2d[..., 2:] > 0
    places = track.keypoints_2d[..., :2]
    extent = np.where(known, places, -np.inf).max(axis=1) - np.where(known, places, np.inf).min(axis=1)
    size = np.where(size > 0, size, np.hypot(extent[:, 0], extent[:, 1]))
    return reprojection_error_px(track) / np.where(np.isfinite(size) & (size > 0), size, np.nan)


@dataclass(frozen=True)
class FilterReport:
    """What the reprojection filter did."""

    poses: int
    """Poses before."""
    rejected: int
    unverified: int
    """Poses without enough annotated keypoints to judge them by."""


def filter_reprojection(
    tracks: Sequence[PersonTrack],
    *,
    max_relative: float = MAX_RELATIVE,
    max_px: float = np.inf,
    keep_unverified: bool = True,
) -> tuple[list[PersonTrack], FilterReport]:
    """Mark poses as missing that lie too far from their annotation.

    Args:
        tracks: People with poses.
        max_relative: Limit of `relative_error`.
        max_px: Limit of `reprojection_error_px`.
        keep_unverified: Whether a pose stays that no annotation speaks for or against.
    """
    kept, poses, rejected, unverified = [], 0, 0, 0
    for track in tracks:
        pixels, relative = reprojection_error_px(track), relative_error(track)
        unknown = track.present & np.isnan(pixels)
        far = track.present & (np.nan_to_num(pixels) > max_px) | (np.nan_to_num(relative) > max_relative)
        bad = far if keep_unverified else far | unknown
        poses += int(track.present.sum())
        rejected += int(bad.sum())
        unverified += int(unknown.sum())
        kept.append(track.without(bad))
    return kept, FilterReport(poses, rejected, unverified)
