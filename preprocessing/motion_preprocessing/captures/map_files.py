"""Reads the numbers of one depth map: .npy, .npz (array `depth`, or its only one) or a 16-bit grey .png."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from motion_preprocessing.errors import InputError


def read_map(path: Path) -> NDArray[np.float64]:
    """Read a map (H, W) as it stands, NaN and all.

    Raises:
        InputError: The file is unreadable, no array of numbers, or has not two axes.
    """
    try:
        values = _load(path)
    except OSError as error:
        reason = error.strerror or "no picture"
        raise InputError(f"expected a readable depth map, got '{reason}' for {path}; write it anew") from None
    except (ValueError, EOFError, SyntaxError, zipfile.BadZipFile) as error:
        raise InputError(f"expected an array of numbers, got '{error}' for {path}; write it anew") from None
    values = np.squeeze(values)
    if values.ndim != 2 or values.dtype.kind not in "fiu" or values.size == 0:
        raise InputError(f"expected numbers (H, W), got {values.dtype} {values.shape} for {path}; write one map a file")
    return values.astype(np.float64)


def _load(path: Path) -> NDArray[Any]:
    if path.suffix == ".png":
        with Image.open(path) as image:
            if image.mode not in ("I;16", "I", "L"):
                raise ValueError(f"a picture of mode {image.mode}")
            return np.asarray(image)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            names = file.files
            if "depth" not in names and len(names) != 1:
                raise ValueError(f"arrays {', '.join(names) or 'none'}")
            return np.asarray(file["depth" if "depth" in names else names[0]])
    return np.asarray(np.load(path, allow_pickle=False))
