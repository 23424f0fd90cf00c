"""Who lies on the floor after a fall stays there, until something else is said."""

from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.pose_vector import POSE_DIM, POSITIONS, VELOCITIES
from motion_runtime.generator import Generator
from motion_runtime.long_lie import is_down, lies_there, lying_on, lying_still, stays_down
from motion_runtime.motion import GenerationRequest


@pytest.mark.parametrize(
    "text",
    [
        "a person lies on the floor",
        "the person lies motionless",
        "a person stays on the floor",
        "a person falls and lies motionless on the floor",
        "a person walks and falls to the floor",
        "a patient falls and cannot get up",
        "a person faints and falls",
    ],
)
def test_who_is_told_nothing_else_stays(text: str) -> None:
    assert stays_down(text, goes_on=True)


@pytest.mark.parametrize(
    "text",
    [
        "a person falls and gets up",
        "a person falls and crawls to the door",
        "a person falls again and again",
        "a person gets up from the floor",
        "a person lies on the floor and rolls over",
        "a person lies on the floor and waves",
        "a person walks forward",
    ],
)
def test_who_is_told_something_does_it(text: str) -> None:
    assert not stays_down(text, goes_on=True)


def test_who_is_told_to_fall_only_now_falls_first() -> None:
    assert not stays_down("a person falls", goes_on=False)
    assert stays_down("a person lies still", goes_on=False)


def test_time_runs_out_smoothly_and_ends_on_the_last_pose() -> None:
    past = np.zeros((30, POSE_DIM))
    past[:, POSITIONS] = np.arange(30.0)[:, None]
    past[:, VELOCITIES] = 1.0
    x = lying_on(past, 15, 120)
    np.testing.assert_allclose(x[:15], past[:15])
    np.testing.assert_allclose(x[60:, POSITIONS], 29.0, atol=1e-9)
    np.testing.assert_allclose(x[60:, VELOCITIES], 0.0, atol=1e-9)
    speed = np.diff(x[:, 0])
    assert (np.diff(speed) < 1e-9).all()
    assert np.abs(np.diff(speed)).max() < 0.1


def test_on_a_bed_or_on_all_fours_nobody_is_down_on_the_floor() -> None:
    past = np.zeros((10, POSE_DIM))
    for height, down in ((0.2, True), (0.6, False), (0.42, False)):
        past[:, np.arange(258)[POSITIONS][2::3]] = height
        assert is_down(past, 20.0) == down


@pytest.mark.parametrize("prompt", ["a person falls", "a person falls | a person lies motionless on the floor"])
def test_who_has_fallen_lies_for_as_long_as_it_lasts(prompt: str) -> None:
    generator, lie = Generator.load(), 0
    for seed in range(5):
        joints = generator.generate(GenerationRequest(prompts=(prompt,), seconds=16.0, seed=seed)).joints_m[0]
        late = joints[-100:]
        lie += bool((late[:, 0, 2] < 0.4).all() and np.linalg.norm(late - late[0], axis=-1).max() < 0.1)
    assert lie >= 4


@pytest.mark.parametrize(
    ("text", "lies"),
    [
        ("a person lies on the floor", True),
        ("an old man is lying still on the ground", True),
        ("the patient lies on the floor and does not move", True),
        ("a person remains lying on the floor", True),
        ("a person lies down on the floor", False),
        ("a person walks and lies on the floor", False),
        ("a person lies on the floor and gets up", False),
        ("a person lies on the floor, then sits", False),
        ("a person lies on the back and raises a leg", False),
        ("a person falls and lies on the floor", False),
    ],
)
def test_who_lies_from_the_first_is_told_nothing_else(text: str, lies: bool) -> None:
    assert lies_there(text) == lies


def test_of_who_lies_and_kneels_only_the_lying_is_left() -> None:
    x = np.zeros((120, POSE_DIM))
    heights = np.arange(258)[POSITIONS][2::3]
    x[:, heights] = np.where((np.arange(120) > 40) & (np.arange(120) < 80), 0.2, 0.5)[:, None]
    x[60:70, np.arange(258)[POSITIONS][0]] = np.arange(10)  # moves there, and is still elsewhere
    still = lying_still(x, 20.0)
    np.testing.assert_allclose(still[:, heights], 0.2)
    assert np.ptp(still[:, 0]) == 0.0
    np.testing.assert_array_equal(lying_still(x[:45], 20.0), x[:45])  # lies for too short


def test_who_is_told_to_lie_on_the_floor_lies() -> None:
    generator, share = Generator.load(), []
    for seed in range(8):
        request = GenerationRequest(prompts=("a person lies on the floor",), seconds=6.0, seed=seed)
        joints = generator.generate(request).joints_m[0]
        share.append(float((joints[:, 0, 2] < 0.4).mean()))
    assert np.mean(share) >= 0.7  # a third without
