"""Rotations from joints: exact where joints tell them, steady where they do not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from motion_preprocessing.readers.inverse_kinematics import rotations_from_joints
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, JOINT_NAMES, PARENTS, REST_OFFSETS_M


def angles_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles between rotations (T, 22, 3, 3), by scipy."""
    difference = Rotation.from_matrix(a.reshape(-1, 3, 3)).inv() * Rotation.from_matrix(b.reshape(-1, 3, 3))
    return np.degrees(difference.magnitude()).reshape(len(a), -1)


@given(st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_motion_that_joints_determine_comes_back(made: SimpleNamespace, seed: int) -> None:
    local, root = made.known_motion(seed, frames=12)
    found = rotations_from_joints(made.forward(local, root))
    worst = angles_deg(local, found).max(axis=0)
    assert worst.max() < 1e-4, JOINT_NAMES[int(worst.argmax())]


@given(st.integers(0, 2**31), st.floats(0.5, 2.0))
@settings(max_examples=15, deadline=None)
def test_limbs_point_where_the_sources_do_whatever_its_lengths(made: SimpleNamespace, seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    local = Rotation.from_rotvec(rng.normal(0, 0.7, (6 * 22, 3))).as_matrix().reshape(6, 22, 3, 3)
    joints = size * made.forward(local, rng.normal(size=(6, 3)))
    for joint in range(1, JOINT_COUNT):  # other lengths, the same directions
        factor = rng.uniform(0.7, 1.4)
        shift = (factor - 1) * (joints[:, joint] - joints[:, PARENTS[joint]])
        below = [j for j in range(JOINT_COUNT) if j == joint or joint in _ancestors(j)]
        joints[:, below] += shift[:, None]
    found = made.forward(rotations_from_joints(joints), np.zeros((6, 3)))
    for joint, parent in enumerate(PARENTS):
        # Three bones leave pelvis and spine3: a rigid fit lies between them.
        if parent in (-1, JOINT_INDEX["pelvis"], JOINT_INDEX["spine3"]):
            continue
        a, b = (values[:, joint] - values[:, parent] for values in (joints, found))
        sine = np.linalg.norm(np.cross(a, b), axis=-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
        assert sine.max() < 1e-7, JOINT_NAMES[joint]
        assert (np.sum(a * b, axis=-1) > 0).all()


def _ancestors(joint: int) -> set[int]:
    found = set()
    while PARENTS[joint] >= 0:
        joint = PARENTS[joint]
        found.add(joint)
    return found


def test_the_rest_pose_is_the_identity_but_for_what_a_hinge_cannot_know(made: SimpleNamespace) -> None:
    joints = made.forward(np.broadcast_to(np.eye(3), (3, 22, 3, 3)), np.zeros((3, 3)))
    found = rotations_from_joints(joints)
    np.testing.assert_allclose(found, np.broadcast_to(np.eye(3), found.shape), atol=1e-9)


def test_a_straight_leg_keeps_the_twist_of_the_frames_around_it(made: SimpleNamespace) -> None:
    frames = 30
    local = np.broadcast_to(np.eye(3), (frames, 22, 3, 3)).copy()
    turned = Rotation.from_euler("y", 40, degrees=True)  # the toes point outwards from the hip
    local[:, JOINT_INDEX["left_hip"]] = (Rotation.from_euler("x", -20, degrees=True) * turned).as_matrix()
    bend = np.where(np.abs(np.arange(frames) - 14.5) > 8, 60.0, 2.0)  # bent, straight, bent
    local[:, JOINT_INDEX["left_knee"]] = Rotation.from_euler("x", bend[:, None], degrees=True).as_matrix()
    joints = made.forward(local, np.zeros((frames, 3)))
    rng = np.random.default_rng(1)
    noisy = joints + rng.normal(0, 1e-3, joints.shape)
    exact, rough = (angles_deg(local, rotations_from_joints(j))[:, JOINT_INDEX["left_hip"]] for j in (joints, noisy))
    assert exact.max() < 1e-4
    # A millimetre of noise turns the plane of a straight leg by tens of degrees; the twist must not follow it.
    assert rough.max() < 3


def test_a_limb_that_is_never_bent_does_not_twist(made: SimpleNamespace) -> None:
    local = np.broadcast_to(np.eye(3), (5, 22, 3, 3)).copy()
    local[:, JOINT_INDEX["left_shoulder"]] = Rotation.from_euler("z", -70, degrees=True).as_matrix()
    found = rotations_from_joints(made.forward(local, np.zeros((5, 3))))
    upper = REST_OFFSETS_M[JOINT_INDEX["left_elbow"]]
    shoulder = found[:, JOINT_INDEX["left_shoulder"]]
    np.testing.assert_allclose(shoulder @ upper, local[:, JOINT_INDEX["left_shoulder"]] @ upper, atol=1e-9)
    for vector in Rotation.from_matrix(shoulder).as_rotvec():
        assert abs(vector @ upper) == pytest.approx(0, abs=1e-9)  # the axis is at right angles to the bone
