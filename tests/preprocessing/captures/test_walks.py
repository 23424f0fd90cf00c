"""Motions for synthetic people: windows of a dataset, at the capture's frame rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.captures.synthetic import SyntheticConfig, synthesise
from motion_preprocessing.captures.walks import MotionSource, move, procedural_walk
from motion_preprocessing.dataset import write_dataset
from motion_preprocessing.errors import InputError
from motion_preprocessing.kinematics import forward_kinematics
from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.skeleton import REST_OFFSETS_M

pytest.importorskip("pyarrow")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One walk of 90 frames at 20 a second, and a shorter one."""
    folder = tmp_path_factory.mktemp("motions") / "dataset"
    sequences = []
    for number, frames in enumerate((90, 10)):
        walk = procedural_walk(np.random.default_rng(number), frames, 20.0)
        sequences.append(
            MotionSequence(
                f"walk_{number}", 20.0, walk.local_rotations.astype(np.float32),
                walk.root_position_m.astype(np.float32), (), "walk", "person", "s", "train", "", "made up", "none",
            )
        )  # fmt: skip
    write_dataset(folder, sequences, fps=20.0, credits=(), provenance={})
    return folder


def test_a_window_of_a_recording_is_taken_at_half_its_frame_rate(dataset: Path) -> None:
    walk = procedural_walk(np.random.default_rng(0), 90, 20.0)
    drawn = MotionSource(dataset).draw(np.random.default_rng(5), 40, 10.0)
    assert drawn.action == "walk"
    starts = [
        first
        for first in range(90 - 78)
        if np.allclose(drawn.root_position_m, walk.root_position_m[first : first + 79 : 2], atol=1e-5)
    ]
    assert len(starts) == 1
    rotations = walk.local_rotations[starts[0] : starts[0] + 79 : 2]
    np.testing.assert_allclose(drawn.local_rotations, rotations, atol=1e-4)


def test_people_of_a_capture_do_what_the_dataset_holds(dataset: Path) -> None:
    config = SyntheticConfig(frames=30, key_frames=2, width=160, height=120, people=(2, 2))
    capture = synthesise(config, 1, MotionSource(dataset))
    walk = procedural_walk(np.random.default_rng(0), 90, 20.0)
    for rotations in capture.truth.local_rotations:
        gaps = [np.abs(rotations[:, 1:] - walk.local_rotations[i : i + 59 : 2, 1:]).max() for i in range(90 - 58)]
        assert min(gaps) < 1e-4


def test_a_dataset_without_a_sequence_long_enough_is_refused(dataset: Path) -> None:
    with pytest.raises(InputError, match="expected a sequence of 199 frames or more"):
        MotionSource(dataset).draw(np.random.default_rng(0), 100, 10.0)


def test_a_larger_body_takes_larger_steps_on_the_same_floor() -> None:
    walk = procedural_walk(np.random.default_rng(3), 30, 10.0)
    large = move(walk, np.pi / 2, np.array([2.0, 1.0]), 1.1)
    small, _ = forward_kinematics(walk.local_rotations, walk.root_position_m)
    tall, _ = forward_kinematics(large.local_rotations, large.root_position_m, 1.1 * REST_OFFSETS_M)
    turned = 1.1 * np.asarray(small) @ np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) + [2.0, 1.0, 0.0]
    np.testing.assert_allclose(tall, turned, atol=1e-9)
