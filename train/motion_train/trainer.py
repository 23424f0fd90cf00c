"""The training loop: AdamW with a warmed-up cosine, clipping, moving average, validation, checkpoints, clean stops.

Nothing random has a state. Batch i of the data is a function of (seed, i); noise, time steps and condition dropout come
from a generator seeded by (seed, step, process), and so does torch's global generator, which dropout inside the model
reads. A run that was stopped at any step and resumed is therefore the run that was never stopped, bit by bit on a CPU.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from motion_preprocessing.errors import InputError, OutputError
from motion_runtime.cores import granted_cores
from motion_runtime.manifest import Normaliser
from motion_train import checkpoint
from motion_train.checkpoint import Checkpoint, Progress
from motion_train.config import RunConfig, TrainConfig
from motion_train.console import TrainingConsole, clock
from motion_train.ema import ExponentialMovingAverage
from motion_train.graphed import GraphedBackward
from motion_train.loader import Batch, BatchSource, Prefetcher
from motion_train.means import Means
from motion_train.optimiser import lr_factor, make_optimizer
from motion_train.seeds import TRAINING, VALIDATION, seed_of

_SAME_REQUEST_S: Final = 2.0
"""Signals this close together are one request: a terminal and torchrun both pass Ctrl-C on."""
_AGREE_EVERY: Final = 10
"""Steps between two agreements of several processes on stopping."""


class Objective(Protocol):
    """What is minimised."""

    def __call__(self, model: nn.Module, batch: Batch, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Return scalars of which 'loss' is minimised and the others are logged.

        `model` may be wrapped for several devices, so only calling it as a whole is allowed; `generator` is on the
        batch's device where that is CUDA and on the CPU elsewhere and for validation.
        """


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    progress: Progress
    folder: Path
    """The last checkpoint."""
    reason: str
    """'steps', 'time' or 'signal'."""


def over(run: RunConfig, progress: Progress) -> str:
    """Why the run ends here ('steps' or 'time'), or nothing."""
    if progress.step >= run.steps:
        return "steps"
    return "time" if run.max_minutes > 0 and progress.elapsed_s >= 60 * run.max_minutes else ""


def require_unfinished(run: RunConfig, progress: Progress) -> None:
    """Refuse to go on with a run that is over.

    Raises:
        InputError: It is.
    """
    if over(run, progress):
        raise InputError(
            f"expected something left to do, got step {progress.step} of {run.steps} after "
            f"{progress.elapsed_s / 60:.1f} minutes (limit {run.max_minutes:g}, 0 = none) for --resume; raise "
            "--steps or --max-minutes, which count the whole run"
        )


def make_accelerator(run: RunConfig) -> Accelerator:
    """Set threads and precision; several processes started by torchrun find each other here."""
    torch.set_num_threads(run.threads or granted_cores())
    bf16 = run.precision == "bf16"
    if run.precision == "auto":
        bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    # Left to itself, Accelerate takes several processes on a machine without an accelerator for single ones.
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    cpu = several and not torch.accelerator.is_available()
    return Accelerator(mixed_precision="bf16" if bf16 else "no", cpu=cpu)


class Trainer:
    """Trains `model` on `source`; everything is written below `folder`."""

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        source: BatchSource,
        validation: BatchSource | None,
        config: TrainConfig,
        normaliser: Normaliser,
        folder: Path,
        accelerator: Accelerator | None = None,
        console: TrainingConsole | None = None,
        data: Mapping[str, Any] | None = None,
        *,
        graphs: bool = False,
    ) -> None:
        """Put a run together.

        Args:
            model: What is trained.
            objective: What is minimised.
            source: Batches of the training.
            validation: Batches to validate on, if any.
            config: The run's configuration.
            normaliser: Of the pose vectors; kept in every checkpoint.
            folder: The run's folder.
            accelerator: Devices; None makes one from the configuration.
            console: Where progress is told; None makes one.
            data: The dataset's header; what a bundle says of it is kept in every checkpoint.
            graphs: Batches come in few shapes: on a single GPU, replay CUDA graphs.

        Raises:
            InputError: The learning rate is to follow the clock in several processes.
        """
        self.data = data
        self.config, self.normaliser, self.folder = config, normaliser, folder
        self.objective, self.source, self.validation = objective, source, validation
        self.accelerator = accelerator or make_accelerator(config.run)
        self.device: torch.device = self.accelerator.device
        self.model = model.to(self.device)
        self.ema = ExponentialMovingAverage(self.model, config.optimiser.ema_decay)
        self.optimizer = make_optimizer(self.model, config.optimiser)
        self.progress = Progress()
        if config.optimiser.schedule_by == "time" and self.accelerator.num_processes > 1:
            raise InputError(
                "expected optimiser.schedule_by = 'steps', got 'time' for several processes, whose clocks differ; "
                "set it to 'steps'"
            )
        self._console = console
        self._validation_batches: list[Batch] = []
        self._stop_asked: float | None = None
        self._graphs = graphs and self.device.type == "cuda" and self.accelerator.num_processes == 1

    def restore(self, saved: Checkpoint) -> None:
        """Continue from a checkpoint; call before `fit`.

        Raises:
            InputError: It is that of another model or other data, or the run is over.
        """
        require_unfinished(self.config.run, saved.progress)
        if not saved.normaliser.same_as(self.normaliser):
            raise InputError(
                f"expected the normaliser of '{saved.folder}', got another for the dataset; resume with the dataset "
                "that the run began with, or start a new run"
            )
        owner = f"'{saved.folder}'"
        checkpoint.load_weights(self.model, saved.model, owner)
        checkpoint.load_weights(self.ema.module, saved.ema, owner)
        checkpoint.load_optimizer(self.model, self.optimizer, saved.optimizer, owner)
        self.progress = saved.progress

    def fit(self) -> Outcome:
        """Train until the steps or the minutes are over or a signal asks to stop; always ends with a checkpoint.

        Raises:
            MotionError: The loss is not finite any more.
            OutputError: The run's folder cannot be written.
        """
        run, accelerator = self.config.run, self.accelerator
        start = time.monotonic() - self.progress.elapsed_s
        wrapped = accelerator.prepare_model(self.model)
        wrapped.train()
        writer = self._writer()
        # Each process takes every n-th batch, so that one more process means more data, not the same twice.
        rank, world = accelerator.process_index, accelerator.num_processes
        graphed: GraphedBackward | None = None
        if self._graphs:
            graphed = GraphedBackward(lambda batch, rng: self.objective(wrapped, batch, rng), self.model, self.device)
        batches = Prefetcher(self.source, self.progress.step * world + rank, world)
        console = self._console or TrainingConsole(run.steps, accelerator.is_main_process)
        losses = Means()
        mark = (time.monotonic(), self.progress.step)
        folder: Path | None = None
        reason = ""
        with self._signals(), console:
            try:
                while not reason:
                    lr = self._set_lr()
                    losses.add(self._step(wrapped, batches.take(), graphed), lr)
                    step = self.progress.step + 1
                    self.ema.update(self.model, step)
                    self.progress = replace(
                        self.progress, step=step, elapsed_s=time.monotonic() - start, validation_loss=None
                    )
                    reason = self._over()
                    if step % run.log_every == 0 or step % run.checkpoint_every == 0 or self._validate_now() or reason:
                        means = losses.take(step)
                        self.progress = replace(self.progress, train_loss=means["loss"])
                        now = time.monotonic()
                        rate = (step - mark[1]) / max(now - mark[0], 1e-9)
                        mark = (now, step)
                        _log(writer, step, {**{f"train/{k}": v for k, v in means.items()}, "train/steps_per_s": rate})
                        share = self._share()
                        shown = {key: means[key] for key in ("loss", "lr")}
                        console.steps(step, share, self._left_s(rate), rate, shown)
                    improved = False
                    if self._validate_now() or (reason and reason != "signal"):
                        improved = self._validate(writer, console)
                        mark = (time.monotonic(), step)
                    if step % run.checkpoint_every == 0 or improved or reason:
                        folder = self._save()
            finally:
                batches.close()
                if writer is not None:
                    writer.close()
        assert folder is not None
        self._report(console, folder, reason)
        return Outcome(self.progress, folder, reason)

    def _step(self, model: nn.Module, batch: Batch, graphed: GraphedBackward | None) -> dict[str, Tensor]:
        """One optimiser step; returns detached scalars without waiting for the device."""
        key = seed_of(self.config.run.seed, TRAINING, self.progress.step, self.accelerator.process_index)
        torch.manual_seed(key)
        losses: Mapping[str, Tensor]
        if graphed is not None:
            losses = graphed(self._to_device(batch), key)
        else:
            rng = torch.Generator(self.device if self.device.type == "cuda" else "cpu").manual_seed(key)
            losses = self.objective(model, self._to_device(batch), rng)
            self.optimizer.zero_grad(set_to_none=True)
            self.accelerator.backward(losses["loss"])
        clip = self.config.optimiser.clip_norm
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), clip if clip > 0 else math.inf)
        self.optimizer.step()
        return {**{name: value.detach() for name, value in losses.items()}, "gradient_norm": norm.detach()}

    @torch.no_grad()
    def _validate(self, writer: SummaryWriter | None, console: TrainingConsole) -> bool:
        """Measure the averaged weights on fixed windows and fixed noise; True where they are the best so far."""
        if self.validation is None or not self.config.run.validation_batches:
            return False
        loss = math.nan
        # One process measures while the others wait: the result must not depend on their number.
        if self.accelerator.is_main_process:
            if not self._validation_batches:
                count = self.config.run.validation_batches
                self._validation_batches = [self._to_device(self.validation.batch(i)) for i in range(count)]
            means = Means()
            for i, batch in enumerate(self._validation_batches):
                rng = torch.Generator().manual_seed(seed_of(self.config.run.seed, VALIDATION, i))
                means.add(dict(self.objective(self.ema.module, batch, rng)), 0.0)
            values = means.take(self.progress.step)
            loss = values["loss"]
            _log(writer, self.progress.step, {f"validation/{k}": v for k, v in values.items() if k != "lr"})
            console.line(f"step {self.progress.step}  validation loss {loss:.6f}")
        loss = float(self.accelerator.reduce(torch.tensor(0.0 if math.isnan(loss) else loss, device=self.device)))
        best = self.progress.best_validation_loss
        improved = best is None or loss < best
        self.progress = replace(self.progress, validation_loss=loss, best_validation_loss=loss if improved else best)
        return improved

    def _save(self) -> Path:
        """Write a checkpoint from one process while the others wait."""
        self.accelerator.wait_for_everyone()
        name = self.folder / checkpoint.FOLDER
        if self.accelerator.is_main_process:
            name = checkpoint.save(
                self.folder,
                self.config,
                self.normaliser,
                self.progress,
                self.model,
                self.ema.module,
                self.optimizer,
                self.data,
            )
        self.accelerator.wait_for_everyone()
        return name

    def _set_lr(self) -> float:
        """Give the optimiser the learning rate of the coming step."""
        lr = self.config.optimiser.lr * lr_factor(self.config.optimiser, self.progress.step, self._share("lr"))
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        return lr

    def _share(self, of: str = "run") -> float:
        """Share of the run that is done, or the one that drives the learning rate."""
        run, progress = self.config.run, self.progress
        by_steps = progress.step / run.steps
        by_time = progress.elapsed_s / (60 * run.max_minutes) if run.max_minutes > 0 else 0.0
        if of == "lr":
            return by_time if self.config.optimiser.schedule_by == "time" else by_steps
        return min(1.0, max(by_steps, by_time))

    def _left_s(self, rate: float) -> float:
        by_steps = (self.config.run.steps - self.progress.step) / max(rate, 1e-9)
        limit = self.config.run.max_minutes
        return min(by_steps, 60 * limit - self.progress.elapsed_s) if limit > 0 else by_steps

    def _validate_now(self) -> bool:
        every = self.config.run.validate_every
        return every > 0 and self.progress.step % every == 0

    def _over(self) -> str:
        """Why the run ends here, or nothing; several processes agree, or one would wait for the others forever."""
        reason = over(self.config.run, self.progress)
        if reason != "steps" and self._stop_asked is not None:
            reason = "signal"
        if reason == "steps" or self.accelerator.num_processes == 1:
            return reason
        if self.progress.step % _AGREE_EVERY:
            return ""
        reasons = ("", "time", "signal")
        codes = self.accelerator.gather(torch.tensor([reasons.index(reason)], device=self.device))
        return reasons[int(codes.max())]

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM end the run after the current step; a second request ends it at once."""

        def ask(number: int, frame: Any) -> None:
            now = time.monotonic()
            if self._stop_asked is None:
                self._stop_asked = now
            elif now - self._stop_asked > _SAME_REQUEST_S:
                raise KeyboardInterrupt

        names = (signal.SIGINT, signal.SIGTERM)
        before = [signal.signal(name, ask) for name in names]
        try:
            yield
        finally:
            for name, handler in zip(names, before, strict=True):
                signal.signal(name, handler)

    def _to_device(self, batch: Batch) -> Batch:
        return {name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.items()}

    def _writer(self) -> SummaryWriter | None:
        """TensorBoard events, from one process; those a resumed run is about to repeat are hidden."""
        if not self.accelerator.is_main_process:
            return None
        done = self.progress.step
        folder = self.folder / "tensorboard"
        try:
            return SummaryWriter(str(folder), purge_step=done + 1 if done else None)
        except OSError as error:
            raise OutputError(
                f"expected to write '{folder}', got '{error.strerror}' for the log; choose another --out"
            ) from error

    def _report(self, console: TrainingConsole, folder: Path, reason: str) -> None:
        progress = self.progress
        ended = {"steps": "all steps done", "time": "time is over", "signal": "stopped by a signal"}[reason]
        console.table(
            "Training " + ended,
            {
                "steps": f"{progress.step} of {self.config.run.steps}",
                "time": f"{clock(progress.elapsed_s)} ({progress.step / max(progress.elapsed_s, 1e-9):.2f} steps/s)",
                "training loss": _number(progress.train_loss),
                "validation loss": _number(progress.validation_loss),
                "best validation loss": _number(progress.best_validation_loss),
                "checkpoint": str(folder),
            },
        )


def _log(writer: SummaryWriter | None, step: int, scalars: Mapping[str, float]) -> None:
    if writer is not None:
        for name, value in scalars.items():
            writer.add_scalar(name, value, step)


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.6f}"
