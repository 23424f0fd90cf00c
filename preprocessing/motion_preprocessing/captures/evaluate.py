"""How far a lifted synthetic capture lies from its truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.camera_floor import WorldFromCamera
from motion_preprocessing.captures.layout import TRUTH_FILE
from motion_preprocessing.captures.lifting import Lifted
from motion_preprocessing.captures.mistakes import ALIKE, MISSING, RIGHT, SWAPPED, UNSEEN
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.planes import Plane
from motion_preprocessing.skeleton import REST_OFFSETS_M

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Score:
    """Errors of one capture; positions are compared in the room, the floor's error included."""

    floor_deg: float
    """Angle between the floor's normal and the true one."""
    floor_height_m: float
    """Error of the camera's height."""
    root_m: Array
    """(N,) distance of each smoothed pelvis from the true one."""
    joints_m: Array
    """(N,) mean distance of the joints."""
    swapped: tuple[int, int]
    """Poses of another person, who looks different: given, masked."""
    alike: tuple[int, int]
    """Poses of another person who looks alike in the picture: given, masked."""
    good: tuple[int, int]
    """Right poses: given, lost."""
    rules: dict[str, tuple[int, int, int]]
    """What each rule for swapped poses masks by itself: swapped, alike and right poses."""


def score(lifted: Lifted, folder: Path) -> Score:
    """Compare with the `truth.npz` of a capture's folder."""
    with np.load(folder / TRUTH_FILE) as file:
        truth = dict(file)
    floor, true_floor = lifted.room.floor, Plane(truth["floor_normal"], float(truth["floor_offset"]))
    # Where x, y and heading of a room have their zero is free: both rooms are laid out from the camera in one way, each
    # by its own floor, so that an error of the floor counts.
    room_from_world = WorldFromCamera.from_floor(true_floor).matrix @ np.linalg.inv(truth["world_from_camera"])
    index = {int(track): i for i, track in enumerate(truth["track_ids"])}
    root, joints = [], []
    for person in lifted.people:
        frames = slice(person.first_frame, person.first_frame + len(person.seen))
        ours, _ = forward_kinematics(
            person.local_rotations, person.root_position_m, person.body_scale * REST_OFFSETS_M
        )
        theirs = truth["joints_m"][index[person.track_id], frames].astype(np.float64)
        distance = np.linalg.norm(ours - theirs @ room_from_world[:3, :3].T - room_from_world[:3, 3], axis=-1)
        root.append(distance[:, 0])
        joints.append(distance.mean(axis=1))
    tracks, masks = lifted.poses.tracks, lifted.poses.masks
    code = np.concatenate([truth["predicted"][index[track.track_id], track.frames] for track in tracks])
    given = ~np.isin(code, (MISSING, UNSEEN))
    code = code[given]
    lost = ~np.concatenate([track.present for track in tracks])[given]
    by_nearest, by_assignment = np.concatenate(masks.nearest)[given], np.concatenate(masks.assigned)[given]

    def hits(masked: NDArray[np.bool_]) -> tuple[int, int, int]:
        return (
            int((masked & (code == SWAPPED)).sum()), int((masked & (code == ALIKE)).sum()),
            int((masked & (code == RIGHT)).sum()),
        )  # fmt: skip

    given_swapped, given_alike, given_right = hits(np.ones_like(lost))
    swapped, alike, right = hits(lost)
    chord = np.linalg.norm(floor.normal - true_floor.normal)
    return Score(
        # Twice the arc sine of half the chord keeps small angles exact.
        floor_deg=float(np.degrees(2 * np.arcsin(np.minimum(chord / 2, 1.0)))),
        floor_height_m=float(floor.offset - true_floor.offset),
        root_m=np.concatenate([np.zeros(0), *root]),
        joints_m=np.concatenate([np.zeros(0), *joints]),
        swapped=(given_swapped, swapped),
        alike=(given_alike, alike),
        good=(given_right, right),
        rules={"nearest": hits(by_nearest), "assignment": hits(by_assignment)},
    )
