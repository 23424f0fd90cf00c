"""`motion-train text`: what is set by which flag, and bad input."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from motion_train.cli import main


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["text", *map(str, arguments)])


def failed(result: Result, *, code: int) -> str:
    """Check that a command failed in one line and return it."""
    assert result.exit_code == code, result.output
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]


def schedule(out: Path, *arguments: str | Path) -> str:
    result = run("--data", "d", "--out", out, "--show-config", *arguments)
    assert result.exit_code == 0, result.output
    found: str = json.loads(result.stdout)["optimiser"]["schedule_by"]
    return found


def test_minutes_drive_the_learning_rate_unless_told_otherwise(tmp_path: Path) -> None:
    out = tmp_path / "run"
    (tmp_path / "run.toml").write_text('[optimiser]\nschedule_by = "steps"\n')
    assert schedule(out) == "steps"
    assert schedule(out, "--max-minutes", "3") == "time"
    assert schedule(out, "--max-minutes", "3", "--set", "optimiser.schedule_by=steps") == "steps"
    assert schedule(out, "--max-minutes", "3", "--config", tmp_path / "run.toml") == "steps"
    assert not out.exists()


def test_no_folder_can_be_made_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "x", tmp_path / "file" / "x" / "y"):
        assert "got the file" in failed(run("--data", "d", "--out", out), code=2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_place(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "can be written" in failed(run("--data", "d", "--out", tmp_path / "run"), code=7)


def test_a_dataset_that_is_none_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "run"
    arguments = ("--out", out, "--set", "run.threads=1")
    assert "dataset.json" in failed(run(*arguments, "--data", tmp_path / "nowhere"), code=2)
    assert "t.npz" in failed(run(*arguments, "--data", tmp_path, "--teacher", tmp_path / "t.npz"), code=2)
    assert not out.parent.exists()
