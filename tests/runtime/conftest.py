"""Fixtures of the runtime's tests: the example room, and synthetic motions of any number of people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from motion_preprocessing.rotations import about_z, matrix_from_rotation_vector
from motion_preprocessing.scene import Scene, load_scene
from motion_preprocessing.skeleton import JOINT_COUNT, JOINT_INDEX, WORLD_FROM_BODY
from motion_runtime.motion import Motion
from motion_runtime.placement import Room
from motion_runtime.writer import motion_from_rotations


def _walk_rotations(frames: int = 40, turn_rad: float = 0.0, fps: float = 20.0) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (T, 22, 3, 3) and root positions (T, 3) of a crude walk along a curve."""
    t = np.arange(frames) / fps
    yaw = turn_rad * np.linspace(0, 1, frames)
    vectors = np.zeros((frames, JOINT_COUNT, 3))
    swing = 0.5 * np.sin(2 * np.pi * t)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        vectors[:, JOINT_INDEX[f"{side}_hip"], 0] = sign * swing
        vectors[:, JOINT_INDEX[f"{side}_knee"], 0] = 0.4 - 0.4 * sign * np.cos(2 * np.pi * t)
        vectors[:, JOINT_INDEX[f"{side}_shoulder"], 2] = -sign * 1.2
        vectors[:, JOINT_INDEX[f"{side}_elbow"], 1] = -sign * 0.5
    rotations = matrix_from_rotation_vector(vectors)
    rotations[:, 0] = about_z(yaw) @ WORLD_FROM_BODY
    heading = np.stack([np.cos(yaw), np.sin(yaw), np.zeros(frames)], axis=-1)
    root = np.cumsum(heading, axis=0) / fps
    root[:, 2] = 0.93
    return rotations, root


def _walk(people: int = 1, frames: int = 40, fps: float = 20.0, turn_rad: float = 1.0, **kwargs: object) -> Motion:
    """People walking side by side, 0.9 m apart."""
    rotations, root = _walk_rotations(frames, turn_rad, fps)
    roots = np.stack([root + [0.0, 0.9 * person, 0.0] for person in range(people)])
    return motion_from_rotations(np.stack([rotations] * people), roots, fps, **kwargs)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def walk_rotations() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Make rotations (T, 22, 3, 3) and root positions (T, 3): `walk_rotations(frames, turn_rad, fps)`."""
    return _walk_rotations


@pytest.fixture(scope="session")
def walk() -> Callable[..., Motion]:
    """Make a `Motion`: `walk(people, frames, fps, turn_rad, person_classes=..., prompts=...)`."""
    return _walk


@pytest.fixture(scope="session")
def ward() -> Scene:
    """The scanned ward of the examples."""
    return load_scene(Path(__file__).parents[2] / "examples" / "ward.ply")


@pytest.fixture(scope="session")
def room(ward: Scene) -> Room:
    """The same as the runtime sees it; what it works out is kept."""
    return Room(ward)
