from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.rotations import geodesic_angle
from motion_preprocessing.simulation.arms import (
    ARM_M,
    bent_spine,
    blended,
    hand_at,
    shoulder_excess_deg,
    turns_of,
)
from motion_preprocessing.simulation.hinges import HINGE_COUNT, Array, Pose, angles_of, local_rotations
from motion_preprocessing.skeleton import JOINT_INDEX

PARTS = ("shoulder", "elbow")


def bodies(frames: int, seed: int = 0) -> tuple[Array, Array]:
    """Bodies in all kinds of poses, anywhere."""
    rng = np.random.default_rng(seed)
    pose = Pose(
        rng.normal(size=(frames, 3)),
        np.linalg.qr(rng.normal(size=(frames, 3, 3)))[0],
        rng.normal(scale=0.2, size=(frames, HINGE_COUNT)),
    )
    flip = np.linalg.det(pose.root)[:, None, None]
    return local_rotations(Pose(pose.root_m, pose.root * flip, pose.angles)), pose.root_m


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_wrist_is_where_it_must_be_and_the_elbow_points_where_it_is_told(side: str) -> None:
    rotations, root = bodies(200)
    rng = np.random.default_rng(1)
    joints = np.asarray(forward_kinematics(rotations, root)[0])
    shoulder = joints[:, JOINT_INDEX[f"{side}_shoulder"]]
    way = rng.normal(size=(200, 3))
    target = shoulder + way / np.linalg.norm(way, axis=1, keepdims=True) * rng.uniform(0.2, 0.5, size=(200, 1))
    elbow_to = rng.normal(size=(200, 3))
    rotations[:, [JOINT_INDEX[f"{side}_{part}"] for part in PARTS]] = hand_at(rotations, root, side, target, elbow_to)
    joints = np.asarray(forward_kinematics(rotations, root)[0])
    np.testing.assert_allclose(joints[:, JOINT_INDEX[f"{side}_wrist"]], target, atol=1e-9)
    line = (target - shoulder) / np.linalg.norm(target - shoulder, axis=1, keepdims=True)
    out = joints[:, JOINT_INDEX[f"{side}_elbow"]] - shoulder
    out -= np.sum(out * line, axis=1, keepdims=True) * line
    asked = elbow_to - np.sum(elbow_to * line, axis=1, keepdims=True) * line
    np.testing.assert_allclose(
        out / np.linalg.norm(out, axis=1, keepdims=True),
        asked / np.linalg.norm(asked, axis=1, keepdims=True),
        atol=1e-7,
    )


def test_an_arm_stretches_towards_what_it_cannot_reach() -> None:
    rotations, root = bodies(20)
    shoulder = np.asarray(forward_kinematics(rotations, root)[0])[:, JOINT_INDEX["left_shoulder"]]
    target = shoulder + [0.0, 0.0, 2.0]
    rotations[:, [JOINT_INDEX[f"left_{part}"] for part in PARTS]] = hand_at(
        rotations, root, "left", target, np.tile([1.0, 0.0, 0.0], (20, 1))
    )
    wrist = np.asarray(forward_kinematics(rotations, root)[0])[:, JOINT_INDEX["left_wrist"]]
    gap = wrist - shoulder
    np.testing.assert_allclose(gap[:, :2], 0.0, atol=1e-6)
    assert np.all(gap[:, 2] > 0.98 * ARM_M)


def test_blending_goes_from_one_to_the_other_by_the_angle_between() -> None:
    rotations, _ = bodies(5, 2)
    others, _ = bodies(5, 3)
    joints = (JOINT_INDEX["left_shoulder"], JOINT_INDEX["left_elbow"])
    share = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    mixed = blended(rotations, joints, others[:, list(joints)], share)
    for joint in joints:
        whole = geodesic_angle(rotations[:, joint], others[:, joint])
        np.testing.assert_allclose(geodesic_angle(rotations[:, joint], mixed[:, joint]), share * whole, atol=1e-7)
        np.testing.assert_allclose(geodesic_angle(mixed[:, joint], others[:, joint]), (1 - share) * whole, atol=1e-7)
    same = [joint for joint in range(22) if joint not in joints]
    np.testing.assert_array_equal(mixed[:, same], rotations[:, same])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(("named", "excess"), [
    ({"shoulder.y": -60.0, "shoulder.x": -40.0, "shoulder.y'": 30.0}, 0.0),
    ({"shoulder.y": -30.0, "shoulder.x": -50.0, "shoulder.y'": 100.0}, 10.0),
    ({"shoulder.y": 75.0, "shoulder.x": -60.0}, 15.0),
])  # fmt: skip
def test_shoulders_are_held_to_the_limits_of_their_hinges(side: str, named: dict[str, float], excess: float) -> None:
    angles = angles_of({f"{name}_{side[0]}": value for name, value in named.items()})
    rotations = local_rotations(Pose(np.zeros((1, 3)), np.eye(3)[None], angles[None]))
    assert shoulder_excess_deg(rotations, side) == pytest.approx(excess, abs=1e-6)


def test_the_spine_bends_by_what_it_is_told() -> None:
    rotations = local_rotations(Pose(np.zeros((1, 3)), np.eye(3)[None], np.zeros((1, HINGE_COUNT))))
    bent = bent_spine(rotations, np.array([[0.0, np.radians(30), 0.0]]))
    chest = turns_of(bent, np.zeros((1, 3)))[1][0, JOINT_INDEX["spine3"]]
    # Forward about the y axis: what was up points forward by sin 30 degrees.
    np.testing.assert_allclose(chest[:, 2], [0.5, 0.0, np.sqrt(0.75)], atol=1e-12)
