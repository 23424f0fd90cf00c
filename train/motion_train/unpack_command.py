"""`motion-train unpack`: a run's folder from a bundle, so that the built-in model can be trained on."""

from __future__ import annotations

from pathlib import Path

import click

from motion_preprocessing.atomic_output import atomic_folder
from motion_runtime.bundle import Bundle
from motion_train.bundle_weights import unpack, write_run

EXAMPLES = """\b
Examples:
  motion-train unpack --out BASE
  motion-train denoiser --config train/configs/further.toml --init BASE --text BASE/text_tower --data DATASET --out RUN
  motion-train unpack BUNDLE --out BASE
"""


@click.command("unpack", epilog=EXAMPLES)
@click.argument("bundle", type=click.Path(path_type=Path), required=False)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The run's folder to make.")
@click.option("--overwrite", is_flag=True, help="Replace an existing folder.")
def unpack_command(bundle: Path | None, out: Path, overwrite: bool) -> None:
    """Make a run's folder of a bundle's weights: a checkpoint and its text tower.

    Without BUNDLE it is the built-in one. What comes out is what --init, --text and motion-export's --checkpoint take;
    its weights are compared with what the bundle's graphs say. Needs the extra [export].
    """
    with atomic_folder(out, overwrite=overwrite) as folder:
        unpacked = unpack(Bundle.open(bundle))
        write_run(unpacked, folder, out)
    model = unpacked.config.model
    size = sum(parameter.numel() for parameter in unpacked.denoiser.parameters()) / 1e6
    click.echo(
        f"{out}: {size:.1f} million parameters, [model] width = {model.width}, layers = {model.layers}; "
        f"text tower in {out / 'text_tower'}"
    )
