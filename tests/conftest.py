"""What every test may ask for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

from motion_runtime.bundle import DEFAULT_BUNDLE

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

# Elsewhere examples are drawn afresh each time; CI must say the same of the same commit.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings and scans, which are no part of the repository; skips where none is named."""
    name = os.environ.get("SCENE_MOTION_DATA")
    if not name:
        pytest.skip("set SCENE_MOTION_DATA to the folder of recordings and scans")
    folder = Path(name)
    assert folder.is_dir(), f"expected a folder, got {folder} for SCENE_MOTION_DATA"
    return folder


@pytest.fixture(scope="session")
def default_bundle() -> Path:
    """The bundle that comes with the package. Skips in a checkout that does not hold it yet, and only there."""
    if not (DEFAULT_BUNDLE / "manifest.json").is_file():
        git = ["git", "-C", str(Path(__file__).parent), "ls-files"]
        files = subprocess.run(git, capture_output=True, text=True, check=False).stdout
        held = subprocess.run([*git, str(DEFAULT_BUNDLE)], capture_output=True, text=True, check=False).stdout
        if files and not held:
            pytest.skip("this checkout holds no built-in bundle yet")
        pytest.fail(f"expected the built-in bundle, got nothing at {DEFAULT_BUNDLE}")
    return DEFAULT_BUNDLE


@pytest.fixture(scope="module")
def benchmark_script() -> Iterator[Callable[[str], ModuleType]]:
    """Imports a benchmark by its file's name; what was imported is forgotten with the tests that asked for it."""
    before = set(sys.modules)
    sys.path.insert(0, str(BENCHMARKS))  # scripts import each other as they do when run
    try:
        yield import_module
    finally:
        sys.path.remove(str(BENCHMARKS))
        for name in {script.stem for script in BENCHMARKS.glob("*.py")} - before:
            sys.modules.pop(name, None)
