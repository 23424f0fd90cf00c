"""Mirroring: an involution that commutes with kinematics, with the pose vector and with the words."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.mirror import is_symmetric, mirror_joints, mirror_motion, mirror_pose_vector, mirror_text
from motion_preprocessing.pose_vector import POSE_DIM, decode, encode
from motion_preprocessing.skeleton import JOINT_INDEX, JOINT_NAMES, REST_OFFSETS_M, WORLD_FROM_BODY

SEEDS = st.integers(0, 2**31)


def random_motion(seed: int, frames: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rotations = Rotation.from_rotvec(rng.normal(size=(frames * 22, 3))).as_matrix().reshape(frames, 22, 3, 3)
    return rotations, rng.normal(size=(frames, 3))


def reflected(joints: np.ndarray) -> np.ndarray:
    """The mirror image by names, one joint at a time: the independent reference."""
    image = np.empty_like(joints)
    for index, name in enumerate(JOINT_NAMES):
        side = name.split("_")[0]
        other = {"left": "right", "right": "left"}.get(side, side)
        image[..., JOINT_INDEX[name.replace(side, other, 1)], :] = joints[..., index, :] * np.array([1.0, -1.0, 1.0])
    return image


def test_the_rest_skeleton_is_its_own_mirror_image():
    assert is_symmetric()
    lopsided = REST_OFFSETS_M.copy()
    lopsided[JOINT_INDEX["left_knee"], 1] -= 0.01
    assert not is_symmetric(lopsided)


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_kinematics_of_the_mirrored_is_the_mirrored_kinematics(seed):
    rotations, root = random_motion(seed)
    joints, _ = forward_kinematics(rotations, root)
    mirrored, moved = mirror_motion(rotations, root)
    np.testing.assert_allclose(np.linalg.det(mirrored), 1.0, atol=1e-12)
    np.testing.assert_allclose(forward_kinematics(mirrored, moved)[0], reflected(joints), atol=1e-12)
    np.testing.assert_array_equal(mirror_joints(joints), reflected(joints))


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_mirroring_twice_changes_nothing(seed):
    rotations, root = random_motion(seed)
    back, place = mirror_motion(*mirror_motion(rotations, root))
    np.testing.assert_array_equal(back, rotations)
    np.testing.assert_array_equal(place, root)


@given(SEEDS, st.sampled_from([20.0, 30.0]))
@settings(max_examples=25, deadline=None)
def test_encoding_commutes_with_mirroring(seed, fps):
    rotations, root = random_motion(seed)
    x = encode(rotations, root, fps)
    np.testing.assert_allclose(mirror_pose_vector(x), encode(*mirror_motion(rotations, root), fps), atol=1e-12)
    # The root's orientation is fitted when decoding, so it must come out mirrored too.
    np.testing.assert_allclose(
        decode(mirror_pose_vector(x)).local_rotations, mirror_motion(rotations, root)[0], atol=1e-9
    )


@given(arrays(np.float32, (2, 3, POSE_DIM), elements=st.floats(-10, 10, width=32)))
@settings(max_examples=20, deadline=None)
def test_any_pose_vector_comes_back(x):
    np.testing.assert_array_equal(mirror_pose_vector(mirror_pose_vector(x)), x)
    assert mirror_pose_vector(x).dtype == np.float32


def test_numpy_and_torch_agree():
    rotations, root = random_motion(3)
    x = encode(rotations, root, 20.0)
    assert mirror_pose_vector(torch.from_numpy(x)).dtype == torch.float64
    np.testing.assert_array_equal(mirror_pose_vector(torch.from_numpy(x)).numpy(), mirror_pose_vector(x))
    both = mirror_motion(torch.from_numpy(rotations), torch.from_numpy(root))
    for tensor, array in zip(both, mirror_motion(rotations, root), strict=True):
        np.testing.assert_array_equal(tensor.numpy(), array)


def test_a_body_that_faces_left_of_x_faces_right_of_it_in_the_mirror():
    turn = Rotation.from_euler("z", 30, degrees=True).as_matrix()
    rotations = np.broadcast_to(np.eye(3), (1, 22, 3, 3)).copy()
    rotations[0, 0] = turn @ WORLD_FROM_BODY
    mirrored, root = mirror_motion(rotations, np.array([[1.0, 2.0, 0.9]]))
    expected = Rotation.from_euler("z", -30, degrees=True).as_matrix() @ WORLD_FROM_BODY
    np.testing.assert_allclose(mirrored[0, 0], expected, atol=1e-12)
    np.testing.assert_array_equal(root, [[1.0, -2.0, 0.9]])


def test_vectors_of_another_width_are_refused():
    with pytest.raises(ValueError, match="expected pose vectors of 258 numbers, got 262"):
        mirror_pose_vector(np.zeros((1, 262)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a person turns left", "a person turns right"),
        ("Left foot first, then the RIGHT hand", "Right foot first, then the LEFT hand"),
        ("walks clockwise", "walks counterclockwise"),
        ("turns anti-clockwise", "turns clockwise"),
        ("turns anticlockwise", "turns clockwise"),
        ("moves leftwards, a left-hand wave", "moves rightwards, a right-hand wave"),
        ("leans rightward with the rightmost leg", "leans leftward with the leftmost leg"),
        ("from left to right", "from right to left"),
        ("turns right now", "turns left now"),
        ("makes a right-angled turn to the right", "makes a right-angled turn to the left"),
        ("the joint left_knee", "the joint right_knee"),
    ],
)
def test_sides_are_swapped_in_text(text, expected):
    assert mirror_text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "stops right away",
        "stands upright",
        "a leftover step",
        "everything is all right",
        "the bright cleft",
        "at right angles",
        "someone who has left",
        "the nurse left the room",
        "right there",
    ],
)
def test_what_is_no_side_stays(text):
    assert mirror_text(text) == text


WORDS = st.sampled_from(
    ["a", "person", "turns", "left", "right", "Left", "RIGHT", "clockwise", "counterclockwise", "rightwards", "walks",
     "left-hand", "upright", "and", "then,"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=12).map(" ".join))
def test_mirroring_text_twice_changes_nothing(text):
    assert mirror_text(mirror_text(text)) == text


@given(st.text(max_size=60))
def test_text_without_sides_is_untouched(text):
    if not any(word in text.lower() for word in ("left", "right", "clockwise")):
        assert mirror_text(text) == text
