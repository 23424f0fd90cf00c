"""Ways and turns as told: against closed forms, and with the built-in model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from motion_preprocessing.canonical import heading_rad
from motion_preprocessing.easing import smooth_step
from motion_preprocessing.events import detect
from motion_preprocessing.motion_features import measure
from motion_preprocessing.pose_vector import POSITIONS, encode, root_orientation
from motion_preprocessing.rotations import about_z
from motion_preprocessing.skeleton import JOINT_COUNT, WORLD_FROM_BODY
from motion_runtime.amounts import Amounts
from motion_runtime.editing.as_told import STRETCH, AsTold, way_and_turn
from motion_runtime.flips import stretched
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest, Motion

Array = NDArray[np.floating[Any]]
FPS = 20.0
FRAMES = 100


def gliding(speed_m_s: float, turning_rad_s: float = 0.0) -> NDArray[np.float64]:
    """Pose vectors (1, T, 258) of a body that goes straight ahead and turns evenly about itself."""
    t = np.arange(FRAMES) / FPS
    rotations = np.tile(np.eye(3), (FRAMES, JOINT_COUNT, 1, 1))
    rotations[:, 0] = np.asarray(about_z(turning_rad_s * t)) @ WORLD_FROM_BODY
    root = np.stack([speed_m_s * t, np.zeros(FRAMES), np.ones(FRAMES)], axis=1)
    return np.asarray(encode(rotations, root, FPS))[None]


def joints(x: Array) -> NDArray[np.float64]:
    return np.asarray(x, np.float64)[..., POSITIONS].reshape(*x.shape[:-1], JOINT_COUNT, 3)


def way_m(x: Array) -> float:
    return float(np.linalg.norm(np.diff(joints(x)[0, :, 0, :2], axis=0), axis=-1).sum())


def turn_deg(joints_m: Array) -> float:
    heading = np.unwrap(heading_rad(root_orientation(np.asarray(joints_m, np.float64))))
    return float(np.degrees(heading[-1] - heading[0]))


def told(x: Array, *amounts: Amounts | None, kept: int = 0) -> NDArray[np.float64]:
    return AsTold(amounts, FPS, kept)(np.asarray(x, np.float64))


def exactly(degrees: float) -> Amounts:
    return Amounts(turn_rad=(np.radians(degrees),) * 2)


def test_whoever_goes_too_far_goes_as_before_and_stops_there() -> None:
    x = gliding(1.0)
    made = told(x, Amounts(way_m=2.0))
    assert way_m(made) == pytest.approx(2.0, abs=0.01)
    place = joints(made)[0, :, 0, 0]
    np.testing.assert_allclose(place[:30], joints(x)[0, :30, 0, 0], rtol=0.03)
    assert place[60:] == pytest.approx(2.0, abs=0.01)
    assert (np.diff(place) >= -1e-9).all()
    bodies = [joints(one)[0] - joints(one)[0, :, :1] for one in (made, x)]
    np.testing.assert_allclose(bodies[0], bodies[1], atol=1e-12)  # poses are the same


def test_a_short_way_is_stretched_by_as_much_as_steps_can_be() -> None:
    x = gliding(0.5)  # 2.475 m
    assert way_m(told(x, Amounts(way_m=3.0))) == pytest.approx(3.0, abs=0.01)
    assert way_m(told(x, Amounts(way_m=30.0))) == pytest.approx(STRETCH * way_m(x), abs=0.01)


@pytest.mark.parametrize("degrees", [90.0, -90.0, 180.0, 360.0])
def test_turns_are_as_large_as_told_and_ways_bend_along(degrees: float) -> None:
    x = gliding(0.3, np.radians(10.0))
    made = told(x, exactly(degrees))
    assert turn_deg(joints(made)[0]) == pytest.approx(degrees, abs=0.5)
    np.testing.assert_allclose(joints(made)[0, 0], joints(x)[0, 0], atol=1e-12)
    assert way_m(made) == pytest.approx(way_m(x), rel=0.02)
    # A body keeps its angle to its way.
    for one in (made, x):
        steps = np.diff(joints(one)[0, :, 0, :2], axis=0)
        ways = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
        heading = np.unwrap(heading_rad(root_orientation(joints(one)[0])))
        np.testing.assert_allclose(np.diff(heading[:-1] - ways), np.radians(10.0) / FPS, atol=0.01)


@pytest.mark.parametrize(
    ("own_deg_s", "jumps_deg", "degrees"),
    [
        (230.0, [(50, FRAMES, 160.0)], 1250.0),  # turns on where it is flipped
        (-230.0, [(50, FRAMES, -160.0)], -1400.0),
        (0.0, [(50, 51, 170.0), (51, 52, 190.0), (52, FRAMES, 360.0)], 90.0),  # is flipped on, and so back
    ],
)
def test_a_turn_in_which_the_body_flips_is_as_large_as_told_when_it_no_longer_does(
    own_deg_s: float, jumps_deg: list[tuple[int, int, float]], degrees: float
) -> None:
    yaw = np.radians(own_deg_s) * np.arange(FRAMES) / FPS
    for first, end, jump in jumps_deg:
        yaw[first:end] += np.radians(jump)
    rotations = np.tile(np.eye(3), (FRAMES, JOINT_COUNT, 1, 1))
    rotations[:, 0] = about_z(yaw) @ WORLD_FROM_BODY
    x = np.asarray(encode(rotations, np.tile([0.0, 0.0, 1.0], (FRAMES, 1)), FPS))[None]
    made = root_orientation(joints(told(x, exactly(degrees)))[0])
    finished, _ = stretched(made, FPS)
    heading = np.degrees(np.unwrap(heading_rad(finished)))
    assert heading[-1] - heading[0] == pytest.approx(degrees, abs=3.0)


def turning(course_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pose vectors (1, T, 258) of a body on one spot that faces (T,) as it is told."""
    rotations = np.tile(np.eye(3), (FRAMES, JOINT_COUNT, 1, 1))
    rotations[:, 0] = np.asarray(about_z(np.radians(course_deg))) @ WORLD_FROM_BODY
    return np.asarray(encode(rotations, np.tile([0.0, 0.0, 1.0], (FRAMES, 1)), FPS))[None]


def course(degrees: float, begins_s: float, takes_s: float) -> NDArray[np.float64]:
    return degrees * smooth_step((np.arange(FRAMES) / FPS - begins_s) / takes_s)


@pytest.mark.parametrize(("own", "expected"), [(-40.0, 65.0), (30.0, 65.0), (80.0, 80.0), (200.0, 135.0)])
def test_a_turn_within_what_is_told_stays(own: float, expected: float) -> None:
    amounts = Amounts(turn_rad=(np.radians(65.0), np.radians(135.0)))
    x = turning(course(own, 1.5, 1.5))
    made = told(x, amounts)
    assert turn_deg(joints(made)[0]) == pytest.approx(expected, abs=0.5)
    if own == expected:
        np.testing.assert_allclose(joints(made), joints(x), atol=1e-12)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_turns_to_and_fro_become_one_turn_where_most_is_turned(side: float) -> None:
    own = course(-70.0, 0.4, 0.8) + course(190.0, 1.2, 1.4) + course(-60.0, 3.2, 1.0) + course(30.0, 4.2, 0.6)
    made = turning(side * own)
    for _ in range(4):  # as every step of the loop does
        made = told(made, exactly(side * 90.0))
    made = joints(made)[0]
    heading = side * np.degrees(np.unwrap(heading_rad(root_orientation(made))))
    heading -= heading[0]
    assert heading[-1] == pytest.approx(90.0, abs=1.0)
    assert (np.maximum.accumulate(heading) - heading).max() < 40.0  # of 190, and before it sways on both sides
    assert heading[24] < 20.0  # when it began to turn, ...
    assert heading[55] > 70.0  # ... and when it had
    (event,) = [event for event in detect(measure(made, FPS)) if event.kind in ("turn", "twist")]
    assert abs(event.amount) == pytest.approx(90.0, abs=30.0)


@pytest.mark.parametrize("degrees", [180.0, -180.0])
def test_a_body_that_is_drawn_without_breadth_turns_with_it(degrees: float) -> None:
    """In the middle of a body and of the same turned by 170 degrees both hips are nearly in one place."""
    before, after = (turning(np.full(FRAMES, yaw)) for yaw in (0.0, np.sign(degrees) * 170.0))
    share = np.clip((np.arange(FRAMES) - 46) / 8, 0.0, 1.0)[None, :, None]
    blurred = before + share * (after - before)
    breadth = np.linalg.norm(np.diff(joints(blurred)[0, :, 1:3], axis=1)[:, 0], axis=-1)
    assert breadth.min() < 0.2 * breadth.max()
    made = blurred
    for _ in range(4):  # as every step of the loop does
        made = told(made, exactly(degrees))
    heading = np.degrees(np.unwrap(heading_rad(root_orientation(joints(made)[0]))))
    assert heading[-1] - heading[0] == pytest.approx(degrees, abs=2.0)
    assert np.abs(np.diff(heading)).max() * FPS < 600.0  # 3,400 degrees a second when it flips
    assert np.linalg.norm(np.diff(joints(made)[0, :, 1:3], axis=1)[:, 0], axis=-1).min() > 0.75 * breadth.max()


@pytest.mark.parametrize(("turning", "expected"), [(20.0, 120.0), (-20.0, -120.0)])
def test_to_either_side_it_is_the_own_one(turning: float, expected: float) -> None:
    amounts = replace(exactly(120.0), either_side=True)
    assert turn_deg(joints(told(gliding(0.0, np.radians(turning)), amounts))[0]) == pytest.approx(expected, abs=0.5)


def test_what_an_earlier_window_made_and_who_is_told_nothing_stay() -> None:
    x = np.concatenate([gliding(1.0), gliding(1.0)])
    made = told(x, replace(exactly(90.0), way_m=2.0), None, kept=20)
    np.testing.assert_allclose(joints(made)[0, :20], joints(x)[0, :20], atol=1e-12)
    assert way_m(made[:, 19:]) == pytest.approx(2.0, abs=0.02)
    np.testing.assert_array_equal(made[1], x[1])
    np.testing.assert_array_equal(told(x, None, None), x)


def test_who_has_time_left_takes_no_longer_steps() -> None:
    x = gliding(0.5)
    np.testing.assert_allclose(told(x, Amounts(way_m=30.0, goes_on=True)), x, atol=1e-9)
    assert way_m(told(x, Amounts(way_m=0.0, goes_on=True))) == pytest.approx(0.0, abs=1e-9)


def test_ways_and_turns_are_measured() -> None:
    found = way_and_turn(joints(gliding(0.8, np.radians(20.0)))[0], FPS)
    assert found == pytest.approx((0.8 * (FRAMES - 1) / FPS, np.radians(20.0) * (FRAMES - 1) / FPS), rel=1e-3)
    assert way_and_turn(joints(gliding(0.8))[0, :1], FPS) == (0.0, 0.0)


def test_who_goes_nowhere_is_not_divided_by() -> None:
    x = gliding(0.0)
    np.testing.assert_allclose(told(x, Amounts(way_m=2.0)), x, atol=1e-9)


def with_model(folder: Path, prompt: str, seeds: int = 4, seconds: float = 5.0, **settings: Any) -> list[Motion]:
    generator = Generator.load(folder, "cpu")
    requests = (GenerationRequest((prompt,), seconds=seconds, seed=seed, **settings) for seed in range(seeds))
    return [generator.generate(request) for request in requests]


def distances(motions: list[Motion]) -> list[float]:
    return [float(np.linalg.norm(np.diff(m.joints_m[0, ::5, 0, :2], axis=0), axis=-1).sum()) for m in motions]


def test_the_built_in_model_keeps_to_metres_and_degrees(default_bundle: Path) -> None:
    told_m = distances(with_model(default_bundle, "a person walks forward two metres"))
    free_m = distances(with_model(default_bundle, "a person walks forward two metres", amounts=False))
    assert np.abs(np.array(told_m) - 2.0).max() < 0.3
    assert np.median(free_m) > 3.0
    (far,) = distances(with_model(default_bundle, "a person walks five metres", seeds=1, seconds=11.0))
    assert far == pytest.approx(5.0, abs=0.5)  # in two windows, and half as far as in that time otherwise
    turns = [turn_deg(m.joints_m[0]) for m in with_model(default_bundle, "a person turns left by 90 degrees")]
    assert np.median(turns) == pytest.approx(90.0, abs=12.0)


@pytest.mark.parametrize("left", [(-0.5, 0.7), (0.0, 0.0), (-0.1, 0.3)])
def test_who_has_turned_already_need_not_turn_again(left: tuple[float, float]) -> None:
    """What an earlier window leaves of a turn may be none: then there is none to be cleaned, nor to be divided by."""
    amounts = Amounts(turn_rad=left)
    for x in (gliding(0.5), gliding(0.0)):
        np.testing.assert_allclose(told(x, amounts), x, atol=1e-9)
    made = joints(told(turning(course(90.0, 1.0, 1.0)), amounts))[0]
    assert np.degrees(left[0]) - 0.5 <= turn_deg(made) <= np.degrees(left[1]) + 0.5
