"""`motion-train`: `text` trains a text tower, `clip` takes a pretrained one, `denoiser` trains what it conditions.

torch is imported inside the commands, so that `--help` and a missing extra answer at once.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from pathlib import Path
from typing import Any, Final

import click

from motion_preprocessing.command import INTERRUPTED, SETTINGS, OneLineCommand
from motion_preprocessing.errors import MissingExtraError
from motion_train.files import check_writable

EXAMPLES = """\b
Examples:
  motion-train denoiser --data DATASET --text TOWER --out RUN --max-minutes 60 --set optimiser.schedule_by=time
  motion-train denoiser --config run.toml --data DATASET --text TOWER --out RUN
  motion-train denoiser --out RUN --resume
  motion-train denoiser --init RUN --data OTHER --text TOWER --out RUN2 --max-minutes 30
  torchrun --nproc-per-node 4 -m motion_train denoiser --config run.toml --out RUN
"""


_LATE: Final = {
    "text": "motion_train.text_command:text_command",
    "clip": "motion_train.clip_command:clip_command",
    "unpack": "motion_train.unpack_command:unpack_command",
    "average": "motion_train.average_command:average_command",
    "words": "motion_train.word_command:words_command",
}
"""Commands whose modules load torch."""


class Group(OneLineCommand, click.Group):
    """Commands whose expected failures are one line; those of `_LATE` are there once they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names for the help."""
        return [*_LATE, "denoiser"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command of `_LATE` only when it is used."""
        if cmd_name not in _LATE:
            return super().get_command(ctx, cmd_name)
        require_extra()
        module, _, name = _LATE[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


def require_extra() -> None:
    """Name the extra to install where a package of it is missing."""
    for module in ("torch", "safetensors", "accelerate", "tensorboard", "open_clip"):
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError.for_extra(module, "train")


@click.group(cls=Group, context_settings=SETTINGS)
@click.version_option(package_name="scene-motion", prog_name="motion-train")
def main() -> None:
    """Train the parts of a motion bundle."""


@main.command("denoiser", epilog=EXAMPLES)
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="TOML file; see motion_train/config.py.")
@click.option("--data", "dataset", type=click.Path(path_type=Path), help="Processed motion dataset [data.dataset].")
@click.option("--text", "text_tower", type=click.Path(path_type=Path), help="Text tower's folder [data.text_tower].")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The run's folder; made if missing.")
@click.option("--steps", type=int, help="Optimiser steps of the whole run [run.steps].")
@click.option("--max-minutes", type=float, help="Minutes of the whole run [run.max_minutes]; then a clean stop.")
@click.option("--batch-size", type=int, help="Windows a step and device [data.batch_size].")
@click.option("--lr", type=float, help="Peak learning rate [optimiser.lr].")
@click.option("--seed", type=int, help="Seed of everything random [run.seed].")
@click.option("--precision", help="auto, fp32 or bf16 [run.precision].")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any other key, e.g. model.layers=8.")
@click.option("--init", "initial", type=click.Path(path_type=Path), help="Start from the weights of this other run.")
@click.option("--resume", is_flag=True, help="Continue from the newest checkpoint in --out, if there is one.")
@click.option("--show-config", is_flag=True, help="Print the resolved configuration as JSON and stop.")
@click.pass_context
def denoiser_command(ctx: click.Context, /, **options: Any) -> None:
    """Train the denoiser. Settings: defaults, then --config, then flags; a resumed run starts from its own."""
    require_extra()
    # Read when torch is loaded. Threads that spin while they wait take the cores from whatever prepares the batches.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    from motion_train.denoiser_run import describe, resolve_run, train_denoiser

    named = {
        "dataset": "data.dataset",
        "text_tower": "data.text_tower",
        "steps": "run.steps",
        "max_minutes": "run.max_minutes",
        "batch_size": "data.batch_size",
        "lr": "optimiser.lr",
        "seed": "run.seed",
        "precision": "run.precision",
    }
    flags = {key: options[name] for name, key in named.items() if options[name] is not None}
    flags = {key: str(value) if isinstance(value, Path) else value for key, value in flags.items()}
    out: Path = options["out"]
    check_writable(out)
    run = resolve_run(
        options["config_path"], options["settings"], flags, out, resume=options["resume"], initial=options["initial"]
    )
    if options["show_config"]:
        click.echo(describe(run.config))
        return
    try:
        outcome = train_denoiser(run, out)
    except KeyboardInterrupt:
        click.echo("stopped at once; nothing after the last checkpoint is kept", err=True)
        ctx.exit(INTERRUPTED)
    if outcome.reason == "signal":
        ctx.exit(INTERRUPTED)
