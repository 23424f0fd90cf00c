"""Reading of the plain files that public datasets are made of, with one clear line for each thing that can be wrong."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from motion_preprocessing.errors import InputError

FASTEST_FPS: Final = 1000.0
SPLIT_NAMES: Final = {"train": "train", "val": "validation", "test": "test"}
"""The public lists' names of the splits, and the project's."""


def read_array(path: Path, width: tuple[int, ...], what: str, min_frames: int = 2) -> NDArray[np.float64]:
    """Read a .npy of (T, *width) finite numbers as float64.

    Raises:
        InputError: The file is missing, no array of numbers (pickled objects are refused), of another shape, shorter
            than `min_frames`, or holds NaN or infinity.
    """
    try:
        with path.open("rb") as file:
            values = np.load(file, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"expected a readable .npy of {what}, got '{_reason(error)}' for {path}; check it") from None
    return check_array(values, width, what, path, min_frames)


def check_array(
    values: Any, width: tuple[int, ...], what: str, path: Path, min_frames: int = 2
) -> NDArray[np.float64]:
    """Check what `read_array` promises of an array that was read already."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiu":
        raise InputError(f"expected numbers as {what}, got {getattr(values, 'dtype', 'no array')} for {path}; check it")
    if values.shape[1:] != width or values.ndim != 1 + len(width):
        wanted = ", ".join(("frames", *map(str, width)))
        raise InputError(f"expected {what} of shape ({wanted}), got {values.shape} for {path}; use another file")
    if len(values) < min_frames:
        raise InputError(f"expected {min_frames} frames or more, got {len(values)} for {path}; leave it out")
    finite = np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if not finite.all():
        frame = int(np.argmin(finite))
        raise InputError(f"expected finite {what}, got NaN or infinity in frame {frame} for {path}; leave it out")
    return values.astype(np.float64)


def check_frame_rate(value: Any, path: Path) -> float:
    """Return a frame rate that a file gives as a number or an array of one.

    Raises:
        InputError: It is missing, no number, or not between 1 and 1000.
    """
    try:
        fps = float(np.asarray(value).reshape(-1)[0])
    except (IndexError, TypeError, ValueError):
        fps = float("nan")
    if not 1 <= fps <= FASTEST_FPS:
        raise InputError(f"expected a frame rate of 1 to {FASTEST_FPS:g}, got {fps:g} for {path}; mend the file")
    return fps


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of a .npz that need no unpickling; the others are left out.

    Raises:
        InputError: The file is missing or no .npz.
    """
    arrays = {}
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            if not isinstance(data, np.lib.npyio.NpzFile):
                raise InputError(f"expected a .npz archive, got a single array for {path}; check the file")
            for name in data.files:
                try:
                    arrays[name] = data[name]
                except ValueError:
                    # An array of Python objects (AMASS stores marker labels so): it would have to be unpickled.
                    continue
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"expected a readable .npz, got '{_reason(error)}' for {path}; check the file") from None
    return arrays


def read_lines(path: Path, what: str) -> list[str]:
    """Read the lines of a text file that are not blank, without the space around them.

    Raises:
        InputError: The file is missing or no UTF-8 text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"expected {what}, got '{_reason(error)}' for {path}; add the file") from None
    return [line for raw in text.splitlines() if (line := raw.strip())]


def read_splits(folders: Sequence[Path], splits: Iterable[str]) -> list[tuple[str, str]]:
    """Read the lists train.txt, val.txt and test.txt.

    Args:
        folders: Where the lists may lie; the first folder that holds one counts.
        splits: Which to read ('train', 'val', 'test'); none takes those that exist.

    Returns:
        (take, split) in the lists' order, the split in the project's words.

    Raises:
        InputError: A split is unknown, its list is missing, or a take is in two splits.
    """
    wanted = list(dict.fromkeys(splits))
    for split in wanted:
        if split not in SPLIT_NAMES:
            raise InputError(f"expected one of {', '.join(SPLIT_NAMES)}, got '{split}' for the split; choose one")
    folder = next((f for f in folders if any((f / f"{split}.txt").is_file() for split in SPLIT_NAMES)), folders[0])
    if not wanted:
        wanted = [split for split in SPLIT_NAMES if (folder / f"{split}.txt").is_file()]
    if not wanted:
        raise InputError(f"expected a list train.txt, val.txt or test.txt, got none for {folder}; check the folder")
    seen: dict[str, str] = {}
    for split in wanted:
        for take in read_lines(folder / f"{split}.txt", "a list of takes"):
            if seen.setdefault(take, split) != split:
                raise InputError(
                    f"expected a take in one split, got '{take}' in {seen[take]} and {split} for {folder}; take it out "
                    "of one of the lists"
                )
    return [(take, SPLIT_NAMES[split]) for take, split in seen.items()]


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
