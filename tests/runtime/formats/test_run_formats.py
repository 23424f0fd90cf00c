"""`motion-run --formats`: the files asked for, checked before any work, and a summary that names what is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from motion_runtime.cli import main
from motion_runtime.generator import Generator

TOY = Path(__file__).parents[1] / "toy_bundle"
QUICK = ("--bundle", TOY, "--provider", "cpu", "--seconds", "1", "--no-preview", "--prompt", "walks")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_formats_asked_for_are_written_and_the_motion_always(tmp_path: Path) -> None:
    result = run(*QUICK, "--formats", "glb,omnifall", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    sample = tmp_path / "out" / "sample_000"
    assert sorted(path.name for path in sample.iterdir()) == ["motion.glb", "motion.npz", "omnifall.csv", "run.json"]
    # The label table calls the clip what its folder is called, not what it was called while it was written.
    assert (sample / "omnifall.csv").read_text().splitlines()[1].startswith("out/sample_000,")
    last = result.stdout.splitlines()[-1]
    assert str(sample / "motion.glb") in last
    assert "bvh" not in last
    again = run(*QUICK, "--formats", "npz", "--out", tmp_path / "out", "--overwrite")
    assert again.exit_code == 0, again.output
    assert sorted(path.name for path in sample.iterdir()) == ["motion.npz", "run.json"]
    assert "to look at it" not in again.stdout


@pytest.mark.parametrize("jobs", [False, True])
def test_a_blender_without_usd_is_found_before_the_model_is_loaded(
    tmp_path: Path, make_program: Callable[[str, str, str], Path], monkeypatch: pytest.MonkeyPatch, jobs: bool
) -> None:
    make_program("blender", "BLENDER", "sys.exit('RuntimeError: this Blender was built without USD')\n")
    monkeypatch.setattr(Generator, "load", lambda *_: pytest.fail("loaded"))
    what = ("--jobs", tmp_path / "jobs.jsonl") if jobs else QUICK
    result = run(*what, "--formats", "usd", "--out", tmp_path / "out")
    assert result.exit_code == 3, result.output
    assert "built without USD" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("formats", "code", "words"), [("glb,x3d", 2, "'x3d'"), ("glb,fbx", 3, "Blender")])
def test_mistakes_are_found_before_the_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, formats: str, code: int, words: str
) -> None:
    monkeypatch.setenv("BLENDER", str(tmp_path / "no blender"))
    monkeypatch.setattr(Generator, "load", lambda *_: pytest.fail("loaded"))
    result = run(*QUICK, "--formats", formats, "--out", tmp_path / "out")
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("error: expected ")
    assert words in result.stderr
    assert not (tmp_path / "out").exists()
