"""Weights between two runs': at a share of the way, in a folder that everything takes, and of one model only."""

from __future__ import annotations

import shutil
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
from motion_train.initial import tower_of
from motion_train.text_tower import TextTower, TextTowerConfig
from motion_train.tokenizer_build import tokenizer_json, vocabulary_size


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["average", *map(str, arguments)])


def trained(folder: Path, seed: int, layers: int = 1, mean: float = 0.0, tower: Path | str = "") -> Path:
    """A run's folder with random weights."""
    model = {"width": 32, "layers": layers, "heads": 2, "feedforward": 32}
    settings = from_dict(TrainConfig, {"model": model, "data": {"text_tower": str(tower)}})
    torch.manual_seed(seed)
    denoiser = Denoiser(settings.model)
    normaliser = Normaliser(np.full(258, mean, np.float32), np.ones(258, np.float32))
    progress = checkpoint.Progress(step=seed, validation_loss=0.5, best_validation_loss=0.5)
    optimiser = torch.optim.AdamW(denoiser.parameters())
    checkpoint.save(folder, settings, normaliser, progress, denoiser, denoiser, optimiser)
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


def test_runs_of_other_text_towers_are_refused(tmp_path: Path, tiny_tower: Path) -> None:
    torch.manual_seed(1)
    tokenizer = tokenizer_json(100)
    other = TextTowerConfig(vocabulary_size(tokenizer), width=8, heads=1, layers=1, output_dim=8)
    (tmp_path / "tower").mkdir()
    TextTower.small(other, tokenizer).save(tmp_path / "tower")
    first, second = trained(tmp_path / "a", 1, tower=tiny_tower), trained(tmp_path / "b", 2, tower=tmp_path / "tower")
    result = run(first, second, "--out", tmp_path / "d")
    assert result.exit_code == 2
    assert "expected two runs of one model, got another text tower for" in result.stderr.splitlines()[-1]
    assert not (tmp_path / "d").exists()
    copy = shutil.copytree(tiny_tower, tmp_path / "copy")
    gone = tmp_path / "gone"
    for number, tower in enumerate((tiny_tower, copy, gone)):
        alike = trained(tmp_path / f"like {number}", 3, tower=tower)
        assert run(first, alike, "--out", tmp_path / f"d {number}").exit_code == 0


def test_a_run_without_a_tower_does_not_take_the_one_that_lies_about(
    tmp_path: Path, tiny_tower: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_tower)
    assert tower_of(best(trained(tmp_path / "a", 1))) is None
    assert tower_of(best(trained(tmp_path / "b", 1, tower=tiny_tower))) is not None


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
