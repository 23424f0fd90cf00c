"""Two-bone arms: palms at their places, stretched where these are too far, elbows on the side where they were."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.metrics import bone_length_drift_percent, elbow_flexion_deg
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.skeleton import JOINT_INDEX
from motion_runtime.editing.arm import PALM_M, REACH_M, palms_m, reached

Array = NDArray[np.float64]
COUNT = 200


def poses(seed: int = 0) -> tuple[Array, Array]:
    """Bodies in any pose, elbows bent by 20 to 110 degrees as elbows bend."""
    rng = np.random.default_rng(seed)
    vectors = 0.4 * rng.normal(size=(COUNT, 22, 3))
    for side, sign in (("left", -1.0), ("right", 1.0)):
        vectors[:, JOINT_INDEX[f"{side}_elbow"]] = 0.0
        vectors[:, JOINT_INDEX[f"{side}_elbow"], 1] = sign * np.radians(rng.uniform(20, 110, COUNT))
    return np.asarray(matrix_from_rotation_vector(vectors)), rng.normal(size=(COUNT, 3))


def joints(rotations: Array, root: Array) -> Array:
    return np.asarray(forward_kinematics(rotations, root)[0])


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_palm_comes_to_every_place_within_reach(side: str) -> None:
    rotations, root = poses()
    rng = np.random.default_rng(1)
    way = rng.normal(size=(COUNT, 3))
    way *= rng.uniform(0.25, 0.99 * REACH_M, (COUNT, 1)) / np.linalg.norm(way, axis=1, keepdims=True)
    places = joints(rotations, root)[:, JOINT_INDEX[f"{side}_shoulder"]] + way
    found = reached(rotations, root, side, places)
    np.testing.assert_allclose(palms_m(joints(found, root), side), places, atol=1e-6)
    np.testing.assert_allclose(found @ found.swapaxes(-1, -2), np.broadcast_to(np.eye(3), found.shape), atol=1e-9)
    assert bone_length_drift_percent(joints(found, root)).max() < 1e-6
    turned = {int(j) for j in np.flatnonzero((found != rotations).any(axis=(0, 2, 3)))}
    assert turned == {JOINT_INDEX[f"{side}_shoulder"], JOINT_INDEX[f"{side}_elbow"]}


def test_beyond_reach_the_arm_is_stretched_towards_the_place() -> None:
    rotations, root = poses()
    shoulder = joints(rotations, root)[:, JOINT_INDEX["left_shoulder"]]
    way = np.random.default_rng(2).normal(size=(COUNT, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    found = reached(rotations, root, "left", shoulder + 1.5 * way)
    np.testing.assert_allclose(palms_m(joints(found, root), "left"), shoulder + REACH_M * way, atol=1e-6)


def test_a_place_at_the_shoulder_bends_the_elbow_no_further_than_elbows_bend() -> None:
    rotations, root = poses()
    places = joints(rotations, root)[:, JOINT_INDEX["right_shoulder"]] + np.array([0.02, 0.01, 0.0])
    found = reached(rotations, root, "right", places)
    assert elbow_flexion_deg(joints(found, root)).max() < 150.1


def test_a_palm_that_is_in_place_stays_as_it_is() -> None:
    rotations, root = poses()
    found = reached(rotations, root, "left", palms_m(joints(rotations, root), "left"))
    np.testing.assert_allclose(found, rotations, atol=1e-7)


def test_a_little_further_the_elbow_is_where_it_was_or_nearly() -> None:
    rotations, root = poses()
    places = palms_m(joints(rotations, root), "left") + 1e-3 * np.random.default_rng(3).normal(size=(COUNT, 3))
    found = reached(rotations, root, "left", places)
    moved = (joints(found, root) - joints(rotations, root))[:, JOINT_INDEX["left_elbow"]]
    assert np.linalg.norm(moved, axis=1).max() < 0.02


@pytest.mark.parametrize(("side", "sign"), [("left", 1.0), ("right", -1.0)])
def test_a_straight_arm_bends_forward_as_elbows_do(side: str, sign: float) -> None:
    rotations, root = np.tile(np.eye(3), (1, 22, 1, 1)), np.zeros((1, 3))
    shoulder = joints(rotations, root)[:, JOINT_INDEX[f"{side}_shoulder"]]
    found = joints(reached(rotations, root, side, shoulder + [sign * 0.4, 0.0, 0.0]), root)[0]
    # Body axes: x to the left, z forward. The elbow is behind the line from the shoulder to the hand.
    elbow, wrist = found[JOINT_INDEX[f"{side}_elbow"]], found[JOINT_INDEX[f"{side}_wrist"]]
    assert elbow[2] < min(shoulder[0, 2], wrist[2]) - 0.05


def test_the_palm_goes_on_as_the_forearm_does() -> None:
    body = joints(*poses())
    elbow, wrist = body[:, JOINT_INDEX["left_elbow"]], body[:, JOINT_INDEX["left_wrist"]]
    palm = palms_m(body, "left")
    np.testing.assert_allclose(np.linalg.norm(palm - wrist, axis=1), PALM_M)
    np.testing.assert_allclose(np.cross(palm - wrist, wrist - elbow), 0.0, atol=1e-9)
