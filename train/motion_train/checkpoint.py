"""Checkpoints: one folder a step, written under a temporary name and renamed, without pickles.

    RUN/checkpoints/step_00001000/
        config.json             the resolved configuration
        data.json               frame rate, credits and origin of the dataset; not in older checkpoints
        normaliser.json         mean[D] and std[D] of the pose vector
        model.safetensors       weights being trained
        ema.safetensors         their moving average: what is validated, exported and sampled from
        optimizer.safetensors   AdamW's two means, '<parameter>.exp_avg' and '<parameter>.exp_avg_sq', and its step
        state.json              format version, step, seconds, losses, versions, sha256 of the files above

Random states are not stored because there are none: every draw is a function of the seed and the step.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim import Optimizer

from motion_preprocessing.digest import sha256_of
from motion_preprocessing.errors import InputError, OutputError
from motion_runtime.manifest import Normaliser
from motion_train.config import TrainConfig, read_json, to_dict
from motion_train.files import json_text, tensor_bytes

FORMAT_VERSION: Final = 1
FOLDER: Final = "checkpoints"
_PREFIX: Final = "step_"
_TEMPORARY: Final = ".writing-"
_DATA_FILE: Final = "data.json"
DATA_KEYS: Final = ("fps", "credits", "sequences", "frames", "provenance")
"""What a checkpoint keeps of the header of the dataset it was trained on: a bundle must not depend on finding it."""
_FILES: Final = ("config.json", "normaliser.json", "model.safetensors", "ema.safetensors", "optimizer.safetensors")


def check_normaliser(normaliser: Normaliser, width: int, owner: str) -> None:
    """Refuse another width, and what cannot be divided by.

    Raises:
        InputError: It is such a one.
    """
    mean, std = normaliser.mean, normaliser.std
    if mean.shape != (width,) or std.shape != (width,):
        raise InputError(
            f"expected a normaliser of {width} features, got mean {mean.shape} and std {std.shape} for {owner}; "
            "preprocess the dataset again or set model.pose_dim"
        )
    if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
        raise InputError(f"expected finite means and stds above 0, got others for {owner}; preprocess it again")


@dataclass(frozen=True)
class Progress:
    """How far a run has come; travels as `state.json`."""

    step: int = 0
    """Optimiser steps done."""
    elapsed_s: float = 0.0
    """Seconds spent training, over all resumes."""
    train_loss: float | None = None
    """Mean loss since the log line before."""
    validation_loss: float | None = None
    """Loss of the averaged weights at this step, where it was measured."""
    best_validation_loss: float | None = None
    """Smallest so far."""
    teacher: str = ""
    """Name of the checkpoint that a taught run learns from; '' for other runs, and where it was not kept yet."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder, read and verified; tensors are on the CPU."""

    folder: Path
    config: TrainConfig
    normaliser: Normaliser
    progress: Progress
    model: dict[str, Tensor]
    ema: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    data: dict[str, Any] | None = None
    """`DATA_KEYS` of the dataset's header; None in checkpoints written before they were kept."""


def save(
    run: Path,
    config: TrainConfig,
    normaliser: Normaliser,
    progress: Progress,
    model: nn.Module,
    ema: nn.Module,
    optimizer: Optimizer,
    data: Mapping[str, Any] | None = None,
) -> Path:
    """Write the checkpoint of `progress.step`, drop those no longer kept, and return its folder.

    Args:
        run: The run's folder.
        config: The run's configuration.
        normaliser: Of the pose vectors.
        progress: How far the run has come.
        model: The weights being trained.
        ema: Their moving average.
        optimizer: Of the model's parameters.
        data: The dataset's header, of which `DATA_KEYS` are kept.

    Raises:
        OutputError: It cannot be written; the checkpoints that are there stay as they are.
    """
    parent = run / FOLDER
    folder = parent / f"{_PREFIX}{progress.step:08d}"
    temporary = parent / f"{_TEMPORARY}{folder.name}"
    try:
        for stale in parent.glob(f"{_TEMPORARY}*"):  # of a process that was killed while it wrote
            shutil.rmtree(stale, ignore_errors=True)
        temporary.mkdir(parents=True)
        _write_json(temporary / "config.json", to_dict(config))
        _write_json(
            temporary / "normaliser.json", {"mean": normaliser.mean.tolist(), "std": normaliser.std.tolist()}
        )
        if data is not None:
            _write_json(temporary / _DATA_FILE, {key: data[key] for key in DATA_KEYS if key in data})
        (temporary / "model.safetensors").write_bytes(tensor_bytes(model.state_dict()))
        (temporary / "ema.safetensors").write_bytes(tensor_bytes(ema.state_dict()))
        (temporary / "optimizer.safetensors").write_bytes(tensor_bytes(optimizer_tensors(model, optimizer)))
        state = {
            "format_version": FORMAT_VERSION,
            "progress": progress.__dict__,
            "torch": torch.__version__,
            "files": {path.name: sha256_of(path) for path in sorted(temporary.iterdir())},
        }
        _write_json(temporary / "state.json", state)
        for path in temporary.iterdir():
            _flush(path)
        # A folder of this step exists when a resumed run passes it again: the new one takes its place.
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
        _prune(parent, config.run.keep_checkpoints)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise OutputError(
            f"expected to write '{folder}', got {type(error).__name__} ({error}) for the checkpoint; free space or "
            "choose another --out"
        ) from error
    return folder


def exists(run: Path) -> bool:
    """Whether a run's folder holds a checkpoint."""
    return bool(_folders(run / FOLDER))


def find(path: Path, prefer: Literal["latest", "best"] = "best") -> Path:
    """Return the checkpoint folder that `path` names: itself, or the best or latest one of a run's folder.

    Raises:
        InputError: It names none, or one that is damaged.
    """
    if (path / "state.json").is_file():
        return path
    folders = _folders(path / FOLDER)
    if not folders:
        raise InputError(f"expected a checkpoint or a run's folder, got '{path}' for the checkpoint; train one first")
    best = _best(folders) if prefer == "best" else None
    return best or folders[-1]


def load(folder: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        InputError: It is incomplete, damaged or of a newer format.
    """
    state = _read_state(folder)
    version = state.get("format_version")
    if version != FORMAT_VERSION:
        raise InputError(
            f"expected checkpoint format {FORMAT_VERSION}, got {version} for '{folder}'; use the version that wrote it"
        )
    kept = _DATA_FILE in state["files"]
    for name in (*_FILES, _DATA_FILE) if kept else _FILES:
        path = folder / name
        if not path.is_file():
            raise InputError(f"expected the file '{name}', got none for the checkpoint '{folder}'; use another one")
        if sha256_of(path) != state["files"].get(name):
            raise InputError(
                f"expected the sha256 noted in state.json, got another for '{path}': it is damaged; use another "
                "checkpoint"
            )
    raw = json.loads((folder / "normaliser.json").read_text(encoding="utf-8"))
    return Checkpoint(
        folder=folder,
        config=read_json(TrainConfig, folder / "config.json"),
        normaliser=Normaliser(np.asarray(raw["mean"], np.float32), np.asarray(raw["std"], np.float32)),
        progress=Progress(**state["progress"]),
        model=load_file(folder / "model.safetensors"),
        ema=load_file(folder / "ema.safetensors"),
        optimizer=load_file(folder / "optimizer.safetensors"),
        data=json.loads((folder / _DATA_FILE).read_text(encoding="utf-8")) if kept else None,
    )


def load_weights(module: nn.Module, tensors: Mapping[str, Tensor], owner: str) -> None:
    """Copy weights into a module whose names and shapes must agree with them.

    Raises:
        InputError: They do not.
    """
    wanted = module.state_dict()
    for name in [*wanted, *tensors]:
        have, want = tensors.get(name), wanted.get(name)
        if have is None or want is None or have.shape != want.shape:
            raise InputError(
                f"expected {'no tensor' if want is None else tuple(want.shape)}, got "
                f"{'none' if have is None else tuple(have.shape)} for '{name}' of {owner}; take its own model"
            )
    module.load_state_dict(dict(tensors))


def optimizer_tensors(model: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """Flatten the optimiser's state, named after the parameters it belongs to."""
    return {
        f"{name}.{key}": torch.as_tensor(value)
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def load_optimizer(model: nn.Module, optimizer: Optimizer, tensors: Mapping[str, Tensor], owner: str) -> None:
    """Give the optimiser back the state that `optimizer_tensors` took from it.

    Raises:
        InputError: It is that of other parameters.
    """
    states: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        parameter_name, _, key = name.rpartition(".")
        states.setdefault(parameter_name, {})[key] = tensor
    parameters = dict(model.named_parameters())
    for name, state in states.items():
        parameter = parameters.get(name)
        if parameter is None or any(v.dim() and v.shape != parameter.shape for v in state.values()):
            raise InputError(
                f"expected the optimiser state of this model, got that of '{name}' for {owner}; take another checkpoint"
            )
        optimizer.state[parameter] = {key: v.to(parameter.device, copy=True) for key, v in state.items()}


def _folders(parent: Path) -> list[Path]:
    """Complete checkpoints, oldest first."""
    if not parent.is_dir():
        return []
    return sorted(p for p in parent.iterdir() if p.name.startswith(_PREFIX) and (p / "state.json").is_file())


def _best(folders: list[Path]) -> Path | None:
    losses = [(_read_state(folder)["progress"].get("validation_loss"), folder) for folder in folders]
    measured = [(loss, folder) for loss, folder in losses if loss is not None]
    return min(measured)[1] if measured else None


def _prune(parent: Path, keep: int) -> None:
    folders = _folders(parent)
    kept = {*folders[-keep:], _best(folders)}
    for folder in folders:
        if folder not in kept:
            shutil.rmtree(folder)


def _read_state(folder: Path) -> dict[str, Any]:
    path = folder / "state.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(state, dict) or not isinstance(state["files"], dict):
            raise ValueError("not a checkpoint's state")
        Progress(**state["progress"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"expected a checkpoint's state, got '{path}' ({error}); use another checkpoint") from None
    return state


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json_text(value), encoding="utf-8")


def _flush(path: Path) -> None:
    """Wait until a file is on the disk, so that the rename cannot outrun its contents."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
