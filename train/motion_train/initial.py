"""Start a run from the weights of another: the same model on more or other data (fine-tuning).

The averaged weights and the normaliser are taken over; the optimiser, its schedule and the step count begin anew. Where
the text tower is another one, its embeddings mean nothing to the old text projection. The projection is one linear map
after a layer norm, so the map that brings the new tower's embeddings of the training captions closest to where the old
one's were is a least-squares solution, and the run goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from motion_preprocessing.errors import InputError
from motion_train import checkpoint
from motion_train.checkpoint import Checkpoint
from motion_train.config import TrainConfig, differences
from motion_train.denoiser import Denoiser
from motion_train.text_tower import TextTower
from motion_train.windows import Embed, embedder

RIDGE: Final = 1e-3
"""Of the mean square of the features; keeps directions that no caption has from being blown up."""


def load_initial(folder: Path, settings: TrainConfig, flag: str = "--init") -> Checkpoint:
    """Read the best checkpoint of the run to start from, or to learn from; `flag` is the setting that named it.

    Raises:
        InputError: It is none, or that of a model of another size or another diffusion.
    """
    saved = checkpoint.load(checkpoint.find(folder, "best"))
    if line := other_model(saved.config, settings):
        raise InputError(f"expected the settings of '{folder}', got {line} for {flag}; set it as there")
    return saved


def other_model(first: TrainConfig, second: TrainConfig) -> str:
    """The first setting by which the weights of two runs mean something else, as a line; '' = none."""
    lines = (line for line in differences(first, second) if line.startswith(("model.", "diffusion.")))
    # Dropout is no part of the weights: who only learns from a teacher does without.
    return next((line for line in lines if not line.startswith("model.dropout")), "")


def tower_of(saved: Checkpoint) -> TextTower | None:
    """The text tower that a run was trained with, if it is still where it was."""
    if not saved.config.data.text_tower:
        return None  # the empty path is the folder that one happens to be in
    folder = Path(saved.config.data.text_tower)
    return TextTower.load(folder) if (folder / "config.json").is_file() else None


def start_from(model: Denoiser, saved: Checkpoint, new_tower: TextTower, sentences: Sequence[str]) -> str:
    """Give `model` the weights of `saved`, its text projection refitted where the tower is another.

    Args:
        model: Of the same configuration.
        saved: From `load_initial`.
        new_tower: The tower of the coming run.
        sentences: Captions on which the projection is fitted.

    Returns:
        What was done about the text projection, for the log.
    """
    checkpoint.load_weights(model, saved.ema, f"'{saved.folder}'")
    old_tower = tower_of(saved)
    if old_tower is None:
        return "its text tower is not there any more: the text projection is kept as it is"
    if same_weights(old_tower, new_tower):
        return "the text tower is the same"
    old, new = (torch.from_numpy(_embed(tower)(sentences)) for tower in (old_tower, new_tower))
    error = refit_text(model.text_in, old, new)
    return f"text projection refitted to another tower ({error:.0%} of its variance is lost)"


@torch.no_grad()
def refit_text(text_in: nn.Sequential, old: Tensor, new: Tensor) -> float:
    """Refit LayerNorm + Linear by ridge regression: new embeddings land where the old ones of the same captions did.

    Args:
        text_in: The two layers; replaced in place.
        old: (N, Dt') what they were fed.
        new: (N, Dt) what they will be fed.

    Returns:
        Share of the variance of the landing places that is not reproduced.
    """
    target = text_in(old).double()  # (N, d)
    norm, linear = nn.LayerNorm(new.shape[1]), nn.Linear(new.shape[1], target.shape[1])
    features = F.layer_norm(new, (new.shape[1],)).double()  # (N, Dt)
    centre, middle = features.mean(0), target.mean(0)
    a, b = features - centre, target - middle
    gram = a.T @ a
    gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    solution = torch.linalg.solve(gram, a.T @ b)  # (Dt, d)
    linear.weight.copy_(solution.T)
    linear.bias.copy_(middle - centre @ solution)
    text_in[0], text_in[1] = norm, linear
    return float(((a @ solution - b) ** 2).sum() / (b**2).sum().clamp_min(1e-12))


def _embed(tower: TextTower) -> Embed:
    return embedder(tower.encode, tower.prompt_tokenizer().encode)


def same_weights(first: nn.Module, second: nn.Module) -> bool:
    """Whether two modules are the same to the bit."""
    a, b = first.state_dict(), second.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
