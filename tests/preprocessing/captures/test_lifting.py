"""What the whole chain recovers of synthetic captures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motion_preprocessing.captures.evaluate import score
from motion_preprocessing.captures.lifting import LiftConfig, Lifted, lift
from motion_preprocessing.captures.poses_of import read_prediction
from motion_preprocessing.captures.read import read_capture
from motion_preprocessing.captures.synthetic import SyntheticConfig, synthesise
from motion_preprocessing.captures.write import write_capture
from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.poses.hmr2 import read_hmr2
from motion_preprocessing.skeleton import FEET, REST_OFFSETS_M, SMPL_PELVIS_M

pytest.importorskip("scipy")
Edit = Callable[[Callable[[Any], object]], None]


def lifted_from(
    tmp_path: Path, config: SyntheticConfig, seed: int, how: LiftConfig | None = None
) -> tuple[Lifted, Path]:
    folder = tmp_path / "capture"
    write_capture(folder, synthesise(config, seed), site="s", room="r", time="t")
    return lift(read_capture(folder), how or LiftConfig()), folder


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lifted, Path]:
    config = SyntheticConfig(frames=60, pitch_deg=(20.0, 20.0), width=240, height=180, key_frames=3, people=(2, 2))
    return lifted_from(tmp_path_factory.mktemp("noisy"), config, 11)


def test_the_floor_is_found_to_a_degree_and_people_to_centimetres(noisy: tuple[Lifted, Path]) -> None:
    result = score(*noisy)
    assert result.floor_deg < 1.0
    assert abs(result.floor_height_m) < 0.05
    assert len(result.root_m) > 100
    assert np.median(result.root_m) < 0.05
    assert np.median(result.joints_m) < 0.08


def test_swapped_poses_are_masked_and_right_ones_kept(noisy: tuple[Lifted, Path]) -> None:
    result = score(*noisy)
    assert result.swapped[0] >= 5
    assert result.swapped[1] >= 0.95 * result.swapped[0]
    assert result.good[1] <= 0.03 * result.good[0]
    # By themselves: two exchanged poses are found by both rules, one that lies on the person in front by the first.
    assert result.rules["nearest"][0] >= result.rules["assignment"][0] > 0
    counts = noisy[0].figures["poses"]
    nearest, assigned = (sum(int(m.sum()) for m in masks) for masks in (noisy[0].poses.masks.nearest,
                                                                        noisy[0].poses.masks.assigned))  # fmt: skip
    assert counts["nearest_only"] + counts["both_rules"] == nearest == counts["swapped"]
    assert counts["assignment_only"] + counts["both_rules"] == assigned
    assert counts["given"] == counts["kept"] + counts["swapped"] + counts["far"]
    assert len(noisy[0].believed) == counts["given"]


def test_standing_feet_meet_the_floor(noisy: tuple[Lifted, Path]) -> None:
    placing = noisy[0].figures["placing"]
    assert placing["standing_frames"] > 60
    assert placing["floating_after"] + placing["sinking_after"] < 0.05
    assert placing["floating_before"] + placing["sinking_before"] > 0.2
    assert placing["feet_after_m"] < 0.03
    assert placing["feet_after_m"] < placing["feet_before_m"]
    for person in noisy[0].people:
        joints, _ = forward_kinematics(
            person.local_rotations, person.root_position_m, person.body_scale * REST_OFFSETS_M
        )
        lowest = np.asarray(joints)[:, list(FEET), 2].min(axis=1)
        assert abs(np.median(lowest)) < 0.05


def test_the_cloud_has_its_floor_at_zero_and_its_furniture_above(noisy: tuple[Lifted, Path]) -> None:
    cloud = noisy[0].cloud
    floor = cloud.points_m[cloud.labels == 1]
    assert len(floor) > 500
    assert abs(np.median(floor[:, 2])) < 0.02
    assert np.percentile(np.abs(floor[:, 2]), 90) < 0.15
    furniture = cloud.points_m[cloud.labels >= 4]
    assert len(furniture) > 50
    assert np.median(furniture[:, 2]) > 0.2
    assert (cloud.labels < 23).all()


def test_without_noise_the_chain_returns_the_truth(tmp_path: Path) -> None:
    exact = SyntheticConfig(
        frames=30, key_frames=2, width=240, height=180, pitch_deg=(0.0, 0.0), depth_noise=0.0, keypoint_noise_px=0.0,
        rotation_noise_deg=0.0, distance_noise=0.0, pose_noise_px=0.0, body_scale=0.0, wrong=0.0, missing=0.0,
        swapped=0.0, occlusion=0.0,
    )  # fmt: skip
    lifted, folder = lifted_from(tmp_path, exact, 2, LiftConfig(smoothing=0.0, placement="predicted"))
    result = score(lifted, folder)
    # Half precision of the depth files is what is left.
    assert result.floor_deg < 0.05
    assert result.root_m.max() < 0.01
    assert result.joints_m.max() < 0.01
    assert result.good[1] == 0


def test_the_thesis_floor_can_be_chosen_and_warns_at_a_level_camera(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    level = SyntheticConfig(frames=30, key_frames=2, width=240, height=180, pitch_deg=(2.0, 2.0))
    lifted, folder = lifted_from(tmp_path, level, 3, LiftConfig(floor="thesis", placement="predicted"))
    assert "breaks down" in lifted.figures["warnings"][0]
    ours = lift(read_capture(folder), LiftConfig(placement="predicted"))
    assert score(ours, folder).floor_deg < 1.5
    assert score(lifted, folder).floor_deg > 5.0
    assert ours.figures["warnings"] == []


def test_hmr2s_own_focal_length_moves_people_away_by_the_ratio(capture_folder: Path) -> None:
    capture = read_capture(capture_folder)
    near, far = (
        lift(capture, LiftConfig(placement=how, smoothing=0.0)).people[0] for how in ("predicted", "assumed")
    )
    eye = lift(capture, LiftConfig(placement="predicted")).world_from_camera
    depth_near, depth_far = (
        (person.root_position_m[person.seen] - eye[:3, 3]) @ eye[:3, 2] for person in (near, far)
    )
    camera = capture.camera
    np.testing.assert_allclose(depth_far / depth_near, 5000 / 256 * 160 / camera.fx, rtol=1e-5)


def test_people_seen_too_briefly_are_left_out_and_long_gaps_part_a_motion(capture_folder: Path, edit: Edit) -> None:
    capture = read_capture(capture_folder)
    whole = lift(capture, LiftConfig(min_seconds=1.0))
    assert {person.track_id for person in whole.people} == {1, 2}

    def cut(content: Any) -> None:
        for entry in content["frames"]:
            gone = {track for track, away in ((1, 8 <= entry["frame"] < 14), (2, entry["frame"] > 4)) if away}
            entry["people"] = [person for person in entry["people"] if person["track"] not in gone]

    edit(cut)
    parted = lift(read_capture(capture_folder), LiftConfig(min_seconds=0.6, max_gap_s=0.4))
    assert {person.track_id for person in parted.people} == {1}
    spans = [(person.first_frame, person.first_frame + len(person.seen)) for person in parted.people]
    assert len(spans) == 2
    assert spans[0][1] <= 8
    assert spans[1][0] >= 14
    assert any("track 2" in line for line in parted.figures["left_out"])
    bridged = lift(read_capture(capture_folder), LiftConfig(min_seconds=0.6, max_gap_s=1.0))
    assert len(bridged.people) == 1
    assert not bridged.people[0].seen[8 - bridged.people[0].first_frame : 14 - bridged.people[0].first_frame].any()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c.update(predictions=[]), "expected predicted poses, got none"),
        (lambda c: c.update(key_frames=[]), "expected key frames, got none"),
        (lambda c: c.update(depth=c["depth"][:1]), "expected metric depth"),
    ],
)
def test_what_is_missing_is_said(capture_folder: Path, edit: Edit, spoil: Any, message: str) -> None:
    edit(spoil)
    with pytest.raises(InputError, match=message):
        lift(read_capture(capture_folder), LiftConfig())


def test_metric_depth_alone_will_do(capture_folder: Path, edit: Edit) -> None:
    edit(lambda content: content.update(depth=content["depth"][1:]))
    lifted = lift(read_capture(capture_folder), LiftConfig())
    assert lifted.room.fit is None
    assert score(lifted, capture_folder).floor_deg < 2.0


def test_a_disparity_upside_down_is_refused(capture_folder: Path) -> None:
    for path in (capture_folder / "depth/relative").iterdir():
        np.save(path, -np.load(path))
    with pytest.raises(InputError, match="expected alpha above 0"):
        lift(read_capture(capture_folder), LiftConfig())


def test_unknown_methods_are_refused() -> None:
    for name in ("floor", "occlusion", "placement"):
        with pytest.raises(InputError, match=f"got 'best' for {name}"):
            replace(LiftConfig(), **{name: "best"})


def test_one_frame_is_no_motion(capture_folder: Path, edit: Edit) -> None:
    def one(content: Any) -> None:
        content["frame_count"] = 1
        content["frames"] = content["frames"][:1]
        content["key_frames"] = content["key_frames"][:1]

    edit(one)
    lifted = lift(read_capture(capture_folder), LiftConfig())
    assert lifted.people == ()
    assert len(lifted.figures["left_out"]) == 2
    assert json.dumps(lifted.figures)


def test_translations_are_those_of_the_bodys_origin(tmp_path: Path) -> None:
    """HMR2 moves SMPL's origin, 22 cm from the pelvis: the pelvis comes out, and the pixels stay on the people."""
    made = synthesise(SyntheticConfig(), 5)
    write_capture(tmp_path / "c", made, site="s", room="r", time="t")
    capture = read_capture(tmp_path / "c")
    file = capture.predictions[0]
    raw = read_hmr2(file.path, capture.camera)
    poses = read_prediction(file, capture)
    moved = poses.translation_m - raw.translation_m
    np.testing.assert_allclose(moved, np.tile(SMPL_PELVIS_M, (len(raw), 1)), atol=1e-6)
    np.testing.assert_allclose(capture.camera.project(poses.translation_m), poses.predicted_2d[:, 0], atol=0.05)
    # Another body says so in its entry.
    other = read_prediction(replace(file, pelvis_offset_m=(0.0, 0.1, 0.0)), capture)
    moved = other.translation_m - raw.translation_m
    np.testing.assert_allclose(moved, np.tile([0.0, 0.1, 0.0], (len(raw), 1)), atol=1e-6)
