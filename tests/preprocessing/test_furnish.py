"""The short call: points and classes of a furnished motion."""

from __future__ import annotations

import numpy as np

from motion_preprocessing.furnish import furnish, make
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.labels import OBJECT_CLASSES
from motion_preprocessing.skeleton import WORLD_FROM_BODY


def walking(frames: int = 40, speed: float = 1.0) -> np.ndarray:
    local = np.broadcast_to(np.eye(3), (frames, 22, 3, 3)).copy()
    local[:, 0] = WORLD_FROM_BODY
    root = np.zeros((frames, 3))
    root[:, 0], root[:, 2] = speed * np.arange(frames) / 20, 0.93
    return forward_kinematics(local, root)[0]


def test_one_person_and_several_are_furnished():
    one = walking()
    two = np.stack([one, one + np.array([0.0, 1.0, 0.0])])
    for joints in (one, two):
        points, classes = furnish(joints, np.random.default_rng(2), free_objects=5)
        assert points.shape == (len(classes), 3)
        assert len(points) > 100
        assert 0 <= classes.min() <= classes.max() < len(OBJECT_CLASSES)


def test_same_generator_same_furniture():
    a, b = (furnish(walking(), np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(a[0], b[0])
    np.testing.assert_array_equal(a[1], b[1])


def test_box_furniture_of_a_given_height_has_it():
    for name in ("stool", "bed", "table"):
        item = make(name, np.random.default_rng(1), 0.47)
        assert any(abs(box[5] - 0.47) < 1e-12 for box in item.boxes)
