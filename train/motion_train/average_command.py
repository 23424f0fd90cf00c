"""`motion-train average`: weights between those of two runs, of which one began with the other's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import torch

from motion_preprocessing.atomic_output import atomic_folder
from motion_preprocessing.command import OneLineCommand
from motion_preprocessing.errors import InputError
from motion_train import checkpoint
from motion_train.checkpoint import Checkpoint
from motion_train.denoiser import Denoiser
from motion_train.initial import other_model, same_weights, tower_of

EXAMPLES = """\b
Examples:
  motion-train average BASE RUN --share 0.5 --out BETWEEN
"""


def average(first: Checkpoint, second: Checkpoint, share: float) -> Denoiser:
    """The model whose averaged weights are first + share (second - first).

    A run that went on from another stays near it, and on the straight line between both it keeps most of what it
    has learned and most of what the first one knew (Wortsman et al. 2022, Robust fine-tuning of zero-shot models,
    equation 1).

    Raises:
        InputError: They are models of different sizes, of another diffusion, normaliser or text tower.
    """
    got = other_model(first.config, second.config)
    if not got and not first.normaliser.same_as(second.normaliser):
        got = "another normaliser"
    if not got:
        one, other = tower_of(first), tower_of(second)
        if one is not None and other is not None and not same_weights(one, other):
            got = "another text tower"
    if got:
        raise InputError(
            f"expected two runs of one model, got {got} for '{first.folder}' and '{second.folder}'; give a run "
            "and one that began with its weights"
        )
    model = Denoiser(second.config.model)
    between = {name: tensor + share * (second.ema[name] - tensor) for name, tensor in first.ema.items()}
    checkpoint.load_weights(model, between, f"'{second.folder}'")
    return model


@click.command("average", cls=OneLineCommand, epilog=EXAMPLES)
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--share", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="0 = FIRST, 1 = SECOND.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The run's folder to make.")
@click.option("--overwrite", is_flag=True, help="Replace an existing folder.")
def average_command(first: Path, second: Path, share: float, out: Path, overwrite: bool) -> None:
    """Make a run's folder of weights between those of two runs, SECOND having begun with FIRST's.

    Its settings, progress and text tower are SECOND's; nothing of the optimiser is kept.
    """
    one, other = (checkpoint.load(checkpoint.find(path, "best")) for path in (first, second))
    model = average(one, other, share)
    # Nobody has measured these weights.
    progress = replace(other.progress, train_loss=None, validation_loss=None, best_validation_loss=None)
    unused = torch.optim.AdamW(model.parameters())
    with atomic_folder(out, overwrite=overwrite) as folder:
        checkpoint.save(folder, other.config, other.normaliser, progress, model, model, unused, other.data)
    click.echo(f"{out}: {1 - share:g} of '{one.folder}' and {share:g} of '{other.folder}'")
