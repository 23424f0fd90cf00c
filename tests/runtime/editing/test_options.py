"""The editing options of `motion-run`: what is written, and one line for every mistake."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from motion_runtime.cli import main
from motion_runtime.writer import read_motion

TOY = Path(__file__).parents[1] / "toy_bundle"
WARD = Path(__file__).parents[3] / "examples" / "ward.ply"
QUICK = ("--bundle", TOY, "--provider", "cpu", "--no-preview", "--steps", "2", "--formats", "npz")


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in (*QUICK, *arguments)])


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A motion of 2 s that stands at (1, 1) and faces +y."""
    out = tmp_path_factory.mktemp("earlier") / "out"
    result = run("--prompt", "stands", "--seconds", "2", "--start", "1,1", "--heading", "90", "--out", out)
    assert result.exit_code == 0, result.output
    return out / "sample_000"


def keyframes(path: Path, **changes: Any) -> Path:
    values = {
        "times_s": np.array([1.0]),
        "joints_m": np.full((1, 1, 22, 3), [1.0, 1.3, 1.2]),
        "joint_mask": np.arange(22).reshape(1, 1, 22) == 20,
    } | changes
    np.savez(path, **{name: value for name, value in values.items() if value is not None})
    return path


def test_all_edits_at_once(tmp_path: Path, earlier: Path) -> None:
    out = tmp_path / "out"
    result = run(
        "--prompt", "2s: walks | 2s: sits", "--start-pose", earlier, "--end-pose", f"{earlier / 'motion.npz'}@0.5",
        "--hold", f"right_arm={earlier}@0", "--keyframes", keyframes(tmp_path / "keys.npz"), "--path", "3:1.2,1.1",
        "--guidance-interval", "0,0.5", "--out", out,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    motion, before = (read_motion(folder / "motion.npz") for folder in (out / "sample_000", earlier))
    assert motion.seconds == 4.0
    np.testing.assert_allclose(motion.joints_m[0, 0], before.joints_m[0, -1], atol=1e-4)
    np.testing.assert_allclose(motion.joints_m[0, -1], before.joints_m[0, 10], atol=1e-4)
    np.testing.assert_allclose(motion.joints_m[0, 20, 20], [1.0, 1.3, 1.2], atol=0.01)
    np.testing.assert_allclose(motion.root_position_m[0, 60, :2], [1.2, 1.1], atol=1e-4)
    info = json.loads((out / "sample_000" / "run.json").read_text(encoding="utf-8"))
    assert info["edits_missed_by"]["position_m"] < 0.01
    assert info["request"]["parts"] == [[{"start_s": 0.0, "prompt": "walks"}, {"start_s": 2.0, "prompt": "sits"}]]
    assert info["request"]["guidance_interval"] == [0.0, 0.5]


def test_a_run_in_place_of_its_sample_is_named(tmp_path: Path, earlier: Path) -> None:
    result = run("--prompt", "walks", "--start-pose", earlier.parent, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert f"got a folder of 1 sample for {earlier.parent}; name one of them, such as {earlier}" in result.stderr


def test_what_no_body_can_do_is_said(tmp_path: Path) -> None:
    torn = np.zeros((1, 1, 22, 3))
    torn[0, 0, 20], torn[0, 0, 21] = [3.0, 0, 1], [-3.0, 0, 1]
    mask = np.isin(np.arange(22), (20, 21)).reshape(1, 1, 22)
    keys = keyframes(tmp_path / "keys.npz", joints_m=torn, joint_mask=mask)
    result = run("--prompt", "walks", "--seconds", "2", "--keyframes", keys, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "warning: sample 0 misses what was asked of it by up to " in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joints_m": np.ones((1, 1, 21, 3))}, "expected (P, 1, 22, 3), got (1, 1, 21, 3) for joints_m"),
        ({"joints_m": np.full((1, 1, 22, 3), np.nan)}, "expected finite numbers where joint_mask is True, got NaN"),
        ({"joint_mask": None}, "expected joint_mask beside joints_m, got none"),
        ({"times_s": np.array([2.5])}, "expected times from 0 to 2 s, got 2.5 s for a keyframe"),
    ],
)
def test_bad_keyframes_are_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    keys = keyframes(tmp_path / "keys.npz", **changes)
    result = run("--prompt", "walks", "--seconds", "2", "--keyframes", keys, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--path", "0:1,1 2:19,1", "--scene", WARD), "expected places inside the room"),
        (("--path", "0:1,1 9:2,1"), "expected times from 0 to 2 s, got 9 s for a place of the path"),
        (("--path", "here"), "expected places in time, got 'here'"),
        (("--path", "-", "--path", "-"), "expected at most 1 person, got 2 for the paths"),
        (("--hold", "tail=x"), "expected one of left_arm"),
        (("--start-pose", "nothing.npz"), "expected a motion.npz"),
        (("--guidance-interval", "0.5"), "expected two numbers 'lo,hi'"),
        (("--guidance-interval", "0.8,0.2"), "expected an interval within 0 and 1"),
        (("--guidance-text", "-1"), "expected guidance at least 0"),
    ],
)
def test_bad_options_are_one_line(tmp_path: Path, options: tuple[Any, ...], message: str) -> None:
    result = run("--prompt", "walks", "--seconds", "2", *options, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
