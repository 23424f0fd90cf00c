"""What a request may ask of a motion besides its text, and what follows from it frame by frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.counted import counted
from motion_preprocessing.errors import InputError
from motion_preprocessing.skeleton import JOINT_NAMES
from motion_runtime.editing.body_parts import Hold, Pose, frame_at
from motion_runtime.editing.constraints import Constraints, Miss, worst_miss
from motion_runtime.editing.going_over import going_over
from motion_runtime.editing.keyframes import Keyframes
from motion_runtime.editing.root_path import RootPath
from motion_runtime.motion import GenerationRequest, Motion
from motion_runtime.placement import Room

Array = NDArray[np.float64]

AGREE_M: Final = 0.01
"""Two wishes for one pelvis at one time may differ by this."""
_NEAR_M: Final = 2.0
"""A room may be cropped below people's heads, and hands reach out of doors; farther places are in another unit."""
_AHEAD_M: Final = 0.3
"""A place this far away tells which way somebody sets out."""


@dataclass(frozen=True, eq=False)
class Edits:
    """Known parts of a motion, in the room's frame. Persons are counted as in the request."""

    keyframes: tuple[Keyframes, ...] = ()
    """Joints that are known at some times."""
    start_pose: Pose | None = None
    """Pose of the first frame."""
    end_pose: Pose | None = None
    """Pose of the last frame."""
    holds: tuple[Hold, ...] = ()
    """Body parts that move as in another motion."""
    paths: tuple[RootPath, ...] = ()
    """Ways over the floor, one a person, in order."""

    def constraints(self, persons: int, frames: int, fps: float) -> Constraints:
        """Everything that is known of P persons over T frames, in the room's frame.

        Raises:
            InputError: A time is beyond the motion, there are more persons than in the request, or two edits
                contradict each other.
        """
        known = Constraints.none(persons, frames)
        for what, count in (
            ("the keyframes", max((keys.persons for keys in self.keyframes), default=0)),
            ("the start pose", 0 if self.start_pose is None else len(self.start_pose.root_m)),
            ("the end pose", 0 if self.end_pose is None else len(self.end_pose.root_m)),
            ("what is held", max((len(hold.root_m) for hold in self.holds), default=0)),
            ("the paths", len(self.paths)),
        ):
            if count > persons:
                raise InputError(
                    f"expected at most {counted(persons, 'person')}, got {count} for {what}; "
                    "ask for as many with --person"
                )
        for hold in self.holds:
            known = going_over(known, _held(hold, persons, frames, fps), fps)
        pinned = Constraints.none(persons, frames)
        for pose, frame in ((self.start_pose, 0), (self.end_pose, frames - 1)):
            if pose is not None:
                for person in range(len(pose.root_m)):
                    pinned.set_pose(person, frame, pose.rotations[person], pose.root_m[person])
        for keys in self.keyframes:
            _add_keyframes(pinned, keys, frames, fps)
        known = going_over(known, pinned, fps)
        for person, path in enumerate(self.paths):
            _add_path(known, person, path, frames, fps)
        return known.completed()


def start_of(known: Constraints) -> tuple[tuple[float, float] | None, float | None]:
    """Where the first person is to start, and facing where (radians), as far as edits tell.

    The first known place is taken for the start: without a word on what comes before it, nothing speaks for another.
    Who starts at a place and is elsewhere later faces there.
    """
    frames = np.flatnonzero(known.floor_mask[0])
    start = None if not len(frames) else known.floor_m[0, frames[0]]
    if known.yaw_mask[0, 0]:
        yaw: float | None = float(known.yaw_rad[0, 0])
    else:
        yaw = None
        for frame in frames:
            way = known.floor_m[0, frame] - start
            if float(np.linalg.norm(way)) >= _AHEAD_M:
                yaw = math.atan2(way[1], way[0])
                break
    return None if start is None else (float(start[0]), float(start[1])), yaw


def with_start(request: GenerationRequest, known: Constraints) -> GenerationRequest:
    """Start and face where edits say, where the request leaves it open; know the request's start where they do not.

    Raises:
        InputError: Request and edits name different places.
    """
    if request.start_m is not None:
        asked = np.array(request.start_m)
        if not known.floor_mask[0, 0]:
            known.set_floor(0, 0, asked)
        elif float(np.linalg.norm(known.floor_m[0, 0] - asked)) > AGREE_M:
            x, y = known.floor_m[0, 0]
            raise InputError(
                f"expected the start that the edits have, {x:.2f},{y:.2f}, got {asked[0]:g},{asked[1]:g} for --start; "
                "leave one of them out"
            )
    start, yaw_rad = start_of(known)
    if request.start_m is None:
        request = replace(request, start_m=start)
    if request.heading_deg is None and yaw_rad is not None:
        request = replace(request, heading_deg=math.degrees(yaw_rad))
    return request


def miss_of(edits: Edits, motion: Motion) -> Miss:
    """How far a motion is from what was asked of it, at worst."""
    known = edits.constraints(motion.persons, motion.frames, motion.fps)
    return worst_miss(known, motion.local_rotations, motion.root_position_m)


def check_inside(known: Constraints, room: Room, fps: float) -> None:
    """Refuse places outside the room.

    Raises:
        InputError: A pelvis is to be where the room's points do not reach, or another joint far from them.
    """
    low, high = room.scene.points_m[:, :2].min(axis=0), room.scene.points_m[:, :2].max(axis=0)
    outside = known.floor_mask & ((known.floor_m < low) | (known.floor_m > high)).any(axis=-1)
    if outside.any():
        person, frame = np.argwhere(outside)[0]
        x, y = known.floor_m[person, frame]
        raise InputError(
            f"expected places inside the room, x {low[0]:z.1f} to {high[0]:z.1f} m and y {low[1]:z.1f} to "
            f"{high[1]:z.1f} m, got {x:.2f},{y:.2f} at {frame / fps:g} s for person {person + 1}; move it there"
        )
    corners = np.stack([room.scene.points_m.min(axis=0) - _NEAR_M, room.scene.points_m.max(axis=0) + _NEAR_M])
    far = known.position_mask & ((known.positions_m < corners[0]) | (known.positions_m > corners[1])).any(axis=-1)
    if far.any():
        person, frame, joint = np.argwhere(far)[0]
        place = ",".join(f"{value:.2f}" for value in known.positions_m[person, frame, joint])
        raise InputError(
            f"expected places of joints in the room, in metres, got {place} at {frame / fps:g} s for the "
            f"{JOINT_NAMES[joint]} of person {person + 1}; move it there"
        )


def _held(hold: Hold, persons: int, frames: int, fps: float) -> Constraints:
    """What one body part is known to do."""
    known = Constraints.none(persons, frames)
    rotations, root = hold.frames(fps, frames)
    pelvis = np.arange(len(hold.joints)) == 0
    for person in range(len(root)):
        for frame in range(root.shape[1]):
            known.set_rotations(person, frame, rotations[person, frame], hold.joints)
            if hold.joints[0]:
                known.set_positions(person, frame, np.tile(root[person, frame], (len(pelvis), 1)), pelvis)
    return known


def _add_keyframes(known: Constraints, keys: Keyframes, frames: int, fps: float) -> None:
    for column, time_s in enumerate(keys.times_s):
        frame = frame_at(float(time_s), frames, fps, "a keyframe")
        for person in range(keys.persons):
            if keys.joints_m is not None and keys.joint_mask is not None:
                place, mask = keys.joints_m[person, column], keys.joint_mask[person, column]
                known.set_positions(person, frame, place, mask)
            if keys.rotations is not None and keys.rotation_mask is not None:
                turn, mask = keys.rotations[person, column], keys.rotation_mask[person, column]
                known.set_rotations(person, frame, turn, mask)


def _add_path(known: Constraints, person: int, path: RootPath, frames: int, fps: float) -> None:
    for point in path.waypoints:
        frame = frame_at(point.time_s, frames, fps, "a place of the path")
        place = np.array([point.x_m, point.y_m])
        if known.floor_mask[person, frame]:
            gap = float(np.linalg.norm(known.floor_m[person, frame] - place))
            if gap > AGREE_M:
                raise InputError(
                    f"expected path and pose to agree, got places {gap:.2f} m apart at {point.time_s:g} s for "
                    f"person {person + 1}; leave one of them out"
                )
        else:
            known.set_floor(person, frame, place)
        if point.yaw_deg is not None and not known.yaw_mask[person, frame]:
            known.set_yaw(person, frame, math.radians(point.yaw_deg))
