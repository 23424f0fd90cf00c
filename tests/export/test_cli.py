"""motion-export from a checkpoint on disk, and its bad input."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from motion_export.bundle_writer import Model
from motion_export.cli import main
from motion_runtime.bundle import Bundle
from motion_train import checkpoint
from motion_train import config as configuration
from motion_train.denoiser import Denoiser
from motion_train.optimiser import make_optimizer


@pytest.fixture(scope="module")
def run(toy_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training run: its weights and their average differ."""
    folder = tmp_path_factory.mktemp("run")
    tower = folder / "tower"
    toy_model.tower.save(tower)
    sizes = [f"model.{key}={value}" for key, value in dataclasses.asdict(toy_model.denoiser.config).items()]
    data = {"text_tower": f"'{tower}'", "scene_tokens": 4, "frames": 12, "min_frames": 5, "people": 2, "identities": 4}
    settings = configuration.load(None, [*sizes, *(f"data.{key}={value}" for key, value in data.items())])
    live = Denoiser(toy_model.denoiser.config)
    checkpoint.save(
        folder,
        settings,
        checkpoint.Normaliser(toy_model.mean, toy_model.std),
        checkpoint.Progress(step=3, elapsed_s=60.0, validation_loss=0.5),
        live,
        toy_model.denoiser,
        make_optimizer(live, settings.optimiser),
    )
    return folder


def export(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_exports_the_averaged_weights(run: Path, exported: Bundle, tmp_path: Path) -> None:
    """The weights file equals that of the model whose weights were saved as the average."""
    out = tmp_path / "bundle"
    result = export("--checkpoint", run, "--opset", 17, "--people", "1,2", "--frames", "10", "--out", out)
    assert result.exit_code == 0, result.output
    bundle = Bundle.open(out)
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


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--opset", "18"], 2, "18 and above are not written yet"),
        (["--opset", "13"], 2, "use --opset 17"),
        (["--people", "0"], 2, "person counts"),
        (["--people", "one"], 2, "write 1,2"),
        (["--frames", "1"], 2, "frame counts"),
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
