"""Synthetic captures: what they claim to be true follows from what they show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.captures.mistakes import ALIKE, MISSING, RIGHT, SWAPPED, choose_mistakes
from motion_preprocessing.captures.synthetic import (
    SyntheticCapture,
    SyntheticConfig,
    correlated,
    halved,
    predicted_joints,
    synthesise,
)
from motion_preprocessing.captures.walks import procedural_walk
from motion_preprocessing.captures.write import write_capture
from motion_preprocessing.errors import InputError, OutputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.skeleton import FEET

SMALL = SyntheticConfig(frames=30, key_frames=2, width=160, height=120)
EXACT = replace(
    SMALL, depth_noise=0.0, keypoint_noise_px=0.0, rotation_noise_deg=0.0, distance_noise=0.0, pose_noise_px=0.0,
    body_scale=0.0, wrong=0.0, people=(2, 2), swapped=0.1,
)  # fmt: skip


@pytest.fixture(scope="module")
def exact() -> SyntheticCapture:
    return synthesise(EXACT, 3)


def in_camera(capture: SyntheticCapture, points: np.ndarray) -> np.ndarray:
    inverse = np.linalg.inv(capture.truth.world_from_camera)
    return points @ inverse[:3, :3].T + inverse[:3, 3]


@pytest.mark.parametrize("pitch", [0.0, 35.0, 60.0])
def test_the_camera_looks_down_by_its_pitch_and_sees_the_floor(pitch: float) -> None:
    capture = synthesise(replace(EXACT, pitch_deg=(pitch, pitch), roll_deg=(5.0, 5.0)), 1)
    pose = capture.truth.world_from_camera
    np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(pose[:3, :3]) > 0
    np.testing.assert_allclose(np.degrees(np.arcsin(-pose[2, 2])), pitch, atol=1e-9)
    # The roll: how far the picture's x axis leaves the horizontal.
    np.testing.assert_allclose(np.degrees(np.arcsin(-pose[2, 0])), np.degrees(np.arcsin(np.sin(np.radians(5))
                               * np.cos(np.radians(pitch)))), atol=1e-9)  # fmt: skip
    for view in capture.views:
        floor = capture.stage.camera.backproject(view.depth_m)[view.segments == 1]
        assert len(floor) > 0.02 * view.depth_m.size
        residual = floor @ capture.truth.floor_normal + capture.truth.floor_offset
        np.testing.assert_allclose(residual, 0.0, atol=1e-9)


def test_disparity_is_affine_in_one_over_depth(exact: SyntheticCapture) -> None:
    truth = exact.truth
    for disparity, metric, view in zip(exact.disparity, exact.metric_m, exact.views, strict=True):
        np.testing.assert_allclose(1 / (truth.alpha * disparity + truth.beta), view.depth_m, rtol=1e-9)
        # A pixel of the half-size map has its centre between four: where they see one plane, its depth is exact.
        whole = exact.stage.camera.scaled(2 * metric.shape[1], 2 * metric.shape[0])
        small = whole.scaled(metric.shape[1], metric.shape[0]).backproject(metric)
        residual = small @ truth.floor_normal + truth.floor_offset
        quads = (view.segments.reshape(metric.shape[0], 2, metric.shape[1], 2) == 1).all(axis=(1, 3))
        assert quads.sum() > 200
        np.testing.assert_allclose(residual[quads], 0.0, atol=1e-9)
        assert disparity.min() > 0


def test_noise_is_as_large_as_it_says() -> None:
    capture = synthesise(replace(SMALL, depth_noise=0.05), 4)
    ratio = capture.metric_m[0] / halved(capture.views[0].depth_m)
    assert abs(ratio.std() - 0.05) < 0.004
    assert abs(ratio.mean() - 1) < 0.004


def test_correlated_noise_is_as_large_and_comes_in_patches() -> None:
    rng = np.random.default_rng(0)
    spread = 4.0
    noise = np.stack([correlated(rng.standard_normal((96, 128)), spread) for _ in range(20)])
    assert abs(noise.std() - 1) < 0.05
    for shift in (2, 8):  # white noise smoothed by a Gaussian correlates as one that is sqrt(2) as wide
        expected = np.exp(-(shift**2) / (4 * spread**2))
        assert abs(np.mean(noise[..., shift:] * noise[..., :-shift]) - expected) < 0.07
    capture = synthesise(replace(SMALL, depth_noise=0.05, depth_correlation_px=6.0), 4)
    error = capture.metric_m[0] / halved(capture.views[0].depth_m) - 1
    assert abs(error.std() - 0.05) < 0.015
    # At half the size patches have half as many pixels: 3, so that two pixels apart they still agree.
    assert np.corrcoef(error[:, 2:].ravel(), error[:, :-2].ravel())[0, 1] > 0.8
    with pytest.raises(InputError, match="expected 0 pixels or more, got -1"):
        replace(SMALL, depth_correlation_px=-1)


@pytest.mark.parametrize("allowed", [False, True])
def test_people_who_look_alike_are_swapped_only_on_request_and_counted_apart(allowed: bool) -> None:
    """Two people: in the first half they nearly coincide in the picture, in the second they are apart."""
    rng = np.random.default_rng(0)
    keypoints = np.concatenate([rng.uniform(40, 80, (1, 40, 17, 2)), np.full((1, 40, 17, 1), 2.0)], axis=-1)
    keypoints = np.concatenate([keypoints, keypoints + [1.0, 0.0, 0.0]])
    keypoints[1, 20:, :, 0] += 30.0
    boxes = np.concatenate([keypoints[..., :2].min(axis=2), keypoints[..., :2].max(axis=2)], axis=-1)
    predicted, shown = choose_mistakes(
        keypoints, boxes, np.ones((2, 40), bool), swapped=0.5, swap_alike=allowed, missing=0.0, wrong=0.0, rng=rng
    )
    assert (predicted[:, 20:] == SWAPPED).any()
    assert not (predicted[:, :20] == SWAPPED).any()
    assert not (predicted[:, 20:] == ALIKE).any()
    assert (predicted[:, :20] == ALIKE).any() == allowed
    other = np.array([[1], [0]])
    np.testing.assert_array_equal(shown == other, predicted != RIGHT)


def test_without_noise_right_poses_are_the_truth(exact: SyntheticCapture) -> None:
    poses, truth = exact.poses, exact.truth
    joints = predicted_joints(poses, exact.stage.camera)
    person = np.searchsorted(truth.track_ids, poses.track_id)
    right = truth.predicted[person, poses.frame] == RIGHT
    assert right.mean() > 0.7
    expected = in_camera(exact, truth.joints_m[person, poses.frame])
    np.testing.assert_allclose(joints[right], expected[right], atol=1e-9)


def test_a_swapped_pose_is_that_of_the_other(exact: SyntheticCapture) -> None:
    poses, truth = exact.poses, exact.truth
    joints = predicted_joints(poses, exact.stage.camera)
    person = np.searchsorted(truth.track_ids, poses.track_id)
    swapped = truth.predicted[person, poses.frame] == SWAPPED
    assert swapped.sum() == 6  # a tenth of 30 frames for each of two
    other = in_camera(exact, truth.joints_m[1 - person, poses.frame])
    np.testing.assert_allclose(joints[swapped], other[swapped], atol=1e-9)


def test_missing_poses_are_missing(exact: SyntheticCapture) -> None:
    poses, truth = exact.poses, exact.truth
    given = np.zeros(truth.predicted.shape, dtype=bool)
    given[np.searchsorted(truth.track_ids, poses.track_id), poses.frame] = True
    np.testing.assert_array_equal(given, truth.predicted < MISSING)
    assert (truth.predicted == MISSING).any()


def test_keypoints_are_where_the_joints_are_and_hidden_where_something_is_in_front(exact: SyntheticCapture) -> None:
    camera, truth = exact.stage.camera, exact.truth
    shoulder = camera.project(in_camera(exact, truth.joints_m[:, :, 16]))  # COCO 5, SMPL 16: the left one
    known = exact.keypoints[:, :, 5, 2] > 0
    assert known.mean() > 0.5
    np.testing.assert_allclose(exact.keypoints[:, :, 5, :2][known], shoulder[known], atol=1e-9)
    for index, frame in enumerate(truth.key_frames):
        for person, track in enumerate(truth.track_ids):
            for x, y, visible in exact.keypoints[person, frame]:
                if visible == 1:  # what hides it is nearer: another segment than floor or walls behind
                    assert exact.views[index].segments[int(y), int(x)] not in (3, 100 + track)


def test_crossing_people_hide_each_other() -> None:
    shares = [synthesise(replace(SMALL, occlusion=1.0, people=(3, 3)), seed).truth.occluded.mean() for seed in range(3)]
    assert max(shares) > 0.03


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_capture(tmp_path / name, synthesise(SMALL, 7), site="s", room="r", time="t")
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert len(files) == 3 + 2 * 4
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file
    with pytest.raises(OutputError, match="expected a new folder"):
        write_capture(tmp_path / "a", synthesise(SMALL, 7), site="s", room="r", time="t")


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(InputError, match="expected 1 to 3 key frames, got 5"):
        SyntheticConfig(frames=3)
    with pytest.raises(InputError, match="got 1.5 for swapped"):
        SyntheticConfig(swapped=1.5)


def test_walkers_stand_on_a_foot_that_stays() -> None:
    motion = procedural_walk(np.random.default_rng(2), 120, 20.0)
    joints, _ = forward_kinematics(motion.local_rotations, motion.root_position_m)
    feet = joints[:, list(FEET)]
    np.testing.assert_allclose(feet[..., 2].min(axis=1), 0.0, atol=1e-9)
    speed = np.linalg.norm(np.diff(feet, axis=0), axis=-1) * 20
    assert np.median(speed.min(axis=1)) < 0.12
    ahead = np.diff(motion.root_position_m[:, :2], axis=0)
    facing = motion.local_rotations[:-1, 0, :2, 2]
    moving = np.linalg.norm(ahead, axis=1) > 0.01
    assert moving.mean() > 0.4
    cosine = np.sum(ahead * facing, axis=1)[moving] / np.linalg.norm(ahead, axis=1)[moving]
    assert cosine.min() > 0.98
