"""Weights between two runs': at a share of the way, in a folder that everything takes, and of one model only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from motion_runtime.manifest import Normaliser
from motion_train import checkpoint
from motion_train.checkpoint import Checkpoint, find, load
from motion_train.cli import main
from motion_train.config import TrainConfig, from_dict
from motion_train.denoiser import Denoiser


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["average", *map(str, arguments)])


def trained(folder: Path, seed: int, layers: int = 1, mean: float = 0.0) -> Path:
    """A run's folder with random weights."""
    settings = from_dict(TrainConfig, {"model": {"width": 32, "layers": layers, "heads": 2, "feedforward": 32}})
    torch.manual_seed(seed)
    model = Denoiser(settings.model)
    normaliser = Normaliser(np.full(258, mean, np.float32), np.ones(258, np.float32))
    progress = checkpoint.Progress(step=seed, validation_loss=0.5, best_validation_loss=0.5)
    checkpoint.save(folder, settings, normaliser, progress, model, model, torch.optim.AdamW(model.parameters()))
    return folder


def best(folder: Path) -> Checkpoint:
    return load(find(folder))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_weights_are_on_the_straight_line(tmp_path: Path, share: float) -> None:
    first, second = trained(tmp_path / "a", 1), trained(tmp_path / "b", 2)
    result = run(first, second, "--share", share, "--out", tmp_path / "c")
    assert result.exit_code == 0, result.output
    a, b, c = best(first), best(second), best(tmp_path / "c")
    for name, tensor in c.ema.items():
        expected = (1 - share) * a.ema[name].double() + share * b.ema[name].double()
        torch.testing.assert_close(tensor.double(), expected, rtol=0, atol=1e-6)
        torch.testing.assert_close(c.model[name], tensor, rtol=0, atol=0)
    assert c.config == b.config
    assert c.progress.step == 2
    assert c.progress.validation_loss is None
    assert not c.optimizer


def test_runs_of_other_models_are_refused(tmp_path: Path) -> None:
    first = trained(tmp_path / "a", 1)
    for other, told in (
        (trained(tmp_path / "b", 2, layers=2), "model.layers: 1 -> 2"),
        (trained(tmp_path / "c", 2, mean=0.5), "another normaliser"),
    ):
        result = run(first, other, "--out", tmp_path / "d")
        assert result.exit_code == 2
        assert told in result.stderr.splitlines()[-1]
        assert not (tmp_path / "d").exists()
    assert run(first, tmp_path / "none", "--out", tmp_path / "d").exit_code == 2
    assert run(first, first, "--share", 1.5, "--out", tmp_path / "d").exit_code == 2
    trained(tmp_path / "e", 3)
    assert run(first, first, "--out", tmp_path / "e").exit_code != 0
    assert best(tmp_path / "e").progress.step == 3
