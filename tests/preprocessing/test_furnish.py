"""Furniture stands where the motion allows it and under what rests on it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.furnish import (
    SEAT_BELOW_PELVIS_M,
    furnish,
    lying_frames,
    make,
    sitting_frames,
    surface_points,
)
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.scene import OBJECT_CLASSES
from motion_preprocessing.skeleton import JOINT_INDEX, WORLD_FROM_BODY


def standing(frames: int = 40, speed: float = 1.0) -> np.ndarray:
    local = np.broadcast_to(np.eye(3), (frames, 22, 3, 3)).copy()
    local[:, 0] = WORLD_FROM_BODY
    root = np.zeros((frames, 3))
    root[:, 0], root[:, 2] = speed * np.arange(frames) / 20, 0.93
    return forward_kinematics(local, root)[0]


def seated(pelvis_m: float, yaw_deg: float = 0.0) -> np.ndarray:
    local = np.broadcast_to(np.eye(3), (10, 22, 3, 3)).copy()
    local[:, 0] = Rotation.from_euler("z", yaw_deg, degrees=True).as_matrix() @ WORLD_FROM_BODY
    for side in ("left", "right"):
        local[:, JOINT_INDEX[f"{side}_hip"]] = Rotation.from_euler("x", -90, degrees=True).as_matrix()
        local[:, JOINT_INDEX[f"{side}_knee"]] = Rotation.from_euler("x", 90, degrees=True).as_matrix()
    return forward_kinematics(local, np.tile([1.0, 2.0, pelvis_m], (10, 1)))[0]


def lying(height: float) -> np.ndarray:
    local = np.broadcast_to(np.eye(3), (10, 22, 3, 3)).copy()
    local[:, 0] = Rotation.from_euler("y", -90, degrees=True).as_matrix() @ WORLD_FROM_BODY
    return forward_kinematics(local, np.tile([0.0, 0.0, height], (10, 1)))[0]


def test_postures_are_told_apart():
    assert sitting_frames(seated(0.5)).all()
    assert not sitting_frames(standing()).any()
    assert not sitting_frames(lying(0.5)).any()
    assert lying_frames(lying(0.1)).all()
    assert not lying_frames(standing()).any()


@pytest.mark.parametrize("seed", range(8))
def test_free_objects_keep_clear_of_the_path(seed):
    joints = standing(80)
    points, classes = furnish(joints, np.random.default_rng(seed), free_objects=5)
    assert len(points) == len(classes)
    assert classes.min(initial=0) >= 0
    assert classes.max(initial=0) < len(OBJECT_CLASSES)
    if len(points):
        gap = np.sqrt(((points[:, None, :2] - joints.reshape(-1, 22, 3)[::8, 0, :2]) ** 2).sum(-1)).min()
        assert gap > 0.15
        assert points[:, 2].min() > -0.08


@pytest.mark.parametrize("yaw", [0.0, 130.0])
def test_a_seat_stands_under_a_seated_body(yaw):
    joints = seated(0.52, yaw)
    points, classes = furnish(joints, np.random.default_rng(3), free_objects=0)
    near = points[np.linalg.norm(points[:, :2] - [1.0, 2.0], axis=1) < 0.15]
    top = np.quantile(near[:, 2], 0.9)
    assert abs(top - (0.52 - SEAT_BELOW_PELVIS_M)) < 0.04
    assert set(classes) <= {0, *(OBJECT_CLASSES.index(n) for n in ("stool", "chair", "sofa"))}


def test_a_bed_stands_under_a_body_that_lies_above_the_floor_only():
    rng = np.random.default_rng(0)
    points, _ = furnish(lying(0.62), rng, free_objects=0)
    assert len(points) > 100
    assert np.ptp(points[:, 0]) > 1.7  # along the body, which lies along x
    assert len(furnish(lying(0.12), rng, free_objects=0)[0]) == 0


def test_objects_of_a_given_height_have_it():
    rng = np.random.default_rng(1)
    for name in ("stool", "bed", "table"):
        item = make(name, rng, 0.47)
        assert 0.47 in [pytest.approx(box[5]) for box in item.boxes]
        points = surface_points(item, rng)
        assert points.shape[1] == 3
        assert len(points) > 50


def test_same_generator_same_furniture():
    a = furnish(standing(), np.random.default_rng(5))
    b = furnish(standing(), np.random.default_rng(5))
    np.testing.assert_array_equal(a[0], b[0])
    np.testing.assert_array_equal(a[1], b[1])
