"""Datasets made one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from motion_preprocessing.cli import cli
from motion_preprocessing.dataset import MotionDataset, write_dataset
from motion_preprocessing.errors import InputError
from motion_preprocessing.merge import merge_datasets
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.sequence import Event, MotionSequence
from motion_preprocessing.skeleton import WORLD_FROM_BODY


def _sequence(name: str, split: str = "train", fps: float = 20.0) -> MotionSequence:
    rng = np.random.Generator(np.random.Philox(len(name)))
    rotations = np.asarray(matrix_from_rotation_vector(0.4 * rng.standard_normal((15, 22, 3))))
    rotations[:, 0] = rotations[:, 0] @ WORLD_FROM_BODY
    root = rng.standard_normal((15, 3)).cumsum(axis=0) * 0.1
    return MotionSequence(
        name, fps, rotations.astype(np.float32), root.astype(np.float32), ("a person moves",), "other", "staff",
        "somebody", split, "", "made", "CC0-1.0", "label", (Event("onset", 0.25),),
    )  # fmt: skip


def _write(folder: Path, *sequences: MotionSequence, credit: str = "Somebody.", fps: float = 20.0) -> Path:
    write_dataset(folder, sequences, fps=fps, credits=[credit], provenance={"from": folder.name})
    return folder


def test_everything_comes_along(tmp_path: Path) -> None:
    first = _write(tmp_path / "a", _sequence("one"), _sequence("three", "test"))
    second = _write(tmp_path / "b", _sequence("seventh"), credit="Another.")
    result = CliRunner().invoke(cli, ["merge", str(first), str(second), str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    merged = MotionDataset.open(tmp_path / "out")
    merged.verify()
    before = [*MotionDataset.open(first), *MotionDataset.open(second)]
    assert [record.name for record in merged] == ["one", "three", "seventh"]
    for new, old in zip(merged, before, strict=True):
        np.testing.assert_allclose(new.pose, old.pose, atol=2e-5)
        assert (new.captions, new.split, new.events, new.person_class, new.licence) == (
            old.captions, old.split, old.events, old.person_class, old.licence,
        )  # fmt: skip
    assert merged.header["credits"] == ["Somebody.", "Another."]
    assert [part["from"] for part in merged.header["provenance"]["parts"]] == ["a", "b"]


def test_what_cannot_be_merged_is_refused(tmp_path: Path) -> None:
    first = _write(tmp_path / "a", _sequence("one"))
    same = _write(tmp_path / "b", _sequence("one"))
    faster = _write(tmp_path / "c", _sequence("two", fps=30.0), fps=30.0)
    for folders, message in (
        ([first], "expected two datasets or more, got 1"),
        ([first, same], "one"),
        ([first, faster], "expected 20 frames a second"),
        ([first, tmp_path / "missing"], "missing"),
    ):
        with pytest.raises(InputError, match=message):
            merge_datasets(folders, tmp_path / "out")
        assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="which is read"):
        merge_datasets([first, same], first)
    assert len(MotionDataset.open(first)) == 1
