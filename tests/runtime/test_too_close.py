"""People inside of each other are warned of once, unless they are asked to touch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from motion_runtime.cli import main
from motion_runtime.too_close import too_close

ALONE = ("a person walks", "a person waves")


def shares(*values: float | None) -> list[dict[str, float | None]]:
    return [{"person_penetration_share": value} for value in values]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((), None),
        ((None,), None),  # one person
        ((0.2,), None),
        ((0.54,), "people are inside of each other in 54% of the frames; make fewer people, or take a room"),
        ((0.0, 0.1), None),
        ((0.1, 0.3, 1.0), "in 100% of the frames of sample 2, in more than 20% of 2 of 3 samples; make fewer"),
    ],
)
def test_one_line_says_how_many_frames(values: tuple[float | None, ...], told: str | None) -> None:
    lines = too_close(shares(*values), ALONE)
    assert len(lines) == (told is not None)
    assert told is None or told in lines[0]


def test_who_is_to_touch_somebody_is_not_warned_of() -> None:
    for prompt in ("a carer helps a patient get up from the chair", "a person hugs another person"):
        assert too_close(shares(1.0), (prompt, "a patient gets up")) == []
    assert too_close(shares(1.0), ALONE)


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare room of 1.8 m by 1.8 m."""
    side = np.arange(0, 1.8, 0.05)
    floor = np.stack(np.meshgrid(side, side, [0.0]), axis=-1).reshape(-1, 3)
    along, high = (part.ravel() for part in np.meshgrid(side, np.arange(0, 2.5, 0.05)))
    walls = [np.stack([along, np.full_like(along, at), high], axis=1) for at in (0, 1.8)]
    path = tmp_path_factory.mktemp("cell") / "cell.npy"
    np.save(path, np.concatenate([floor, *walls, *(wall[:, [1, 0, 2]] for wall in walls)]))
    return path


def test_four_people_in_a_small_room_are(cell: Path, tmp_path: Path) -> None:
    prompts = ["a person walks", "a person falls", "a person waves", "a person turns around"]
    asked = ["--scene", str(cell), "--seconds", "2", "--steps", "2", "--provider", "cpu", "--no-preview"]
    for prompt in prompts:
        asked += ["--person", "person", "--prompt", prompt]
    told = CliRunner().invoke(main, [*asked, "--num-samples", "3", "--formats", "npz", "--out", str(tmp_path / "run")])
    assert told.exit_code == 0, told.output
    runs = [json.loads(path.read_text("utf-8")) for path in sorted((tmp_path / "run").rglob("run.json"))]
    expected = too_close([run["metrics"] for run in runs], prompts)
    assert len(expected) == 1
    assert told.stderr.splitlines() == [f"warning: {expected[0]}"]
    job = {"prompt": prompts, "person": ["person"] * 4, "scene": str(cell), "seconds": 2, "steps": 2, "num_samples": 3}
    (tmp_path / "jobs.jsonl").write_text(json.dumps(job), encoding="utf-8")
    arguments = ["--jobs", str(tmp_path / "jobs.jsonl"), "--provider", "cpu", "--formats", "npz"]
    told = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "jobs")])
    assert told.exit_code == 0, told.output
    assert told.stderr.splitlines() == [f"warning: line 1, job_00001: {expected[0]}"]
