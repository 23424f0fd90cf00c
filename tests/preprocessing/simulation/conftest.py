"""Recorded walks, made in the test: a body that strides from footstep to footstep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.dataset import write_dataset
from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.simulation.hinges import Pose, local_rotations
from motion_preprocessing.simulation.keys import Key, animate

STRIDE_M = 0.56
STEP_S = 0.5


def striding() -> Pose:
    """Nine steps straight ahead, 20 frames a second."""
    rng = np.random.default_rng(0)
    places = {"foot_l": (0.0, 0.09, 0.0), "foot_r": (-STRIDE_M, -0.09, 0.0)}
    keys = []
    for step in range(10):
        side = "l" if step % 2 == 0 else "r"
        places[f"foot_{side}"] = (step * STRIDE_M, 0.09 if side == "l" else -0.09, 0.0)
        arms = {"shoulder.x": -78.0, "elbow": -15.0, "knee": 8.0}
        at = ((step - 0.5) * STRIDE_M, 0.0, 0.87)
        keys.append(Key(STEP_S if step else 0.0, arms, at, (0.0, 2.0, 0.0), dict(places)))
    return animate(keys, 20.0, rng, liveliness=0.3)


def write_recording(folder: Path, walk: Pose) -> Path:
    """Write a dataset of a walk."""
    sequence = MotionSequence(
        name="walk",
        fps=20.0,
        local_rotations=local_rotations(walk).astype(np.float32),
        root_position_m=walk.root_m.astype(np.float32),
        captions=("a person walks",),
        action="walk",
        person_class="person",
        subject="cmu_99",
        split="train",
        pair="",
        source="test",
        licence="free",
    )
    write_dataset(folder, [sequence], fps=20.0, credits=(), provenance={})
    return folder


@pytest.fixture(scope="session")
def walk() -> Pose:
    """Nine steps straight ahead, 20 frames a second."""
    return striding()


@pytest.fixture(scope="session")
def starts(walk: Pose, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of that walk."""
    return write_recording(tmp_path_factory.mktemp("starts") / "dataset", walk)
