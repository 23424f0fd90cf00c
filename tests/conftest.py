"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings and scans, which are no part of the repository; skips where it is absent."""
    folder = Path(os.environ.get("SCENE_MOTION_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder}; set SCENE_MOTION_DATA to their folder")
    return folder
