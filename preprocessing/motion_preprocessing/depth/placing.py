"""Puts a person and the room into one metric frame.

A pose estimator knows a person's distance only as well as the focal length and the body size it assumes: people float
above the floor or sink into it. What is known better is combined, for all frames of a track at once, in the
translations t of the frames and the size s of the body, one for the track:

    pixels        the joints' mean place in the picture stays
    distance      z / s stays near the estimator's z (that much the size in the picture says), loosely
    depth         the body's surface lies where the depth map sees it inside the person's mask, in key frames
    floor         the lower foot of who stands is on the floor, unless depth has it well above
    steadiness    the velocity changes little from frame to frame
    size          s is near 1

Together they are a least-squares problem (`placing_problem`). The surface's depth depends on t only through where the
rays meet the body: it is taken anew between rounds.

Who stands may stand on a step, a ladder or in the air. Where depth was seen, everything is fitted without the floor
first: only frames whose foot then comes near the track's lowest level are put on the floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.captures.camera import Intrinsics
from motion_preprocessing.depth.body_surface import PersonDepth, SurfacePixels, depth_ahead, surface_pixels
from motion_preprocessing.depth.placing_problem import PlacingConfig, Problem, minimise, standing
from motion_preprocessing.errors import InputError
from motion_preprocessing.planes import Plane
from motion_preprocessing.poses.track import PersonTrack
from motion_preprocessing.skeleton import FEET, REST_OFFSETS_M

Array = NDArray[np.float64]

OFF_FLOOR_M: Final = 0.05
_LOWEST: Final = 0.2
"""Share of the standing frames that tell a track's lowest level: one frame alone may be an outlier."""
_FREE_ROUNDS: Final = 2


@dataclass(frozen=True)
class FloorReport:
    """How the lower foot of a standing person stands to the floor."""

    frames: int
    """In which the person stands."""
    mean_m: float
    """Of the height; above zero floats. NaN without frames, like the rest."""
    median_abs_m: float
    floating: float
    """Share of the frames more than 5 cm above the floor."""
    sinking: float
    """Share more than 5 cm below."""


@dataclass(frozen=True)
class PlacedPerson:
    """A track in the room's frame, and what that changed."""

    track: PersonTrack
    """With new translations; `joints_m(scale * offsets_m)` are its joints."""
    scale: float
    """Size of the body relative to the one that was passed."""
    floor_before: FloorReport
    floor_after: FloorReport
    depth_before_m: float
    """Median over key frames of |depth map - body surface|; NaN without key frames."""
    depth_after_m: float
    moved_px: float
    """Median distance of the projected joints from the predicted ones."""


def floor_report(
    track: PersonTrack,
    floor: Plane,
    *,
    scale: float = 1.0,
    sole_m: float = 0.0,
    offsets_m: Array = REST_OFFSETS_M,
) -> FloorReport:
    """Measure how far a standing person floats above the floor or sinks into it; the body is `scale` times as large."""
    upright = standing(track, floor.normal, offsets_m)
    if not upright.any():
        return FloorReport(0, np.nan, np.nan, np.nan, np.nan)
    joints = track.joints_m(scale * offsets_m)[upright][:, list(FEET)]
    height = (joints @ floor.normal + floor.offset).min(axis=1) - scale * sole_m
    return FloorReport(
        int(upright.sum()),
        float(height.mean()),
        float(np.median(np.abs(height))),
        float(np.mean(height > OFF_FLOOR_M)),
        float(np.mean(height < -OFF_FLOOR_M)),
    )


def place_person(
    track: PersonTrack,
    camera: Intrinsics,
    *,
    fps: float,
    views: Sequence[PersonDepth] = (),
    floor: Plane | None = None,
    config: PlacingConfig | None = None,
    offsets_m: Array = REST_OFFSETS_M,
) -> PlacedPerson:
    """Fit the translations of a track and the size of the body.

    Args:
        track: With poses; frames without one stay as they are.
        camera: Of the pictures.
        fps: Frames a second of the capture.
        views: Depth inside the person's mask, in key frames; those of frames without a pose are not used.
        floor: In the camera frame, its normal pointing up; None: nobody is put on it.
        config: What is known how well.
        offsets_m: (22, 3) the body at size 1; entry 0 the pelvis at rest.

    Raises:
        InputError: The frame rate is not above zero.
    """
    config = config or PlacingConfig()
    if not fps > 0:
        raise InputError(f"expected a frame rate above 0, got {fps} for track {track.track_id}; correct it")
    rows = np.flatnonzero(track.present)
    if len(rows) == 0:
        none = FloorReport(0, np.nan, np.nan, np.nan, np.nan)
        return PlacedPerson(track, 1.0, none, none, np.nan, np.nan, np.nan)
    known = [(int(np.searchsorted(track.frames, view.frame)), view) for view in views]
    seen = {
        int(np.searchsorted(rows, at)): surface_pixels(view, camera)
        for at, view in known
        if at < len(track) and track.frames[at] == view.frame and track.present[at]
    }
    problem = Problem.of(track, rows, camera, fps, floor, config, offsets_m)
    start = np.append(track.translation_m[rows].ravel(), 1.0)
    first = _surface_depths(problem, start, seen, config)
    state = start
    if floor is not None and len(first):
        free = replace(problem, foot=np.full_like(problem.foot, -1))
        for _ in range(_FREE_ROUNDS):
            state = minimise(replace(free, depth_aim_m=_aims(free, state, seen, config)), state)
        problem = replace(problem, foot=_on_floor(problem, state))
    for _ in range(config.rounds if seen else 1):
        aimed = replace(problem, depth_aim_m=_aims(problem, state, seen, config))
        state = minimise(aimed, state)
    last = _surface_depths(problem, state, seen, config)
    translation = track.translation_m.copy()
    translation[rows] = state[:-1].reshape(-1, 3)
    placed = replace(track, translation_m=translation)
    scale = float(state[-1])
    moved = np.linalg.norm(camera.project(placed.joints_m(scale * offsets_m)[rows]) - track.predicted_2d[rows], axis=-1)
    none = FloorReport(0, np.nan, np.nan, np.nan, np.nan)
    options: dict[str, Any] = {"sole_m": config.sole_m, "offsets_m": offsets_m}
    return PlacedPerson(
        placed,
        scale,
        none if floor is None else floor_report(track, floor, **options),
        none if floor is None else floor_report(placed, floor, scale=scale, **options),
        float(np.median(np.abs(first))) if len(first) else np.nan,
        float(np.median(np.abs(last))) if len(last) else np.nan,
        float(np.nanmedian(moved)),
    )


def _on_floor(problem: Problem, state: Array) -> NDArray[np.int64]:
    """Return `problem.foot` with -1 where the fit without the floor has the standing foot on something else."""
    assert problem.floor is not None
    stands = np.flatnonzero(problem.foot >= 0)
    if len(stands) == 0:
        return problem.foot
    soles = problem.joints_m(state)[stands, problem.foot[stands]]
    height = soles @ problem.floor.normal + problem.floor.offset - state[-1] * problem.config.sole_m
    level = float(np.quantile(height, _LOWEST))
    elsewhere = height > level + problem.config.step_m
    if abs(level) > problem.config.level_m:
        elsewhere[:] = True
    foot = problem.foot.copy()
    foot[stands[elsewhere]] = -1
    return foot


def _aims(problem: Problem, state: Array, seen: dict[int, SurfacePixels], config: PlacingConfig) -> Array:
    """Where the depth map wants the pelvis, given where the rays meet the body now."""
    joints = problem.joints_m(state)
    aims = np.full(len(joints), np.nan)
    for index, pixels in seen.items():
        ahead, count = depth_ahead(pixels, joints[index], float(state[-1]))
        if count >= config.min_pixels:
            aims[index] = joints[index, 0, 2] + ahead
    return aims


def _surface_depths(
    problem: Problem, state: Array, seen: dict[int, SurfacePixels], config: PlacingConfig
) -> NDArray[np.float64]:
    joints = problem.joints_m(state)
    pairs = [depth_ahead(pixels, joints[index], float(state[-1])) for index, pixels in seen.items()]
    return np.array([ahead for ahead, count in pairs if count >= config.min_pixels])
