"""`motion-preprocess depth`: maps of many pictures with one model."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.depth.maps import DepthMap, save_depth_map
from motion_preprocessing.depth.model import DepthModel, DepthModelConfig
from motion_preprocessing.errors import InputError

_PICTURES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


def run_depth(
    frames: Path, out: Path, model: Path, config: DepthModelConfig, *, overwrite: bool = False, preview: bool = False
) -> int:
    """Write a map for each picture of `frames` (a folder or one file) into the folder `out`.

    A picture whose map is there already is passed over, so that a run that was stopped goes on.

    Returns:
        Maps written.
    """
    pictures = find_pictures(frames)
    network = DepthModel.load(model, config)
    written = 0
    with click.progressbar(pictures, label="depth", show_pos=True) as bar:
        for picture in bar:
            target = out / f"{picture.stem}.npz"
            if target.exists() and not overwrite:
                continue
            depth = network.run(read_picture(picture))
            if not np.isfinite(depth.values).any():
                raise InputError(f"expected finite values, got only NaN for {picture}; the model fails on it")
            save_depth_map(target, depth)
            if preview:
                _write_preview(out / f"{picture.stem}.preview.png", depth)
            written += 1
    click.echo(f"{written} of {len(pictures)} maps of kind {config.kind} written to {out}")
    return written


def find_pictures(frames: Path) -> list[Path]:
    """Return the pictures of a folder in the order of their names, or the one file itself."""
    if frames.is_file():
        return [frames]
    if not frames.is_dir():
        raise InputError(f"expected a picture or a folder of them, got nothing at {frames}; check the path")
    pictures = sorted(path for path in frames.iterdir() if path.suffix.lower() in _PICTURES)
    stems = [picture.stem for picture in pictures]
    if len(set(stems)) != len(stems):
        twice = next(stem for stem in stems if stems.count(stem) > 1)
        raise InputError(f"expected one picture a name, got two called {twice} for {frames}; remove one")
    if not pictures:
        raise InputError(f"expected pictures ({', '.join(_PICTURES)}), got none in {frames}; check the folder")
    return pictures


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Read a picture as (H, W, 3) red green blue bytes."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"), dtype=np.uint8)
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"expected a picture, got '{error}' for {path}; check the file") from error


def _write_preview(path: Path, depth: DepthMap) -> None:
    from PIL import Image

    from motion_preprocessing.depth.files import replace_when_written

    # Near is light, whatever the kind.
    values = depth.values if depth.kind == "disparity" else 1.0 / np.maximum(depth.values, 1e-6)
    low, high = np.nanpercentile(values, (2, 98))
    grey = np.nan_to_num(np.clip((values - low) / max(high - low, 1e-12), 0.0, 1.0))
    with replace_when_written(path) as file:
        Image.fromarray(np.rint(255 * grey).astype(np.uint8)).save(file, format="PNG")
