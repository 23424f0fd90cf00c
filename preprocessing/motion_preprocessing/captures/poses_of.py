"""From the files of a capture to tracks with poses: read, attach to people, mask swapped ones, drop far ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.captures.read import Capture, PredictionFile
from motion_preprocessing.errors import InputError
from motion_preprocessing.poses.hmr2 import read_hmr2
from motion_preprocessing.poses.matching import OcclusionMasks, match_ids, occlusion_masks
from motion_preprocessing.poses.predictions import PosePredictions, attach
from motion_preprocessing.poses.reprojection import filter_reprojection, reprojection_error_px
from motion_preprocessing.poses.track import PersonTrack
from motion_preprocessing.skeleton import REST_OFFSETS_M, SMPL_PELVIS_M, SMPLX_PELVIS_M

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PoseFigures:
    """What became of the poses of a capture."""

    given: int
    """Poses of the files that found a person and frame."""
    unused: int
    """Poses of the files that did not, or are unusable."""
    swapped: int
    """Masked because they are nearer to another person."""
    far: int
    """Dropped because they lie too far from the annotation."""
    kept: int
    missing: int
    """Annotated people in frames without any pose."""
    nearest_only: int
    """Poses that only the rule 'nearest' calls swapped, whichever rule was used."""
    assignment_only: int
    """Poses that only the rule 'assignment' calls swapped."""
    both_rules: int
    """Poses that both do."""


@dataclass(frozen=True, eq=False)
class Poses:
    """People with the poses that are believed."""

    tracks: tuple[PersonTrack, ...]
    figures: PoseFigures
    errors_px: Array
    """(N,) reprojection error of every given pose that can be judged."""
    believed: NDArray[np.bool_]
    """(N,) whether it was kept."""
    masks: OcclusionMasks
    """What each rule says of every track's poses."""


def read_poses(capture: Capture, *, rule: str, max_relative: float) -> Poses:
    """Read the poses of a capture and keep those to believe.

    Args:
        capture: Where the files are.
        rule: How swapped poses are found; see `poses.matching`.
        max_relative: Largest reprojection error, relative to the box; see `poses.reprojection`.

    Raises:
        InputError: There are no predictions, or a file cannot be read.
    """
    if not capture.predictions:
        raise InputError(
            f"expected predicted poses, got none for {capture.folder}; run a pose estimator and name its file in "
            "capture.json"
        )
    tracks: list[PersonTrack] = list(capture.tracks)
    unused = 0
    for prediction in capture.predictions:
        poses = read_prediction(prediction, capture)
        tracks, lost = attach(tracks, poses)
        unused += lost + poses.dropped
    errors = [reprojection_error_px(track) for track in tracks]
    masks = occlusion_masks(tracks)
    chosen = {"nearest": masks.nearest, "assignment": masks.assigned}.get(rule)
    if chosen is None:
        raise InputError(f"expected nearest or assignment, got '{rule}' for the occlusion rule; choose one")
    unswapped = [track.without(mask) for track, mask in zip(tracks, chosen, strict=True)]
    kept, report = filter_reprojection(unswapped, max_relative=max_relative)
    given = sum(int(track.present.sum()) for track in tracks)
    nearest_only, assignment_only, both = masks.masked
    figures = PoseFigures(
        given=given,
        unused=unused,
        swapped=sum(int(mask.sum()) for mask in chosen),
        far=report.rejected,
        kept=sum(int(track.present.sum()) for track in kept),
        missing=sum(len(track) for track in tracks) - given,
        nearest_only=nearest_only,
        assignment_only=assignment_only,
        both_rules=both,
    )
    judged = [np.isfinite(error) for error in errors]
    return Poses(
        tuple(kept),
        figures,
        np.concatenate([np.zeros(0), *(error[known] for error, known in zip(errors, judged, strict=True))]),
        np.concatenate(
            [np.zeros(0, np.bool_), *(track.present[known] for track, known in zip(kept, judged, strict=True))]
        ),
        masks,
    )


def read_prediction(prediction: PredictionFile, capture: Capture) -> PosePredictions:
    """Read one file of predicted poses; their ids are those of the capture's people.

    Body models turn about their pelvis joint, which lies at their translation plus its place at rest. The project's
    skeleton has it at its translation, so the difference is added here; it is not turned with the body.

    Raises:
        InputError: The file cannot be read as what it is said to be.
    """
    default = SMPLX_PELVIS_M if prediction.format == "gvhmr" else SMPL_PELVIS_M
    pelvis = np.array(prediction.pelvis_offset_m or default)
    offsets = np.array(REST_OFFSETS_M)
    offsets[0] = pelvis
    poses = _read(prediction, capture, offsets)
    return replace(poses, translation_m=poses.translation_m + pelvis)


def _read(prediction: PredictionFile, capture: Capture, offsets_m: NDArray[np.float64]) -> PosePredictions:
    if prediction.format == "hmr2":
        return read_hmr2(prediction.path, capture.camera, offsets_m=offsets_m)
    if prediction.format == "phalp":
        from motion_preprocessing.poses.phalp import read_phalp

        # PHALP numbers people by itself.
        return match_ids(capture.tracks, read_phalp(prediction.path, capture.camera, offsets_m=offsets_m))
    from motion_preprocessing.poses.gvhmr import read_gvhmr

    if prediction.track is None:
        raise InputError(
            f"expected the track that the file is of, got nothing for {prediction.path}; add 'track' to its entry"
        )
    return read_gvhmr(
        prediction.path,
        capture.camera,
        track_id=prediction.track,
        first_frame=prediction.first_frame,
        offsets_m=offsets_m,
    )
