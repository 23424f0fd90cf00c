"""BVH files read back by a small reader of our tests' own, by SciPy's Euler angles, not by the project's."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from motion_preprocessing.errors import InputError, OutputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import about_z, matrix_from_quaternion, matrix_from_rotation_vector
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, JOINT_NAMES, WORLD_FROM_BODY, rest_joints
from motion_runtime.bvh_writer import euler_zxy_rad, write_bvh

WalkRotations = Callable[..., tuple[np.ndarray, np.ndarray]]


class Read:
    """A BVH file: joint positions in the file's own axes and units, by walking the text once."""

    def __init__(self, path: Path) -> None:
        head, motion = path.read_text(encoding="ascii").split("MOTION\n")
        self.names: list[str] = []
        self.parents: list[int] = []
        self.offsets: list[np.ndarray] = []
        self.channels: list[list[str]] = []
        self.ends = 0
        stack: list[int] = []
        in_end = False
        for line in head.splitlines()[1:]:
            words = line.split()
            if words[0] in ("ROOT", "JOINT"):
                self.names.append(words[1])
                self.parents.append(stack[-1] if stack else -1)
            elif words[0] == "End":
                in_end, self.ends = True, self.ends + 1
            elif words[0] == "{":
                stack.append(-2 if in_end else len(self.names) - 1)
            elif words[0] == "}":
                in_end = stack.pop() == -2 and False
            elif words[0] == "OFFSET" and not in_end:
                self.offsets.append(np.array(words[1:], dtype=float))
            elif words[0] == "CHANNELS":
                assert int(words[1]) == len(words) - 2
                self.channels.append(words[2:])
        assert not stack
        lines = motion.splitlines()
        self.frame_time = float(lines[1].removeprefix("Frame Time:"))
        self.values = np.array([line.split() for line in lines[2:]], dtype=float)
        assert lines[0] == f"Frames: {len(self.values)}"
        assert self.values.shape[1] == sum(map(len, self.channels))

    def angles(self, name: str) -> np.ndarray:
        """(T, 3) degrees, in the order of the joint's channels."""
        joint = self.names.index(name)
        first = sum(len(c) for c in self.channels[:joint])
        return self.values[:, first : first + len(self.channels[joint])][:, -3:]

    def positions(self) -> dict[str, np.ndarray]:
        """(T, 3) of each joint."""
        world: list[tuple[np.ndarray, Rotation]] = []
        column = 0
        for joint, channels in enumerate(self.channels):
            values = self.values[:, column : column + len(channels)]
            column += len(channels)
            order = "".join(c[0] for c in channels if c.endswith("rotation"))
            local = Rotation.from_euler(order, values[:, -3:], degrees=True)  # upper case: about the turned axes
            if self.parents[joint] < 0:
                assert channels[:3] == ["Xposition", "Yposition", "Zposition"]
                world.append((values[:, :3], local))
            else:
                position, turned = world[self.parents[joint]]
                world.append((position + turned.apply(self.offsets[joint]), turned * local))
        return {name: world[joint][0] for joint, name in enumerate(self.names)}


def to_room(y_up_cm: np.ndarray) -> np.ndarray:
    """x, y, z of the room from the file's y-up centimetres: x = x, y = -z, z = y."""
    return y_up_cm[..., [0, 2, 1]] * (1, -1, 1) / 100


def assert_same_motion(path: Path, rotations: np.ndarray, root: np.ndarray, tolerance_m: float = 1e-5) -> Read:
    read = Read(path)
    joints, _ = forward_kinematics(rotations.astype(np.float64), root.astype(np.float64))
    positions = read.positions()
    assert sorted(positions) == sorted(JOINT_NAMES)
    for name, index in JOINT_INDEX.items():
        np.testing.assert_allclose(to_room(positions[name]), joints[:, index], atol=tolerance_m, err_msg=name)
    return read


@pytest.mark.parametrize("turn", [0.0, math.pi, 2 * math.pi, -4 * math.pi])
def test_a_walk_that_turns_comes_back_in_every_facing(
    tmp_path: Path, turn: float, walk_rotations: WalkRotations
) -> None:
    rotations, root = walk_rotations(frames=80, turn_rad=turn)
    write_bvh(tmp_path / "a.bvh", rotations, root, 20.0)
    read = assert_same_motion(tmp_path / "a.bvh", rotations, root)
    # The turn is all in the last channel, about the file's up axis, and runs on past 180 degrees.
    angles = read.angles("pelvis")
    np.testing.assert_allclose(angles[:, :2], 0.0, atol=1e-5)
    # Facing +x is a quarter turn from the rest pose, which faces the file's +z.
    np.testing.assert_allclose(angles[:, 2], 90 + np.degrees(np.linspace(0, turn, 80)), atol=1e-4)


def test_zero_channels_are_the_t_pose_in_centimetres_with_y_up(tmp_path: Path) -> None:
    rotations = np.tile(np.eye(3), (2, JOINT_COUNT, 1, 1))
    rotations[:, 0] = about_z(np.array(-math.pi / 2)) @ WORLD_FROM_BODY  # upright, facing -y in the room
    write_bvh(tmp_path / "t.bvh", rotations, np.zeros((2, 3)), 30.0)
    read = Read(tmp_path / "t.bvh")
    assert not read.values.any()
    assert read.frame_time == pytest.approx(1 / 30, abs=1e-8)
    assert read.ends == 5  # head, hands, toes
    assert all(channels[-3:] == ["Zrotation", "Xrotation", "Yrotation"] for channels in read.channels)
    positions = read.positions()
    for name, index in JOINT_INDEX.items():
        np.testing.assert_allclose(positions[name][0], 100 * rest_joints()[index], atol=1e-4)
    assert positions["head"][0, 1] > 50  # up is y
    assert positions["left_wrist"][0, 0] > 50  # the left hand is at +x, so the face is towards +z


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_rotations_come_back_within_a_hundredth_of_a_millimetre(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    quaternions = rng.normal(size=(6, JOINT_COUNT, 4))
    # Rotations by multiples of 90 degrees put many joints into or near gimbal lock.
    snapped = np.round(quaternions / np.abs(quaternions).max(axis=-1, keepdims=True))
    quaternions = np.where(rng.random((6, JOINT_COUNT, 1)) < 0.5, snapped, quaternions)
    nudge = matrix_from_rotation_vector(rng.normal(size=(6, JOINT_COUNT, 3)) * 10.0 ** -rng.uniform(3, 9))
    rotations = (nudge @ matrix_from_quaternion(quaternions)).astype(np.float32)
    root = rng.normal(scale=3.0, size=(6, 3)).astype(np.float32)
    write_bvh(tmp_path / "r.bvh", rotations, root, 20.0)
    assert_same_motion(tmp_path / "r.bvh", rotations, root)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_euler_angles_are_scipys_up_to_the_other_set_and_full_turns(seed: int) -> None:
    matrices = Rotation.random(50, random_state=np.random.default_rng(seed)).as_matrix()
    ours = euler_zxy_rad(matrices)
    theirs = Rotation.from_matrix(matrices).as_euler("ZXY")
    other = np.stack([theirs[:, 0] + np.pi, np.pi - theirs[:, 1], theirs[:, 2] + np.pi], axis=-1)

    def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.abs(np.remainder(a - b + np.pi, 2 * np.pi) - np.pi).max(axis=-1)

    assert np.minimum(apart(ours, theirs), apart(ours, other)).max() < 1e-6


def test_angles_of_smooth_motion_do_not_jump() -> None:
    # Somersaults while turning: the x angle passes 90 degrees again and again, where plain angles flip by 180.
    t = np.linspace(0, 1, 400)
    roll = matrix_from_rotation_vector(np.stack([6 * np.pi * t, 0 * t, 0 * t], axis=-1))
    tumbling = about_z(0.3 * np.sin(7 * t)) @ matrix_from_rotation_vector(np.array([0.0, 0.2, 0.0])) @ roll
    angles = euler_zxy_rad(tumbling)
    assert np.abs(np.diff(angles, axis=0)).max() < math.radians(60)
    plain = Rotation.from_matrix(tumbling).as_euler("ZXY")
    assert np.abs(np.diff(plain, axis=0)).max() > math.radians(150)
    np.testing.assert_allclose(Rotation.from_euler("ZXY", angles).as_matrix(), tumbling, atol=1e-12)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_in_gimbal_lock_z_stays_and_y_takes_the_turn(sign: float) -> None:
    # x = +-90 degrees throughout; the whole motion is then one angle, z +- y.
    y = np.linspace(0, 4 * np.pi, 60)
    start = Rotation.from_euler("ZXY", [0.4, sign * np.pi / 2, 0.0]).as_matrix()
    matrices = start @ Rotation.from_euler("Y", y[:, None]).as_matrix()
    before = Rotation.from_euler("ZXY", [[0.4, sign * 1.2, 0.0], [0.4, sign * 1.5, 0.0]]).as_matrix()
    angles = euler_zxy_rad(np.concatenate([before, matrices]))
    np.testing.assert_allclose(angles[:, 0], 0.4, atol=1e-9)
    np.testing.assert_allclose(angles[2:, 1], sign * np.pi / 2, atol=1e-9)
    np.testing.assert_allclose(angles[2:, 2], y, atol=1e-9)


def test_the_projects_own_reader_agrees(tmp_path: Path, walk_rotations: WalkRotations) -> None:
    from motion_preprocessing.bvh import read_bvh

    rotations, root = walk_rotations(frames=20, turn_rad=5.0)
    write_bvh(tmp_path / "a.bvh", rotations, root, 20.0)
    file = read_bvh(tmp_path / "a.bvh")
    positions, _ = file.pose()
    joints, _ = forward_kinematics(rotations, root)
    for name, index in JOINT_INDEX.items():
        np.testing.assert_allclose(to_room(positions[:, file.names.index(name)]), joints[:, index], atol=1e-5)


def test_equal_motions_give_equal_bytes_and_numbers_are_plain(tmp_path: Path, walk_rotations: WalkRotations) -> None:
    rotations, root = walk_rotations(frames=10)
    write_bvh(tmp_path / "a.bvh", rotations, root, 20.0)
    write_bvh(tmp_path / "b.bvh", rotations.copy(), root.copy(), 20.0)
    text = (tmp_path / "a.bvh").read_bytes()
    assert text == (tmp_path / "b.bvh").read_bytes()
    assert b"-0.000000" not in text
    assert b"\r" not in text


@pytest.mark.parametrize("broken", ["nan", "shape", "fps", "empty"])
def test_what_is_no_motion_is_refused_and_nothing_is_written(
    tmp_path: Path, broken: str, walk_rotations: WalkRotations
) -> None:
    rotations, root = walk_rotations(frames=5)
    fps = 20.0
    if broken == "nan":
        root[2, 1] = np.nan
    elif broken == "shape":
        root = root[:4]
    elif broken == "fps":
        fps = 0.0
    else:
        rotations, root = rotations[:0], root[:0]
    with pytest.raises(InputError, match="^expected [^\n]*$"):
        write_bvh(tmp_path / "a.bvh", rotations, root, fps)
    assert not list(tmp_path.iterdir())


def test_an_unwritable_place_is_one_line_and_leaves_nothing(tmp_path: Path, walk_rotations: WalkRotations) -> None:
    rotations, root = walk_rotations(frames=5)
    with pytest.raises(OutputError, match="^expected [^\n]*$"):
        write_bvh(tmp_path / "missing" / "a.bvh", rotations, root, 20.0)
    assert not list(tmp_path.iterdir())
