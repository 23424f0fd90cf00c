"""BVH through the package `bvh`, a parser of others, and SciPy's rotations: a millimetre, however people turn."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import bvh
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.skeleton import JOINT_INDEX, JOINT_NAMES
from motion_runtime.bvh_writer import write_bvh
from motion_runtime.formats.export import Export
from motion_runtime.motion import Motion

MILLIMETRE = 1e-3


def joints_in_room(path: Path) -> np.ndarray:
    """(T, 22, 3) metres, Z up, by the channels' own order, whatever it is."""
    file = bvh.Bvh(path.read_text(encoding="ascii"))
    positions: dict[str, np.ndarray] = {}
    world: dict[str, Rotation] = {}
    for name in file.get_joints_names():
        channels = file.joint_channels(name)
        values = np.array(file.frames_joint_channels(name, channels))
        turns = [i for i, channel in enumerate(channels) if channel.endswith("rotation")]
        order = "".join(channels[i][0] for i in turns)
        local = Rotation.from_euler(order, values[:, turns], degrees=True)
        parent = file.joint_parent(name)
        if parent is None:
            places = [channels.index(f"{axis}position") for axis in "XYZ"]
            positions[name], world[name] = values[:, places], local
        else:
            above = parent.name
            positions[name] = positions[above] + world[above].apply(file.joint_offset(name))
            world[name] = world[above] * local
    y_up = np.stack([positions[name] for name in JOINT_NAMES], axis=1) / 100
    # Importers of programs with Z up turn the file by +90 degrees about x.
    return Rotation.from_euler("x", 90, degrees=True).apply(y_up.reshape(-1, 3)).reshape(y_up.shape)


@pytest.mark.parametrize("turn_deg", [0, 90, 180, 270, 360, -360, 720])
def test_people_who_turn_come_back_in_the_room(tmp_path: Path, walk: Callable[..., Motion], turn_deg: float) -> None:
    motion = walk(people=2, frames=13, turn_rad=math.radians(turn_deg))
    Export(motion).write(tmp_path, ["bvh"])
    for person in range(2):
        read = joints_in_room(tmp_path / f"person_{person}.bvh")
        assert np.linalg.norm(read - motion.joints_m[person], axis=-1).max() < MILLIMETRE


def test_a_tumble_through_every_direction_comes_back(tmp_path: Path, tumble: Motion) -> None:
    write_bvh(tmp_path / "t.bvh", tumble.local_rotations[0], tumble.root_position_m[0], tumble.fps)
    read = joints_in_room(tmp_path / "t.bvh")
    assert np.linalg.norm(read - tumble.joints_m[0], axis=-1).max() < MILLIMETRE
    file = bvh.Bvh((tmp_path / "t.bvh").read_text(encoding="ascii"))
    assert file.nframes == 60
    assert file.frame_time == pytest.approx(1 / 30, abs=1e-6)
    # No channel jumps by a full turn: a tool that interpolates stays on the way.
    angles = np.array(file.frames)[:, 3:].astype(float)
    assert np.abs(np.diff(angles, axis=0)).max() < 180


def test_the_rest_pose_is_a_t_pose_with_arms_along_x(tmp_path: Path, walk: Callable[..., Motion]) -> None:
    motion = walk(frames=2)
    write_bvh(tmp_path / "a.bvh", motion.local_rotations[0], motion.root_position_m[0], 20.0)
    file = bvh.Bvh((tmp_path / "a.bvh").read_text(encoding="ascii"))
    rest: dict[str, np.ndarray] = {}
    for name in file.get_joints_names():
        parent = file.joint_parent(name)
        rest[name] = np.array(file.joint_offset(name)) + (0 if parent is None else rest[parent.name])
    assert list(rest["pelvis"]) == [0, 0, 0]
    assert rest["left_wrist"][0] > 60 > -60 > rest["right_wrist"][0]
    assert abs(rest["left_wrist"][1] - rest["left_shoulder"][1]) < 3
    assert rest["head"][1] > 50
    assert rest["left_ankle"][1] < -80
    assert set(rest) == set(JOINT_INDEX)
