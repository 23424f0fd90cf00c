from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor

from motion_runtime.manifest import Normaliser
from motion_train import denoiser_run
from motion_train.checkpoint import find, load
from motion_train.cli import main
from motion_train.config import TrainConfig
from motion_train.denoiser import Denoiser
from motion_train.denoiser_run import Data
from motion_train.seeds import seed_of

TINY = """
[model]
width = 16
layers = 1
heads = 2
feedforward = 16
text_dim = 5
identities = 4
[data]
batch_size = 2
people = 2
identities = 4
frames = 8
min_frames = 4
scene_tokens = 3
[optimiser]
lr = 1e-3
warmup_steps = 2
[run]
steps = 6
threads = 1
log_every = 2
validate_every = 3
validation_batches = 1
"""


class Batches:
    """Random batches with the keys and shapes of the real ones; one step can send this process a signal."""

    def __init__(self, settings: TrainConfig, seed: int, interrupt_at: int | None = None) -> None:
        self.settings, self.seed, self.interrupt_at = settings, seed, interrupt_at

    def batch(self, step: int) -> Mapping[str, Tensor]:
        if step == self.interrupt_at:
            os.kill(os.getpid(), signal.SIGINT)
        data, rows, people = self.settings.data, 2, 2
        generator = torch.Generator().manual_seed(seed_of(self.seed, step))
        return {
            "x0": torch.randn(rows, people, data.frames, 258, generator=generator),
            "pose_mask": torch.rand(rows, people, data.frames, generator=generator) < 0.8,
            "text": torch.randn(rows, people, self.settings.model.text_dim, generator=generator),
            "text_mask": torch.ones(rows, people, dtype=torch.bool),
            "scene": torch.randn(rows, data.scene_tokens, 192, generator=generator),
            "scene_class": torch.ones(rows, data.scene_tokens, dtype=torch.int64),
            "scene_mask": torch.ones(rows, data.scene_tokens, dtype=torch.bool),
            "person_class": torch.ones(rows, people, dtype=torch.int64),
            "identity": torch.tensor([[0, 1], [3, 2]]),
        }


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(TINY)
    return path


@pytest.fixture
def fake_data(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """Random batches in place of dataset and text tower; put a step in the list to have it send SIGINT."""
    interrupt: list[int | None] = [None]

    def load_data(settings: TrainConfig, saved: Normaliser | None, *others: object) -> Data:
        normaliser = saved or Normaliser(np.zeros(258, np.float32), np.ones(258, np.float32))
        return Data(Batches(settings, 1, interrupt[0]), Batches(settings, 2), normaliser)

    monkeypatch.setattr(denoiser_run, "load_data", load_data)
    return interrupt


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["denoiser", *map(str, arguments)])


def failed(result: Result, *, code: int = 2) -> str:
    """Check that a command failed in one line and return it."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]


def test_trains_the_denoiser_and_says_what_came_out(toml: Path, tmp_path: Path, fake_data: object) -> None:
    out = tmp_path / "run"
    result = run("--config", toml, "--out", out, "--seed", "3", "--set", "optimiser.lr=2e-3")
    assert result.exit_code == 0, result.output
    saved = load(find(out, "latest"))
    assert saved.progress.step == 6
    assert (saved.config.run.seed, saved.config.optimiser.lr, saved.config.model.width) == (3, 2e-3, 16)
    Denoiser(saved.config.model).load_state_dict(saved.ema)
    assert "step 6/6 (100.0%)" in result.stderr
    assert "Training all steps done" in result.stderr
    assert "6 of 6" in result.stderr


def test_interrupt_saves_and_resume_needs_no_settings(toml: Path, tmp_path: Path, fake_data: list[int | None]) -> None:
    # The batch of step 4 is prepared while an earlier step runs, so the stop comes at or before it.
    fake_data[0] = 4
    out = tmp_path / "run"
    result = run("--config", toml, "--out", out)
    assert result.exit_code == 130
    assert "stopped by a signal" in result.stderr
    assert 1 <= load(find(out, "latest")).progress.step <= 5
    fake_data[0] = None
    assert run("--out", out, "--resume").exit_code == 0
    assert run("--config", toml, "--out", tmp_path / "whole").exit_code == 0
    resumed, whole = load(find(out, "latest")), load(find(tmp_path / "whole", "latest"))
    for name, tensor in {**whole.model, **whole.optimizer}.items():
        assert torch.equal(tensor, {**resumed.model, **resumed.optimizer}[name]), name
    assert all(torch.equal(tensor, resumed.ema[name]) for name, tensor in whole.ema.items())
    result = run("--out", out, "--resume", "--lr", "5e-4", "--steps", "7")
    assert result.exit_code == 0, result.output
    assert "changed on resume: optimiser.lr: 0.001 -> 0.0005" in result.stderr
    assert load(find(out, "latest")).progress.step == 7


def test_resume_of_nothing_starts(toml: Path, tmp_path: Path, fake_data: object) -> None:
    result = run("--config", toml, "--out", tmp_path / "run", "--resume")
    assert result.exit_code == 0, result.output
    assert "nothing to resume" in result.stderr


def test_show_config_writes_nothing(toml: Path, tmp_path: Path) -> None:
    result = run("--config", toml, "--out", tmp_path / "run", "--show-config", "--max-minutes", "2.5", "--data", "d")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert shown["run"]["max_minutes"] == 2.5
    assert shown["data"]["dataset"] == "d"
    assert shown["model"]["width"] == 16
    assert not (tmp_path / "run").exists()


def test_refuses_to_mix_runs(toml: Path, tmp_path: Path, fake_data: object) -> None:
    out = tmp_path / "run"
    assert run("--config", toml, "--out", out).exit_code == 0
    before = sorted(p.name for p in out.rglob("*"))
    assert "add --resume" in failed(run("--config", toml, "--out", out))
    line = failed(run("--out", out, "--resume", "--set", "model.layers=2"))
    assert "model.layers: 1 -> 2" in line
    assert "run.seed: 0 -> 1" in failed(run("--out", out, "--resume", "--seed", "1"))
    assert "something left to do" in failed(run("--out", out, "--resume"))
    assert sorted(p.name for p in out.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "optimiser.rate=1"], "'optimiser.rate'"),
        (["--set", "optimzer.lr=1"], "did you mean 'optimiser'?"),
        (["--set", "run.stepz=1"], "did you mean 'run.steps'?"),
        (["--set", "lr"], "expected section.key=value"),
        (["--steps", "0"], "run.steps"),
        (["--steps", "many"], "expected a whole number, got 'many' for --steps; correct it"),
        (["--precision", "fp8"], "expected one of auto, fp32, bf16"),
        (["--config", "missing.toml"], "No such file or directory"),
        (["--data", "missing"], "'missing' for --data"),
        ([], "none for --data"),
        (["--nonsense"], "expected an option of main denoiser, got '--nonsense'; "),
    ],
)
def test_bad_settings_fail_in_one_line(arguments: list[str], words: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert words in failed(run("--out", out, *arguments))
    assert not out.exists()


def test_bad_folders_fail_in_one_line(tmp_path: Path) -> None:
    out, data, tower = tmp_path / "run", tmp_path / "data", tmp_path / "tower"
    data.mkdir()
    tower.mkdir()
    assert "dataset.json" in failed(run("--out", out, "--data", data, "--text", tower))
    (data / "dataset.json").write_text("{}")
    assert "for --text" in failed(run("--out", out, "--data", data, "--text", tower))
    assert "none for --text" in failed(run("--out", out, "--data", data))
    broken = tmp_path / "broken.toml"
    broken.write_text("[model\nwidth = 1")
    assert "expected TOML" in failed(run("--out", out, "--config", broken))
    assert "expected a folder, got the file" in failed(run("--out", broken))
    assert "expected a folder, got the file" in failed(run("--out", broken / "below" / "it"))
    assert not out.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_place_fails_in_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "can be written" in failed(run("--out", tmp_path / "run"), code=7)


def test_damaged_checkpoint_fails_in_one_line(toml: Path, tmp_path: Path, fake_data: object) -> None:
    out = tmp_path / "run"
    assert run("--config", toml, "--out", out).exit_code == 0
    weights = find(out, "latest") / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert "it is damaged" in failed(run("--out", out, "--resume", "--steps", "9"))


def test_help_needs_no_torch(tmp_path: Path) -> None:
    code = "import sys; from motion_train.cli import main; main(['denoiser', '--help'], standalone_mode=False)"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; sys.exit('torch' in sys.modules)"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--max-minutes" in done.stdout


def test_missing_extra_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "accelerate", None)
    line = failed(run("--out", tmp_path / "run"), code=3)
    assert "pip install 'scene-motion[train]'" in line
