from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mujoco")

from motion_preprocessing.simulation.body import BodySize
from motion_preprocessing.simulation.grounding import (
    FIRM,
    LAP_SHARE,
    THIGH_M,
    eased,
    flesh_of,
    grounded,
    hands_in_lap,
    heights,
    into_support,
    rests,
    zero_moment,
)
from motion_preprocessing.simulation.hinges import Pose, angles_of, chain
from motion_preprocessing.simulation.solve import Box, centre_of_mass, points_of
from motion_preprocessing.simulation.touching import FAR_M, gaps
from motion_preprocessing.skeleton import JOINT_INDEX

ANKLES = [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]


def stand(frames: int = 20, **angles: float) -> Pose:
    """Somebody on two flat feet, the centre of mass over them."""
    pose = np.tile(angles_of({"shoulder.x": -78.0, "shoulder.y": -4.0, **angles}), (frames, 1))
    root = np.tile(np.eye(3), (frames, 1, 1))
    feet = chain(Pose(np.zeros((frames, 3)), root, pose)).joints_m[:, ANKLES, 2].mean(axis=1)
    return Pose(np.stack([np.zeros(frames), np.zeros(frames), 0.066 - feet], axis=-1), root, pose)


def test_who_stands_well_is_left_alone() -> None:
    pose = stand()
    for a, b in zip(grounded(pose, BodySize(), (), 20.0), pose, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(eased(pose, 20.0), pose, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_feet_that_hover_are_put_down() -> None:
    pose = stand()
    high = pose._replace(root_m=pose.root_m + [0.0, 0.0, 0.015])
    down = grounded(high, BodySize(), (), 20.0)
    before, after = (gaps(p, BodySize(), ()).floor_m[:, ANKLES] for p in (high, down))
    np.testing.assert_allclose(before, 0.015, atol=1e-6)
    assert np.abs(after).max() < 0.004


def test_weight_beside_the_feet_is_brought_over_them() -> None:
    pose = stand(40)
    # Bending by 55 degrees at the hips, legs straight, brings the trunk in front of the toes.
    pitch = np.radians(55.0)
    turn = np.array([[np.cos(pitch), 0, np.sin(pitch)], [0, 1, 0], [-np.sin(pitch), 0, np.cos(pitch)]])
    bent = Pose(pose.root_m, np.tile(turn, (40, 1, 1)), pose.angles + angles_of({"hip.y": -55.0}))
    ankles = chain(bent).joints_m[:, ANKLES, 2].mean(axis=1)
    bent = bent._replace(root_m=bent.root_m - np.outer(ankles - 0.066, [0.0, 0.0, 1.0]))
    toes = chain(bent).joints_m[:, JOINT_INDEX["left_foot"], 0] + 0.065
    over = centre_of_mass(chain(bent))[:, 0] - toes
    done = grounded(bent, BodySize(), (), 20.0)
    toes_after = chain(done).joints_m[:, JOINT_INDEX["left_foot"], 0] + 0.065
    after = centre_of_mass(chain(done))[:, 0] - toes_after
    assert over.mean() > 0.0
    assert after.mean() < over.mean() - 0.03


def test_the_nearest_point_of_a_support() -> None:
    square = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
    np.testing.assert_allclose(into_support(np.array([0.4, 0.6]), square), [0.4, 0.6], atol=1e-3)
    edge = 0.5 + 0.5 * FIRM
    np.testing.assert_allclose(into_support(np.array([3.0, 0.3]), square), [edge, 0.3], atol=1e-2)
    np.testing.assert_allclose(into_support(np.array([3.0, 3.0]), square), [edge, edge], atol=1e-2)


def test_the_zero_moment_point_of_steady_acceleration() -> None:
    t = np.arange(60) / 20.0
    centre = np.stack([0.5 * 1.2 * t * t, np.zeros(60), np.full(60, 0.9)], axis=-1)
    expected = centre[:, 0] - 0.9 / 9.81 * 1.2
    np.testing.assert_allclose(zero_moment(centre, 20.0)[15:-15, 0], expected[15:-15], atol=2e-3)
    np.testing.assert_allclose(zero_moment(centre, 20.0)[:, 1], 0.0, atol=1e-12)


@pytest.mark.parametrize("size", [BodySize(), BodySize(1.55, 80.0)])
def test_distances_from_the_floor_are_those_from_a_slab(size: BodySize) -> None:
    rng = np.random.default_rng(1)
    pose = stand(6)
    angles = pose.angles + rng.normal(scale=0.2, size=pose.angles.shape)
    slab = Box("slab", (0.0, 0.0), (3.0, 3.0), 0.0, bottom_m=-1.0)
    found = gaps(pose._replace(angles=angles), size, (slab,))
    near = found.floor_m < FAR_M - 0.01
    assert near.sum() > 40
    np.testing.assert_allclose(found.things_m[near], found.floor_m[near], atol=2e-5)


def test_what_is_over_a_box_is_measured_from_its_top() -> None:
    seat = Box("chair", (0.0, 0.0), (0.2, 0.2), 0.45)
    points = np.array([[[0.0, 0.0, 0.55], [0.5, 0.0, 0.55], [0.0, 0.0, 0.2], [0.1, 0.1, 0.40]]])
    np.testing.assert_allclose(heights(points, np.full(4, 0.05), (seat,))[0], [0.05, 0.5, 0.15, -0.10], atol=1e-12)


def test_a_foot_that_swings_past_does_not_rest() -> None:
    pose = stand()
    still = rests(pose, BodySize(), (), 20.0)
    assert still[:, ANKLES].all()
    gliding = pose._replace(root_m=pose.root_m + np.outer(np.arange(20) / 20.0, [1.0, 0, 0]))
    assert not rests(gliding, BodySize(), (), 20.0)[:, ANKLES].any()
    flesh = flesh_of(BodySize())
    low = heights(points_of(chain(pose), flesh.on, flesh.offsets_m), flesh.radii_m, ()).min()
    assert abs(low) < 1e-3


def test_hands_of_who_sits_come_to_lie_in_the_lap() -> None:
    pose = stand(30, **{"hip.y": -85.0, "knee": 85.0, "elbow": -50.0, "shoulder.y": -26.0})
    lap = np.zeros(30, dtype=bool)
    assert hands_in_lap(pose, lap, BodySize(), 20.0) is pose
    lap[15:] = True
    done = hands_in_lap(pose, lap, BodySize(), 20.0)
    body = chain(done)
    palm = points_of(body, np.array([JOINT_INDEX["left_wrist"]]), np.array([[0.0, 0.085, 0.0]]))[:, 0]
    hip, knee = (body.joints_m[:, JOINT_INDEX[f"left_{part}"]] for part in ("hip", "knee"))
    on = hip + LAP_SHARE * (knee - hip)
    np.testing.assert_allclose(palm[20:] - on[20:], np.tile([0.0, 0.0, THIGH_M], (10, 1)), atol=0.012)
    before, after = (np.abs(gaps(p, BodySize(), ()).lap_m[20:]).max() for p in (pose, done))
    assert after < 0.04 < before
    # Nothing but the arms moves, and nothing before they are wanted.
    legs = [JOINT_INDEX[name] for name in ("pelvis", "left_knee", "right_knee", "left_foot", "head")]
    moved = np.abs(chain(done).joints_m - chain(pose).joints_m)
    assert moved[:, legs].max() < 0.003
    assert moved[:6].max() < 0.003
