"""Fixtures of the formats' tests: people who walk and tumble, and stand-ins for programs of others."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path

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


@pytest.fixture
def make_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], Path]:
    """Makes a program of a name, named by an environment variable, from Python that reads its folder as `place`.

    The folder is returned; what the program does is said by the file `do` in it, at first 'write'.
    """

    def make(name: str, variable: str, script: str) -> Path:
        place = tmp_path / "programs"
        place.mkdir()
        program = place / name
        begin = f"#!{sys.executable}\nimport json, pathlib, shutil, sys\nplace = pathlib.Path(__file__).parent\n"
        program.write_text(begin + script, encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        (place / "do").write_text("write")
        monkeypatch.setenv(variable, str(program))
        return place

    return make
