from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.simulation.hinges import (
    HIGH_RAD,
    HINGE_COUNT,
    HINGE_INDEX,
    LOW_RAD,
    Pose,
    angles_of,
    chain,
    local_rotations,
    mirrored_angles,
    point_jacobian,
)
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, MIRROR


def random_pose(frames: int, seed: int) -> Pose:
    rng = np.random.default_rng(seed)
    return Pose(
        rng.normal(size=(frames, 3)),
        Rotation.random(frames, rng).as_matrix(),
        rng.uniform(LOW_RAD, HIGH_RAD, (frames, 45)),
    )


def test_the_project_s_own_kinematics_put_the_joints_in_the_same_places() -> None:
    pose = random_pose(50, 0)
    joints, _ = forward_kinematics(local_rotations(pose), pose.root_m)
    np.testing.assert_allclose(chain(pose).joints_m, joints, atol=1e-12)


def test_angles_are_turns_about_the_named_axes_in_order() -> None:
    pose = Pose(np.zeros((1, 3)), np.eye(3)[None], angles_of({"hip.y_l": -30, "hip.x_l": 20, "hip.z_l": 10})[None])
    expected = Rotation.from_euler("YXZ", [-30, 20, 10], degrees=True).as_matrix()
    np.testing.assert_allclose(chain(pose).turns[0, JOINT_INDEX["left_hip"]], expected, atol=1e-12)


def test_jacobian_is_the_derivative() -> None:
    pose = random_pose(3, 1)
    on = np.arange(JOINT_COUNT)
    offsets = np.random.default_rng(2).normal(scale=0.1, size=(JOINT_COUNT, 3))

    def points(p: Pose) -> np.ndarray:
        body = chain(p)
        return body.joints_m + np.einsum("tcij,cj->tci", body.turns, offsets)

    jacobian = point_jacobian(chain(pose), points(pose), on)
    step = 1e-6
    for column in range(6 + HINGE_COUNT):
        root, turn, angles = pose.root_m.copy(), pose.root, pose.angles.copy()
        if column < 3:
            root[:, column] += step
        elif column < 6:
            turn = Rotation.from_rotvec(step * np.eye(3)[column - 3]).as_matrix() @ pose.root
        else:
            angles[:, column - 6] += step
        change = (points(Pose(root, turn, angles)) - points(pose)) / step
        np.testing.assert_allclose(jacobian[..., column], change, atol=2e-5)


def test_mirrored_angles_give_the_mirror_image() -> None:
    pose = random_pose(20, 3)
    flip = np.diag([1.0, -1.0, 1.0])
    mirrored = Pose(pose.root_m @ flip, flip @ pose.root @ flip, mirrored_angles(pose.angles))
    np.testing.assert_allclose(chain(mirrored).joints_m, (chain(pose).joints_m @ flip)[:, list(MIRROR)], atol=1e-12)


def test_named_angles_mean_the_same_on_both_sides() -> None:
    both, left = angles_of({"shoulder.x": -80, "knee": 30}), angles_of({"shoulder.x_l": -80, "knee_l": 30})
    right = angles_of({"shoulder.x_r": -80, "knee_r": 30})
    np.testing.assert_allclose(both, left + right)
    assert right[HINGE_INDEX["right_shoulder_x"]] == -left[HINGE_INDEX["left_shoulder_x"]]
    down = chain(Pose(np.zeros((1, 3)), np.eye(3)[None], angles_of({"shoulder.x": -90})[None])).joints_m[0]
    for side in ("left", "right"):
        arm = down[JOINT_INDEX[f"{side}_wrist"]] - down[JOINT_INDEX[f"{side}_shoulder"]]
        assert arm[2] < -0.49


def test_limits_mirror() -> None:
    np.testing.assert_allclose(mirrored_angles(LOW_RAD + HIGH_RAD), LOW_RAD + HIGH_RAD, atol=1e-12)
