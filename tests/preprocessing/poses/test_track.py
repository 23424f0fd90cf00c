"""The record of a person: what it refuses, and where its joints lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from motion_preprocessing.errors import InputError
from motion_preprocessing.poses.track import PersonTrack
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.skeleton import JOINT_INDEX, REST_OFFSETS_M


def test_a_wrong_shape_is_named() -> None:
    track = PersonTrack.blank(3, [0, 1, 5])
    with pytest.raises(InputError, match=r"expected shape \(3, 22, 3, 3\), got \(2, 22, 3, 3\) for rotations of track"):
        replace(track, rotations=track.rotations[:2])
    with pytest.raises(InputError, match="rising frame numbers"):
        replace(track, frames=np.array([0, 5, 1]))
    with pytest.raises(InputError, match="expected 3 actions, got 1"):
        replace(track, action=("sit",))


def test_the_body_turns_about_its_pelvis_not_about_transl() -> None:
    offsets = REST_OFFSETS_M.copy()
    offsets[0] = (0.0, -0.24, 0.03)
    quarter = matrix_from_rotation_vector(np.array([0.0, 0.0, np.pi / 2]))
    track = PersonTrack.blank(0, [0])
    rotations = track.rotations.copy()
    rotations[0, 0] = quarter
    joints = replace(track, rotations=rotations, translation_m=np.array([[1.0, 2.0, 3.0]])).joints_m(offsets)[0]
    np.testing.assert_allclose(joints[0], (1.0, 1.76, 3.03))
    np.testing.assert_allclose(joints[JOINT_INDEX["left_hip"]], (1.0 + 0.09, 1.76 + 0.07, 3.03), atol=1e-12)


def test_frames_are_taken_out_and_rejected_without_touching_the_numbers() -> None:
    present = np.array([True, True, False, True])
    track = replace(PersonTrack.blank(0, np.arange(4)), present=present, action=tuple("abcd"))
    part = track.at(np.array([True, False, True, True]))
    assert part.action == ("a", "c", "d")
    assert part.present.tolist() == [True, False, True]
    assert part.without(np.array([True, True, False])).present.tolist() == [False, False, True]
    assert track.at(slice(1, 3)).frames.tolist() == [1, 2]
