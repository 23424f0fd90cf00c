"""Falls are gone through faster, by a known factor, and end at rest; nobody else's time changes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from numpy.typing import NDArray

from motion_preprocessing.easing import smooth_step
from motion_preprocessing.pose_vector import POSITIONS, encode
from motion_preprocessing.rotations import about_z, matrix_from_rotation_vector
from motion_preprocessing.skeleton import JOINT_COUNT, WORLD_FROM_BODY
from motion_runtime.fall_speed import DRIFTS_M, FALLS, SLOWEST_M_S, fall_rates
from motion_runtime.free_fall import at_most_gravity, heights_m, times_of

Array = NDArray[np.floating[Any]]
FPS = 20.0
FRAMES = 120
QUICKER = 1.08
DOWN_S = (2.0, 2.9)
"""The fall, over which a straight body turns about the feet."""


def toppling(seconds: float = DOWN_S[1] - DOWN_S[0], drift_m: float = 0.0) -> NDArray[np.float64]:
    """Pose vectors (T, 258) of a straight body that topples forward and lies, drifting by so much in the last 2 s."""
    u = np.clip((np.arange(FRAMES) / FPS - DOWN_S[0]) / seconds, 0.0, 1.0)
    angle = 0.5 * np.pi * smooth_step(u)
    rotations = np.tile(np.eye(3), (FRAMES, JOINT_COUNT, 1, 1))
    tipped = matrix_from_rotation_vector(np.stack([0 * angle, angle, 0 * angle], axis=-1))
    rotations[:, 0] = tipped @ WORLD_FROM_BODY
    root = np.stack([0.93 * np.sin(angle), 0 * angle, 0.12 + 0.81 * np.cos(angle)], axis=-1)
    root[:, 1] += drift_m * np.clip((np.arange(FRAMES) - 80) / (FRAMES - 81), 0.0, 1.0)
    return np.asarray(encode(rotations, root, FPS))


def pelvis_of(x: Array) -> NDArray[np.float64]:
    """Heights (T,) of the pelvis."""
    return np.asarray(x[:, POSITIONS].reshape(-1, JOINT_COUNT, 3)[:, 0, 2], dtype=np.float64)


@pytest.mark.parametrize(
    ("told", "falls"),
    [
        ("a person falls to the floor", True), ("an old man loses his balance and tumbles", True),
        ("a patient faints", True), ("a person passes out", True), ("a resident collapses", True),
        ("a person trips over a cable", True), ("a person rolls out of bed", True), ("a nurse slipped", True),
        ("a person lies down on the floor", False), ("a person falls asleep on the bed", False),
        ("a person sits down", False), ("a person kneels down", False), ("a person drops a cup", False),
        ("a person jumps", False), ("a person passes a cup", False),
    ],
)  # fmt: skip
def test_who_is_told_to_fall(told: str, falls: bool) -> None:
    assert bool(FALLS.search(told)) == falls


def test_only_who_is_told_to_fall_and_does_is_faster() -> None:
    falls, lies_down = toppling(), toppling(seconds=3.0)
    assert -np.diff(pelvis_of(lies_down)).min() * FPS < 0.85
    told = ("a person falls", "a person falls", "a person lies down on the floor")
    rates = fall_rates(np.stack([falls, lies_down, falls]), FPS, told, QUICKER)
    assert rates[0].max() > 1.0
    np.testing.assert_array_equal(rates[1:], 1.0)
    made, _ = at_most_gravity(np.stack([falls, lies_down, falls]), FPS, rates=rates)
    np.testing.assert_array_equal(made[1], lies_down)
    assert np.abs(made[0] - falls).max() > 0.02


def test_a_fall_is_gone_through_faster_by_the_factor() -> None:
    x = toppling()
    rates = fall_rates(x[None], FPS, ("a person falls",), QUICKER)[0]
    np.testing.assert_array_equal(rates[: int(DOWN_S[0] * FPS)], 1.0)
    assert rates.max() == pytest.approx(QUICKER)
    times = times_of(heights_m(x), FPS, rates)
    before, after = pelvis_of(x), pelvis_of(at_most_gravity(x[None], FPS, rates=rates[None])[0][0])
    fastest = [float(-np.gradient(height).min()) for height in (before, after)]
    assert fastest[1] / fastest[0] == pytest.approx(QUICKER, rel=0.02)
    # Each frame shows the motion as it is at its own time: poses are the motion's.
    np.testing.assert_allclose(after, np.interp(times, np.arange(FRAMES), before), atol=1e-12)


@pytest.mark.parametrize("seconds", [0.9, 1.3])
def test_slow_falls_are_quickened_by_more_than_quick_ones(seconds: float) -> None:
    scale, offset_m_s = 0.8, 0.45
    x = toppling(seconds)
    sinks_m_s = float(-np.gradient(pelvis_of(x)).min()) * FPS
    assert sinks_m_s > SLOWEST_M_S
    rates = fall_rates(x[None], FPS, ("a person falls",), scale, offset_m_s)[0]
    # The line that speeds are brought onto: v' = scale v + offset.
    assert rates.max() * sinks_m_s == pytest.approx(scale * sinks_m_s + offset_m_s, rel=1e-6)
    after = pelvis_of(at_most_gravity(x[None], FPS, rates=rates[None])[0][0])
    assert float(-np.gradient(after).min()) * FPS == pytest.approx(scale * sinks_m_s + offset_m_s, rel=0.03)


def test_how_much_the_slowest_falls_are_quickened_is_bounded() -> None:
    # Seen to fall, and hardly sinking: a division by its speed alone would rush through it.
    x = toppling(2.0)
    sinks_m_s = float(-np.gradient(pelvis_of(x)).min()) * FPS
    assert sinks_m_s < SLOWEST_M_S
    with patch("motion_runtime.fall_speed.falls", lambda _: [SimpleNamespace(start_s=0.5, end_s=5.0)]):
        rates = fall_rates(x[None], FPS, ("a person falls",), 0.9, 0.45)[0]
    assert rates.max() == pytest.approx(0.9 + 0.45 / SLOWEST_M_S, rel=1e-3)



def test_speeds_do_not_jump() -> None:
    """From frame to frame the clock changes by less than the factor: the weight follows how fast the body sinks."""
    rates = fall_rates(toppling()[None], FPS, ("a person falls",), QUICKER)[0]
    steps = np.diff(rates[: int(DOWN_S[1] * FPS)])
    assert np.abs(steps).max() < 0.5 * (QUICKER - 1.0)


def test_won_time_is_made_up_for_once_the_body_is_down() -> None:
    x = toppling(drift_m=0.5)  # which moves on, and is no rest
    rates = fall_rates(x[None], FPS, ("a person falls",), QUICKER)[0]
    assert rates.min() == 1.0
    times = times_of(heights_m(x), FPS, rates)
    assert (times - np.arange(FRAMES)).max() > 0.5
    np.testing.assert_allclose(times[-20:], np.arange(FRAMES - 20, FRAMES), atol=1e-9)


def test_an_end_that_is_there_early_stays() -> None:
    x = toppling()[:62]  # just down
    rates = np.full(62, QUICKER)
    times = times_of(heights_m(x), FPS, rates)
    assert times[-1] == 61.0
    assert (np.diff(times) >= 0).all()


def test_who_has_come_to_rest_stays_at_rest() -> None:
    drift = 0.9 * DRIFTS_M
    x = toppling(drift_m=drift)
    made, _ = at_most_gravity(x[None], FPS, rates=fall_rates(x[None], FPS, ("a person falls",), QUICKER))
    pelvis = made[0][:, POSITIONS].reshape(-1, JOINT_COUNT, 3)[:, 0]
    assert np.linalg.norm(pelvis[-1] - pelvis[80]) < 0.1 * drift
    moves = toppling(drift_m=3.0 * DRIFTS_M)
    rates = fall_rates(moves[None], FPS, ("a person falls and crawls",), QUICKER)
    made, _ = at_most_gravity(moves[None], FPS, rates=rates)
    np.testing.assert_allclose(made[0][-1], moves[-1], atol=0.01)


def test_company_keeps_its_time_unless_it_is_held() -> None:
    """Who stands by keeps their frames to the bit; who turns does so no faster."""
    falls, stands = toppling(), toppling(seconds=1e6)
    turns = np.array(stands)
    joints = turns[:, POSITIONS].reshape(-1, JOINT_COUNT, 3)
    yaw = np.asarray(about_z(np.linspace(0.0, 2.0, FRAMES)))
    turns[:, POSITIONS] = np.einsum("tij,tkj->tki", yaw, joints).reshape(FRAMES, -1)
    x = np.stack([falls, turns])
    rates = fall_rates(x, FPS, ("a person falls", "a person turns and sees a person who falls"), QUICKER)
    np.testing.assert_array_equal(rates[1], 1.0)
    np.testing.assert_array_equal(at_most_gravity(x, FPS, rates=rates)[0][1], turns)


@pytest.mark.parametrize("frames", [1, 2, 4, 7])
def test_short_motions(frames: int) -> None:
    rates = fall_rates(toppling()[None, :frames], FPS, ("a person falls",), QUICKER)
    np.testing.assert_array_equal(rates, np.ones((1, frames)))
