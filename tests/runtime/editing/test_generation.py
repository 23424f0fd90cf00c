"""Editing and long motion through the generator, on a tiny untrained bundle: what holds whatever the weights are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motion_preprocessing.errors import InputError
from motion_preprocessing.pose_vector import POSITIONS
from motion_preprocessing.rotations import about_z
from motion_preprocessing.scene import Scene
from motion_runtime.editing import Edits, Hold, Keyframes, Pose, RootPath
from motion_runtime.editing.edits import miss_of
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest, Motion
from motion_runtime.placement import Placement
from motion_runtime.sampler import SAMPLERS

TOY = Path(__file__).parents[1] / "toy_bundle"
Walk = Callable[..., Motion]


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator.load(TOY, "cpu")


def request(*prompts: str, **values: Any) -> GenerationRequest:
    # Without the corrections of height, walls and distance, which see a whole window and have tests of their own.
    plain = {"seconds": 2.0, "ground": False, "feet": False, "walls": False, "apart_m": 0.0}
    return GenerationRequest(prompts or ("a person walks",), **(plain | values))


def wrist_at(time_s: float, place: tuple[float, float, float]) -> Keyframes:
    mask = np.zeros((1, 1, 22), np.bool_)
    mask[..., 20] = True
    return Keyframes(np.array([time_s]), np.tile(np.array(place), (1, 1, 22, 1)), mask)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_is_known_is_met_by_the_written_motion(generator: Generator, walk: Walk, sampler: str) -> None:
    other = walk(2, 40)
    edits = Edits(
        keyframes=(wrist_at(1.0, (0.5, 0.4, 1.4)),),
        start_pose=Pose.of(other, 0.5),
        end_pose=Pose.of(other, 1.0),
        holds=(Hold.of("right_arm", other, 0.0),),
        paths=(RootPath.parse("-"), RootPath.parse("1:1,1.2,45")),
    )
    wanted = request("walks", "waves", sampler=sampler, edits=edits)
    motion = generator.generate(wanted)
    miss = miss_of(edits, motion)
    assert miss.position_m < 0.01
    assert miss.angle_rad < 1e-3
    assert miss_of(edits, generator.generate(replace(wanted, edits=None))).position_m > 0.1
    # The canonical frame stands where the first person starts.
    np.testing.assert_allclose(motion.room_from_canonical[:2, 3], other.root_position_m[0, 10, :2], atol=1e-6)


def test_it_is_imposed_in_the_loop_and_not_only_at_the_end(generator: Generator, walk: Walk) -> None:
    pose = Pose.of(walk(1, 40), 1.0)
    made = generator.predict(request(edits=Edits(end_pose=pose)))
    joints = made.pose_vectors[0, -1, POSITIONS].reshape(22, 3)
    assert made.known is not None
    here = made.known.in_frame(made.placement)
    np.testing.assert_allclose(joints, here.positions_m[0, -1], atol=1e-5)
    # The frames before are led there, and what is far away stays the network's own.
    plain = generator.predict(request(start_m=made.placement.start_m))
    assert np.abs(made.pose_vectors - plain.pose_vectors)[0, :10].max() > 1e-3


def test_edits_that_ask_for_nothing_change_nothing(generator: Generator) -> None:
    plain, edited = generator.generate(request(seed=3)), generator.generate(request(seed=3, edits=Edits()))
    np.testing.assert_array_equal(plain.joints_m, edited.joints_m)


def test_a_start_asked_for_by_name_is_met_too(generator: Generator) -> None:
    edits = Edits(paths=(RootPath.parse("2:1,1"),))
    motion = generator.generate(request(start_m=(0.5, 0.25), edits=edits))
    np.testing.assert_allclose(motion.root_position_m[0, [0, -1], :2], [[0.5, 0.25], [1, 1]], atol=1e-5)
    with pytest.raises(InputError, match=r"expected the start that the edits have, 1.00,1.00, got 0,0 for --start"):
        generator.generate(request(start_m=(0.0, 0.0), edits=Edits(paths=(RootPath.parse("0:1,1"),))))


def test_a_joint_far_from_the_room_is_refused(generator: Generator) -> None:
    places = np.full((1, 1, 22, 3), np.nan)
    places[0, 0, 20] = [120.0, 40.0, 90.0]  # centimetres
    hand = Edits(keyframes=(Keyframes(np.array([1.0]), places, np.isfinite(places).all(axis=-1)),))
    with pytest.raises(InputError, match=r"got 120.00,40.00,90.00 at 1 s for the left_wrist of person 1"):
        generator.generate(request(scene=flat_room(), edits=hand))


def test_a_path_out_of_the_room_is_refused(generator: Generator) -> None:
    scene = flat_room()
    with pytest.raises(InputError, match=r"expected places inside the room, x 0.0 to 5.9 m .* got 1.00,9.00 at 1 s"):
        generator.generate(request(scene=scene, edits=Edits(paths=(RootPath.parse("0:1,1 1:1,9"),))))
    inside = generator.generate(request(scene=scene, edits=Edits(paths=(RootPath.parse("0:1,1 2:1,4"),))))
    np.testing.assert_allclose(inside.root_position_m[0, -1, :2], [1, 4], atol=1e-5)


def flat_room() -> Scene:
    """A floor of 6 x 6 m with a box on it."""
    xs, ys = np.meshgrid(np.arange(0, 6, 0.1), np.arange(0, 6, 0.1))
    floor = np.stack([xs.ravel(), ys.ravel(), np.zeros(xs.size)], axis=1)
    box = floor[(np.abs(floor[:, :2] - [3.0, 4.0]) < 0.3).all(axis=1)] + [0, 0, 0.5]
    points = np.concatenate([floor, box]).astype(np.float32)
    labels = np.repeat([0, 1], [len(floor), len(box)]).astype(np.int32)
    return Scene(points, labels, labels - 1, None, ("floor", "chair"), np.eye(4))


def test_a_long_motion_is_as_long_as_asked_and_reports_all_its_steps(generator: Generator) -> None:
    seen: list[tuple[int, int]] = []
    motion = generator.generate(request(seconds=5.3, steps=2), lambda k, n: seen.append((k, n)))
    assert motion.frames == 106
    assert [k for k, _ in seen] == list(range(1, len(seen) + 1))
    assert {n for _, n in seen} == {len(seen)}
    assert len(seen) == 2 * 5  # 40 + 4 * 20 >= 106 frames


def test_the_first_window_is_the_short_motion_and_later_words_change_later_frames_only(generator: Generator) -> None:
    first = generator.predict(request("2s: walks | 2s: sits", seed=5)).pose_vectors
    other = generator.predict(request("2s: walks | 2s: falls", seed=5)).pose_vectors
    alone = generator.predict(request("walks", seconds=2.0, seed=5)).pose_vectors
    assert first.shape == (1, 80, 258)
    # The overlap is 20 frames long; its first half is the earlier window's alone.
    np.testing.assert_allclose(first[:, :29], alone[:, :29], atol=1e-5)
    np.testing.assert_allclose(first[:, :29], other[:, :29], atol=1e-5)
    assert np.abs(first[:, 40:60] - other[:, 40:60]).max() > 1e-5


def test_every_window_starts_in_its_own_canonical_frame(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is shown the room from where the first person of each window's first frame stands."""
    seen: list[Placement] = []
    tokens = generator._scene_tokens

    def spy(room: Any, placement: Placement, shape: Any) -> Any:
        seen.append(placement)
        return tokens(room, placement, shape)

    monkeypatch.setattr(generator, "_scene_tokens", spy)
    together = "walks with another", "waves to another"
    wanted = request(*together, seconds=4.0, start_m=(2.0, 1.0), heading_deg=40, scene=flat_room(), low_pass_s=0)
    made = generator.predict(wanted)
    pelvis = made.placement.to_room(made.pose_vectors[0, :, :3])
    starts = [0, 20, 40]
    assert [place.start_m for place in seen] == [
        # What was seen of the second frame is eased once the motion is whole.
        pytest.approx(tuple(pelvis[start, :2]), abs=0.05 if start == 0 else 0.01) for start in starts
    ]


def test_long_motion_moves_rigidly_with_its_start(generator: Generator) -> None:
    wanted = request("2s: walks | waves", seconds=4.0)
    plain = generator.generate(wanted)
    moved = generator.generate(replace(wanted, start_m=(2.0, 5.0), heading_deg=130.0))
    np.testing.assert_allclose(moved.joints_m, plain.joints_m @ about_z(np.radians(130.0)).T + [2, 5, 0], atol=1e-4)


def test_keyframes_are_met_in_every_window(generator: Generator, walk: Walk) -> None:
    edits = Edits(
        keyframes=(wrist_at(3.5, (1.0, 0.2, 1.3)),),
        paths=(RootPath.parse("0:0,0 2:0.5,0 4.2:1,0.1 5:1.2,0.3,30"),),
        end_pose=None,
    )
    wanted = request("2.5s: walks | waves", seconds=5.0, edits=edits)
    made = generator.predict(wanted)
    miss = miss_of(edits, generator.pose(wanted, made))
    assert miss.position_m < 0.01
    assert miss.angle_rad < 1e-3
    # Met in the loop as well, but for what the blend with the window before takes back.
    pelvis = made.placement.to_room(made.pose_vectors[0, [0, 40, 84, 99], :3])[:, :2]
    np.testing.assert_allclose(pelvis, [[0, 0], [0.5, 0], [1, 0.1], [1.2, 0.3]], atol=0.02)


def test_people_change_what_they_do_at_their_own_times(generator: Generator) -> None:
    motion = generator.generate(request("1.5s: walks | sits", "3s: waves | 1s: falls", seconds=1.0))
    assert motion.seconds == 4.0  # the longest whose parts all have a length
    assert motion.prompts == ("1.5s: walks | sits", "3s: waves | 1s: falls")
    same = generator.generate(request("walks | walks", seconds=4.0))
    plain = generator.generate(request("walks", seconds=4.0))
    assert np.abs(same.joints_m - plain.joints_m).max() < 1e-4  # cut at 2 s either way
