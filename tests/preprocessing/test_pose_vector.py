"""Skeleton, forward kinematics and the pose vector, against scipy and by round trips."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from motion_preprocessing import canonical, pose_vector, skeleton
from motion_preprocessing.kinematics import forward_kinematics, local_from_world
from motion_preprocessing.rotations import geodesic_angle


def random_motion(seed: int, frames: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rotations = Rotation.from_rotvec(rng.normal(size=(frames * 22, 3))).as_matrix().reshape(frames, 22, 3, 3)
    return rotations, rng.normal(size=(frames, 3))


def scalar_kinematics(rotations: np.ndarray, root: np.ndarray) -> np.ndarray:
    """One joint at a time, walking up the tree, with scipy's rotations."""
    joints = np.zeros((22, 3))
    for joint in range(22):
        chain = []
        j = joint
        while j >= 0:
            chain.append(j)
            j = skeleton.PARENTS[j]
        position = root.copy()
        world = Rotation.identity()
        for parent, child in zip(chain[::-1][:-1], chain[::-1][1:], strict=True):
            world = world * Rotation.from_matrix(rotations[parent])
            position = position + world.apply(skeleton.REST_OFFSETS_M[child].copy())
        joints[joint] = position
    return joints


def test_skeleton_is_a_tree_and_symmetric():
    assert len(skeleton.JOINT_NAMES) == len(skeleton.PARENTS) == 22
    assert all(parent < joint for joint, parent in enumerate(skeleton.PARENTS))
    mirrored = skeleton.rest_joints()[list(skeleton.MIRROR)] * np.array([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(mirrored, skeleton.rest_joints(), atol=1e-12)
    assert [skeleton.MIRROR[j] for j in skeleton.MIRROR] == list(range(22))


def test_world_from_body_stands_up_and_faces_x():
    np.testing.assert_array_equal(skeleton.WORLD_FROM_BODY @ [0, 0, 1], [1, 0, 0])  # forward
    np.testing.assert_array_equal(skeleton.WORLD_FROM_BODY @ [1, 0, 0], [0, 1, 0])  # left
    np.testing.assert_array_equal(skeleton.WORLD_FROM_BODY @ [0, 1, 0], [0, 0, 1])  # up


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_forward_kinematics_agrees_with_a_scalar_walk(seed):
    rotations, root = random_motion(seed, 2)
    joints, world = forward_kinematics(rotations, root)
    for frame in range(2):
        np.testing.assert_allclose(joints[frame], scalar_kinematics(rotations[frame], root[frame]), atol=1e-12)
    np.testing.assert_allclose(local_from_world(world), rotations, atol=1e-12)


@given(st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_round_trip_within_a_millimetre_and_a_tenth_of_a_degree(seed):
    rotations, root = random_motion(seed)
    x = pose_vector.encode(rotations, root, 20.0).astype(np.float32)
    pose = pose_vector.decode(x)
    joints, _ = forward_kinematics(pose.local_rotations, pose.joints_m[..., 0, :])
    truth, _ = forward_kinematics(rotations, root)
    assert np.linalg.norm(joints - truth, axis=-1).max() < 1e-3
    angle = geodesic_angle(pose.local_rotations.astype(np.float64), rotations)
    assert np.degrees(angle.max()) < 0.1


def test_layout_and_velocity():
    rotations, root = random_motion(3, 5)
    x = pose_vector.encode(rotations, root, 20.0)
    assert x.shape == (5, 258)
    joints, _ = forward_kinematics(rotations, root)
    np.testing.assert_allclose(x[:, :66].reshape(5, 22, 3), joints)
    np.testing.assert_allclose(x[0, 66:132].reshape(22, 3), (joints[1] - joints[0]) * 20.0)
    np.testing.assert_allclose(x[4, 66:132], x[3, 66:132])
    # Integrated velocities give the positions back.
    walked = joints[0] + np.cumsum(x[:-1, 66:132].reshape(4, 22, 3), axis=0) / 20.0
    np.testing.assert_allclose(walked, joints[1:], atol=1e-12)
    # The sixth to eleventh numbers of the rotations belong to joint 2.
    np.testing.assert_allclose(x[0, 138:144], np.concatenate([rotations[0, 2, :, 0], rotations[0, 2, :, 1]]))


def test_one_frame_has_no_velocity():
    rotations, root = random_motion(4, 1)
    assert not pose_vector.encode(rotations, root, 20.0)[:, 66:132].any()


def test_wrong_width_is_refused():
    with pytest.raises(ValueError, match="258"):
        pose_vector.decode(np.zeros((3, 262)))


def test_torch_gives_the_same_numbers():
    rotations, root = random_motion(5)
    x = pose_vector.encode(rotations, root, 20.0)
    same = pose_vector.encode(torch.from_numpy(rotations), torch.from_numpy(root), 20.0)
    np.testing.assert_allclose(same.numpy(), x, atol=1e-12)
    decoded = pose_vector.decode(same).local_rotations.numpy()
    np.testing.assert_allclose(decoded, rotations, atol=1e-10)


@given(st.floats(-3.1, 3.1), st.floats(-3, 3), st.floats(-3, 3))
@settings(max_examples=50, deadline=None)
def test_moving_a_motion_moves_its_pose_vectors(yaw, dx, dy):
    rotations, root = random_motion(6)
    moved_rotations = rotations.copy()
    moved_rotations[:, 0] = Rotation.from_euler("z", yaw).as_matrix() @ rotations[:, 0]
    moved_root = Rotation.from_euler("z", yaw).apply(root) + [dx, dy, 0]
    expected = pose_vector.encode(moved_rotations, moved_root, 20.0)
    got = canonical.move_pose_vectors(pose_vector.encode(rotations, root, 20.0), yaw, np.array([dx, dy]))
    np.testing.assert_allclose(got, expected, atol=1e-9)


@given(st.floats(-3.1, 3.1))
@settings(max_examples=30, deadline=None)
def test_canonical_frame_faces_x_over_the_origin(yaw):
    rotations = np.broadcast_to(np.eye(3), (3, 22, 3, 3)).copy()
    rotations[:, 0] = Rotation.from_euler("z", yaw).as_matrix() @ skeleton.WORLD_FROM_BODY
    x = pose_vector.encode(rotations, np.array([[3.0, -2.0, 0.9]] * 3), 20.0)
    got = canonical.canonicalise(x)
    np.testing.assert_allclose(got[0, :3], [0.0, 0.0, 0.9], atol=1e-9)
    np.testing.assert_allclose(pose_vector.decode(got).local_rotations[0, 0], skeleton.WORLD_FROM_BODY, atol=1e-9)
    assert float(canonical.heading_rad(rotations[0, 0])) == pytest.approx(yaw)


def test_heading_of_lying_bodies():
    # On the back, head towards -x: the feet, and what the body would face standing up over them, point to +x.
    back = Rotation.from_euler("y", -90, degrees=True).as_matrix() @ skeleton.WORLD_FROM_BODY
    left = back @ np.array([1.0, 0.0, 0.0])
    np.testing.assert_allclose(left, [0, 1, 0], atol=1e-12)
    assert float(canonical.heading_rad(back)) == pytest.approx(0.0, abs=1e-9)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_fit_body_is_the_identity_on_consistent_vectors(seed):
    rotations, root = random_motion(seed)
    got_rotations, got_root = pose_vector.fit_body(pose_vector.encode(rotations, root, 20.0))
    np.testing.assert_allclose(got_rotations, rotations, atol=1e-8)
    np.testing.assert_allclose(got_root, root, atol=1e-8)


def test_fit_body_is_steadier_than_the_pelvis_fit_on_noisy_positions():
    rotations, root = random_motion(9, 200)
    x = pose_vector.encode(rotations, root, 20.0)
    x[:, :66] += np.random.default_rng(0).normal(scale=0.01, size=(200, 66))
    fitted, _ = pose_vector.fit_body(x)
    by_pelvis = pose_vector.decode(x).local_rotations

    def error_deg(r):
        return np.degrees(geodesic_angle(r[:, 0], rotations[:, 0]))

    assert np.median(error_deg(fitted)) < 0.3 * np.median(error_deg(by_pelvis))
    # The least-squares fit can be checked against scipy's.
    unturned = np.concatenate([np.broadcast_to(np.eye(3), (200, 1, 3, 3)), rotations[:, 1:]], axis=1)
    own, _ = forward_kinematics(unturned, root * 0)
    target = x[0, :66].reshape(22, 3)
    expected, _ = Rotation.align_vectors(target - target.mean(0), own[0] - own[0].mean(0))
    np.testing.assert_allclose(fitted[0, 0], expected.as_matrix(), atol=1e-8)
