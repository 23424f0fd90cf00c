from __future__ import annotations

import numpy as np
import pytest

from motion_preprocessing.simulation.hinges import HIGH_RAD, LOW_RAD, Pose, angles_of, chain
from motion_preprocessing.simulation.keys import Key, solve_keys
from motion_preprocessing.simulation.solve import (
    FLESH_OFFSETS_M,
    FLESH_ON,
    FLESH_RADII_M,
    MASS_CENTRES_M,
    MASS_SHARES,
    Box,
    centre_of_mass,
    points_of,
)
from motion_preprocessing.skeleton import JOINT_INDEX, rest_joints


def test_mass_shares_are_a_whole_and_symmetric() -> None:
    assert MASS_SHARES.sum() == pytest.approx(1.0)
    assert MASS_SHARES[JOINT_INDEX["left_hip"]] == MASS_SHARES[JOINT_INDEX["right_hip"]]


def test_centre_of_mass_of_the_t_pose() -> None:
    pose = Pose(np.zeros((1, 3)), np.eye(3)[None], np.zeros((1, 45)))
    # Rest joints are in body axes: x left, y up, z forward.
    rest = rest_joints()[:, [2, 0, 1]]
    np.testing.assert_allclose(centre_of_mass(chain(pose))[0], MASS_SHARES @ (rest + MASS_CENTRES_M), atol=1e-12)


def test_contacts_are_met_within_limits() -> None:
    touch = {"foot_l": (0.3, 0.12, 0.0), "foot_r": (0.3, -0.12, 0.0), "hand_l": (0.45, 0.2, 0.5)}
    pose = solve_keys([Key(0.0, {"hip.y": -60, "knee": 60}, (0.2, 0.0, 0.7), (0.0, 30.0, 0.0), touch)], ())
    joints = chain(pose).joints_m[0]
    np.testing.assert_allclose(joints[JOINT_INDEX["left_ankle"]], [0.3, 0.12, 0.066], atol=0.006)
    np.testing.assert_allclose(joints[JOINT_INDEX["left_wrist"]], [0.45, 0.2, 0.5], atol=0.006)
    assert (pose.angles >= LOW_RAD - 1e-9).all()
    assert (pose.angles <= HIGH_RAD + 1e-9).all()


def test_balance_puts_the_centre_of_mass_over_its_place() -> None:
    touch = {"foot_l": (0.0, 0.1, 0.0), "foot_r": (0.0, -0.1, 0.0)}
    free = Key(0.0, {"hip.y": -40, "knee": 60}, (-0.2, 0.0, 0.75), (0.0, 10.0, 0.0), touch)
    held = Key(0.0, free.angles_deg, free.at_m, free.turn_deg, touch, balance_m=(0.05, 0.0))
    com = centre_of_mass(chain(solve_keys([free, held], ())))
    assert abs(com[1, 0] - 0.05) < 0.03 < abs(com[0, 0] - 0.05)


@pytest.mark.parametrize("boxes", [(), (Box("bed", (0.0, 0.0), (1.2, 1.2), 0.5),)], ids=["floor", "bed"])
def test_flesh_is_pushed_out(boxes: tuple[Box, ...]) -> None:
    top = boxes[0].top_m if boxes else 0.0
    # An arm that hangs into what the body lies on.
    key = Key(0.0, angles_of_arm(), (0.0, 0.0, top + 0.12), (0.0, -90.0, 0.0))
    deepest = []
    for pose in (
        solve_keys([Key(0.0, key.angles_deg, key.at_m, key.turn_deg, lock=True)], boxes),
        solve_keys([key], boxes),
    ):
        flesh = points_of(chain(pose), FLESH_ON, FLESH_OFFSETS_M)[0]
        deepest.append((top + FLESH_RADII_M - flesh[:, 2]).max())
    assert deepest[0] > 0.1
    assert deepest[1] < 0.02


def angles_of_arm() -> dict[str, float]:
    assert angles_of({"shoulder.y_l": 50.0}).any()
    return {"shoulder.x": -75.0, "shoulder.y_l": 50.0}
