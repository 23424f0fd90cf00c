"""Which predicted pose belongs to which annotated person: distances, occlusion masking, optimal assignment.

For each frame there is a bipartite graph between annotated people and predicted poses; an edge weighs the mean
distance between the annotation's keypoints and the pose's joints in the picture. When a person is hidden, the estimator
tends to answer with whoever stands in front. Two rules find that:

- `nearest_other`: a pose that is nearer to ANOTHER person's annotation than to its own is masked (the thesis' rule);
- `assigned_to_other`: in the assignment with the smallest total distance (scipy) the pose falls to another person.

They agree on two poses that changed places. They differ where both poses lie on the person in front: there the
assignment has to give one of them to the hidden person, and only the first rule sees the fault. Where two people touch,
the first rule can mask a good pose that the assignment, looking at all at once, leaves alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError, MissingExtraError
from motion_preprocessing.poses.predictions import PosePredictions
from motion_preprocessing.poses.track import KEYPOINT_NAMES, PersonTrack
from motion_preprocessing.skeleton import JOINT_INDEX, JOINT_NAMES

Array = NDArray[np.float64]

SHARED: Final[tuple[str, ...]] = tuple(name for name in KEYPOINT_NAMES if name in JOINT_NAMES)
"""Names that COCO's keypoints and SMPL's joints share: shoulders, elbows, wrists, hips, knees, ankles."""
_KEYPOINTS: Final = [KEYPOINT_NAMES.index(name) for name in SHARED]
_JOINTS: Final = [JOINT_INDEX[name] for name in SHARED]
MIN_KEYPOINTS: Final = 3
"""Fewer shared keypoints say nothing about a whole body."""


def keypoint_distances(
    keypoints_2d: NDArray[np.floating[Any]],
    predicted_2d: NDArray[np.floating[Any]],
    *,
    min_keypoints: int = MIN_KEYPOINTS,
) -> Array:
    """Return the mean distances (..., A, B) in pixels between A annotations and B poses.

    Args:
        keypoints_2d: (..., A, 17, 3) COCO keypoints with visibility; those of visibility 0 do not count.
        predicted_2d: (..., B, 22, 2) joints in the picture; NaN (behind the camera) does not count.
        min_keypoints: Pairs with fewer points in common are NaN.
    """
    known = np.asarray(keypoints_2d, dtype=np.float64)[..., _KEYPOINTS, :]
    joints = np.asarray(predicted_2d, dtype=np.float64)[..., _JOINTS, :]
    difference = known[..., :, None, :, :2] - joints[..., None, :, :, :]  # (..., A, B, 12, 2)
    counts = (known[..., :, None, :, 2] > 0) & np.isfinite(difference).all(axis=-1)
    length = np.hypot(difference[..., 0], difference[..., 1])
    number = counts.sum(axis=-1)
    total = np.where(counts, length, 0.0).sum(axis=-1)
    return np.where(number >= max(min_keypoints, 1), total / np.maximum(number, 1), np.nan)


def nearest_other(distances: Array, *, margin: float = 1.0) -> NDArray[np.bool_]:
    """Return which of the poses (..., B) is nearer to another annotation than to its own.

    Args:
        distances: (..., A, B) with A = B and pose b made for annotation b; NaN where there is no pair.
        margin: A pose is masked when the smallest other distance is below `margin` times its own.
    """
    own = np.diagonal(distances, axis1=-2, axis2=-1)
    others = np.where(np.eye(distances.shape[-1], dtype=np.bool_) | np.isnan(distances), np.inf, distances)
    return np.asarray(others.min(axis=-2, initial=np.inf) < margin * np.where(np.isnan(own), -np.inf, own))


def optimal_assignment(distances: Array, *, limit: float = np.inf) -> NDArray[np.int64]:
    """Return the annotation (..., B) each pose falls to in the assignment of the smallest total distance.

    Args:
        distances: (..., A, B) NaN where there is no pair.
        limit: A pair farther apart than this is no pair.

    Returns:
        Index of the annotation; -1 for a pose that falls to none.
    """
    solve = _solver()
    lead, (people, poses) = distances.shape[:-2], distances.shape[-2:]
    flat = distances.reshape(-1, people, poses)
    with np.errstate(invalid="ignore"):
        allowed = flat <= limit
    # One forbidden pair must cost more than all allowed ones together, so that none is given up for it.
    forbidden = 1.0 + 2.0 * max(people, poses) * float(np.max(flat, initial=0.0, where=allowed))
    costs = np.where(allowed, flat, forbidden)
    result = np.full((len(flat), poses), -1, dtype=np.int64)
    for index in range(len(flat)):
        rows, columns = solve(costs[index])
        good = allowed[index, rows, columns]
        result[index, columns[good]] = rows[good]
    return result.reshape(*lead, poses)


def assigned_to_other(distances: Array) -> NDArray[np.bool_]:
    """Return which of the poses (..., B) the optimal assignment gives to another annotation; see `nearest_other`."""
    assigned = optimal_assignment(distances)
    return np.asarray((assigned >= 0) & (assigned != np.arange(distances.shape[-1])))


@dataclass(frozen=True, eq=False)
class OcclusionMasks:
    """Both rules on the same tracks, and how far they agree."""

    nearest: tuple[NDArray[np.bool_], ...]
    """A mask (T,) a track: poses nearer to another person."""
    assigned: tuple[NDArray[np.bool_], ...]
    """A mask (T,) a track: poses that the optimal assignment gives to another person."""
    poses: int
    """Poses looked at."""

    @property
    def masked(self) -> tuple[int, int, int]:
        """Poses masked by the nearest rule only, by the assignment only, by both."""
        nearest = np.concatenate([np.zeros(0, np.bool_), *self.nearest])
        assigned = np.concatenate([np.zeros(0, np.bool_), *self.assigned])
        return int((nearest & ~assigned).sum()), int((assigned & ~nearest).sum()), int((nearest & assigned).sum())


def occlusion_masks(tracks: Sequence[PersonTrack], *, margin: float = 1.0) -> OcclusionMasks:
    """Find the poses that belong to somebody else, in all frames of a capture at once."""
    if not tracks:
        return OcclusionMasks((), (), 0)
    frames = np.unique(np.concatenate([track.frames for track in tracks]))
    at = [np.searchsorted(frames, track.frames) for track in tracks]
    count = len(tracks)
    keypoints = np.zeros((len(frames), count, len(KEYPOINT_NAMES), 3))
    predicted = np.full((len(frames), count, len(JOINT_NAMES), 2), np.nan)
    for index, (track, rows) in enumerate(zip(tracks, at, strict=True)):
        keypoints[rows, index] = track.keypoints_2d
        predicted[rows[track.present], index] = track.predicted_2d[track.present]
    distances = keypoint_distances(keypoints, predicted)
    present = ~np.isnan(predicted[..., 0, 0])
    nearest = nearest_other(distances, margin=margin) & present
    assigned = assigned_to_other(distances) & present
    return OcclusionMasks(
        tuple(nearest[rows, index] for index, rows in enumerate(at)),
        tuple(assigned[rows, index] for index, rows in enumerate(at)),
        int(present.sum()),
    )


def mask_occluded(
    tracks: Sequence[PersonTrack], *, rule: str = "nearest", margin: float = 1.0
) -> tuple[list[PersonTrack], OcclusionMasks]:
    """Mark the poses that belong to somebody else as missing.

    Args:
        tracks: People of one capture.
        rule: 'nearest', 'assignment', 'either' or 'both'.
        margin: See `nearest_other`.
    """
    masks = occlusion_masks(tracks, margin=margin)
    pairs = zip(masks.nearest, masks.assigned, strict=True)
    if rule == "nearest":
        chosen = list(masks.nearest)
    elif rule == "assignment":
        chosen = list(masks.assigned)
    elif rule == "either":
        chosen = [a | b for a, b in pairs]
    elif rule == "both":
        chosen = [a & b for a, b in pairs]
    else:
        raise InputError(f"expected nearest, assignment, either or both, got {rule} for the occlusion rule; choose one")
    return [track.without(mask) for track, mask in zip(tracks, chosen, strict=True)], masks


def match_ids(
    tracks: Sequence[PersonTrack], predictions: PosePredictions, *, max_relative: float = 0.5
) -> PosePredictions:
    """Give poses whose ids are a tracker's own the ids of the annotated people, frame by frame.

    Args:
        tracks: Annotated people.
        predictions: Poses with foreign ids.
        max_relative: A pose farther from an annotation than this part of the annotated box' diagonal is not its.

    Returns:
        The poses that found a person, under that person's id; the others are counted in `dropped`.
    """
    ids = np.full(len(predictions), -1, dtype=np.int64)
    matched = np.zeros(len(predictions), dtype=np.bool_)
    for frame in np.unique(predictions.frames):
        poses = np.flatnonzero(predictions.frames == frame)
        people = [(track, int(np.searchsorted(track.frames, frame))) for track in tracks]
        people = [(track, at) for track, at in people if at < len(track) and track.frames[at] == frame]
        if not people:
            continue
        keypoints = np.stack([track.keypoints_2d[at] for track, at in people])
        boxes = np.stack([track.box[at] for track, at in people])
        distances = keypoint_distances(keypoints, predictions.predicted_2d[poses])
        diagonal = np.hypot(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
        relative = distances / np.where(diagonal > 0, diagonal, np.nan)[:, None]
        assigned = optimal_assignment(relative, limit=max_relative)
        good = assigned >= 0
        ids[poses[good]] = [people[a][0].track_id for a in assigned[good]]
        matched[poses[good]] = True
    lost = int(np.count_nonzero(~matched))
    kept = replace(predictions, ids=ids).take(matched)
    return replace(kept, dropped=predictions.dropped + lost)


def _solver() -> Any:
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise MissingExtraError.for_extra("scipy", "preprocess") from error
    return linear_sum_assignment
