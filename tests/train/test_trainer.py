from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn

from motion_preprocessing.errors import InputError, MotionError, OutputError
from motion_runtime.manifest import Normaliser
from motion_train import config as configuration
from motion_train import trainer as trainer_module
from motion_train.checkpoint import find, load, optimizer_tensors
from motion_train.console import TrainingConsole
from motion_train.loader import Prefetcher
from motion_train.optimiser import lr_factor, make_optimizer
from motion_train.seeds import seed_of
from motion_train.trainer import Trainer

WIDTH = 6
SMALL = (
    "run.threads=1",
    "run.steps=20",
    "run.log_every=5",
    "run.validate_every=10",
    "run.validation_batches=2",
    "run.checkpoint_every=100",
    "optimiser.lr=1e-2",
    "optimiser.warmup_steps=3",
)


class Network(nn.Module):
    """Two layers with dropout, so that torch's global generator matters, and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(WIDTH, 8)
        self.second = nn.Linear(8, WIDTH)
        self.dropout = nn.Dropout(0.2)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen += 1
        y: Tensor = self.second(self.dropout(torch.tanh(self.first(x))))
        return y


class Batches:
    """Batch i is a function of the seed and i."""

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed

    def batch(self, step: int) -> Mapping[str, Tensor]:
        generator = torch.Generator().manual_seed(seed_of(self.seed, step))
        return {"x0": torch.randn(4, WIDTH, generator=generator), "number": torch.tensor(step)}


class Denoising:
    """Mean squared error of a denoised batch; remembers which batches it was trained on."""

    def __init__(self) -> None:
        self.trained_on: list[int] = []

    def __call__(self, model: nn.Module, batch: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        x0 = batch["x0"]
        if model.training:
            self.trained_on.append(int(batch["number"]))
        noisy = x0 + 0.3 * torch.randn(x0.shape, generator=generator)
        error = (model(noisy) - x0).square()
        return {"loss": error.mean(), "largest": error.max()}


class StopAt(Denoising):
    """Sends this process a signal while it computes a training step, counted from 1."""

    def __init__(self, step: int, number: signal.Signals = signal.SIGINT) -> None:
        super().__init__()
        self.step, self.number = step, number

    def __call__(self, model: nn.Module, batch: Mapping[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        losses = super().__call__(model, batch, generator)
        if model.training and len(self.trained_on) == self.step:
            os.kill(os.getpid(), self.number)
        return losses


def normaliser() -> Normaliser:
    return Normaliser(np.linspace(-1, 1, WIDTH, dtype=np.float32), np.linspace(1, 2, WIDTH, dtype=np.float32))


def make_trainer(folder: Path, *settings: str, objective: Denoising | None = None) -> Trainer:
    torch.manual_seed(7)
    return Trainer(
        Network(),
        objective or Denoising(),
        Batches(),
        Batches(seed=2),
        configuration.load(None, [*SMALL, *settings]),
        normaliser(),
        folder,
        console=TrainingConsole(20, enabled=False),
    )


def state(trainer: Trainer) -> dict[str, Tensor]:
    """Every tensor that a run is made of."""
    return {
        **{f"model.{k}": v.clone() for k, v in trainer.model.state_dict().items()},
        **{f"ema.{k}": v.clone() for k, v in trainer.ema.module.state_dict().items()},
        **{f"adamw.{k}": v.clone() for k, v in optimizer_tensors(trainer.model, trainer.optimizer).items()},
    }


@pytest.mark.parametrize("at", [10, 7])
def test_resume_is_bit_exact(tmp_path: Path, at: int) -> None:
    whole_objective = Denoising()
    whole = make_trainer(tmp_path / "whole", objective=whole_objective)
    assert whole.fit().reason == "steps"

    outcome = make_trainer(tmp_path / "parts", objective=StopAt(at)).fit()
    assert (outcome.reason, outcome.progress.step) == ("signal", at)
    second_objective = Denoising()
    second = make_trainer(tmp_path / "parts", objective=second_objective)
    with torch.no_grad():  # whatever the new process starts from must not matter
        for parameter in second.model.parameters():
            parameter.add_(1.0)
    torch.rand(5)
    second.restore(load(find(tmp_path / "parts", "latest")))
    assert second.fit().progress.step == 20

    assert whole_objective.trained_on == list(range(20))
    assert second_objective.trained_on == list(range(at, 20))
    expected, got = state(whole), state(second)
    assert expected.keys() == got.keys()
    assert len([name for name in got if name.endswith("exp_avg_sq")]) == 4
    for name, tensor in expected.items():
        assert torch.equal(tensor, got[name]), name
    for name in ("model", "ema", "optimizer"):
        files = [tmp_path / run / "checkpoints" / "step_00000020" / f"{name}.safetensors" for run in ("whole", "parts")]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_steps_follow_a_plain_loop_of_torch(tmp_path: Path) -> None:
    """Adam's and the average's equations in float64 numpy, one step at a time, on the gradients torch gives."""
    trainer = make_trainer(tmp_path, "run.steps=6", "optimiser.clip_norm=0.05", "optimiser.weight_decay=0.1")
    c = trainer.config.optimiser
    names = [name for name, _ in trainer.model.named_parameters()]
    w = {n: p.detach().double().numpy().copy() for n, p in trainer.model.named_parameters()}
    average = {n: v.copy() for n, v in w.items()}
    m = {n: np.zeros_like(v) for n, v in w.items()}
    v = {n: np.zeros_like(x) for n, x in w.items()}
    network, objective, source = Network().train(), Denoising(), Batches()
    for step in range(6):
        network.load_state_dict({n: torch.from_numpy(w[n]).float() for n in names} | {"seen": torch.zeros(())})
        key = seed_of(0, 0, step, 0)
        torch.manual_seed(key)
        network.zero_grad()
        objective(network, source.batch(step), torch.Generator().manual_seed(key))["loss"].backward()
        gradient = {n: p.grad.double().numpy() for n, p in network.named_parameters() if p.grad is not None}
        norm = np.sqrt(sum((g**2).sum() for g in gradient.values()))
        assert norm > c.clip_norm
        cosine = c.min_lr_ratio + (1 - c.min_lr_ratio) * (1 + np.cos(np.pi * step / 6)) / 2
        lr = c.lr * min(1, (step + 1) / 4) * cosine
        decay = min(c.ema_decay, (step + 2) / (step + 11))
        for n in names:
            g = gradient[n] * c.clip_norm / norm
            m[n] = c.beta1 * m[n] + (1 - c.beta1) * g
            v[n] = c.beta2 * v[n] + (1 - c.beta2) * g**2
            w[n] *= 1 - lr * (c.weight_decay if w[n].ndim > 1 else 0)
            up = m[n] / (1 - c.beta1 ** (step + 1))
            w[n] -= lr * up / (np.sqrt(v[n] / (1 - c.beta2 ** (step + 1))) + 1e-8)
            average[n] = decay * average[n] + (1 - decay) * w[n]
    trainer.fit()
    for n in names:
        np.testing.assert_allclose(trainer.model.state_dict()[n].numpy(), w[n], atol=2e-6)
        np.testing.assert_allclose(trainer.ema.module.state_dict()[n].numpy(), average[n], atol=2e-6)
    assert trainer.ema.module.state_dict()["seen"] == 6


def test_seed_changes_noise_and_dropout(tmp_path: Path) -> None:
    one, other = make_trainer(tmp_path / "1"), make_trainer(tmp_path / "2", "run.seed=1")
    one.fit()
    other.fit()
    assert not torch.equal(one.model.state_dict()["first.weight"], other.model.state_dict()["first.weight"])


def test_validation_uses_the_average_on_fixed_noise(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, "run.steps=60", "run.validate_every=30", "optimiser.ema_decay=0.9")
    outcome = trainer.fit()
    objective, expected = Denoising(), []
    for i in range(2):
        generator = torch.Generator().manual_seed(seed_of(0, 1, i))
        with torch.no_grad():
            expected.append(float(objective(trainer.ema.module, Batches(2).batch(i), generator)["loss"]))
    assert objective.trained_on == []
    assert outcome.progress.validation_loss == pytest.approx(np.mean(expected), rel=1e-6)
    folders = sorted((tmp_path / "checkpoints").iterdir())
    losses = [load(folder).progress.validation_loss for folder in folders]
    assert [folder.name for folder in folders] == ["step_00000030", "step_00000060"]
    assert losses[0] is not None
    assert losses[1] is not None
    assert losses[1] < losses[0]
    assert find(tmp_path, "best") == folders[1]


def test_scalars_reach_tensorboard_and_resume_hides_repeated_ones(tmp_path: Path) -> None:
    make_trainer(tmp_path, objective=StopAt(7)).fit()
    second = make_trainer(tmp_path)
    second.restore(load(find(tmp_path, "latest")))
    second.fit()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [e.step for e in events.Scalars("train/loss")] == [5, 7, 10, 15, 20]
    assert [e.step for e in events.Scalars("validation/loss")] == [10, 20]
    assert {"train/lr", "train/gradient_norm", "train/largest", "train/steps_per_s"} <= set(events.Tags()["scalars"])


def test_time_limit_stops_with_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(100.0, 0.25)
    monkeypatch.setattr(trainer_module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    trainer = make_trainer(
        tmp_path, "run.steps=1000000", "run.max_minutes=0.5", "optimiser.schedule_by=time", "run.validate_every=0"
    )
    outcome = trainer.fit()
    assert outcome.reason == "time"
    assert 30 <= outcome.progress.elapsed_s < 31
    assert load(outcome.folder).progress == outcome.progress
    # The clock drives the cosine, so the last learning rate is near its end although a millionth of the steps is done.
    optimiser = trainer.config.optimiser
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(optimiser.lr * optimiser.min_lr_ratio, rel=0.1)

    again = make_trainer(tmp_path, "run.steps=1000000", "run.max_minutes=0.5")
    with pytest.raises(InputError, match="something left to do"):
        again.restore(load(outcome.folder))


def test_sigterm_saves_and_restores_the_handlers(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    outcome = make_trainer(tmp_path, objective=StopAt(3, signal.SIGTERM)).fit()
    assert (outcome.reason, outcome.progress.step) == ("signal", 3)
    assert load(outcome.folder).progress.step == 3
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_loss_that_is_not_finite_ends_the_run_and_keeps_the_checkpoint_before(tmp_path: Path) -> None:
    class Diverging(Denoising):
        def __call__(
            self, model: nn.Module, batch: Mapping[str, Tensor], generator: torch.Generator
        ) -> dict[str, Tensor]:
            losses = super().__call__(model, batch, generator)
            return {"loss": losses["loss"] * (float("nan") if len(self.trained_on) > 12 else 1.0)}

    with pytest.raises(MotionError, match="expected a finite loss, got nan at step 15"):
        make_trainer(tmp_path, objective=Diverging()).fit()
    kept = load(find(tmp_path, "latest"))
    assert kept.progress.step == 10
    assert all(torch.isfinite(t).all() for t in kept.model.values())


def test_a_log_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "tensorboard").write_text("a file")
    with pytest.raises(OutputError, match=r"got .* for the log"):
        make_trainer(tmp_path).fit()


def test_restore_refuses_another_normaliser(tmp_path: Path) -> None:
    outcome = make_trainer(tmp_path).fit()
    other = make_trainer(tmp_path, "run.steps=30")
    other.normaliser = Normaliser(normaliser().mean, 2 * normaliser().std)
    with pytest.raises(InputError, match="expected the normaliser of"):
        other.restore(load(outcome.folder))


def test_prefetcher_keeps_the_order_and_passes_errors_on() -> None:
    class Failing(Batches):
        def batch(self, step: int) -> Mapping[str, Tensor]:
            assert threading.current_thread() is not threading.main_thread()
            if step == 9:
                raise InputError("no such batch")
            return super().batch(step)

    batches = Prefetcher(Failing(), first=3, stride=2)
    assert [int(batches.take()["number"]) for _ in range(3)] == [3, 5, 7]
    with pytest.raises(InputError, match="no such batch"):
        batches.take()
    batches.close()


def test_learning_rate_warms_up_and_ends_at_its_share() -> None:
    c = configuration.OptimiserConfig(warmup_steps=9, min_lr_ratio=0.1)
    assert [lr_factor(c, step, 0.0) for step in (0, 4, 9, 50)] == pytest.approx([0.1, 0.5, 1.0, 1.0])
    assert [lr_factor(c, 100, share) for share in (0.5, 1.0, 1.7)] == pytest.approx([0.55, 0.1, 0.1])


def test_only_matrices_decay() -> None:
    groups = make_optimizer(Network(), configuration.OptimiserConfig(weight_decay=0.3)).param_groups
    assert {(group["weight_decay"], p.dim()) for group in groups for p in group["params"]} == {(0.3, 2), (0.0, 1)}


TWO_PROCESSES = """
import sys
from pathlib import Path
import numpy as np
import torch
from torch import nn
from motion_train import config
from motion_runtime.manifest import Normaliser
from motion_train.console import TrainingConsole
from motion_train.trainer import Trainer

class Batches:
    def __init__(self, together):
        self.together = together

    def one(self, index):
        return torch.randn(4, 3, generator=torch.Generator().manual_seed(index))

    def batch(self, index):
        return {"x": torch.cat([self.one(2 * index), self.one(2 * index + 1)]) if self.together else self.one(index)}

def train(folder, together):
    torch.manual_seed(0)
    objective = lambda model, batch, generator: {"loss": (model(batch["x"]) - batch["x"]).square().mean()}
    settings = config.load(None, ["run.steps=12", "run.threads=1", "optimiser.lr=0.05", "optimiser.warmup_steps=0"])
    normaliser = Normaliser(np.zeros(3, np.float32), np.ones(3, np.float32))
    source = Batches(together)
    console = TrainingConsole(12, enabled=False)
    trainer = Trainer(nn.Linear(3, 3), objective, source, source, settings, normaliser, Path(folder), console=console)
    trainer.fit()
    return trainer

if __name__ == "__main__":
    trainer = train(sys.argv[1], together=False)
    assert trainer.accelerator.num_processes == 2
    trainer.accelerator.end_training()
"""


@pytest.mark.slow
def test_two_processes_are_one_with_batches_twice_as_large(tmp_path: Path) -> None:
    script = tmp_path / "two_processes.py"
    script.write_text(TWO_PROCESSES)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    with subprocess.Popen([*launcher, script, tmp_path / "two"], stderr=subprocess.PIPE, start_new_session=True) as run:
        try:
            _, stderr = run.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            raise
    assert run.returncode == 0, stderr.decode()
    two = load(find(tmp_path / "two", "latest"))
    scope: dict[str, Any] = {"__name__": "one_process"}
    exec(script.read_text(), scope)
    one = scope["train"](tmp_path / "one", together=True)
    for name, tensor in one.model.state_dict().items():
        torch.testing.assert_close(two.model[name], tensor, atol=1e-6, rtol=0)
    for name, tensor in one.ema.module.state_dict().items():
        torch.testing.assert_close(two.ema[name], tensor, atol=1e-6, rtol=0)
    assert len(list((tmp_path / "two" / "tensorboard").iterdir())) == 1
