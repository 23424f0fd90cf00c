"""What is between two people: closed forms, and what must not change it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from motion_preprocessing.canonical import move_points
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.mirror import mirror_joints
from motion_preprocessing.skeleton import JOINT_INDEX, WORLD_FROM_BODY
from motion_train.evaluation.pair_features import (
    HAND_ON_M,
    OF_EACH,
    OF_PAIR,
    OPPOSED,
    pair_features,
    pair_series,
    raised_m,
)

FPS = 20.0


def standing(x: float, y: float, way_deg: float, frames: int = 40, pelvis_m: float = 0.93) -> np.ndarray:
    """Somebody who stands in the rest pose, facing a way."""
    rotations = np.broadcast_to(np.eye(3), (frames, 22, 3, 3)).copy()
    rotations[:, 0] = WORLD_FROM_BODY
    joints, _ = forward_kinematics(rotations, np.broadcast_to([0.0, 0.0, pelvis_m], (frames, 3)))
    return move_points(np.asarray(joints), np.radians(way_deg), np.array([x, y]))


def moving(seed: int, x: float, y: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    wobble = 0.05 * np.cumsum(rng.standard_normal((40, 22, 3)), axis=0)
    whole = np.cumsum(0.02 * rng.standard_normal((40, 1, 3)), axis=0)
    joints = standing(x, y, rng.uniform(-180, 180)) + whole
    arms = [JOINT_INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("elbow", "wrist")]
    joints[:, arms] += wobble[:, arms]
    return joints


def test_places_and_ways_of_two_who_stand() -> None:
    found = pair_series(standing(0, 0, 0), standing(1.2, 0.5, 120, pelvis_m=1.0), FPS)
    back = np.radians(120)
    expected = {
        "apart": 1.3, "same_way": -0.5, "drift": 0.0, "above": -0.07, "head_above": -0.07, "own_ahead": 1.2,
        "own_aside": 0.5, "other_ahead": -1.2 * np.cos(back) - 0.5 * np.sin(back),
        "other_aside": abs(1.2 * np.sin(back) - 0.5 * np.cos(back)),
    }  # fmt: skip
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-9, err_msg=name)


def test_nobody_drifts_who_goes_along() -> None:
    going = np.arange(40)[:, None, None] / FPS * [0.3, 0.4, 0.0]
    own, other = standing(0, 0, 0), standing(0.8, 0, 0)
    np.testing.assert_allclose(pair_series(own, other + going, FPS)["drift"], 0.5)
    np.testing.assert_allclose(pair_series(own + going, other + going, FPS)["drift"], 0.0, atol=1e-9)


def test_palms_are_measured_to_trunk_and_arms() -> None:
    own, other = moving(0, 0, 0), moving(1, 0.6, 0.3)
    found = pair_series(own, other, FPS)
    for t in (0, 17, 39):

        def to_segment(palm: np.ndarray, start: str, end: str, frame: int = t) -> float:
            a, b = other[frame, JOINT_INDEX[start]], other[frame, JOINT_INDEX[end]]
            best = minimize_scalar(
                lambda s: np.linalg.norm(a + s * (b - a) - palm), bounds=(0, 1), method="bounded",
                options={"xatol": 1e-10},
            )  # fmt: skip
            return float(min(best.fun, np.linalg.norm(a - palm), np.linalg.norm(b - palm)))

        trunk, arms = [], []
        for side in ("left", "right"):
            wrist, elbow = own[t, JOINT_INDEX[f"{side}_wrist"]], own[t, JOINT_INDEX[f"{side}_elbow"]]
            palm = wrist + 0.08 * (wrist - elbow) / np.linalg.norm(wrist - elbow)
            trunk.append(to_segment(palm, "pelvis", "neck"))
            bones = [(f"{a}_shoulder", f"{a}_elbow") for a in ("left", "right")]
            bones += [(f"{a}_elbow", f"{a}_wrist") for a in ("left", "right")]
            arms.append(min(to_segment(palm, *bone) for bone in bones))
        expected = {
            "own_trunk_near": min(trunk), "own_trunk_far": max(trunk), "own_arm_near": min(arms),
            "own_arm_far": max(arms), "own_hand": min(trunk + arms),
        }  # fmt: skip
        assert {name: found[name][t] for name in expected} == pytest.approx(expected, abs=1e-6)
        every = np.linalg.norm(own[t, :, None] - other[t, None], axis=-1)
        assert found["nearest"][t] == pytest.approx(every.min())


def test_naming_the_other_one_first_exchanges_the_two() -> None:
    own, other = moving(2, 0, 0), moving(3, 0.5, -0.4)
    there, back = pair_series(own, other, FPS), pair_series(other, own, FPS)
    assert {*OF_PAIR, *OPPOSED, *(f"{who}_{name}" for who in ("own", "other") for name in OF_EACH)} == set(there)
    for name in OF_PAIR:
        np.testing.assert_allclose(there[name], back[name], err_msg=name)
    for name in OPPOSED:
        np.testing.assert_allclose(there[name], -back[name], err_msg=name)
    for name in OF_EACH:
        np.testing.assert_allclose(there[f"own_{name}"], back[f"other_{name}"], err_msg=name)
    assert np.abs(there["own_ahead"] - there["other_ahead"]).max() > 0.1


def test_place_way_and_side_of_the_pair_do_not_matter() -> None:
    own, other = moving(4, 0, 0), moving(5, 0.6, 0.2)
    plain = pair_features(own, other, FPS)
    moved = [move_points(one, 2.1, np.array([3.0, -7.0])) for one in (own, other)]
    np.testing.assert_allclose(pair_features(*moved, FPS), plain, atol=1e-5)
    np.testing.assert_allclose(pair_features(mirror_joints(own), mirror_joints(other), FPS), plain, atol=1e-5)
    assert np.abs(pair_features(own, moved[1], FPS) - plain).max() > 1.0


def test_only_what_rises_under_a_hand_counts() -> None:
    height = np.array([0.5, 0.6, 0.8, 0.7, 0.9, 1.0])
    on, off = HAND_ON_M - 0.01, HAND_ON_M + 0.01
    assert raised_m(height, np.full(6, on)) == pytest.approx(0.6)
    assert raised_m(height, np.full(6, off)) == 0.0
    assert raised_m(height, np.array([off, on, on, on, off, off])) == pytest.approx(0.2)


def test_how_far_somebody_is_raised_is_among_the_features() -> None:
    own, other = standing(0, 0, 0), standing(0.4, 0, 180)
    other[..., 2] += np.linspace(-0.4, 0.0, 40)[:, None]
    for side in ("left", "right"):
        own[:, JOINT_INDEX[f"{side}_elbow"]] = other[:, JOINT_INDEX["spine2"]] - [0.3, 0, 0]
        own[:, JOINT_INDEX[f"{side}_wrist"]] = other[:, JOINT_INDEX["spine2"]] - [0.1, 0, 0]
    np.testing.assert_allclose(pair_features(own, other, FPS)[-4:], [0.4, 0.4, 0.0, 0.0], atol=1e-6)
