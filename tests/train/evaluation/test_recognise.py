"""The classifier of actions: features that do not depend on the place, thresholds by search, an easy lesson learned."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.canonical import move_points
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import WORLD_FROM_BODY
from motion_train.evaluation.recognise import KINDS, Labelled, Recogniser, best_threshold, features

FPS = 20.0


def moving(seed: int, *, drop_m: float = 0.0, frames: int = 50) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rotations = np.broadcast_to(np.eye(3), (frames, 22, 3, 3)).copy()
    turn = Rotation.from_rotvec(np.linspace(0, 0.7 * rng.uniform(-1, 1), frames)[:, None] * [0, 0, 1]).as_matrix()
    rotations[:, 0] = turn @ WORLD_FROM_BODY
    rotations[:, 1:] = Rotation.from_rotvec(0.1 * rng.standard_normal((21, 3))).as_matrix()
    root = np.array([0, 0, 0.93]) + np.linspace(0, 1, frames)[:, None] * [*rng.uniform(-1, 1, 2), -drop_m]
    joints, _ = forward_kinematics(rotations, root)
    return np.asarray(joints, dtype=np.float64)


def test_features_do_not_depend_on_place_and_way() -> None:
    joints = moving(0)
    np.testing.assert_allclose(
        features(joints, FPS), features(move_points(joints, 2.5, np.array([4.0, -1.0])), FPS), atol=1e-4
    )
    assert np.abs(features(joints, FPS) - features(moving(0, drop_m=0.5), FPS)).max() > 0.1


def test_the_best_threshold_is_the_best_of_all() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(80) < 0.3
    chance = np.round(np.clip(0.3 * truth + rng.random(80) * 0.6, 0, 1), 2)

    def score(at: float) -> float:
        return float((chance[truth] >= at).mean() + (chance[~truth] < at).mean())

    assert score(best_threshold(chance, truth)) == pytest.approx(max(score(at) for at in np.arange(0, 1.001, 0.001)))
    assert best_threshold(chance, np.ones(80, dtype=np.bool_)) == 0.5


def lesson(first: int, count: int) -> Labelled:
    shows = np.zeros((count, len(KINDS)), dtype=np.bool_)
    shows[::2, KINDS.index("sit_down")] = True
    return Labelled([moving(first + i, drop_m=0.45 * (i % 2 == 0)) for i in range(count)], shows)


def test_it_learns_what_it_is_shown_and_nothing_else() -> None:
    recogniser = Recogniser(lesson(0, 40), FPS)
    assert recogniser.kinds == ("sit_down",)
    new = lesson(100, 20)
    np.testing.assert_array_equal(recogniser.sees(new.joints_m)["sit_down"], new.shows[:, KINDS.index("sit_down")])


def test_nothing_to_learn() -> None:
    empty = Labelled([moving(i) for i in range(6)], np.zeros((6, len(KINDS)), dtype=np.bool_))
    assert Recogniser(empty, FPS).sees([moving(9)]) == {}
