"""From edits to what is known frame by frame, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.errors import InputError
from motion_runtime import Generator
from motion_runtime.editing import BODY_PARTS, Edits, Hold, Keyframes, Pose, RootPath, Waypoint
from motion_runtime.editing.edits import miss_of, start_of
from motion_runtime.editing.options import edits_of
from motion_runtime.motion import GenerationRequest, Motion
from motion_runtime.writer import write_motion

FPS = 20.0
Walk = Callable[..., Motion]


def test_a_path_is_read_as_it_is_written() -> None:
    assert RootPath.parse(" 0:1,2  3.5:2.5,-2,90 ") == RootPath((Waypoint(0, 1, 2), Waypoint(3.5, 2.5, -2, 90)))
    assert RootPath.parse("-").waypoints == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected places in time, got nothing"),
        ("0:1", "expected places in time, got '0:1'"),
        ("0 1,2", "expected places in time, got '0'"),
        ("0:1,2,3,4", "expected places in time, got '0:1,2,3,4'"),
        ("a:1,2", "expected places in time, got 'a:1,2'"),
        ("0:nan,2", "expected finite numbers"),
        ("0:1,2,inf", "expected finite numbers"),
        ("-1:1,2", "expected finite numbers and times from 0 on"),
        ("0:20000,2", "expected places within 10000 m"),
        ("1:1,2 1:1,2", "expected ascending times, got 1 s after 1 s"),
        ("0:0,0 1:15,0", r"expected at most 12 m/s, got 15\.0 m/s from 0 to 1 s"),
    ],
)
def test_a_path_that_reads_otherwise_is_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        RootPath.parse(text)
    assert "\n" not in str(caught.value)


def test_every_edit_lands_on_its_frames(walk: Walk) -> None:
    motion = walk(2, 40)
    mask = np.zeros((1, 1, 22), np.bool_)
    mask[0, 0, 21] = True
    edits = Edits(
        keyframes=(Keyframes(np.array([1.0]), np.full((1, 1, 22, 3), 0.7), mask),),
        start_pose=Pose.of(motion),
        end_pose=Pose.of(motion, 0.0),
        holds=(Hold.of("left_arm", motion, 0.5),),
        paths=(RootPath.parse("-"), RootPath.parse("1:3,4,90")),
    )
    known = edits.constraints(2, 60, FPS)
    np.testing.assert_array_equal(np.flatnonzero(known.position_mask.any(axis=(0, 2))), [0, 20, 59])
    np.testing.assert_allclose(known.positions_m[:, 0], motion.joints_m[:, -1], atol=1e-5)
    np.testing.assert_allclose(known.positions_m[:, 59], motion.joints_m[:, 0], atol=1e-5)
    np.testing.assert_array_equal(known.positions_m[0, 20, 21], [0.7, 0.7, 0.7])
    held = np.flatnonzero(known.rotation_mask[0, 30])
    assert [int(j) for j in held] == [13, 16, 18, 20]
    np.testing.assert_array_equal(known.rotations[1, 30, 16], motion.local_rotations[1, 10, 16])
    np.testing.assert_array_equal(known.floor_mask[:, 20], [False, True])
    np.testing.assert_array_equal(known.floor_m[1, 20], [3, 4])
    assert known.yaw_rad[1, 20] == pytest.approx(math.pi / 2)


def test_a_hold_follows_its_motion_at_any_frame_rate(walk: Walk) -> None:
    motion = walk(1, 61, 30.0)
    known = Edits(holds=(Hold.of("lower_body", motion),)).constraints(1, 60, FPS)
    assert int(known.floor_mask.sum()) == 41  # 2 s of it
    np.testing.assert_allclose(known.positions_m[0, 20, 0], motion.root_position_m[0, 30], atol=1e-4)
    # Places follow down to the toes, from the pelvis' own.
    assert known.position_mask[0, 20, [0, 1, 4, 7, 10]].all()
    assert not known.position_mask[0, 20, [15, 20]].any()


def test_body_parts_cover_the_body_once() -> None:
    joints = [name for part in ("upper_body", "lower_body") for name in BODY_PARTS[part]]
    assert len(joints) == len(set(joints)) == 22


def test_the_start_is_the_first_known_place_and_faces_the_next(walk: Walk) -> None:
    path = Edits(paths=(RootPath.parse("1:1,2 2:1.1,2 3:1,4"),)).constraints(1, 80, FPS)
    start, yaw = start_of(path)
    assert start == (1.0, 2.0)
    assert yaw == pytest.approx(math.pi / 2)
    assert start_of(Edits(paths=(RootPath.parse("0:1,2,180 3:5,2"),)).constraints(1, 80, FPS))[1] == pytest.approx(
        math.pi
    )
    assert start_of(Edits().constraints(1, 80, FPS)) == (None, None)
    pose = Pose.of(walk(1, 40, turn_rad=1.0))
    start, yaw = start_of(Edits(start_pose=pose).constraints(1, 80, FPS))
    assert start == pytest.approx(tuple(pose.root_m[0, :2]))
    assert yaw == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        (Edits(paths=(RootPath.parse("0:1,2 4:1,3"),)), "expected times from 0 to 3 s, got 4 s for a place"),
        (
            Edits((Keyframes(np.array([3.5]), np.ones((1, 1, 22, 3)), np.ones((1, 1, 22), np.bool_)),)),
            "expected times from 0 to 3 s, got 3.5 s for a keyframe",
        ),
        (Edits(paths=(RootPath(()),) * 2), "expected at most 1 person, got 2 for the paths"),
        (
            Edits((Keyframes(np.array([0.0]), np.ones((1, 1, 22, 3)), np.ones((1, 1, 22), np.bool_)),),
                  paths=(RootPath.parse("0:1,2"),)),
            r"expected path and pose to agree, got places 1\.00 m apart at 0 s",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_motion_is_refused(edits: Edits, message: str) -> None:
    with pytest.raises(InputError, match=message):
        edits.constraints(1, 60, FPS)


def test_the_very_end_is_the_last_frame() -> None:
    known = Edits(paths=(RootPath.parse("3:1,2"),)).constraints(1, 60, FPS)
    np.testing.assert_array_equal(np.flatnonzero(known.floor_mask[0]), [59])


def test_options_name_files_poses_and_parts(tmp_path: Path, walk: Walk) -> None:
    motion = walk(1, 40)
    (tmp_path / "sample@home").mkdir()
    write_motion(tmp_path / "sample@home" / "motion.npz", motion)
    folder = str(tmp_path / "sample@home")
    edits = edits_of(start_pose=folder, end_pose=f"{folder}/motion.npz", holds=[f"arms={folder}@1"], paths=["0:1,2"])
    assert edits is not None
    assert edits.start_pose is not None
    assert edits.end_pose is not None
    np.testing.assert_array_equal(edits.start_pose.root_m, motion.root_position_m[:, -1])
    np.testing.assert_array_equal(edits.end_pose.root_m, motion.root_position_m[:, 0])
    np.testing.assert_array_equal(edits.holds[0].root_m, motion.root_position_m[:, 20:21])
    assert edits_of() is None
    for bad, message in (
        ({"holds": ["arms"]}, "expected PART=motion.npz, got 'arms' for --hold"),
        ({"holds": ["tail=x.npz"]}, "expected one of left_arm, .*, got 'tail' for --hold"),
        ({"start_pose": f"{folder}@2.5"}, "expected times from 0 to 2 s, got 2.5 s for the pose"),
        ({"start_pose": str(tmp_path / "none.npz")}, "expected a motion.npz, got"),
        ({"keyframes": [tmp_path / "none.npz"]}, "expected keyframes, got"),
    ):
        with pytest.raises(InputError, match=message):
            edits_of(**bad)  # type: ignore[arg-type]


def test_a_place_of_the_path_that_is_known_already_still_says_which_way_to_face() -> None:
    edits = Edits(paths=(RootPath.parse("1:1,0 1.01:1.005,0,90"),))  # one frame for both
    assert edits.constraints(1, 40, 20.0).yaw_rad[0, 20] == pytest.approx(np.pi / 2)


def test_who_is_led_along_a_path_does_not_fall_into_the_floor() -> None:
    generator = Generator.load(None, "cpu")
    edits = Edits(paths=(RootPath.parse("0:0,0"),))
    for seed in (0, 7):
        request = GenerationRequest(("a person falls to the floor",), seconds=4, seed=seed, edits=edits)
        motion = generator.generate(request)
        assert motion.joints_m[..., 2].min() > -0.005  # -0.08 and -0.12 if led people are not raised
        assert miss_of(edits, motion).position_m < 0.001
