from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from motion_preprocessing.simulation.body import BodySize
from motion_preprocessing.simulation.hinges import HINGE_COUNT, Pose, chain
from motion_preprocessing.simulation.keys import animate
from motion_preprocessing.simulation.spans import _standing
from motion_preprocessing.simulation.support import cone, contact_forces

pytest.importorskip("mujoco")

from motion_preprocessing.simulation.track_world import Hand, Help, Nudge, TrackPlan
from motion_preprocessing.simulation.tracking import Run, track

NO_HELP = Help(0.0, 0.0, 0.0)
HEAVY = BodySize(1.80, 92.0, 1.0)


def stand(seconds: float, lifted_m: float = 0.0) -> Pose:
    """Somebody who stands still."""
    rng = np.random.default_rng(0)
    pose = animate([_standing(0.0, rng), _standing(0.4, rng)], 20.0, rng, liveliness=0.0)
    frames = round(seconds * 20) + 1
    return Pose(*(np.repeat(a[:1], frames, axis=0) for a in pose))._replace(
        root_m=np.repeat(pose.root_m[:1] + [0.0, 0.0, lifted_m], frames, axis=0)
    )


def plan(pose: Pose, hand: Help, size: BodySize = HEAVY, **more: object) -> TrackPlan:
    return TrackPlan(pose, np.zeros((len(pose.root_m), HINGE_COUNT)), hand, size, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [BodySize(), HEAVY])
def test_who_hangs_in_the_air_is_helped_by_just_the_weight(size: BodySize) -> None:
    done = track(plan(stand(1.0, lifted_m=1.0), Help(1.5, 0.5, 0.3), size))
    np.testing.assert_allclose(done.help_force[-40:].mean(axis=0), [0.0, 0.0, 1.0], atol=0.01)
    assert abs(done.sunk_m) < 0.06


def test_help_is_limited_by_construction() -> None:
    done = track(plan(stand(0.8, lifted_m=1.0), Help(0.5, 0.1, 0.02)))
    assert np.abs(done.help_force[:, 2]).max() <= 0.5 + 1e-9
    assert np.abs(done.help_force[:, :2]).max() <= 0.1 + 1e-9
    assert np.abs(done.help_moment).max() <= 0.02 + 1e-9
    # Half the weight does not hold anybody.
    assert done.pose.root_m[-1, 2] < stand(0.8).root_m[-1, 2] + 0.5
    assert done.effort.max() <= 1 + 1e-9


def test_who_stands_needs_no_help_and_weighs_what_they_weigh() -> None:
    run = Run(plan(stand(1.5), NO_HELP))
    done = run.run()
    assert np.abs(done.pose.root_m - stand(1.5).root_m).max() < 0.02
    assert done.rest_m_s < 0.02
    assert (done.help_force == 0).all()
    world, force, total = run.world, np.zeros(6), np.zeros(3)
    for index in range(world.data.ncon):
        world.mj.mj_contactForce(world.model, world.data, index, force)
        bodies = world.model.geom_bodyid[world.data.contact.geom[index]]
        if (bodies == 0).any():
            sign = 1.0 if bodies[0] == 0 else -1.0
            total += sign * world.data.contact.frame[index].reshape(3, 3).T @ force[:3]
    np.testing.assert_allclose(total / world.weight, [0.0, 0.0, 1.0], atol=0.01)
    # Legs that stand need a small part of their strength.
    assert done.effort[-20:].max() < 0.5


def test_a_hand_that_lifts_takes_that_weight_off_the_floor() -> None:
    pose = stand(1.0)
    at = chain(pose).joints_m[:, 9]
    hand = Hand("spine3", (0.0, 0.0, 0.0), at, np.ones(len(at)), lift=0.1, most=0.15)
    done = track(plan(pose, NO_HELP, hands=(hand,)))
    assert abs(done.hands_force[-20:, 0, 2].mean() - 0.1) < 0.02
    assert np.linalg.norm(done.hands_force, axis=-1).max() <= 0.15 + 1e-9
    assert np.abs(done.pose.root_m - pose.root_m).max() < 0.03


def test_a_push_moves_the_body_that_way_and_the_same_plan_ends_in_the_same_numbers() -> None:
    pushed = plan(stand(1.0), Help(0.1, 0.1, 0.03), nudges=(Nudge("spine3", 0.2, 0.15, (0.0, 12.0, 0.0)),))
    first, again, calm = track(pushed), track(pushed), track(plan(stand(1.0), Help(0.1, 0.1, 0.03)))
    for a, b in zip(first.pose, again.pose, strict=True):
        np.testing.assert_array_equal(a, b)
    sway = chain(first.pose).joints_m - chain(calm.pose).joints_m
    # 12 Ns are some 0.2 m/s for 70 kg at the chest, gone again after a second.
    assert sway[9, 12, 1] > 0.005
    assert abs(sway[9, 12, 0]) < 0.5 * sway[9, 12, 1]
    assert first.rest_m_s < 0.1


def test_contact_forces_are_those_of_another_solver() -> None:
    rng = np.random.default_rng(3)
    for count in (1, 3, 6):
        points = rng.normal(size=(count, 3)) * 0.3
        cones = np.stack([cone(np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]]), 0.5)] * count)
        maps = np.zeros((count, 6, 3))
        for i, (x, y, z) in enumerate(points):
            maps[i, :3] = np.eye(3)
            maps[i, 3:] = [[0, -z, y], [z, 0, -x], [-y, x, 0]]
        wrench = rng.normal(size=6) * [100, 100, 0, 40, 40, 40] + [0, 0, 600, 0, 0, 0]
        dear = rng.uniform(0.01, 0.3, count)
        found = contact_forces(wrench, maps, cones, dear, 0.3)
        scale = np.array([1, 1, 1, 1 / 0.3, 1 / 0.3, 1 / 0.3])
        columns = np.einsum("cij,cej->ice", maps, cones).reshape(6, -1) * scale[:, None]
        rows = np.concatenate([columns, np.diag(np.repeat(dear, 4))])
        shares = lsq_linear(rows, np.append(wrench * scale, np.zeros(4 * count)), (0, np.inf), tol=1e-14).x
        np.testing.assert_allclose(found, np.einsum("ce,cej->cj", shares.reshape(-1, 4), cones), atol=0.05)
        assert (np.abs(found[:, :2]).sum(axis=1) <= 0.5 * found[:, 2] + 1e-9).all()


def test_two_feet_share_the_weight() -> None:
    cones = np.stack([cone(np.array([[0, 0, 1.0], [1, 0, 0], [0, 1, 0]]), 0.6)] * 2)
    maps = np.zeros((2, 6, 3))
    for i, y in enumerate((0.1, -0.1)):
        maps[i, :3], maps[i, 3] = np.eye(3), [0, 0, y]
    even = contact_forces(np.array([0, 0, 700.0, 0, 0, 0]), maps, cones, np.full(2, 1e-3), 0.3)
    np.testing.assert_allclose(even, [[0, 0, 350], [0, 0, 350]], atol=0.1)
    # A moment that lifts the right side is had from the left foot alone.
    left = contact_forces(np.array([0, 0, 700.0, 70.0, 0, 0]), maps, cones, np.full(2, 1e-3), 0.3)
    np.testing.assert_allclose(left[:, 2], [700, 0], atol=0.5)
