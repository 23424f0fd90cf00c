from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from motion_preprocessing.simulation.hinges import Pose, chain
from motion_preprocessing.simulation.keys import Follow, Key, animate, mirrored_key, pchip, smoothed, solve_keys, sway
from motion_preprocessing.skeleton import JOINT_INDEX, MIRROR


def test_cubics_are_scipy_s_between_the_inner_knots() -> None:
    rng = np.random.default_rng(0)
    knots = np.cumsum(rng.uniform(0.2, 1.0, 9))
    values = rng.normal(size=(9, 4))
    times = np.linspace(knots[1], knots[-2], 200)
    np.testing.assert_allclose(pchip(knots, values, times), PchipInterpolator(knots, values)(times), atol=1e-12)


def test_smoothing_is_scipy_s() -> None:
    values = np.random.default_rng(1).normal(size=(40, 3))
    expected = gaussian_filter1d(values, 1.7, axis=0, mode="nearest", truncate=3.0)
    np.testing.assert_allclose(smoothed(values, 1.7), expected, atol=1e-12)


def test_swaying_has_the_size_that_is_asked_for() -> None:
    noise = sway(40000, 20.0, np.random.default_rng(2))
    head = noise.std(axis=0)[[i for i in range(45) if noise[:, i].std() > 0]]
    assert np.degrees(head.max()) == pytest.approx(4.0, rel=0.1)


def _squat() -> list[Key]:
    feet = {"foot_l": (0.0, 0.12, 5.0), "foot_r": (0.0, -0.12, -5.0)}
    arms = {"shoulder.x": -75.0, "shoulder.y_r": -40.0, "spine.z": 12.0}
    return [
        Key(0.0, arms, (0.04, 0.0, 0.92), (0.0, 2.0, 0.0), feet),
        Key(1.0, arms | {"hip.y": -70, "knee": 80}, (-0.05, 0.03, 0.65), (10.0, 25.0, 4.0), feet),
        Key(0.8, arms, (0.04, 0.0, 0.92), (0.0, 2.0, 0.0), feet | {"foot_r": (0.3, -0.12, 0.0)}),
    ]


def test_feet_stay_where_they_stand_and_are_lifted_where_they_step() -> None:
    joints = chain(animate(_squat(), 20.0, np.random.default_rng(3))).joints_m
    left, right = joints[:, JOINT_INDEX["left_ankle"]], joints[:, JOINT_INDEX["right_ankle"]]
    assert np.abs(left - left[0]).max() < 0.01
    assert np.abs(right[:20] - right[0]).max() < 0.01
    assert right[-1, 0] == pytest.approx(0.3, abs=0.015)
    assert right[20:, 2].max() > 0.066 + 0.05


def test_mirrored_keys_make_the_mirror_image() -> None:
    keys = _squat()
    one = solve_keys(keys, ())
    other = solve_keys([mirrored_key(key) for key in keys], ())
    expected = (chain(one).joints_m * [1.0, -1.0, 1.0])[:, list(MIRROR)]
    np.testing.assert_allclose(chain(other).joints_m, expected, atol=1e-6)


def test_a_hand_follows_a_moving_point() -> None:
    way = np.stack([np.full(37, 0.35), np.full(37, 0.25), np.linspace(0.8, 1.1, 37)], axis=-1)
    follow = (Follow("left_wrist", way, np.ones(37)),)
    first = _squat()[0]
    last = Key(1.8, {"shoulder.x": -75.0}, (0.04, 0.0, 0.92), (0.0, 2.0, 0.0), first.touch)
    pose = animate([first, last], 20.0, np.random.default_rng(4), follow=follow)
    wrist = chain(pose).joints_m[:, JOINT_INDEX["left_wrist"]]
    assert np.linalg.norm(wrist - way, axis=1).max() < 0.03


def test_motion_goes_on_from_recorded_frames(walk: Pose) -> None:
    lead = Pose(walk.root_m[:30], walk.root[:30], walk.angles[:30])
    last = Pose(*(a[30:31] for a in walk))
    first = Key(1 / 20, {}, tuple(last.root_m[0]), lock=True, angles_rad=last.angles[0], root=last.root[0])
    stop = Key(0.7, {"shoulder.x": -78.0}, (last.root_m[0, 0] + 0.3, 0.0, 0.92))
    pose = animate([first, stop], 20.0, np.random.default_rng(5), lead=lead)
    assert len(pose.root_m) == 30 + 15
    np.testing.assert_array_equal(pose.angles[:30], lead.angles)
    jump = np.linalg.norm(np.diff(chain(pose).joints_m, axis=0), axis=-1).max() * 20
    assert jump < 4.5
