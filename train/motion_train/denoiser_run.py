"""One training run of the denoiser: settings, data, text tower, model and objective put together."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from motion_preprocessing.dataset import MotionDataset
from motion_preprocessing.errors import InputError
from motion_runtime.cores import granted_cores
from motion_runtime.manifest import Normaliser
from motion_runtime.schedule import NoiseSchedule
from motion_train import checkpoint, config
from motion_train.checkpoint import Checkpoint, check_normaliser
from motion_train.config import TrainConfig
from motion_train.console import TrainingConsole
from motion_train.denoiser import Denoiser
from motion_train.diffusion import GaussianDiffusion
from motion_train.initial import load_initial, start_from
from motion_train.loader import BatchSource
from motion_train.losses import Objective
from motion_train.seeds import INITIALISATION, seed_of
from motion_train.teacher import Interleaved, Teacher
from motion_train.text_tower import TextTower
from motion_train.trainer import Outcome, Trainer, make_accelerator, require_unfinished
from motion_train.windows import WindowSampler, embedder

_VALIDATION_WINDOWS: Final = 600
_SAME: Final = 1e-3
"""Normalisers this close (means in deviations, log of the ratio of deviations) come from the same data."""
_FIXED: Final = ("model.", "diffusion.", "run.seed", "run.initial")
"""What a resumed run may not change: its weights would mean something else, or its batches come again."""


@dataclass(frozen=True)
class Run:
    """What a run is set to, and where it goes on from."""

    config: TrainConfig
    resume: bool
    """Whether a checkpoint was asked for."""
    resumed: Checkpoint | None
    """The one that was found."""
    changed: Sequence[str]
    """Settings that differ from those of the run before, as lines."""
    initial: Checkpoint | None = None
    """Checkpoint of another run to start from, or to learn from."""
    teacher: Checkpoint | None = None
    """Checkpoint of a third run to learn from instead."""


@dataclass(frozen=True)
class Data:
    """The two batch sources of a run and the normaliser of what they give."""

    training: BatchSource
    validation: BatchSource | None
    normaliser: Normaliser
    header: Mapping[str, Any] | None = None
    """What the dataset says of itself."""
    tower: TextTower | None = None
    """What embedded the captions."""
    captions: Sequence[str] = ()
    """Every caption of the training."""


def resolve_run(
    path: Path | None,
    settings: Sequence[str],
    flags: Mapping[str, Any],
    out: Path,
    *,
    resume: bool,
    initial: Path | None = None,
) -> Run:
    """Resolve the configuration and find the checkpoint to go on from; nothing is written.

    Args:
        path: TOML file.
        settings: 'section.key=value' lines.
        flags: Values of named flags by their key; they win over everything.
        out: The run's folder.
        resume: Go on from its newest checkpoint if it has one.
        initial: Another run whose weights to start from [run.initial]; a resumed run has long left them.

    Raises:
        InputError: A setting is wrong or may not change on resume, the run has begun and `resume` is not set, the run
            is over, or its newest checkpoint is damaged.
    """
    saved: Checkpoint | None = None
    if checkpoint.exists(out):
        if not resume:
            raise InputError(f"expected no checkpoints, got some in '{out}' for --out; add --resume or choose another")
        saved = checkpoint.load(checkpoint.find(out, "latest"))
    if initial is not None:
        flags = {**flags, "run.initial": str(initial)}
    resolved = config.load(path, settings, flags, saved.config if saved else None)
    changed = config.differences(saved.config, resolved) if saved else []
    for line in changed:
        if line.startswith(_FIXED):
            raise InputError(f"expected the settings of the run in '{out}', got {line} for --resume; start a new run")
    if saved is not None:
        require_unfinished(resolved.run, saved.progress)
    start = teacher = None
    kept = saved.progress.teacher if saved and saved.config.teacher.run == resolved.teacher.run else ""
    if resolved.teacher.share and resolved.teacher.run:
        teacher = load_initial(_as_before(resolved.teacher.run, kept), resolved, "teacher.run")
    if resolved.run.initial and (saved is None or (resolved.teacher.share and teacher is None)):
        start = load_initial(_as_before(resolved.run.initial, kept), resolved)
    return Run(resolved, resume, saved, changed, start, teacher)


def _as_before(run: str, kept: str) -> Path:
    """Where to look for what a resumed run is taught by: its best checkpoint, if the run went on, is another by now.

    Raises:
        InputError: The checkpoint that it was taught by is not there any more.
    """
    folder = Path(run)
    if not kept or folder.name == kept:
        return folder
    before = folder / checkpoint.FOLDER / kept
    if not before.is_dir():
        raise InputError(
            f"expected '{kept}', by which the run was taught so far, got no such one in '{folder}' for --resume; "
            "put it back or start a new run"
        )
    return before


def train_denoiser(run: Run, out: Path) -> Outcome:
    """Train until the run is over; everything is written below `out`.

    Raises:
        InputError: Dataset, text tower and settings do not fit each other or the checkpoint.
        OutputError: The run's folder cannot be written.
        MotionError: The loss is not finite any more.
    """
    settings = run.config
    # Threads and processes are set before the first large tensor is made.
    accelerator = make_accelerator(settings.run)
    console = TrainingConsole(settings.run.steps, enabled=accelerator.is_main_process)
    saved = run.resumed.normaliser if run.resumed else None
    data = load_data(settings, saved, console, run.initial, accelerator.device)
    torch.manual_seed(seed_of(settings.run.seed, INITIALISATION))
    model = Denoiser(settings.model)
    if run.initial is not None:
        assert data.tower is not None
        done = start_from(model, run.initial, data.tower, data.captions)
        how = "starts from" if run.resumed is None else "is taught by"
        console.line(f"{how} {run.initial.folder}; {done}")
    diffusion = GaussianDiffusion(NoiseSchedule.named(settings.diffusion.schedule, settings.diffusion.steps))
    teacher = None
    if settings.teacher.share:
        frozen = deepcopy(model)
        if run.teacher is not None:
            assert data.tower is not None
            _check_lessons(run.teacher, data.normaliser)
            done = start_from(frozen, run.teacher, data.tower, data.captions)
            console.line(f"is taught by {run.teacher.folder}; {done}")
        frozen = accelerator.prepare_model(frozen, evaluation_mode=True)
        teacher = Teacher(frozen, settings.teacher, settings.diffusion.steps)
    mean, std = (torch.from_numpy(a).to(accelerator.device) for a in (data.normaliser.mean, data.normaliser.std))
    trainer = Trainer(
        model,
        Objective(diffusion, settings.loss, mean, std, teacher),
        data.training,
        data.validation,
        settings,
        data.normaliser,
        out,
        accelerator,
        console,
        data.header,
        graphs=True,
    )
    if run.resumed is not None:
        trainer.restore(run.resumed)
        console.line(f"resumed from {run.resumed.folder}")
    elif run.resume:
        console.line(f"nothing to resume in {out}: starts from the beginning")
    taught_by = (run.teacher or run.initial) if teacher is not None else None
    trainer.progress = replace(trainer.progress, teacher="" if taught_by is None else taught_by.folder.name)
    for line in run.changed:
        console.line(f"changed on resume: {line}")
    size = sum(p.numel() for p in model.parameters())
    console.line(
        f"denoiser of {size / 1e6:.1f} million parameters on {accelerator.device} x {accelerator.num_processes}, "
        f"precision {accelerator.mixed_precision.replace('no', 'fp32')}, {torch.get_num_threads()} CPU threads"
    )
    outcome = trainer.fit()
    accelerator.end_training()
    return outcome


def load_data(
    settings: TrainConfig,
    saved: Normaliser | None,
    console: TrainingConsole,
    initial: Checkpoint | None = None,
    device: torch.device | None = None,
) -> Data:
    """Open the text tower and cut the dataset into windows.

    Args:
        settings: The run's configuration.
        saved: The normaliser that a resumed run began with; the data must agree with it.
        console: Is told how far the windows are.
        initial: A run of other data whose weights, and therefore whose normaliser, are taken over.
        device: Where batches are wanted; the CPU unless told.

    Raises:
        InputError: The dataset or the text tower is none or does not fit the settings or the checkpoint.
    """
    dataset = _folder(settings.data.dataset, "dataset.json", "--data", "motion-preprocess")
    tower_folder = _folder(settings.data.text_tower, "config.json", "--text", "motion-train text")
    tower = TextTower.load(tower_folder)
    if tower.width != settings.model.text_dim:
        raise InputError(
            f"expected a text tower of width {settings.model.text_dim} [model.text_dim], got {tower.width} for "
            f"'{tower_folder}'; set model.text_dim={tower.width} or give another --text"
        )
    tower = tower.to(device)
    embed = embedder(tower.encode, tower.prompt_tokenizer().encode, device=device)
    workers, seed = settings.run.threads or granted_cores(), settings.run.seed
    kept = saved or (initial.normaliser if initial is not None else None)

    def windows(folder: Path) -> WindowSampler:
        return WindowSampler(
            folder,
            "train",
            embed,
            settings.data,
            seed,
            normaliser=(kept.mean, kept.std) if kept is not None else None,
            workers=workers,
            device=device,
            progress=_every_tenth(console),
        )

    made = windows(dataset)
    # Another machine may round the last digit differently: the run goes on with what it began with.
    normaliser = kept or Normaliser(*made.found)
    check_normaliser(normaliser, settings.model.pose_dim, f"'{dataset}'")
    # A run that began with another's weights began with its normaliser too, which these data need not agree with.
    if saved is not None and not settings.run.initial:
        _check_same(saved, Normaliser(*made.found), dataset)
    validation = None
    if settings.run.validation_batches:
        count = min(settings.data.windows, _VALIDATION_WINDOWS)
        validation = WindowSampler(
            dataset,
            "validation",
            embed,
            settings.data,
            seed,
            windows=count,
            normaliser=(normaliser.mean, normaliser.std),
            workers=workers,
            device=device,
        )
    header = MotionDataset.open(dataset).header
    training: BatchSource = made
    if settings.teacher.share:
        taught = made
        if settings.teacher.dataset:
            folder = _folder(settings.teacher.dataset, "dataset.json", "teacher.dataset", "motion-preprocess")
            taught = windows(folder)
        training = Interleaved(made, taught, settings.teacher.share)
    return Data(training, validation, normaliser, header, tower.cpu(), made.sentences)


def _folder(path: str, marker: str, flag: str, maker: str) -> Path:
    """Check that a folder is what it should be before anything slow begins."""
    if not path:
        raise InputError(f"expected a folder, got none for {flag}; give the one that {maker} wrote")
    if not (Path(path) / marker).is_file():
        raise InputError(f"expected a folder with {marker}, got '{path}' for {flag}; give the one that {maker} wrote")
    return Path(path)


def _check_lessons(teacher: Checkpoint, normaliser: Normaliser) -> None:
    """Refuse a teacher whose answers, in deviations of its own data, mean something else."""
    if not teacher.normaliser.same_as(normaliser):
        raise InputError(
            f"expected the normaliser of --init, got another in '{teacher.folder}' for teacher.run; give a run that "
            "began with the same weights"
        )


def _check_same(saved: Normaliser, found: Normaliser, dataset: Path) -> None:
    """Refuse data whose statistics are not those that the run began with."""
    if saved.mean.shape == found.mean.shape:
        shift = float(np.max(np.abs(saved.mean - found.mean) / saved.std))
        scale = float(np.max(np.abs(np.log(found.std / saved.std))))
        if shift < _SAME and scale < _SAME:
            return
    raise InputError(
        f"expected the normaliser that the run began with, got another from '{dataset}' for --resume; give the same "
        "--data and data settings, or start a new run"
    )


def _every_tenth(console: TrainingConsole) -> Callable[[str, int, int], None]:
    """Report each tenth of a long preparation."""
    shown: dict[str, int] = {}

    def note(what: str, done: int, total: int) -> None:
        tenth = 10 * done // max(total, 1)
        if tenth > shown.get(what, 0):
            shown[what] = tenth
            console.line(f"{what}: {done} of {total}")

    return note


def describe(settings: TrainConfig) -> str:
    """Format the resolved configuration as JSON."""
    return json.dumps(config.to_dict(settings), indent=1)
