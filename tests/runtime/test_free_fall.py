"""Falls take the time that gravity takes: against closed forms of free fall, and what has to stay as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from motion_preprocessing.pose_vector import POSE_DIM, POSITIONS, encode
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, WORLD_FROM_BODY
from motion_runtime.editing.grips import Grip
from motion_runtime.free_fall import GRAVITY_M_S2, MASSES, at_most_gravity, heights_m, times_of
from motion_runtime.generator import Generator
from motion_runtime.motion import GenerationRequest

Array = NDArray[np.floating[Any]]
TOY = Path(__file__).with_name("toy_bundle")
FPS = 20.0
STANDS = 20
"""Frames before the fall."""


def falling(gravities: float, drop_m: float = 0.8, frames: int = 120) -> NDArray[np.float64]:
    """Heights (T,) of what stands, falls freely in so many times our gravity, and lies."""
    t = np.maximum(np.arange(frames) - STANDS, 0) / FPS
    return 1.0 - np.minimum(0.5 * gravities * GRAVITY_M_S2 * t**2, drop_m)


def standing_at(heights_m: Array) -> NDArray[np.float64]:
    """Pose vectors (T, 258) of a rest pose at heights (T,) of the pelvis."""
    rotations = np.tile(np.eye(3), (len(heights_m), JOINT_COUNT, 1, 1))
    rotations[:, 0] = WORLD_FROM_BODY
    root = np.zeros((len(heights_m), 3))
    root[:, 2] = heights_m
    return np.asarray(encode(rotations, root, FPS))


def test_the_centre_of_mass_is_that_of_the_segments() -> None:
    x = np.random.default_rng(0).standard_normal((5, POSE_DIM))
    z = {name: x[:, POSITIONS].reshape(5, JOINT_COUNT, 3)[:, index, 2] for name, index in JOINT_INDEX.items()}
    expected = 0.5 * (z["pelvis"] + z["neck"]) / 2 + 0.08 * z["head"]
    for side in ("left", "right"):
        thigh, shank = z[f"{side}_hip"] + z[f"{side}_knee"], z[f"{side}_knee"] + z[f"{side}_ankle"]
        expected += 0.1 * thigh / 2 + 0.06 * shank / 2 + 0.05 * (z[f"{side}_shoulder"] + z[f"{side}_wrist"]) / 2
    np.testing.assert_allclose(heights_m(x), expected, atol=1e-12)
    assert MASSES.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("gravities", [0.3, 0.7, 1.0])
def test_what_falls_no_faster_than_freely_keeps_its_times(gravities: float) -> None:
    np.testing.assert_array_equal(times_of(falling(gravities), FPS), np.arange(120))


def test_a_jump_keeps_its_times() -> None:
    t = np.arange(120) / FPS
    flight = 1.0 + np.maximum(0.0, 3.0 * (t - 2) - 0.5 * GRAVITY_M_S2 * (t - 2) ** 2) * (t > 2)
    assert flight.max() > 1.4
    np.testing.assert_array_equal(times_of(flight, FPS), np.arange(120))


@pytest.mark.parametrize("gravities", [1.5, 2.0, 4.0])
def test_what_falls_faster_takes_as_long_as_free_fall(gravities: float) -> None:
    heights = falling(gravities)
    times = times_of(heights, FPS)
    shown = np.interp(times, np.arange(120), heights)
    # Until the impact, which is smoothed.
    assert (np.diff(shown, n=2)[: STANDS + 4] * FPS**2).min() > -1.15 * GRAVITY_M_S2
    drop = heights[0] - heights[-1]
    free, quick = (np.sqrt(2 * drop / (g * GRAVITY_M_S2)) for g in (1.0, gravities))
    lost = (np.arange(120) - times).max() / FPS
    assert free - quick - 1 / FPS < lost < free - quick  # to the frame
    assert (np.diff(times) > 0).all()


def test_lost_time_is_made_up_for_once_the_body_is_down() -> None:
    times = times_of(falling(2.0), FPS)
    np.testing.assert_array_equal(times[: STANDS + 1], np.arange(STANDS + 1))
    assert np.diff(times).max() < 1.1 + 1e-9
    np.testing.assert_allclose(times[-20:], np.arange(100, 120), atol=1e-9)


def test_poses_are_those_of_the_motion_and_others_keep_theirs() -> None:
    rng = np.random.default_rng(1)
    falls, walks = standing_at(falling(3.0)), standing_at(np.ones(120))
    falls[:, POSITIONS.stop :] = rng.standard_normal((1, POSE_DIM - POSITIONS.stop))
    made, _ = at_most_gravity(np.stack([falls, walks]), FPS)
    np.testing.assert_array_equal(made[1], walks)
    times = times_of(heights_m(falls), FPS)
    before = times.astype(int)
    low, high = (function(falls[before], falls[np.minimum(before + 1, 119)]) for function in (np.minimum, np.maximum))
    assert (made[0] >= low - 1e-12).all()
    assert (made[0] <= high + 1e-12).all()
    assert np.abs(made[0] - falls).max() > 0.05


def grip(person: int, other: int, first: int = 0, last: int = 120) -> Grip:
    return Grip(person, "left", other, first, last, JOINT_INDEX["spine3"], np.zeros(3))


def test_a_hand_stays_where_it_is_on_who_falls() -> None:
    """Who holds goes down as well, but slower than freely; a third one, whom nobody holds, keeps the time."""
    falls, holds, walks = falling(3.0), falling(0.5, drop_m=0.4), standing_at(falling(0.5))
    x = np.stack([standing_at(falls), walks, standing_at(holds)])
    for grips in ([grip(2, 0)], [grip(0, 2)]):
        made, _ = at_most_gravity(x, FPS, grips)
        np.testing.assert_array_equal(made[1], walks)
        # Each height of the one is met by that of the other at the same time of the motion.
        shown = [person[:, POSITIONS].reshape(-1, JOINT_COUNT, 3)[:, 0, 2] for person in made]
        times = times_of(np.stack([falls, holds]), FPS)
        np.testing.assert_allclose(shown[0], np.interp(times, np.arange(120), falls), atol=1e-9)
        np.testing.assert_allclose(shown[2], np.interp(times, np.arange(120), holds), atol=1e-9)
    apart, _ = at_most_gravity(x, FPS)
    np.testing.assert_array_equal(apart[2], x[2])
    assert np.abs(apart[2] - made[2]).max() > 0.05


def test_who_falls_together_falls_as_the_slower_one_has_to() -> None:
    """One falls at once, the other a second later: neither does so faster than freely."""
    first, second = falling(3.0), np.concatenate([np.ones(20), falling(2.0)[:100]])
    times = times_of(np.stack([first, second]), FPS)
    assert (np.diff(times) > 0).all()
    for heights in (first, second):
        # Until the impacts, which are smoothed.
        shown = np.interp(times, np.arange(120), heights)
        freely = shown > heights.min() + 0.3
        assert (np.diff(shown, n=2)[freely[2:]] * FPS**2).min() > -1.15 * GRAVITY_M_S2
    # As late as both at their own times together, but for what is made up for in between.
    lost = [(np.arange(120) - times_of(heights, FPS)).max() for heights in (first, second)]
    assert max(lost) < (np.arange(120) - times).max() <= sum(lost) + 1e-9


def test_chains_of_people_share_one_time() -> None:
    walks = standing_at(falling(0.5))
    x = np.stack([walks, standing_at(falling(3.0)), walks, walks])
    made, _ = at_most_gravity(x, FPS, [grip(0, 2), grip(2, 1)])
    np.testing.assert_array_equal(made[0], made[2])
    assert np.abs(made[0] - walks).max() > 0.05
    np.testing.assert_array_equal(made[3], walks)


def test_grips_hold_in_the_frames_that_show_them() -> None:
    falls = falling(3.0)
    x = np.stack([standing_at(falls), standing_at(np.ones(120))])
    _, (made, still) = at_most_gravity(x, FPS, [grip(1, 0, 10, 24), grip(1, 0, 0, 120)])
    times = times_of(np.stack([falls, np.ones(120)]), FPS)
    inside = (times >= 10) & (times < 24)
    np.testing.assert_array_equal(np.flatnonzero(inside), np.arange(made.first, made.last))
    assert (made.first, made.last > 24) == (10, True)
    assert (still.first, still.last) == (0, 120)


@pytest.mark.parametrize("frames", [0, 1, 2, 3, 5])
def test_short_motions(frames: int) -> None:
    x = standing_at(np.linspace(3.0, 0.0, 5)[:frames]) if frames else np.zeros((0, POSE_DIM))
    assert at_most_gravity(x[None], FPS)[0].shape == (1, frames, POSE_DIM)


def test_the_generator_slows_falls_down_unless_it_is_told_not_to() -> None:
    generator = Generator.load(TOY, "cpu")
    request = GenerationRequest(("a person falls",), seconds=2.0, steps=1)
    x = standing_at(2.0 - falling(0.0, frames=40) + falling(3.0, frames=40))[None].astype(np.float32)
    made = replace(generator.predict(request), pose_vectors=x)
    slowed = generator.pose(request, made).joints_m[0, :, 0, 2].astype(np.float64)
    as_told = generator.pose(replace(request, ground=False), made).joints_m[0, :, 0, 2].astype(np.float64)
    seconds = [(h[4:] - 2 * h[2:-2] + h[:-4]) * (FPS / 2) ** 2 / GRAVITY_M_S2 for h in (slowed, as_told)]
    fastest = [second[: STANDS + 2].min() for second in seconds]  # over a tenth of a second, until the impact
    assert fastest[0] > -1.1
    assert fastest[1] < -1.5


def test_the_generator_lets_those_who_hold_each_other_share_their_time() -> None:
    generator = Generator.load(TOY, "cpu")
    request = GenerationRequest(("a person falls", "a person walks"), seconds=2.0, steps=1)
    falls, sinks = falling(3.0, frames=40), falling(0.5, drop_m=0.3, frames=40)
    x = np.stack([standing_at(1 + falls), standing_at(1 + sinks)]).astype(np.float32)
    x[1, :, POSITIONS.start + 1 : POSITIONS.stop : 3] += 1.0  # beside each other
    made = replace(generator.predict(request), pose_vectors=x)
    alone = generator.pose(request, made).root_position_m[1, :, 2]
    held = generator.pose(request, replace(made, grips=(grip(1, 0, 0, 40),))).root_position_m[1, :, 2]
    assert np.abs(held - alone).max() > 0.03
