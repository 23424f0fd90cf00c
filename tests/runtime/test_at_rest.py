"""The filter of who has come to rest, against closed forms and against what it must leave alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from motion_preprocessing.pose_vector import POSE_DIM, POSITIONS, ROTATIONS, encode
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, WORLD_FROM_BODY
from motion_runtime.at_rest import CLEAR, REST_S, SWING_S, TURN, WAY_M, WIDTHS_S, at_rest, widths_s
from motion_runtime.low_pass import gaussian, sharp_low_pass

FPS = 20.0
MOVING_S = 0.045
NARROW = MOVING_S * FPS
WRIST = JOINT_INDEX["right_wrist"]


def still(frames: int) -> np.ndarray:
    """Pose vectors (T, 258) of a T-pose."""
    rotations = np.tile(np.eye(3), (frames, JOINT_COUNT, 1, 1))
    rotations[:, 0] = WORLD_FROM_BODY
    return np.asarray(encode(rotations, np.tile([0.4, -0.2, 0.9], (frames, 1)), FPS))


def places(x: np.ndarray) -> np.ndarray:
    return x[..., POSITIONS].reshape(*x.shape[:-1], JOINT_COUNT, 3)


def test_constants_stay_and_zero_is_off():
    x = still(50)
    np.testing.assert_allclose(at_rest(x, FPS, MOVING_S), x, atol=1e-12)
    noisy = np.random.default_rng(0).normal(size=(2, 30, POSE_DIM))
    np.testing.assert_array_equal(at_rest(noisy, FPS, 0.0), noisy)


def test_noise_of_a_still_body_goes_as_far_as_both_kernels_say():
    """White noise through two convolutions has the sum of the squares of what they are together as its variance."""
    sigma = 5e-4
    x = still(600) + sigma * np.random.default_rng(1).normal(size=(600, POSE_DIM))
    left = (at_rest(x, FPS, MOVING_S) - still(600))[40:-40]
    once = gaussian(NARROW)[1]
    narrow = np.convolve(2 * np.eye(1, len(once), len(once) // 2)[0] - once, once)
    together = np.convolve(narrow, gaussian(REST_S * FPS)[1])
    expected = sigma * math.sqrt(np.sum(together**2))
    assert left.std() == pytest.approx(expected, rel=0.03)
    assert (sharp_low_pass(x, NARROW) - still(600))[40:-40].std() > 2.5 * expected


def test_the_ends_of_a_still_body_tremble_no_more_than_half_a_kernel_does():
    """An end that is held on by its last frame would have more than half of that frame's noise."""
    sigma, bodies = 5e-4, 60
    x = still(60) + sigma * np.random.default_rng(2).normal(size=(bodies, 60, POSE_DIM))
    narrow = sharp_low_pass(x, NARROW)[0]
    offsets, kernel = gaussian(REST_S * FPS)
    half = kernel[offsets <= 0] / kernel[offsets <= 0].sum()
    response = sharp_low_pass(np.eye(60), NARROW)[-len(half) :]  # what each frame of `narrow` is made of
    expected = sigma * math.sqrt(np.sum((half @ response) ** 2))
    assert narrow.shape == (60, POSE_DIM)
    assert (at_rest(x, FPS, MOVING_S)[:, -1] - still(1)[0]).std() == pytest.approx(expected, rel=0.05)


def test_a_wave_of_two_hertz_keeps_its_height_while_the_body_comes_to_rest():
    """The transfer function of the narrow filter is what it loses; 6 mm is the most that it may lose besides."""
    frames, height = np.arange(200) / FPS, 0.05
    noise = 5e-4 * np.random.default_rng(3).normal(size=(200, POSE_DIM))
    x = still(200) + noise
    x[:, 3 * WRIST] += height * np.sin(2 * math.pi * 2.0 * frames)
    filtered = at_rest(x, FPS, MOVING_S)
    swing = places(filtered)[30:-30, WRIST, 0] - places(still(200))[0, WRIST, 0]
    kept = math.sqrt(2) * swing.std() / height
    once = math.exp(-0.5 * (2 * math.pi * 2.0 * MOVING_S) ** 2)
    assert kept == pytest.approx(2 * once - once**2, abs=0.02)
    trembling = np.diff(places(filtered)[30:-30, JOINT_INDEX["left_knee"]], axis=0).std()
    assert trembling < 0.1 * np.diff(places(sharp_low_pass(x, NARROW))[30:-30, JOINT_INDEX["left_knee"]], axis=0).std()


def test_a_whole_arm_waves_or_rests():
    """A swing of the wrist alone, which could be seen, keeps the shoulder's part in it, which could not."""
    frames = np.arange(200) / FPS
    x = still(200)
    collar = ROTATIONS.start + 6 * (JOINT_INDEX["right_collar"] - 1)
    x[:, collar + 1] += 0.01 * np.sin(2 * math.pi * 2.0 * frames)
    alone = at_rest(x, FPS, MOVING_S)[30:-30, collar + 1].std()
    x[:, 3 * WRIST] += 0.05 * np.sin(2 * math.pi * 2.0 * frames)
    waving = at_rest(x, FPS, MOVING_S)[30:-30, collar + 1].std()
    assert alone < 0.1 * 0.01 / math.sqrt(2)
    assert waving > 0.85 * 0.01 / math.sqrt(2)


def test_breath_keeps_its_depth():
    frames = np.arange(400) / FPS
    x = still(400)
    x[:, 3 * JOINT_INDEX["spine3"]] += 0.004 * np.sin(2 * math.pi * 0.25 * frames)
    depth = places(at_rest(x, FPS, MOVING_S))[60:-60, JOINT_INDEX["spine3"], 0]
    kept = math.sqrt(2) * (depth - depth.mean()).std() / 0.004
    assert kept == pytest.approx(math.exp(-0.5 * (2 * math.pi * 0.25 * math.hypot(REST_S, MOVING_S)) ** 2), abs=0.01)


@pytest.mark.parametrize("way_m", [0.05, 0.3, 1.0])
def test_an_impact_keeps_its_edge(way_m):
    """Still, a way within a frame, still: half of it is done in the same frame, as steeply as by the narrow kernel."""
    x = still(120)
    x[60:, 2 : POSITIONS.stop : 3] -= way_m
    sharp, filtered = (places(f)[:, 0, 2] for f in (sharp_low_pass(x, NARROW), at_rest(x, FPS, MOVING_S)))
    assert np.argmax(filtered < 0.9 - way_m / 2) == np.argmax(sharp < 0.9 - way_m / 2) == 60
    np.testing.assert_allclose(filtered, sharp, atol=0.001)


@pytest.mark.parametrize("step", [1e-4, 1e-3, 1e-2, 1e-1])
def test_nothing_is_moved_further_than_it_may_be(step):
    """Whatever the motion: walks of random steps, quick and slow, with jumps."""
    rng = np.random.default_rng(4)
    x = np.cumsum(step * rng.normal(size=(3, 150, POSE_DIM)), axis=1)
    x[:, 70:] += rng.normal(size=POSE_DIM)
    moved = at_rest(x, FPS, MOVING_S) - sharp_low_pass(x, NARROW)
    assert np.linalg.norm(places(moved), axis=-1).max() <= WAY_M * (1 + 1e-9)
    turned = np.linalg.norm(moved[..., ROTATIONS].reshape(3, 150, -1, 6), axis=-1)
    assert turned.max() <= TURN * (1 + 1e-9)
    if step == 1e-3:
        assert np.linalg.norm(places(moved), axis=-1).max() > 0.3 * WAY_M  # it comes near to its limit


def settling(frames: int) -> np.ndarray:
    """A body that glides to a halt, with noise."""
    x = still(frames) + 5e-4 * np.random.default_rng(5).normal(size=(frames, POSE_DIM))
    x[:, 0 : POSITIONS.stop : 3] += 1.5 * np.minimum(np.arange(frames) / 60.0 - 1.0, 0.0)[:, None] ** 3
    return x


def test_the_width_changes_without_a_seam():
    width = widths_s(sharp_low_pass(settling(160), NARROW), FPS)
    assert width[:20].max() < 0.02
    assert width[-40:].min() > 0.8 * REST_S
    assert np.abs(np.diff(width, axis=0)).max() <= 1 / (CLEAR * FPS) + 1e-12


def test_it_looks_both_ways_in_time():
    x = settling(160)
    np.testing.assert_allclose(at_rest(x[::-1], FPS, MOVING_S), at_rest(x, FPS, MOVING_S)[::-1], atol=1e-9)


def test_the_width_is_the_widest_kernel_that_moves_nothing_too_far():
    """Against sums over frames, one by one, of how far they are from the frame in question."""
    speed = 0.02  # one wrist drifts, so that some kernels in the middle of all are too wide
    x = still(101)
    x[:, 3 * WRIST] += speed * np.arange(101) / FPS
    middle = 50
    drift = speed * (np.arange(101) - middle) / FPS

    def far(width_s: float) -> float:
        offsets, kernel = gaussian(width_s * FPS)
        return math.sqrt(sum(w * drift[middle + o] ** 2 for o, w in zip(offsets, kernel, strict=True))) / WAY_M

    shares = [far(width) for width in WIDTHS_S]
    assert shares[-1] == pytest.approx(speed * REST_S / WAY_M, rel=0.02)  # a Gaussian's own spread
    expected = np.interp(1.0, shares, WIDTHS_S)
    chain = 4  # the right arm
    assert widths_s(x, FPS)[middle, chain] == pytest.approx(expected, rel=1e-9)
    np.testing.assert_array_equal(widths_s(x, FPS)[middle, :chain], REST_S)


def test_what_is_far_away_or_another_does_not_matter():
    """Neither frames beyond all kernels' reach nor other people nor where the motion is."""
    x = settling(240)
    whole = at_rest(x, FPS, MOVING_S)
    reach = math.ceil((4 * REST_S + SWING_S + CLEAR * REST_S + 4 * MOVING_S) * FPS)
    np.testing.assert_allclose(at_rest(x[:160], FPS, MOVING_S)[: 160 - reach], whole[: 160 - reach], atol=1e-12)
    np.testing.assert_allclose(at_rest(x[60:], FPS, MOVING_S)[reach:], whole[60 + reach :], atol=1e-12)
    company = np.stack([x, np.random.default_rng(6).normal(size=x.shape)])
    np.testing.assert_allclose(at_rest(company, FPS, MOVING_S)[0], whole, atol=1e-12)
    elsewhere = x.copy()
    elsewhere[:, POSITIONS] += 30.0
    np.testing.assert_allclose(at_rest(elsewhere, FPS, MOVING_S)[:, POSITIONS] - 30.0, whole[:, POSITIONS], atol=1e-6)


def test_short_motions_have_it_too():
    x = settling(160)[-4:]
    assert np.isfinite(at_rest(x, FPS, MOVING_S)).all()
    assert at_rest(np.zeros((0, 5, POSE_DIM)), FPS, MOVING_S).shape == (0, 5, POSE_DIM)
