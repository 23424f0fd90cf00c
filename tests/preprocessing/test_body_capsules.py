"""Capsule geometry against closed forms and dense sampling."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motion_preprocessing.body_capsules import (
    CAPSULE_COUNT,
    NAMES,
    RADII_M,
    body_capsules,
    point_segment_distance,
    segment_distance,
)
from motion_preprocessing.skeleton import BONES, JOINT_INDEX, rest_joints


def _sampled_distance(a0, a1, b0, b1, steps=201):
    """Smallest distance of points sampled on both segments: never less than the true one."""
    s = np.linspace(0, 1, steps)[:, None]
    a, b = a0 + s * (a1 - a0), b0 + s * (b1 - b0)
    return np.linalg.norm(a[:, None] - b[None], axis=-1).min()


def test_crossing_parallel_and_collinear_segments_have_their_known_distances() -> None:
    e = np.eye(3)
    assert segment_distance(-e[0], e[0], 2 * e[2] - e[1], 2 * e[2] + e[1]) == pytest.approx(2.0)  # crossing
    assert segment_distance(0 * e[0], e[0], 3 * e[1], 3 * e[1] + e[0]) == pytest.approx(3.0)  # parallel
    assert segment_distance(0 * e[0], e[0], 4 * e[0], 6 * e[0]) == pytest.approx(3.0)  # one behind the other
    assert segment_distance(0 * e[0], 2 * e[0], e[0], 5 * e[0]) == pytest.approx(0.0)  # overlapping
    assert segment_distance(e[1], e[1], -e[0], e[0]) == pytest.approx(1.0)  # one is a point
    assert segment_distance(e[1], e[1], e[2], e[2]) == pytest.approx(2**0.5)  # both are points


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_segment_distance_is_the_sampled_minimum_and_symmetric(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a0, a1, b0, b1 = rng.normal(size=(4, 3))
    if seed % 3 == 0:
        b1 = b0 + rng.normal() * (a1 - a0)  # parallel
    got = float(segment_distance(a0, a1, b0, b1))
    sampled = _sampled_distance(a0, a1, b0, b1)
    # 201 samples of a segment of length L are at most L / 400 from any of its points.
    slack = (np.linalg.norm(a1 - a0) + np.linalg.norm(b1 - b0)) / 400
    assert sampled - slack <= got <= sampled + 1e-12
    assert got == pytest.approx(float(segment_distance(b0, b1, a0, a1)), abs=1e-12)


def test_point_segment_distance_beside_and_beyond_the_ends() -> None:
    start, end = np.zeros(3), np.array([2.0, 0, 0])
    points = np.array([[1.0, 3, 0], [-4, 3, 0], [5, 0, 4], [2, 0, 0]])
    np.testing.assert_allclose(point_segment_distance(points, start, end), [3, 5, 5, 0])
    np.testing.assert_allclose(point_segment_distance(points, start, start), np.linalg.norm(points, axis=1))


def test_every_bone_carries_a_capsule_and_extremities_reach_past_their_joint() -> None:
    joints = rest_joints()
    capsules = body_capsules(joints[None])
    assert capsules.starts_m.shape == capsules.ends_m.shape == (1, CAPSULE_COUNT, 3)
    assert len(NAMES) == len(RADII_M) == CAPSULE_COUNT == len(BONES) + 5
    for c, (parent, child) in enumerate(BONES):
        np.testing.assert_array_equal(capsules.starts_m[0, c], joints[parent])
        np.testing.assert_array_equal(capsules.ends_m[0, c], joints[child])
    tip = capsules.ends_m[0, NAMES.index("left_wrist_end")]
    np.testing.assert_allclose(
        tip - joints[JOINT_INDEX["left_wrist"]],
        0.12 * np.array([0.25, 0.008, 0.0]) / np.hypot(0.25, 0.008),  # along the forearm
        atol=1e-12,
    )
    # The crown of an adult of 1.7 m: toes to the top of the head capsule.
    top = (capsules.ends_m[0, :, 1] + RADII_M).max() - joints[:, 1].min()
    assert 1.6 < top < 1.8
