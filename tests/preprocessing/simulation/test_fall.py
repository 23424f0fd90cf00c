from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.simulation.body import BodySize
from motion_preprocessing.simulation.fall import simulate, velocities_at
from motion_preprocessing.simulation.fall_plan import FallPlan, Person, Push
from motion_preprocessing.simulation.fall_poses import rest_pose
from motion_preprocessing.simulation.hinges import Pose, angles_of, chain
from motion_preprocessing.skeleton import JOINT_INDEX

pytest.importorskip("mujoco")
STAND = angles_of({"shoulder.x": -78.0, "elbow": -15.0})


def plan(height_m: float = 0.935, **changes: object) -> FallPlan:
    start = Pose(np.array([[0.0, 0.0, height_m]]), np.eye(3)[None], STAND[None])
    made = FallPlan("push_b", start, np.zeros(6), np.zeros(45), STAND[None], Person(steps=False), BodySize())
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [BodySize(1.5, 50.0), BodySize(1.85, 95.0)], ids=["small", "tall"])
def test_bodies_of_every_size_fall_as_the_project_s_skeleton_would(size: BodySize) -> None:
    """Froude's similarity: brought back, the free fall is that of 9.81 m/s2."""
    fallen = simulate(plan(4.0, size=size), np.random.default_rng(0))
    t = np.arange(14) / 20
    np.testing.assert_allclose(fallen.pose.root_m[:14, 2], 4.0 - 0.5 * 9.81 * t * t, atol=0.03)


def test_a_hard_push_back_ends_lying_and_the_same_seed_gives_the_same_fall() -> None:
    push = (Push("spine3", (-700.0, 0.0, 0.0), 0.15),)
    first, second = (simulate(plan(pushes=push), np.random.default_rng(1)) for _ in range(2))
    for a, b in zip(first.pose, second.pose, strict=True):
        np.testing.assert_array_equal(a, b)
    assert first.impact_s == second.impact_s
    assert 0.35 < first.impact_s < 2.3
    assert first.settled
    assert first.depth_m < 0.03
    assert first.limit_deg < 5
    assert first.pose.root_m[-1, 2] < 0.35
    # Pushed backward, the body moves backward.
    assert first.pose.root_m[-1, 0] < -0.2
    joints = chain(first.pose).joints_m
    assert joints[-1, JOINT_INDEX["head"], 2] < 0.4


def test_without_a_push_somebody_who_holds_the_pose_does_not_fall_at_once() -> None:
    calm = replace(Person(), latency_s=3.0, steps=False)
    fallen = simulate(plan(person=calm), np.random.default_rng(2))
    assert np.isnan(fallen.impact_s) or fallen.impact_s > 0.9


def test_velocities_are_those_of_a_steady_motion() -> None:
    t = np.arange(9) / 20
    turn = np.asarray(matrix_from_rotation_vector(np.stack([0.3 * t, 0 * t, 0.8 * t], axis=-1)))
    pose = Pose(np.stack([1.2 * t, 0 * t, -0.4 * t], axis=-1), turn, np.outer(t, np.linspace(-1, 1, 45)))
    root, hinges = velocities_at(pose, 4, 20.0)
    np.testing.assert_allclose(root, [1.2, 0.0, -0.4, 0.3, 0.0, 0.8], atol=1e-9)
    np.testing.assert_allclose(hinges, np.linspace(-1, 1, 45), atol=1e-9)


@pytest.mark.parametrize(("rest", "side"), [("prone", ""), ("supine", ""), ("side", "left"), ("side", "right")])
def test_resting_bodies_bend_at_most_as_far_as_joints_go(rest: str, side: str) -> None:
    from motion_preprocessing.simulation.hinges import HIGH_RAD, LOW_RAD

    angles = rest_pose(rest, side, np.random.default_rng(3))
    assert (angles >= LOW_RAD).all()
    assert (angles <= HIGH_RAD).all()
