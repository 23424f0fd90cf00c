"""motion-export from a checkpoint on disk, and its bad input."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from motion_export.bundle_writer import Model
from motion_export.cli import main
from motion_preprocessing.dataset import write_dataset
from motion_preprocessing.rotations import matrix_from_rotation_vector
from motion_preprocessing.sequence import MotionSequence
from motion_preprocessing.skeleton import WORLD_FROM_BODY
from motion_runtime.bundle import Bundle
from motion_runtime.manifest import Normaliser
from motion_train import checkpoint
from motion_train import config as configuration
from motion_train.denoiser import Denoiser
from motion_train.optimiser import make_optimizer

CREDIT = "The data were made by Somebody, who wants to be named."
HEADER = {"fps": 25.0, "credits": [CREDIT], "sequences": 3, "frames": 90, "provenance": {}}


@pytest.fixture(scope="module")
def run(toy_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training run: its weights and their average differ, its dataset is gone."""
    return write_run(toy_model, tmp_path_factory.mktemp("run"), HEADER)


@pytest.fixture(scope="module")
def old_run(toy_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose checkpoint says nothing of its dataset."""
    return write_run(toy_model, tmp_path_factory.mktemp("old"), None)


def write_run(toy_model: Model, folder: Path, header: dict[str, Any] | None, frames: int = 12) -> Path:
    tower = folder / "tower"
    toy_model.tower.save(tower)
    sizes = [f"model.{key}={value}" for key, value in dataclasses.asdict(toy_model.denoiser.config).items()]
    data = {"text_tower": f"'{tower}'", "dataset": f"'{folder / 'gone'}'"}
    data |= {"scene_tokens": "4", "frames": str(frames), "min_frames": "5", "people": "2", "identities": "4"}
    settings = configuration.load(None, [*sizes, *(f"data.{key}={value}" for key, value in data.items())])
    live = Denoiser(toy_model.denoiser.config)
    checkpoint.save(
        folder,
        settings,
        Normaliser(toy_model.mean, toy_model.std),
        checkpoint.Progress(step=3, elapsed_s=60.0, validation_loss=0.5),
        live,
        toy_model.denoiser,
        make_optimizer(live, settings.optimiser),
        header,
    )
    return folder


def export(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_exports_the_averaged_weights(run: Path, exported: Bundle, tmp_path: Path) -> None:
    """The weights file equals that of the model whose weights were saved as the average."""
    out = tmp_path / "bundle"
    told = tmp_path / "summary.json"
    told.write_text('{"limits": "a toy"}', encoding="utf-8")
    result = export(
        "--checkpoint", run, "--opset", 17, "--people", "1,2", "--frames", "10", "--out", out, "--summary", told
    )
    assert result.exit_code == 0, result.output
    bundle = Bundle.open(out)
    assert bundle.manifest.summary == {"limits": "a toy"}
    assert bundle.manifest.files["weights.bin"] == exported.manifest.files["weights.bin"]
    assert (bundle.manifest.people, bundle.manifest.frames) == ((1, 2), (10,))
    training = bundle.manifest.training
    assert (training["steps"], training["minutes"], training["validation_loss"]) == (3, 1.0, 0.5)
    assert training["config"]["data"]["text_tower"] == "tower"  # no path of the machine
    np.testing.assert_allclose(bundle.manifest.normaliser.std, 0.02)
    assert bundle.sha256[:12] in result.output


def test_frames_default_to_the_trainings(run: Path, tmp_path: Path) -> None:
    assert export("--checkpoint", run, "--people", "1", "--out", tmp_path / "b").exit_code == 0
    assert Bundle.open(tmp_path / "b").manifest.frames == (12,)


def said_of_the_data(folder: Path) -> tuple[float, str]:
    """Frame rate and credits of a bundle, and that both files agree on the latter."""
    manifest = Bundle.open(folder).manifest
    assert manifest.credits in (folder / "CREDITS.txt").read_text()
    assert "No credit" not in (folder / "CREDITS.txt").read_text()
    return manifest.fps, manifest.credits


def test_the_checkpoint_knows_frame_rate_and_credits(run: Path, tmp_path: Path) -> None:
    result = export("--checkpoint", run, "--people", "1", "--frames", "4", "--out", tmp_path / "b")
    assert result.exit_code == 0, result.output
    assert said_of_the_data(tmp_path / "b") == (25.0, CREDIT)
    assert Bundle.open(tmp_path / "b").manifest.training["dataset"]["sequences"] == 3


@pytest.mark.parametrize(
    "given", [[], ["--fps", "30"], ["--credits", "credits.txt"], ["--credits", "empty.txt", "--fps", "30"]]
)
def test_credit_of_unknown_data_is_never_left_out(
    old_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str]
) -> None:
    (tmp_path / "credits.txt").write_text("Me.\n")
    (tmp_path / "empty.txt").write_text(" \n")
    monkeypatch.chdir(tmp_path)
    result = export("--checkpoint", old_run, "--people", "1", "--frames", "4", "--out", "b", *given)
    assert result.exit_code == 2
    assert "--credits" in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "b").exists()


def test_older_checkpoints_export_with_what_is_missing(old_run: Path, tmp_path: Path) -> None:
    (tmp_path / "credits.txt").write_text("Me.\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dataset.json").write_text(json.dumps(HEADER))
    known = ["--fps", 30, "--credits", tmp_path / "credits.txt"]
    for name, given, expected in (
        ("dataset", ["--dataset", tmp_path / "data"], (25.0, CREDIT)),
        ("named", known, (30.0, "Me.")),
    ):
        out = tmp_path / name
        result = export("--checkpoint", old_run, "--people", "1", "--frames", "4", "--out", out, *given)
        assert result.exit_code == 0, result.output
        assert said_of_the_data(out) == expected
    (tmp_path / "data" / "dataset.json").write_text("{}")
    result = export("--checkpoint", old_run, "--out", tmp_path / "b", "--dataset", tmp_path / "data")
    assert result.exit_code == 2
    assert "expected a dataset's dataset.json" in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--opset", "18"], 2, "18 and above are not written yet"),
        (["--opset", "13"], 2, "use --opset 17"),
        (["--people", "0"], 2, "person counts"),
        (["--people", "one"], 2, "write 1,2"),
        (["--frames", "1"], 2, "frame counts"),
        (["--batch", "0"], 2, "--batch"),
        (["--sampler", "euler"], 2, "ddpm, ddim, dpm++"),
        (["--steps", "0"], 2, "steps"),
        (["--text-tower", "nowhere"], 2, "nowhere"),
        (["--dataset", "nowhere"], 2, "nowhere"),
        (["--credits", "nowhere"], 2, "nowhere"),
    ],
)
def test_bad_arguments(run: Path, tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    result = export("--checkpoint", run, "--out", tmp_path / "bundle", *arguments)
    assert result.exit_code == code
    assert said in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_no_checkpoint(tmp_path: Path) -> None:
    result = export("--checkpoint", tmp_path / "none", "--out", tmp_path / "bundle")
    assert result.exit_code == 2
    assert len(result.output.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_damaged_checkpoint(run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    weights = next(copy.rglob("ema.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-100])
    result = export("--checkpoint", copy, "--out", tmp_path / "bundle")
    assert result.exit_code == 2
    assert "ema.safetensors" in result.output
    assert not (tmp_path / "bundle").exists()


def test_bundle_that_exists(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    result = export("--checkpoint", run, "--people", "1", "--out", tmp_path)
    assert result.exit_code == 7
    assert (tmp_path / "file").read_text() == "mine"


def test_calibrate_measures_held_out_clips_or_says_what_is_missing(toy_model: Model, tmp_path: Path) -> None:
    run, out, data = write_run(toy_model, tmp_path / "run", HEADER, frames=60), tmp_path / "bundle", tmp_path / "data"
    missing = export("--checkpoint", run, "--frames", "10", "--calibrate", "--out", out)
    assert missing.exit_code == 2
    assert "--dataset" in missing.output
    assert not out.exists()
    phase = np.arange(80)[:, None, None] * 0.3 + np.random.default_rng(0).uniform(0, 6, (22, 3))
    rotations = np.asarray(matrix_from_rotation_vector(0.3 * np.sin(phase))).astype(np.float32)
    rotations[:, 0] = WORLD_FROM_BODY
    root = np.stack([0.05 * np.arange(80), 0.1 * np.sin(phase[:, 0, 0]), np.full(80, 0.95)], axis=-1)
    about = ("a person walks",), "walk", "person", "somebody"
    clips = [
        MotionSequence(split, 20.0, rotations, root.astype(np.float32), *about, split, "", "made for a test", "CC0-1.0")
        for split in ("train", "validation")
    ]
    write_dataset(data, clips, fps=20.0, credits=[CREDIT], provenance={})
    result = export("--checkpoint", run, "--frames", "10", "--dataset", data, "--calibrate", "--fall-speed", "1.1",
                    "--out", out)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert Bundle.open(out).manifest.fall_speed == 1.1
    found = Bundle.open(out).manifest.calibration
    assert found is not None
    assert f"calibration: {len(found.levels)} of {len(found.levels)} noise levels" in result.output
    assert np.shape(found.arms) == np.shape(found.others) == (len(found.levels), len(found.hertz))
