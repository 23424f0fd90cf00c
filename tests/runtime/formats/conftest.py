"""Fixtures of the formats' tests: two people who walk a full turn, and who tumble through every direction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from motion_preprocessing.rotations import about_z, matrix_from_rotation_vector
from motion_preprocessing.skeleton import JOINT_COUNT, WORLD_FROM_BODY
from motion_runtime.motion import Motion
from motion_runtime.writer import motion_from_rotations


@pytest.fixture(scope="session")
def pair(walk: Callable[..., Motion]) -> Motion:
    """Staff and patient, 30 frames, who walk a curve of 400 degrees."""
    return walk(
        people=2, frames=30, turn_rad=7.0, person_classes=("staff", "patient"), prompts=("helps", "walks \u00e4")
    )


@pytest.fixture(scope="session")
def tumble() -> Motion:
    """One person, 60 frames, whose every joint turns smoothly through large angles while the root turns over."""
    t = np.linspace(0, 1, 60)
    rng = np.random.default_rng(3)
    axes, phases = rng.normal(size=(JOINT_COUNT, 3)), rng.uniform(0, 6, JOINT_COUNT)
    swing = np.sin(2 * np.pi * t[:, None] + phases)[..., None] * axes
    rotations = np.asarray(matrix_from_rotation_vector(swing))
    somersault = np.asarray(matrix_from_rotation_vector(np.stack([2 * np.pi * t, 0 * t, 0 * t], axis=1)))
    rotations[:, 0] = np.asarray(about_z(4 * np.pi * t)) @ WORLD_FROM_BODY @ somersault
    root = np.stack([np.cos(6 * t), 2 * t, 1 + t], axis=1)
    return motion_from_rotations(rotations[None], root[None], 30.0, prompts=("tumbles",), seed=2**60)
