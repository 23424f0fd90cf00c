"""The Python in docs/api.md runs, in order, as a reader would paste it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOY = Path(__file__).parent / "runtime" / "toy_bundle"


def test_the_api_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A tiny untrained bundle in place of the built-in one: the example's seconds and persons fit both.
    monkeypatch.setattr("motion_runtime.bundle.DEFAULT_BUNDLE", TOY)
    (tmp_path / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "ward.ply", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 2
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/api.md", "exec"), namespace)
    assert (tmp_path / "out" / "sample_000" / "motion.npz").is_file()
