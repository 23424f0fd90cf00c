"""What is lit up agrees with the metrics, and lies where it must."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from motion_preprocessing.metrics import evaluate_motion, foot_skate_ratio, person_penetration_m, scene_penetration_m
from motion_preprocessing.skeleton import WORLD_FROM_BODY, rest_joints
from motion_runtime.motion import Motion
from motion_runtime.viewer.highlights import CONTACT, FREE, SKATING, find_highlights


def standing(frames: int = 10, height_m: float = 0.0) -> np.ndarray:
    """(1, T, 22, 3) a T-pose facing +x whose lowest joint is at a height."""
    joints = rest_joints() @ WORLD_FROM_BODY.T
    joints[:, 2] += height_m - joints[:, 2].min()
    return np.repeat(joints[None, None], frames, axis=1)


def test_feet_at_rest_are_in_contact_and_high_ones_are_free() -> None:
    assert (find_highlights(standing(), 20.0).feet == CONTACT).all()
    assert (find_highlights(standing(height_m=0.06), 20.0).feet == FREE).all()
    assert find_highlights(standing(1), 20.0).feet.shape == (1, 1, 2)


def test_feet_that_are_pushed_slide_from_the_first_step_on() -> None:
    joints = standing(12)
    joints[..., 0] += 0.05 * np.arange(12)[:, None]  # 1 m/s
    feet = find_highlights(joints, 20.0).feet[0]
    np.testing.assert_array_equal(feet, [[CONTACT, CONTACT]] + [[SKATING, SKATING]] * 11)


def test_sliding_frames_are_the_metrics(walk: Callable[..., Motion]) -> None:
    rng = np.random.default_rng(3)
    joints = walk(2, frames=120).joints_m.astype(float)
    joints[..., 2] -= joints[..., 2].min(axis=-1, keepdims=True) - 0.02
    joints[1, :, :, :2] += 0.04 * rng.standard_normal((120, 1, 2)).cumsum(axis=0)
    found = find_highlights(joints, 20.0)
    for person in range(2):
        sliding = (found.feet[person] == SKATING).any(axis=1)[1:].mean()
        assert sliding == pytest.approx(foot_skate_ratio(joints[person], 20.0))
    assert found.skate_share[1] > 0.1


def test_a_point_in_the_thigh_is_found_where_it_is() -> None:
    joints = standing(3)
    hip, knee = joints[0, 0, 1], joints[0, 0, 4]
    inside = (hip + knee) / 2 + np.array([0.03, 0.0, 0.0])  # 3 cm off the axis of a capsule of 6.8 cm
    outside = np.array([[3.0, 0.0, 1.0], [0.5, 0.0, 1.0]])
    found = find_highlights(joints, 20.0, np.vstack([outside, inside]))
    np.testing.assert_allclose(found.scene_hits_m[0, :, :3], np.tile(inside, (3, 1)))
    axis = (knee - hip) / np.linalg.norm(knee - hip)
    off = np.linalg.norm(np.cross(inside - hip, axis))
    np.testing.assert_allclose(found.scene_hits_m[0, :, 3], 0.068 - off, atol=1e-12)
    assert not find_highlights(joints, 20.0, outside).scene_hits_m.any()
    assert not find_highlights(joints, 20.0).scene_hits_m.any()


def test_depths_are_the_metrics(walk: Callable[..., Motion]) -> None:
    rng = np.random.default_rng(0)
    joints = walk(2, frames=30).joints_m.astype(float)
    joints[1, :, :, 1] -= 0.75  # 15 cm beside each other
    points = rng.uniform([-0.5, -0.5, 0.0], [2.0, 1.0, 1.8], (3000, 3))
    found = find_highlights(joints, 20.0, points)
    for person in range(2):
        depth = scene_penetration_m(joints[person], points)
        np.testing.assert_allclose(found.scene_hits_m[person, :, 3], np.where(depth > 0.02, depth, 0.0))
    overlap = person_penetration_m(joints[0], joints[1])
    assert (overlap > 0).all()
    for person in range(2):
        np.testing.assert_allclose(found.person_hits_m[person, :, 3], overlap)
    metrics = evaluate_motion(joints, 20.0, points)
    assert (found.scene_hits_m[..., 3] > 0).mean() == pytest.approx(metrics.scene_penetration_share)
    # The place is within both bodies' reach.
    gap = np.linalg.norm(found.person_hits_m[0, :, None, :3] - joints[0], axis=-1).min(axis=1)
    assert gap.max() < 0.25


def test_three_people_light_up_with_the_one_they_are_deepest_in() -> None:
    joints = np.repeat(standing(4), 3, axis=0)
    joints[1, :, :, 0] += 0.10
    joints[2, :, :, 0] += 5.0
    found = find_highlights(joints, 20.0).person_hits_m
    assert (found[:2, :, 3] > 0.05).all()
    assert not found[2].any()


def test_the_floor_lights_up_what_is_more_than_two_centimetres_under_it() -> None:
    assert not find_highlights(standing(3, -0.02), 20.0).floor_hits_m[..., 3].any()
    hits = find_highlights(standing(3, -0.04), 20.0).floor_hits_m[0]
    np.testing.assert_allclose(hits[:, 3], 0.035, atol=1e-12)
    np.testing.assert_allclose(hits[:, 2], -0.04, atol=1e-12)
