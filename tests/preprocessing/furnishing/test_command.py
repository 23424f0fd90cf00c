"""`motion-preprocess furnish` from a dataset to a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from motion_preprocessing.cli import cli
from motion_preprocessing.dataset import write_dataset
from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.skeleton import WORLD_FROM_BODY

pytest.importorskip("pyarrow")


@pytest.fixture
def dataset(tmp_path) -> Path:
    local = np.broadcast_to(np.eye(3), (60, 22, 3, 3)).astype(np.float32).copy()
    local[:, 0] = WORLD_FROM_BODY
    root = np.zeros((60, 3), dtype=np.float32)
    root[:, 0], root[:, 2] = np.minimum(np.arange(60), 40) / 20, 0.93
    walk = MotionSequence(
        "walk", 20.0, local, root, ("a person walks",), "walk", "person", "s1", "train", "", "test", "free", "walk"
    )
    write_dataset(tmp_path / "set", [walk], fps=20.0, credits=[], provenance={})
    return tmp_path / "set"


def test_a_contact_sheet_is_written(dataset, tmp_path):
    out = tmp_path / "sheet.png"
    result = CliRunner().invoke(cli, ["furnish", str(dataset), str(out), "--count", "2", "--used"])
    assert result.exit_code == 0, result.output
    assert "walk_to" in result.output
    with Image.open(out) as image:
        assert image.size == (3 * 600, 344)
        assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 50


def test_a_name_nobody_has_is_refused(dataset, tmp_path):
    result = CliRunner().invoke(cli, ["furnish", str(dataset), str(tmp_path / "x.png"), "--name", "swim"])
    assert result.exit_code == 2
    assert "expected sequences named like 'swim'" in result.output
    assert not (tmp_path / "x.png").exists()
