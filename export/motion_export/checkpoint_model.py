"""From a training checkpoint and its text tower to the model that a bundle is made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from motion_export.bundle_writer import Model
from motion_preprocessing.dataset import HEADER_FILE
from motion_preprocessing.errors import InputError
from motion_preprocessing.labels import OBJECT_CLASSES, PERSON_CLASSES
from motion_runtime.manifest import SamplingDefaults, ScheduleSpec
from motion_runtime.schedule import NoiseSchedule
from motion_train import checkpoint
from motion_train.calibration import held_out, measure
from motion_train.config import TrainConfig, to_dict
from motion_train.denoiser import Denoiser
from motion_train.diffusion import GaussianDiffusion
from motion_train.text_tower import TextTower

_HEADER_KEYS: Final = ("fps", "sequences", "frames", "provenance")


def load_model(
    path: Path,
    *,
    text_tower: Path | None = None,
    dataset: Path | None = None,
    name: str = "scene-motion",
    licence: str = "Apache-2.0",
    fps: float | None = None,
    credits: str | None = None,
    default: SamplingDefaults | None = None,
) -> Model:
    """Read a checkpoint's averaged weights and everything else that a bundle says.

    Args:
        path: A checkpoint, or the folder of a run, whose best one is taken.
        text_tower: Folder of the text tower; None = the one the training names.
        dataset: Folder of the dataset, for frame rate and credits; None = what the checkpoint keeps of it or, where it
            is an older one that keeps nothing, the folder the training names.
        name: What the model is called.
        licence: Licence of the weights, SPDX.
        fps: Frames a second of the data; None = what the dataset says.
        credits: Credit that the data asks for; None = what the dataset says.
        default: Sampling where a request leaves it open.

    Raises:
        InputError: A part is missing or does not fit the others, or nothing says what the data is and asks for.
    """
    saved = checkpoint.load(checkpoint.find(path))
    config = saved.config
    tower_folder = text_tower or _named(config.data.text_tower, "text tower", "--text-tower")
    header = _header(saved, dataset)
    if header is None and (fps is None or credits is None):
        raise InputError(
            "expected the dataset's frame rate and credits, got neither from the checkpoint nor from "
            f"'{config.data.dataset}'; give --dataset, or both --fps and --credits"
        )
    header = header or {}
    denoiser = Denoiser(config.model)
    checkpoint.load_weights(denoiser, saved.ema, str(saved.folder))
    tower = TextTower.load(tower_folder)
    model = Model(
        denoiser=denoiser.eval(),
        tower=tower,
        mean=saved.normaliser.mean,
        std=saved.normaliser.std,
        schedule=ScheduleSpec(config.diffusion.schedule, config.diffusion.steps),
        fps=float(header["fps"] if fps is None else fps),
        scene_tokens=config.data.scene_tokens,
        scene_radius_m=config.data.scene_radius_m,
        person_classes=PERSON_CLASSES,
        object_classes=OBJECT_CLASSES,
        name=name,
        licence=licence,
        credits="\n".join(header["credits"]) if credits is None else credits,
        training=_training(config, saved.progress, header, tower),
    )
    return model if default is None else replace(model, default=default)


def calibrated(model: Model, path: Path, dataset: Path | None, report: Callable[[str], None]) -> Model:
    """Measure on a dataset's held-out clips what a checkpoint's answers are to be multiplied by.

    Args:
        model: From `load_model`.
        path: The checkpoint, as given there.
        dataset: The dataset's folder; None = the one that the training names.
        report: Told about it.

    Raises:
        InputError: The dataset is not there.
    """
    saved = checkpoint.load(checkpoint.find(path))
    folder = dataset or _named(saved.config.data.dataset, "dataset", "--dataset")
    batches = held_out(folder, saved.config.data, model.tower, saved.normaliser)
    report(f"calibration: {sum(len(batch['x0']) for batch in batches)} held-out windows of {folder}")
    diffusion = GaussianDiffusion(NoiseSchedule.named(model.schedule.kind, model.schedule.steps))

    def note(done: int, total: int) -> None:
        report(f"calibration: {done} of {total} noise levels")

    return replace(model, calibration=measure(model.denoiser, diffusion, batches, saved.normaliser, model.fps, note))


def _training(
    config: TrainConfig, progress: checkpoint.Progress, header: dict[str, Any], tower: TextTower
) -> dict[str, Any]:
    """What the manifest tells about the training; paths of the machine it ran on are left out."""
    values = to_dict(config)
    for section, key in (
        ("data", "dataset"), ("data", "text_tower"), ("data", "furniture"), ("teacher", "dataset"), ("run", "initial")
    ):  # fmt: skip
        values[section][key] = Path(values[section][key]).name
    return {
        "steps": progress.step,
        "minutes": round(progress.elapsed_s / 60, 1),
        "validation_loss": progress.validation_loss,
        "text_tower": tower.config.source,
        "dataset": {key: header[key] for key in _HEADER_KEYS if key in header},
        "config": values,
    }


def _named(folder: str, what: str, flag: str) -> Path:
    if not folder:
        raise InputError(f"expected a {what}, got none in the checkpoint's configuration; give {flag}")
    if not Path(folder).is_dir():
        raise InputError(f"expected the {what} that the checkpoint names, got no folder at {folder}; give {flag}")
    return Path(folder)


def _header(saved: checkpoint.Checkpoint, dataset: Path | None) -> dict[str, Any] | None:
    """The description of the dataset; None where the checkpoint is without it and the dataset is gone."""
    if dataset is None:
        if saved.data is not None:
            return saved.data
        dataset = Path(saved.config.data.dataset)
        if not saved.config.data.dataset or not (dataset / HEADER_FILE).is_file():
            return None
    try:
        header = json.loads((dataset / HEADER_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"expected a dataset's {HEADER_FILE}, got '{error}' for {dataset}; give what motion-preprocess wrote"
        ) from None
    if not isinstance(header, dict) or not {"fps", "credits"} <= set(header):
        raise InputError(f"expected a dataset's {HEADER_FILE}, got other JSON for {dataset}; give another folder")
    return header
