"""A small synthetic capture on disk, made once and copied for each test that spoils it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from motion_preprocessing.captures.synthetic import SyntheticConfig, synthesise
from motion_preprocessing.captures.write import write_capture


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set with one capture."""
    config = SyntheticConfig(frames=24, key_frames=2, width=160, height=120, people=(2, 2))
    out = tmp_path_factory.mktemp("captures")
    write_capture(out / "house/room_1/noon", synthesise(config, 5), site="house", room="room_1", time="noon")
    return out


@pytest.fixture
def capture_set(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it that may be spoilt."""
    return Path(shutil.copytree(pristine, tmp_path / "set"))


@pytest.fixture
def capture_folder(capture_set: Path) -> Path:
    """The folder of its capture."""
    return capture_set / "house/room_1/noon"


@pytest.fixture
def edit(capture_folder: Path) -> Callable[[Callable[[Any], object]], None]:
    """Change capture.json by a function of its content."""

    def change(how: Callable[[Any], object]) -> None:
        path = capture_folder / "capture.json"
        content = json.loads(path.read_text())
        how(content)
        path.write_text(json.dumps(content))

    return change
