"""One capture, from files to people who move in a metric room: the steps of the thesis' chapters 4 and 5.1 to 5.3.

Poses are read and cleaned, the room is built from depth, people are placed in it, the floor becomes z = 0, paths and
rotations are smoothed. Points, root positions and orientations all go through one rigid transform.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.camera_floor import FloorWarning, WorldFromCamera, tilt_deg
from motion_preprocessing.captures.placing import PLACEMENTS, place_people
from motion_preprocessing.captures.poses_of import Poses, read_poses
from motion_preprocessing.captures.read import Capture
from motion_preprocessing.captures.room_of import CapturedRoom, read_room
from motion_preprocessing.depth.cloud import PointCloud, remove_outliers, voxel_downsample
from motion_preprocessing.errors import InputError
from motion_preprocessing.poses.track import PersonTrack
from motion_preprocessing.skeleton import REST_OFFSETS_M
from motion_preprocessing.smoothing.motion import smooth_motion
from motion_preprocessing.smoothing.trend import SmoothingConfig

Array = NDArray[np.float64]

_EXACT: Final = 8.0
"""A data weight above 4, which no second difference can outweigh: seen frames stay, gaps are filled."""


@dataclass(frozen=True)
class LiftConfig:
    """How captures become motion."""

    fps: float = 20.0
    """Frame rate of the dataset."""
    floor: str = "orthogonal"
    """How the floor is fitted: orthogonal or thesis."""
    occlusion: str = "nearest"
    """How swapped poses are found: nearest or assignment."""
    max_reprojection: float = 0.10
    """Largest mean distance of a pose from its annotation, over the diagonal of the box."""
    placement: str = "room"
    """Where people stand: room (their distance is fitted to pixels, depth and floor), predicted (as estimated, with the
    camera's focal length) or assumed (as estimated, with the focal length that HMR2 assumes)."""
    smoothing: float = 1.0
    """lambda of equation 5.1: the weight of the data; smaller is smoother; 0 leaves seen frames as they are."""
    voxel_m: float = 0.03
    """Spacing of the room's points."""
    min_seconds: float = 1.0
    """A person seen for less is left out."""
    max_gap_s: float = 1.0
    """A longer gap parts a motion in two."""

    def __post_init__(self) -> None:
        for name, allowed in (
            ("floor", ("orthogonal", "thesis")),
            ("occlusion", ("nearest", "assignment")),
            ("placement", PLACEMENTS),
        ):
            if getattr(self, name) not in allowed:
                known = ", ".join(allowed)
                raise InputError(f"expected one of {known}, got '{getattr(self, name)}' for {name}; choose one")


@dataclass(frozen=True, eq=False)
class LiftedPerson:
    """One person's motion in the room, over every frame from the first to the last seen one of a stretch."""

    track_id: int
    person_class: str
    actions: tuple[str, ...]
    """(T,) what the person is annotated to do; '' in gaps."""
    first_frame: int
    """Frame of the capture that the stretch starts with."""
    seen: NDArray[np.bool_]
    """(T,) whether the frame has a believed pose."""
    local_rotations: Array
    """(T, 22, 3, 3); entry 0 the root's orientation in the room."""
    root_position_m: Array
    """(T, 3) pelvis."""
    body_scale: float
    """Size of the body relative to the project's skeleton."""


@dataclass(frozen=True, eq=False)
class Lifted:
    """What a capture gave."""

    name: str
    fps: float
    """Of the capture."""
    people: tuple[LiftedPerson, ...]
    cloud: PointCloud
    """The room: Z up, floor z = 0, metres."""
    world_from_camera: Array
    """(4, 4)."""
    errors_px: Array
    """(N,) reprojection errors of the given poses."""
    believed: NDArray[np.bool_]
    """(N,)."""
    figures: dict[str, Any]
    """Counts and measures for the report."""
    poses: Poses = field(repr=False)
    """For pictures."""
    room: CapturedRoom = field(repr=False)
    """For pictures."""


def lift(capture: Capture, config: LiftConfig) -> Lifted:
    """Run the whole chain on one capture.

    Raises:
        InputError: Something that the chain cannot do without is missing or bad.
    """
    poses = read_poses(capture, rule=config.occlusion, max_relative=config.max_reprojection)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FloorWarning)
        room = read_room(capture, floor_method=config.floor)
    to_world = WorldFromCamera.from_floor(room.floor)
    placed, placing = place_people(poses.tracks, room, capture, how=config.placement)
    people: list[LiftedPerson] = []
    left_out: list[str] = []
    for track, scale in placed:
        stretches = _stretches(track, capture.fps, config)
        if not stretches:
            left_out.append(f"track {track.track_id}: {int(track.present.sum())} believed poses")
        people += [_lift_person(part, scale, to_world, config) for part in stretches]
    cloud = voxel_downsample(room.fused.cloud, config.voxel_m)
    cloud, _ = remove_outliers(cloud)
    pitch, roll = tilt_deg(room.floor)
    figures: dict[str, Any] = {
        "poses": asdict(poses.figures),
        "depth": None
        if room.fit is None
        else {"alpha": room.fit.alpha, "beta": room.fit.beta, "abs_rel": room.fit.abs_rel, "inliers": room.fit.inliers},
        "key_frames": len(room.frames),
        "points": len(cloud),
        "floor": {"pitch_deg": pitch, "roll_deg": roll, "camera_height_m": room.floor.offset},
        "placing": placing,
        "people": len(capture.tracks),
        "left_out": left_out,
        "seconds": sum(len(person.seen) for person in people) / capture.fps,
        "warnings": [str(warning.message) for warning in caught],
    }
    return Lifted(
        name=capture.name,
        fps=capture.fps,
        people=tuple(people),
        cloud=cloud.moved(to_world.rotation, to_world.translation_m),
        world_from_camera=to_world.matrix,
        errors_px=poses.errors_px,
        believed=poses.believed,
        figures=figures,
        poses=poses,
        room=room,
    )


def _stretches(track: PersonTrack, fps: float, config: LiftConfig) -> list[PersonTrack]:
    """Cut a track at long gaps; keep what is long enough."""
    seen = np.flatnonzero(track.present)
    if len(seen) == 0:
        return []
    gaps = np.diff(track.frames[seen]) > config.max_gap_s * fps + 1
    parts = np.split(seen, np.flatnonzero(gaps) + 1)
    least = max(config.min_seconds * fps, 3)
    return [track.at(slice(part[0], part[-1] + 1)) for part in parts if len(part) >= least]


def _lift_person(track: PersonTrack, scale: float, to_world: WorldFromCamera, config: LiftConfig) -> LiftedPerson:
    first, last = int(track.frames[0]), int(track.frames[-1])
    count = last - first + 1
    at = track.frames - first
    seen = np.zeros(count, dtype=np.bool_)
    seen[at] = track.present
    rotations = np.broadcast_to(np.eye(3), (count, *track.rotations.shape[1:])).copy()
    pelvis = np.zeros((count, 3))
    actions = [""] * count
    rotations[at] = to_world.local_rotations(track.rotations)
    pelvis[at] = to_world.points(track.pelvis_m(scale * REST_OFFSETS_M))
    for index, action in zip(at.tolist(), track.action, strict=True):
        actions[index] = action
    # A stretch begins and ends with a seen frame, so that nothing is cut off.
    smooth = smooth_motion(rotations, pelvis, seen, SmoothingConfig(data_weight=config.smoothing or _EXACT))
    return LiftedPerson(
        track.track_id, track.person_class, tuple(actions), first, seen, smooth.rotations, smooth.root_position_m, scale
    )
