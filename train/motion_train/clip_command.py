"""`motion-train clip`: a text tower's folder from the text half of a pretrained CLIP; nothing is trained."""

from __future__ import annotations

from pathlib import Path

import click

from motion_preprocessing.atomic_output import atomic_folder
from motion_train.text_tower import TextTower

EXAMPLES = """\b
Examples:
  motion-train clip --model ViT-B-32 --weights clip/open_clip_model.safetensors --out TOWER
  motion-train clip --model ViT-B-32-quickgelu --weights openai --out TOWER         (downloads)
  motion-train denoiser --data DATASET --text TOWER --set model.text_dim=512 --out RUN
"""


@click.command("clip", epilog=EXAMPLES)
@click.option("--model", required=True, help="A model of open_clip's with a plain CLIP text tower, e.g. ViT-B-32.")
@click.option(
    "--weights", required=True, metavar="FILE|TAG",
    help="Its weights: .pt, .bin or .safetensors, or a tag of open_clip's, which is downloaded.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The tower's folder.")
@click.option("--overwrite", is_flag=True, help="Replace an existing folder.")
def clip_command(model: str, weights: str, out: Path, overwrite: bool) -> None:
    """Make a text tower from a pretrained CLIP, frozen, with CLIP's whole vocabulary.

    The denoiser that it conditions needs model.text_dim = the width that is printed.
    """
    with atomic_folder(out, overwrite=overwrite) as folder:
        tower = TextTower.pretrained(model, weights)
        tower.save(folder)
    size = sum(parameter.numel() for parameter in tower.parameters()) / 1e6
    click.echo(f"{out}: {tower.config.source}, {size:.1f} million parameters, width {tower.width} [model.text_dim]")
