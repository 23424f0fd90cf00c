from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("mujoco")

from motion_preprocessing.cli import cli
from motion_preprocessing.dataset import FRAMES_FILE, HEADER_FILE, SEQUENCES_FILE, MotionDataset
from motion_preprocessing.errors import OutputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.pose_vector import decode
from motion_preprocessing.simulation import care, keypose, tracked_clips
from motion_preprocessing.simulation.batch import check_tracked, read_starts, tries
from motion_preprocessing.simulation.body import BodySize
from motion_preprocessing.simulation.command import run_simulate
from motion_preprocessing.simulation.hinges import Pose, chain
from motion_preprocessing.simulation.routine import Walks
from motion_preprocessing.simulation.tracked_care import HAND_MOST, make_helped
from motion_preprocessing.simulation.tracked_clips import (
    HELPS,
    TrackedClip,
    _joined,
    _warp,
    body_faults,
    contact_figures,
    figures_of,
    held_limbs,
    make_tracked,
    reference_faults,
    solid,
    stretch,
    tracked_faults,
)


@pytest.fixture(scope="module")
def walks(starts: Path) -> Walks:
    return read_starts(starts).walks["train"]


@pytest.fixture(scope="module")
def clip(walks: Walks) -> TrackedClip:
    """Somebody who sits down and stands up again."""
    return make_tracked("chair_both", np.random.default_rng([81, 0]), walks)


def test_who_sits_down_and_stands_up_is_kept(clip: TrackedClip) -> None:
    assert tracked_faults(clip) == []
    figures = figures_of(clip)
    assert figures["help_up_most"] <= HELPS[clip.rung].upright + 1e-9
    assert figures["help_level_most"] <= np.sqrt(2) * HELPS[clip.rung].level + 1e-9
    assert figures["error_m"] < 0.12
    assert 0.4 < clip.made.root_m[:, 2].min() < 0.75
    assert clip.made.root_m[-1, 2] > 0.85
    # Key poses sink into the seat; flesh does not.
    sits = np.zeros(len(clip.held), dtype=bool)
    cut = Pose(*(a[clip.first : clip.first + len(clip.held)] for a in clip.keys.pose))
    keys = contact_figures(cut, clip.held, sits, BodySize(), clip.boxes)
    assert figures["floor_m"] + figures["things_m"] < keys["floor_m"] + keys["things_m"] + 0.02


def test_the_same_seed_makes_the_same_clip(clip: TrackedClip, walks: Walks) -> None:
    again = make_tracked("chair_both", np.random.default_rng([81, 0]), walks)
    np.testing.assert_array_equal(again.made.rotations, clip.made.rotations)
    np.testing.assert_array_equal(again.made.root_m, clip.made.root_m)
    assert figures_of(again) == figures_of(clip)


def test_what_a_body_did_is_on_the_projects_skeleton(clip: TrackedClip) -> None:
    joints = np.asarray(forward_kinematics(clip.made.rotations, clip.made.root_m)[0])
    stop = clip.first + len(clip.held)
    np.testing.assert_allclose(joints[clip.first : stop], chain(clip.tracked.pose).joints_m, atol=1e-9)


def test_key_poses_that_a_body_does_exactly_stay_as_they_are(walks: Walks) -> None:
    for seed in range(12):
        made = keypose.make("chair_sit", np.random.default_rng([3, seed]), walks)
        if made.routine.arrival is not None:
            break
    start, stop = stretch(made)
    assert 20 < start < stop == len(made.root_m)
    # The last step is over: both feet stand where the seat wants them.
    feet = [made.joints_m[start : start + 6, joint] for joint in (7, 8)]
    assert max(np.ptp(foot, axis=0).max() for foot in feet) < 0.02
    same = _joined(made, start, Pose(*(a[start:stop] for a in made.pose)))
    np.testing.assert_allclose(same.root_m, made.root_m, atol=1e-9)
    np.testing.assert_allclose(same.joints_m, made.joints_m, atol=0.02)
    np.testing.assert_array_equal(same.rotations[: start - 8], made.rotations[: start - 8])


def test_ones_own_rhythm_begins_and_ends_where_the_keys_do() -> None:
    for seed in range(5):
        at = _warp(120, np.random.default_rng(seed))
        assert at[0] == 0.0
        assert abs(at[-1] - 119) < 1e-9
        steps = np.diff(at)
        assert steps.min() > 0.4
        assert steps.max() < 2.0
        assert np.abs(np.diff(steps)).max() < 0.1


def test_a_reference_that_floats_or_goes_through_the_seat_is_refused(walks: Walks) -> None:
    made = keypose.make("chair_both", np.random.default_rng([81, 0]), walks)
    boxes = solid(made.routine)
    assert reference_faults(made.pose, boxes) == []
    up, down = (made.pose._replace(root_m=made.pose.root_m + [0.0, 0.0, dz]) for dz in (0.5, -0.2))
    assert reference_faults(up, boxes) == ["floats"]
    assert reference_faults(down, boxes) == ["through"]


def test_what_is_implausible_is_refused(clip: TrackedClip) -> None:
    figures = figures_of(clip)
    assert body_faults(clip.tracked, figures) == []
    for changes, fault in (
        ({"error_m": 0.2}, "error"), ({"help_up": 0.2}, "help"), ({"help_level": 0.4}, "help"),
        ({"floor_m": 0.03}, "depth"), ({"feet_m_s": 0.3}, "slide"), ({"end_m": 0.3}, "end"),
        ({"drift_m": 0.6}, "place"),
    ):  # fmt: skip
        assert body_faults(clip.tracked, figures | changes) == [fault]
    for changed, fault in (
        (replace(clip.tracked, limit_deg=9.0), "limit"), (replace(clip.tracked, rest_m_s=1.0), "unsettled"),
        (replace(clip.tracked, sunk_m=0.4), "end"),
    ):  # fmt: skip
        assert body_faults(changed, figures) == [fault]


def test_feet_stay_where_the_keys_hold_them(walks: Walks) -> None:
    made = keypose.make("chair_both", np.random.default_rng([81, 0]), walks)
    held = held_limbs(made)
    assert held[:, :2].mean() > 0.95
    speed = np.linalg.norm(np.diff(made.joints_m[:, [7, 8]], axis=0), axis=-1) * 20
    assert speed[held[1:, :2]].mean() < 0.02


@pytest.fixture(scope="module")
def batch(starts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of a command that was not stopped."""
    out = tmp_path_factory.mktemp("tracked") / "whole"
    run_simulate(
        out, starts, count=2, seed=5, kinds=("chair_both",), workers=0, sheets=out.parent / "sheets", tracked=True
    )
    return out


def test_a_batch_that_was_stopped_goes_on(batch: Path, starts: Path, tmp_path: Path) -> None:
    place = tmp_path / "resumed.tries"
    place.mkdir()
    source = tries(starts, place, 5, ("chair_both",), 0, tracked=True)
    next(source)
    source.close()
    options = {"count": 2, "seed": 5, "kinds": ("chair_both",), "workers": 0, "sheets": None}
    import mujoco

    from motion_preprocessing.dataset import FORMAT_VERSION
    from motion_preprocessing.simulation.batch import VERSION

    header = json.loads((batch / HEADER_FILE).read_text())
    assert header["provenance"]["tracked"] is True
    found = {"version": VERSION, "dataset_format": FORMAT_VERSION, "seed": 5, "kinds": ["chair_both"],
             "starts": header["provenance"]["starts"], "numpy": np.__version__}  # fmt: skip
    (place / "batch.json").write_text(json.dumps(found))
    # Tries of key poses are no tries of bodies.
    with pytest.raises(OutputError, match="another"):
        run_simulate(tmp_path / "resumed", starts, tracked=True, **options)  # type: ignore[arg-type]
    (place / "batch.json").write_text(json.dumps(found | {"tracked": mujoco.__version__}))
    run_simulate(tmp_path / "resumed", starts, tracked=True, **options)  # type: ignore[arg-type]
    for name in (HEADER_FILE, FRAMES_FILE, SEQUENCES_FILE):
        assert (tmp_path / "resumed" / name).read_bytes() == (batch / name).read_bytes()


def test_rows_are_those_of_key_poses(batch: Path) -> None:
    dataset = MotionDataset.open(batch)
    assert len(dataset) == 2
    for record in dataset:
        assert record.name.startswith("sim_tracked_chair_both_5_")
        assert record.source == "tracked key poses: chair_both"
        assert record.licence.startswith("made by physics from key poses")
        assert 0.8 < record.body_scale < 1.15
        assert len(record.captions) >= 3
        assert [event.name for event in record.events][:3] == ["standing", "sit_down", "sitting"]
        labels = record.frame_labels
        assert len(labels) == len(record.pose)
        joints = np.asarray(decode(record.pose.astype(np.float64)).joints_m)
        assert -0.02 < joints[..., 2].min() < 0.03
    assert list((batch.parent / "sheets").glob("*.png"))


def test_kinds_that_no_body_does_are_refused_in_one_line(starts: Path, tmp_path: Path) -> None:
    check_tracked(("trip", "bed_roll"))
    command = ["simulate", str(tmp_path / "out"), "--starts", str(starts), "--kinds", "trip", "--tracked"]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert "expected kinds that a body can do" in result.output
    assert not (tmp_path / "out").exists()
    assert set(tracked_clips.KINDS) < set(keypose._ACTIONS)


def test_a_carers_hands_pull_within_their_limit() -> None:
    scene = care.KINDS["help_chair"][0](np.random.default_rng([7, 1]))
    made = make_helped("help_chair", np.random.default_rng([7, 1]))
    assert made.faults() == []
    assert made.scene.captions == scene.captions
    assert made.scene.events == scene.events
    assert 0.02 < made.figures["carer"] < 2 * HAND_MOST
    assert made.figures["carer_most"] <= HAND_MOST + 1e-9
    assert len(made.scene.poses[0].root_m) == len(made.scene.poses[1].root_m)
    # Nothing pulls before the carer has taken hold.
    assert np.abs(made.tracked.hands_force[:20]).max() == 0.0
